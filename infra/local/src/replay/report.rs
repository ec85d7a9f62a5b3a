//! The final state of a case in the shapes of its expectation (cases/README.md).

use crate::state::Rows;
use harmonia_domain::{
    card::CardKeys,
    export::{Export, ExportState, MatchType},
    feed::Kind,
    file::{File, FileState},
    identity::Identity,
    purchase::{PaymentFacts, Purchase, PurchaseState},
    sale::{Sale, SaleState},
};
use harmonia_ports::Bucket;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// Builds the lists of a case's expectation.
pub(super) struct Report<'a> {
    pub(super) rows: &'a Rows,
    pub(super) keys: &'a CardKeys,
}

fn naive(at: Timestamp) -> String {
    at.to_string().trim_end_matches('Z').to_owned()
}

impl Report<'_> {
    pub(super) fn build(&self, name: &str, requests: &[Value]) -> Value {
        json!({
            "name": name,
            "files": self.rows.files.iter().filter_map(file).collect::<Vec<_>>(),
            "unattributed": self.lines(|p, kind, l| l.identifier.is_none().then(|| unattributed(p, kind))),
            "transactions": self.transactions(),
            "payments": self.rows.purchases.iter().filter_map(payment).collect::<Vec<_>>(),
            "merchant_lines": self.rows.sales.iter().map(merchant_line).collect::<Vec<_>>(),
            "matches": self.rows.exports.iter().filter_map(|x| self.matched(x)).collect::<Vec<_>>(),
            "exports": self.rows.exports.iter().filter_map(|x| self.export(x)).collect::<Vec<_>>(),
            "requests": requests,
            "uploads": [],
        })
    }

    fn lines(&self, show: impl Fn(&Purchase, Kind, &PaymentFacts) -> Option<Value>) -> Vec<Value> {
        let of = |p: &Purchase| -> Vec<Value> {
            p.kinds().filter_map(|kind| p.line(kind).and_then(|line| show(p, kind, line))).collect()
        };
        self.rows.purchases.iter().flat_map(of).collect()
    }

    fn token(&self, line: &PaymentFacts) -> Value {
        self.keys.open(&line.sealed).map_or(Value::Null, |token| json!(token.expose_secret()))
    }

    fn transactions(&self) -> Vec<Value> {
        let mut all = self.lines(|p, kind, line| {
            let identifier = line.identifier.as_ref()?;
            Some(json!({
                "feed_type": kind, "merchant_slug": identifier.merchant, "payment_provider_slug": p.key.scheme,
                "transaction_id": p.key.id, "transaction_date": line.at, "has_time": true,
                "spend_amount": line.amount, "spend_multiplier": 100, "spend_currency": line.currency,
                "card_token": self.token(line), "first_six": line.first_six, "last_four": line.last_four,
                "auth_code": line.auth_code, "approval_code": line.approval_code,
                "settlement_key": p.settlement_key, "mids": [line.mid],
                "merchant_identifiers": [named(p, line)], "extra_fields": null,
            }))
        });
        all.extend(self.rows.sales.iter().map(|s| {
            json!({
                "feed_type": Kind::Merchant, "merchant_slug": s.merchant, "payment_provider_slug": s.scheme,
                "transaction_id": s.id, "transaction_date": s.at, "has_time": true,
                "spend_amount": s.amount, "spend_multiplier": 100, "spend_currency": s.currency,
                "card_token": null, "first_six": s.first_six, "last_four": s.last_four,
                "auth_code": s.auth_code, "approval_code": "", "settlement_key": null, "mids": s.mids,
                "merchant_identifiers": [], "extra_fields": s.extra,
            })
        }));
        all
    }

    fn purchase(&self, x: &Export) -> Option<&Purchase> {
        self.rows.purchases.iter().find(|p| p.key == x.purchase)
    }

    fn extra(&self, x: &Export) -> Value {
        // cases/README.md: null for spotted and streamed, at least {} for a loyalty match
        let Some(id) = &x.sale else { return Value::Null };
        let sale = self.rows.sales.iter().find(|s| s.merchant == x.merchant && s.id == *id);
        sale.and_then(|s| s.extra.clone()).unwrap_or_else(|| json!({}))
    }

    fn matched(&self, x: &Export) -> Option<Value> {
        if matches!(x.match_type, MatchType::Streamed | MatchType::Unmatched) || x.match_type.adjusts() {
            return None;
        }
        let purchase = self.purchase(x)?;
        let line = purchase.line(purchase.base)?;
        Some(json!({
            "merchant_identifier": named(purchase, line), "mid": line.mid, "transaction_id": x.facts.transaction_id,
            "transaction_date": naive(x.facts.at), "spend_amount": x.facts.amount,
            "spend_currency": x.facts.currency, "card_token": self.token(line),
            "matching_type": x.match_type, "extra_fields": self.extra(x),
        }))
    }

    fn export(&self, x: &Export) -> Option<Value> {
        let who: &Identity = self.rows.identities.iter().find(|i| i.id() == x.identity.id)?;
        let status = match x.state {
            ExportState::Delivered { .. } => "EXPORTED",
            ExportState::Failed { .. } => "EXPORT_FAILED",
            ExportState::Skipped { .. } => "SKIPPED",
            _ => "PENDING",
        };
        Some(json!({
            "provider_slug": x.merchant,
            "feed_type": (x.match_type == MatchType::Streamed).then_some(x.kind),
            "transaction_id": x.facts.transaction_id,
            "transaction_date": naive(x.facts.at), "spend_amount": x.facts.amount,
            "spend_currency": x.facts.currency, "loyalty_id": who.loyalty_id, "mid": x.facts.mid,
            // D4: both carry the identifier that was found
            "primary_identifier": x.facts.mid, "location_id": x.facts.location_id,
            "merchant_internal_id": x.facts.merchant_internal_id, "user_id": who.user_id,
            "scheme_account_id": who.scheme_account_id, "payment_card_account_id": who.payment_card_account_id,
            "auth_code": x.facts.auth_code, "approval_code": x.facts.approval_code,
            "settlement_key": x.facts.settlement_key, "last_four": who.last_four, "expiry_month": who.expiry_month,
            "expiry_year": who.expiry_year, "payment_provider_slug": x.purchase.scheme,
            "extra_fields": self.extra(x), "status": status,
        }))
    }
}

