//! What was not told stays listed, and a person sends it again (D19): the same export with the same id and key, in a
//! new generation. A preview lists what would be sent; a rate spreads it over minutes.

use super::on_the_minute;
use crate::{
    Harmonia, StageError,
    message::{self, Body, ExportName},
};
use harmonia_domain::{
    export::{Export, ExportState},
    feed::Slug,
    purchase::ExportKey,
};
use harmonia_ports::{Queue, Read, Table};
use harmonia_state::{Stored, export_row_key, work};
use jiff::{SignedDuration, Timestamp};

/// One call lists or sends at most so many; it says if there are more.
const LISTED_MAX: usize = 1_000;
/// How often an export that changes meanwhile is looked at again.
const TRIES_MAX: u32 = 5;

/// Which exports.
#[derive(Debug, Clone)]
pub struct Listing {
    /// Whose.
    pub merchant: Slug,
    /// In this state: failed, unconfirmed, skipped or held; or told and refused.
    pub state: Redrive,
    /// Their reason contains this, letters in any case.
    pub why: Option<String>,
    /// Matched at or after this.
    pub since: Option<Timestamp>,
    /// Matched before this.
    pub until: Option<Timestamp>,
}

/// What a person has to look at; all but what was refused can be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redrive {
    /// Given up.
    Failed,
    /// The merchant may have it: whoever sends these again has asked the merchant.
    Unconfirmed,
    /// Not told on purpose.
    Skipped,
    /// Made before anybody knew whom to tell.
    Held,
    /// The receiver has it, and says that it did not reward (spec match §10.2).
    Refused,
}

impl Redrive {
    /// Its list in the index.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unconfirmed => "unconfirmed",
            Self::Skipped => "skipped",
            Self::Held => "held",
            Self::Refused => "refused",
        }
    }
}

/// An export in a list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ListedExport {
    /// Its key.
    pub x: ExportKey,
    /// The payment.
    pub payment: String,
    /// When it was matched.
    pub matched: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// Why it was not told.
    pub why: String,
}

/// Why nothing can be sent again.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// Nobody is told about this merchant's matches.
    #[error("the definition of {merchant} does not say whom to tell")]
    NoTarget {
        /// The merchant.
        merchant: Slug,
    },
    /// The receiver has them: the same uid again would tell it nothing.
    #[error("{merchant} has these and answered: what it refused is not sent again")]
    Refused {
        /// The receiver.
        merchant: Slug,
    },
    /// See [`StageError`].
    #[error(transparent)]
    Stage(#[from] StageError),
}

impl From<harmonia_state::StoredError> for RedriveError {
    fn from(e: harmonia_state::StoredError) -> Self {
        Self::Stage(e.into())
    }
}

fn why(export: &Export) -> &str {
    match &export.state {
        ExportState::Failed { why } | ExportState::Skipped { why } | ExportState::Unconfirmed { why } => why,
        ExportState::Delivered { .. } => export.answer.as_ref().map_or("", |answer| &answer.result),
        _ => "nobody to tell",
    }
}

impl Listing {
    fn wants(&self, export: &Export) -> bool {
        let is_in = match self.state {
            Redrive::Refused => matches!(export.state, ExportState::Delivered { .. }) && export.is_refused(),
            state => export.state.name() == state.as_str(),
        };
        is_in
            && self.since.is_none_or(|since| export.created >= since)
            && self.until.is_none_or(|until| export.created < until)
            && self.why.as_ref().is_none_or(|part| why(export).to_lowercase().contains(&part.to_lowercase()))
    }
}

impl Harmonia {
    /// The exports that fit, oldest first, and whether there may be more.
    pub async fn list_exports(&self, listing: &Listing) -> Result<(Vec<ListedExport>, bool), StageError> {
        let (found, more) = self.listed(listing).await?;
        let listed = found.into_iter().map(|Stored { row, .. }| ListedExport {
            x: row.key(),
            payment: format!("{} {}", row.purchase.scheme, row.purchase.id),
            matched: row.created,
            attempts: row.attempts,
            why: why(&row).to_owned(),
        });
        Ok((listed.collect(), more))
    }

