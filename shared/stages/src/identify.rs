//! Identify: whose card it was (spec import §9). A card that is not known, or whose digits the directory lacks, parks
//! the line (D7); a directory that fails is tried again a few times, then the line waits for the sweep (D21).

mod directory;
mod identity;

pub use identity::IdentityCache;

use crate::{
    Harmonia, StageError,
    message::{self, Body, KnownPayment, LineName},
};
use futures::{StreamExt, stream};
use harmonia_definitions::Route;
use harmonia_domain::{
    card::{SealedToken, TokenHash},
    feed::{Kind, Scheme, Slug},
    outcome::ParkReason,
    purchase::{PaymentFacts, Purchase, PurchaseState},
};
use harmonia_ports::{Queue, Read, Table};
use harmonia_state::{Stored, purchase_key, work};
use identity::Answer;
pub(crate) use identity::Whose;
use jiff::SignedDuration;
use std::collections::BTreeMap;

/// Tries before a line is parked for the directory (D21: three to four tries).
const DIRECTORY_TRIES_MAX: u32 = 4;
/// Wait before the n-th repeat: 2, 4, 8 seconds.
const DIRECTORY_BACKOFF_S: u16 = 2;
/// A line parked for the directory is tried again after this; the sweep runs each minute.
const DIRECTORY_DUE_MIN: i64 = 5;
/// Look-ups under way at once: polite to the directory, enough for a batch within the function's time.
const LOOKUPS_AT_ONCE: usize = 8;
/// How often a lost race is looked at again.
const TRIES_MAX: u32 = 10;
/// How many waiting lines one sweep takes up per shard: one message.
const SWEEP_MAX: usize = 100;

/// What a line waits for.
enum Need {
    /// Nothing to do.
    Done,
    /// Nothing follows from the purchase, whosever card it was.
    Store,
    /// The directory. `counts`: the line counts already, so that its answer changes nothing on the purchase.
    Ask { merchant: Slug, token: TokenHash, sealed: SealedToken, counts: bool },
}

/// What follows from a batch.
#[derive(Default)]
struct Next {
    /// To be matched.
    known: Vec<KnownPayment>,
    /// To be asked for after a while.
    again: Vec<LineName>,
    /// To be asked for at once: their cards were linked while they were parked.
    reopened: Vec<LineName>,
}

/// A line and whether it counts already.
type Waiting = (LineName, bool);

fn need(purchase: &Purchase, name: &LineName, route: impl Fn(&Slug) -> Route) -> Need {
    let Some(line) = purchase.line(name.kind) else { return Need::Done };
    let Some(identifier) = &line.identifier else { return Need::Done };
    let route = route(&identifier.merchant);
    // one that was parked before its merchant was known; a settlement may still come
    if (name.p.scheme, name.kind) == (Scheme::Amex, Kind::Auth) && route.refuses_amex_auths() {
        return Need::Done;
    }
    if !purchase.kinds().any(|kind| route.follows(kind)) {
        return if purchase.is_live() { Need::Store } else { Need::Done };
    }
    let late_settlement = name.kind != purchase.base && name.kind == Kind::Settled;
    let wanted = match purchase.state {
        PurchaseState::Live => true,
        // D12: its amount is compared with what was matched
        PurchaseState::Claimed { .. } => late_settlement,
        // told already: its export is forwarded again
        PurchaseState::Streamed => route.streams(name.kind),
        PurchaseState::Stored => false,
    };
    // a line that is parked for its card is asked for once more when its message comes again: whoever parked it may
    // have died before looking again
    if !wanted || !route.follows(name.kind) {
        return Need::Done;
    }
    Need::Ask {
        merchant: identifier.merchant.clone(),
        token: line.token.clone(),
        sealed: line.sealed.clone(),
        counts: name.kind == purchase.base && line.parked.is_none(),
    }
}

impl Harmonia {
    /// Identifies stored lines; equal (merchant, card) look-ups are asked once. `tries`: how often the directory has
    /// failed for these lines before.
    #[tracing::instrument(level = "error", skip_all, fields(trace = trace))]
    pub async fn identify(&self, trace: &str, tries: u32, names: &[LineName]) -> Result<(), StageError> {
        let mut asked: BTreeMap<(Slug, TokenHash), (SealedToken, Vec<Waiting>)> = BTreeMap::new();
        for name in names {
            match self.need(name).await? {
                Need::Done => {}
                Need::Store => _ = self.update_purchase(name, Read::Consistent, |p| p.stored().ok()).await?,
                Need::Ask { merchant, token, sealed, counts } => {
                    let waiting = &mut asked.entry((merchant, token)).or_insert_with(|| (sealed, Vec::new())).1;
                    waiting.push((name.clone(), counts));
                }
            }
        }
        let lookups = stream::iter(asked.into_iter().map(|((merchant, token), (sealed, names))| async move {
            let answer = self.whose(merchant.clone(), token, &sealed).await;
            (merchant, answer, names)
        }));
        let answers: Vec<_> = lookups.buffered(LOOKUPS_AT_ONCE).collect().await;
        let mut next = Next::default();
        for (merchant, answer, names) in answers {
            self.apply(&merchant, answer?, &names, tries, &mut next).await?;
        }
        let queues = self.ports.queues.as_ref();
        message::send(queues, Queue::Match, trace, (None, 0), &next.known, |items| Body::Payments { items }).await?;
        message::send(queues, Queue::Identify, trace, (None, 0), &next.reopened, |items| Body::Lines {
            tries: 0,
            items,
        })
        .await?;
        let delay = DIRECTORY_BACKOFF_S << tries.min(5);
        let body = |items| Body::Lines { tries: tries + 1, items };
        message::send(queues, Queue::Identify, trace, (None, delay), &next.again, body).await
    }

