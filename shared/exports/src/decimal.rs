//! Decimal numbers as merchants write and read them, without floating point (spec match §9.4, §9.9, §9.10, §18).

use harmonia_domain::money::MinorUnits;
use serde_json::Value;

/// Hundredths of a whole.
const HUNDRED: i64 = 100;

/// Pounds with as few digits as possible: `55.66`, `55.5`, `55`.
pub(crate) fn pounds(amount: MinorUnits) -> String {
    let sign = if amount.0 < 0 { "-" } else { "" };
    let minor = amount.0.unsigned_abs();
    let text = format!("{sign}{}.{:02}", minor / 100, minor % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Pounds as Python writes a float: `12.34`, `55.0`.
pub(crate) fn float(amount: MinorUnits) -> String {
    let text = pounds(amount);
    if text.contains('.') { text } else { format!("{text}.0") }
}

/// A decimal number to its second digit; further ones are cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    /// Without sign.
    hundredths: i64,
    negative: bool,
}

impl Decimal {
    /// Optional sign, digits, optionally a point and digits; blanks around allowed. `None`: not such a number.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let cents: String = fraction.chars().chain("00".chars()).take(2).collect();
        format!("0{whole}{cents}").parse().ok().map(|hundredths| Self { hundredths, negative })
    }

    /// A JSON number, or a text that is one.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::read(text),
            Value::Number(number) => Self::read(&number.to_string()),
            _ => None,
        }
    }

    /// As many hundredths.
    pub(crate) fn hundredths(self) -> i64 {
        self.signed(self.hundredths)
    }

    /// Without the fraction.
    pub(crate) fn truncated(self) -> i64 {
        self.signed(self.hundredths / HUNDRED)
    }

    /// The nearest whole number; halves go away from zero.
    pub(crate) fn rounded(self) -> i64 {
        let up = i64::from(self.hundredths % HUNDRED >= HUNDRED / 2);
        self.signed((self.hundredths / HUNDRED).saturating_add(up))
    }

    fn signed(self, number: i64) -> i64 {
        if self.negative { number.saturating_neg() } else { number }
    }
}
