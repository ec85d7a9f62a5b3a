//! Match: payment and sale that belong together are claimed in one transaction that also makes the export (design §4,
//! state.md "match payment", "match keys"). Whoever comes second finds the first: each side writes its own entry in
//! the book, then reads the other's, consistently.

mod candidates;
mod claim;

pub use candidates::ClosedFiles;

use crate::{
    Harmonia, StageError,
    message::{self, Body, ExportName, KnownPayment, Position},
};
use claim::{Claim, Claimed};
use harmonia_definitions::{MatchedAs, Route, TillField};
use harmonia_domain::{
    export::{BookKey, Export, ExportState, MatchType},
    feed::{Kind, Slug},
    identity::IdentityRef,
    purchase::{Current, ExportKey, Purchase, PurchaseKey, PurchaseState},
    sale::Sale,
};
use harmonia_matching::Decision;
use harmonia_ports::{Query, Queue, Read, Table};
use harmonia_state::{BookedPayment, Row, Stored, book_prefix, export_row_key, purchase_key, sale_key};
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

/// The book key of a purchase as it is now.
fn book_key(purchase: &Purchase, now: &Current) -> BookKey {
    BookKey { scheme: purchase.key.scheme, mid: now.mid.clone(), currency: now.currency, minor: now.amount }
}

impl Harmonia {
    /// Payments whose card is known: each is examined; after each claim the other open payments of its key are.
    pub async fn match_payments(&self, trace: &str, payments: &[KnownPayment]) -> Result<(), StageError> {
        let mut keys = BTreeSet::new();
        for known in payments {
            let examinee = Examinee { p: known.p.clone(), kind: known.kind, who: known.who.clone() };
            if let Some(key) = self.examine(trace, &examinee, None).await? {
                keys.insert(key);
            }
        }
        self.settle(trace, keys, None).await
    }

    /// Sales have become visible under these keys: open payments of them are examined in the order of their last
    /// change (D24), for all keys together.
    pub async fn match_keys(
        &self,
        trace: &str,
        merchant: &Slug,
        keys: &[BookKey],
        from: Option<Position>,
    ) -> Result<(), StageError> {
        let keys = keys.iter().map(|key| (merchant.clone(), key.clone())).collect();
        self.settle(trace, keys, from).await
    }

    /// Examines the open payments of these keys, and again after every claim, until nothing changes.
    async fn settle(
        &self,
        trace: &str,
        mut keys: BTreeSet<(Slug, BookKey)>,
        mut from: Option<Position>,
    ) -> Result<(), StageError> {
        let mut looked_at = 0;
        while !keys.is_empty() {
            let mut open = Vec::new();
            for (merchant, key) in &keys {
                open.extend(self.open_payments(merchant, key).await?);
            }
            open.sort_by_cached_key(position);
            let mut again = BTreeSet::new();
            for entry in open.iter().filter(|entry| from.as_ref().is_none_or(|from| position(entry) >= *from)) {
                if looked_at >= EXAMINED_MAX {
                    self.settle_later(trace, &keys, Some(position(entry))).await?;
                    return self.settle_later(trace, &again, None).await;
                }
                looked_at += 1;
                let examinee = Examinee { p: entry.p.clone(), kind: entry.kind, who: entry.who.clone() };
                again.extend(self.examine(trace, &examinee, Some(entry)).await?);
            }
            (keys, from) = (again, None);
        }
        Ok(())
    }

    /// What one invocation cannot finish goes on as messages.
    async fn settle_later(
        &self,
        trace: &str,
        keys: &BTreeSet<(Slug, BookKey)>,
        from: Option<Position>,
    ) -> Result<(), StageError> {
        for merchant in keys.iter().map(|(merchant, _)| merchant).collect::<BTreeSet<_>>() {
            let keys: Vec<BookKey> = keys.iter().filter(|(m, _)| m == merchant).map(|(_, k)| k.clone()).collect();
            let body = |keys| Body::Keys { merchant: merchant.clone(), file: None, keys, from: from.clone() };
            let queues = self.ports.queues.as_ref();
            message::send(queues, Queue::Match, trace, (Some(merchant), 0), &keys, body).await?;
        }
        Ok(())
    }

    async fn open_payments(&self, merchant: &Slug, key: &BookKey) -> Result<Vec<BookedPayment>, StageError> {
        let (pk, prefix) = book_prefix("BP", merchant, key);
        let rows = self.store().list::<BookedPayment>(&Query::prefix(Table::Book, pk, &prefix)).await?;
        // a MID may contain the separator: the entry itself says which key it is under
        Ok(rows.into_iter().map(|s| s.row).filter(|entry| entry.bk == *key).collect())
    }

