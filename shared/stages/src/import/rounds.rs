//! The rounds in which the ranges of a large file are imported. Where there are state machines, `import-file` asks for
//! each round, maps over the ranges that it names, and asks again; else the ranges go out as messages and the clock
//! sends again what does not come back. Either way whoever finishes the last range closes the file, what is missing
//! is imported again, three rounds, then the file is stuck (design §4).

use crate::{
    Harmonia, StageError,
    message::{self, Body},
};
use harmonia_domain::file::{File, FileState};
use harmonia_metrics::FileEvent;
use harmonia_ports::{Bucket, Execution, FileRounds, Queue, Read, Table};
use harmonia_state::{FileKey, Range, Stored, file_key, work};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// Ranges that do not come back as messages are sent again after this: three times the function's timeout, with five
/// receives.
const ROUND_MIN: i64 = 15;
/// An execution that began no new round for so long has died: 5 GiB are some 2,500 ranges, ten at once, each well
/// below a minute.
const EXECUTION_MIN: i64 = 6 * 60;
/// The machine waits so long before each further round, so that what kept the ranges from finishing may pass.
const PAUSES_S: [u32; 3] = [60, 300, 900];
/// Open files that one sweep looks at.
const SWEEP_MAX: usize = 100;

/// What the machine does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Next {
    /// The ranges of this round.
    Ranges,
    /// Nothing: the file is finished, or another execution has taken it up.
    Done,
    /// Nothing: a person has to look at it.
    Stuck,
}

/// A round of a file, as the machine is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// The round after this one.
    pub rounds: FileRounds,
    /// See [`Next`].
    pub next: Next,
    /// The object of the work bucket that lists the round's ranges; empty if there are none.
    pub object: String,
    /// Wait so long before them.
    pub pause_s: u32,
}

/// An entry of a round's object.
#[derive(serde::Serialize)]
struct Listed {
    number: u64,
}

fn round_object(rounds: &FileRounds) -> String {
    format!("rounds/{}/g{}-{}.json", rounds.id, rounds.generation, rounds.round)
}

impl Harmonia {
    /// Closes the file if all of its ranges are there; else says which are to be imported in this round. Asked again,
    /// it says the same.
    pub async fn import_round(&self, rounds: &FileRounds) -> Result<Round, StageError> {
        let missing = || StageError::Missing { what: "file", name: rounds.file.sk.clone() };
        let found: Option<Stored<File>> = self.store().get(&rounds.file, Read::Consistent).await?;
        let stored = found.ok_or_else(missing)?;
        let after = FileRounds { round: rounds.round.saturating_add(1), ..rounds.clone() };
        let none = |next| Round { rounds: after.clone(), next, object: String::new(), pause_s: 0 };
        if stored.row.finished() || stored.row.generation != rounds.generation {
            return Ok(none(Next::Done));
        }
        let numbers = match stored.row.state {
            FileState::Stuck => return Ok(none(Next::Stuck)),
            FileState::Importing => self.missing_ranges(&stored.row).await?,
            _ => Vec::new(),
        };
        if numbers.is_empty() {
            self.finish_file(stored).await?;
            return Ok(none(Next::Done));
        }
        let (next, ours) = self.change(&stored, stored.row.in_round(rounds.round, self.now())).await?;
        match next.row.state {
            FileState::Importing => {}
            FileState::Stuck => {
                if ours {
                    self.note_file(&next.row.feed, FileEvent::Stuck);
                }
                return Ok(none(Next::Stuck));
            }
            // a range of an earlier round came back after all
            _ => {
                self.finish_file(next).await?;
                return Ok(none(Next::Done));
            }
        }
        let object = round_object(rounds);
        let listed: Vec<Listed> = numbers.into_iter().map(|number| Listed { number }).collect();
        let json = serde_json::to_vec(&listed).map_err(|e| StageError::Message { why: e.to_string() })?;
        self.ports.objects.put_new(Bucket::Work, &object, json).await?;
        let before = rounds.round.checked_sub(1).and_then(|n| usize::try_from(n).ok());
        let pause_s = before.and_then(|n| PAUSES_S.get(n)).copied().unwrap_or(0);
        Ok(Round { rounds: after, next: Next::Ranges, object, pause_s })
    }

