//! Acteol, for Wasabi Club and Stonegate (spec match §9.7, §9.11): without authentication, and an answer whose message
//! decides. A receipt, or an account with a transaction, is rewarded once.

use super::{
    asked::Answered,
    desk::{Door, Visit},
    ledger::Reward,
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Receipt {
    origin_id: String,
    #[serde(rename = "ReceiptNo")]
    receipt_no: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Transaction {
    member_number: String,
    #[serde(rename = "AccountID")]
    account_id: Value,
    #[serde(rename = "TransactionID")]
    number: Value,
}

pub(super) fn door(path: &str) -> Option<Door> {
    match path {
        "/wasabi/PostMatchedTransaction" => Some(("POST", wasabi)),
        "/stonegate/PostMatchedTransaction" => Some(("POST", stonegate)),
        _ => None,
    }
}

fn says(message: &str) -> Value {
    json!({ "Error": null, "Message": message })
}

fn well() -> Answered {
    Answered::new(200, json!({ "Error": null, "Message": null }))
}

fn bad(what: &str) -> Answered {
    Answered::new(400, json!({ "Error": "Bad Request", "Message": what }))
}

fn wasabi(visit: &mut Visit<'_>) -> Answered {
    let told: Option<Receipt> = visit.asked.json();
    let Some(told) = told.filter(|t| !t.origin_id.is_empty() && !t.receipt_no.is_empty()) else {
        return bad("origin_id and ReceiptNo");
    };
    visit.reward("wasabi-club", &Reward::Known(&told.receipt_no), Some(says("Receipt No not found")), well())
}

fn stonegate(visit: &mut Visit<'_>) -> Answered {
    let told: Option<Transaction> = visit.asked.json();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let Some(told) = told.filter(|t| !t.member_number.is_empty()) else {
        return bad("MemberNumber, AccountID and TransactionID");
    };
    let name = format!("{} {}", text(&told.account_id), text(&told.number));
    let not_yet = says("Transaction with this account was not found");
    visit.reward("stonegate", &Reward::Known(&name), Some(not_yet), well())
}
