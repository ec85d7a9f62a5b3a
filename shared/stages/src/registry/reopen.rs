//! Late link (D7): what a change of the registry sets free is listed first, if asked, then re-opened, each line once.
//!
//! A line is re-opened by one conditional write on its own item, then forwarded, then its entries among the parked
//! lines go. A crash between the steps leaves an entry behind whose line is open: whoever lists it next forwards the
//! line again, which every stage behind bears.

use super::{Triple, parked::Looked, reopening::PAGE};
use crate::{
    Harmonia, StageError,
    message::{self, Body, LineName},
};
use harmonia_domain::{
    card::TokenHash,
    export::BookKey,
    feed::{Kind, Scheme, Slug},
    file::File,
    identifier::{Attribution, Identifier},
    money::{Currency, MinorUnits},
    outcome::ParkReason,
    purchase::{Purchase, PurchaseKey},
    sale::{Sale, SaleState},
};
use harmonia_ports::{Query, Queue, Read, Stamp, Table};
use harmonia_state::{BookedSale, FileKey, ParkedLine, ParkedName, Stored, WaitsFor, purchase_key, sale_key};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// So many lines are listed by a dry run.
const LISTED_MAX: usize = 10_000;
/// How often a lost race is looked at again.
const TRIES_MAX: u32 = 10;

/// A change of the registry: what was, or would be, added, taken away or linked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    added: Vec<Identifier>,
    removed: Vec<Identifier>,
    gone: Vec<Triple>,
    linked: Vec<(Slug, TokenHash)>,
}

impl Change {
    /// These identifiers are onboarded.
    pub fn onboarding(added: Vec<Identifier>) -> Self {
        Self { added, ..Self::default() }
    }

    /// These identifiers are offboarded. `gone`: these were asked for as well and are not there; whoever offboarded
    /// them may have died before re-opening what that set free, and asks again.
    pub fn offboarding(removed: Vec<Identifier>, gone: &[Triple]) -> Self {
        Self { removed, gone: gone.to_vec(), ..Self::default() }
    }

    /// These cards are linked.
    pub fn linking(linked: Vec<(Slug, TokenHash)>) -> Self {
        Self { linked, ..Self::default() }
    }

    /// What lines may have waited for.
    pub(super) fn waited_for(&self) -> BTreeSet<WaitsFor> {
        let changed = self.added.iter().chain(&self.removed);
        let texts = changed.map(|i| WaitsFor::Mid { scheme: i.scheme, text: i.text.clone() });
        let gone = self.gone.iter().map(|name| WaitsFor::Mid { scheme: name.scheme, text: name.text.clone() });
        let place = |i: &Identifier| {
            let location = i.location_id.clone()?;
            Some(WaitsFor::Location { merchant: i.merchant.clone(), location })
        };
        let cards = self.linked.iter().cloned().map(|(merchant, token)| WaitsFor::Card { merchant, token });
        texts.chain(gone).chain(self.added.iter().filter_map(place)).chain(cards).collect()
    }

    /// The identifiers of a text as they would be. One that exists stays as it is.
    pub(super) fn applied(&self, found: Vec<Identifier>, scheme: Scheme, text: &str) -> Vec<Identifier> {
        let same = |a: &Identifier, b: &Identifier| (a.scheme, a.kind, &a.text) == (b.scheme, b.kind, &b.text);
        let mut all: Vec<Identifier> = found.into_iter().filter(|f| !self.removed.iter().any(|r| same(r, f))).collect();
        for new in self.added.iter().filter(|i| i.scheme == scheme && i.text == text) {
            if !all.iter().any(|old| same(old, new)) {
                all.push(new.clone());
            }
        }
        all
    }

    /// What would be added to a location.
    pub(super) fn tills_of(&self, merchant: &Slug, location: &str) -> impl Iterator<Item = (Scheme, String)> {
        let here = |i: &&Identifier| i.merchant == *merchant && i.location_id.as_deref() == Some(location);
        self.added.iter().filter(here).map(|i| (i.scheme, i.text.clone()))
    }
}

/// A parked line that a change sets free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reopenable {
    /// Which line.
    pub line: ParkedName,
    /// Its payment scheme.
    pub scheme: Scheme,
    /// Whose it becomes, or is.
    pub merchant: Slug,
    /// Why it is parked.
    pub why: ParkReason,
    /// When it happened; for a payment that waits for its MID, in the zone of that merchant.
    pub at: Timestamp,
    /// How much.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
}

