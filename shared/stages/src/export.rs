//! Export: telling merchants (spec match §8, §9). One attempt is one conversation; its verdict is written with the
//! attempt. What may be done after a crash between sending and writing is the target's `repeat` (design §4, unknown
//! answers): with `same-key` the same bytes under the same key are sent again; the others mark the export before they
//! send, and whoever finds the mark later asks the merchant's history first, or leaves it to a person.

mod attempt;
mod batch;
mod clock;
mod door;
mod memory;
mod redrive;
mod run;
mod train;
mod unmatched;

pub use memory::Memory;
pub use redrive::{ListedExport, Listing, Redrive, RedriveError};
pub use run::RUN_BATCHES_MAX;
pub use train::{Step, TRAIN_ROUNDS_MAX};

use crate::{Harmonia, StageError, message::ExportName};
use attempt::{About, Came};
use door::{Permit, Reach};
use futures::{StreamExt, stream};
use harmonia_definitions::{Definition, Export as Target, Repeat};
use harmonia_domain::{
    Refused,
    export::{Export, ExportState, LastAttempt, Verdict},
    feed::Slug,
    identity::Identity,
    sale::Sale,
};
use harmonia_exports::{Telling, before, next_batch_run};
use harmonia_ports::{Read, Table};
use harmonia_state::{Stored, StoredError, StoredIdentity, export_row_key, sale_key, work};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How often a verdict is written again because the export changed elsewhere meanwhile.
const RECORD_TRIES_MAX: u32 = 5;
/// Exports sent at once by one message: a message's exports end within the function's time even if a merchant lets
/// every one of them wait for the deadline.
const SENT_AT_ONCE: usize = 50;

