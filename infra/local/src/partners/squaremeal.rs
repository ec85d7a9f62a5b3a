//! `SquareMeal` (spec match §9.6): open; a line of a purchase is known by the purchase's id, its flags and its sign.

use super::{
    asked::Answered,
    desk::{Door, Visit},
    ledger::Reward,
};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Line {
    transaction_id: String,
    loyalty_id: String,
    auth: bool,
    cleared: bool,
    mid: String,
    #[serde(rename = "transaction_date")]
    _date: String,
    transaction_amount: i64,
}

pub(super) fn door(path: &str) -> Option<Door> {
    (path == "/squaremeal/api/BinkTransactions").then_some(("POST", line))
}

fn line(visit: &mut Visit<'_>) -> Answered {
    let told: Option<Line> = visit.asked.json();
    let whole = |l: &Line| !l.transaction_id.is_empty() && !l.loyalty_id.is_empty() && !l.mid.is_empty();
    let Some(told) = told.filter(whole).filter(|l| l.auth != l.cleared) else {
        return Answered::bad("a line that is either authorised or cleared");
    };
    let kind = match (told.auth, told.transaction_amount < 0) {
        (true, _) => "auth",
        (false, false) => "settled",
        (false, true) => "refund",
    };
    let name = format!("{} {kind}", told.transaction_id);
    visit.reward("squaremeal", &Reward::Known(&name), None, Answered::new(200, json!({})))
}
