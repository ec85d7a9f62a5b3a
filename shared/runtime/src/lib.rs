//! What stands between a Lambda function's event and the stages: event shapes, the SQS batch runner, configuration,
//! the HTTP client. The same code runs the functions on AWS and in the local cloud.

pub mod batch;
pub mod config;
pub mod definitions;
#[cfg(feature = "deployed")]
pub mod deployed;
pub mod events;
pub mod logs;
pub mod secrets;
pub mod web;

use harmonia_ports::Class;
use harmonia_stages::{Harmonia, StageError};
use std::sync::Arc;

/// The machine's clock.
pub struct SystemClock;

impl harmonia_ports::Clock for SystemClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

/// What a function works with.
#[derive(Clone)]
pub struct App {
    /// The stages over this environment's ports.
    pub harmonia: Harmonia,
    /// How a failed record is hidden for a while.
    pub visibility: Arc<dyn batch::Visibility>,
}

impl App {
    /// What the batch runner has to know of the function it works for.
    pub fn invocation(&self, function: &'static str) -> batch::Invocation<'_> {
        batch::Invocation {
            function,
            visibility: self.visibility.as_ref(),
            tally: self.harmonia.tally(),
            clock: self.harmonia.ports.clock.as_ref(),
        }
    }
}

/// The errors that state machines and alarms know by name: what a function answers, and what a machine ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorName {
    /// The event has another shape than the function's: nobody has to try again.
    BadEvent,
    /// A stage failed outside of a batch of messages, and may do better the next time.
    StageFailed,
    /// A stage failed outside of a batch of messages, and will fail like that again: what the event names cannot be
    /// used, or it is a fault of ours.
    StageRefused,
    /// Ranges of a file are missing after all rounds.
    FileStuck,
    /// A batch of a run could not be carried on: not a merchant's answer, but a fault of ours.
    BatchFailed,
}

impl ErrorName {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::BadEvent, Self::StageFailed, Self::StageRefused, Self::FileStuck, Self::BatchFailed];

    /// What a machine may repeat.
    pub const REPEATED: Self = Self::StageFailed;

    /// As it stands in the machines' definitions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadEvent => "Harmonia.BadEvent",
            Self::StageFailed => "Harmonia.StageFailed",
            Self::StageRefused => "Harmonia.StageRefused",
            Self::FileStuck => "Harmonia.FileStuck",
            Self::BatchFailed => "Harmonia.BatchFailed",
        }
    }
}

/// An invocation that cannot even say which of its records failed.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// The event has another shape than this function's.
    #[error("event cannot be read: {why}")]
    Event {
        /// In serde's words, without content.
        why: String,
    },
    /// A stage failed outside of a batch.
    #[error(transparent)]
    Stage(#[from] StageError),
}

impl InvocationError {
    /// The name that state machines and alarms know the error by.
    pub fn name(&self) -> ErrorName {
        match self {
            Self::Event { .. } => ErrorName::BadEvent,
            Self::Stage(error) => match error.class() {
                Class::Retry => ErrorName::StageFailed,
                Class::Reject | Class::Bug => ErrorName::StageRefused,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only what may do better the next time has the name that state machines repeat.
    #[test]
    fn the_class_of_an_error_is_in_its_name() {
        let named = |error: StageError| InvocationError::from(error).name();
        let missing = StageError::Missing { what: "file", name: "F".into() };
        assert_eq!(named(missing), ErrorName::REPEATED);
        assert_eq!(named(StageError::NoFeed { key: "k".into() }), ErrorName::StageRefused);
        let undefined = StageError::NoDefinition { merchant: "nobody".parse().unwrap() };
        assert_eq!(named(undefined), ErrorName::StageRefused);
    }
}
