//! Where the common fields of a sale stand (spec import §4 "two record shapes").

use super::{TimeFormat, not_empty};
use crate::schema;
use harmonia_domain::money::Currency;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, de::Error};
use std::collections::BTreeMap;

/// Where the common fields stand. In JSON an amount may be a number, a text or a typed decimal; the card's digits may
/// be null; everything else is text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// The merchant's id of the sale. Two lines of one id are one sale.
    pub id: IdField,
    /// Which till.
    pub till: TillField,
    /// How much.
    pub amount: AmountField,
    /// In what.
    pub currency: CurrencyField,
    /// The card's auth code.
    pub auth_code: Option<TextField>,
    /// The card's first six digits.
    pub first_six: Option<TextField>,
    /// The card's last four digits.
    pub last_four: Option<TextField>,
    /// When.
    pub time: TimeField,
    /// What the export needs beyond the common fields: its name there, and the column; kept as it is.
    #[serde(default)]
    pub extra: BTreeMap<String, String>,
}

/// How the id of a sale is made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IdField {
    /// A column as it is.
    Column(String),
    /// The SHA-256 of some texts, in lower-case hexadecimal digits.
    Sha256(HashedParts),
}

/// Texts that are hashed together.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HashedParts {
    /// The texts, in their order.
    #[serde(deserialize_with = "not_empty")]
    pub parts: Vec<HashPart>,
    /// What stands between two of them.
    pub joined_by: String,
}

/// One of the texts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HashPart {
    /// The column.
    pub column: String,
    /// How its value becomes a text.
    #[serde(default, rename = "as")]
    pub text: PartText,
}

/// How a value becomes a text (spec import §7.13).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartText {
    /// The text as it is; a value that is no text is refused.
    #[default]
    Text,
    /// A time as `2024-06-18T13:41:07+01:00`: microseconds only if there are any, the offset only if it was written,
    /// `Z` as `+00:00`.
    IsoDatetime,
    /// A number as short as possible (`23.90` is `23.9`); a text and a typed decimal as written.
    Number,
}

/// A column taken as it is, or its first or last characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextField {
    /// The column.
    pub column: String,
    /// Only so many characters of its beginning.
    pub first: Option<u8>,
    /// Only so many characters of its end.
    pub last: Option<u8>,
}

/// How a line names its till.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TillField {
    /// A column with the identifier that the payment schemes use.
    Mid(String),
    /// A column with the merchant's own name of the place; its identifiers are looked up (spec import §6).
    Location(String),
}

/// Columns with amounts, which are added up.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmountField {
    /// The columns.
    #[serde(deserialize_with = "not_empty")]
    pub columns: Vec<String>,
    /// What their numbers count.
    pub unit: AmountUnit,
    /// What stands before the pence or cents.
    #[serde(default = "point")]
    pub decimal: char,
    /// What may stand between groups of three digits; nothing may unless this is given.
    pub thousands: Option<char>,
}

/// What an amount counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AmountUnit {
    /// Pounds, euros: decimal text by D2.
    Major,
    /// Pence, cents: whole numbers.
    Minor,
}

/// The currency of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CurrencyField {
    /// In a column.
    Column(String),
    /// Always the same.
    Constant(#[schemars(schema_with = "schema::currency")] Currency),
}

/// When a sale happened: columns joined by single blanks (spec import §3.2). Of a wall-clock time that autumn has twice
/// the second is meant; one that spring skips moves forward (D16).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeField {
    /// The columns.
    #[serde(deserialize_with = "not_empty")]
    pub columns: Vec<String>,
    /// How they are read: `iso` (a text such as `2024-06-18T13:41:07`, with or without an offset), `typed-datetime`
    /// (JSON only: an object with `__type__` and `__value__`; a text is refused), or a format such as
    /// `DD/MM/YYYY HH:mm:ss` made of YYYY, MM, DD, HH, mm, ss.
    #[serde(deserialize_with = "time_text")]
    #[schemars(with = "String")]
    pub format: TimeText,
    /// Whose clock it is, unless an offset is written with the time. A name such as `Europe/London`.
    #[serde(deserialize_with = "crate::zone::named")]
    #[schemars(with = "String")]
    pub zone: TimeZone,
}

/// How a time is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeText {
    /// ISO-like text (spec import §3.2 a).
    Iso,
    /// A typed value of a JSON message (spec import §3.2 c, §3.5).
    Typed,
    /// Text by a format (spec import §3.2 b).
    Format(TimeFormat),
}

fn point() -> char {
    '.'
}

fn time_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeText, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "iso" => Ok(TimeText::Iso),
        "typed-datetime" => Ok(TimeText::Typed),
        format => format.parse().map(TimeText::Format).map_err(D::Error::custom),
    }
}
