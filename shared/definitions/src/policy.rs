//! Matching as data (design §5, spec match §5): candidates, then a key, then fallbacks while more than one is left.

use harmonia_domain::feed::Scheme;

/// The policies of one merchant. A payment scheme that is not listed is never matched.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// Candidates only if the UTC day of the later arrival less this is not after the earlier arrival (design §4).
    pub window_days: u16,
    /// Visa payments.
    pub visa: Option<Policy>,
    /// Mastercard payments.
    pub mastercard: Option<Policy>,
    /// Amex payments.
    pub amex: Option<Policy>,
}

impl Policy {
    /// Is any time compared?
    pub fn tests_time(&self) -> bool {
        !matches!(self.key, Key::AuthCode | Key::Any) || self.fallback.contains(&Fallback::Time)
    }
}

impl Matching {
    /// The policy for a payment scheme.
    pub fn policy(&self, scheme: Scheme) -> Option<&Policy> {
        match scheme {
            Scheme::Visa => self.visa.as_ref(),
            Scheme::Mastercard => self.mastercard.as_ref(),
            Scheme::Amex => self.amex.as_ref(),
        }
    }
}

/// How the candidates of a payment are narrowed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The first test that every candidate has to pass.
    pub key: Key,
    /// Tolerance of every time test, in seconds, both ends included. Given exactly if the policy has a time test.
    #[serde(default)]
    pub within_s: u32,
    /// The payment's own card digits are compared as well.
    pub payment_digits: Option<PaymentDigits>,
    /// Applied one after the other while more than one candidate is left.
    #[serde(default)]
    pub fallback: Vec<Fallback>,
    /// No fallback if the payment shows these digits.
    pub fallback_unless: Option<Digits>,
}

/// The first test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    /// Equal auth code on the same UTC day if the payment has a code, else within the tolerance.
    AuthCodeOrTime,
    /// Equal auth code on the same UTC day if the payment has a code, else nothing is tested (D15).
    AuthCode,
    /// Within the tolerance.
    Time,
    /// Nothing is tested (spec match §5.2).
    Any,
}

/// Comparison of the payment's own digits (Amex settlements carry them).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentDigits {
    /// Which digits must be equal; a missing one equals only a missing one.
    pub compare: Digits,
    /// Only if the payment shows these.
    pub when: Digits,
}

/// Digits of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
pub enum Digits {
    /// The first six.
    #[serde(rename = "first6")]
    First6,
    /// The last four.
    #[serde(rename = "last4")]
    Last4,
    /// Both.
    #[serde(rename = "first6-last4")]
    First6Last4,
}

/// A test that is applied only while more than one candidate is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
pub enum Fallback {
    /// Within the tolerance.
    #[serde(rename = "time")]
    Time,
    /// First six and last four equal to those of the identity.
    #[serde(rename = "identity-first6-last4")]
    IdentityFirst6Last4,
    /// Last four equal to those of the identity.
    #[serde(rename = "identity-last4")]
    IdentityLast4,
}
