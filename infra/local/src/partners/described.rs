//! Merchants whose request is described by their definition (design §5): a token for a client's credentials, and
//! requests that are known by their `Idempotency-Key`: one that it has already is answered 409.

use super::{
    asked::{Answered, Asked},
    desk::{Door, Visit},
    ledger::Reward,
};
use serde_json::{Map, Value, json};

/// Who may have a token.
pub(super) const CLIENT_ID: &str = "harmonia";
/// And by which word.
pub(super) const CLIENT_SECRET: &str = "played-described";
/// What stands before the merchant's slug in the path of its tokens.
pub(super) const TOKENS: &str = "/described-tokens/";
/// And in that of its requests.
pub(super) const PLACE: &str = "/described/";
const BEARER: &str = "described-bearer-of-the-local-cloud";

pub(super) fn door(path: &str) -> Option<Door> {
    if path.starts_with(TOKENS) {
        return Some(("POST", token));
    }
    path.starts_with(PLACE).then_some(("POST", told))
}

fn token(visit: &mut Visit<'_>) -> Answered {
    let wanted = [("grant_type", "client_credentials"), ("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)];
    if !visit.asked.form().is_some_and(|form| Asked::says(form, &wanted)) {
        return Answered::bad("invalid_client");
    }
    Answered::token(BEARER)
}

fn told(visit: &mut Visit<'_>) -> Answered {
    if !visit.asked.is_authorized("Bearer", BEARER) {
        return Answered::unauthorized();
    }
    let merchant = visit.asked.path.trim_start_matches(PLACE).split('/').next().unwrap_or_default().to_owned();
    let key = (visit.asked.header)("Idempotency-Key");
    let body: Option<Map<String, Value>> = visit.asked.json();
    if key.is_empty() || body.is_none_or(|members| members.is_empty()) {
        return Answered::bad("a body and its key");
    }
    let well = if visit.ledger.has(&merchant, &key) { 409 } else { 200 };
    visit.reward(&merchant, &Reward::Known(&key), None, Answered::new(well, json!({})))
}
