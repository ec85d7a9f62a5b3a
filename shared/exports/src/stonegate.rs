//! Stonegate over Acteol's API (spec match §9.7; decisions D8, D20). One purchase a request, no authentication. The
//! same request may be repeated: the merchant knows the account and its own transaction.

use crate::{
    acteol::{self, ORIGIN_NOT_FOUND, Reply},
    answer::{Finding, judged},
    build::{Attempt, BuildError, Fault, Target, Telling},
    one_request::OneRequest,
    python_json,
};
use secrecy::SecretString;
use serde_json::Value;

/// From this attempt on (the original's rc) the original takes "not found" for success; we give up (D20).
const LAST_BEFORE: u32 = 32;

#[derive(serde::Serialize)]
struct Body<'a> {
    #[serde(rename = "MemberNumber", serialize_with = "python_json::exposed")]
    member_number: SecretString,
    #[serde(rename = "AccountID")]
    account_id: &'a Value,
    #[serde(rename = "TransactionID")]
    transaction_id: &'a Value,
}

/// The conversation: one request, one answer.
pub(crate) fn begin(attempt: &Attempt<'_>) -> Result<OneRequest, BuildError> {
    let body = body(&attempt.target, attempt.one()?).map_err(BuildError::of(0))?;
    let tell = acteol::matched(attempt, &body)?;
    let before = attempt.before;
    let meaning = move |reply| meaning(reply, before);
    Ok(OneRequest::open(tell, move |answer| judged(answer, |heard| acteol::read(heard).map_or_else(|f| f, meaning))))
}

fn body<'a>(target: &Target<'_>, telling: &Telling<'a>) -> Result<Body<'a>, Fault> {
    let extra = |member: &'static str| telling.extra.get(member).ok_or(Fault::NoExtra { member: member.into() });
    Ok(Body {
        member_number: telling.credentials(target)?.told("card_number")?.into(),
        account_id: extra("account_id")?,
        transaction_id: extra("transaction_id")?,
    })
}

/// Messages of purchases that have not reached Acteol yet, in words of ours: the original's name members and accounts.
fn not_yet(message: &str) -> Option<&'static str> {
    if message.contains("transaction with") {
        return Some("transaction not found");
    }
    if message.contains("member number:") && message.contains("was not found") {
        return Some("member not found");
    }
    message.contains("points are not added successfully").then_some("points not added")
}

fn meaning(reply: Reply, before: u32) -> Finding {
    let message = reply.message.as_deref();
    match (message.and_then(not_yet), reply.failure) {
        // D20 is about what the original takes for success, and it never takes a 4xx for that
        (Some(why), None) if before >= LAST_BEFORE => Finding::refused(why),
        (Some(why), _) => Finding::transient(why),
        _ if message == Some(ORIGIN_NOT_FOUND) => Finding::refused(ORIGIN_NOT_FOUND),
        (None, Some(failure)) => failure,
        _ if reply.is_internal_error => Finding::transient("internal error"),
        _ => Finding::Delivered,
    }
}