fn named(p: &Purchase, line: &PaymentFacts) -> Option<String> {
    line.identifier.as_ref().map(|i| format!("{}:{}:{}", p.key.scheme, i.kind, i.text))
}

fn unattributed(p: &Purchase, kind: Kind) -> Value {
    json!({ "provider_slug": p.key.scheme, "feed_type": kind, "transaction_id": p.key.id })
}

/// A payment is shown once it counts: its card was known.
fn payment(p: &Purchase) -> Option<Value> {
    let now = p.current()?;
    if !matches!(p.state, PurchaseState::Live | PurchaseState::Claimed { .. }) {
        return None;
    }
    let status = if matches!(p.state, PurchaseState::Claimed { .. }) { "MATCHED" } else { "PENDING" };
    Some(json!({
        "provider_slug": p.key.scheme, "transaction_id": p.key.id, "mid": now.mid, "spend_amount": now.amount,
        "transaction_date": now.at, "status": status,
    }))
}

fn merchant_line(s: &Sale) -> Value {
    let status = if matches!(s.state, SaleState::Claimed { .. }) { "MATCHED" } else { "PENDING" };
    json!({
        "provider_slug": s.merchant, "payment_provider_slug": s.scheme, "transaction_id": s.id, "mids": s.mids,
        "spend_amount": s.amount, "transaction_date": s.at, "status": status,
    })
}

fn file(f: &File) -> Option<Value> {
    // batches of messages are logged as files, but they are in the archive only
    if f.bucket != Bucket::Imports.as_str() {
        return None;
    }
    let imported = !matches!(f.state, FileState::Unreadable { .. });
    let t = f.totals;
    let counts = imported.then(|| (t.accepted + t.duplicate + t.parked, t.accepted + t.parked));
    let dates = f.dates.filter(|_| imported);
    Some(json!({
        "provider_slug": f.feed.provider(), "imported": imported,
        "date_range_from": dates.map(|d| naive(d.0)), "date_range_to": dates.map(|d| naive(d.1)),
        "transaction_count": counts.map(|c| c.0), "unique_transaction_count": counts.map(|c| c.1),
    }))
}
