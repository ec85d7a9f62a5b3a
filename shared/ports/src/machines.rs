//! State machines (Step Functions): what takes longer than one invocation of a function, or has to wait.
//!
//! An execution's input is the first event that its machine hands to a function; the function answers with the same
//! event, moved on. So an execution carries names and positions, never data, and a cloud without state machines does
//! the same work by calling the stages.

use crate::Key;
use async_trait::async_trait;
use harmonia_domain::{feed::Slug, ids::Id};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The version of these events that this code writes and reads.
pub const EVENT_VERSION: u8 = 1;

/// The state machines, `infra/statemachines/<name>.asl.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Machine {
    /// Takes along what is due at one merchant by one minute.
    Deliver,
    /// Imports the ranges of a large file, round by round.
    ImportFile,
    /// Tells the batches of one merchant's run, one after another.
    BatchExport,
    /// Re-opens the parked lines that a change of the registry has set free.
    Reopen,
}

impl Machine {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Deliver, Self::ImportFile, Self::BatchExport, Self::Reopen];

    /// Its name, without the environment.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::ImportFile => "import-file",
            Self::BatchExport => "batch-export",
            Self::Reopen => "reopen",
        }
    }
}

/// A train (design §3): a merchant's exports that are due in one minute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Train {
    /// Who is told.
    pub merchant: Slug,
    /// A full minute.
    pub minute: Timestamp,
    /// Groups that have been taken along.
    #[serde(default)]
    pub round: u32,
}

impl Train {
    /// Before it leaves.
    pub fn new(merchant: Slug, minute: Timestamp) -> Self {
        Self { merchant, minute, round: 0 }
    }
}

/// The rounds in which a file's ranges are imported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct FileRounds {
    /// The file's row in `ledger`.
    pub file: Key,
    /// Its id.
    pub id: Id,
    /// Which execution of this file it is: a person may try a stuck one again.
    pub generation: u32,
    /// Rounds before this one.
    pub round: u32,
}

/// A merchant's batch run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct BatchMinute {
    /// Who is told.
    pub merchant: Slug,
    /// The scheduled minute.
    pub minute: Timestamp,
    /// Batches of the run that have been tried.
    pub at: u32,
    /// Of these, batches that nobody could carry on: not a merchant's answer, but a fault of ours.
    pub failed: u32,
}

/// Parked lines that are being re-opened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Reopening {
    /// Derived from what the lines wait for and from when it came.
    pub id: Id,
    /// The object of the work bucket that lists what the lines wait for.
    pub list: String,
    /// Which execution it is; one that has gone on for long is followed by another.
    pub part: u32,
    /// Calls of this execution.
    pub round: u32,
    /// Position in the list.
    pub at: u32,
    /// Position among the lines that wait for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Sales that were met whose file was not closed yet.
    pub in_open_files: u32,
    /// How often the list has been gone through for such sales.
    pub passes: u32,
}

/// What a state machine is to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(tag = "k", rename_all = "lowercase")]
pub enum Execution {
    /// By [`Machine::Deliver`].
    Train(Train),
    /// By [`Machine::ImportFile`].
    Round(FileRounds),
    /// By [`Machine::BatchExport`].
    Batch(BatchMinute),
    /// By [`Machine::Reopen`].
    Reopen(Reopening),
}

impl Execution {
    /// Who carries it out.
    pub fn machine(&self) -> Machine {
        match self {
            Self::Train(_) => Machine::Deliver,
            Self::Round(_) => Machine::ImportFile,
            Self::Batch(_) => Machine::BatchExport,
            Self::Reopen(_) => Machine::Reopen,
        }
    }

    /// Its name, used once: at most 80 letters, digits, dashes and underscores, as Step Functions wants it.
    pub fn name(&self) -> String {
        let minute = |at: &Timestamp| at.strftime("%Y%m%dT%H%M").to_string();
        match self {
            Self::Train(train) => format!("deliver-{}-{}", train.merchant, minute(&train.minute)),
            Self::Round(rounds) => format!("import-{}-g{}", rounds.id, rounds.generation),
            Self::Batch(batch) => format!("batch-{}-{}", batch.merchant, minute(&batch.minute)),
            Self::Reopen(reopening) => format!("reopen-{}-g{}", reopening.id, reopening.part),
        }
    }

    /// As the event that a function reads.
    pub fn event(&self) -> Value {
        let mut event = json!(self);
        if let Value::Object(members) = &mut event {
            members.insert("v".to_owned(), json!(EVENT_VERSION));
        }
        event
    }
}

/// The execution cannot be made sure of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("execution {name}: {why}")]
pub struct MachineError {
    /// Its name.
    pub name: String,
    /// In the service's words.
    pub why: String,
}

/// Step Functions as the stages use it.
#[async_trait]
pub trait Machines: Send + Sync {
    /// Makes sure that an execution is started. One that runs, or has run, is fine.
    async fn ensure(&self, execution: &Execution) -> Result<(), MachineError>;

    /// Are there state machines? Else the clock and the queues have to bring everything.
    fn run(&self) -> bool;
}

/// For clouds whose own clock and queues look after everything.
pub struct NoMachines;

#[async_trait]
impl Machines for NoMachines {
    async fn ensure(&self, _execution: &Execution) -> Result<(), MachineError> {
        Ok(())
    }

    fn run(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harmonia_domain::feed::SLUG_CHARS_MAX;

    fn of_each_kind() -> [Execution; 4] {
        let merchant: Slug = "x".repeat(SLUG_CHARS_MAX).parse().unwrap();
        let minute = "2026-03-01T10:00:00Z".parse().unwrap();
        let id = Id::derive("file", &["a"]);
        let file = Key::new("F#visa-auth#2026-03", "2026-03-01T10:00:00.000000Z#a");
        let (list, after) = ("reopen/a.json".to_owned(), Some("b".to_owned()));
        [
            Execution::Train(Train::new(merchant.clone(), minute)),
            Execution::Round(FileRounds { file, id: id.clone(), generation: u32::MAX, round: 3 }),
            Execution::Batch(BatchMinute { merchant, minute, at: 1, failed: 0 }),
            Execution::Reopen(Reopening {
                id,
                list,
                part: u32::MAX,
                round: 7,
                at: 1,
                after,
                in_open_files: 0,
                passes: 0,
            }),
        ]
    }

    /// Step Functions: names of 1 to 80 characters; input is what is read back.
    #[test]
    fn executions_have_names_and_events() {
        for execution in of_each_kind() {
            let name = execution.name();
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            assert!(name.len() <= 80 && name.chars().all(plain), "{name}");
            let event = execution.event();
            assert_eq!(event["v"], json!(1));
            assert_eq!(serde_json::from_value::<Execution>(event).unwrap(), execution);
        }
    }

    /// One name for one piece of work, wherever it stands.
    #[test]
    fn names_do_not_move_with_the_work() {
        let [Execution::Train(train), ..] = of_each_kind() else { panic!() };
        let later = Execution::Train(Train { round: 9, ..train.clone() });
        assert_eq!(later.name(), Execution::Train(train).name());
        let machines: std::collections::BTreeSet<_> = of_each_kind().iter().map(Execution::machine).collect();
        assert_eq!(machines.len(), Machine::ALL.len());
    }
}
