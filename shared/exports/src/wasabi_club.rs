//! Wasabi Club over Acteol's API (spec match §9.11, client behaviour §9.7; decisions D8, D20). One purchase a request,
//! no authentication. The same request may be repeated: the merchant knows the receipt.

use crate::{
    acteol::{self, ORIGIN_NOT_FOUND, Reply},
    answer::{Finding, judged},
    build::{Attempt, BuildError, Fault, Target, Telling},
    one_request::OneRequest,
};
use sha1::{Digest, Sha1};

/// The till's receipt has not reached Acteol yet: the one message that the schedule is for.
const RECEIPT_NOT_FOUND: &str = "receipt no not found";

#[derive(serde::Serialize)]
struct Body<'a> {
    origin_id: String,
    #[serde(rename = "ReceiptNo")]
    receipt_no: &'a str,
}

/// The conversation: one request, one answer.
pub(crate) fn begin(attempt: &Attempt<'_>) -> Result<OneRequest, BuildError> {
    let body = body(&attempt.target, attempt.one()?).map_err(BuildError::of(0))?;
    let tell = acteol::matched(attempt, &body)?;
    Ok(OneRequest::open(tell, |answer| judged(answer, |heard| acteol::read(heard).map_or_else(|f| f, meaning))))
}

fn body<'a>(target: &Target<'_>, telling: &Telling<'a>) -> Result<Body<'a>, Fault> {
    let origin_id = origin_id(telling.credentials(target)?.told("email")?);
    Ok(Body { origin_id, receipt_no: &telling.export.facts.transaction_id })
}

/// Spec match §9.11: how Wasabi knows the member.
fn origin_id(email: &str) -> String {
    let mut hash = Sha1::new();
    hash.update("Bink-Wasabi-");
    hash.update(email);
    hex::encode(hash.finalize())
}

fn meaning(reply: Reply) -> Finding {
    match (reply.message.as_deref(), reply.failure) {
        (Some(RECEIPT_NOT_FOUND), _) => Finding::transient(RECEIPT_NOT_FOUND),
        (Some(ORIGIN_NOT_FOUND), _) => Finding::refused(ORIGIN_NOT_FOUND),
        (_, Some(failure)) => failure,
        _ if reply.is_internal_error => Finding::refused("internal error"),
        _ => Finding::Delivered,
    }
}