    /// Examines one payment (state.md, match payment 1–6). `entry`: the book entry that led here. Returns the key
    /// whose other payments have to be examined again, if the payment is claimed.
    async fn examine(
        &self,
        trace: &str,
        examinee: &Examinee,
        entry: Option<&BookedPayment>,
    ) -> Result<Option<(Slug, BookKey)>, StageError> {
        let mut gone = BTreeSet::new();
        let mut booked = entry.cloned();
        for _ in 0..TRIES_MAX {
            let found: Option<Stored<Purchase>> =
                self.store().get(&purchase_key(&examinee.p), Read::Consistent).await?;
            let Some(stored) = found else { return Ok(None) };
            if let Some(now) = self.streamed(&stored.row, examinee.kind) {
                let claim = Claim { trace, stored: &stored, now: &now, who: &examinee.who };
                if self.stream(&claim, examinee.kind).await? {
                    return Ok(None);
                }
                continue;
            }
            if let PurchaseState::Claimed { x } = &stored.row.state {
                return self.after_claim(trace, &stored.row, x, examinee, booked.as_ref()).await;
            }
            let Some(now) = stored.row.current().filter(|_| stored.row.is_live()) else { return Ok(None) };
            if now.identity_of != examinee.kind {
                // another line's identity counts by now: it has its own message or entry, and this entry is a leftover
                self.delete_entry(booked.as_ref()).await?;
                return Ok(None);
            }
            let claim = Claim { trace, stored: &stored, now: &now, who: &examinee.who };
            if self.route(&now.identifier.merchant).matched == Some(MatchedAs::Spotted) {
                if let Claimed::Yes(export) = self.claim_spotted(&claim).await? {
                    self.send_on(trace, &export).await?;
                    return Ok(None);
                }
                continue;
            }
            let own = Self::own_entry(&stored.row, &now, examinee);
            if entry.is_some_and(|e| e.bk != own.bk) {
                // the settlement moved the payment to another key, where it has an entry or will have one
                self.delete_entry(entry).await?;
                return Ok(None);
            }
            match self.choose(&stored.row, &now, &examinee.who, &gone).await? {
                (Decision::Match { candidate: _, evidence }, Some(sale)) => {
                    match self.claim(&claim, &sale, evidence).await? {
                        Claimed::Yes(export) => {
                            return self.follow(trace, &stored.row, &export, Told::Now, booked.as_ref()).await;
                        }
                        Claimed::SaleGone => _ = gone.insert(sale.id),
                        Claimed::PaymentChanged => {}
                    }
                }
                _ if booked.as_ref().is_some_and(|b| b.key() == own.key()) => {
                    self.move_entry(&stored.row, &own).await?;
                    return Ok(None);
                }
                _ => {
                    // write our own side, then read the other once more (design §4)
                    self.store().put(&own, &self.stamp("match")).await?;
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
        let export = match told {
            Some(x) => {
                let found: Option<Stored<Export>> = self.store().find(&export_row_key(&x)).await?;
                found.ok_or(StageError::Missing { what: "export", name: x.sk })?.row
            }
            None => match self.claim_line(claim, kind).await? {
                Claimed::Yes(export) => *export,
                Claimed::SaleGone | Claimed::PaymentChanged => return Ok(false),
            },
        };
        self.send_on(claim.trace, &export).await?;
        Ok(true)
    }

    /// Sends an export on its way, if it is to go at once.
    async fn send_on(&self, trace: &str, export: &Export) -> Result<(), StageError> {
        if export.state != ExportState::Ready {
            return Ok(());
        }
        let item = ExportName { x: export.key(), generation: export.generation };
        let group = (Some(&export.merchant), 0);
        let queues = self.ports.queues.as_ref();
        message::send(queues, Queue::Export, trace, group, &[item], |items| Body::Exports { items }).await
    }

    fn own_entry(purchase: &Purchase, now: &Current, examinee: &Examinee) -> BookedPayment {
        BookedPayment {
            merchant: now.identifier.merchant.clone(),
            bk: book_key(purchase, now),
            at: now.at,
            p: purchase.key.clone(),
            kind: examinee.kind,
            who: examinee.who.clone(),
            changed: now.changed,
        }
    }

    async fn delete_entry(&self, entry: Option<&BookedPayment>) -> Result<(), StageError> {
        match entry {
            Some(entry) => Ok(self.store().delete::<BookedPayment>(&entry.key()).await?),
            None => Ok(()),
        }
    }

    /// A settlement that counts leaves the auth's entry behind, under the auth's amount: it goes, now that the
    /// settlement's own is there.
    async fn move_entry(&self, purchase: &Purchase, own: &BookedPayment) -> Result<(), StageError> {
        let Some(auth) = purchase.auth.as_ref().filter(|_| purchase.second_known) else { return Ok(()) };
        if purchase.base == Kind::Auth && own.kind == Kind::Settled {
            let bk = BookKey { minor: auth.amount, ..own.bk.clone() };
            let entry = BookedPayment { bk, kind: Kind::Auth, ..own.clone() };
            self.store().delete::<BookedPayment>(&entry.key()).await?;
        }
        Ok(())
    }

    /// A claimed payment: its export is forwarded (again), then its entry goes, then the others of the key that the
    /// claim was made under are due (not of its present key: a settlement may have moved it since).
    async fn after_claim(
        &self,
        trace: &str,
        purchase: &Purchase,
        x: &ExportKey,
        examinee: &Examinee,
        entry: Option<&BookedPayment>,
    ) -> Result<Option<(Slug, BookKey)>, StageError> {
        let key = export_row_key(x);
        let found: Option<Stored<Export>> = self.store().find(&key).await?;
        let Some(stored) = found else { return Err(StageError::Missing { what: "export", name: x.sk.clone() }) };
        let stored = self.correct(stored, purchase, examinee).await?;
        // a claim was made for the line whose identity it carries: only that line's redelivery has to forward again
        let told = if stored.row.kind == examinee.kind { Told::Now } else { Told::ByAnother };
        self.follow(trace, purchase, &stored.row, told, entry).await
    }

    /// What follows from a claim, again and again until it is done once: the export is forwarded, then the entry that
    /// is known of goes. One that an earlier try left unknown is found when the key is examined again.
    async fn follow(
        &self,
        trace: &str,
        purchase: &Purchase,
        export: &Export,
        told: Told,
        entry: Option<&BookedPayment>,
    ) -> Result<Option<(Slug, BookKey)>, StageError> {
        if told == Told::Now {
            self.send_on(trace, export).await?;
            // before the entry goes: whoever dies in between is led here by it again
            self.settle_later(trace, &self.elsewhere(export).await?, None).await?;
        }
        if export.match_type != MatchType::Loyalty {
            return Ok(None);
        }
        self.delete_entry(entry).await?;
        let own = BookedPayment {
            merchant: export.merchant.clone(),
            bk: export.book_key.clone(),
            at: purchase.line(purchase.base).map_or(export.created, |line| line.at),
            p: purchase.key.clone(),
            kind: export.kind,
            who: export.identity.clone(),
            changed: (export.created, 0),
        };
        // the auth may have waited under another amount than the settlement was claimed with
        self.move_entry(purchase, &own).await?;
        Ok(Some((export.merchant.clone(), export.book_key.clone())))
    }

    /// The other keys that the claimed sale stands under: a location has a till for each of its MIDs, and a payment of
    /// another one may have been tied between this sale and the next (invariant 4).
    async fn elsewhere(&self, export: &Export) -> Result<BTreeSet<(Slug, BookKey)>, StageError> {
        let feed = self.definitions.get(&export.merchant).and_then(|d| d.feed.as_ref());
        let located = feed.is_some_and(|feed| matches!(feed.fields.till, TillField::Location(_)));
        let Some(sale) = export.sale.as_ref().filter(|_| located) else { return Ok(BTreeSet::new()) };
        let found: Option<Stored<Sale>> = self.store().find(&sale_key(&export.merchant, sale)).await?;
        let mids = found.map(|sale| sale.row.mids).unwrap_or_default();
        let others = mids.into_iter().filter(|mid| *mid != export.book_key.mid);
        Ok(others.map(|mid| (export.merchant.clone(), BookKey { mid, ..export.book_key.clone() })).collect())
    }

    /// D12: a settlement that names another amount after the match: stored with the export, once.
    async fn correct(
        &self,
        stored: Stored<Export>,
        purchase: &Purchase,
        examinee: &Examinee,
    ) -> Result<Stored<Export>, StageError> {
        let late = purchase.base == Kind::Auth && examinee.kind == Kind::Settled;
        let amount = purchase.settled.as_ref().filter(|_| late).map(|s| s.amount);
        let Some(amount) = amount.filter(|a| *a != stored.row.book_key.minor) else { return Ok(stored) };
        if stored.row.corrected.is_some() {
            return Ok(stored);
        }
        let next = Export { corrected: Some(amount), ..stored.row.clone() };
        if self.store().replace(&stored, &next, &self.stamp("match")).await? {
            return Ok(Stored { row: next, version: stored.version + 1 });
        }
        let key = stored.row.key();
        let found: Option<Stored<Export>> = self.store().get(&export_row_key(&key), Read::Consistent).await?;
        let found = found.ok_or(StageError::Missing { what: "export", name: key.sk })?;
        // the export moved on meanwhile: the record comes back and finds it quieter
        if found.row.corrected.is_some() {
            Ok(found)
        } else {
            Err(StageError::Unsettled { what: "a correction", tries: 1 })
        }
    }
}
