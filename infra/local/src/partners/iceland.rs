//! Iceland (spec match §9.3, §12.4): OAuth, and batches that are taken once by their `message_uid`.

use super::{
    asked::Answered,
    desk::{Door, Visit},
    ledger::Reward,
};
use serde::Deserialize;
use serde_json::json;

pub(super) const TOKEN: &str = "/iceland/oauth/token";
pub(super) const BATCH: &str = "/iceland/transactions";
/// What its OAuth gives out.
const BEARER: &str = "iceland-bearer-of-the-local-cloud";

#[derive(Deserialize)]
struct Batch {
    message_uid: String,
    transactions: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Transaction {
    transaction_id: String,
}

pub(super) fn door(path: &str) -> Option<Door> {
    match path {
        TOKEN => Some(("POST", token)),
        BATCH => Some(("POST", batch)),
        _ => None,
    }
}

/// OAuth's client credentials; which ones is not looked at.
fn token(visit: &mut Visit<'_>) -> Answered {
    visit.asked.form().map_or_else(|| Answered::bad("invalid_request"), |_| Answered::token(BEARER))
}

fn batch(visit: &mut Visit<'_>) -> Answered {
    if !visit.asked.is_authorized("Bearer", BEARER) {
        return Answered::unauthorized();
    }
    let told: Option<Batch> = visit.asked.json();
    let Some(told) = told.filter(|b| !b.message_uid.is_empty() && !b.transactions.is_empty()) else {
        return Answered::bad("message_uid and transactions");
    };
    let members = told.transactions.iter().map(|t| t.transaction_id.as_str()).collect();
    let reward = Reward::Batch { name: &told.message_uid, members };
    visit.ledger.came("iceland-bonus-card", &reward, visit.asked.body);
    let errors = visit.faults().batch_500;
    visit.unless_it_fails("iceland-bonus-card", &told.message_uid, errors, |ledger| {
        ledger.count("iceland-bonus-card", &reward);
        Answered::new(200, json!({}))
    })
}
