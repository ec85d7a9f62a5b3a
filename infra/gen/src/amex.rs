//! Amex's messages. Authorisation and settlement share an id and name their fields differently.

use serde::Serialize;

use crate::clock::Clock;
use crate::lines::{Flaw, Payment};
use crate::visa::{pounds, variant};

#[derive(Serialize)]
struct Auth<'a> {
    transaction_id: &'a str,
    offer_id: &'a str,
    transaction_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_amount: Option<Amount>,
    transaction_currency: &'a str,
    cm_alias: &'a str,
    merchant_number: &'a str,
    approval_code: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Settlement<'a> {
    transaction_id: &'a str,
    offer_id: &'a str,
    transaction_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_amount: Option<Amount>,
    card_token: &'a str,
    merchant_number: &'a str,
    approval_code: &'a str,
    dpan: String,
    partner_id: &'a str,
    record_id: String,
    currency_code: &'a str,
}

/// An amount as text or as a JSON number: partners send both.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Amount {
    Text(String),
    Number(serde_json::Number),
}

pub(crate) fn auth(payment: &Payment) -> String {
    let message = Auth {
        transaction_id: &payment.id,
        offer_id: "0",
        transaction_time: stamp(payment, || Clock::mountain(payment.when, FORMAT)),
        transaction_amount: amount(payment, payment.auth_pence),
        transaction_currency: "UKL",
        cm_alias: &payment.card.token,
        merchant_number: &payment.site.mid,
        approval_code: &payment.approval,
    };
    serde_json::to_string(&message).unwrap_or_default()
}

pub(crate) fn settlement(payment: &Payment, clock: &Clock) -> String {
    let message = Settlement {
        transaction_id: &payment.id,
        offer_id: "0",
        transaction_date: stamp(payment, || clock.london(payment.when, FORMAT)),
        transaction_amount: amount(payment, payment.settled_pence),
        card_token: &payment.card.token,
        merchant_number: &payment.site.mid,
        approval_code: &payment.approval,
        dpan: format!("{}XXXXX{}", payment.card.first_six, payment.card.last_four),
        partner_id: "AADP0050",
        record_id: format!("R{}", payment.id),
        // The feed is paid in pounds whatever this says.
        currency_code: "840",
    };
    serde_json::to_string(&message).unwrap_or_default()
}

pub(crate) const FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// The payment's date, or the one that is wrong with it.
pub(crate) fn stamp(payment: &Payment, right: impl Fn() -> String) -> String {
    match payment.flaw {
        Some(Flaw::Date(wrong)) => wrong.to_owned(),
        _ => right(),
    }
}

/// The payment's amount, or what is wrong with it; none for a message that lacks it. Every fourth is a JSON number,
/// written as short as it can be.
pub(crate) fn amount(payment: &Payment, pence: i64) -> Option<Amount> {
    match payment.flaw {
        Some(Flaw::Short) => return None,
        Some(Flaw::Amount(wrong)) => return Some(Amount::Text(wrong.to_owned())),
        Some(Flaw::Date(_)) | None => {}
    }
    let text = pounds(pence);
    let short = text.trim_end_matches('0').trim_end_matches('.');
    let number = variant(payment).is_multiple_of(4).then(|| serde_json::from_str(short).ok()).flatten();
    Some(number.map_or(Amount::Text(text), Amount::Number))
}
