//! Bink's own platform, for Viator, Trenette and Cortado (spec match §9.1): a token that does not change, and an id
//! that is rewarded once.

use super::{
    asked::Answered,
    desk::{Door, Visit},
    ledger::Reward,
};
use serde::Deserialize;
use serde_json::json;

/// What opens its door.
pub(super) const TOKEN: &str = "played-bpl";
/// Under which its merchants' paths are.
pub(super) const PLACE: &str = "/bpl/";
/// The merchants.
pub(super) const MERCHANTS: [&str; 3] = ["bpl-viator", "bpl-trenette", "bpl-cortado"];

#[derive(Deserialize)]
struct Transaction {
    id: String,
    #[serde(rename = "transaction_total")]
    _total: i64,
    #[serde(rename = "datetime")]
    _at: i64,
    #[serde(rename = "MID")]
    _mid: String,
    loyalty_id: String,
    #[serde(rename = "transaction_id")]
    name: String,
}

fn merchant(path: &str) -> Option<&'static str> {
    let name = path.strip_prefix(PLACE)?.strip_suffix("/transaction")?;
    MERCHANTS.into_iter().find(|merchant| merchant.strip_prefix("bpl-") == Some(name))
}

pub(super) fn door(path: &str) -> Option<Door> {
    merchant(path)?;
    Some(("POST", transaction))
}

fn transaction(visit: &mut Visit<'_>) -> Answered {
    if !visit.asked.is_authorized("Token", TOKEN) {
        return Answered::unauthorized();
    }
    let merchant = merchant(visit.asked.path).unwrap_or_default();
    let told: Option<Transaction> = visit.asked.json();
    let whole = |t: &Transaction| t.id.starts_with(merchant) && !t.loyalty_id.is_empty() && !t.name.is_empty();
    let Some(told) = told.filter(whole) else { return Answered::bad("a transaction of the merchant") };
    visit.reward(merchant, &Reward::Known(&told.id), None, Answered::new(200, json!({ "state": "awarded" })))
}
