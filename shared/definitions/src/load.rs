//! Reading definitions. A definition that loads can be followed: what is wrong is told with file, line, key and
//! reason, because the reader is a person at a merchant's onboarding.

mod check;
mod place;

use crate::Definition;
use harmonia_domain::feed::{Feed, PaymentFeed, Slug, Transport};
use std::collections::BTreeMap;

/// What is wrong with a definition, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {key}: {reason}")]
pub struct DefinitionError {
    /// The file.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
    /// The key, e.g. `export.retry.1.at`; the name of the whole if no key is at fault.
    pub key: String,
    /// What is wrong.
    pub reason: String,
}

/// An environment's address of a merchant that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("address of {merchant}: {reason}")]
pub struct AddressError {
    /// Whose.
    pub merchant: Slug,
    /// What is wrong; never the address, which may hold a password.
    pub reason: String,
}

/// Longest definition: twenty times the longest of the original's merchants.
pub const DEFINITION_BYTES_MAX: usize = 64 * 1024;

impl Definition {
    /// Reads and checks a definition. `file_name` is what errors call it.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, DefinitionError> {
        let error = |(line, key): (usize, String), reason: String| DefinitionError {
            file: file_name.to_owned(),
            line,
            key,
            reason,
        };
        if text.len() > DEFINITION_BYTES_MAX {
            let reason = format!("{} bytes, more than {DEFINITION_BYTES_MAX}", text.len());
            return Err(error((1, "definition".to_owned()), reason));
        }
        let definition: Self = toml::from_str(text).map_err(|e| {
            let at = e.span().map_or(0, |span| span.start);
            error(place::of_offset(text, at), e.message().to_owned())
        })?;
        match check::first_problem(&definition) {
            None => Ok(definition),
            Some(problem) => Err(error((place::line_of_key(text, &problem.key), problem.key), problem.reason)),
        }
    }
}

/// The definitions in force, by merchant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definitions(BTreeMap<Slug, Definition>);

/// The definitions shipped with the product, all in `merchants/`: file name and text.
pub(crate) const SHIPPED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

impl Definitions {
    /// The definitions shipped with the product.
    pub fn shipped() -> Result<Self, DefinitionError> {
        SHIPPED.iter().try_fold(Self::default(), |all, (file_name, text)| {
            Definition::from_toml(text, file_name).map(|definition| all.with(definition))
        })
    }

    /// These, with one more or another one for its merchant.
    #[must_use]
    pub fn with(mut self, definition: Definition) -> Self {
        self.0.insert(definition.merchant.clone(), definition);
        self
    }

    /// These, with an environment's own addresses in the place of the definitions': base URLs, and the second ones of
    /// protocols that have two. A name that nobody is told under is refused: it is a misspelling, and the merchant
    /// that was meant would be told at its real address.
    pub fn addressed(
        self,
        base_urls: &BTreeMap<Slug, String>,
        second_urls: &BTreeMap<Slug, String>,
    ) -> Result<Self, AddressError> {
        let base = base_urls.iter().map(|(merchant, url)| (merchant, url, false));
        let second = second_urls.iter().map(|(merchant, url)| (merchant, url, true));
        base.chain(second).try_fold(self, |all, (merchant, url, is_second)| {
            let error = |reason: String| AddressError { merchant: merchant.clone(), reason };
            let mut definition = all.get(merchant).cloned().ok_or_else(|| error("no such merchant".to_owned()))?;
            let export = definition.export.as_mut().ok_or_else(|| error("it is not told".to_owned()))?;
            let place = if is_second { export.protocol.second_url() } else { Some(&mut export.base_url) };
            place.ok_or_else(|| error("it has no second address".to_owned()))?.clone_from(url);
            match check::first_problem(&definition) {
                None => Ok(all.with(definition)),
                Some(problem) => Err(error(problem.reason)),
            }
        })
    }

    /// The definition of a merchant.
    pub fn get(&self, merchant: &Slug) -> Option<&Definition> {
        self.0.get(merchant)
    }

    /// How a feed arrives. One that nobody has defined comes as files: a partner sees in the file log what is wrong.
    pub fn transport(&self, feed: &Feed) -> Transport {
        match feed {
            Feed::Payment(feed) => feed.transport(),
            Feed::Merchant(slug) => {
                self.get(slug).and_then(|d| d.feed.as_ref()).map_or(Transport::File, |feed| feed.transport)
            }
        }
    }

    /// Every feed: the payment schemes', then the merchants' own.
    pub fn feeds(&self) -> impl Iterator<Item = Feed> {
        let merchants = self.iter().filter(|d| d.feed.is_some()).map(|d| Feed::Merchant(d.merchant.clone()));
        PaymentFeed::ALL.into_iter().map(Feed::Payment).chain(merchants)
    }

    /// The feeds that come as files, result files among them.
    pub fn file_feeds(&self) -> impl Iterator<Item = Feed> {
        let results = self.iter().filter(|d| d.results.is_some()).map(|d| Feed::Merchant(d.merchant.clone()));
        self.feeds().filter(|feed| self.transport(feed) == Transport::File).chain(results)
    }

    /// The feeds that come as messages.
    pub fn message_feeds(&self) -> impl Iterator<Item = Feed> {
        self.feeds().filter(|feed| self.transport(feed) == Transport::Message)
    }

    /// All of them, in the order of their slugs.
    pub fn iter(&self) -> impl Iterator<Item = &Definition> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests;
