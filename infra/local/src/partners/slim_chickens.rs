//! Slim Chickens (spec match §9.5): a member's wallet, and a voucher that is redeemed. A voucher is the member's, not
//! the purchase's: every redemption is a reward.

use super::{
    asked::Answered,
    desk::{Door, Visit},
    ledger::Reward,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use harmonia_domain::ids::sha256_hex;
use serde::Deserialize;
use serde_json::{Value, json};

/// Whose members they are.
pub(super) const CHANNEL_KEY: &str = "played";
/// Who redeems.
pub(super) const CLIENT_ID: &str = "harmonia";
/// What redemptions are signed with.
pub(super) const CLIENT_SECRET: &str = "played-slim-chickens";
const REDEEM: &str = "/2.0/connect/account/redeem";

#[derive(Deserialize)]
struct Search {
    #[serde(rename = "channelKeys")]
    channel_keys: Vec<String>,
    types: Vec<String>,
}

#[derive(Deserialize)]
struct Redeem {
    token: String,
    location: Value,
}

pub(super) fn door(path: &str) -> Option<Door> {
    match path {
        "/slim-chickens/search" => Some(("POST", search)),
        REDEEM => Some(("POST", redeem)),
        _ => None,
    }
}

/// Whose credentials these are: the e-mail address before the channel's key.
fn member(authorization: &str) -> Option<String> {
    let plain = STANDARD.decode(authorization.strip_prefix("Basic ")?).ok()?;
    let plain = String::from_utf8(plain).ok()?;
    let (user, password) = plain.split_once(':')?;
    let email = user.strip_suffix(CHANNEL_KEY)?.strip_suffix('-')?;
    (!email.is_empty() && !password.is_empty()).then(|| email.to_owned())
}

fn search(visit: &mut Visit<'_>) -> Answered {
    let Some(member) = member(&(visit.asked.header)("Authorization")) else { return Answered::unauthorized() };
    let wanted: Option<Search> = visit.asked.json();
    if !wanted.is_some_and(|s| s.channel_keys == [CHANNEL_KEY] && s.types == ["wallet"]) {
        return Answered::bad("channelKeys and types");
    }
    let hash = sha256_hex(member.as_bytes());
    let voucher = format!("voucher-{}", hash.get(..12).unwrap_or_default());
    let wallet = json!([{ "voucherCode": "of another kind" }, { "voucherCode": voucher, "cardPoints": 3 }]);
    visit.look_up("slim-chickens", &member, |_| Answered::new(200, json!({ "wallet": wallet })))
}

fn redeem(visit: &mut Visit<'_>) -> Answered {
    let signed = [REDEEM.as_bytes(), visit.asked.body, CLIENT_SECRET.as_bytes()].concat();
    let header = visit.asked.header;
    if header("X-EES-AUTH-CLIENT-ID") != CLIENT_ID || header("X-EES-AUTH-HASH") != sha256_hex(&signed) {
        return Answered::unauthorized();
    }
    let told: Option<Redeem> = visit.asked.json();
    let Some(told) = told.filter(|r| r.token.starts_with("voucher-") && r.location.is_object()) else {
        return Answered::bad("a voucher and a location");
    };
    let place = told.location.get("incomingIdentifier").and_then(Value::as_str).unwrap_or_default();
    let what = format!("{} {place}", told.token);
    visit.reward("slim-chickens", &Reward::Unknown(&what), None, Answered::new(200, json!({})))
}
