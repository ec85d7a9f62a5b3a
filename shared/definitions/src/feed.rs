//! How a merchant's till lines look: the `[feed]` part of a definition (spec import §3.3, §7.9-7.15).
//!
//! The types say only what the shipped feeds need: a CSV with a header, filters, checks and a column for each common
//! field. What can be decided while reading the definition (zones, time formats, currencies, empty lists) is decided
//! here, so that the reader of a feed meets no definition that it cannot follow.

mod time_format;

pub use time_format::{TimeFormat, TimeFormatError, TimePart};

use harmonia_domain::{
    feed::{Scheme, Transport},
    money::Currency,
};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Deserializer, de::Error};

/// A merchant's feed of CSV files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvFeed {
    /// How it arrives.
    pub transport: Transport,
    /// What the bytes are.
    pub format: Format,
    /// Filters, in their order; they come before everything else (D2).
    #[serde(default)]
    pub skip: Vec<Skip>,
    /// Which payment scheme a card belongs to.
    pub scheme: SchemeColumn,
    /// Columns that nobody reads but that show a broken row.
    #[serde(default)]
    pub check: Vec<CellCheck>,
    /// Where the common fields stand.
    pub fields: Fields,
}

/// The formats that are built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated with a header (spec import §3.3).
    Csv,
}

/// Rows left out on purpose. At least one of the two lists is given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    /// Counted and reported by this name.
    pub reason: String,
    /// The column that decides.
    pub column: String,
    /// Skip the row if the column is one of these …
    #[serde(default, deserialize_with = "not_empty")]
    pub if_in: Vec<String>,
    /// … or if it is none of these.
    #[serde(default, deserialize_with = "not_empty")]
    pub unless_in: Vec<String>,
    /// Compare without regard to ASCII case.
    #[serde(default)]
    pub ignore_case: bool,
}

impl Skip {
    /// Is a row with this value left out? `None`: the row is too short to have the column.
    pub fn applies(&self, value: Option<&str>) -> bool {
        let equal = |one: &String, other: &str| {
            if self.ignore_case { one.eq_ignore_ascii_case(other) } else { one == other }
        };
        let within = |list: &[String]| value.is_some_and(|v| list.iter().any(|one| equal(one, v)));
        within(&self.if_in) || !(self.unless_in.is_empty() || within(&self.unless_in))
    }
}

/// The column that names the card, and what its texts mean, exactly as written. A scheme may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the lists are named after the payment schemes")]
pub struct SchemeColumn {
    /// The column.
    pub column: String,
    #[serde(default, deserialize_with = "not_empty")]
    pub amex: Vec<String>,
    #[serde(default, deserialize_with = "not_empty")]
    pub visa: Vec<String>,
    #[serde(default, deserialize_with = "not_empty")]
    pub mastercard: Vec<String>,
}

impl SchemeColumn {
    /// The texts that mean a payment scheme.
    pub fn texts(&self, scheme: Scheme) -> &[String] {
        match scheme {
            Scheme::Visa => &self.visa,
            Scheme::Mastercard => &self.mastercard,
            Scheme::Amex => &self.amex,
        }
    }

    /// The payment scheme that a text means.
    pub fn scheme(&self, text: &str) -> Option<Scheme> {
        Scheme::ALL.into_iter().find(|scheme| self.texts(*scheme).iter().any(|one| one == text))
    }
}

/// A column whose value must be of a kind, though nobody uses it (spec import §7.10 "row transforms").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellCheck {
    /// The column.
    pub column: String,
    /// What it must be.
    pub is: Check,
}

/// Kinds of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Check {
    /// Optional sign and digits.
    Integer,
    /// A decimal number, `.00` and `1e2` included.
    Decimal,
}

/// Where the common fields stand (spec import §4 "two record shapes").
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// The merchant's id of the sale.
    pub id: TextField,
    /// The till's identifier.
    pub mid: TextField,
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
}

/// A column taken as it is, or its first or last characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextField {
    /// The column.
    pub column: String,
    /// Only so many characters of its beginning.
    pub first: Option<u8>,
    /// Only so many characters of its end.
    pub last: Option<u8>,
}

/// A column with an amount.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmountField {
    /// The column.
    pub column: String,
    /// What its numbers count.
    pub unit: AmountUnit,
}

/// What an amount counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AmountUnit {
    /// Pounds, euros: decimal text by D2.
    Major,
}

/// The currency of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CurrencyField {
    /// In a column.
    Column(String),
    /// Always the same.
    Constant(Currency),
}

/// Wall-clock time: columns joined by single blanks, read by the format, in the zone (spec import §3.2 b).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeField {
    /// The columns.
    #[serde(deserialize_with = "not_empty")]
    pub columns: Vec<String>,
    /// How the joined text is read.
    #[serde(deserialize_with = "from_text")]
    pub format: TimeFormat,
    /// Whose clock it is.
    #[serde(deserialize_with = "zone")]
    pub zone: TimeZone,
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeFormat, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// A zone of the time zone database that is built in, whatever the machine has.
fn zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
    let name = String::deserialize(deserializer)?;
    TimeZoneDatabase::bundled().get(&name).map_err(|_| D::Error::custom(format!("no time zone is called {name:?}")))
}

fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let list = Vec::<String>::deserialize(deserializer)?;
    if list.is_empty() { Err(D::Error::custom("the list is empty")) } else { Ok(list) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(if_in: &[&str], unless_in: &[&str], ignore_case: bool) -> Skip {
        let list = |texts: &[&str]| texts.iter().map(|&t| t.to_owned()).collect();
        let (if_in, unless_in) = (list(if_in), list(unless_in));
        Skip { reason: "r".into(), column: "c".into(), if_in, unless_in, ignore_case }
    }

    /// Spec import §7.10: `decline` in any case, exact otherwise, blanks not trimmed (Q39).
    #[test]
    fn filters_compare_whole_values() {
        let declined = skip(&["decline"], &[], true);
        assert!(declined.applies(Some("DECLINE")));
        assert!(!declined.applies(Some(" decline")) && !declined.applies(Some("")) && !declined.applies(None));
        let known = skip(&[], &["Visa"], false);
        assert!(known.applies(Some("visa")) && known.applies(Some("")) && known.applies(None));
        assert!(!known.applies(Some("Visa")));
    }
}
