//! Merchant identifiers (MIDs): what a payment scheme calls a merchant's till (spec import §6).

use crate::feed::{Scheme, Slug};
use std::{fmt, str::FromStr};

/// PRIMARY beats SECONDARY beats PSIMI (spec import §1, §6): the order of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the payment schemes' own names")]
pub enum IdentifierType {
    Primary,
    Secondary,
    Psimi,
}

impl IdentifierType {
    /// In order of preference.
    pub const ALL: [Self; 3] = [Self::Primary, Self::Secondary, Self::Psimi];

    /// As written in files and keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "PRIMARY",
            Self::Secondary => "SECONDARY",
            Self::Psimi => "PSIMI",
        }
    }
}

impl fmt::Display for IdentifierType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for IdentifierType {
    type Err = crate::feed::NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|t| t.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| crate::feed::NameError { what: "identifier type", text: text.chars().take(60).collect() })
    }
}

/// An onboarded identifier. Unique by (scheme, type, text).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Identifier {
    /// The payment scheme that uses it.
    pub scheme: Scheme,
    /// Its type.
    #[serde(rename = "ty")]
    pub kind: IdentifierType,
    /// Its text, compared exactly (no trimming, no zero-stripping).
    pub text: String,
    /// The merchant it belongs to.
    pub merchant: Slug,
    /// The merchant's name of the place.
    #[serde(rename = "loc", skip_serializing_if = "Option::is_none", default)]
    pub location_id: Option<String>,
    /// The merchant's own id of the brand or till.
    #[serde(rename = "mii", skip_serializing_if = "Option::is_none", default)]
    pub merchant_internal_id: Option<String>,
    /// Town or name of the place, for people (spec import §2.4: at most 250 characters).
    #[serde(rename = "name", skip_serializing_if = "Option::is_none", default)]
    pub location: Option<String>,
    /// Its postcode, for people (spec import §2.4: at most 16 characters).
    #[serde(rename = "pc", skip_serializing_if = "Option::is_none", default)]
    pub postcode: Option<String>,
}

/// What one location's tills are called: the mirror of [`Identifier`], written with it (state.md item ML).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LocationIdentifier {
    /// The merchant.
    pub merchant: Slug,
    /// The merchant's name of the place; empty for identifiers without one.
    #[serde(rename = "loc")]
    pub location_id: String,
    /// The payment scheme that uses the identifier.
    pub scheme: Scheme,
    /// Its type.
    #[serde(rename = "ty")]
    pub kind: IdentifierType,
    /// Its text.
    pub text: String,
}

impl Identifier {
    /// Its entry in the list of its merchant's locations.
    pub fn at_location(&self) -> LocationIdentifier {
        LocationIdentifier {
            merchant: self.merchant.clone(),
            location_id: self.location_id.clone().unwrap_or_default(),
            scheme: self.scheme,
            kind: self.kind,
            text: self.text.clone(),
        }
    }
}

/// The tills of a location: payment scheme and text of each of its identifiers.
pub type Tills = std::collections::BTreeSet<(Scheme, String)>;

/// The identifier texts that a payment line carries (spec import §6, per feed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MidTexts {
    /// Always there, may be an empty text.
    pub primary: String,
    /// Only if the feed gives a non-empty value.
    pub secondary: Option<String>,
    /// Only if the feed gives a non-empty value.
    pub psimi: Option<String>,
}

impl MidTexts {
    /// (type, text) pairs in order of preference.
    pub fn pairs(&self) -> impl Iterator<Item = (IdentifierType, &str)> {
        let primary = std::iter::once((IdentifierType::Primary, self.primary.as_str()));
        let secondary = self.secondary.iter().map(|t| (IdentifierType::Secondary, t.as_str()));
        let psimi = self.psimi.iter().map(|t| (IdentifierType::Psimi, t.as_str()));
        primary.chain(secondary).chain(psimi)
    }
}

/// Who a payment line belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribution {
    /// One merchant; the identifier that names it, the best type present.
    Known(Box<Identifier>),
    /// Nobody has onboarded any of the identifiers.
    Unknown,
    /// Two or more merchants claim one of the texts (D5): parked and reported.
    Disputed(Vec<Slug>),
}

/// Decides from every onboarded identifier whose *text* equals one of the line's, whatever its type (spec import §6):
/// two merchants make a dispute; else the best type whose (type, text) pair the line carries wins.
pub fn attribute(mids: &MidTexts, onboarded: &[Identifier]) -> Attribution {
    let mut merchants: Vec<&Slug> = onboarded.iter().map(|i| &i.merchant).collect();
    merchants.sort();
    merchants.dedup();
    let best = mids.pairs().find_map(|(kind, text)| onboarded.iter().find(|i| i.kind == kind && i.text == text));
    match best {
        None => Attribution::Unknown,
        Some(_) if merchants.len() > 1 => Attribution::Disputed(merchants.into_iter().cloned().collect()),
        Some(best) => Attribution::Known(Box::new(best.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn onboarded(kind: IdentifierType, text: &str, merchant: &str) -> Identifier {
        let merchant = merchant.parse().unwrap();
        Identifier {
            scheme: Scheme::Visa,
            kind,
            text: text.into(),
            merchant,
            location_id: None,
            merchant_internal_id: None,
            location: None,
            postcode: None,
        }
    }

    /// Spec import §6: the best type present wins; the type must fit the text.
    #[test]
    fn preference_is_by_type() {
        let mids = MidTexts { primary: "p".into(), secondary: Some("s".into()), psimi: None };
        let p = onboarded(IdentifierType::Primary, "p", "a");
        let s = onboarded(IdentifierType::Secondary, "s", "a");
        let wrong_type = onboarded(IdentifierType::Psimi, "p", "a");
        assert_eq!(attribute(&mids, &[s.clone(), p.clone()]), Attribution::Known(Box::new(p)));
        assert_eq!(attribute(&mids, std::slice::from_ref(&s)), Attribution::Known(Box::new(s.clone())));
        assert_eq!(attribute(&mids, std::slice::from_ref(&wrong_type)), Attribution::Unknown);
    }

    /// D5: one text that belongs to two merchants is a dispute, even if the types differ.
    #[test]
    fn two_merchants_are_a_dispute() {
        let mids = MidTexts { primary: "p".into(), secondary: None, psimi: None };
        let both = [onboarded(IdentifierType::Primary, "p", "a"), onboarded(IdentifierType::Psimi, "p", "b")];
        assert!(matches!(attribute(&mids, &both), Attribution::Disputed(m) if m.len() == 2));
    }
}