/// What re-opening did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reopened {
    /// Payment lines set free.
    pub payments: usize,
    /// Sales set free.
    pub sales: usize,
    /// Sales whose file is not closed yet: to be re-opened when it is.
    pub in_open_files: usize,
    /// Lines that wait on: for another identifier, or two merchants claim them.
    pub waiting: usize,
    /// There are more: call again.
    pub more: bool,
    /// There are more, and the state machine goes on with them.
    pub goes_on: bool,
}

/// What has to be sent, and the entries that go then.
#[derive(Default)]
pub(super) struct Freed {
    lines: Vec<LineName>,
    keys: BTreeMap<Slug, BTreeSet<BookKey>>,
    entries: Vec<ParkedLine>,
}

/// Where a listing goes on.
fn query(waited_for: &WaitsFor, after: Option<String>) -> Query {
    Query { limit: PAGE, after, ..Query::prefix(Table::Book, waited_for.pk(), "") }
}

impl Harmonia {
    /// The parked lines that a change sets free, or would, if it is not yet made. At most 10,000.
    pub async fn reopenable(&self, change: &Change) -> Result<Vec<Reopenable>, StageError> {
        let (mut listed, mut seen) = (Vec::new(), BTreeSet::new());
        for waited_for in change.waited_for() {
            let mut after = None;
            loop {
                let (page, next) = self.store().page::<ParkedLine>(&query(&waited_for, after)).await?;
                for entry in page {
                    // a line may stand under several texts
                    if seen.insert(format!("{:?}", entry.row.line)) {
                        listed.extend(self.would_reopen(&entry.row, change).await?);
                    }
                }
                after = next;
                if after.is_none() || listed.len() >= LISTED_MAX {
                    break;
                }
            }
        }
        listed.sort_by_key(|line| line.at);
        listed.truncate(LISTED_MAX);
        Ok(listed)
    }

    async fn would_reopen(&self, entry: &ParkedLine, change: &Change) -> Result<Option<Reopenable>, StageError> {
        match &entry.line {
            ParkedName::Payment { p, kind } => self.would_reopen_payment(entry, p, *kind, change).await,
            ParkedName::Sale { merchant, id } => {
                let found: Option<Stored<Sale>> = self.store().get(&sale_key(merchant, id), Read::Consistent).await?;
                let Some(sale) = found.map(|s| s.row) else { return Ok(None) };
                let free = self.located_now(&sale, change).await?;
                Ok(free.filter(|_| sale.waits_for_location()).map(|sale| Reopenable {
                    line: entry.line.clone(),
                    scheme: sale.scheme,
                    merchant: sale.merchant,
                    why: ParkReason::UnknownLocation,
                    at: sale.at,
                    amount: sale.amount,
                    currency: sale.currency,
                }))
            }
        }
    }

    async fn would_reopen_payment(
        &self,
        entry: &ParkedLine,
        p: &PurchaseKey,
        kind: Kind,
        change: &Change,
    ) -> Result<Option<Reopenable>, StageError> {
        let found: Option<Stored<Purchase>> = self.store().get(&purchase_key(p), Read::Consistent).await?;
        let Some(purchase) = found.map(|s| s.row) else { return Ok(None) };
        let Some(facts) = purchase.line(kind) else { return Ok(None) };
        let merchant = match entry.waits_for {
            WaitsFor::Card { .. } => facts.identifier.as_ref().filter(|_| facts.waits_for_card()),
            _ => None,
        };
        let merchant = match merchant {
            Some(identifier) => Some(identifier.merchant.clone()),
            None if !facts.waits_for_mid() => None,
            None => match self.attribution_now(&purchase, kind, change).await? {
                Attribution::Known(identifier) => Some(identifier.merchant),
                Attribution::Unknown | Attribution::Disputed(_) => None,
            },
        };
        let (Some(merchant), Some(why)) = (merchant, facts.parked) else { return Ok(None) };
        let at = self.instant_at(&purchase, kind, &merchant).unwrap_or(facts.at);
        let (scheme, line) = (p.scheme, entry.line.clone());
        Ok(Some(Reopenable { line, scheme, merchant, why, at, amount: facts.amount, currency: facts.currency }))
    }

    /// First the messages, then the entries go.
    pub(super) async fn forward_freed(&self, freed: Freed, delay_s: u16) -> Result<(), StageError> {
        let queues = self.ports.queues.as_ref();
        let body = |items| Body::Lines { tries: 0, items };
        message::send(queues, Queue::Identify, "reopen", (None, delay_s), &freed.lines, body).await?;
        for (merchant, keys) in &freed.keys {
            message::send_keys(queues, "reopen", (merchant, delay_s), None, keys.iter().cloned()).await?;
        }
        self.forget_entries(&freed.entries).await
    }

