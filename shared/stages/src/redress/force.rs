//! The forced match (spec match §6): a person says that a payment and a sale belong together.

use super::{RedressError, TRIES_MAX, Words, state_of};
use crate::{
    Harmonia, StageError,
    identify::Whose,
    matches::{Claim, Claimed, FORCED},
    message,
};
use harmonia_definitions::MatchedAs;
use harmonia_domain::{
    export::MatchType,
    feed::Slug,
    identity::IdentityRef,
    outcome::ParkReason,
    purchase::{Current, ExportKey, PaymentFacts, Purchase, PurchaseKey, PurchaseState},
    sale::{Sale, SaleState},
};
use harmonia_ports::Read;
use harmonia_state::{BookedPayment, BookedSale, FileKey, Stored};
use std::collections::BTreeSet;

/// A forced match that holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Forced {
    /// Its export.
    pub export: ExportKey,
    /// In what the two differ: what a policy would have said against it.
    pub differs: Vec<String>,
}

impl Harmonia {
    /// Matches an open payment with an open sale because a person says so: same merchant, nothing else is compared, but
    /// what differs is told and stored. Whose card it was is looked up if it is not known. Repeating it is harmless.
    pub async fn force_match(
        &self,
        p: &PurchaseKey,
        merchant: &Slug,
        sale: &str,
        words: &Words,
    ) -> Result<Forced, RedressError> {
        // boxed: a claim is most of what every caller would carry along
        Box::pin(self.match_by_word(p, merchant, sale, words)).await
    }

    async fn match_by_word(
        &self,
        p: &PurchaseKey,
        merchant: &Slug,
        sale: &str,
        words: &Words,
    ) -> Result<Forced, RedressError> {
        let trace = format!("match {}", p.id);
        for _ in 0..TRIES_MAX {
            let stored = self.payment(p).await?;
            let sold = self.sale(merchant, sale).await?;
            if let (PurchaseState::Claimed { x }, SaleState::Claimed { x: same }) = (&stored.row.state, &sold.row.state)
                && x == same
            {
                return self.forced_before(&trace, x, &sold.row).await;
            }
            self.check_sale(&sold.row).await?;
            let (known, who) = self.check_payment(&stored.row, merchant).await?;
            let now = known.current().ok_or_else(|| not_open(&stored.row))?;
            let differs = differences(&now, &known, &sold.row);
            let stored = Stored { row: known, version: stored.version };
            let claim = Claim { trace: &trace, stored: &stored, now: &now, who: &who };
            let entry = BookedSale::of(&sold.row)
                .into_iter()
                .next()
                .ok_or(StageError::Missing { what: "till of sale", name: sale.to_owned() })?;
            match self.claim_forced(&claim, &entry, &differs, self.redress(words)).await? {
                Claimed::Yes(export) => {
                    self.send_on(&trace, &export).await?;
                    self.examine_forced(&trace, &export.book_key, &sold.row).await?;
                    return Ok(Forced { export: export.key(), differs });
                }
                // somebody was quicker: look what it is now
                Claimed::SaleGone | Claimed::PaymentChanged => {}
            }
        }
        Err(StageError::Unsettled { what: "a forced match", tries: TRIES_MAX }.into())
    }

    /// The pair is matched already, perhaps by this person's first try: what follows is forwarded again.
    async fn forced_before(&self, trace: &str, x: &ExportKey, sale: &Sale) -> Result<Forced, RedressError> {
        let export = self.export_of(x).await?.row;
        self.send_on(trace, &export).await?;
        self.examine_forced(trace, &export.book_key, sale).await?;
        let differs =
            export.evidence.iter().filter(|code| export.match_type == MatchType::Forced && code.as_str() != FORCED);
        Ok(Forced { export: export.key(), differs: differs.cloned().collect() })
    }

    /// Payments of the sale's keys have one candidate less; the payment's own entry goes.
    async fn examine_forced(
        &self,
        trace: &str,
        own: &harmonia_domain::export::BookKey,
        sale: &Sale,
    ) -> Result<(), StageError> {
        let mut keys: BTreeSet<_> = sale.mids.iter().map(|mid| sale.book_key(mid)).collect();
        keys.insert(own.clone());
        message::send_keys(self.ports.queues.as_ref(), trace, (&sale.merchant, 0), None, keys).await
    }

