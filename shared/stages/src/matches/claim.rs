//! The claim: one transaction that takes the payment and the sale and makes the export, each conditional (design §4).

use super::book_key;
use crate::{Harmonia, StageError};
use harmonia_domain::{
    export::{Export, ExportFacts, ExportState, MatchType, export_key},
    identity::IdentityRef,
    purchase::{Current, Purchase},
    time::sortable,
};
use harmonia_ports::{Expect, Table, Write, WriteError};
use harmonia_state::{BookedSale, Stored, put_write, sale_key};
use serde_json::{Map, json};

/// What became of a claim.
pub(super) enum Claimed {
    /// It holds: this export was made with it.
    Yes(Box<Export>),
    /// Somebody else has the sale.
    SaleGone,
    /// The payment is not what it was when it was read.
    PaymentChanged,
}

impl Harmonia {
    pub(super) async fn claim(
        &self,
        trace: &str,
        stored: &Stored<Purchase>,
        now: &Current,
        who: &IdentityRef,
        sale: &BookedSale,
        evidence: Vec<String>,
    ) -> Result<Claimed, StageError> {
        let merchant = &now.identifier.merchant;
        let definition = self.definitions.get(merchant);
        let definition = definition.ok_or_else(|| StageError::NoDefinition { merchant: merchant.clone() })?;
        let created = self.now();
        let id = stored.row.export_id();
        let key = export_key(merchant, who, created, &id);
        let state = match &definition.export {
            None => ExportState::Held,
            Some(target) if target.batch.is_some() => ExportState::Collecting,
            Some(_) => ExportState::Ready,
        };
        let export = Export {
            id,
            merchant: merchant.clone(),
            created,
            order: format!("{}#{:010}", sortable(now.changed.0), now.changed.1),
            match_type: MatchType::Loyalty,
            purchase: stored.row.key.clone(),
            kind: now.identity_of,
            sale: sale.id.clone(),
            identity: who.clone(),
            evidence,
            book_key: book_key(&stored.row, now),
            definition: definition.version.clone(),
            facts: facts(&stored.row, now, sale),
            generation: stored.row.generation,
            attempts: 0,
            last: None,
            corrected: None,
            state,
        };
        let stamp = self.stamp(format!("match {trace}"));
        let mut set = Map::new();
        set.insert("st".into(), json!("claimed"));
        set.insert("x".into(), json!(key));
        let writes = vec![
            put_write(&stored.row.claimed(key)?, Expect::Version(stored.version), &stamp),
            Write::Patch {
                table: Table::Book,
                key: sale_key(merchant, &sale.id),
                set,
                stamp: stamp.clone(),
                expect: Expect::Fields(vec![("st".into(), json!("live"))]),
            },
            put_write(&export, Expect::Absent, &stamp),
        ];
        match self.store().transact(writes).await {
            Ok(()) => Ok(Claimed::Yes(Box::new(export))),
            Err(WriteError::Condition(found)) if found.iter().any(|f| f.index == 0) => Ok(Claimed::PaymentChanged),
            Err(WriteError::Condition(found)) if found.iter().any(|f| f.index == 1) => Ok(Claimed::SaleGone),
            Err(WriteError::Condition(_)) => Ok(Claimed::PaymentChanged),
            Err(WriteError::Store(e)) => Err(e.into()),
        }
    }
}

/// What the merchant may be told (spec match §4.7): the sale's id and instant, the identifier that was found, the
/// payment's codes.
fn facts(purchase: &Purchase, now: &Current, sale: &BookedSale) -> ExportFacts {
    ExportFacts {
        transaction_id: sale.id.clone(),
        at: sale.at,
        mid: now.identifier.text.clone(),
        location_id: now.identifier.location_id.clone(),
        merchant_internal_id: now.identifier.merchant_internal_id.clone(),
        settlement_key: purchase.settlement_key.clone(),
        auth_code: now.auth_code.clone(),
        approval_code: now.approval_code.clone(),
    }
}
