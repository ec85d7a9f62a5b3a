//! The claim: one transaction that takes the payment, and the sale if it has one, and makes the export, each
//! conditional (design §4). The condition sits on the purchase and not only on the export's absence, because the
//! export's key holds the member and the directory may answer differently tomorrow (state.md).

use crate::{Harmonia, StageError, export::on_the_minute};
use harmonia_domain::{
    export::{Export, ExportFacts, ExportState, MatchType, Redress},
    feed::{Kind, Slug},
    identity::IdentityRef,
    purchase::{Current, ExportKey, Purchase},
    time::sortable,
};
use harmonia_exports::first_due;
use harmonia_matching::Evidence;
use harmonia_ports::{Expect, Stamp, Table, Write, WriteError};
use harmonia_state::{BookedSale, Stored, put_write, sale_key};
use jiff::Timestamp;
use serde_json::{Map, json};

/// The code of a person's word among the evidence of a match.
pub(crate) const FORCED: &str = "forced";

/// The state of an export whose purchase came in a file of the past.
fn backfilled() -> ExportState {
    ExportState::Skipped { why: "backfill".to_owned() }
}

/// What became of a claim.
pub(crate) enum Claimed {
    /// It holds: this export was made with it.
    Yes(Box<Export>),
    /// Somebody else has the sale.
    SaleGone,
    /// The payment is not what it was when it was read.
    PaymentChanged,
}

/// A payment that is about to be claimed.
pub(crate) struct Claim<'a> {
    pub(crate) trace: &'a str,
    pub(crate) stored: &'a Stored<Purchase>,
    pub(crate) now: &'a Current,
    pub(crate) who: &'a IdentityRef,
}

impl Harmonia {
    /// Payment and sale.
    pub(super) async fn claim(
        &self,
        claim: &Claim<'_>,
        sale: &BookedSale,
        evidence: &[Evidence],
    ) -> Result<Claimed, StageError> {
        let evidence = evidence.iter().map(ToString::to_string).collect();
        let export = Export { evidence, ..self.new_export(claim, MatchType::Loyalty)? };
        self.claim_pair(claim, export, sale).await
    }

    /// Payment and sale by a person's word.
    pub(crate) async fn claim_forced(
        &self,
        claim: &Claim<'_>,
        sale: &BookedSale,
        differs: &[String],
        redress: Redress,
    ) -> Result<Claimed, StageError> {
        let evidence = std::iter::once(FORCED.to_owned()).chain(differs.iter().cloned()).collect();
        let export = Export { evidence, forced: Some(redress), ..self.new_export(claim, MatchType::Forced)? };
        self.claim_pair(claim, export, sale).await
    }

    async fn claim_pair(&self, claim: &Claim<'_>, export: Export, sale: &BookedSale) -> Result<Claimed, StageError> {
        let purchase = &claim.stored.row;
        let mut export = export;
        export.sale = Some(sale.id.clone());
        // spec match §4.7: the merchant hears of its own sale
        export.facts.transaction_id.clone_from(&sale.id);
        (export.facts.at, export.facts.amount, export.facts.currency) = (sale.at, sale.bk.minor, sale.bk.currency);
        let stamp = self.stamp(format!("match {}", claim.trace));
        let key = export.key();
        let takes_sale = take_sale(&export.merchant, &sale.id, &key, &stamp);
        // whichever half is of the past, the merchant knows of the purchase
        if sale.backfill {
            export.state = backfilled();
        }
        self.claim_all(claim, export, purchase.claimed(key)?, Some(takes_sale), &stamp).await
    }

    /// A purchase by itself (spec match §5.1): whatever reaches this point is a match.
    pub(super) async fn claim_spotted(&self, claim: &Claim<'_>) -> Result<Claimed, StageError> {
        let purchase = &claim.stored.row;
        let mut export = self.new_export(claim, MatchType::Spotted)?;
        export.evidence = vec!["spotted".to_owned()];
        let stamp = self.stamp(format!("match {}", claim.trace));
        let claimed = purchase.claimed(export.key())?;
        self.claim_all(claim, export, claimed, None, &stamp).await
    }

    /// A payment that found no sale in time, for the receiver of such (spec match §10.1).
    pub(crate) async fn claim_unmatched(&self, claim: &Claim<'_>, receiver: &Slug) -> Result<Claimed, StageError> {
        let purchase = &claim.stored.row;
        let mut export = self.new_export(claim, MatchType::Unmatched)?;
        export.paid = Some(std::mem::replace(&mut export.merchant, receiver.clone()));
        export.definition.clone_from(&self.definition(receiver)?.version);
        export.evidence = vec!["unmatched".to_owned()];
        let stamp = self.stamp("unmatched");
        let claimed = purchase.claimed(export.key())?;
        self.claim_all(claim, export, claimed, None, &stamp).await
    }

