//! A merchant's batch run: which batches there are, then one after another. Where there are state machines,
//! `batch-export` calls once for each; else one call goes through all of them.
//!
//! The list of a run is an object, written once, so that a call that is repeated goes on with the same list. What a
//! run leaves (it died, or a batch waits for its back-off) the next run finds in the index.

use super::{clock::minute_of, train::Step};
use crate::{Harmonia, StageError};
use harmonia_domain::{
    export::{Batch, BatchState},
    feed::Slug,
    purchase::ExportKey,
    time::sortable,
};
use harmonia_ports::{BatchMinute, Bucket, Class, Key, ObjectError, Query, Read, Table, Work};
use harmonia_state::{Row, Stored, StoredError, batch_pk, work};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Exports that one run takes up per shard: bounded work for one invocation; the next run takes the rest.
const COLLECTED_MAX: usize = 1_000;
/// Batches of one run: the history of its execution stays below what it may have. The next run takes the rest.
pub const RUN_BATCHES_MAX: usize = 1_000;

impl Harmonia {
    /// The merchant's batch run, now. `held`: batches that wait for their back-off are sent as well.
    pub async fn run_batches(&self, merchant: &Slug, held: bool) -> Result<(), StageError> {
        if self.holds_back(merchant).await? {
            return Ok(());
        }
        let mut told = Ok(());
        for key in self.plan_run(merchant, minute_of(self.now()), held).await? {
            // each batch stands for itself (D9)
            told = told.and(self.carry_on_batch(&key, held).await);
        }
        told
    }

    /// Tells one batch of a run.
    pub async fn batch_step(&self, run: &BatchMinute) -> Result<Step<BatchMinute>, StageError> {
        let done = Step { execution: run.clone(), more: false };
        if self.holds_back(&run.merchant).await? {
            return Ok(done);
        }
        let keys = self.listed_run(run).await?;
        let at = usize::try_from(run.at).unwrap_or(usize::MAX);
        let Some(key) = keys.get(at) else { return Ok(done) };
        let failed = match self.carry_on_batch(key, false).await {
            Ok(()) => run.failed,
            // nothing would be better for being called again; the others are told all the same
            Err(e) if e.class() != Class::Retry => run.failed.saturating_add(1),
            Err(e) => return Err(e),
        };
        let execution = BatchMinute { at: run.at.saturating_add(1), failed, ..run.clone() };
        Ok(Step { execution, more: at + 1 < keys.len() })
    }

    /// The batches of a run, as they were listed when it began.
    async fn listed_run(&self, run: &BatchMinute) -> Result<Vec<Key>, StageError> {
        let object = format!("batches/{}/run-{}.json", run.merchant, run.minute.strftime("%Y%m%dT%H%M"));
        let unreadable =
            |e: serde_json::Error| StageError::Message { why: format!("run {object}: {:?}", e.classify()) };
        match self.ports.objects.get(Bucket::Archive, &object, None).await {
            Ok(json) => return serde_json::from_slice(&json).map_err(unreadable),
            Err(ObjectError::Missing { .. }) => {}
            Err(e) => return Err(e.into()),
        }
        let keys = self.plan_run(&run.merchant, run.minute, false).await?;
        if keys.is_empty() {
            return Ok(keys);
        }
        let json = serde_json::to_vec(&keys).map_err(unreadable)?;
        self.ports.objects.put_new(Bucket::Archive, &object, json).await?;
        Ok(keys)
    }

    /// Is there anything to tell in batches? As far as the index knows.
    pub(super) async fn has_batches(&self, merchant: &Slug) -> Result<bool, StageError> {
        let now = work::due(self.now());
        if !self.store().work(Table::Ledger, &work::batches(merchant), &now, 1).await?.is_empty() {
            return Ok(true);
        }
        for shard in 0..work::SHARDS {
            let name = work::exports(merchant, "collecting", shard);
            if !self.store().work(Table::Ledger, &name, work::EVER, 1).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What earlier runs left, then new batches of what has collected.
    async fn plan_run(&self, merchant: &Slug, run: Timestamp, held: bool) -> Result<Vec<Key>, StageError> {
        let until = if held { work::EVER.to_owned() } else { work::due(self.now()) };
        let mut keys = Vec::new();
        // members that a run gave to a batch before it died
        let mut given: BTreeSet<ExportKey> = BTreeSet::new();
        for (_, key) in self.store().work(Table::Ledger, &work::batches(merchant), &until, RUN_BATCHES_MAX).await? {
            let found: Option<Stored<Batch>> = match self.store().get(&key, Read::Consistent).await {
                // it stays listed, and whoever is to carry it on says so
                Err(StoredError::Damaged { .. }) => None,
                found => found?,
            };
            if let Some(batch) = found.filter(|batch| batch.row.state == BatchState::Draft) {
                given.extend(self.manifest(&batch.row).await?);
            }
            keys.push(key);
        }
        let size = self.definition(merchant)?.batch().map_or(1, |plan| usize::from(plan.size.max(1)));
        let mut collected = self.collected(merchant).await?;
        collected.retain(|x| !given.contains(x));
        if collected.is_empty() {
            return Ok(keys);
        }
        let mut number = self.batches_of_run(merchant, run).await?;
        let room = RUN_BATCHES_MAX.saturating_sub(keys.len());
        for members in collected.chunks(size).take(room) {
            keys.push(self.draft(merchant, run, number, members).await?.row.key());
            number += 1;
        }
        Ok(keys)
    }

    async fn carry_on_batch(&self, key: &Key, held: bool) -> Result<(), StageError> {
        let found: Option<Stored<Batch>> = self.store().get(key, Read::Consistent).await?;
        match found {
            Some(batch) => self.advance(batch, held).await,
            None => Ok(()),
        }
    }

    /// Exports that wait for a batch, oldest first (D24).
    async fn collected(&self, merchant: &Slug) -> Result<Vec<ExportKey>, StageError> {
        let mut all: Vec<(Work, ExportKey)> = Vec::new();
        for shard in 0..work::SHARDS {
            let name = work::exports(merchant, "collecting", shard);
            let found = self.store().work(Table::Ledger, &name, work::EVER, COLLECTED_MAX).await?;
            all.extend(found.into_iter().map(|(work, key)| (work, ExportKey { pk: key.pk, sk: key.sk })));
        }
        all.sort_by(|(a, x), (b, y)| (&a.ws, x).cmp(&(&b.ws, y)));
        Ok(all.into_iter().map(|(_, key)| key).collect())
    }

    async fn batches_of_run(&self, merchant: &Slug, run: Timestamp) -> Result<u32, StageError> {
        let query = Query::prefix(Table::Ledger, batch_pk(merchant), &format!("{}#", sortable(run)));
        let rows = self.store().list::<Batch>(&query).await?;
        Ok(rows.iter().map(|b| b.row.number + 1).max().unwrap_or(0))
    }
}
