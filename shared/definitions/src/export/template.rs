//! Texts with facts in them: `/members/{loyalty-id}/purchases`.

use super::Fact;
use serde::Deserialize;
use std::str::FromStr;

/// A text in which `{id}` and other facts by their names are filled in; those that need no more than their name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(Vec<TemplatePart>);

/// A part of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePart {
    /// As it is.
    Text(String),
    /// Filled in.
    Fact {
        /// What stands in the braces.
        name: String,
        /// What it means.
        fact: Fact,
    },
}

/// A text that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A brace without the other.
    #[error("a brace without the other one")]
    Brace,
    /// No fact, or one that needs more than its name.
    #[error("{{{name}}} cannot be filled in: {reason}")]
    Fact {
        /// What stands in the braces.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Template {
    /// The parts in their order.
    pub fn parts(&self) -> &[TemplatePart] {
        &self.0
    }

    /// The facts.
    pub(crate) fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.0.iter().filter_map(|part| match part {
            TemplatePart::Fact { fact, .. } => Some(fact),
            TemplatePart::Text(_) => None,
        })
    }

    /// The texts between the facts.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            TemplatePart::Text(text) => Some(text.as_str()),
            TemplatePart::Fact { .. } => None,
        })
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}').ok_or(TemplateError::Brace)?;
            parts.push(plain(before)?);
            parts.push(TemplatePart::Fact { name: name.to_owned(), fact: fact(name)? });
            rest = tail;
        }
        parts.push(plain(rest)?);
        parts.retain(|part| !matches!(part, TemplatePart::Text(text) if text.is_empty()));
        Ok(Self(parts))
    }
}

fn plain(text: &str) -> Result<TemplatePart, TemplateError> {
    if text.contains('}') { Err(TemplateError::Brace) } else { Ok(TemplatePart::Text(text.to_owned())) }
}

fn fact(name: &str) -> Result<Fact, TemplateError> {
    let error = |e: serde_json::Error| TemplateError::Fact { name: name.to_owned(), reason: e.to_string() };
    Fact::deserialize(serde_json::json!({ "fact": name })).map_err(error)
}

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, TemplateError> {
        text.parse()
    }
}