/// Design §3: a due instant is rounded up to a full minute at least 60 s ahead, so that a train has time to be made.
pub(crate) fn on_the_minute(due: Timestamp, now: Timestamp) -> Timestamp {
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

    /// Whose card it was.
    async fn identity_of(&self, export: &Export) -> Result<Identity, StageError> {
        let who = &export.identity;
        let key = StoredIdentity::key_of(export.member_of(), &who.token, &who.id);
        let found: Option<Stored<StoredIdentity>> = self.store().find(&key).await?;
        let found = found.ok_or_else(|| StageError::Missing { what: "identity", name: who.id.to_string() })?;
        Ok(found.row.0)
    }

    /// What the feed keeps of the sale beyond the common fields, if the target tells it.
    async fn extra_of(&self, target: &Target, export: &Export) -> Result<Map<String, Value>, StageError> {
        let Some(id) = export.sale.as_ref().filter(|_| target.protocol.reads_sale()) else { return Ok(Map::new()) };
        let found: Option<Stored<Sale>> = self.store().find(&sale_key(&export.merchant, id)).await?;
        let sale = found.ok_or_else(|| StageError::Missing { what: "sale", name: id.clone() })?.row;
        Ok(match sale.extra {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        })
    }

    /// Sends the exports that are due; the others are left as they are.
    pub async fn export(&self, names: &[ExportName]) -> Result<(), StageError> {
        self.export_due_at(names, self.now()).await
    }

    async fn export_due_at(&self, names: &[ExportName], at: Timestamp) -> Result<(), StageError> {
        let read = |name: ExportName| async move {
            let found: Option<Stored<Export>> = self.store().find(&export_row_key(&name.x)).await?;
            let stored = found.ok_or(StageError::Missing { what: "export", name: name.x.sk })?;
            Ok::<_, StageError>((stored.row.generation == name.generation).then_some(stored))
        };
        let read: Vec<_> = stream::iter(names.to_vec()).map(read).buffered(SENT_AT_ONCE).collect().await;
        let mut result = Ok(());
        let mut due: BTreeMap<Slug, Vec<Stored<Export>>> = BTreeMap::new();
        for found in read {
            match found {
                Ok(Some(stored)) if stored.row.is_due(at) => {
                    due.entry(stored.row.merchant.clone()).or_default().push(stored);
                }
                Ok(_) => {}
                // one that cannot be read does not keep the others of the message from being sent
                Err(e) => result = Err(e),
            }
        }
        for (merchant, exports) in due {
            if let Err(e) = self.tell_some(&merchant, exports).await {
                result = Err(e);
            }
        }
        result
    }

    /// Tells a merchant about some exports, as many at once as it takes.
    async fn tell_some(&self, merchant: &Slug, exports: Vec<Stored<Export>>) -> Result<(), StageError> {
        let target = self.whom_to_tell(merchant)?;
        let most = target.at_once.map_or(SENT_AT_ONCE, usize::from);
        let (mut left, mut result) = (exports, Ok(()));
        while !left.is_empty() {
            let granted = match self.permit(target, merchant, left.len().min(most)).await? {
                Permit::Go(granted) => granted.clamp(1, left.len()),
                Permit::NotBefore(due) => {
                    self.put_off(left, due).await?;
                    return result;
                }
            };
            let later = left.split_off(granted);
            let attempts = stream::iter(left).map(|stored| self.tell_one(target, stored));
            let attempts: Vec<Result<Reach, StageError>> = attempts.buffered(granted).collect().await;
            let reached: Vec<Reach> = attempts.iter().filter_map(|r| r.as_ref().ok().copied()).collect();
            self.heard(merchant, &reached).await?;
            if let Some(e) = attempts.into_iter().find_map(Result::err) {
                result = Err(e);
            }
            left = later;
        }
        result
    }

    /// One attempt, from the mark to the verdict.
    #[tracing::instrument(level = "error", skip_all, fields(merchant = %stored.row.merchant, export = %stored.row.id))]
    async fn tell_one(&self, target: &Target, stored: Stored<Export>) -> Result<Reach, StageError> {
        if target.skips(stored.row.facts.amount) {
            let why = "below the amount that is told".to_owned();
            self.end(stored, Verdict::Skipped { why }).await?;
            return Ok(Reach::NotTried);
        }
        // found while attempting: whoever made that attempt did not live to write what came of it
        let died = matches!(stored.row.state, ExportState::Attempting { .. });
        if died && target.repeat == Repeat::Never {
            let why = "the answer was lost: nobody lived to note it".to_owned();
            self.end(stored, Verdict::Unconfirmed { why }).await?;
            return Ok(Reach::NotTried);
        }
        let identity = self.identity_of(&stored.row).await?;
        let extra = self.extra_of(target, &stored.row).await?;
        let stored = if target.repeat == Repeat::SameKey {
            stored
        } else {
            let next = |row: &Export| row.attempting(self.attempt_ends(target), died);
            // somebody else is at it
            let Some(marked) = self.moved(stored, next, true).await? else { return Ok(Reach::NotTried) };
            marked
        };
        let row = &stored.row;
        let telling = Telling { export: row, identity: &identity, extra: &extra };
        let before = before(target, row.attempts, row.facts.at, row.created);
        let about = About { merchant: &row.merchant, tellings: &[telling], batch: None, before, unsure: row.unsure };
        let came = self.attempt(target, &about).await?;
        let reach = came.reach;
        self.record(stored, &came).await?;
        Ok(reach)
    }

    /// Writes the verdict of what needed no request.
    async fn end(&self, stored: Stored<Export>, verdict: Verdict) -> Result<(), StageError> {
        let last = LastAttempt::new(self.now(), None, verdict.words());
        self.record(stored, &Came { verdict, last, unsure: false, reach: Reach::NotTried }).await
    }

    /// Puts exports off without an attempt. One that changed meanwhile is somebody else's.
    async fn put_off(&self, exports: Vec<Stored<Export>>, due: Timestamp) -> Result<(), StageError> {
        let due = on_the_minute(due, self.now());
        for stored in exports {
            // what a clock brought waits already, and is found again at once when the merchant may be told; so is what
            // was found while attempting, and put off it would be forgotten that the merchant may have it
            if matches!(stored.row.state, ExportState::Waiting { .. } | ExportState::Attempting { .. }) {
                continue;
            }
            if let Some(moved) = self.moved(stored, |row| row.put_off(due), false).await? {
                self.ensure_train(&moved.row.merchant, &moved.row.state).await?;
            }
        }
        Ok(())
    }

    /// Moves an export on from where it stands; `alone`: two that find it at one instant must not both believe that
    /// they did. A change from elsewhere (a correction of the amount) keeps its place; `None`: somebody else has moved
    /// it on.
    async fn moved(
        &self,
        stored: Stored<Export>,
        next: impl Fn(&Export) -> Result<Export, Refused>,
        alone: bool,
    ) -> Result<Option<Stored<Export>>, StageError> {
        let mut stored = stored;
        for _ in 0..RECORD_TRIES_MAX {
            let row = next(&stored.row)?;
            let (store, stamp) = (self.store(), self.stamp("export"));
            let moved = if alone {
                store.replace_alone(&stored, &row, &stamp).await?
            } else {
                store.replace(&stored, &row, &stamp).await?
            };
            if moved {
                return Ok(Some(Stored { row, version: stored.version + 1 }));
            }
            let key = export_row_key(&stored.row.key());
            let found: Option<Stored<Export>> = self.store().get(&key, Read::Consistent).await?;
            let same = |found: &Stored<Export>| {
                (found.row.attempts, found.row.generation, &found.row.state)
                    == (stored.row.attempts, stored.row.generation, &stored.row.state)
            };
            match found.filter(same) {
                Some(found) => stored = found,
                None => return Ok(None),
            }
        }
        Err(StageError::Unsettled { what: "where an export stands", tries: RECORD_TRIES_MAX })
    }

    /// Writes the verdict of an attempt.
    async fn record(&self, stored: Stored<Export>, came: &Came) -> Result<(), StageError> {
        let key = export_row_key(&stored.row.key());
        let next = |row: &Export| row.attempted(&came.verdict, came.last.clone(), came.unsure);
        if let Some(moved) = self.moved(stored, next, false).await? {
            let Export { id, merchant, attempts, state, .. } = &moved.row;
            let Came { verdict, last, .. } = came;
            self.note_delivery(merchant, verdict, 1);
            let (status, why) = (last.status, verdict.words());
            tracing::info!(export = %id, %merchant, attempts, status, why, verdict = verdict.name(), "told");
            return self.ensure_train(merchant, state).await;
        }
        let found: Option<Stored<Export>> = self.store().get(&key, Read::Consistent).await?;
        match found {
            Some(found) if matches!(found.row.state, ExportState::Reversed { .. }) => {
                self.record_undone(found, &came.verdict, &came.last).await
            }
            // somebody recorded an attempt of the same bytes: theirs stands
            _ => Ok(()),
        }
    }

    /// The earliest instant at which a tick would find something to do; `None` if nothing waits. For clocks that jump.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StageError> {
        let mut earliest: Option<Timestamp> = None;
        let mut take = |at: Option<Timestamp>| {
            earliest = [earliest, at].into_iter().flatten().min();
        };
        for definition in self.definitions.iter() {
            let merchant = &definition.merchant;
            let mut first = self.first(Table::Ledger, &work::batches(merchant)).await?;
            for shard in 0..work::SHARDS {
                let waiting = self.first(Table::Ledger, &work::exports(merchant, "waiting", shard)).await?;
                let collecting = self.first(Table::Ledger, &work::exports(merchant, "collecting", shard)).await?;
                let run = definition.batch().map(|plan| next_batch_run(plan, self.now()));
                first = [first, waiting, collecting.and(run)].into_iter().flatten().min();
            }
            if let Some(first) = first {
                take(self.not_before(merchant, first).await?);
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
}

/// A merchant's exports that are due, about `most` of them; and an error if there is one that cannot be read.
async fn due_names(
    harmonia: &Harmonia,
    merchant: &Slug,
    at: Timestamp,
    most: usize,
) -> Result<(Vec<ExportName>, Result<(), StageError>), StageError> {
    let (mut names, mut damaged, until) = (Vec::new(), Ok(()), work::due(at));
    for shard in 0..work::SHARDS {
        let name = work::exports(merchant, "waiting", shard);
        for (_, key) in harmonia.store().work(Table::Ledger, &name, &until, most).await? {
            let found: Option<Stored<Export>> = match harmonia.store().get(&key, Read::Eventual).await {
                // it stays listed, and is told of once the others have been taken along
                Err(e @ StoredError::Damaged { .. }) => {
                    damaged = Err(e.into());
                    continue;
                }
                found => found?,
            };
            // the index may be behind: what has been told meanwhile is no longer due
            let due = found.filter(|stored| stored.row.is_due(at));
            names.extend(due.map(|f| ExportName { x: f.row.key(), generation: f.row.generation }));
        }
        if names.len() >= most {
            break;
        }
    }
    Ok((names, damaged))
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod minutes {
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
