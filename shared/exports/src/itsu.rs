//! Itsu (spec match §9.4; decisions D8, D13): an order a request, behind a password grant. The order's id is the
//! export's, so it may be repeated.

use crate::{
    address,
    answer::{Answer, Finding, is_truthy, success, unreadable},
    build::{Attempt, BuildError, Fault, Target, Telling},
    conversation::{Purpose, Request},
    decimal, form,
    login::Login,
    one_request::OneRequest,
    python_json,
};
use secrecy::SecretString;
use serde_json::value::RawValue;

/// How long the original keeps a token: three days less two seconds (spec match §9.4).
const TOKEN_GOOD_FOR_S: u32 = 259_198;
/// What every number of kinds, states and channels is.
const ONE: u8 = 1;

#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    #[serde(rename = "OrderID")]
    order_id: String,
    sub_transactions: [SubTransaction; 1],
    order_date: String,
    location: Location<'a>,
    source: &'static str,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct SubTransaction {
    customer_details: CustomerDetails,
    total_amount: Box<RawValue>,
    paid_amount: Box<RawValue>,
    #[serde(rename = "OrderStatusID")]
    order_status_id: u8,
    #[serde(rename = "OrderTypeID")]
    order_type_id: u8,
    #[serde(rename = "OrderChannelID")]
    order_channel_id: u8,
    order_items: [OrderItem; 1],
}

#[derive(serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct CustomerDetails {
    #[serde(serialize_with = "python_json::exposed")]
    member_number: SecretString,
    external_identifier: ExternalIdentifier,
}

#[derive(serde::Serialize)]
struct ExternalIdentifier {
    #[serde(rename = "ExternalID")]
    id: &'static str,
    #[serde(rename = "ExternalSource")]
    source: &'static str,
}

#[derive(serde::Serialize)]
struct OrderItem {
    #[serde(rename = "ItemID")]
    id: &'static str,
    #[serde(rename = "ItemName")]
    name: &'static str,
    #[serde(rename = "ItemPrice")]
    price: Box<RawValue>,
}

#[derive(serde::Serialize)]
struct Location<'a> {
    #[serde(rename = "ActeolSiteID")]
    site_id: Option<&'a str>,
}

/// The conversation: a token if there is none, then the order.
pub(crate) fn begin(attempt: &Attempt<'_>) -> Result<OneRequest, BuildError> {
    let base = attempt.target.definition.base_url.as_str();
    let body = body(&attempt.target, attempt.one()?).map_err(BuildError::of(0))?;
    let tell = Request::post_json(Purpose::Tell, address::joined(base, "api/Transaction/PostOrder"), &body)?;
    let grant = [
        ("username", attempt.secret("username")?),
        ("password", attempt.secret("password")?),
        ("grant_type", "password"),
    ];
    let request = Request::log_in(address::joined(base, "token"), form::of(&grant));
    let login = Login { request, scheme: "Bearer".into(), good_for_s: Some(TOKEN_GOOD_FOR_S) };
    Ok(OneRequest::behind(login, attempt, tell, |answer| read(answer).unwrap_or_else(unreadable)))
}

fn body<'a>(target: &Target<'_>, telling: &Telling<'a>) -> Result<Body<'a>, Fault> {
    let facts = &telling.export.facts;
    let paid = python_json::number(decimal::float(facts.amount)).map_err(|_| Fault::Encoding { what: "the amount" })?;
    let member_number = telling.credentials(target)?.told("card_number")?.into();
    let external_identifier = ExternalIdentifier { id: "", source: "" };
    let order = SubTransaction {
        customer_details: CustomerDetails { member_number, external_identifier },
        total_amount: paid.clone(),
        paid_amount: paid.clone(),
        order_status_id: ONE,
        order_type_id: ONE,
        order_channel_id: ONE,
        order_items: [OrderItem { id: "1", name: "Bink Transaction", price: paid }],
    };
    Ok(Body {
        order_id: telling.export.id.as_uuid(),
        sub_transactions: [order],
        order_date: telling.london_time()?,
        location: Location { site_id: facts.location_id.as_deref() },
        source: "BINK",
    })
}

/// A 2xx that says no is a failure only if it says why, and says that it is its own fault; nothing is final. `None`:
/// unreadable.
fn read(answer: Option<Answer>) -> Option<Finding> {
    let members = match success(answer) {
        Ok(heard) => heard.object()?,
        Err(failure) => return Some(failure),
    };
    if is_truthy(members.get("ResponseStatus")?) {
        return Some(Finding::Delivered);
    }
    let error = members.get("Errors")?.get(0)?.get("ErrorDescription")?;
    let internal = error.as_str() == Some("Internal Error");
    Some(if internal { Finding::transient("internal error") } else { Finding::Delivered })
}
