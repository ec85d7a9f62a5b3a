//! Park, then look again (design §4): whoever parks a line writes that first, with its entries among the parked
//! lines, and then reads once more, consistently, what the line waits for. Whoever onboards or links writes that first
//! and then lists the parked lines. So of two that do both at the same time at least one sees the other.

use crate::{Harmonia, StageError};
use harmonia_domain::{
    card::TokenHash,
    feed::{Kind, Slug},
    identifier::{Attribution, Identifier, attribute},
    line::LineTime,
    outcome::ParkReason,
    purchase::{Purchase, PurchaseKey},
    sale::Sale,
};
use harmonia_ports::{Read, Stamp};
use harmonia_state::{NewestIdentity, ParkedLine, Row, Stored, purchase_key, sale_key};
use std::collections::BTreeSet;

/// How often a lost race is looked at again.
const TRIES_MAX: u32 = 10;

/// What became of a parked line that was looked at again.
pub(crate) enum Looked {
    /// It was set free now.
    Free,
    /// Nothing has come that it waits for.
    Waits(ParkReason),
    /// Somebody changed it meanwhile.
    Lost,
}

impl Harmonia {
    /// Whose line it is by the identifiers as they stand now; `supposed` adds to them and takes away (for dry runs).
    pub(super) async fn attribution_now(
        &self,
        purchase: &Purchase,
        kind: Kind,
        supposed: &super::Change,
    ) -> Result<Attribution, StageError> {
        let Some(facts) = purchase.line(kind) else { return Ok(Attribution::Unknown) };
        let (scheme, mids) = (purchase.key.scheme, facts.mids());
        let texts: BTreeSet<&str> = mids.pairs().map(|(_, text)| text).collect();
        let mut onboarded: Vec<Identifier> = Vec::new();
        for text in texts {
            let found = self.identifiers_of_record(scheme, text).await?;
            onboarded.extend(supposed.applied(found, scheme, text));
        }
        Ok(attribute(&mids, &onboarded))
    }

    /// Sets a payment line free that waits for its MID, if it can be attributed.
    pub(super) async fn attribute_parked(
        &self,
        found: &Stored<Purchase>,
        kind: Kind,
        stamp: &Stamp,
    ) -> Result<Looked, StageError> {
        let why = match self.attribution_now(&found.row, kind, &super::Change::default()).await? {
            Attribution::Known(identifier) => {
                let at = self.instant_at(&found.row, kind, &identifier.merchant);
                let next = at.and_then(|at| found.row.attributed(kind, (*identifier).into(), at));
                // nothing follows from the purchase any more, so nothing waits
                let Some(next) = next else { return Ok(Looked::Free) };
                let freed = self.store().replace(found, &next, stamp).await?;
                return Ok(if freed { Looked::Free } else { Looked::Lost });
            }
            Attribution::Unknown => ParkReason::UnknownMid,
            Attribution::Disputed(_) => ParkReason::DisputedMid,
        };
        Ok(Looked::Waits(why))
    }

    /// When a line happened that waited for its MID: a wall-clock time is read in its merchant's zone (spec import
    /// §3.2).
    pub(super) fn instant_at(&self, purchase: &Purchase, kind: Kind, merchant: &Slug) -> Option<jiff::Timestamp> {
        let facts = purchase.line(kind)?;
        let time = facts.wall.map_or(LineTime::Instant(facts.at), LineTime::Wall);
        Some(self.instant(time, Some(merchant)))
    }

    /// Import has stored a line of this purchase. If the stored line waits for its MID, it is entered among the parked
    /// lines and looked at once more. Returns why it still waits.
    pub(crate) async fn look_again_at_payment(
        &self,
        p: &PurchaseKey,
        kind: Kind,
        stamp: &Stamp,
    ) -> Result<Option<ParkReason>, StageError> {
        for _ in 0..TRIES_MAX {
            let found: Option<Stored<Purchase>> = self.store().get(&purchase_key(p), Read::Consistent).await?;
            let Some(found) = found else { return Ok(None) };
            if !found.row.line(kind).is_some_and(harmonia_domain::purchase::PaymentFacts::waits_for_mid) {
                return Ok(None);
            }
            let entries = ParkedLine::of_payment(&found.row, kind, found.version);
            self.store().put_all(&entries, stamp).await?;
            match self.attribute_parked(&found, kind, stamp).await? {
                // until import has forwarded the line its own redelivery comes back to it, so the entries may go
                Looked::Free => {
                    self.forget_entries(&entries).await?;
                    return Ok(None);
                }
                Looked::Waits(why) => return Ok(Some(why)),
                Looked::Lost => {}
            }
        }
        Err(StageError::Unsettled { what: "a parked payment line", tries: TRIES_MAX })
    }

