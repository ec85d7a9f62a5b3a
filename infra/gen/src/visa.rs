//! Visa's messages: an envelope around a list of keys and values.

use serde::Serialize;

use crate::clock::Clock;
use crate::lines::{Flaw, Payment};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    card_id: String,
    external_user_id: &'a str,
    message_elements_collection: Vec<Element<'a>>,
    message_id: String,
    message_name: &'a str,
    user_defined_fields_collection: [Element<'a>; 1],
    user_profile_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Element<'a> {
    key: &'a str,
    value: Value,
}

/// Visa fills an authorisation's settlement amount with the number 0; everything else is text.
#[derive(Serialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Zero(u8),
}

pub(crate) fn auth(payment: &Payment, clock: &Clock) -> String {
    // an authorisation's clock is the merchant's, if it is written there
    let london = payment.site.merchant.visa_in_london && payment.site.known;
    let stamp = stamp(payment, |format| if london { clock.london(payment.when, format) } else { gmt(payment, format) });
    let amount = amount(payment, payment.auth_pence);
    let mut elements = opening(payment, &stamp);
    if payment.flaw != Some(Flaw::Short) {
        elements.push(text("Transaction.TransactionAmount", &amount));
    }
    elements.push(text("Transaction.SettlementDate", ""));
    elements.push(Element { key: "Transaction.SettlementAmount", value: Value::Zero(0) });
    elements.extend(closing(payment, &payment.auth_code));
    // The schemes' own generators write this key with a blank at its end.
    elements.push(text("Transaction.MerchantDateTimeGMT ", &stamp));
    envelope(payment, elements, "AuthMessage", "AUTH")
}

pub(crate) fn settlement(payment: &Payment) -> String {
    let stamp = stamp(payment, |format| gmt(payment, format));
    let amount = amount(payment, payment.settled_pence);
    let mut elements = opening(payment, &stamp);
    elements.push(text("Transaction.TransactionAmount", &amount));
    elements.push(text("Transaction.SettlementDate", &stamp));
    if payment.flaw != Some(Flaw::Short) {
        elements.push(text("Transaction.SettlementAmount", &amount));
    }
    elements.extend(closing(payment, &payment.settled_code));
    elements.push(text("Transaction.MerchantDateTimeGMT", &stamp));
    envelope(payment, elements, "SettlementMessage", "SETTLE")
}

/// A refund's amount has either sign, its clock is American.
pub(crate) fn refund(payment: &Payment) -> String {
    let site = &payment.site;
    let sign = if variant(payment).is_multiple_of(4) { -1 } else { 1 };
    let stamp = match payment.flaw {
        Some(Flaw::Date(wrong)) => wrong.to_owned(),
        _ => gmt(payment, "%-m/%-d/%Y %-I:%-M:%-S %p"),
    };
    let mut elements = vec![
        text("ReturnTransaction.VipTransactionId", &payment.id),
        text("ReturnTransaction.CardAcceptorIdCode", &site.mid),
        text("ReturnTransaction.VisaStoreId", &site.store_id),
        text("ReturnTransaction.VisaMerchantId", &site.aggregate),
        text("ReturnTransaction.VisaStoreName", &format!("{} {}", shop(payment), site.store)),
        text("ReturnTransaction.DateTime", &stamp),
        text("ReturnTransaction.AuthCode", &payment.settled_code),
        text("ReturnTransaction.CurrencyCode", "826"),
    ];
    if payment.flaw != Some(Flaw::Short) {
        elements.push(text("ReturnTransaction.Amount", &amount(payment, sign * payment.settled_pence)));
    }
    envelope(payment, elements, "ReturnMessage", "RETURN")
}

fn shop(payment: &Payment) -> &'static str {
    let [shop, _, _] = payment.site.merchant.names;
    shop
}

fn envelope(payment: &Payment, elements: Vec<Element>, name: &str, kind: &str) -> String {
    let envelope = Envelope {
        card_id: payment.id.chars().take(9).collect(),
        external_user_id: &payment.card.token,
        message_elements_collection: elements,
        message_id: format!("m-{}", payment.id),
        message_name: name,
        user_defined_fields_collection: [text("TransactionType", kind)],
        user_profile_id: format!("profile-{}", payment.card.last_four),
    };
    // Text and a zero always serialise.
    serde_json::to_string(&envelope).unwrap_or_default()
}

fn opening<'a>(payment: &Payment, stamp: &str) -> Vec<Element<'a>> {
    let site = &payment.site;
    let shop = shop(payment);
    vec![
        text("Transaction.BillingAmount", &pounds(payment.auth_pence)),
        text("Transaction.TimeStampYYMMDD", stamp),
        text("Transaction.MerchantCardAcceptorId", &site.mid),
        text("Transaction.MerchantAcquirerBin", "3423432"),
        text("Transaction.VipTransactionId", &payment.id),
        text("Transaction.VisaMerchantName", shop),
        text("Transaction.VisaMerchantId", &site.aggregate),
        text("Transaction.VisaStoreName", &format!("{shop} {}", site.store)),
        text("Transaction.VisaStoreId", &site.store_id),
        text("Transaction.CurrencyCodeNumeric", "826"),
    ]
}

/// A code that Visa does not know is blank, or its key is missing.
fn closing<'a>(payment: &Payment, code: &str) -> Vec<Element<'a>> {
    let digits = text("Transaction.PanLastFour", &payment.card.last_four);
    if code.is_empty() && variant(payment).is_multiple_of(2) {
        return vec![digits];
    }
    vec![text("Transaction.AuthCode", code), digits]
}

fn text<'a>(key: &'a str, value: &str) -> Element<'a> {
    Element { key, value: Value::Text(value.to_owned()) }
}

/// A number that stays with the payment, to vary how it is written.
pub(crate) fn variant(payment: &Payment) -> u32 {
    payment.id.bytes().map(u32::from).sum()
}

fn gmt(payment: &Payment, format: &str) -> String {
    Clock::utc(payment.when, format)
}

/// Written in one of the ways the feed allows; an offset beats the zone.
fn stamp(payment: &Payment, zoned: impl Fn(&str) -> String) -> String {
    match (payment.flaw, variant(payment) % 10) {
        (Some(Flaw::Date(stamp)), _) => stamp.replace(' ', "T"),
        (_, 0) => Clock::utc(payment.when, "%Y-%m-%dT%H:%M:%S+00:00"),
        (_, 1) => Clock::utc(payment.when + 3_600, "%Y-%m-%dT%H:%M:%S+01:00"),
        (_, 2) => Clock::utc(payment.when, "%Y-%m-%dT%H:%M:%SZ"),
        (_, 3..=5) => zoned("%Y-%m-%d %H:%M:%S"),
        _ => zoned("%Y-%m-%dT%H:%M:%S"),
    }
}

fn amount(payment: &Payment, pence: i64) -> String {
    match payment.flaw {
        Some(Flaw::Amount(wrong)) => wrong.to_owned(),
        _ => pounds(pence),
    }
}

/// Pence as pounds with two places.
pub(crate) fn pounds(pence: i64) -> String {
    let sign = if pence < 0 { "-" } else { "" };
    let pence = pence.abs();
    format!("{sign}{}.{:02}", pence / 100, pence % 100)
}
