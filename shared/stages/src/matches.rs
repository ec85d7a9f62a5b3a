//! Match: payment and sale that belong together are claimed in one transaction that also makes the export (design §4,
//! state.md "match payment", "match keys"). Whoever comes second finds the first: each side writes its own entry in
//! the book, then reads the other's, consistently.

mod candidates;
mod claim;
mod sweep;

pub use candidates::ClosedFiles;
pub(crate) use candidates::candidate;
pub(crate) use claim::{Claim, Claimed, FORCED};
pub use sweep::Swept;

use crate::{
    Harmonia, StageError,
    message::{self, Body, ExportName, KnownPayment, Position},
};
use harmonia_definitions::{Corrections, MatchedAs, Route, TillField};
use harmonia_domain::{
    export::{BookKey, Export, ExportState, LaterAmount, MatchType},
    feed::{Kind, Slug},
    identity::IdentityRef,
    money::MinorUnits,
    purchase::{Current, ExportKey, Purchase, PurchaseKey, PurchaseState},
    sale::Sale,
};
use harmonia_matching::{Candidate, Decision};
use harmonia_ports::{Expect, Key, Query, Queue, Read, Table, WriteError};
use harmonia_state::{BookedPayment, Row, Stored, book_prefix, export_row_key, purchase_key, put_write, sale_key};
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;

/// How often a payment is looked at again after lost races before the record is left to redelivery.
const TRIES_MAX: u32 = 20;
/// Re-examinations in one invocation; what is left goes on as a new message (state.md: bounded 200 per message).
const EXAMINED_MAX: usize = 200;

/// A payment to be examined: whose card it was, and by which line that is known.
#[derive(Debug, Clone)]
struct Examinee {
    p: PurchaseKey,
    kind: Kind,
    who: IdentityRef,
}

/// A payment that holds a sale: its line, and the generation of the claim.
type Holder = (PurchaseKey, Kind, u32);

/// A sale that a match holds, and the key that it was claimed under: payments of that key have one candidate less.
struct Taken {
    key: (Slug, BookKey),
    sale: Candidate,
    /// By whom, if this handler has forwarded the export.
    by: Option<Holder>,
}

/// What an examination led to.
#[derive(Default)]
struct Examined {
    /// The payment is in this match.
    claimed: Option<Taken>,
    /// A match was made here and now.
    matched: bool,
    /// The entry of a payment that is claimed. It may go once everything that follows has been done: until then it
    /// leads whoever comes again, after a crash, back to what follows.
    entry: Option<BookedPayment>,
}

/// Whose duty it is to forward an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// This handler's.
    Now,
    /// Another line's handler made the claim and forwards it, now or at its redelivery.
    ByAnother,
}

/// The order of examination (D24).
fn position(entry: &BookedPayment) -> Position {
    (entry.changed.0, entry.changed.1, entry.p.clone())
}

/// What an examination leaves to be examined.
#[derive(Default)]
struct Again {
    /// Open payments of these keys …
    keys: BTreeSet<(Slug, BookKey)>,
    /// … if they could have taken one of these sales. Empty: all of them.
    lost: Vec<(Slug, Candidate)>,
    /// Payments that are claimed and forwarded. One that was looked at before, parked, and known again may still have
    /// an entry; that of another line is its own handler's way back.
    by: BTreeSet<Holder>,
}

impl Again {
    fn of(examined: Examined) -> Self {
        let mut again = Self::default();
        again.add(examined);
        again
    }

    fn add(&mut self, examined: Examined) {
        if let Some(claimed) = examined.claimed {
            self.lost.push((claimed.key.0.clone(), claimed.sale));
            self.keys.insert(claimed.key);
            self.by.extend(claimed.by);
        }
    }
}

impl Harmonia {
    /// Payments whose card is known: each is examined; after each claim the other open payments of its key are.
    pub async fn match_payments(&self, trace: &str, payments: &[KnownPayment]) -> Result<(), StageError> {
        let mut again = Again::default();
        for known in payments {
            let examinee = Examinee { p: known.p.clone(), kind: known.kind, who: known.who.clone() };
            let mut done = Box::pin(self.examine(trace, &examinee, None, &[])).await?;
            // the message itself leads back to this payment
            self.delete_entry(done.entry.take().as_ref()).await?;
            again.add(done);
        }
        self.settle(trace, again, None).await
    }