    /// Import has stored this sale. If the stored one waits for its location, it is entered among the parked lines and
    /// looked at once more. Returns the sale as it stands.
    pub(crate) async fn look_again_at_sale(&self, sale: &Sale, stamp: &Stamp) -> Result<Sale, StageError> {
        for _ in 0..TRIES_MAX {
            let key = sale_key(&sale.merchant, &sale.id);
            let found: Option<Stored<Sale>> = self.store().get(&key, Read::Consistent).await?;
            let Some(found) = found else { return Ok(sale.clone()) };
            let Some(entry) = ParkedLine::of_sale(&found.row, found.version) else { return Ok(found.row) };
            self.store().put(&entry, stamp).await?;
            let Some(next) = self.located_now(&found.row, &super::Change::default()).await? else {
                return Ok(found.row);
            };
            if self.store().replace(&found, &next, stamp).await? {
                self.forget_entries(&[entry]).await?;
                return Ok(next);
            }
        }
        Err(StageError::Unsettled { what: "a parked sale", tries: TRIES_MAX })
    }

    /// A sale that waits for its location with the identifiers that it has now, if it has any.
    pub(super) async fn located_now(&self, sale: &Sale, supposed: &super::Change) -> Result<Option<Sale>, StageError> {
        let Some(location) = sale.location.as_deref() else { return Ok(None) };
        let here = self.tills_of(&sale.merchant, location).await?.into_iter().map(|entry| (entry.scheme, entry.text));
        Ok(sale.located(&here.chain(supposed.tills_of(&sale.merchant, location)).collect()))
    }

    /// Identify has parked a line for its card, having asked when there were `links`. It is entered among the parked
    /// lines; if the card was linked or unlinked meanwhile, it is set free again. `true`: it is to be asked for again.
    pub(crate) async fn look_again_at_card(
        &self,
        p: &PurchaseKey,
        kind: Kind,
        links: u64,
        stamp: &Stamp,
    ) -> Result<bool, StageError> {
        for attempt in 0..TRIES_MAX {
            let found: Option<Stored<Purchase>> = self.store().get(&purchase_key(p), Read::Consistent).await?;
            let Some(found) = found else { return Ok(false) };
            let entries = ParkedLine::of_payment(&found.row, kind, found.version);
            let facts = found.row.line(kind).filter(|facts| facts.waits_for_card());
            let merchant = facts.and_then(|facts| facts.identifier.as_ref().map(|i| (&i.merchant, &facts.token)));
            // free on a second look: by our own write, whose answer was lost, or by somebody who came to the same
            let Some((merchant, token)) = merchant else { return Ok(attempt > 0) };
            self.store().put_all(&entries, stamp).await?;
            if self.links_now(merchant, token).await? == links {
                return Ok(false);
            }
            let Some(next) = found.row.relinked(kind) else { return Ok(false) };
            if self.store().replace(&found, &next, stamp).await? {
                self.forget_entries(&entries).await?;
                return Ok(true);
            }
        }
        Err(StageError::Unsettled { what: "a parked payment line", tries: TRIES_MAX })
    }

    pub(super) async fn forget_entries(&self, entries: &[ParkedLine]) -> Result<(), StageError> {
        for entry in entries {
            self.store().delete::<ParkedLine>(&entry.key()).await?;
        }
        Ok(())
    }

    /// How often a card was linked or unlinked.
    async fn links_now(&self, merchant: &Slug, token: &TokenHash) -> Result<u64, StageError> {
        let key = NewestIdentity::key_of(merchant, token);
        let found: Option<Stored<NewestIdentity>> = self.store().get(&key, Read::Consistent).await?;
        Ok(found.map_or(0, |newest| newest.row.links))
    }
}
