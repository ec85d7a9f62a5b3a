//! Iceland Bonus Card (spec match §9.3, §12.4; decisions D8, D9). Many purchases a request, behind OAuth. A batch has
//! one uid and one body for all its attempts, so it may be repeated whatever happened; hence any 2xx is success,
//! whatever it says (Q-E29), and every failure is transient.

use crate::{
    answer::any_success,
    build::{Attempt, BuildError, Fault, Target, Telling},
    conversation::{Purpose, Request},
    form,
    login::Login,
    one_request::OneRequest,
    python_json,
};
use harmonia_domain::identity::Identity;
use harsh::Harsh;
use secrecy::SecretString;
use serde_json::Value;

const SALT: &str = "GJgCh--VgsonCWacO5-MxAuMS9hcPeGGxj5tGsT40FM";
const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz1234567890";
const UID_CHARS_MIN: usize = 32;

#[derive(serde::Serialize)]
struct Body<'a> {
    message_uid: &'a str,
    transactions: Vec<Item<'a>>,
}

#[derive(serde::Serialize)]
struct Item<'a> {
    record_uid: String,
    merchant_scheme_id1: String,
    #[serde(serialize_with = "python_json::exposed")]
    merchant_scheme_id2: SecretString,
    transaction_id: &'a str,
}

/// The conversation: a token if the merchant asks for one, then the batch.
pub(crate) fn begin(attempt: &Attempt<'_>) -> Result<OneRequest, BuildError> {
    let Attempt { target, tellings, batch, .. } = attempt;
    let message_uid = batch.ok_or(Fault::NoBatchUid)?.uid;
    if tellings.is_empty() {
        return Err(Fault::Number { told: 0 }.into());
    }
    let login = login(attempt)?;
    let transactions = items(target, tellings)?;
    let body = Body { message_uid, transactions };
    let tell = Request::post_json(Purpose::Tell, target.definition.base_url.clone(), &body)?;
    Ok(match login {
        None => OneRequest::open(tell, any_success),
        Some(login) => OneRequest::behind(login, attempt, tell, any_success),
    })
}

fn items<'a>(target: &Target<'_>, tellings: &[Telling<'a>]) -> Result<Vec<Item<'a>>, BuildError> {
    let hashids = hashids()?;
    let items = tellings.iter().enumerate();
    items.map(|(i, telling)| item(target, &hashids, telling).map_err(BuildError::of(i))).collect()
}

fn hashids() -> Result<Harsh, Fault> {
    let hashids = Harsh::builder().salt(SALT).alphabet(ALPHABET).length(UID_CHARS_MIN).build();
    hashids.map_err(|_| Fault::Encoding { what: "the record uid" })
}

/// By what the merchant knows a member.
pub(crate) fn record_uid(identity: &Identity) -> Option<String> {
    hashid(&hashids().ok()?, identity.scheme_account_id, "the scheme account id").ok()
}

fn item<'a>(target: &Target<'_>, hashids: &Harsh, telling: &Telling<'a>) -> Result<Item<'a>, Fault> {
    let credentials = telling.credentials(target)?;
    Ok(Item {
        record_uid: hashid(hashids, telling.identity.scheme_account_id, "the scheme account id")?,
        merchant_scheme_id1: hashid(hashids, telling.identity.user_id, "the user id")?,
        merchant_scheme_id2: credentials.told("merchant_identifier")?.into(),
        transaction_id: &telling.export.facts.transaction_id,
    })
}

fn hashid(hashids: &Harsh, number: i64, what: &'static str) -> Result<String, Fault> {
    u64::try_from(number).map(|n| hashids.encode(&[n])).map_err(|_| Fault::Encoding { what })
}

/// Spec match §12.4: service 2 is OAuth, 1 or none is open, 0 (RSA signatures) is not built.
fn login(attempt: &Attempt<'_>) -> Result<Option<Login>, Fault> {
    let unknown = Fault::NoSecret { member: "service".into() };
    let name = match attempt.target.secrets.get("service") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(name)) => name.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err(unknown),
    };
    match name.as_str() {
        "oauth" | "2" => oauth(attempt).map(Some),
        "open-auth" | "open_auth" | "open auth" | "1" => Ok(None),
        "rsa" | "0" => Err(Fault::Unsupported { service: "RSA signature" }),
        _ => Err(unknown),
    }
}

/// The original gets a token for every request; one is kept only as long as the answer says.
fn oauth(attempt: &Attempt<'_>) -> Result<Login, Fault> {
    let payload = attempt.target.secrets.get("payload").and_then(Value::as_object).and_then(form::encode);
    let form = payload.ok_or(Fault::NoSecret { member: "payload".into() })?;
    let request = Request::log_in(attempt.secret("url")?.to_owned(), form);
    Ok(Login { request, scheme: attempt.header_secret("prefix")?.into(), good_for_s: None })
}
