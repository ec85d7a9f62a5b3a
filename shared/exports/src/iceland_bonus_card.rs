//! Iceland Bonus Card (spec match §9.3, §12.4; decisions D8, D9). Many purchases a request, behind OAuth. A batch has
//! one uid and one body for all its attempts, so it may be repeated whatever happened; hence every failure is
//! transient.

use crate::{
    answer::{Answer, Finding, heard},
    build::{Attempt, BuildError, Fault, Target, Telling},
    conversation::{Purpose, Request, Step, Talks},
    credentials::Credentials,
    form, python_json,
};
use harsh::Harsh;
use secrecy::{ExposeSecret, SecretString};
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
    #[serde(serialize_with = "exposed")]
    merchant_scheme_id2: SecretString,
    transaction_id: &'a str,
}

fn exposed<S: serde::Serializer>(text: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.expose_secret())
}

/// The conversation: a token if the merchant asks for one, then the batch.
pub(crate) struct Talk {
    login: Option<Login>,
    awaits_token: Option<SecretString>,
    tell: Option<Request>,
}

struct Login {
    request: Request,
    prefix: SecretString,
}

impl Talk {
    pub(crate) fn begin(attempt: &Attempt<'_>) -> Result<Self, BuildError> {
        let Attempt { target, tellings, batch, .. } = attempt;
        let message_uid = batch.ok_or(Fault::NoBatchUid)?.uid;
        if tellings.is_empty() {
            return Err(Fault::Number { told: 0 }.into());
        }
        let login = login(target.secrets)?;
        let transactions = items(target, tellings)?;
        let body = python_json::to_bytes(&Body { message_uid, transactions });
        let body = body.map_err(|_| Fault::Encoding { what: "the body" })?;
        let tell = Request::post(Purpose::Tell, target.definition.base_url.clone(), "application/json", body);
        Ok(Self { login, awaits_token: None, tell: Some(tell) })
    }
}

impl Talks for Talk {
    fn next(&mut self, answer: Option<Answer>) -> Step {
        if let Some(login) = self.login.take() {
            self.awaits_token = Some(login.prefix);
            return Step::Send(login.request);
        }
        let Some(mut tell) = self.tell.take() else {
            return Step::Done(read(answer));
        };
        if let Some(prefix) = self.awaits_token.take() {
            match authorization(answer, &prefix) {
                Ok(value) => tell.headers.push(("Authorization".into(), value)),
                Err(failure) => return Step::Done(failure),
            }
        }
        Step::Send(tell)
    }
}

fn items<'a>(target: &Target<'_>, tellings: &[Telling<'a>]) -> Result<Vec<Item<'a>>, BuildError> {
    let hashids = Harsh::builder().salt(SALT).alphabet(ALPHABET).length(UID_CHARS_MIN).build();
    let hashids = hashids.map_err(|_| Fault::Encoding { what: "the record uid" })?;
    let items = tellings.iter().enumerate();
    items.map(|(i, telling)| item(target, &hashids, telling).map_err(BuildError::of(i))).collect()
}

fn item<'a>(target: &Target<'_>, hashids: &Harsh, telling: &Telling<'a>) -> Result<Item<'a>, Fault> {
    let credentials = Credentials::open(target.aes_key, &telling.identity.credentials)?;
    let member = "merchant_identifier";
    Ok(Item {
        record_uid: hashid(hashids, telling.identity.scheme_account_id, "the scheme account id")?,
        merchant_scheme_id1: hashid(hashids, telling.identity.user_id, "the user id")?,
        merchant_scheme_id2: credentials.text(member).ok_or(Fault::NoCredential { member: member.into() })?.into(),
        transaction_id: &telling.export.facts.transaction_id,
    })
}

fn hashid(hashids: &Harsh, number: i64, what: &'static str) -> Result<String, Fault> {
    u64::try_from(number).map(|n| hashids.encode(&[n])).map_err(|_| Fault::Encoding { what })
}

/// Spec match §12.4: service 2 is OAuth, 1 or none is open, 0 (RSA signatures) is not built.
fn login(secrets: &Value) -> Result<Option<Login>, Fault> {
    match secrets.get("service") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => match name.as_str() {
            "oauth" | "2" => oauth(secrets).map(Some),
            "open-auth" | "open_auth" | "open auth" | "1" => Ok(None),
            "rsa" | "0" => Err(Fault::Unsupported { service: "RSA signature" }),
            _ => Err(Fault::NoSecret { member: "service".into() }),
        },
        Some(number) => match number.as_u64() {
            Some(2) => oauth(secrets).map(Some),
            Some(1) => Ok(None),
            Some(0) => Err(Fault::Unsupported { service: "RSA signature" }),
            _ => Err(Fault::NoSecret { member: "service".into() }),
        },
    }
}

fn oauth(secrets: &Value) -> Result<Login, Fault> {
    let text = |member: &'static str| {
        secrets.get(member).and_then(Value::as_str).ok_or(Fault::NoSecret { member: member.into() })
    };
    let payload = secrets.get("payload").and_then(Value::as_object).and_then(form::encode);
    let body = payload.ok_or(Fault::NoSecret { member: "payload".into() })?;
    let url = text("url")?.to_owned();
    let request = Request::post(Purpose::Authenticate, url, "application/x-www-form-urlencoded", body);
    Ok(Login { request, prefix: text("prefix")?.into() })
}

/// The header's value from the token answer.
fn authorization(answer: Option<Answer>, prefix: &SecretString) -> Result<SecretString, Finding> {
    let heard = heard(answer).map_err(|failure| match failure {
        Finding::Transient { why } => Finding::transient(format!("token: {why}")),
        other => other,
    })?;
    if !heard.is_success() {
        return Err(Finding::transient(format!("token: HTTP {}", heard.status)));
    }
    let members = heard.object().unwrap_or_default();
    let token = members.get("access_token").and_then(Value::as_str).unwrap_or_default();
    // what cannot stand in a header is no token
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Finding::transient("token: unreadable answer"));
    }
    Ok(SecretString::from(format!("{} {token}", prefix.expose_secret())))
}

/// Any 2xx is success, whatever it says (Q-E29); D9: everything else is repeated as the same batch.
fn read(answer: Option<Answer>) -> Finding {
    match heard(answer) {
        Ok(heard) if heard.is_success() => Finding::Delivered,
        Ok(heard) => Finding::transient(format!("HTTP {}", heard.status)),
        Err(failure) => failure,
    }
}
