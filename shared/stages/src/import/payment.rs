//! Storing a payment line: one item per purchase, where auth and settlement meet. The condition of the write is the
//! dedupe by (payment scheme, kind, id) of decision D5; there is no other index of what was seen.

use super::{lines::StoredAs, sale};
use crate::{Harmonia, StageError};
use harmonia_domain::{
    Source,
    feed::{Kind, Scheme, Slug},
    identifier::Attribution,
    line::{LineTime, PaymentLine},
    outcome::{Outcome, ParkReason, Reject, RejectReason, SkipReason, ValueClass},
    purchase::{MatchedIdentifier, PaymentFacts, Purchase, PurchaseKey, Slot},
};
use harmonia_feeds::Record;
use harmonia_ports::{Expect, Read, Stamp, Table, Write, WriteError};
use harmonia_state::{DifferingLine, Stored, purchase_key, put_write};
use jiff::{SignedDuration, Timestamp};

/// How often a lost race is looked at again before the record is left to redelivery.
const TRIES_MAX: u32 = 10;
/// A duplicate of a live line younger than this is forwarded once more (design §4).
const FORWARD_AGAIN_H: i64 = 48;
/// Older lines are rejected, so that nothing forgotten is paid again: horizon 400 days less 20 (design §4).
const AGE_DAYS_MAX: i64 = 380;

/// The filter of Amex auths whose merchant is told of each payment, or of purchases by themselves (spec import §7.1).
pub(crate) const AMEX_AUTH_NOT_USED: &str = "amex-auth-not-used";

/// A payment line ready to be stored.
pub(super) struct Prepared {
    pub(super) line: PaymentLine,
    pub(super) facts: PaymentFacts,
}

impl Harmonia {
    /// Finds the merchant, fixes the instant, hashes and seals the token.
    pub(super) async fn prepare(
        &self,
        line: PaymentLine,
        src: Source,
        arrived: Timestamp,
    ) -> Result<Result<Prepared, Outcome>, StageError> {
        let attribution = self.attribute(line.scheme, &line.mids).await?;
        let (identifier, parked) = match attribution {
            Attribution::Known(identifier) => (Some((*identifier).into()), None),
            Attribution::Unknown => (None, Some(ParkReason::UnknownMid)),
            Attribution::Disputed(_) => (None, Some(ParkReason::DisputedMid)),
        };
        let merchant = identifier.as_ref().map(|i: &MatchedIdentifier| &i.merchant);
        let refused = (line.scheme, line.kind) == (Scheme::Amex, Kind::Auth);
        if refused && merchant.is_some_and(|m| self.refuses_amex(m)) && !self.stored_before(&line, &src).await? {
            return Ok(Err(Outcome::Skipped(SkipReason(AMEX_AUTH_NOT_USED.to_owned()))));
        }
        let at = self.instant(line.time, merchant);
        if too_old(at, arrived, AGE_DAYS_MAX) {
            let reject = Reject { field: "date".into(), reason: RejectReason::TooOld, class: ValueClass::Text };
            return Ok(Err(Outcome::Rejected(reject)));
        }
        let Some(sealed) = self.cards.seal(&line.token) else {
            let reject = Reject { field: "token".into(), reason: RejectReason::Internal, class: ValueClass::Text };
            return Ok(Err(Outcome::Rejected(reject)));
        };
        let facts = PaymentFacts {
            at,
            amount: line.amount,
            currency: line.currency,
            auth_code: line.auth_code.clone(),
            approval_code: line.approval_code.clone(),
            first_six: line.first_six.clone(),
            last_four: line.last_four.clone(),
            mid: line.mids.primary.clone(),
            other_mids: if parked.is_some() { line.mids.pairs().skip(1).map(own).collect() } else { Vec::new() },
            wall: match (parked, line.time) {
                (Some(_), LineTime::Wall(wall)) => Some(wall),
                _ => None,
            },
            identifier,
            token: self.cards.hash(&line.token),
            sealed,
            src,
            arrived,
            parked,
            due: None,
            told: None,
        };
        Ok(Ok(Prepared { line, facts }))
    }

    /// This very line is stored: it came when nobody knew its MID, and whoever stored it died before saying so. Its
    /// outcome is what was done with it (invariant 1).
    async fn stored_before(&self, line: &PaymentLine, src: &Source) -> Result<bool, StageError> {
        let key = PurchaseKey { scheme: line.scheme, id: line.id.clone(), slot: Slot::P };
        let found: Option<Stored<Purchase>> = self.store().get(&purchase_key(&key), Read::Consistent).await?;
        Ok(found.is_some_and(|found| found.row.line(line.kind).is_some_and(|there| there.src == *src)))
    }

    /// Amex auths are not imported for spotted and streamed merchants (spec import §7.1).
    fn refuses_amex(&self, merchant: &Slug) -> bool {
        self.definitions.get(merchant).is_some_and(|d| d.route.refuses_amex_auths())
    }

    /// Visa auths carry wall-clock time in a zone that depends on the merchant (spec import §3.2); an unknown
    /// merchant's are read as GMT, the default of that table.
    pub(crate) fn instant(&self, time: LineTime, merchant: Option<&Slug>) -> Timestamp {
        let wall = match time {
            LineTime::Instant(at) => return at,
            LineTime::Wall(wall) => wall,
        };
        let zone = merchant.and_then(|m| self.definitions.get(m)).map_or("UTC", |d| d.visa_auth_zone.as_str());
        // the definition's zone was checked when it was loaded
        harmonia_feeds::wall_in_zone(wall, zone).unwrap_or_default()
    }

