//! Lines as the feeds read them, before anything is stored (spec import §4 "two record shapes").

use crate::{
    feed::{Kind, Scheme},
    identifier::MidTexts,
    money::{Currency, MinorUnits},
};
use jiff::{Timestamp, civil};
use secrecy::SecretString;

/// When a payment happened, as far as its feed can say before its merchant is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineTime {
    /// The feed fixes the zone, or the text carried an offset.
    Instant(Timestamp),
    /// Wall-clock time in the merchant's zone for this feed (visa-auth, spec import §3.2).
    Wall(civil::DateTime),
}

/// A payment line (auth, settled, refund), normalised.
#[derive(Debug, Clone)]
pub struct PaymentLine {
    /// Which payment scheme saw it.
    pub scheme: Scheme,
    /// What it says.
    pub kind: Kind,
    /// The provider's transaction id by the feed's recipe (spec import §7), or the derived one (D6).
    pub id: String,
    /// Joins auth, settlement and refund of one purchase.
    pub settlement_key: String,
    /// The identifier texts it carries.
    pub mids: MidTexts,
    /// When it happened.
    pub time: LineTime,
    /// How much, signed.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// The card.
    pub token: SecretString,
    /// First six digits, if the feed gives them (Amex settlements).
    pub first_six: Option<String>,
    /// Last four digits, if the feed gives them.
    pub last_four: Option<String>,
    /// Empty if there is none.
    pub auth_code: String,
    /// Empty if there is none.
    pub approval_code: String,
}

/// How a sale names its till.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Till {
    /// By what the payment scheme calls it.
    Mid(String),
    /// By the merchant's own name of the place; its identifiers are looked up (spec import §6, location map).
    Location(String),
}

/// A sale from a merchant's till, normalised by the merchant's definition.
#[derive(Debug, Clone, PartialEq)]
pub struct SaleLine {
    /// The card's payment scheme.
    pub scheme: Scheme,
    /// The merchant's id of the sale by the definition's recipe; a blank id is an id (D6).
    pub id: String,
    /// Which till.
    pub till: Till,
    /// When it happened.
    pub at: Timestamp,
    /// How much, signed.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// Empty if there is none.
    pub auth_code: String,
    /// As the till wrote it, at most six characters.
    pub first_six: Option<String>,
    /// As the till wrote it, at most four characters.
    pub last_four: Option<String>,
    /// What the export needs beyond the common fields.
    pub extra: Option<serde_json::Value>,
}
