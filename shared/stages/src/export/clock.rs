//! What the clock brings: the tick, once a minute, and the sweep, every five minutes. With state machines both only
//! start executions; without, they do the work.

use super::{due_names, on_the_minute};
use crate::{
    Harmonia, StageError,
    message::{self, Body},
};
use harmonia_definitions::BatchPlan;
use harmonia_domain::file::File;
use harmonia_exports::next_batch_run;
use harmonia_ports::{BatchMinute, Execution, Queue, Train};
use jiff::{SignedDuration, Timestamp};

/// A train has had its chance by then; what is still due is the sweep's.
const TRAIN_LATE_S: i64 = 300;
/// How many due exports one tick takes up per merchant and shard.
const DUE_MAX: usize = 100;

/// Is this a minute at which something runs that runs every so many seconds, counted from midnight UTC?
fn runs_at(now: Timestamp, every_s: u32) -> bool {
    now.as_second().rem_euclid(86_400).div_euclid(60) % i64::from((every_s / 60).max(1)) == 0
}

/// The minute that an instant is in.
pub(super) fn minute_of(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second().div_euclid(60) * 60).unwrap_or(now)
}

/// Is this a minute at which a merchant's batches run?
fn batch_runs_at(now: Timestamp, plan: &BatchPlan) -> bool {
    let minute = minute_of(now);
    next_batch_run(plan, minute.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(minute)) == minute
}

impl Harmonia {
    /// Once a minute: batch runs and collectors of unmatched payments, whichever merchant has one now; lines that
    /// waited for the directory; and, where there are no trains, exports that are due.
    pub async fn tick(&self) -> Result<(), StageError> {
        // one export that cannot be read holds up nothing else
        let mut told = if self.ports.machines.run() { Ok(()) } else { self.retry_due().await };
        let now = self.now();
        for definition in self.definitions.iter() {
            if definition.unmatched.as_ref().is_some_and(|unmatched| runs_at(now, unmatched.every_s)) {
                told = told.and(self.collect_unmatched(&definition.merchant).await.map(drop));
            }
            if definition.batch().is_some_and(|plan| batch_runs_at(now, plan)) {
                let (merchant, minute) = (definition.merchant.clone(), minute_of(now));
                told = told.and(self.start_batches(BatchMinute { merchant, minute, at: 0, failed: 0 }).await);
            }
        }
        told.and(self.sweep_directory().await)
    }

    /// A run that has something to tell.
    async fn start_batches(&self, run: BatchMinute) -> Result<(), StageError> {
        if !self.ports.machines.run() {
            return self.run_batches(&run.merchant, false).await;
        }
        if self.has_batches(&run.merchant).await? {
            self.ports.machines.ensure(&Execution::Batch(run)).await?;
        }
        Ok(())
    }

    /// Every five minutes: what trains and executions have left behind. Returns the files that are stuck now.
    pub async fn sweep(&self) -> Result<Vec<File>, StageError> {
        let told = if self.ports.machines.run() { self.retry_due().await } else { Ok(()) };
        let stuck = self.sweep_files().await?;
        told.map(|()| stuck)
    }

    /// Exports whose instant has come, of all merchants: what trains left behind gets another train; what has no trains
    /// is told.
    pub async fn retry_due(&self) -> Result<(), StageError> {
        let by_train = self.ports.machines.run();
        let now = self.now();
        let late = SignedDuration::from_secs(if by_train { TRAIN_LATE_S } else { 0 });
        let due = now.saturating_sub(late).unwrap_or(Timestamp::MIN);
        let most = if by_train { 1 } else { DUE_MAX };
        let mut result = Ok(());
        for definition in self.definitions.iter().filter(|definition| definition.export.is_some()) {
            let merchant = &definition.merchant;
            let (names, damaged) = due_names(self, merchant, due, most).await?;
            result = result.and(damaged);
            if names.is_empty() || self.holds_back(merchant).await? {
                continue;
            }
            if by_train {
                let train = Train::new(merchant.clone(), on_the_minute(now, now));
                self.ports.machines.ensure(&Execution::Train(train)).await?;
                continue;
            }
            let (queues, body) = (self.ports.queues.as_ref(), |items| Body::Exports { items });
            message::send(queues, Queue::Export, "tick", (Some(merchant), 0), &names, body).await?;
        }
        result
    }
}
