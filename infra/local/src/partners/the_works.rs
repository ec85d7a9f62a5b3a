//! The Works (spec match §9.10): JSON-RPC at two addresses, a card's history, and points that are given or taken. A
//! call is known by its code: one that comes to both addresses is one reward.

use super::{
    asked::Answered,
    desk::{Door, Visit},
    ledger::Reward,
};
use harmonia_domain::time::utc_day;
use serde::Deserialize;
use serde_json::{Value, json};

/// Who may call.
pub(super) const USER_ID: &str = "harmonia";
/// And by which word.
pub(super) const PASSWORD: &str = "played-the-works";
/// The first address.
pub(super) const FIRST: &str = "/the-works/";
/// The second one.
pub(super) const FAILOVER: &str = "/the-works-failover/";
/// Points for a pound.
const POINTS: i64 = 5;

#[derive(Deserialize)]
struct Call {
    jsonrpc: String,
    method: String,
    params: Vec<String>,
}

pub(super) fn door(path: &str) -> Option<Door> {
    matches!(path, FIRST | FAILOVER).then_some(("POST", call))
}

fn result(code: &str, rest: &Value) -> Answered {
    Answered::new(200, json!({ "jsonrpc": "2.0", "id": 1, "result": [code, "0", "", "", "", rest, "", ""] }))
}

fn call(visit: &mut Visit<'_>) -> Answered {
    let Some(told) = visit.asked.json::<Call>().filter(|call| call.jsonrpc == "2.0") else {
        return Answered::bad("JSON-RPC 2.0");
    };
    let params: Vec<&str> = told.params.iter().map(String::as_str).collect();
    match (told.method.as_str(), params.as_slice()) {
        (_, [_, _, user, password, ..]) if (*user, *password) != (USER_ID, PASSWORD) => Answered::unauthorized(),
        ("dc_995", ["en", code, _, _, card, "", "", "Points"]) => history(visit, code, card),
        (method @ ("dc_911" | "dc_945"), ["en", code, _, _, card, pounds]) if !card.is_empty() => {
            let sign = if method == "dc_911" { 1 } else { -1 };
            match pounds.split('.').next().and_then(|whole| whole.parse::<i64>().ok()) {
                Some(whole) => award(visit, code, card, sign * whole.saturating_mul(POINTS)),
                None => Answered::bad("pounds"),
            }
        }
        _ => Answered::bad("method and params"),
    }
}

/// Each address fails by itself.
fn whom(visit: &Visit<'_>) -> &'static str {
    if visit.asked.path == FIRST { "the-works" } else { "the-works-failover" }
}

fn history(visit: &mut Visit<'_>, code: &str, card: &str) -> Answered {
    let whom = whom(visit);
    visit.look_up(whom, code, |ledger| {
        let rows = ledger.cards.get(card).into_iter().flatten();
        let rows = rows.map(|(day, points)| json!([day, "12:00:00", "Points", format!("{points}.00")]));
        result(code, &rows.collect())
    })
}

fn award(visit: &mut Visit<'_>, code: &str, card: &str, points: i64) -> Answered {
    let (whom, day) = (whom(visit), utc_day(visit.clock.now()).to_string());
    let reward = Reward::Known(code);
    visit.ledger.came("the-works", &reward, visit.asked.body);
    let errors = visit.faults().merchant_500;
    visit.unless_it_fails(whom, code, errors, |ledger| {
        if !ledger.has("the-works", code) {
            ledger.cards.entry(card.to_owned()).or_default().push((day, points));
        }
        ledger.count("the-works", &reward);
        result(code, &json!(""))
    })
}
