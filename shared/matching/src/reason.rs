//! What the engine says: a decision, and one reason for every candidate (invariant 6).

use jiff::{SignedDuration, civil::Date};
use std::fmt;

/// What is to happen with the payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It belongs to this candidate.
    Match {
        /// The candidate's place in the list.
        candidate: usize,
        /// The tests it passed, in their order; stored with the match.
        evidence: Vec<Evidence>,
    },
    /// It stays open.
    Open {
        /// Why.
        why: OpenReason,
    },
}

/// A test that the chosen candidate passed. Its text is a stable code; no card data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// `auth-code`: equal.
    AuthCode,
    /// `same-utc-day`
    SameUtcDay,
    /// `time:+19s`: sale after payment, within the tolerance.
    Time(SignedDuration),
    /// `digits`: those of the payment itself.
    Digits,
    /// `identity-digits`: the first six, or first six and last four, of the member's card.
    IdentityDigits,
    /// `identity-last4`: the last four of the member's card.
    IdentityLast4,
    /// `only-candidate`: there was no test.
    OnlyCandidate,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthCode => "auth-code",
            Self::SameUtcDay => "same-utc-day",
            Self::Time(off_by) => return write!(f, "time:{}", Seconds(*off_by)),
            Self::Digits => "digits",
            Self::IdentityDigits => "identity-digits",
            Self::IdentityLast4 => "identity-last4",
            Self::OnlyCandidate => "only-candidate",
        })
    }
}

/// Why a payment stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenReason {
    /// The merchant's definition has no policy for the payment scheme.
    NoPolicy,
    /// There is no sale inside the matching window.
    NoCandidate,
    /// There were sales, and none passed the tests.
    NoneLeft,
    /// Several sales passed every test.
    Ambiguous {
        /// How many.
        left: usize,
    },
}

/// What the engine says about one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What is to happen.
    pub decision: Decision,
    /// One for each candidate, in their order.
    pub reasons: Vec<Reason>,
    /// Places of the candidates that passed the key, if there are several: their number decides what follows, so a
    /// caller whose list may hold sales that are claimed already has to drop those and ask again.
    pub contested: Vec<usize>,
}

/// Whose digits a sale's were compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The payment's.
    Payment,
    /// Those of the card as the user directory knows it.
    Identity,
}

/// What became of one candidate: the first test it failed, or that it was chosen, or that it could not be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is the one.
    Chosen,
    /// Nothing was tested.
    NoPolicy,
    /// The two arrived too far apart (design §4: the window does not move with the clock).
    OutOfWindow {
        /// The definition's window.
        days: u16,
    },
    /// The auth codes differ.
    AuthCode {
        /// Another code; otherwise none at all.
        other: bool,
    },
    /// Not on the payment's UTC day (D15).
    OtherDay {
        /// The payment's.
        payment: Date,
        /// The sale's.
        sale: Date,
    },
    /// Not within the tolerance.
    Time {
        /// Sale after payment; negative if before.
        off_by: SignedDuration,
        /// The tolerance.
        limit_s: u32,
    },
    /// The card's digits differ.
    Digits {
        /// From whose.
        whose: Whose,
        /// The first six differ.
        first_six: bool,
        /// The last four differ.
        last_four: bool,
    },
    /// It passed every test, and so did others.
    StillTied {
        /// How many, itself included.
        left: usize,
        /// Fallbacks were barred because the payment shows its own digits.
        barred: bool,
    },
}

impl fmt::Display for OpenReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPolicy => f.write_str("no policy for this payment scheme"),
            Self::NoCandidate => f.write_str("no sale with this MID, currency and amount"),
            Self::NoneLeft => f.write_str("no sale passed the tests"),
            Self::Ambiguous { left } => write!(f, "{left} sales fit equally"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen => f.write_str("chosen"),
            Self::NoPolicy => f.write_str("not tested: no policy for this payment scheme"),
            Self::OutOfWindow { days } => write!(f, "arrived more than {days} days apart"),
            Self::AuthCode { other: true } => f.write_str("another auth code"),
            Self::AuthCode { other: false } => f.write_str("no auth code"),
            Self::OtherDay { payment, sale } => write!(f, "on {sale} UTC, the payment on {payment}"),
            Self::Time { off_by, limit_s } => write!(f, "{} from the payment, limit {limit_s}s", Seconds(*off_by)),
            Self::Digits { whose, first_six, last_four } => {
                let what = match (first_six, last_four) {
                    (true, true) => "first six and last four",
                    (true, false) => "first six",
                    _ => "last four",
                };
                let whose = if *whose == Whose::Payment { "payment" } else { "member's card" };
                write!(f, "{what} differ from the {whose}")
            }
            Self::StillTied { left, barred: false } => write!(f, "one of {left} that fit equally"),
            Self::StillTied { left, barred: true } => {
                write!(f, "one of {left} that fit equally; no fallback, as the payment shows its digits")
            }
        }
    }
}

/// A signed number of seconds as short exact text: `+19s`, `-0.000001s`.
pub(crate) struct Seconds(pub(crate) SignedDuration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0.is_negative() { '-' } else { '+' };
        let size = self.0.unsigned_abs();
        write!(f, "{sign}{}", size.as_secs())?;
        if size.subsec_nanos() > 0 {
            let digits = format!("{:09}", size.subsec_nanos());
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("s")
    }
}