    /// Sales have become visible under these keys, or are taken: open payments of them are examined in the order of
    /// their last change (D24), for all keys together. `lost`: ids of the sales that are taken, if it is that.
    pub async fn match_keys(
        &self,
        trace: &str,
        merchant: &Slug,
        keys: &[BookKey],
        from: Option<Position>,
        lost: &[String],
    ) -> Result<(), StageError> {
        let keys = keys.iter().map(|key| (merchant.clone(), key.clone())).collect();
        let mut taken = Vec::with_capacity(lost.len());
        for id in lost {
            taken.push((merchant.clone(), self.taken(merchant, id).await?));
        }
        self.settle(trace, Again { keys, lost: taken, ..Again::default() }, from).await
    }

    /// A sale that a match holds.
    async fn taken(&self, merchant: &Slug, id: &str) -> Result<Candidate, StageError> {
        let found: Option<Stored<Sale>> = self.store().find(&sale_key(merchant, id)).await?;
        let found = found.ok_or_else(|| StageError::Missing { what: "sale", name: id.to_owned() })?;
        Ok(Candidate::from(&found.row))
    }

    /// Examines the open payments of these keys, and again after every claim, until nothing changes. Entries of those
    /// that are claimed go at the end, the last claim's first: after a crash each claim's consequences are found
    /// through the entry of the claim that they followed from.
    async fn settle(&self, trace: &str, now: Again, from: Option<Position>) -> Result<(), StageError> {
        let mut claimed = Vec::new();
        self.settle_all(trace, now, from, &mut claimed).await?;
        for entry in claimed.iter().rev() {
            self.delete_entry(Some(entry)).await?;
        }
        Ok(())
    }

    async fn settle_all(
        &self,
        trace: &str,
        mut now: Again,
        mut from: Option<Position>,
        claimed: &mut Vec<BookedPayment>,
    ) -> Result<(), StageError> {
        let mut looked_at = 0;
        while !now.keys.is_empty() {
            let mut open = Vec::new();
            for (merchant, key) in &now.keys {
                open.extend(self.open_payments(merchant, key, &now.lost).await?);
            }
            open.sort_by_cached_key(position);
            let mut again = Again::default();
            open.retain(|entry| from.as_ref().is_none_or(|from| position(entry) >= *from));
            let done: BTreeSet<Key> = claimed.iter().map(Row::key).collect();
            open.retain(|entry| !done.contains(&entry.key()));
            claimed
                .extend(open.extract_if(.., |entry| now.by.contains(&(entry.p.clone(), entry.kind, entry.generation))));
            open = self.contenders(open, &now.lost)?;
            for entry in &open {
                if looked_at >= EXAMINED_MAX {
                    self.settle_later(trace, &now, Some(position(entry))).await?;
                    return self.settle_later(trace, &again, None).await;
                }
                looked_at += 1;
                let examinee = Examinee { p: entry.p.clone(), kind: entry.kind, who: entry.who.clone() };
                // boxed: an examination is most of what every caller would carry along
                let mut done = Box::pin(self.examine(trace, &examinee, Some(entry), &now.lost)).await?;
                claimed.extend(done.entry.take());
                again.add(done);
            }
            (now, from) = (again, None);
        }
        Ok(())
    }

    /// Those that could have taken one of the lost sales. Their entries say so: a payment that has changed since is
    /// examined for that change, after these sales were taken.
    fn contenders(
        &self,
        open: Vec<BookedPayment>,
        lost: &[(Slug, Candidate)],
    ) -> Result<Vec<BookedPayment>, StageError> {
        if lost.is_empty() {
            return Ok(open);
        }
        let mut left = Vec::new();
        for entry in open {
            if self.contends(entry.p.scheme, &entry.seen(), lost)? {
                left.push(entry);
            }
        }
        Ok(left)
    }

    /// What one invocation cannot finish goes on as messages.
    async fn settle_later(&self, trace: &str, again: &Again, from: Option<Position>) -> Result<(), StageError> {
        let Again { keys, lost, .. } = again;
        for merchant in keys.iter().map(|(merchant, _)| merchant).collect::<BTreeSet<_>>() {
            let keys: Vec<BookKey> = keys.iter().filter(|(m, _)| m == merchant).map(|(_, k)| k.clone()).collect();
            let lost: Vec<String> = lost.iter().filter(|(m, _)| m == merchant).map(|(_, s)| s.id.clone()).collect();
            let (from, lost) = (&from, &lost);
            let body = |keys| {
                let (merchant, from, lost) = (merchant.clone(), from.clone(), lost.clone());
                Body::Keys { merchant, file: None, keys, from, lost }
            };
            let queues = self.ports.queues.as_ref();
            message::send(queues, Queue::Match, trace, (Some(merchant), 0), &keys, body).await?;
        }
        Ok(())
    }

