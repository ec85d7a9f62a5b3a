//! The single tests that policies are made of (spec match §5, "shared notation").

use crate::{
    Candidate,
    reason::{Reason, Seconds, Whose},
    window::in_window,
};
use harmonia_definitions::{Digits, Fallback, Key, Policy};
use harmonia_domain::{purchase::Current, time::utc_day};
use jiff::SignedDuration;

/// The payment and what is known about its card.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) payment: &'a Current,
    pub(crate) first_six: &'a str,
    pub(crate) last_four: &'a str,
}

/// One test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Arrived close enough to each other.
    Window { days: u16 },
    /// First half of A: equal auth code; exact, case-sensitive, not trimmed.
    AuthCode,
    /// Second half of A: the same UTC day.
    SameDay,
    /// T and t: within the tolerance, both ends included, full precision.
    Time { limit_s: u32 },
    /// D6, D4: the payment's own digits; a missing one equals only a missing one.
    Digits(Digits),
    /// K6, K4: the digits of the member's card; a sale without digits does not have them.
    IdentityDigits(Digits),
}

impl Check {
    /// Why the candidate does not pass; `None` if it does.
    pub(crate) fn against(self, side: Side<'_>, sale: &Candidate) -> Option<Reason> {
        let payment = side.payment;
        match self {
            Self::Window { days } => {
                (!in_window(days, payment.arrived, sale.arrived)).then_some(Reason::OutOfWindow { days })
            }
            Self::AuthCode => {
                (sale.auth_code != payment.auth_code).then_some(Reason::AuthCode { other: !sale.auth_code.is_empty() })
            }
            Self::SameDay => {
                let (paid, sold) = (utc_day(payment.at), utc_day(sale.at));
                (paid != sold).then_some(Reason::OtherDay { payment: paid, sale: sold })
            }
            Self::Time { limit_s } => {
                let off_by = payment.at.duration_until(sale.at);
                let limit = SignedDuration::from_secs(i64::from(limit_s));
                (off_by.unsigned_abs() > limit.unsigned_abs()).then_some(Reason::Time { off_by, limit_s })
            }
            Self::Digits(compare) => {
                let first_six = has_first_six(compare) && sale.first_six != payment.first_six;
                let last_four = has_last_four(compare) && sale.last_four != payment.last_four;
                differ(Whose::Payment, first_six, last_four)
            }
            Self::IdentityDigits(compare) => {
                let first_six = has_first_six(compare) && sale.first_six.as_deref() != Some(side.first_six);
                let last_four = has_last_four(compare) && sale.last_four.as_deref() != Some(side.last_four);
                differ(Whose::Identity, first_six, last_four)
            }
        }
    }

    /// The code that is stored with a match; `None`: passing says nothing.
    pub(crate) fn evidence(self, side: Side<'_>, sale: &Candidate) -> Option<String> {
        match self {
            Self::Window { .. } => None,
            Self::AuthCode => Some("auth-code".to_owned()),
            Self::SameDay => Some("same-utc-day".to_owned()),
            Self::Time { .. } => Some(format!("time:{}", Seconds(side.payment.at.duration_until(sale.at)))),
            Self::Digits(_) => Some("digits".to_owned()),
            Self::IdentityDigits(Digits::Last4) => Some("identity-last4".to_owned()),
            Self::IdentityDigits(_) => Some("identity-digits".to_owned()),
        }
    }
}

fn has_first_six(digits: Digits) -> bool {
    digits != Digits::Last4
}

fn has_last_four(digits: Digits) -> bool {
    digits != Digits::First6
}

fn differ(whose: Whose, first_six: bool, last_four: bool) -> Option<Reason> {
    (first_six || last_four).then_some(Reason::Digits { whose, first_six, last_four })
}

/// The tests that every candidate has to pass, in the order in which a failure is most telling.
pub(crate) fn key(policy: &Policy, payment: &Current) -> Vec<Check> {
    let mut checks = match policy.key {
        // spec match §5: any text counts as a code, blanks too
        Key::AuthCodeOrTime | Key::AuthCode if !payment.auth_code.is_empty() => vec![Check::AuthCode, Check::SameDay],
        // D15: any sale of the window
        Key::AuthCode | Key::Any => Vec::new(),
        Key::AuthCodeOrTime | Key::Time => vec![Check::Time { limit_s: policy.within_s }],
    };
    checks.extend(policy.payment_digits.filter(|d| shows(payment, d.when)).map(|d| Check::Digits(d.compare)));
    checks
}

/// The test of one fallback.
pub(crate) fn fallback(policy: &Policy, fallback: Fallback) -> Check {
    match fallback {
        Fallback::Time => Check::Time { limit_s: policy.within_s },
        Fallback::IdentityFirst6Last4 => Check::IdentityDigits(Digits::First6Last4),
        Fallback::IdentityLast4 => Check::IdentityDigits(Digits::Last4),
    }
}

/// The payment shows these digits; an empty text shows nothing.
pub(crate) fn shows(payment: &Current, digits: Digits) -> bool {
    let present = |text: &Option<String>| text.as_deref().is_some_and(|t| !t.is_empty());
    match digits {
        Digits::First6 => present(&payment.first_six),
        Digits::Last4 => present(&payment.last_four),
        Digits::First6Last4 => present(&payment.first_six) && present(&payment.last_four),
    }
}
