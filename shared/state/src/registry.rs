//! Rows of the table `registry`: identifiers and identities (state.md items M, I).

use crate::store::Row;
use harmonia_domain::{
    card::TokenHash,
    feed::{Scheme, Slug},
    identifier::{Identifier, LocationIdentifier},
    identity::Identity,
    ids::Id,
};
use harmonia_ports::{Key, Table};
use jiff::Timestamp;

/// The partition of an identifier text: all its types in one read (finds two merchants that claim one text).
pub fn identifier_pk(scheme: Scheme, text: &str) -> String {
    format!("M#{scheme}#{text}")
}

impl Row for Identifier {
    const TABLE: Table = Table::Registry;

    fn key(&self) -> Key {
        Key::new(identifier_pk(self.scheme, &self.text), self.kind.as_str())
    }

    /// Identifiers do not expire.
    fn expires(&self) -> Timestamp {
        Timestamp::MAX
    }
}

/// The partition of a merchant's locations.
pub fn locations_pk(merchant: &Slug) -> String {
    format!("ML#{merchant}")
}

impl Row for LocationIdentifier {
    const TABLE: Table = Table::Registry;

    fn key(&self) -> Key {
        let sk = format!("{}#{}#{}#{}", self.location_id, self.scheme, self.kind, self.text);
        Key::new(locations_pk(&self.merchant), sk)
    }

    /// As the identifier itself.
    fn expires(&self) -> Timestamp {
        Timestamp::MAX
    }
}

/// An answer of the user directory, kept under its content.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct StoredIdentity(pub Identity);

impl StoredIdentity {
    /// The key of an answer.
    pub fn key_of(merchant: &Slug, token: &TokenHash, id: &Id) -> Key {
        Key::new(format!("I#{merchant}#{}", token.0), id.as_str())
    }
}

impl Row for StoredIdentity {
    const TABLE: Table = Table::Registry;

    fn key(&self) -> Key {
        Self::key_of(&self.0.merchant, &self.0.token, &self.0.id())
    }

    /// Kept as long as exports may point to it: until it is forgotten by a person.
    fn expires(&self) -> Timestamp {
        Timestamp::MAX
    }
}
