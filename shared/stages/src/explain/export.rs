//! A match and what its merchant was told: the codes that decided, and both halves by field as they are now.

use super::facts::ExportTold;
use crate::{Harmonia, StageError};
use harmonia_domain::{
    export::{Export, ExportState},
    money::MinorUnits,
    purchase::{ExportKey, Purchase},
    sale::Sale,
};
use harmonia_matching::{AnySale, Candidate, Near, Paid, Standing, nearest_payments};
use harmonia_ports::Read;
use harmonia_state::{Stored, export_row_key, purchase_key, sale_key};

impl Harmonia {
    /// What a purchase's merchant was told: its match or lines first, then matches that were undone, each with the
    /// exports that are about it.
    pub(super) async fn exports_told(&self, keys: Vec<ExportKey>) -> Result<Vec<ExportTold>, StageError> {
        let mut told = Vec::new();
        for x in keys {
            let Some(export) = self.export_told(&x).await? else { continue };
            let reversal = match &export.state {
                ExportState::Reversed { reversal, .. } => reversal.clone(),
                _ => None,
            };
            let about = [export.corrected.as_ref().and_then(|later| later.x.clone()), reversal];
            told.push(export);
            for x in about.into_iter().flatten() {
                told.extend(self.export_told(&x).await?);
            }
        }
        Ok(told)
    }

    pub(super) async fn export_told(&self, x: &ExportKey) -> Result<Option<ExportTold>, StageError> {
        let found: Option<Stored<Export>> = self.store().get(&export_row_key(x), Read::Consistent).await?;
        let Some(export) = found.map(|stored| stored.row) else { return Ok(None) };
        let pair = self.pair(&export).await?;
        let says = pair.as_ref().map(Near::to_string);
        Ok(Some(ExportTold { pair, says, ..ExportTold::from(&export) }))
    }

    /// The two halves of a match against each other; none if it has one only.
    async fn pair(&self, export: &Export) -> Result<Option<Near>, StageError> {
        let matching = self.definitions.get(&export.merchant).and_then(|d| d.matching.as_ref());
        let (Some(id), Some(matching), true) = (&export.sale, matching, export.in_force()) else { return Ok(None) };
        let sale: Option<Stored<Sale>> = self.store().get(&sale_key(&export.merchant, id), Read::Consistent).await?;
        let purchase: Option<Stored<Purchase>> =
            self.store().get(&purchase_key(&export.purchase), Read::Consistent).await?;
        let (Some(sale), Some(purchase)) = (sale, purchase) else { return Ok(None) };
        let Some(now) = purchase.row.current() else { return Ok(None) };
        let who = &export.identity;
        let paid = Paid {
            scheme: purchase.row.key.scheme,
            now: &now,
            authorised: authorised(&purchase.row, now.amount),
            first_six: &who.first_six,
            last_four: &who.last_four,
            bars: &[],
        };
        Ok(nearest_payments(matching, &any_sale(&sale.row), &[paid]).into_iter().next())
    }
}

/// What the auth said, if the amount is another one by now.
pub(super) fn authorised(purchase: &Purchase, now: MinorUnits) -> Option<MinorUnits> {
    purchase.auth.as_ref().map(|auth| auth.amount).filter(|amount| *amount != now)
}

/// A sale as the ranking takes it, whoever has it.
pub(super) fn any_sale(sale: &Sale) -> AnySale {
    AnySale {
        scheme: sale.scheme,
        mids: sale.mids.clone(),
        currency: sale.currency,
        amount: sale.amount,
        facts: Candidate::from(sale),
        standing: Standing::Open,
    }
}