    /// Has the ranges of a file imported that have no result yet.
    pub(super) async fn start_ranges(&self, file: &File) -> Result<(), StageError> {
        if !self.ports.machines.run() {
            return self.send_missing(file).await;
        }
        let key = file_key(&file.feed, file.arrived, &file.id).key();
        let (id, generation, round) = (file.id.clone(), file.generation, file.round);
        let execution = Execution::Round(FileRounds { file: key, id, generation, round });
        Ok(self.ports.machines.ensure(&execution).await?)
    }

    pub(super) async fn missing_ranges(&self, file: &File) -> Result<Vec<u64>, StageError> {
        let there: BTreeSet<u64> = self.ranges(&file.id).await?.into_iter().map(|range: Range| range.number).collect();
        Ok((0..file.ranges).filter(|number| !there.contains(number)).collect())
    }

    /// Sends the ranges that have no result yet, each as a message of its own; the first one if all have, so that
    /// somebody closes the file.
    async fn send_missing(&self, file: &File) -> Result<(), StageError> {
        let mut missing = self.missing_ranges(file).await?;
        if missing.is_empty() {
            missing.push(0);
        }
        let queues = self.ports.queues.as_ref();
        let key = file_key(&file.feed, file.arrived, &file.id);
        for number in missing {
            let body = |_| Body::Range { file: key.clone(), number };
            message::send(queues, Queue::Ranges, file.id.as_str(), (None, 0), &[()], body).await?;
        }
        Ok(())
    }

    /// Files whose ranges do not come back: imported again, three rounds. Files that are closed, but whose next stage
    /// was never told because whoever was about to has died: told of now. Returns those that are stuck now.
    pub async fn sweep_files(&self) -> Result<Vec<File>, StageError> {
        let now = self.now();
        let (mut stuck, mut before, mut finished) = (Vec::new(), 0, Ok(()));
        for stored in self.open_files().await? {
            if stored.row.state == FileState::Stuck {
                before += 1;
                continue;
            }
            if self.round_due(&stored.row) > now {
                continue;
            }
            if stored.row.state != FileState::Importing {
                // one that cannot be finished holds up no other
                finished = finished.and(self.finish_file(stored).await.map(drop));
                continue;
            }
            let (next, ours) = self.change(&stored, stored.row.taken_up(now)).await?;
            match next.row.state {
                FileState::Importing => self.start_ranges(&next.row).await?,
                FileState::Stuck => {
                    if ours {
                        self.note_file(&next.row.feed, FileEvent::Stuck);
                    }
                    stuck.push(next.row);
                }
                _ => {}
            }
        }
        self.note_stuck(before + stuck.len());
        finished.map(|()| stuck)
    }

    /// Files that are not finished, oldest first.
    pub async fn open_files(&self) -> Result<Vec<Stored<File>>, StageError> {
        let mut files = Vec::new();
        for (_, key) in self.store().work(Table::Ledger, work::OPEN_FILES, work::EVER, SWEEP_MAX).await? {
            files.extend(self.store().get::<File>(&key, Read::Consistent).await?);
        }
        Ok(files)
    }

    /// When the next round of an open file is due.
    pub(crate) async fn next_round(&self) -> Result<Option<Timestamp>, StageError> {
        let open = self.open_files().await?;
        let waits = open.iter().filter(|file| file.row.state != FileState::Stuck);
        Ok(waits.map(|file| self.round_due(&file.row)).min())
    }

    fn round_due(&self, file: &File) -> Timestamp {
        // a file of one range is imported by the message that announces it
        let by_machine = self.ports.machines.run() && file.ranges > 1 && file.state == FileState::Importing;
        let minutes = SignedDuration::from_mins(if by_machine { EXECUTION_MIN } else { ROUND_MIN });
        file.done.unwrap_or(file.sent).saturating_add(minutes).unwrap_or(Timestamp::MAX)
    }

    /// Tries a stuck file again: only what is missing is imported.
    pub async fn retry_file(&self, key: &FileKey) -> Result<File, StageError> {
        let missing = || StageError::Missing { what: "file", name: key.group() };
        let stored: Stored<File> = self.store().get(&key.key(), Read::Consistent).await?.ok_or_else(missing)?;
        let (next, _) = self.change(&stored, stored.row.retried(self.now())?).await?;
        self.start_ranges(&next.row).await?;
        Ok(next.row)
    }
}
