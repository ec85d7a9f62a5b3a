//! Merchants' feeds: the worked examples of the specification ([`examples`]), what is refused ([`refused`]), formats
//! that no shipped definition uses ([`formats`]), whole files ([`golden`]), receivers' results ([`results`]), the way
//! back ([`round_trip`]), and the documentation's example ([`onboarding`]).

mod examples;
mod files;
pub(crate) mod formats;
mod golden;
mod onboarding;
mod refused;
mod results;
mod round_trip;

use super::{Lines, Reader};
use crate::{Record, Unreadable, read_sale_message};
use harmonia_definitions::{Definition, Definitions, MerchantFeed};
use harmonia_domain::{
    line::SaleLine,
    outcome::{RejectReason, SkipReason, ValueClass},
};
use serde_json::{Value, json};

const ITSU: &str = "transaction_id,payment_card_type,payment_card_first_six,payment_card_last_four,amount,\
    currency_code,auth_code,date,merchant_identifier,retailer_location_id,transaction_data,customer_id";
const ITSU_ROW: &str = "055/005/48213,visa,,8841,23.45,GBP,390211,2024-06-18T13:41:07,,55,,";
const TGIF: &str = "transaction_id,payment_card_type,payment_card_first_six,payment_card_last_four,amount,\
    gratuity_amount,currency_code,auth_code,date,merchant_identifier,retailer_location_id";
const TGIF_ROW: &str = "TGI-000917,VISA CREDIT,,8841,23.45,2.35,GBP,390211,2024-06-18T13:41:07,60112233,";

/// The feed of a shipped definition.
fn shipped(merchant: &str) -> MerchantFeed {
    Definitions::shipped().unwrap().get(&merchant.parse().unwrap()).unwrap().feed.clone().unwrap()
}

/// A feed of an invented merchant.
fn invented(feed: &str) -> MerchantFeed {
    let text = format!("merchant = \"corner-shop\"\nversion = \"1\"\n{feed}");
    Definition::from_toml(&text, "corner-shop.toml").unwrap().feed.unwrap()
}

fn row(merchant: &str, header: &str, row: &str) -> Record {
    let feed = shipped(merchant);
    Reader::open(Lines::Sales(&feed), Some(header)).unwrap().record(row).unwrap()
}

fn itsu(text: &str) -> Record {
    row("itsu", ITSU, text)
}

fn tgif(text: &str) -> Record {
    row("tgi-fridays", TGIF, text)
}

fn message(merchant: &str, message: &Value) -> Record {
    read_sale_message(&shipped(merchant), message.to_string().as_bytes())
}

fn sale(record: Record) -> SaleLine {
    match record {
        Record::Sale(sale) => *sale,
        other => panic!("{other:?}"),
    }
}

fn rejected(record: Record) -> (String, RejectReason) {
    match record {
        Record::Rejected(reject) => (reject.field, reject.reason),
        other => panic!("{other:?}"),
    }
}

fn skipped(record: Record) -> String {
    match record {
        Record::Skipped(SkipReason(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

fn typed(kind: &str, value: &str) -> Value {
    json!({ "__type__": kind, "__value__": value })
}

/// Spec import §7.9.
fn costa() -> Value {
    json!({"transaction_id":"COS-55120","payment_card_type":"visa","payment_card_first_six":"450012",
        "payment_card_last_four":"8841","amount":23.45,"currency_code":"GBP","auth_code":"390211",
        "date":typed("datetime", "2024-06-18T13:41:07+01:00"),"merchant_identifier":"70044455",
        "retailer_location_id":"store_9","metadata":{"till":"3"},"items_ordered":"{\"products\":[{\"id\":\"2\"}]}"})
}

/// Spec import §7.12.
fn slim() -> Value {
    json!({"transaction_id":"SC-1","payment_card_type":"Debit Mastercard","payment_card_last_four":"8841","amount":2345,
        "currency_code":"GBP","auth_code":"390211","date":typed("datetime", "2024-06-18T13:41:07+01:00"),
        "retailer_location_id":"SC-12"})
}

/// Spec import §7.13.
fn stonegate() -> Value {
    json!({"transaction_id":"POS-881","payment_card_type":"MCARD DEBIT","payment_card_first_six":null,
        "payment_card_last_four":"8841","amount":23.90,"currency_code":"GBP","auth_code":"390211",
        "date":typed("datetime", "2024-06-18T13:41:07+01:00"),"retailer_location_id":"SITE-0088",
        "metadata":{"AccountID":"ACC-0042"}})
}

/// `message` with the value at a pointer changed, or removed by `None`.
fn changed(mut message: Value, field: &str, value: Option<Value>) -> Value {
    let object = message.as_object_mut().unwrap();
    match value {
        Some(value) => drop(object.insert(field.into(), value)),
        None => drop(object.remove(field).unwrap()),
    }
    message
}
