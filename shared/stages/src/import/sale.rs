//! Storing a sale: the sale first, then its entries in the book. Readers ignore entries of files that are not closed,
//! so a file's sales appear together (design §4).

use super::{
    lines::{Finished, Origin, StoredAs},
    payment::too_old,
};
use crate::{Harmonia, StageError};
use harmonia_domain::{
    Source,
    feed::Feed,
    identifier::Tills,
    line::{SaleLine, Till},
    outcome::{Reject, RejectReason, ValueClass},
    purchase::Slot,
    sale::{Sale, SaleState},
};
use harmonia_ports::Stamp;
use jiff::SignedDuration;

/// Older sales are rejected: horizon 120 days less 20 (design §4).
pub(super) const AGE_DAYS_MAX: i64 = 100;
/// A duplicate of a live sale younger than this is forwarded once more (design §4).
const FORWARD_AGAIN_H: i64 = 48;

/// A sale ready to be stored.
pub(super) struct PreparedSale {
    pub(super) sale: Sale,
}

impl Harmonia {
    /// Looks up the tills of its location.
    pub(super) async fn prepare_sale(
        &self,
        line: SaleLine,
        src: Source,
        origin: &Origin<'_>,
    ) -> Result<Result<PreparedSale, Reject>, StageError> {
        let Feed::Merchant(merchant) = origin.feed else {
            return Ok(Err(Reject { field: "feed".into(), reason: RejectReason::Internal, class: ValueClass::Text }));
        };
        if too_old(line.at, origin.arrived, AGE_DAYS_MAX) {
            return Ok(Err(Reject { field: "date".into(), reason: RejectReason::TooOld, class: ValueClass::Text }));
        }
        let tills = match &line.till {
            Till::Mid(_) => Tills::new(),
            Till::Location(location) => self.tills_at(merchant, location).await?,
        };
        let group = origin.group.map(str::to_owned);
        Ok(Ok(PreparedSale { sale: Sale::new(merchant.clone(), line, &tills, src, origin.arrived, group) }))
    }

    pub(super) async fn finish_sale(&self, prepared: &PreparedSale, stamp: &Stamp) -> Result<Finished, StageError> {
        let sale = &prepared.sale;
        let stored = match self.store().insert(sale, stamp).await? {
            None => StoredAs::New { slot: Slot::P },
            Some(there) if there.row.src == sale.src => StoredAs::Same { slot: Slot::P },
            Some(there) => {
                let young = self.now().duration_since(there.row.arrived) < SignedDuration::from_hours(FORWARD_AGAIN_H);
                let again = young && there.row.state == SaleState::Live;
                StoredAs::Duplicate { differs: !there.row.same_content(sale), forward: again.then_some(Slot::P) }
            }
        };
        // one that waits for its location, or came before and may: it is looked at again (design §4)
        let sale = match stored {
            StoredAs::New { .. } if !sale.waits_for_location() => sale.clone(),
            StoredAs::New { .. } | StoredAs::Same { .. } => self.look_again_at_sale(sale, stamp).await?,
            StoredAs::Duplicate { .. } => sale.clone(),
        };
        Ok(Finished::sale(&sale, &stored))
    }
}
