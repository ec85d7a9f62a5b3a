//! What a merchant's answers mean, as data.

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};
use std::fmt;

/// What an answer means. All that is given has to fit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerRule {
    /// Statuses, `404`, and classes, `"4xx"`; any unless given. Only 2xx and 4xx but 429: all others are not now,
    /// whatever they say (D8).
    #[serde(default)]
    pub status: Vec<AnswerStatus>,
    /// A JSON pointer into the answer, e.g. `/error/code` …
    pub member: Option<String>,
    /// … whose value is one of these: a text with letters in any case, or a number or truth value as JSON writes it.
    /// Without: it is there and not null. An answer that is no JSON at all is not now (D8).
    #[serde(default)]
    pub is: Vec<String>,
    /// What it means.
    pub means: Meaning,
}

/// What an answer may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// The merchant has it.
    Delivered,
    /// The merchant had it before: delivered if we told it, else skipped.
    AlreadyKnown,
    /// The schedule goes on.
    NotNow,
    /// Given up, listed.
    Failed,
}

/// Statuses from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerStatus {
    from: u16,
    to: u16,
}

impl AnswerStatus {
    /// Is it one of these?
    pub fn fits(self, status: u16) -> bool {
        (self.from..=self.to).contains(&status)
    }
}

impl<'de> Deserialize<'de> for AnswerStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl Visitor<'_> for Reader {
    type Value = AnswerStatus;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status such as 404 or \"4xx\", of 2xx or 4xx and not 429")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<AnswerStatus, E> {
        match u16::try_from(number) {
            Ok(status @ (200..=299 | 400..=428 | 430..=499)) => Ok(AnswerStatus { from: status, to: status }),
            _ => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AnswerStatus, E> {
        match text {
            "2xx" => Ok(AnswerStatus { from: 200, to: 299 }),
            "4xx" => Ok(AnswerStatus { from: 400, to: 499 }),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

impl schemars::JsonSchema for AnswerStatus {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "AnswerStatus".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A status such as 404 or \"4xx\"",
            "anyOf": [
                { "enum": ["2xx", "4xx"] },
                { "type": "integer", "minimum": 200, "maximum": 299 },
                { "type": "integer", "minimum": 400, "maximum": 499, "not": { "const": 429 } },
            ],
        })
    }
}
