//! Itsu (spec match §9.4): a token for a name and a password, and an order that is rewarded once by its id.

use super::{
    asked::{Answered, Asked},
    desk::{Door, Visit},
    ledger::Reward,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Who may have a token.
pub(super) const USERNAME: &str = "played";
/// And by which word.
pub(super) const PASSWORD: &str = "played-itsu";
/// What it gets.
const BEARER: &str = "itsu-bearer-of-the-local-cloud";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Order {
    #[serde(rename = "OrderID")]
    id: String,
    sub_transactions: Vec<SubTransaction>,
    #[serde(rename = "OrderDate")]
    date: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SubTransaction {
    customer_details: Customer,
    total_amount: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Customer {
    member_number: String,
}

pub(super) fn door(path: &str) -> Option<Door> {
    match path {
        "/itsu/token" => Some(("POST", token)),
        "/itsu/api/Transaction/PostOrder" => Some(("POST", order)),
        _ => None,
    }
}

fn token(visit: &mut Visit<'_>) -> Answered {
    let wanted = [("username", USERNAME), ("password", PASSWORD), ("grant_type", "password")];
    if !visit.asked.form().is_some_and(|form| Asked::says(form, &wanted)) {
        return Answered::bad("invalid_grant");
    }
    visit.look_up("itsu", "a token", |_| Answered::token(BEARER))
}

fn order(visit: &mut Visit<'_>) -> Answered {
    if !visit.asked.is_authorized("Bearer", BEARER) {
        return Answered::unauthorized();
    }
    let told: Option<Order> = visit.asked.json();
    let whole = |order: &Order| {
        let [sub] = order.sub_transactions.as_slice() else { return false };
        let customer = !sub.customer_details.member_number.is_empty();
        customer && sub.total_amount.is_number() && !order.id.is_empty() && !order.date.is_empty()
    };
    let Some(told) = told.filter(whole) else { return Answered::bad("an order of a member") };
    let well = Answered::new(200, json!({ "ResponseStatus": true, "Errors": [] }));
    visit.reward("itsu", &Reward::Known(&told.id), None, well)
}