    async fn check_sale(&self, sale: &Sale) -> Result<(), RedressError> {
        let state = match &sale.state {
            SaleState::Claimed { .. } => Some("matched"),
            SaleState::Parked { .. } => Some("parked, its location is not known"),
            SaleState::Live if !self.file_is_closed(sale).await? => Some("in a file that is not closed yet"),
            SaleState::Live => None,
        };
        let not_open =
            |state| RedressError::SaleNotOpen { merchant: sale.merchant.clone(), id: sale.id.clone(), state };
        state.map_or(Ok(()), |state| Err(not_open(state)))
    }

    async fn file_is_closed(&self, sale: &Sale) -> Result<bool, StageError> {
        let Some(group) = &sale.group else { return Ok(true) };
        let Some(key) = FileKey::of_group(group) else { return Ok(false) };
        let file: Option<Stored<harmonia_domain::file::File>> = self.store().get(&key.key(), Read::Consistent).await?;
        Ok(file.is_some_and(|file| file.row.visible()))
    }

    /// The purchase with its card known, and whose it is: as the book has it, else as the directory answers now.
    async fn check_payment(
        &self,
        purchase: &Purchase,
        merchant: &Slug,
    ) -> Result<(Purchase, IdentityRef), RedressError> {
        if !purchase.is_live() || purchase.refund.is_some() {
            return Err(not_open(purchase));
        }
        let kind = purchase.current().map_or(purchase.base, |now| now.identity_of);
        let line = purchase.line(kind).ok_or_else(|| not_open(purchase))?;
        self.check_merchant(purchase, line, merchant)?;
        if let Some(now) = purchase.current() {
            let entry = BookedPayment::key_of(purchase, &now);
            let booked: Option<Stored<BookedPayment>> = self.store().get(&entry, Read::Consistent).await?;
            if let Some(booked) = booked {
                return Ok((purchase.clone(), booked.row.who));
            }
        }
        let no_identity = |why| RedressError::NoIdentity { p: purchase.key.clone(), why };
        match self.whose(merchant.clone(), line.token.clone(), &line.sealed).await?.whose {
            Whose::Known(who) => Ok((purchase.known(kind).unwrap_or_else(|| purchase.clone()), who)),
            Whose::NotKnown => Err(no_identity(ParkReason::CardNotKnown)),
            Whose::NoCardInformation => Err(no_identity(ParkReason::NoCardInformation)),
            Whose::Unavailable => Err(no_identity(ParkReason::DirectoryUnavailable)),
        }
    }

    fn check_merchant(&self, purchase: &Purchase, line: &PaymentFacts, sale: &Slug) -> Result<(), RedressError> {
        let p = purchase.key.clone();
        let Some(identifier) = &line.identifier else {
            return Err(RedressError::NobodysMid { p, mid: line.mid.clone() });
        };
        if identifier.merchant != *sale {
            return Err(RedressError::OtherMerchant { p, payment: identifier.merchant.clone(), sale: sale.clone() });
        }
        if self.route(sale).matched == Some(MatchedAs::Loyalty) {
            Ok(())
        } else {
            Err(RedressError::NotMatched { merchant: sale.clone() })
        }
    }
}

fn not_open(purchase: &Purchase) -> RedressError {
    let state = if purchase.refund.is_some() { "a refund" } else { state_of(purchase) };
    RedressError::PaymentNotOpen { p: purchase.key.clone(), state }
}

/// What a policy would have compared and found different; codes, no card data.
fn differences(now: &Current, purchase: &Purchase, sale: &Sale) -> Vec<String> {
    let mut found = Vec::new();
    let mut differs = |holds: bool, what: String| {
        if !holds {
            found.push(what);
        }
    };
    differs(sale.mids.contains(&now.mid), "other-mid".to_owned());
    differs(sale.scheme == purchase.key.scheme, "other-payment-scheme".to_owned());
    differs(sale.currency == now.currency, "other-currency".to_owned());
    let more = sale.amount.0.saturating_sub(now.amount.0);
    differs(more == 0, format!("amount:{more:+}"));
    differs(sale.auth_code == now.auth_code, "other-auth-code".to_owned());
    differs(sale.at == now.at, format!("time:{:+}s", now.at.duration_until(sale.at).as_secs()));
    found
}