    pub(super) async fn reopen_one(
        &self,
        entry: ParkedLine,
        outgoing: &mut Freed,
        done: &mut Reopened,
        stamp: &Stamp,
    ) -> Result<(), StageError> {
        match entry.line.clone() {
            ParkedName::Payment { p, kind } => self.reopen_payment(entry, &p, kind, outgoing, done, stamp).await,
            ParkedName::Sale { merchant, id } => self.reopen_sale(entry, &merchant, &id, outgoing, done, stamp).await,
        }
    }

    async fn reopen_payment(
        &self,
        entry: ParkedLine,
        p: &PurchaseKey,
        kind: Kind,
        outgoing: &mut Freed,
        done: &mut Reopened,
        stamp: &Stamp,
    ) -> Result<(), StageError> {
        let name = LineName { p: p.clone(), kind };
        for _ in 0..TRIES_MAX {
            let found: Option<Stored<Purchase>> = self.store().get(&purchase_key(p), Read::Consistent).await?;
            let facts = found.as_ref().and_then(|f| f.row.line(kind).map(|facts| (f, facts)));
            let Some((found, facts)) = facts else {
                outgoing.entries.push(entry);
                return Ok(());
            };
            let for_card = matches!(entry.waits_for, WaitsFor::Card { .. });
            let waits = if for_card { facts.waits_for_card() } else { facts.waits_for_mid() };
            if !waits {
                // an earlier call may have died before it forwarded the line
                outgoing.lines.extend(facts.parked.is_none().then(|| name.clone()));
                outgoing.entries.push(entry);
                return Ok(());
            }
            let siblings = ParkedLine::of_payment(&found.row, kind, entry.parked_at_version);
            let looked = match (for_card, found.row.relinked(kind)) {
                (true, Some(next)) if self.store().replace(found, &next, stamp).await? => Looked::Free,
                (true, Some(_)) => Looked::Lost,
                (true, None) => Looked::Free,
                (false, _) => self.attribute_parked(found, kind, stamp).await?,
            };
            match looked {
                Looked::Free => {
                    done.payments += 1;
                    outgoing.lines.push(name);
                    outgoing.entries.extend(siblings);
                    return Ok(());
                }
                Looked::Waits(_) => {
                    done.waiting += 1;
                    return Ok(());
                }
                Looked::Lost => {}
            }
        }
        Err(StageError::Unsettled { what: "a parked payment line", tries: TRIES_MAX })
    }

    async fn reopen_sale(
        &self,
        entry: ParkedLine,
        merchant: &Slug,
        id: &str,
        outgoing: &mut Freed,
        done: &mut Reopened,
        stamp: &Stamp,
    ) -> Result<(), StageError> {
        for _ in 0..TRIES_MAX {
            let found: Option<Stored<Sale>> = self.store().get(&sale_key(merchant, id), Read::Consistent).await?;
            let live = match found {
                None => None,
                Some(found) if !found.row.waits_for_location() => Some(found.row),
                Some(found) => {
                    if !self.may_appear(&found.row).await? {
                        done.in_open_files += 1;
                        return Ok(());
                    }
                    let Some(next) = self.located_now(&found.row, &Change::default()).await? else {
                        done.waiting += 1;
                        return Ok(());
                    };
                    if !self.store().replace(&found, &next, stamp).await? {
                        continue;
                    }
                    done.sales += 1;
                    Some(next)
                }
            };
            if let Some(sale) = live.filter(|sale| sale.state == SaleState::Live) {
                let booked = BookedSale::of(&sale);
                self.store().put_all(&booked, stamp).await?;
                let keys = outgoing.keys.entry(merchant.clone()).or_default();
                keys.extend(booked.into_iter().map(|entry| entry.bk));
            }
            outgoing.entries.push(entry);
            return Ok(());
        }
        Err(StageError::Unsettled { what: "a parked sale", tries: TRIES_MAX })
    }

    /// A file's sales appear together, when it is closed (design §4). Closing tells the keys that import found; a sale
    /// that is located between the two would be in the book without anybody being told.
    async fn may_appear(&self, sale: &Sale) -> Result<bool, StageError> {
        let Some(key) = sale.group.as_deref().and_then(FileKey::of_group) else { return Ok(sale.group.is_none()) };
        let file: Option<Stored<File>> = self.store().get(&key.key(), Read::Consistent).await?;
        Ok(file.is_some_and(|f| f.row.visible()))
    }
}