    /// Those of a key; if sales are lost, at least those that could have taken one.
    async fn open_payments(
        &self,
        merchant: &Slug,
        key: &BookKey,
        lost: &[(Slug, Candidate)],
    ) -> Result<Vec<BookedPayment>, StageError> {
        let (pk, prefix) = book_prefix("BP", merchant, key);
        let query = Query { only: self.could_take(merchant, key, lost), ..Query::prefix(Table::Book, pk, &prefix) };
        let rows = self.store().list::<BookedPayment>(&query).await?;
        // a MID may contain the separator: the entry itself says which key it is under
        Ok(rows.into_iter().map(|s| s.row).filter(|entry| entry.bk == *key).collect())
    }

    /// Examines one payment (state.md, match payment 1–6). `entry`: the book entry that led here. `lost`: it has been
    /// examined, and nothing has changed since but that these sales are taken.
    #[tracing::instrument(level = "error", skip_all, fields(trace = trace, payment = examinee.p.id))]
    async fn examine(
        &self,
        trace: &str,
        examinee: &Examinee,
        entry: Option<&BookedPayment>,
        lost: &[(Slug, Candidate)],
    ) -> Result<Examined, StageError> {
        let mut gone = BTreeSet::new();
        let mut booked = entry.cloned();
        for _ in 0..TRIES_MAX {
            let found: Option<Stored<Purchase>> =
                self.store().get(&purchase_key(&examinee.p), Read::Consistent).await?;
            let Some(stored) = found else { return Ok(Examined::default()) };
            if let Some(now) = self.streamed(&stored.row, examinee.kind) {
                let claim = Claim { trace, stored: &stored, now: &now, who: &examinee.who };
                if self.stream(&claim, examinee.kind).await? {
                    return Ok(Examined::default());
                }
                continue;
            }
            if let PurchaseState::Claimed { x } = &stored.row.state {
                let done = self.after_claim(trace, &stored.row, x, examinee).await?;
                return Ok(Examined { entry: booked, ..done });
            }
            let Some(now) = stored.row.current().filter(|_| stored.row.is_live()) else {
                return Ok(Examined::default());
            };
            if now.identity_of != examinee.kind {
                // another line's identity counts by now: it has its own message or entry, and this entry is a leftover
                self.delete_entry(booked.as_ref()).await?;
                return Ok(Examined::default());
            }
            let claim = Claim { trace, stored: &stored, now: &now, who: &examinee.who };
            if self.route(&now.identifier.merchant).matched == Some(MatchedAs::Spotted) {
                if let Claimed::Yes(export) = self.claim_spotted(&claim).await? {
                    self.send_on(trace, &export).await?;
                    return Ok(Examined { matched: true, ..Examined::default() });
                }
                continue;
            }
            let own = BookedPayment::of(&stored.row, &now, examinee.who.clone());
            if entry.is_some_and(|e| e.bk != own.bk) {
                // the settlement moved the payment to another key, where it has an entry or will have one
                self.delete_entry(entry).await?;
                return Ok(Examined::default());
            }
            if !lost.is_empty() && !self.contends(stored.row.key.scheme, &now, lost)? {
                return Ok(Examined::default());
            }
            let gone_before = gone.len();
            match self.choose(&stored.row, &now, &examinee.who, &mut gone).await? {
                (Decision::Match { candidate: _, evidence }, Some(sale)) => {
                    match self.claim(&claim, &sale, &evidence).await? {
                        Claimed::Yes(export) => {
                            self.follow(trace, &stored.row, &export, Told::Now).await?;
                            let key = (export.merchant, export.book_key);
                            let by = Some((stored.row.key.clone(), export.kind, stored.row.generation));
                            let claimed = Some(Taken { key, sale: candidate(&sale), by });
                            return Ok(Examined { matched: true, claimed, entry: booked });
                        }
                        Claimed::SaleGone => _ = gone.insert(sale.id),
                        Claimed::PaymentChanged => {}
                    }
                }
                _ if booked.as_ref().is_some_and(|b| b.key() == own.key()) => {
                    if gone.len() > gone_before {
                        // a sale that is taken may be this very payment's by now, claimed by a handler that died: look
                        continue;
                    }
                    self.move_entry(&stored.row, own.kind, (&own.merchant, &own.bk, own.at)).await?;
                    return Ok(Examined::default());
                }
                _ => {
                    // write our own side, then read the other once more (design §4)
                    self.store().put(&own, &self.stamp("match")).await?;
                    self.note_no_match(&own.merchant);
                    booked = Some(own);
                }
            }
        }
        Err(StageError::Unsettled { what: "a payment", tries: TRIES_MAX })
    }