    /// Stores the line with its purchase.
    pub(super) async fn store_payment(&self, prepared: &Prepared, stamp: &Stamp) -> Result<StoredAs, StageError> {
        let Prepared { line, facts } = prepared;
        let key = |slot| PurchaseKey { scheme: line.scheme, id: line.id.clone(), slot };
        let first_slot = if line.kind == Kind::Refund { Slot::R } else { Slot::P };
        // an auth is nearly always the first line of its purchase, a refund always: inserted unseen, which saves a read
        let mut found: Option<Option<Stored<Purchase>>> = (line.kind != Kind::Settled).then_some(None);
        let mut read = Read::Eventual;
        for _ in 0..TRIES_MAX {
            let first = match found.take() {
                Some(first) => first,
                None => self.store().get(&purchase_key(&key(first_slot)), read).await?,
            };
            read = Read::Consistent;
            let Some(first) = first else {
                let new = Purchase::first(key(first_slot), line.settlement_key.clone(), line.kind, facts.clone());
                let there = self.store().insert(&new, stamp).await?;
                if there.is_none() {
                    return Ok(StoredAs::New { slot: first_slot });
                }
                found = Some(there);
                continue;
            };
            if let Some(seen) = self.seen(&first.row, prepared) {
                return Ok(seen);
            }
            if first.row.settlement_key == line.settlement_key {
                let both = first.row.with_second(line.kind, facts.clone())?;
                if self.store().replace(&first, &both, stamp).await? {
                    return Ok(StoredAs::New { slot: Slot::P });
                }
                continue;
            }
            if let Some(done) = self.store_beside(&first, prepared, key(Slot::P2), stamp).await? {
                return Ok(done);
            }
        }
        Err(StageError::Unsettled { what: "a payment line", tries: TRIES_MAX })
    }

    /// Another line of the same kind and id came first and says something else: this one changes nothing, and stays
    /// with the purchase for whoever asks.
    pub(super) async fn keep_beside(&self, prepared: &Prepared, stamp: &Stamp) -> Result<(), StageError> {
        let Prepared { line, facts } = prepared;
        let beside = DifferingLine::new(line.scheme, line.id.clone(), line.kind, facts.clone());
        Ok(self.store().put(&beside, stamp).await?)
    }

    /// Why the line, as it is stored, still waits for its MID. A line that was parked is looked at again (design §4);
    /// so is one that was stored before, perhaps by somebody who died before looking.
    pub(super) async fn look_again(
        &self,
        prepared: &Prepared,
        stored: &StoredAs,
        stamp: &Stamp,
    ) -> Result<Option<ParkReason>, StageError> {
        let Prepared { line, facts } = prepared;
        let slot = match stored {
            StoredAs::New { .. } if facts.parked.is_none() => return Ok(None),
            StoredAs::New { slot } | StoredAs::Same { slot } => *slot,
            StoredAs::Duplicate { .. } => return Ok(None),
        };
        let key = PurchaseKey { scheme: line.scheme, id: line.id.clone(), slot };
        self.look_again_at_payment(&key, line.kind, stamp).await
    }

    /// The provider's id names a purchase of another settlement key: the line becomes a purchase of its own, as long
    /// as that other one does not get this kind of line meanwhile.
    async fn store_beside(
        &self,
        first: &Stored<Purchase>,
        prepared: &Prepared,
        key: PurchaseKey,
        stamp: &Stamp,
    ) -> Result<Option<StoredAs>, StageError> {
        let Prepared { line, facts } = prepared;
        let found: Option<Stored<Purchase>> = self.store().get(&purchase_key(&key), Read::Consistent).await?;
        if let Some(second) = found {
            return Ok(self.seen(&second.row, prepared));
        }
        let new = Purchase::first(key, line.settlement_key.clone(), line.kind, facts.clone());
        let unchanged = Write::Check {
            table: Table::Book,
            key: purchase_key(&first.row.key),
            expect: Expect::Version(first.version),
        };
        match self.store().transact(vec![put_write(&new, Expect::Absent, stamp), unchanged]).await {
            Ok(()) => Ok(Some(StoredAs::New { slot: Slot::P2 })),
            Err(WriteError::Condition(_)) => Ok(None),
            Err(WriteError::Store(e)) => Err(e.into()),
        }
    }

    /// The line of this kind that is there already, told apart by its source.
    fn seen(&self, purchase: &Purchase, prepared: &Prepared) -> Option<StoredAs> {
        let there = purchase.line(prepared.line.kind)?;
        let slot = purchase.key.slot;
        if there.src == prepared.facts.src {
            return Some(StoredAs::Same { slot });
        }
        let young = self.now().duration_since(there.arrived) < SignedDuration::from_hours(FORWARD_AGAIN_H);
        Some(StoredAs::Duplicate {
            differs: !there.same_content(&prepared.facts),
            forward: (purchase.is_live() && young && there.parked.is_none()).then_some(slot),
        })
    }
}

fn own(
    (kind, text): (harmonia_domain::identifier::IdentifierType, &str),
) -> (harmonia_domain::identifier::IdentifierType, String) {
    (kind, text.to_owned())
}

/// Age from which lines of a feed are rejected.
pub(super) fn too_old_for_its_feed(record: &Record, arrived: Timestamp) -> bool {
    let days = match record {
        Record::Sale(_) => sale::AGE_DAYS_MAX,
        // as old as the export that it is about
        Record::Result(_) => return false,
        _ => AGE_DAYS_MAX,
    };
    record.at().is_some_and(|at| too_old(at, arrived, days))
}

pub(super) fn too_old(at: Timestamp, arrived: Timestamp, days: i64) -> bool {
    arrived.duration_since(at) > SignedDuration::from_hours(24 * days)
}
