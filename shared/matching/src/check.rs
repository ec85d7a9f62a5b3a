//! The single tests that policies are made of (spec match §5, "shared notation").

use crate::{
    Candidate,
    reason::{Evidence, Reason, Whose},
    window::{day_number, in_window},
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
                let other = || Reason::OtherDay { payment: utc_day(payment.at), sale: utc_day(sale.at) };
                (day_number(payment.at) != day_number(sale.at)).then(other)
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

    /// What a match says of it; `None`: passing says nothing.
    pub(crate) fn evidence(self, side: Side<'_>, sale: &Candidate) -> Option<Evidence> {
        match self {
            Self::Window { .. } => None,
            Self::AuthCode => Some(Evidence::AuthCode),
            Self::SameDay => Some(Evidence::SameUtcDay),
            Self::Time { .. } => Some(Evidence::Time(side.payment.at.duration_until(sale.at))),
            Self::Digits(_) => Some(Evidence::Digits),
            Self::IdentityDigits(Digits::Last4) => Some(Evidence::IdentityLast4),
            Self::IdentityDigits(_) => Some(Evidence::IdentityDigits),
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
pub(crate) fn key(policy: &Policy, payment: &Current) -> impl Iterator<Item = Check> {
    let (first, second) = match policy.key {
        // spec match §5: any text counts as a code, blanks too
        Key::AuthCodeOrTime | Key::AuthCode if !payment.auth_code.is_empty() => {
            (Some(Check::AuthCode), Some(Check::SameDay))
        }
        // D15: any sale of the window
        Key::AuthCode | Key::Any => (None, None),
        Key::AuthCodeOrTime | Key::Time => (Some(Check::Time { limit_s: policy.within_s }), None),
    };
    let digits = policy.payment_digits.filter(|d| shows(payment, d.when)).map(|d| Check::Digits(d.compare));
    [first, second, digits].into_iter().flatten()
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
