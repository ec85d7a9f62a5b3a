//! Money: integer minor units with a currency. No floats, no rounding (decisions D2, D23).

use std::fmt;

/// Pence, cents: the smallest unit of the currency; negative for refunds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct MinorUnits(pub i64);

/// Largest amount either way: the original's tables hold 32-bit integers (spec import §2.3), and no purchase is larger.
pub const AMOUNT_MINOR_MAX: i64 = 2_147_483_647;

/// Why a text is not an amount. Carries no part of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Nothing but blanks.
    #[error("empty")]
    Empty,
    /// Not: optional sign, digits, optionally a point and one or two digits.
    #[error("not an amount such as 12.34")]
    Malformed,
    /// Above [`AMOUNT_MINOR_MAX`].
    #[error("amount too large")]
    TooLarge,
}

impl MinorUnits {
    /// The difference; `None` if there is no such amount.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// As much the other way; the lowest amount of all has none and becomes the highest.
    #[must_use]
    pub fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// Reads pounds as decimal text (D2): optional sign, digits, optionally a point and one or two digits, blanks
    /// around allowed. `.50`, `5.`, `1e2`, `1,234.50` and `10.999` are refused.
    pub fn from_major_text(text: &str) -> Result<Self, AmountError> {
        let text = text.trim();
        let (negative, digits) = split_sign(text);
        let (whole, fraction) = match digits.split_once('.') {
            None => (digits, "00".to_owned()),
            Some((_, fraction)) if fraction.is_empty() || fraction.len() > 2 => return Err(AmountError::Malformed),
            Some((whole, fraction)) => (whole, format!("{fraction:0<2}")),
        };
        if text.is_empty() {
            return Err(AmountError::Empty);
        }
        Self::from_digits(negative, whole, &fraction)
    }

    /// Reads minor units as text: optional sign and digits, blanks around allowed (TGX2, spec import §7.7).
    pub fn from_minor_text(text: &str) -> Result<Self, AmountError> {
        let text = text.trim();
        let (negative, digits) = split_sign(text);
        if text.is_empty() {
            return Err(AmountError::Empty);
        }
        Self::from_digits(negative, digits, "")
    }

    /// Money given back: never positive, whatever sign the feed writes (D3).
    #[must_use]
    pub fn refund(self) -> Self {
        Self(-self.0.abs())
    }

    fn from_digits(negative: bool, whole: &str, fraction: &str) -> Result<Self, AmountError> {
        let all_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(AmountError::Malformed);
        }
        let shifted = |sum: i64, digit: u8| sum.checked_mul(10)?.checked_add(i64::from(digit - b'0'));
        let minor = whole.bytes().chain(fraction.bytes()).try_fold(0, shifted).ok_or(AmountError::TooLarge)?;
        if minor > AMOUNT_MINOR_MAX {
            return Err(AmountError::TooLarge);
        }
        Ok(Self(if negative { -minor } else { minor }))
    }
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// An ISO 4217 currency, three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// A text that names no currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ISO 4217 currency")]
pub struct CurrencyError;

impl Currency {
    /// Pounds sterling: what most payment feeds mean without saying so (spec import §7).
    pub const GBP: Self = Self(*b"GBP");

    /// Reads letters in any case or one of the numeric codes that feeds use, normalised to letters (D23).
    pub fn parse(text: &str) -> Result<Self, CurrencyError> {
        match text.trim() {
            "826" => Ok(Self(*b"GBP")),
            "978" => Ok(Self(*b"EUR")),
            "840" => Ok(Self(*b"USD")),
            letters => {
                let mut code: [u8; 3] = letters.as_bytes().try_into().map_err(|_| CurrencyError)?;
                code.make_ascii_uppercase();
                if code.iter().all(u8::is_ascii_uppercase) { Ok(Self(code)) } else { Err(CurrencyError) }
            }
        }
    }

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyError;

    fn try_from(text: String) -> Result<Self, CurrencyError> {
        Self::parse(&text)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// D2: what is and what is not an amount.
    #[test]
    fn amounts_by_decision_d2() {
        let read = MinorUnits::from_major_text;
        for (text, minor) in
            [("23.45", 2345), (" 10.00 ", 1000), ("-1.5", -150), ("+7", 700), ("0", 0), ("96", 9600), ("100.0", 10_000)]
        {
            assert_eq!(read(text), Ok(MinorUnits(minor)), "{text}");
        }
        for text in [".50", "5.", "1e2", "1,234.50", "10.999", "abc", "--1", "£5", "1 0", "NaN", "-", "1_0"] {
            assert_eq!(read(text), Err(AmountError::Malformed), "{text}");
        }
        assert_eq!(read("  "), Err(AmountError::Empty));
        assert_eq!(read("21474836.47"), Ok(MinorUnits(AMOUNT_MINOR_MAX)));
        assert_eq!(read("21474836.48"), Err(AmountError::TooLarge));
        assert_eq!(read("99999999999999999999999"), Err(AmountError::TooLarge));
    }

    #[test]
    fn minor_units_are_integers_only() {
        assert_eq!(MinorUnits::from_minor_text("000000002345"), Ok(MinorUnits(2345)));
        assert_eq!(MinorUnits::from_minor_text("-00000000100"), Ok(MinorUnits(-100)));
        assert_eq!(MinorUnits::from_minor_text("00000000A100"), Err(AmountError::Malformed));
        assert_eq!(MinorUnits::from_minor_text("1.0"), Err(AmountError::Malformed));
        assert_eq!(MinorUnits::from_minor_text(""), Err(AmountError::Empty));
    }

    #[test]
    fn currencies_are_normalised() {
        assert_eq!(Currency::parse("826"), Ok(Currency::GBP));
        assert_eq!(Currency::parse("gbp"), Ok(Currency::GBP));
        assert!(Currency::parse("UKPOUND").is_err());
        assert!(Currency::parse("G8P").is_err());
    }

    proptest! {
        #[test]
        fn every_minor_amount_reads_back(minor in -AMOUNT_MINOR_MAX..=AMOUNT_MINOR_MAX) {
            let sign = if minor < 0 { "-" } else { "" };
            let text = format!("{sign}{}.{:02}", minor.abs() / 100, minor.abs() % 100);
            prop_assert_eq!(MinorUnits::from_major_text(&text), Ok(MinorUnits(minor)));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = (MinorUnits::from_major_text(&text), MinorUnits::from_minor_text(&text), Currency::parse(&text));
        }
    }
}