    /// What a line waits for. A cheap read may show the purchase as it was before this line came or was set free, where
    /// there is nothing to do: only a consistent read may say that.
    async fn need(&self, name: &LineName) -> Result<Need, StageError> {
        for read in [Read::Eventual, Read::Consistent] {
            let found: Option<Stored<Purchase>> = self.store().get(&purchase_key(&name.p), read).await?;
            let need = found.map_or(Need::Done, |found| need(&found.row, name, |merchant| self.route(merchant)));
            if !matches!(need, Need::Done) {
                return Ok(need);
            }
        }
        Ok(Need::Done)
    }

    async fn apply(
        &self,
        merchant: &Slug,
        answer: Answer,
        names: &[Waiting],
        tries: u32,
        next: &mut Next,
    ) -> Result<(), StageError> {
        let parked = answer.whose.parked();
        self.note_identified(merchant, parked, names.len());
        for (LineName { p, kind }, _) in names {
            tracing::debug!(%merchant, payment = p.id, ?kind, ?parked, "asked whose card it was");
        }
        let why = match (answer.whose, parked) {
            (Whose::Known(who), _) => {
                for (name, counts) in names {
                    if *counts || self.mark_known(name).await? {
                        next.known.push(KnownPayment { p: name.p.clone(), kind: name.kind, who: who.clone() });
                    }
                }
                return Ok(());
            }
            (Whose::Unavailable, _) if tries + 1 < DIRECTORY_TRIES_MAX => {
                next.again.extend(names.iter().map(|(name, _)| name.clone()));
                return Ok(());
            }
            (_, why) => why.unwrap_or(ParkReason::DirectoryUnavailable),
        };
        for (name, _) in names {
            tracing::info!(%merchant, payment = name.p.id, kind = ?name.kind, ?why, "parked");
            let (waits, reopened) = self.park(name, why, answer.links).await?;
            next.reopened.extend(reopened);
            if why == ParkReason::DirectoryUnavailable && !waits {
                // it counts already, but whoever let it count died before saying so: the sweep does not know of it
                next.again.push(name.clone());
            }
        }
        Ok(())
    }

    /// Changes the purchase until the change holds or there is nothing to change. `Some` is the purchase then.
    async fn update_purchase(
        &self,
        name: &LineName,
        read: Read,
        change: impl Fn(&Purchase) -> Option<Purchase> + Send,
    ) -> Result<Option<Purchase>, StageError> {
        let mut read = read;
        for _ in 0..TRIES_MAX {
            let found: Option<Stored<Purchase>> = self.store().get(&purchase_key(&name.p), read).await?;
            read = Read::Consistent;
            let Some(found) = found else { return Ok(None) };
            let Some(next) = change(&found.row) else { return Ok(Some(found.row)) };
            if self.store().replace(&found, &next, &self.stamp("identify")).await? {
                return Ok(Some(next));
            }
        }
        Err(StageError::Unsettled { what: "a purchase", tries: TRIES_MAX })
    }

    /// Lets the line count. `true`: matching has to look at it.
    async fn mark_known(&self, name: &LineName) -> Result<bool, StageError> {
        let purchase = self.update_purchase(name, Read::Consistent, |p| p.known(name.kind)).await?;
        Ok(purchase.is_some())
    }

    /// Parks the line, then looks again (design §4). Returns whether it waits for that now, and lines that are to be
    /// asked for at once: this one, if its card was linked meanwhile; the purchase's other line, if that counts in its
    /// place now.
    async fn park(&self, name: &LineName, why: ParkReason, links: u64) -> Result<(bool, Vec<LineName>), StageError> {
        let due = self.now().saturating_add(SignedDuration::from_mins(DIRECTORY_DUE_MIN)).ok();
        let due = due.filter(|_| why == ParkReason::DirectoryUnavailable);
        let parked = self.update_purchase(name, Read::Consistent, |p| p.park(name.kind, why, due)).await?;
        let line = parked.as_ref().and_then(|p| p.line(name.kind));
        let waits = line.is_none_or(|line| line.parked == Some(why));
        let mut again = Vec::new();
        if why != ParkReason::DirectoryUnavailable
            && self.look_again_at_card(&name.p, name.kind, links, &self.stamp("identify")).await?
        {
            again.push(name.clone());
        }
        if let Some(parked) = parked.filter(|p| p.base != name.kind && p.current().is_some()) {
            again.push(LineName { p: name.p.clone(), kind: parked.base });
        }
        Ok((waits, again))
    }

    /// Takes up lines that waited for the directory and are due (D21).
    pub async fn sweep_directory(&self) -> Result<(), StageError> {
        let due = work::due(self.now());
        for shard in 0..work::SHARDS {
            let waiting = self.store().work(Table::Book, &work::parked_directory(shard), &due, SWEEP_MAX).await?;
            let mut names = Vec::new();
            for (_, key) in waiting {
                let found: Option<Stored<Purchase>> = self.store().get(&key, Read::Eventual).await?;
                names.extend(found.iter().flat_map(|f| waiting_lines(&f.row)));
            }
            let body = |items| Body::Lines { tries: DIRECTORY_TRIES_MAX - 1, items };
            message::send(self.ports.queues.as_ref(), Queue::Identify, "sweep", (None, 0), &names, body).await?;
        }
        Ok(())
    }
}

fn waiting_lines(purchase: &Purchase) -> Vec<LineName> {
    let waits = |l: &PaymentFacts| l.parked == Some(ParkReason::DirectoryUnavailable);
    let kinds = purchase.kinds().filter(|k| purchase.line(*k).is_some_and(waits));
    kinds.map(|kind| LineName { p: purchase.key.clone(), kind }).collect()
}
