//! Errors of the ports. The class decides what happens next: try again, or stop and tell.

use crate::tables::Found;

/// What an error leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The same call may work later: the record is delivered again.
    Retry,
    /// Bad input: told to whoever sent it, costs nothing else.
    Reject,
    /// Our own fault: alarmed, kept in a dead-letter queue.
    Bug,
}

impl Class {
    /// Its name in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Reject => "reject",
            Self::Bug => "bug",
        }
    }
}

/// A table call without result. Whether a write was applied is unknown except for [`StoreError::Throttled`] and
/// [`StoreError::Conflict`], which never apply; all writes are conditional or repeatable, so a repeat is safe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Too much at once; not applied.
    #[error("the table throttled the call")]
    Throttled,
    /// Another transaction touched an item; not applied.
    #[error("another transaction was in the way")]
    Conflict,
    /// No answer, or an answer that says nothing: maybe applied.
    #[error("the table's answer is unknown: {why}")]
    Unknown {
        /// In the client's words.
        why: String,
    },
    /// The call itself is wrong.
    #[error("the table refused the call: {why}")]
    Invalid {
        /// In the service's words.
        why: String,
    },
}

impl StoreError {
    /// What it leads to.
    pub fn class(&self) -> Class {
        match self {
            Self::Throttled | Self::Conflict | Self::Unknown { .. } => Class::Retry,
            Self::Invalid { .. } => Class::Bug,
        }
    }
}

/// A conditional write without effect.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WriteError {
    /// Conditions that did not hold, by position in the transaction (0 for a single write), with the item found there.
    #[error("{} condition(s) did not hold", .0.len())]
    Condition(Vec<Found>),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An object call without result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// No such object, or no such version of it.
    #[error("no object {key}")]
    Missing {
        /// Its key.
        key: String,
    },
    /// It may work later.
    #[error("object {key}: {why}")]
    Unavailable {
        /// Its key.
        key: String,
        /// In the client's words.
        why: String,
    },
}

/// A queue call without result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("queue {queue}: {why}")]
pub struct QueueError {
    /// Which queue.
    pub queue: String,
    /// In the client's words.
    pub why: String,
}
