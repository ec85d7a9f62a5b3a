//! Batches (spec match §8.5, D9): each stands for itself, with its own members and uid in every attempt.
//!
//! The way of a batch: draft manifest, conditional assignment of the members, final manifest, delivery, marking.
//! Whatever crashes, the next run finds the batch in the index and goes on; whoever lost the assignment of an export
//! leaves it out of the final manifest.

use super::{
    attempt::{About, Came},
    door::Reach,
};
use crate::{Harmonia, StageError};
use futures::{StreamExt, TryStreamExt, stream};
use harmonia_definitions::Protocol;
use harmonia_domain::{
    export::{Batch, BatchState, Export, ExportState, LastAttempt, Verdict},
    feed::Slug,
    purchase::ExportKey,
};
use harmonia_exports::{BatchRun, Telling};
use harmonia_ports::{Bucket, Read};
use harmonia_state::{Row, Sequence, Stored, ToldUid, export_row_key};
use jiff::Timestamp;

/// Steps of one batch in one run: draft, sealed, attempted, closed, and one more to find it closed.
const STEPS_MAX: usize = 5;

/// Uids noted at once: enough to hide the round trips of one function.
const NOTED_AT_ONCE: usize = 16;

/// What a protocol may know of a batch.
fn batch_run<'a>(batch: &Batch, uid: &'a str) -> BatchRun<'a> {
    BatchRun { uid, run: batch.run, number: batch.number, sequence: batch.sequence }
}

impl Harmonia {
    pub(super) async fn draft(
        &self,
        merchant: &Slug,
        run: Timestamp,
        number: u32,
        members: &[ExportKey],
    ) -> Result<Stored<Batch>, StageError> {
        let batch = Batch::draft(merchant.clone(), run, number, String::new());
        let manifest = self.put_manifest(&batch, "draft", members).await?;
        let batch = Batch { manifest, ..batch };
        let there = self.store().insert(&batch, &self.stamp("batch")).await?;
        Ok(there.unwrap_or(Stored { row: batch, version: 1 }))
    }

    /// Writes a manifest under the hash of its content, so that an older one is never overwritten or mistaken for it.
    async fn put_manifest(&self, batch: &Batch, what: &str, members: &[ExportKey]) -> Result<String, StageError> {
        let text = serde_json::to_vec(members).unwrap_or_default();
        let hash = harmonia_domain::ids::sha256_hex(&text);
        let short = hash.get(..16).unwrap_or_default();
        let name = format!("batches/{}/{}-{what}-{short}.json", batch.merchant, batch.id);
        self.ports.objects.put_new(Bucket::Archive, &name, text).await?;
        Ok(name)
    }

    /// Who is in a batch, or is to be.
    pub(super) async fn manifest(&self, batch: &Batch) -> Result<Vec<ExportKey>, StageError> {
        let text = self.ports.objects.get(Bucket::Archive, &batch.manifest, None).await?;
        serde_json::from_slice(&text)
            .map_err(|e| StageError::Message { why: format!("manifest {}: {:?}", batch.manifest, e.classify()) })
    }

    async fn members(&self, batch: &Batch) -> Result<Vec<Stored<Export>>, StageError> {
        let keys = self.manifest(batch).await?;
        let mut members = Vec::with_capacity(keys.len());
        for key in keys {
            let found: Option<Stored<Export>> = self.store().get(&export_row_key(&key), Read::Consistent).await?;
            members.push(found.ok_or(StageError::Missing { what: "export", name: key.sk })?);
        }
        Ok(members)
    }

    /// Takes a batch as far as it goes now.
    #[tracing::instrument(level = "error", skip_all, fields(merchant = %batch.row.merchant, batch = %batch.row.id))]
    pub(super) async fn advance(&self, batch: Stored<Batch>, held: bool) -> Result<(), StageError> {
        let (mut batch, mut attempted) = (batch, false);
        for _ in 0..STEPS_MAX {
            let next = match &batch.row.state {
                BatchState::Closed => return Ok(()),
                BatchState::Draft => self.assign(&batch.row).await?,
                BatchState::Waiting { due } if attempted || (*due > self.now() && !held) => return Ok(()),
                BatchState::Waiting { .. } => {
                    attempted = true;
                    self.tell_batch(&batch.row).await?
                }
                BatchState::Delivered { .. } | BatchState::Failed { .. } => self.mark_members(&batch.row).await?,
            };
            if self.store().replace(&batch, &next, &self.stamp("batch")).await? {
                batch = Stored { row: next, version: batch.version + 1 };
                continue;
            }
            // another run is at it: look at what it wrote
            let found: Option<Stored<Batch>> = self.store().get(&batch.row.key(), Read::Consistent).await?;
            batch = found.ok_or_else(|| StageError::Missing { what: "batch", name: batch.row.id.to_string() })?;
        }
        Ok(())
    }

    /// Assigns the members; whoever is in another batch by now, or cannot be told at all, is left out.
    async fn assign(&self, batch: &Batch) -> Result<Batch, StageError> {
        let mut own = Vec::new();
        for member in self.members(batch).await? {
            if self.cannot_be_told(&member, batch).await? {
                continue;
            }
            let mine = ExportState::Batched { batch: batch.id.clone() };
            let is_own = match &member.row.state {
                ExportState::Collecting => {
                    let next = member.row.batched(&batch.id)?;
                    self.store().replace(&member, &next, &self.stamp("batch")).await? || {
                        let key = export_row_key(&member.row.key());
                        let found: Option<Stored<Export>> = self.store().get(&key, Read::Consistent).await?;
                        found.is_some_and(|f| f.row.state == mine)
                    }
                }
                state => *state == mine,
            };
            if is_own {
                own.push(member.row);
            }
        }
        if own.is_empty() {
            return Ok(batch.closed()?);
        }
        self.note_uids(&batch.merchant, &own).await?;
        let own: Vec<ExportKey> = own.iter().map(Export::key).collect();
        let manifest = self.put_manifest(batch, "final", &own).await?;
        let sequence = match &self.whom_to_tell(&batch.merchant)?.protocol {
            Protocol::File(file) if file.numbered() => Some(self.next_sequence(batch).await?),
            _ => None,
        };
        Ok(batch.sealed(manifest, sequence)?)
    }