    /// One line by itself (spec match §7).
    pub(super) async fn claim_line(&self, claim: &Claim<'_>, kind: Kind) -> Result<Claimed, StageError> {
        let purchase = &claim.stored.row;
        let mut export = self.new_export(claim, MatchType::Streamed)?;
        export.id = purchase.line_export_id(kind);
        export.evidence = vec![format!("streamed:{}", kind.as_str().to_ascii_lowercase())];
        let stamp = self.stamp(format!("stream {}", claim.trace));
        let told = purchase.told(kind, export.key())?;
        self.claim_all(claim, export, told, None, &stamp).await
    }

    fn new_export(&self, claim: &Claim<'_>, match_type: MatchType) -> Result<Export, StageError> {
        let Claim { stored, now, who, .. } = claim;
        let merchant = &now.identifier.merchant;
        let definition = self.definition(merchant)?;
        Ok(Export {
            id: stored.row.export_id(),
            merchant: merchant.clone(),
            created: self.now(),
            order: format!("{}#{:010}", sortable(now.changed.0), now.changed.1),
            match_type,
            purchase: stored.row.key.clone(),
            kind: now.identity_of,
            sale: None,
            identity: IdentityRef::clone(who),
            evidence: Vec::new(),
            book_key: stored.row.book_key(now),
            definition: definition.version.clone(),
            facts: facts(&stored.row, now),
            generation: stored.row.generation,
            attempts: 0,
            last: None,
            corrected: None,
            paid: None,
            forced: None,
            unsure: false,
            adjusts: None,
            answer: None,
            // decided once all that it follows from is known
            state: ExportState::Held,
        })
    }

    /// How an export of this merchant about a purchase of that instant begins (design §3: "not before" is known now).
    pub(crate) fn first_state(&self, merchant: &Slug, purchased: Timestamp) -> Result<ExportState, StageError> {
        let now = self.now();
        Ok(match self.target_of(merchant)? {
            None => ExportState::Held,
            Some(target) if target.batch.is_some() => ExportState::Collecting,
            Some(target) => match first_due(target, purchased, now) {
                Some(due) => ExportState::Waiting { due: on_the_minute(due, now) },
                None => ExportState::Ready,
            },
        })
    }

    async fn claim_all(
        &self,
        claim: &Claim<'_>,
        export: Export,
        purchase: Purchase,
        sale: Option<Write>,
        stamp: &Stamp,
    ) -> Result<Claimed, StageError> {
        let of_the_past = claim.stored.row.line(export.kind).is_some_and(|line| line.src.backfill);
        let state = match &export.state {
            ExportState::Skipped { .. } => export.state.clone(),
            _ if of_the_past => backfilled(),
            _ => self.first_state(&export.merchant, export.facts.at)?,
        };
        let export = Export { state, ..export };
        let takes_purchase = put_write(&purchase, Expect::Version(claim.stored.version), stamp);
        let with_sale = sale.is_some();
        let makes_export = put_write(&export, Expect::Absent, stamp);
        let writes = [Some(takes_purchase), sale, Some(makes_export)].into_iter().flatten().collect();
        match self.store().transact(writes).await {
            Ok(()) => {
                self.note_match(&export);
                Ok(Claimed::Yes(Box::new(export)))
            }
            Err(WriteError::Condition(found)) => {
                let lost = |index| found.iter().any(|f| f.index == index);
                Ok(if with_sale && !lost(0) && lost(1) { Claimed::SaleGone } else { Claimed::PaymentChanged })
            }
            Err(WriteError::Store(e)) => Err(e.into()),
        }
    }
}

fn take_sale(merchant: &Slug, sale: &str, by: &ExportKey, stamp: &Stamp) -> Write {
    let mut set = Map::new();
    set.insert("st".into(), json!("claimed"));
    set.insert("x".into(), json!(by));
    Write::Patch {
        table: Table::Book,
        key: sale_key(merchant, sale),
        set,
        stamp: stamp.clone(),
        expect: Expect::Fields(vec![("st".into(), json!("live"))]),
    }
}

/// What a merchant without sales may be told (spec match §4.7): the payment's id and instant, the identifier that was
/// found, the payment's codes.
fn facts(purchase: &Purchase, now: &Current) -> ExportFacts {
    ExportFacts {
        transaction_id: purchase.key.id.clone(),
        at: now.at,
        amount: now.amount,
        currency: now.currency,
        mid: now.identifier.text.clone(),
        location_id: now.identifier.location_id.clone(),
        merchant_internal_id: now.identifier.merchant_internal_id.clone(),
        settlement_key: purchase.settlement_key.clone(),
        auth_code: now.auth_code.clone(),
        approval_code: now.approval_code.clone(),
    }
}
