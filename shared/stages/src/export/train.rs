//! A train: takes along what is due at one merchant by one minute, group by group, until nothing is left (design §3).
//! The state machine `deliver` waits until that minute and then calls this again and again.

use super::{due_names, on_the_minute};
use crate::{Harmonia, StageError};
use harmonia_domain::{export::ExportState, feed::Slug};
use harmonia_ports::{Class, Execution, Train};
use jiff::Timestamp;

/// Exports of one group: told at once or in a few goes, well inside the function's time.
const GROUP_MAX: usize = 25;
/// Groups of one train: 25,000 exports, and a history that stays below what an execution may have. What is left then
/// is the sweep's.
pub const TRAIN_ROUNDS_MAX: u32 = 1_000;

/// What a call of a state machine leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<E> {
    /// Where the execution stands.
    pub execution: E,
    /// There is more: call again.
    pub more: bool,
}

impl Harmonia {
    /// Takes one group along.
    pub async fn deliver(&self, train: &Train) -> Result<Step<Train>, StageError> {
        let round = train.round.saturating_add(1);
        let none = Step { execution: Train { round, ..train.clone() }, more: false };
        if self.holds_back(&train.merchant).await? {
            return Ok(none);
        }
        // the clocks of the state machine and of this machine may differ by a little
        let at = train.minute.max(self.now());
        let (names, damaged) = due_names(self, &train.merchant, at, GROUP_MAX).await?;
        if names.is_empty() {
            return damaged.map(|()| none);
        }
        let full = names.len() >= GROUP_MAX;
        // what would fail like that again is told at the end: it holds up nothing else
        let refused = match self.export_due_at(&names, at).await {
            Err(e) if e.class() == Class::Retry => return Err(e),
            told => damaged.and(told),
        };
        let mut more = full && round < TRAIN_ROUNDS_MAX;
        if more && refused.is_err() {
            let (left, _) = due_names(self, &train.merchant, at, GROUP_MAX).await?;
            more = left != names;
        }
        if !more {
            refused?;
        }
        Ok(Step { more, ..none })
    }

    /// An export that waits needs the train of its minute.
    pub(crate) async fn ensure_train(&self, merchant: &Slug, state: &ExportState) -> Result<(), StageError> {
        let ExportState::Waiting { due } = state else { return Ok(()) };
        let train = Train::new(merchant.clone(), on_the_minute(*due, Timestamp::MIN));
        if self.telling.knows_train(&train) {
            return Ok(());
        }
        self.ports.machines.ensure(&Execution::Train(train.clone())).await?;
        self.telling.keep_train(train);
        Ok(())
    }
}