    /// Before a uid is told it is noted whose it is: a receiver's results call its exports by them.
    async fn note_uids(&self, merchant: &Slug, members: &[Export]) -> Result<(), StageError> {
        if self.definition(merchant)?.results.is_none() {
            return Ok(());
        }
        let stamp = self.stamp("batch");
        // one that is there already says the same
        let stamp = &stamp;
        let uids: Vec<ToldUid> = members.iter().map(ToldUid::of).collect();
        let note = |uid: ToldUid| async move { self.store().insert(&uid, stamp).await.map(|_| ()) };
        Ok(stream::iter(uids).map(note).buffered(NOTED_AT_ONCE).try_collect().await?)
    }

    /// The next number of the merchant's files. A batch that was given one before keeps it, so that a number is used
    /// up with its final manifest only, and none is used twice.
    async fn next_sequence(&self, batch: &Batch) -> Result<u64, StageError> {
        for _ in 0..STEPS_MAX {
            let key = Sequence::key_of(&batch.merchant);
            let found: Option<Stored<Sequence>> = self.store().get(&key, Read::Consistent).await?;
            let (last, version) = found.map_or((None, 0), |stored| (Some(stored.row), stored.version));
            let number = match last {
                Some(last) if last.batch == batch.id => return Ok(last.number),
                Some(last) => last.number.saturating_add(1),
                None => 1,
            };
            let next = Sequence { merchant: batch.merchant.clone(), number, batch: batch.id.clone() };
            let stamp = self.stamp("batch");
            let written = match version {
                0 => self.store().insert(&next, &stamp).await?.is_none(),
                version => self.store().replace(&Stored { row: next.clone(), version }, &next, &stamp).await?,
            };
            if written {
                return Ok(number);
            }
        }
        Err(StageError::Unsettled { what: "the number of a file", tries: 5 })
    }

    /// A member whose request cannot be built fails alone, before the batch is sealed; the others are not held up.
    async fn cannot_be_told(&self, member: &Stored<Export>, batch: &Batch) -> Result<bool, StageError> {
        let ExportState::Collecting = member.row.state else {
            return Ok(matches!(member.row.state, ExportState::Failed { .. }));
        };
        let target = self.whom_to_tell(&batch.merchant)?;
        let identity = self.identity_of(&member.row).await?;
        let extra = self.extra_of(target, &member.row).await?;
        let telling = Telling { export: &member.row, identity: &identity, extra: &extra };
        let uid = batch.id.as_uuid();
        // a draft has no number yet; any will do to see whether a row can be written
        let run = BatchRun { sequence: Some(0), ..batch_run(batch, &uid) };
        let Some(why) = self.fault(target, &batch.merchant, telling, run).await? else {
            return Ok(false);
        };
        let batched = Stored { row: member.row.batched(&batch.id)?, version: member.version };
        self.end(batched, Verdict::Failed { why }).await?;
        Ok(true)
    }

    async fn tell_batch(&self, batch: &Batch) -> Result<Batch, StageError> {
        let target = self.whom_to_tell(&batch.merchant)?;
        let members = self.members(batch).await?;
        let mut known = Vec::with_capacity(members.len());
        for member in &members {
            known.push((self.identity_of(&member.row).await?, self.extra_of(target, &member.row).await?));
        }
        let tellings: Vec<Telling<'_>> = members
            .iter()
            .zip(&known)
            .map(|(member, (identity, extra))| Telling { export: &member.row, identity, extra })
            .collect();
        let (merchant, uid) = (&batch.merchant, batch.id.as_uuid());
        let batch_run = Some(batch_run(batch, &uid));
        let about = About { merchant, tellings: &tellings, batch: batch_run, before: batch.attempts, unsure: false };
        let came = self.attempt(target, &about).await?;
        self.heard(merchant, &[came.reach]).await?;
        let (status, why, verdict) = (came.last.status, came.verdict.words(), came.verdict.name());
        tracing::info!(exports = members.len(), status, why, verdict, "batch told");
        if matches!(came.verdict, Verdict::Retry { .. }) {
            // every other verdict is written to the members, and counted there
            self.note_delivery(merchant, &came.verdict, members.len());
        }
        Ok(batch.attempted(&came.verdict, came.last)?)
    }

    /// Writes the batch's verdict to its members.
    async fn mark_members(&self, batch: &Batch) -> Result<Batch, StageError> {
        let verdict = match &batch.state {
            BatchState::Failed { why } => Verdict::Failed { why: why.clone() },
            _ => Verdict::Delivered,
        };
        let unknown = LastAttempt::new(self.now(), None, "");
        let last = batch.last.clone().unwrap_or(unknown);
        for member in self.members(batch).await? {
            if matches!(&member.row.state, ExportState::Batched { batch: id } if *id == batch.id) {
                let (verdict, last) = (verdict.clone(), last.clone());
                self.record(member, &Came { verdict, last, unsure: false, reach: Reach::NotTried }).await?;
            }
        }
        Ok(batch.closed()?)
    }
}