    /// What happens to a merchant's payments; nothing if it has no definition.
    pub(crate) fn route(&self, merchant: &Slug) -> Route {
        self.definitions.get(merchant).map(|d| d.route.clone()).unwrap_or_default()
    }

    /// The line as its merchant is to be told of it; `None` if that merchant does not want lines of this kind.
    fn streamed(&self, purchase: &Purchase, kind: Kind) -> Option<Current> {
        purchase.alone(kind).filter(|now| self.route(&now.identifier.merchant).streams(kind))
    }

    /// Tells of a line by itself, or forwards what has been made of it (again). `false`: look again.
    async fn stream(&self, claim: &Claim<'_>, kind: Kind) -> Result<bool, StageError> {
        let told = claim.stored.row.line(kind).and_then(|line| line.told.clone());
        match told {
            Some(x) => self.send_stored(claim.trace, &x).await?,
            None => match self.claim_line(claim, kind).await? {
                Claimed::Yes(export) => self.send_on(claim.trace, &export).await?,
                Claimed::SaleGone | Claimed::PaymentChanged => return Ok(false),
            },
        }
        Ok(true)
    }

    /// Sends an export on its way, if it is to go at once.
    pub(crate) async fn send_on(&self, trace: &str, export: &Export) -> Result<(), StageError> {
        if export.state != ExportState::Ready {
            return self.ensure_train(&export.merchant, &export.state).await;
        }
        let item = ExportName { x: export.key(), generation: export.generation };
        let group = (Some(&export.merchant), 0);
        let queues = self.ports.queues.as_ref();
        message::send(queues, Queue::Export, trace, group, &[item], |items| Body::Exports { items }).await
    }

    pub(crate) async fn delete_entry(&self, entry: Option<&BookedPayment>) -> Result<(), StageError> {
        match entry {
            Some(entry) => self.delete_entry_at(&entry.key(), entry.generation).await,
            None => Ok(()),
        }
    }

    /// Not that of a payment that is open again: an unmatch raises the generation.
    async fn delete_entry_at(&self, key: &Key, generation: u32) -> Result<(), StageError> {
        Ok(self.store().delete_where::<BookedPayment>(key, "gen", json!(generation)).await?)
    }

    /// A settlement that counts leaves the auth's entry behind, under the auth's amount: it goes, now that the
    /// settlement's own is there.
    async fn move_entry(
        &self,
        purchase: &Purchase,
        kind: Kind,
        (merchant, bk, at): (&Slug, &BookKey, Timestamp),
    ) -> Result<(), StageError> {
        let Some(auth) = purchase.auth.as_ref().filter(|_| purchase.second_known) else { return Ok(()) };
        if purchase.base == Kind::Auth && kind == Kind::Settled {
            let bk = BookKey { minor: auth.amount, ..bk.clone() };
            let entry = BookedPayment::key_at(merchant, &bk, at, &purchase.key, Kind::Auth);
            self.delete_entry_at(&entry, purchase.generation).await?;
        }
        Ok(())
    }

    /// A claimed payment: its export is forwarded (again), and the others of the key that the claim was made under are
    /// due (not of its present key: a settlement may have moved it since).
    async fn after_claim(
        &self,
        trace: &str,
        purchase: &Purchase,
        x: &ExportKey,
        examinee: &Examinee,
    ) -> Result<Examined, StageError> {
        let key = export_row_key(x);
        let found: Option<Stored<Export>> = self.store().find(&key).await?;
        let Some(stored) = found else { return Err(StageError::Missing { what: "export", name: x.sk.clone() }) };
        let stored = self.correct(trace, stored, purchase, examinee).await?;
        // a claim was made for the line whose identity it carries: only that line's redelivery has to forward again
        let told = if stored.row.kind == examinee.kind { Told::Now } else { Told::ByAnother };
        self.follow(trace, purchase, &stored.row, told).await?;
        let by = (told == Told::Now).then(|| (purchase.key.clone(), stored.row.kind, purchase.generation));
        let Export { merchant, book_key, sale, .. } = stored.row;
        let claimed = match sale {
            Some(id) => {
                let sale = self.taken(&merchant, &id).await?;
                Some(Taken { sale, key: (merchant, book_key), by })
            }
            None => None,
        };
        Ok(Examined { claimed, ..Examined::default() })
    }

