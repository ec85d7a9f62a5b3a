//! `SquareMeal` (spec match §9.6; decision D4): every payment line by itself, without authentication. Auth, settlement and
//! refund of one purchase share an id and differ in their flags and sign.

use crate::{
    answer::any_success,
    build::{Attempt, BuildError, Fault, Telling},
    conversation::{Purpose, Request},
    one_request::OneRequest,
};
use harmonia_domain::{feed::Kind, ids::sha256_hex};

/// Spec match §9.6: a constant, whatever the purchase's currency.
const CURRENCY: &str = "GBP";

#[derive(serde::Serialize)]
struct Body<'a> {
    transaction_id: String,
    loyalty_id: &'a str,
    auth: bool,
    cleared: bool,
    mid: &'a str,
    transaction_date: String,
    transaction_amount: i64,
    transaction_currency: &'static str,
    payment_card_account_id: Option<i64>,
    store_id: Option<&'a str>,
    brand_id: Option<&'a str>,
    payment_card_last_four: &'a str,
    payment_scheme: PaymentScheme<'a>,
    payment_card_expiry_month: Option<i64>,
    payment_card_expiry_year: Option<i64>,
}

#[derive(serde::Serialize)]
struct PaymentScheme<'a> {
    slug: &'static str,
    auth_code: &'a str,
    approval_code: &'a str,
}

/// The conversation: one request; any 2xx is success, nothing is final.
pub(crate) fn begin(attempt: &Attempt<'_>) -> Result<OneRequest, BuildError> {
    let body = body(attempt.one()?).map_err(BuildError::of(0))?;
    let url = format!("{}/api/BinkTransactions", attempt.target.definition.base_url);
    Ok(OneRequest::open(Request::post_json(Purpose::Tell, url, &body)?, any_success))
}

fn body<'a>(telling: &Telling<'a>) -> Result<Body<'a>, Fault> {
    let Telling { export, identity, .. } = telling;
    let facts = &export.facts;
    if facts.settlement_key.is_empty() {
        // its hash would be one id for all such purchases
        return Err(Fault::Encoding { what: "an empty settlement key" });
    }
    Ok(Body {
        transaction_id: sha256_hex(facts.settlement_key.as_bytes()),
        loyalty_id: &identity.loyalty_id,
        auth: export.kind == Kind::Auth,
        cleared: matches!(export.kind, Kind::Settled | Kind::Refund),
        mid: &facts.mid,
        transaction_date: telling.london_time()?,
        transaction_amount: facts.amount.0,
        transaction_currency: CURRENCY,
        payment_card_account_id: identity.payment_card_account_id,
        store_id: facts.location_id.as_deref(),
        brand_id: facts.merchant_internal_id.as_deref(),
        payment_card_last_four: &identity.last_four,
        payment_scheme: PaymentScheme {
            slug: export.purchase.scheme.as_str(),
            auth_code: &facts.auth_code,
            approval_code: &facts.approval_code,
        },
        payment_card_expiry_month: identity.expiry_month,
        payment_card_expiry_year: identity.expiry_year,
    })
}
