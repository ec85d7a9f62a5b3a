//! Why a stage could not finish a record. The class decides what happens next.

use harmonia_domain::{Refused, feed::Slug, file::NotClosed};
use harmonia_ports::{Class, MachineError, ObjectError, QueueError, SecretsError, StoreError, WriteError};
use harmonia_state::StoredError;

/// A record that is not done.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A table call failed.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// An object call failed.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// A queue call failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A state machine said no: a lost race, looked at again on redelivery.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A file whose ranges are all there is not closed.
    #[error(transparent)]
    NotClosed(#[from] NotClosed),
    /// A message that cannot be read: it belongs in the dead-letter queue.
    #[error("message cannot be read: {why}")]
    Message {
        /// Why, without its content.
        why: String,
    },
    /// An object that belongs to no feed.
    #[error("object {key} is not under imports/<feed>/")]
    NoFeed {
        /// Its key.
        key: String,
    },
    /// Something names a merchant that has no definition.
    #[error("no definition for merchant {merchant}")]
    NoDefinition {
        /// The merchant.
        merchant: Slug,
    },
    /// A payment is to be matched for a merchant whose definition says how not.
    #[error("no matching policy for merchant {merchant}")]
    NoPolicy {
        /// The merchant.
        merchant: Slug,
    },
    /// Exports are to be sent to a merchant whose definition does not say how.
    #[error("no export target for merchant {merchant}")]
    NoTarget {
        /// The merchant.
        merchant: Slug,
    },
    /// A stored token does not open.
    #[error(transparent)]
    Seal(#[from] harmonia_domain::card::SealError),
    /// The same thing was tried so often that something else has to happen first.
    #[error("{what} did not settle within {tries} tries")]
    Unsettled {
        /// What was tried.
        what: &'static str,
        /// How often.
        tries: u32,
    },
    /// See [`MachineError`].
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// See [`SecretsError`].
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Something that was written before is not there.
    #[error("{what} {name} is missing")]
    Missing {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
}

impl StageError {
    /// What it leads to.
    pub fn class(&self) -> Class {
        match self {
            Self::Stored(e) => e.class(),
            Self::Object(ObjectError::Unavailable { .. })
            | Self::Queue(_)
            | Self::Secrets(_)
            | Self::Machine(_)
            | Self::Refused(_)
            | Self::NotClosed(NotClosed::Refused(_))
            | Self::Unsettled { .. }
            | Self::Missing { .. } => Class::Retry,
            Self::Message { .. } | Self::NoFeed { .. } | Self::Object(ObjectError::Missing { .. }) => Class::Reject,
            Self::NotClosed(NotClosed::Unbalanced { .. })
            | Self::NoDefinition { .. }
            | Self::NoPolicy { .. }
            | Self::NoTarget { .. }
            | Self::Seal(_) => Class::Bug,
        }
    }
}

impl From<StoreError> for StageError {
    fn from(e: StoreError) -> Self {
        Self::Stored(e.into())
    }
}

impl From<WriteError> for StageError {
    fn from(e: WriteError) -> Self {
        match e {
            WriteError::Store(e) => e.into(),
            // whoever can do something about a condition looks at it before this
            WriteError::Condition(_) => Self::Unsettled { what: "a conditional write", tries: 1 },
        }
    }
}
