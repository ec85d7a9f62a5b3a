//! What import says about a line, fixed when its file closes (design §1, decision D2). Reasons are closed lists:
//! reports, metrics and explanations count them by name.

/// Why a line or message is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are the explanation that partners read")]
pub enum RejectReason {
    MissingField,
    BadAmount,
    AmountTooLarge,
    BadNumber,
    BadDate,
    BadCurrency,
    BadCardDigits,
    BadCardToken,
    BadQuoting,
    TooLong,
    TooOld,
    UnknownUid,
    NotAsTold,
    NotJson,
    NotAnObject,
    TooDeep,
    WrongType,
    Internal,
}

/// The class of a value, told instead of the value, which may be card data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum ValueClass {
    Absent,
    Blank,
    Digits,
    Number,
    Text,
    Long,
    Structure,
}

impl ValueClass {
    /// The class of a text.
    pub fn of(value: &str) -> Self {
        let trimmed = value.trim();
        if trimmed.is_empty() {
            Self::Blank
        } else if value.len() > 200 {
            Self::Long
        } else if trimmed.bytes().all(|b| b.is_ascii_digit()) {
            Self::Digits
        } else if trimmed.bytes().all(|b| b.is_ascii_digit() || b"+-.,eE".contains(&b)) {
            Self::Number
        } else {
            Self::Text
        }
    }
}

/// A rejected line: which field, why, and what kind of value stood there.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("field {field}: {reason:?} (value: {class:?})")]
pub struct Reject {
    /// The partner's name of the field.
    pub field: String,
    /// Why.
    pub reason: RejectReason,
    /// What stood there.
    pub class: ValueClass,
}

impl Reject {
    /// A reject of a text value.
    pub fn value(field: &str, reason: RejectReason, value: &str) -> Self {
        Self { field: field.to_owned(), reason, class: ValueClass::of(value) }
    }

    /// A reject of a field that is not there.
    pub fn missing(field: &str) -> Self {
        Self { field: field.to_owned(), reason: RejectReason::MissingField, class: ValueClass::Absent }
    }
}

/// Why a line is skipped: a filter of its feed (spec import §7).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct SkipReason(pub String);

/// Why a line is parked at import, or a payment later (design §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParkReason {
    /// No onboarded identifier fits (D7).
    UnknownMid,
    /// Two merchants claim the identifier (D5).
    DisputedMid,
    /// The sale's location has no identifiers.
    UnknownLocation,
    /// The user directory does not know the card (D7).
    CardNotKnown,
    /// The directory knows the member but not the card's digits (spec import §9).
    NoCardInformation,
    /// The directory did not answer well (D21).
    DirectoryUnavailable,
}

/// What import says about one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Stored as new.
    Accepted,
    /// An id seen before; `differs` if the content does.
    Duplicate {
        /// The content is not what was stored.
        differs: bool,
    },
    /// Left out by a filter of the feed.
    Skipped(SkipReason),
    /// Not usable; nothing stored but this.
    Rejected(Reject),
    /// Stored, but nobody can act on it yet.
    Parked(ParkReason),
}

/// Counts of outcomes: of a range, a file, a feed. Invariant 1: `read` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "the names are the outcomes")]
pub struct Totals {
    pub read: u64,
    pub accepted: u64,
    pub duplicate: u64,
    /// Of the duplicates, those whose content differs.
    pub differs: u64,
    pub skipped: u64,
    pub rejected: u64,
    pub parked: u64,
}

impl Totals {
    /// Counts one more line.
    pub fn count(&mut self, outcome: &Outcome) {
        self.read += 1;
        match outcome {
            Outcome::Accepted => self.accepted += 1,
            Outcome::Duplicate { differs } => {
                self.duplicate += 1;
                self.differs += u64::from(*differs);
            }
            Outcome::Skipped(_) => self.skipped += 1,
            Outcome::Rejected(_) => self.rejected += 1,
            Outcome::Parked(_) => self.parked += 1,
        }
    }

    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.accepted += other.accepted;
        self.duplicate += other.duplicate;
        self.differs += other.differs;
        self.skipped += other.skipped;
        self.rejected += other.rejected;
        self.parked += other.parked;
    }

    /// Invariant 1 (conservation): every line read has exactly one outcome.
    pub fn balance(&self) -> bool {
        self.read == self.accepted + self.duplicate + self.skipped + self.rejected + self.parked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Invariant 1.
    #[test]
    fn totals_balance_whatever_is_counted() {
        let mut totals = Totals::default();
        for outcome in [
            Outcome::Accepted,
            Outcome::Duplicate { differs: true },
            Outcome::Skipped(SkipReason("declined".into())),
            Outcome::Rejected(Reject::missing("amount")),
            Outcome::Parked(ParkReason::UnknownMid),
        ] {
            totals.count(&outcome);
        }
        assert!(totals.balance());
        assert_eq!((totals.read, totals.differs), (5, 1));
        totals.read += 1;
        assert!(!totals.balance());
    }

    /// Invariant 7: a reject tells the class of a value, never the value.
    #[test]
    fn a_reject_does_not_tell_the_value() {
        let reject = Reject::value("Card Number", RejectReason::BadCardDigits, "4242424242424242");
        assert_eq!(reject.class, ValueClass::Digits);
        assert!(!format!("{reject} {reject:?}").contains("4242"));
    }
}
