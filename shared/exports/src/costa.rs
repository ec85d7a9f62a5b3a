//! Costa (spec match §9.2; decision D1): the sale's metadata under the member's id, without authentication. Nothing
//! in it tells one purchase from another, so it is not repeated after an unknown answer.

use crate::{
    answer::{any_success, is_truthy},
    build::{Attempt, BuildError},
    conversation::{Purpose, Request},
    one_request::OneRequest,
};
use serde_json::{Value, json};

#[derive(serde::Serialize)]
struct Body<'a> {
    payload: &'a Value,
    #[serde(rename = "ExternalCustomerID")]
    external_customer_id: &'a str,
}

/// The conversation: one request; any 2xx is success, nothing is final.
pub(crate) fn begin(attempt: &Attempt<'_>) -> Result<OneRequest, BuildError> {
    let telling = attempt.one()?;
    let none = json!({});
    let payload = telling.extra.get("metadata").filter(|metadata| is_truthy(metadata)).unwrap_or(&none);
    let body = Body { payload, external_customer_id: &telling.identity.loyalty_id };
    let url = format!("{}/costa/transactions", attempt.target.definition.base_url);
    Ok(OneRequest::open(Request::post_json(Purpose::Tell, url, &body)?, any_success))
}
