//! Export: telling merchants (spec match §8, §9). One attempt is one conversation; its verdict is written with the
//! attempt. Both merchants' protocols are `same-key`: after a crash between sending and writing, the same bytes under
//! the same key are sent again (design §4, unknown answers).

mod attempt;
mod batch;

use crate::{
    Harmonia, StageError,
    message::{self, Body, ExportName},
};
use futures::{StreamExt, stream};
use harmonia_definitions::{Definition, Export as Target};
use harmonia_domain::{
    export::{Export, ExportState, LastAttempt, Verdict},
    feed::Slug,
    file::File,
    identity::Identity,
    purchase::ExportKey,
};
use harmonia_exports::next_batch_run;
use harmonia_ports::{Queue, Read, Table};
use harmonia_state::{Stored, StoredIdentity, export_row_key, work};
use jiff::{SignedDuration, Timestamp};

/// How often a verdict is written again because the export changed elsewhere meanwhile.
const RECORD_TRIES_MAX: u32 = 5;
/// How many due exports one tick takes up per merchant and shard.
const DUE_MAX: usize = 100;
/// Exports sent at once by one message: a message's exports end within the function's time even if a merchant lets
/// every one of them wait for the deadline.
const SENT_AT_ONCE: usize = 50;

/// Design §3: a due instant is rounded up to a full minute at least 60 s ahead, so that a train has time to be made.
fn on_the_minute(due: Timestamp, now: Timestamp) -> Timestamp {
    let earliest = due.max(now.saturating_add(SignedDuration::from_secs(60)).unwrap_or(due));
    let into_minute = earliest.as_second().rem_euclid(60);
    let whole = into_minute == 0 && earliest.subsec_nanosecond() == 0;
    let minute = earliest.as_second() - into_minute + if whole { 0 } else { 60 };
    Timestamp::from_second(minute).unwrap_or(earliest)
}

impl Harmonia {
    pub(crate) fn definition(&self, merchant: &Slug) -> Result<&Definition, StageError> {
        self.definitions.get(merchant).ok_or_else(|| StageError::NoDefinition { merchant: merchant.clone() })
    }

    /// Whom to tell about a merchant's matches, if anybody.
    pub(crate) fn target_of(&self, merchant: &Slug) -> Result<Option<&Target>, StageError> {
        Ok(self.definition(merchant)?.export.as_ref())
    }

    /// Whom to tell about a merchant's matches.
    fn whom_to_tell(&self, merchant: &Slug) -> Result<&Target, StageError> {
        let target = self.target_of(merchant)?;
        target.ok_or_else(|| StageError::NoTarget { merchant: merchant.clone() })
    }

    async fn identity_of(&self, export: &Export) -> Result<Identity, StageError> {
        let who = &export.identity;
        let key = StoredIdentity::key_of(&export.merchant, &who.token, &who.id);
        let found: Option<Stored<StoredIdentity>> = self.store().find(&key).await?;
        let found = found.ok_or_else(|| StageError::Missing { what: "identity", name: who.id.to_string() })?;
        Ok(found.row.0)
    }

    /// Sends the exports that are due; the others are left as they are.
    pub async fn export(&self, names: &[ExportName]) -> Result<(), StageError> {
        let send = |name: ExportName| async move { self.export_one(&name.x, name.generation).await };
        let attempts = stream::iter(names.to_vec()).map(send);
        // a merchant that fails for one export does not keep the others of the message from being sent
        let results: Vec<Result<(), StageError>> = attempts.buffered(SENT_AT_ONCE).collect().await;
        results.into_iter().collect()
    }

    async fn export_one(&self, x: &ExportKey, generation: u32) -> Result<(), StageError> {
        let found: Option<Stored<Export>> = self.store().find(&export_row_key(x)).await?;
        let Some(stored) = found else { return Err(StageError::Missing { what: "export", name: x.sk.clone() }) };
        if stored.row.generation != generation || !stored.row.is_due(self.now()) {
            return Ok(());
        }
        let (verdict, last) = self.tell_one(&stored.row).await?;
        let verdict = match verdict {
            Verdict::Retry { due, why } => Verdict::Retry { due: on_the_minute(due, last.at), why },
            other => other,
        };
        self.record(stored, &verdict, &last).await
    }

