//! Rows of the table `registry`: identifiers, identities and the second user directory (state.md items M, ML, MU, I).

use crate::store::{Row, days_after};
use harmonia_domain::{
    card::TokenHash,
    control::Control,
    feed::{Scheme, Slug},
    identifier::{Identifier, IdentifierType, LocationIdentifier},
    identity::Identity,
    ids::Id,
};
use harmonia_ports::{Key, Table};
use jiff::Timestamp;

/// Notes of what was seen live so long: as the payments (design §4, horizon).
const SEEN_DAYS: i64 = 400;

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

/// The key of how a merchant is told at present (state.md item C).
pub fn control_key(merchant: &Slug) -> Key {
    Key::new(format!("C#{merchant}"), "export")
}

impl Row for Control {
    const TABLE: Table = Table::Registry;

    fn key(&self) -> Key {
        control_key(&self.merchant)
    }

    /// A pause stays until somebody ends it.
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

/// How often an identifier is seen on payment lines. Beside the identifier, so that counting does not change it; the
/// figures are good for "is it alive", not for accounts: they are written once an hour and process at most, what a
/// process has not written when it ends is lost, and redelivered lines count again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IdentifierSeen {
    /// The payment scheme that uses it.
    pub scheme: Scheme,
    /// Its type.
    #[serde(rename = "ty")]
    pub kind: IdentifierType,
    /// Its text.
    pub text: String,
    /// The first line's import.
    pub first: Timestamp,
    /// The latest line's import, at most an hour old news.
    pub last: Timestamp,
    /// How many lines, about.
    pub lines: u64,
}

impl IdentifierSeen {
    /// The partition of an identifier text.
    pub fn pk(scheme: Scheme, text: &str) -> String {
        format!("MH#{scheme}#{text}")
    }
}

impl Row for IdentifierSeen {
    const TABLE: Table = Table::Registry;

    fn key(&self) -> Key {
        Key::new(Self::pk(self.scheme, &self.text), self.kind.as_str())
    }

    /// An identifier that is not seen for so long is forgotten as if it was never seen.
    fn expires(&self) -> Timestamp {
        days_after(self.last, SEEN_DAYS)
    }
}

/// An identifier on payment lines that nobody has onboarded (state.md item MU).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UnknownIdentifier {
    /// The payment scheme that uses it.
    pub scheme: Scheme,
    /// Its type.
    #[serde(rename = "ty")]
    pub kind: IdentifierType,
    /// Its text.
    pub text: String,
    /// The first line's import.
    pub first: Timestamp,
}

impl UnknownIdentifier {
    /// The partition of a payment scheme's unknown identifiers.
    pub fn pk(scheme: Scheme) -> String {
        format!("MU#{scheme}")
    }

    /// The key of one.
    pub fn key_of(scheme: Scheme, kind: IdentifierType, text: &str) -> Key {
        Key::new(Self::pk(scheme), format!("{kind}#{text}"))
    }
}

impl Row for UnknownIdentifier {
    const TABLE: Table = Table::Registry;

    fn key(&self) -> Key {
        Self::key_of(self.scheme, self.kind, &self.text)
    }

    fn expires(&self) -> Timestamp {
        days_after(self.first, SEEN_DAYS)
    }
}

/// An answer of the user directory, kept under its content.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct StoredIdentity(pub Identity);

impl StoredIdentity {
    /// The key of an answer.
    pub fn key_of(merchant: &Slug, token: &TokenHash, id: &Id) -> Key {
        Key::new(identities_pk(merchant, token), id.as_str())
    }
}

fn identities_pk(merchant: &Slug, token: &TokenHash) -> String {
    format!("I#{merchant}#{}", token.0)
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

/// The newest answer for a card at a merchant, and how often the card was linked or unlinked (state.md item I, `NOW`).
/// Written when the answer is another one than before, and by linking; not each time the directory is asked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct NewestIdentity {
    /// The merchant.
    #[serde(rename = "m")]
    pub merchant: Slug,
    /// The card.
    #[serde(rename = "th")]
    pub token: TokenHash,
    /// The answer; none after a link or unlink until the directory is asked again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub newest: Option<Id>,
    /// When that answer was new.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<Timestamp>,
    /// Links and unlinks so far: what was answered under another number is out of date.
    pub links: u64,
    /// The last of them.
    #[serde(rename = "la", skip_serializing_if = "Option::is_none", default)]
    pub linked_at: Option<Timestamp>,
}

impl NewestIdentity {
    /// Sort key beside the answers.
    const SK: &str = "NOW";

    /// Where it is.
    pub fn key_of(merchant: &Slug, token: &TokenHash) -> Key {
        Key::new(identities_pk(merchant, token), Self::SK)
    }

    /// A card that was neither asked about nor linked.
    pub fn none(merchant: Slug, token: TokenHash) -> Self {
        Self { merchant, token, newest: None, at: None, links: 0, linked_at: None }
    }

    /// Whether a key of an identity's partition is this row's.
    pub fn is_key(key: &Key) -> bool {
        key.sk == Self::SK
    }
}

impl Row for NewestIdentity {
    const TABLE: Table = Table::Registry;

    fn key(&self) -> Key {
        Self::key_of(&self.merchant, &self.token)
    }

    /// As the answers themselves.
    fn expires(&self) -> Timestamp {
        Timestamp::MAX
    }
}

/// A line of the second user directory, for those who have no service to ask: what such a service would answer.
/// The token is here as its keyed hash only.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DirectoryUser {
    /// The merchant.
    #[serde(rename = "m")]
    pub merchant: Slug,
    /// The card.
    #[serde(rename = "th")]
    pub token: TokenHash,
    /// The member's loyalty id.
    #[serde(rename = "lid")]
    pub loyalty_id: String,
    /// The member's account at the merchant.
    #[serde(rename = "said")]
    pub scheme_account_id: i64,
    /// The member.
    #[serde(rename = "uid")]
    pub user_id: i64,
    /// Encrypted as the directory would (spec match §12.2); may be empty.
    #[serde(rename = "cred")]
    pub credentials: String,
    /// First six and last four digits; none: "no card information".
    #[serde(rename = "card", skip_serializing_if = "Option::is_none", default)]
    pub digits: Option<(String, String)>,
    /// Month of expiry.
    #[serde(rename = "em", skip_serializing_if = "Option::is_none", default)]
    pub expiry_month: Option<i64>,
    /// Year of expiry.
    #[serde(rename = "ey", skip_serializing_if = "Option::is_none", default)]
    pub expiry_year: Option<i64>,
    /// The card's account, if known.
    #[serde(rename = "pcid", skip_serializing_if = "Option::is_none", default)]
    pub payment_card_account_id: Option<i64>,
}

impl DirectoryUser {
    /// Where the line of a card is.
    pub fn key_of(merchant: &Slug, token: &TokenHash) -> Key {
        Key::new(format!("U#{merchant}"), &token.0)
    }
}

impl Row for DirectoryUser {
    const TABLE: Table = Table::Registry;

    fn key(&self) -> Key {
        Self::key_of(&self.merchant, &self.token)
    }

    /// Until it is unlinked.
    fn expires(&self) -> Timestamp {
        Timestamp::MAX
    }
}
