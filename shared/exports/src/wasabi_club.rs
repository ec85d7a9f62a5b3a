//! Wasabi Club over Acteol's API (spec match §9.11, client behaviour §9.7; decisions D8, D20). One purchase a request,
//! no authentication. The same request may be repeated: the merchant knows the receipt.

use crate::{
    answer::{Answer, Finding, Heard, heard},
    build::{Attempt, BuildError, Fault, Target, Telling},
    conversation::{Purpose, Request, Step, Talks},
    credentials::Credentials,
    python_json,
};
use serde_json::{Map, Value};
use sha1::{Digest, Sha1};

/// The till's receipt has not reached Acteol yet: the one message that the schedule is for.
const RECEIPT_NOT_FOUND: &str = "receipt no not found";
/// Acteol does not know the member.
const ORIGIN_NOT_FOUND: &str = "origin id not found";

#[derive(serde::Serialize)]
struct Body<'a> {
    origin_id: String,
    #[serde(rename = "ReceiptNo")]
    receipt_no: &'a str,
}

/// The conversation: one request, one answer.
pub(crate) struct Talk(Option<Request>);

impl Talk {
    pub(crate) fn begin(attempt: &Attempt<'_>) -> Result<Self, BuildError> {
        let body = body(&attempt.target, attempt.one()?).map_err(BuildError::of(0))?;
        let url = format!("{}/PostMatchedTransaction", attempt.target.definition.base_url);
        Ok(Self(Some(Request::post(Purpose::Tell, url, "application/json", body))))
    }
}

impl Talks for Talk {
    fn next(&mut self, answer: Option<Answer>) -> Step {
        match self.0.take() {
            Some(request) => Step::Send(request),
            None => Step::Done(heard(answer).map_or_else(|failure| failure, |heard| read(&heard))),
        }
    }
}

fn body(target: &Target<'_>, telling: &Telling<'_>) -> Result<Vec<u8>, Fault> {
    let credentials = Credentials::open(target.aes_key, &telling.identity.credentials)?;
    let email = credentials.text("email").ok_or(Fault::NoCredential { member: "email".into() })?;
    let body = Body { origin_id: origin_id(email), receipt_no: &telling.export.facts.transaction_id };
    python_json::to_bytes(&body).map_err(|_| Fault::Encoding { what: "the body" })
}

/// Spec match §9.11: how Wasabi knows the member.
fn origin_id(email: &str) -> String {
    let mut hash = Sha1::new();
    hash.update("Bink-Wasabi-");
    hash.update(email);
    hex::encode(hash.finalize())
}

/// A 2xx or a 4xx: the message decides, and the original reads it from both (§9.11, Q-E2).
fn read(heard: &Heard) -> Finding {
    let Some(members) = heard.object() else {
        return unreadable();
    };
    let message = match members.get("Message").filter(|m| is_truthy(m)) {
        None => None,
        Some(Value::String(text)) => Some(text.to_lowercase()),
        Some(_) => return unreadable(),
    };
    match message.as_deref() {
        Some(RECEIPT_NOT_FOUND) => Finding::transient(RECEIPT_NOT_FOUND),
        Some(ORIGIN_NOT_FOUND) => Finding::refused(ORIGIN_NOT_FOUND),
        _ if !heard.is_success() => Finding::refused(format!("HTTP {}", heard.status)),
        None if is_internal_error(&members) => Finding::refused("internal error"),
        _ => Finding::Delivered,
    }
}

/// D8: a gateway's page instead of the merchant's answer.
fn unreadable() -> Finding {
    Finding::transient("unreadable answer")
}

fn is_internal_error(members: &Map<String, Value>) -> bool {
    members.get("Error").and_then(Value::as_str) == Some("Internal Error")
}

/// As the original's language has it.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}