    /// Writes the verdict of an attempt. A change from elsewhere (a correction of the amount) keeps its place.
    async fn record(&self, stored: Stored<Export>, verdict: &Verdict, last: &LastAttempt) -> Result<(), StageError> {
        let mut stored = stored;
        for _ in 0..RECORD_TRIES_MAX {
            let next = stored.row.attempted(verdict, last.clone())?;
            if self.store().replace(&stored, &next, &self.stamp("export")).await? {
                return Ok(());
            }
            let key = export_row_key(&stored.row.key());
            let found: Option<Stored<Export>> = self.store().get(&key, Read::Consistent).await?;
            match found {
                Some(found) if found.row.attempts == stored.row.attempts && found.row.state == stored.row.state => {
                    stored = found;
                }
                Some(found) if matches!(found.row.state, ExportState::Reversed { .. }) => {
                    return self.record_undone(found, verdict, last).await;
                }
                // somebody recorded an attempt of the same bytes: theirs stands
                _ => return Ok(()),
            }
        }
        Err(StageError::Unsettled { what: "an attempt's verdict", tries: RECORD_TRIES_MAX })
    }

    async fn tell_one(&self, export: &Export) -> Result<(Verdict, LastAttempt), StageError> {
        let identity = self.identity_of(export).await?;
        Ok(self
            .attempt(
                self.whom_to_tell(&export.merchant)?,
                &export.merchant,
                &[(export, &identity)],
                None,
                export.attempts,
            )
            .await)
    }

    /// What a clock brings (once a minute): repeats that are due, batch runs, lines that waited for the directory,
    /// files whose ranges do not come back. Returns the files that are stuck now.
    pub async fn tick(&self) -> Result<Vec<File>, StageError> {
        self.retry_due().await?;
        let now = self.now();
        for definition in self.definitions.iter() {
            if let Some(plan) = definition.batch() {
                let minute = i64::from(plan.every_s.max(60));
                if now.as_second().div_euclid(60) % (minute / 60) == 0 {
                    self.run_batches(&definition.merchant, false).await?;
                }
            }
        }
        self.sweep_directory().await?;
        self.sweep_files().await
    }

    /// The earliest instant at which a tick would find something to do; `None` if nothing waits. For clocks that jump.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StageError> {
        let mut earliest: Option<Timestamp> = None;
        let mut take = |at: Option<Timestamp>| {
            earliest = [earliest, at].into_iter().flatten().min();
        };
        for definition in self.definitions.iter() {
            let merchant = &definition.merchant;
            take(self.first(Table::Ledger, &work::batches(merchant)).await?);
            for shard in 0..work::SHARDS {
                take(self.first(Table::Ledger, &work::exports(merchant, "waiting", shard)).await?);
                let collecting = self.first(Table::Ledger, &work::exports(merchant, "collecting", shard)).await?;
                let run = definition.batch().map(|plan| next_batch_run(plan, self.now()));
                take(collecting.and(run));
            }
        }
        for shard in 0..work::SHARDS {
            take(self.first(Table::Book, &work::parked_directory(shard)).await?);
        }
        take(self.next_round().await?);
        Ok(earliest)
    }

    /// The instant of the first entry under a name.
    async fn first(&self, table: Table, name: &str) -> Result<Option<Timestamp>, StageError> {
        let entries = self.store().work(table, name, work::EVER, 1).await?;
        Ok(entries.first().and_then(|(work, _)| work.ws.split('#').next()?.parse().ok()))
    }

    /// Exports whose retry instant has come.
    pub async fn retry_due(&self) -> Result<(), StageError> {
        let due = work::due(self.now());
        for definition in self.definitions.iter() {
            let merchant = &definition.merchant;
            for shard in 0..work::SHARDS {
                let name = work::exports(merchant, "waiting", shard);
                let waiting = self.store().work(Table::Ledger, &name, &due, DUE_MAX).await?;
                let mut names = Vec::new();
                for (_, key) in waiting {
                    let found: Option<Stored<Export>> = self.store().get(&key, Read::Eventual).await?;
                    names.extend(found.map(|f| ExportName { x: f.row.key(), generation: f.row.generation }));
                }
                let queues = self.ports.queues.as_ref();
                let body = |items| Body::Exports { items };
                message::send(queues, Queue::Export, "tick", (Some(merchant), 0), &names, body).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Design §3: a full minute, at least 60 s ahead.
    #[test]
    fn due_instants_are_full_minutes() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2024-06-03T13:20:05Z");
        for (due, expected) in [
            ("2024-06-03T13:40:05Z", "2024-06-03T13:41:00Z"),
            ("2024-06-03T13:20:06Z", "2024-06-03T13:22:00Z"),
            ("2024-06-04T10:00:00Z", "2024-06-04T10:00:00Z"),
            ("2024-06-04T10:00:00.000001Z", "2024-06-04T10:01:00Z"),
        ] {
            assert_eq!(on_the_minute(at(due), now), at(expected), "{due}");
        }
        let exactly = at("2024-06-03T13:20:00Z");
        assert_eq!(on_the_minute(exactly, exactly), at("2024-06-03T13:21:00Z"));
    }
}
