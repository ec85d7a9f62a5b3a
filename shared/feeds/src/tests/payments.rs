//! What spec import §7.5 and §14.2 say of payment feeds beyond the worked examples of auths and settlements.

use crate::{Record, read_message};
use harmonia_domain::{
    feed::{Kind, PaymentFeed, Scheme},
    line::{LineTime, PaymentLine},
    money::{Currency, MinorUnits},
    outcome::RejectReason,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

fn read(feed: PaymentFeed, message: &Value) -> Record {
    read_message(feed, message.to_string().as_bytes())
}

fn payment(feed: PaymentFeed, message: &Value) -> PaymentLine {
    match read(feed, message) {
        Record::Payment(line) => *line,
        other => panic!("{other:?}"),
    }
}

fn instant(text: &str) -> LineTime {
    LineTime::Instant(text.parse().unwrap())
}

/// A Visa message whose elements have this prefix.
fn visa(prefix: &str, elements: &[(&str, Value)]) -> Value {
    let element = |(key, value): &(&str, Value)| json!({"Key": format!("{prefix}.{key}"), "Value": value});
    let elements: Vec<Value> = elements.iter().map(element).collect();
    json!({"ExternalUserId": "VisTok88aa", "MessageElementsCollection": elements})
}

const REFUND: &str = "ReturnTransaction";

fn refund_elements() -> Vec<(&'static str, Value)> {
    vec![
        ("VipTransactionId", json!("VTX-7F3A-0002")),
        ("CardAcceptorIdCode", json!("99999999")),
        ("VisaStoreId", json!("K7TzVq0W5g1d")),
        ("VisaMerchantId", json!("")),
        ("Amount", json!("23.45")),
        ("DateTime", json!("6/18/2024 12:41:7 PM")),
        ("AuthCode", json!("390211")),
    ]
}

fn refund(key: &str, value: Option<Value>) -> Record {
    let mut elements = refund_elements();
    match value {
        Some(value) => elements.iter_mut().filter(|(k, _)| *k == key).for_each(|(_, old)| *old = value.clone()),
        None => elements.retain(|(k, _)| *k != key),
    }
    read(PaymentFeed::VisaRefund, &visa(REFUND, &elements))
}

/// Spec import §7.5, the worked example.
#[test]
fn visa_refund_example() {
    let line = payment(PaymentFeed::VisaRefund, &visa(REFUND, &refund_elements()));
    assert_eq!((line.scheme, line.kind, line.id.as_str()), (Scheme::Visa, Kind::Refund, "VTX-7F3A-0002"));
    assert_eq!(line.time, instant("2024-06-18T12:41:07Z"));
    assert_eq!((line.amount, line.currency), (MinorUnits(-2345), Currency::GBP));
    assert_eq!((line.auth_code.as_str(), line.token.expose_secret()), ("390211", "VisTok88aa"));
    assert_eq!(line.mids.primary, "99999999");
    assert_eq!((line.mids.secondary.as_deref(), line.mids.psimi), (Some("K7TzVq0W5g1d"), None));
    assert_eq!(line.settlement_key, "08c87499975240340bcf4ea365fddb894444b5b23732a377cde823624dd56c3a");
}

/// D3 and spec import §7.5: −abs, whatever the sign.
#[test]
fn visa_refunds_are_never_positive() {
    for (value, amount) in [(json!("-23.45"), -2345), (json!(23.45), -2345), (json!("+1.00"), -100), (json!(0), 0)] {
        let Record::Payment(line) = refund("Amount", Some(value.clone())) else { panic!("{value}") };
        assert_eq!(line.amount, MinorUnits(amount), "{value}");
    }
}

/// Spec import §7.5: its own keys, the American clock of twelve hours; D2 rejects what does not fit.
#[test]
fn visa_refund_fields() {
    for (text, at) in [
        ("6/18/2024 12:00:00 AM", "2024-06-18T00:00:00Z"),
        ("06/08/2024 01:02:03 PM", "2024-06-08T13:02:03Z"),
        ("12/31/2024 11:59:59 PM", "2024-12-31T23:59:59Z"),
    ] {
        let Record::Payment(line) = refund("DateTime", Some(json!(text))) else { panic!("{text}") };
        assert_eq!(line.time, instant(at), "{text}");
    }
    for bad in ["18/6/2024 1:00:00 PM", "6/18/2024 13:00:00 PM", "6/18/2024 1:00:00", "6/18/2024 1:00:00 pm", ""] {
        let Record::Rejected(reject) = refund("DateTime", Some(json!(bad))) else { panic!("{bad}") };
        assert_eq!(
            (reject.field.as_str(), reject.reason),
            ("ReturnTransaction.DateTime", RejectReason::BadDate),
            "{bad}"
        );
    }
    for key in ["VipTransactionId", "CardAcceptorIdCode", "VisaStoreId", "VisaMerchantId", "Amount", "DateTime"] {
        let Record::Rejected(reject) = refund(key, None) else { panic!("{key}") };
        assert_eq!((reject.field, reject.reason), (format!("{REFUND}.{key}"), RejectReason::MissingField));
    }
    // a settlement's elements are not a refund's
    let other = read(PaymentFeed::VisaRefund, &visa("Transaction", &refund_elements()));
    assert!(matches!(other, Record::Rejected(_)), "{other:?}");
}

/// Spec import §14.2, "visa-auth/-refund/-settlement": the code, an empty one, none.
#[test]
fn visa_auth_codes() {
    let common = [("VisaStoreId", json!("")), ("VisaMerchantId", json!("")), ("VipTransactionId", json!("v"))];
    let transaction = [
        ("MerchantCardAcceptorId", json!("m")),
        ("TransactionAmount", json!("1.00")),
        ("SettlementAmount", json!("1.00")),
        ("TimeStampYYMMDD", json!("2024-06-18T12:41:07")),
        ("MerchantDateTimeGMT", json!("2024-06-18T12:41:07")),
    ];
    let returned =
        [("CardAcceptorIdCode", json!("m")), ("Amount", json!("1.00")), ("DateTime", json!("6/18/2024 1:00:00 PM"))];
    for (code, expected) in [(Some("444444"), "444444"), (Some(""), ""), (None, "")] {
        let with = |own: &[(&'static str, Value)]| {
            let code = code.map(|code| ("AuthCode", json!(code)));
            common.iter().chain(own).cloned().chain(code).collect::<Vec<_>>()
        };
        for (feed, message) in [
            (PaymentFeed::VisaAuth, visa("Transaction", &with(&transaction))),
            (PaymentFeed::VisaSettlement, visa("Transaction", &with(&transaction))),
            (PaymentFeed::VisaRefund, visa(REFUND, &with(&returned))),
        ] {
            let line = payment(feed, &message);
            assert_eq!((line.auth_code.as_str(), line.approval_code.as_str()), (expected, ""), "{feed}");
            assert_eq!(line.id, "v", "the id is VipTransactionId");
        }
    }
}

/// Spec import §14.2, amex-auth and amex-settlement.
#[test]
fn amex_table() {
    let auth = json!({"transaction_id": "NTI4QjdBN", "merchant_number": "test-mid", "transaction_amount": 55.66,
        "transaction_time": "2022-11-04 08:55:50", "cm_alias": "t", "approval_code": "472624"});
    let line = payment(PaymentFeed::AmexAuth, &auth);
    assert_eq!((line.id.as_str(), line.settlement_key.as_str()), ("NTI4QjdBN", "NTI4QjdBN"));
    assert_eq!((line.time, line.amount), (instant("2022-11-04T15:55:50Z"), MinorUnits(5566)));
    assert_eq!((line.currency, line.auth_code.as_str(), line.approval_code.as_str()), (Currency::GBP, "", "472624"));
    assert_eq!((line.first_six, line.last_four), (None, None));

    let settled = |dpan: &str| {
        let message = json!({"transactionId": "NTI4QjdBN", "merchantNumber": "test-mid", "transactionAmount": 55.66,
            "transactionDate": "2022-11-04 15:55:50", "cardToken": "t", "dpan": dpan});
        payment(PaymentFeed::AmexSettlement, &message)
    };
    let line = settled("123456XXXXX7890");
    assert_eq!((line.id.as_str(), line.time), ("NTI4QjdBN", instant("2022-11-04T15:55:50Z")));
    assert_eq!((line.first_six.as_deref(), line.last_four.as_deref()), (Some("123456"), Some("7890")));
    assert_eq!((line.amount, line.approval_code.as_str()), (MinorUnits(5566), ""));
    let line = settled("");
    assert_eq!((line.first_six, line.last_four), (None, None));
}

/// Spec import §14.2, mastercard-auth: 96 pounds are 9600 pence, the id ends with the day.
#[test]
fn mastercard_auth_table() {
    let message = json!({"third_party_id": "NTI4QjdBN", "time": "2022-10-14 13:52:24", "amount": 96,
        "currency_code": "GBP", "payment_card_token": "test_card_token_1", "mid": "test_primary_mid_1"});
    let line = payment(PaymentFeed::MastercardAuth, &message);
    assert_eq!((line.id.as_str(), line.amount, line.currency), ("NTI4QjdBN_20221014", MinorUnits(9600), Currency::GBP));
    assert_eq!(line.time, instant("2022-10-14T12:52:24Z"));
    assert_eq!(line.settlement_key, "3464063f0ca6d51ca718d5634d5956985ff920d477bc69866535e9f53749e468");
}

/// A message of any feed that is a file's is a wiring mistake, told as such.
#[test]
fn file_feeds_have_no_messages() {
    for feed in [PaymentFeed::MastercardSettled, PaymentFeed::MastercardRefund] {
        let Record::Rejected(reject) = read(feed, &json!({})) else { panic!("{feed}") };
        assert_eq!(reject.reason, RejectReason::Internal);
    }
}