    async fn listed(&self, listing: &Listing) -> Result<(Vec<Stored<Export>>, bool), StageError> {
        let (mut found, mut more) = (Vec::new(), false);
        for shard in 0..work::SHARDS {
            let name = work::exports(&listing.merchant, listing.state.as_str(), shard);
            let to = listing.until.map_or_else(|| work::EVER.to_owned(), work::due);
            let entries = self.store().work(Table::Ledger, &name, &to, LISTED_MAX).await?;
            more |= entries.len() >= LISTED_MAX;
            for (_, key) in entries {
                let export: Option<Stored<Export>> = self.store().get(&key, Read::Eventual).await?;
                found.extend(export.filter(|export| listing.wants(&export.row)));
            }
        }
        found.sort_by(|a, b| (a.row.created, &a.row.id).cmp(&(b.row.created, &b.row.id)));
        more |= found.len() > LISTED_MAX;
        found.truncate(LISTED_MAX);
        Ok((found, more))
    }

    /// Sends again what fits: at most `per_minute` of them in a minute, beginning with the next one; all at once
    /// without. Returns how many, and whether there may be more.
    pub async fn redrive(
        &self,
        listing: &Listing,
        per_minute: Option<u32>,
        by: &str,
    ) -> Result<(usize, bool), RedriveError> {
        if listing.state == Redrive::Refused {
            return Err(RedriveError::Refused { merchant: listing.merchant.clone() });
        }
        let target = self.target_of(&listing.merchant)?;
        let target = target.ok_or_else(|| RedriveError::NoTarget { merchant: listing.merchant.clone() })?;
        let (found, more) = self.listed(listing).await?;
        let (now, mut sent) = (self.now(), 0_usize);
        let mut ready = Vec::new();
        for stored in found {
            let state = match per_minute {
                _ if target.batch.is_some() => ExportState::Collecting,
                // due, and found by the clock if whoever does this dies before it is sent
                None => ExportState::Waiting { due: now },
                Some(rate) => {
                    let minute = sent / usize::try_from(rate.max(1)).unwrap_or(usize::MAX);
                    let later = SignedDuration::from_mins(i64::try_from(minute).unwrap_or(i64::MAX));
                    let due = now.saturating_add(later).unwrap_or(Timestamp::MAX);
                    ExportState::Waiting { due: on_the_minute(due, now) }
                }
            };
            let Some(redriven) = self.redrive_one(stored, listing, &state, by).await? else { continue };
            sent += 1;
            self.ensure_train(&listing.merchant, &redriven.state).await?;
            if per_minute.is_none() && target.batch.is_none() {
                ready.push(ExportName { x: redriven.key(), generation: redriven.generation });
            }
        }
        let (queues, group) = (self.ports.queues.as_ref(), (Some(&listing.merchant), 0));
        message::send(queues, Queue::Export, "redrive", group, &ready, |items| Body::Exports { items }).await?;
        Ok((sent, more))
    }

    /// `None`: it is not what it was, and nobody needs to send it again.
    async fn redrive_one(
        &self,
        stored: Stored<Export>,
        listing: &Listing,
        state: &ExportState,
        by: &str,
    ) -> Result<Option<Export>, StageError> {
        let mut stored = stored;
        for _ in 0..TRIES_MAX {
            if !listing.wants(&stored.row) {
                return Ok(None);
            }
            let next = stored.row.redriven(state.clone())?;
            if self.store().replace(&stored, &next, &self.stamp(format!("redrive {by}"))).await? {
                return Ok(Some(next));
            }
            let key = export_row_key(&stored.row.key());
            let found: Option<Stored<Export>> = self.store().get(&key, Read::Consistent).await?;
            match found {
                Some(found) => stored = found,
                None => return Ok(None),
            }
        }
        Err(StageError::Unsettled { what: "a redrive", tries: TRIES_MAX })
    }
}
