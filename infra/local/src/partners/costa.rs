//! Costa (spec match §9.2): open, and nothing in a request tells one purchase from another: every one is a reward.

use super::{
    asked::Answered,
    desk::{Door, Visit},
    ledger::Reward,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
struct Transaction {
    payload: Map<String, Value>,
    #[serde(rename = "ExternalCustomerID")]
    customer: String,
}

pub(super) fn door(path: &str) -> Option<Door> {
    // the base URL's slash and the path's (spec match §9.2)
    (path == "/costa//costa/transactions").then_some(("POST", transaction))
}

fn transaction(visit: &mut Visit<'_>) -> Answered {
    let told: Option<Transaction> = visit.asked.json();
    let Some(told) = told.filter(|t| !t.customer.is_empty()) else {
        return Answered::bad("payload and ExternalCustomerID");
    };
    let what = format!("{} {}", told.customer, Value::Object(told.payload));
    visit.reward("costa", &Reward::Unknown(&what), None, Answered::new(200, json!({})))
}