    /// What follows from a claim, again and again until it is done once: the export is forwarded, other tills of the
    /// sale are told, an entry that the auth has left behind goes.
    async fn follow(&self, trace: &str, purchase: &Purchase, export: &Export, told: Told) -> Result<(), StageError> {
        if told == Told::Now {
            self.send_on(trace, export).await?;
            self.settle_later(trace, &self.elsewhere(export).await?, None).await?;
        }
        if !export.match_type.has_sale() {
            return Ok(());
        }
        // the auth may have waited under another amount than the settlement was claimed with
        let at = purchase.line(purchase.base).map_or(export.created, |line| line.at);
        self.move_entry(purchase, export.kind, (&export.merchant, &export.book_key, at)).await
    }

    /// The other keys that the claimed sale stands under: a location has a till for each of its MIDs, and a payment of
    /// another one may have been tied between this sale and the next (invariant 4).
    async fn elsewhere(&self, export: &Export) -> Result<Again, StageError> {
        let feed = self.definitions.get(&export.merchant).and_then(|d| d.feed.as_ref());
        let located = feed.is_some_and(|feed| matches!(feed.fields.till, TillField::Location(_)));
        let Some(sale) = export.sale.as_ref().filter(|_| located) else { return Ok(Again::default()) };
        let found: Option<Stored<Sale>> = self.store().find(&sale_key(&export.merchant, sale)).await?;
        let Some(sale) = found.map(|stored| stored.row) else { return Ok(Again::default()) };
        let others = sale.mids.iter().filter(|mid| **mid != export.book_key.mid);
        let keys = others.map(|mid| (sale.merchant.clone(), sale.book_key(mid))).collect();
        Ok(Again { keys, lost: vec![(export.merchant.clone(), Candidate::from(&sale))], ..Again::default() })
    }

    /// D12: a settlement that names another amount after the match: stored with the export, once; told, if the
    /// merchant's definition asks for it.
    async fn correct(
        &self,
        trace: &str,
        stored: Stored<Export>,
        purchase: &Purchase,
        examinee: &Examinee,
    ) -> Result<Stored<Export>, StageError> {
        let late = purchase.base == Kind::Auth && examinee.kind == Kind::Settled;
        let amount = purchase.settled.as_ref().filter(|_| late).map(|s| s.amount);
        let Some(amount) = amount.filter(|a| *a != stored.row.book_key.minor) else { return Ok(stored) };
        if let Some(later) = &stored.row.corrected {
            // whoever wrote it may have died before telling
            if let Some(x) = &later.x {
                self.send_stored(trace, x).await?;
            }
            return Ok(stored);
        }
        let correction = self.correction(&stored.row, amount)?;
        let x = correction.as_ref().map(Export::key);
        let next = Export { corrected: Some(LaterAmount { amount, x }), ..stored.row.clone() };
        let stamp = self.stamp("match");
        let changes = put_write(&next, Expect::Version(stored.version), &stamp);
        let makes = correction.iter().map(|export| put_write(export, Expect::Absent, &stamp));
        let writes = std::iter::once(changes).chain(makes).collect();
        match self.store().transact(writes).await {
            Ok(()) => {
                if let Some(correction) = &correction {
                    self.send_on(trace, correction).await?;
                }
                Ok(Stored { row: next, version: stored.version + 1 })
            }
            // the export moved on meanwhile, or this is a repeat: the record comes back and finds it quieter
            Err(WriteError::Condition(_)) => Err(StageError::Unsettled { what: "a correction", tries: 1 }),
            Err(WriteError::Store(e)) => Err(e.into()),
        }
    }

    /// The export that tells of the final amount, if the merchant wants one; a match that was undone needs none.
    fn correction(&self, export: &Export, amount: MinorUnits) -> Result<Option<Export>, StageError> {
        let Some(wanted) = self.target_of(&export.merchant)?.and_then(|target| target.corrections) else {
            return Ok(None);
        };
        let amount = match wanted {
            Corrections::FinalAmount => amount,
            Corrections::Difference => {
                let difference = amount.checked_sub(export.book_key.minor);
                difference.ok_or(StageError::Missing { what: "amount", name: "of the correction".to_owned() })?
            }
        };
        let state = self.first_state(&export.merchant, export.facts.at)?;
        Ok(Some(export.adjustment(MatchType::Correction, amount, self.now(), state)))
    }

    /// Forwards an export that was made before.
    pub(crate) async fn send_stored(&self, trace: &str, x: &ExportKey) -> Result<(), StageError> {
        let found: Option<Stored<Export>> = self.store().find(&export_row_key(x)).await?;
        let found = found.ok_or_else(|| StageError::Missing { what: "export", name: x.sk.clone() })?;
        self.send_on(trace, &found.row).await
    }
}

#[cfg(test)]
mod tests;
