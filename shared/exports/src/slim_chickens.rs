//! Slim Chickens (spec match §9.5; decision D8): the member's voucher is looked up, then redeemed. A voucher is the
//! member's, not the purchase's, so nothing is repeated after an unknown answer.

use crate::{
    address::resolved,
    answer::{Answer, Finding, any_success, success, unreadable},
    build::{Attempt, BuildError, Fault, Telling},
    conversation::{Purpose, Request, Step, Talks},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use harmonia_definitions::SlimChickens;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Part of what is signed.
const REDEEM: &str = "/2.0/connect/account/redeem";

/// The conversation: the wallet, then the voucher in it.
pub(crate) struct Talk {
    wallet: Option<Request>,
    redeem: Option<Redeem>,
}

/// What is known before the voucher is.
struct Redeem {
    url: String,
    location_id: Option<String>,
    client_id: SecretString,
    client_secret: SecretString,
}

#[derive(serde::Serialize)]
struct Body<'a> {
    token: &'a str,
    location: Location<'a>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    incoming_identifier: Option<&'a str>,
    parent_incoming_identifier: &'static str,
}

impl Talk {
    pub(crate) fn begin(attempt: &Attempt<'_>, slim: &SlimChickens) -> Result<Self, BuildError> {
        let telling = attempt.one()?;
        let channel_key = attempt.secret("channel_key")?;
        let basic = basic(attempt, telling, channel_key).map_err(BuildError::of(0))?;
        let search = json!({"channelKeys": [channel_key], "types": ["wallet"]});
        let wallet = Request::post_json(Purpose::LookUp, resolved(&slim.auth_url, "search"), &search)?;
        let redeem = Redeem {
            url: resolved(&attempt.target.definition.base_url, REDEEM),
            location_id: telling.export.facts.location_id.clone(),
            client_id: attempt.header_secret("client_id")?.into(),
            client_secret: attempt.secret("client_secret")?.into(),
        };
        Ok(Self { wallet: Some(wallet.with("Authorization", basic)), redeem: Some(redeem) })
    }
}

impl Talks for Talk {
    fn next(&mut self, answer: Option<Answer>) -> Step {
        if let Some(wallet) = self.wallet.take() {
            return Step::Send(wallet);
        }
        match self.redeem.take() {
            None => Step::Done(any_success(answer)),
            Some(redeem) => match voucher(answer) {
                Err(failure) => Step::Done(failure.at("wallet")),
                Ok(voucher) => redeem
                    .request(&voucher)
                    .map_or_else(|fault| Step::Done(BuildError::from(fault).finding()), Step::Send),
            },
        }
    }
}

impl Redeem {
    fn request(&self, voucher: &str) -> Result<Request, Fault> {
        let location =
            Location { incoming_identifier: self.location_id.as_deref(), parent_incoming_identifier: "slimchickens" };
        let tell = Request::post_json(Purpose::Tell, self.url.clone(), &Body { token: voucher, location })?;
        let mut hash = Sha256::new();
        hash.update(REDEEM);
        hash.update(tell.body.expose_secret());
        hash.update(self.client_secret.expose_secret());
        let client_id = self.client_id.clone();
        Ok(tell.with("X-EES-AUTH-CLIENT-ID", client_id).with("X-EES-AUTH-HASH", hex::encode(hash.finalize())))
    }
}

fn basic(attempt: &Attempt<'_>, telling: &Telling<'_>, channel_key: &str) -> Result<String, Fault> {
    let credentials = telling.credentials(&attempt.target)?;
    let (email, password) = (credentials.told("email")?, credentials.told("password")?);
    let plain = Zeroizing::new(format!("{email}-{channel_key}:{password}"));
    Ok(format!("Basic {}", STANDARD.encode(plain.as_bytes())))
}

/// The code of the first voucher that has card points; empty, and told all the same, if there is none (Q-E17).
fn voucher(answer: Option<Answer>) -> Result<String, Finding> {
    let members = success(answer)?.object().ok_or_else(unreadable)?;
    let wallet = members.get("wallet").and_then(Value::as_array).ok_or_else(unreadable)?;
    match wallet.iter().find(|entry| entry.get("cardPoints").is_some()) {
        None => Ok(String::new()),
        Some(entry) => entry.get("voucherCode").and_then(Value::as_str).map(Into::into).ok_or_else(unreadable),
    }
}
