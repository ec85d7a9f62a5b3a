//! Bink's own loyalty platform, for Trenette, Viator and Cortado (spec match §9.1; decisions D4, D8, D11). One purchase
//! a request, with a token that does not change. The id depends on the purchase alone, so it may be repeated.

use crate::{
    answer::{Finding, Heard, judged},
    build::{Attempt, BuildError, Fault, Target, Telling},
    conversation::{Purpose, Request},
    one_request::OneRequest,
    python_json,
};
use harmonia_domain::export::MatchType;
use secrecy::SecretString;
use sha1::{Digest, Sha1};

/// What the slugs of its merchants begin with, and its paths do not.
const PREFIX: &str = "bpl-";

#[derive(serde::Serialize)]
struct Body<'a> {
    id: String,
    transaction_total: i64,
    datetime: i64,
    #[serde(rename = "MID")]
    mid: &'a str,
    #[serde(serialize_with = "python_json::exposed")]
    loyalty_id: SecretString,
    transaction_id: &'a str,
}

/// The conversation: one request; any 2xx is success, a 4xx is refused (D11).
pub(crate) fn begin(attempt: &Attempt<'_>) -> Result<OneRequest, BuildError> {
    let body = body(&attempt.target, attempt.one()?).map_err(BuildError::of(0))?;
    let slug = attempt.target.merchant.as_str();
    let name = slug.strip_prefix(PREFIX).unwrap_or(slug);
    let url = format!("{}/{name}/transaction", attempt.target.definition.base_url);
    let token = format!("Token {}", attempt.header_secret("token")?);
    let tell = Request::post_json(Purpose::Tell, url, &body)?.with("Authorization", token);
    Ok(OneRequest::open(tell, |answer| judged(answer, read)))
}

fn read(heard: &Heard) -> Finding {
    if heard.is_success() { Finding::Delivered } else { Finding::refused(format!("HTTP {}", heard.status)) }
}

fn body<'a>(target: &Target<'a>, telling: &Telling<'a>) -> Result<Body<'a>, Fault> {
    let facts = &telling.export.facts;
    let datetime = facts.at.as_second();
    // an export about another one is no repeat of it (invariant 3)
    let suffix = match telling.export.match_type {
        MatchType::Correction => "-correction",
        MatchType::Reversal => "-reversal",
        _ if facts.amount.0 < 0 => "-refund",
        _ => "",
    };
    let id = Sha1::digest(format!("{}{suffix}{datetime}", facts.transaction_id));
    Ok(Body {
        id: format!("{}-{}", target.merchant, hex::encode(id)),
        transaction_total: facts.amount.0,
        datetime,
        mid: &facts.mid,
        loyalty_id: telling.credentials(target)?.told("merchant_identifier")?.into(),
        transaction_id: &facts.transaction_id,
    })
}
