//! How a merchant's till lines look: the `[feed]` part of a definition (spec import §3.3, §3.5, §7.9-7.15).
//!
//! One vocabulary for all formats: a *column* is the name of a CSV column, a path into a JSON object
//! (`metadata.AccountID`), or the name of a fixed-width column. What can be decided while reading the definition
//! (zones, time formats, currencies, empty lists) is decided here, so that the reader of a feed meets no definition
//! that it cannot follow.

mod fields;
mod filters;
mod scheme;
mod time_format;

pub use fields::{
    AmountField, AmountUnit, CurrencyField, Fields, HashPart, HashedParts, IdField, PartText, TextField, TillField,
    TimeField, TimeText,
};
pub use filters::{CellCheck, Check, Skip};
pub use scheme::{Compare, SchemeRule};
pub use time_format::{TimeFormat, TimeFormatError, TimePart};

use crate::schema;
use harmonia_domain::feed::Transport;
use serde::{Deserialize, Deserializer, de::Error};

/// A merchant's feed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MerchantFeed {
    /// How it arrives: `file`, or `message` (one line each).
    #[schemars(schema_with = "schema::transport")]
    pub transport: Transport,
    /// What the bytes are.
    pub format: Format,
    /// How the characters of a file are written. A file that starts with the mark of another encoding is read by that.
    #[serde(default)]
    pub encoding: Encoding,
    /// A file without records is told as an alarm (D22).
    #[serde(default)]
    pub not_empty: bool,
    /// Filters, in their order; they come before everything else (D2).
    #[serde(default)]
    pub skip: Vec<Skip>,
    /// Which payment scheme a card belongs to. Lines of no known scheme are left out.
    pub scheme: SchemeRule,
    /// Columns that nobody reads but that show a broken line.
    #[serde(default)]
    pub check: Vec<CellCheck>,
    /// Where the common fields stand.
    pub fields: Fields,
}

/// The formats that are built in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Values between delimiters, one record a line, line breaks allowed inside quotes (spec import §3.3).
    Csv(Csv),
    /// One JSON object a message.
    Json,
    /// One JSON object a line.
    JsonLines,
    /// Columns at fixed places of a line.
    FixedWidth(FixedWidth),
}

/// How a CSV is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Csv {
    /// What stands between two values: one ASCII character.
    #[serde(default = "comma", deserialize_with = "ascii")]
    #[schemars(schema_with = "schema::ascii")]
    pub delimiter: u8,
    /// What stands around a value that contains a delimiter, a line break or, doubled, itself: one ASCII character.
    #[serde(default = "double_quote", deserialize_with = "ascii")]
    #[schemars(schema_with = "schema::ascii")]
    pub quote: u8,
    /// The columns in their order, if the file has no header. Otherwise the first line is the header.
    #[serde(default, deserialize_with = "not_empty")]
    pub columns: Vec<String>,
}

/// How a fixed-width file is laid out. Values are trimmed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedWidth {
    /// So many first lines are discarded, whatever they say.
    #[serde(default)]
    pub discard_lines: u16,
    /// Only lines that start with one of these are records. None given: every line that is not blank.
    #[serde(default, deserialize_with = "not_empty")]
    pub records_start_with: Vec<String>,
    /// The columns that are read.
    #[serde(deserialize_with = "not_empty")]
    pub columns: Vec<FixedColumn>,
}

/// A column of a fixed-width file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedColumn {
    /// What fields call it.
    pub name: String,
    /// The place of its first character, from 1.
    #[schemars(range(min = 1))]
    pub start: u16,
    /// How many characters it has.
    #[schemars(range(min = 1))]
    pub length: u16,
}

/// How characters are written as bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// What most systems write.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// ISO 8859-1: one byte a character.
    #[serde(rename = "latin-1")]
    Latin1,
}

fn comma() -> u8 {
    b','
}

fn double_quote() -> u8 {
    b'"'
}

fn ascii<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Ok(*byte),
        _ => Err(D::Error::custom("not one ASCII character, or a line break")),
    }
}

/// A list that says something: an empty one is a mistake, for it is the same as none.
pub(crate) fn not_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let list = Vec::<T>::deserialize(deserializer)?;
    if list.is_empty() { Err(D::Error::custom("the list is empty")) } else { Ok(list) }
}
