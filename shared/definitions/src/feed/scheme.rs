//! Which payment scheme a card belongs to (spec import §7.9-7.15).

use super::not_empty;
use harmonia_domain::feed::Scheme;
use serde::Deserialize;

/// How many digits a card must show before its first one tells the payment scheme.
const FIRST_SIX_CHARS: usize = 6;

/// The column that names the card, and what its texts mean. A scheme may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the lists are named after the payment schemes")]
pub struct SchemeRule {
    /// The column.
    pub column: String,
    /// How its value is compared with the texts.
    #[serde(default)]
    pub compare: Compare,
    /// A column with the card's first six digits. If it has six characters, the first of which is 4 (Visa), 2 or 5
    /// (Mastercard) or 3 (Amex), that decides before `column` is looked at (spec import §7.13).
    pub first_six: Option<String>,
    #[serde(default, deserialize_with = "not_empty")]
    pub visa: Vec<String>,
    #[serde(default, deserialize_with = "not_empty")]
    pub mastercard: Vec<String>,
    #[serde(default, deserialize_with = "not_empty")]
    pub amex: Vec<String>,
}

/// How a value is compared with a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// Equal.
    #[default]
    Exact,
    /// Equal without regard to ASCII case.
    IgnoreCase,
    /// The text stands somewhere in the value, without regard to ASCII case. Visa's texts are tried first, then
    /// Mastercard's, then Amex's.
    Contains,
}

impl Compare {
    fn holds(self, text: &str, value: &str) -> bool {
        match self {
            Self::Exact => text == value,
            Self::IgnoreCase => text.eq_ignore_ascii_case(value),
            Self::Contains => {
                let text = text.as_bytes();
                text.is_empty() || value.as_bytes().windows(text.len()).any(|part| part.eq_ignore_ascii_case(text))
            }
        }
    }
}

impl SchemeRule {
    /// The texts that mean a payment scheme.
    pub fn texts(&self, scheme: Scheme) -> &[String] {
        match scheme {
            Scheme::Visa => &self.visa,
            Scheme::Mastercard => &self.mastercard,
            Scheme::Amex => &self.amex,
        }
    }

    /// The payment scheme that a value of the column means.
    pub fn by_name(&self, value: &str) -> Option<Scheme> {
        let means = |scheme: &Scheme| self.texts(*scheme).iter().any(|text| self.compare.holds(text, value));
        Scheme::ALL.into_iter().find(means)
    }

    /// The payment scheme that a card's first six digits tell; the digits after the first are not looked at (Q35).
    pub fn by_first_six(digits: &str) -> Option<Scheme> {
        match digits.chars().next() {
            _ if digits.chars().count() != FIRST_SIX_CHARS => None,
            Some('2' | '5') => Some(Scheme::Mastercard),
            Some('3') => Some(Scheme::Amex),
            Some('4') => Some(Scheme::Visa),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(compare: Compare) -> SchemeRule {
        let list = |texts: &[&str]| texts.iter().map(|&t| t.to_owned()).collect();
        let (visa, mastercard, amex) = (list(&["visa", "vs"]), list(&["mc"]), list(&["am ex"]));
        SchemeRule { column: "c".into(), compare, first_six: None, visa, mastercard, amex }
    }

    /// Spec import §7.13: substrings in any case, Visa's first; §7.12: whole texts in any case.
    #[test]
    fn names_are_compared_as_asked() {
        for (compare, value, scheme) in [
            (Compare::Exact, "visa", Some(Scheme::Visa)),
            (Compare::Exact, "Visa", None),
            (Compare::IgnoreCase, "Visa", Some(Scheme::Visa)),
            (Compare::IgnoreCase, "Visa ", None),
            (Compare::Contains, "EVS MC", Some(Scheme::Visa)),
            (Compare::Contains, "McDonalds", Some(Scheme::Mastercard)),
            (Compare::Contains, "é AM EX é", Some(Scheme::Amex)),
            (Compare::Contains, "amex", None),
            (Compare::Contains, "", None),
        ] {
            assert_eq!(rule(compare).by_name(value), scheme, "{value}");
        }
    }

    /// Spec import §7.13, step 1.
    #[test]
    fn the_first_of_six_digits_decides() {
        let read = SchemeRule::by_first_six;
        assert_eq!((read("412345"), read("2*****"), read("512345")), (Some(Scheme::Visa), M, M));
        assert_eq!(
            (read("300000"), read("41234"), read("4123456"), read("612345")),
            (Some(Scheme::Amex), None, None, None)
        );
        assert_eq!((read(""), read("      ")), (None, None));
    }

    const M: Option<Scheme> = Some(Scheme::Mastercard);
}
