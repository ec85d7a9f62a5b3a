//! One message of each payment feed: the worked examples of spec import §7 and what D2 rejects.

use crate::{Record, limits, read_message};
use harmonia_domain::{
    feed::{Kind, PaymentFeed, Scheme},
    ids::sha256_hex,
    line::{LineTime, PaymentLine},
    money::{Currency, MinorUnits},
    outcome::RejectReason,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

fn payment(feed: PaymentFeed, message: &Value) -> PaymentLine {
    match read_message(feed, message.to_string().as_bytes()) {
        Record::Payment(line) => *line,
        other => panic!("{other:?}"),
    }
}

fn rejected(feed: PaymentFeed, message: &Value) -> (String, RejectReason) {
    match read_message(feed, message.to_string().as_bytes()) {
        Record::Rejected(reject) => (reject.field, reject.reason),
        other => panic!("{other:?}"),
    }
}

fn instant(text: &str) -> LineTime {
    LineTime::Instant(text.parse().unwrap())
}

fn amex_auth() -> Value {
    json!({"transaction_id":"QUJDLTAwMDEtWFla","offer_id":"0","transaction_time":"2024-06-18 05:41:07",
        "transaction_amount":"23.45","transaction_currency":"UKL","cm_alias":"AmxTokQ7w2",
        "merchant_number":"8045550172","approval_code":"390211"})
}

fn amex_settlement() -> Value {
    json!({"transactionId":"QUJDLTAwMDEtWFla","offerId":"0","transactionDate":"2024-06-18 13:41:07",
        "transactionAmount":23.45,"cardToken":"AmxTokQ7w2","merchantNumber":"8045550172","approvalCode":"390211",
        "dpan":"374245XXXXX1007","partnerId":"AADP0050","recordId":"R1","currencyCode":"840"})
}

fn mastercard_auth() -> Value {
    json!({"third_party_id":"QK7Z19ABC","time":"2024-06-18 13:41:07","amount":"23.45","currency_code":"GBP",
        "payment_card_token":"MCTok5512","mid":"521900311"})
}

fn visa(elements: &[(&str, Value)]) -> Value {
    let elements: Vec<Value> =
        elements.iter().map(|(key, value)| json!({"Key": format!("Transaction.{key}"), "Value": value})).collect();
    json!({"CardId":"c","ExternalUserId":"VisTok88aa","MessageElementsCollection":elements,"UserProfileId":"p1"})
}

fn visa_auth() -> Vec<(&'static str, Value)> {
    vec![
        ("MerchantCardAcceptorId", json!("40417722")),
        ("VisaStoreId", json!("")),
        ("VisaMerchantId", json!("0")),
        ("TransactionAmount", json!("23.45")),
        ("VipTransactionId", json!("VTX-7F3A-0001")),
        ("TimeStampYYMMDD", json!("2024-06-18T13:41:07")),
        ("AuthCode", json!("390211")),
    ]
}

fn visa_settlement() -> Vec<(&'static str, Value)> {
    vec![
        ("MerchantCardAcceptorId", json!("99999999")),
        ("VisaStoreId", json!("K7TzVq0W5g1d")),
        ("VisaMerchantId", json!("")),
        ("SettlementAmount", json!("23.45")),
        ("VipTransactionId", json!("VTX-7F3A-0003")),
        ("MerchantDateTimeGMT", json!("2024-06-18T12:41:07")),
    ]
}

/// `message` with one field changed, or removed by `None`.
fn changed(mut message: Value, field: &str, value: Option<Value>) -> Value {
    let object = message.as_object_mut().unwrap();
    match value {
        Some(value) => object.insert(field.to_owned(), value),
        None => object.remove(field),
    };
    message
}

fn visa_changed(mut elements: Vec<(&'static str, Value)>, key: &str, value: Option<Value>) -> Value {
    match value {
        Some(value) => elements.iter_mut().filter(|(k, _)| *k == key).for_each(|(_, old)| *old = value.clone()),
        None => elements.retain(|(k, _)| *k != key),
    }
    visa(&elements)
}

/// Spec import §7.1.
#[test]
fn amex_auth_example() {
    let line = payment(PaymentFeed::AmexAuth, &amex_auth());
    assert_eq!((line.scheme, line.kind), (Scheme::Amex, Kind::Auth));
    assert_eq!((line.id.as_str(), line.settlement_key.as_str()), ("QUJDLTAwMDEtWFla", "QUJDLTAwMDEtWFla"));
    assert_eq!(line.time, instant("2024-06-18T12:41:07Z"));
    assert_eq!((line.amount, line.currency), (MinorUnits(2345), Currency::GBP));
    assert_eq!(line.token.expose_secret(), "AmxTokQ7w2");
    assert_eq!((line.auth_code.as_str(), line.approval_code.as_str()), ("", "390211"));
    assert_eq!((line.mids.primary.as_str(), line.first_six), ("8045550172", None));
    // the offset of the text wins over −07:00
    let zoned = changed(amex_auth(), "transaction_time", Some(json!("2024-06-18T05:41:07Z")));
    assert_eq!(payment(PaymentFeed::AmexAuth, &zoned).time, instant("2024-06-18T05:41:07Z"));
}

/// Spec import §7.2.
#[test]
fn amex_settlement_example() {
    let line = payment(PaymentFeed::AmexSettlement, &amex_settlement());
    assert_eq!((line.kind, line.id.as_str()), (Kind::Settled, "QUJDLTAwMDEtWFla"));
    assert_eq!(line.settlement_key, line.id);
    assert_eq!(line.time, instant("2024-06-18T12:41:07Z"));
    assert_eq!((line.amount, line.currency), (MinorUnits(2345), Currency::GBP));
    assert_eq!((line.first_six.as_deref(), line.last_four.as_deref()), (Some("374245"), Some("1007")));
    assert_eq!((line.auth_code.as_str(), line.approval_code.as_str()), ("", "390211"));
}

/// Spec import §7.2: the masked number, and what may be a whole one.
#[test]
fn amex_settlement_digits() {
    let with = |dpan: Option<Value>| changed(amex_settlement(), "dpan", dpan);
    for empty in [json!(null), json!("")] {
        let line = payment(PaymentFeed::AmexSettlement, &with(Some(empty)));
        assert_eq!((line.first_six, line.last_four), (None, None));
    }
    for bad in
        ["371234567890123", "374245XXXXXX1007", "374245XXXXXXXXXX1007", "3742451XXXXX1007", "374245XXXXX10071", "x"]
    {
        let expected = ("dpan".to_owned(), RejectReason::BadCardDigits);
        assert_eq!(rejected(PaymentFeed::AmexSettlement, &with(Some(json!(bad)))), expected, "{bad}");
    }
    assert_eq!(rejected(PaymentFeed::AmexSettlement, &with(None)), ("dpan".into(), RejectReason::MissingField));
}

/// Spec import §7.3: the zone is the merchant's unless the text has an offset.
#[test]
fn visa_auth_example() {
    let line = payment(PaymentFeed::VisaAuth, &visa(&visa_auth()));
    assert_eq!((line.scheme, line.kind, line.id.as_str()), (Scheme::Visa, Kind::Auth, "VTX-7F3A-0001"));
    assert_eq!(line.settlement_key, "b08fb6f1bb8d64b7568972cd3bb2669e43a9a74c9e0292fe03f8242ea3fc28f0");
    assert_eq!(line.time, LineTime::Wall("2024-06-18T13:41:07".parse().unwrap()));
    assert_eq!((line.amount, line.auth_code.as_str()), (MinorUnits(2345), "390211"));
    assert_eq!(line.token.expose_secret(), "VisTok88aa");
    assert_eq!((line.mids.primary.as_str(), line.mids.secondary), ("40417722", None));
    assert_eq!(line.mids.psimi.as_deref(), Some("0"), "`0` is an identifier (Q21)");
    let zoned = visa_changed(visa_auth(), "TimeStampYYMMDD", Some(json!("2024-06-18T13:41:07+00:00")));
    assert_eq!(payment(PaymentFeed::VisaAuth, &zoned).time, instant("2024-06-18T13:41:07Z"));
}

/// Spec import §14.1: the key published with the original's tests.
#[test]
fn published_visa_key() {
    let message = visa_changed(visa_auth(), "VipTransactionId", Some(json!("db0b14a3-0ca8-4281-9a77-57b5b88ec0a4")));
    let key = payment(PaymentFeed::VisaAuth, &message).settlement_key;
    assert_eq!(key, "33ffec57b443bec64d34d84f20590a6c88f4d0f4fad548bb2a5fb545d817128e");
}

/// Spec import §7.4.
#[test]
fn visa_settlement_example() {
    let line = payment(PaymentFeed::VisaSettlement, &visa(&visa_settlement()));
    assert_eq!((line.kind, line.time), (Kind::Settled, instant("2024-06-18T12:41:07Z")));
    assert_eq!(line.settlement_key, "caca652d055f132458e9ef8f12cc3a2f2b64068cac98e41a6b1e91f8c3976026");
    assert_eq!((line.mids.secondary.as_deref(), line.mids.psimi), (Some("K7TzVq0W5g1d"), None));
    assert_eq!((line.amount, line.auth_code.as_str()), (MinorUnits(2345), ""));
}

/// Spec import §7.3: exact keys, the first one wins, needed ones must exist, identifiers and codes may be null.
#[test]
fn visa_elements() {
    let mut twice = visa_auth();
    twice.push(("TransactionAmount", json!("99.00")));
    assert_eq!(payment(PaymentFeed::VisaAuth, &visa(&twice)).amount, MinorUnits(2345));
    for key in ["MerchantCardAcceptorId", "VisaStoreId", "VisaMerchantId", "TransactionAmount", "VipTransactionId"] {
        let expected = (format!("Transaction.{key}"), RejectReason::MissingField);
        assert_eq!(rejected(PaymentFeed::VisaAuth, &visa_changed(visa_auth(), key, None)), expected);
    }
    for value in [None, Some(json!(null)), Some(json!(""))] {
        let line = payment(PaymentFeed::VisaAuth, &visa_changed(visa_auth(), "AuthCode", value));
        assert_eq!(line.auth_code, "");
    }
    let null_store = visa_changed(visa_auth(), "VisaStoreId", Some(json!(null)));
    assert_eq!(payment(PaymentFeed::VisaAuth, &null_store).mids.secondary, None);
    let number = visa_changed(visa_auth(), "VisaMerchantId", Some(json!(0)));
    assert_eq!(
        rejected(PaymentFeed::VisaAuth, &number),
        ("Transaction.VisaMerchantId".into(), RejectReason::WrongType)
    );
    let blank_id = visa_changed(visa_auth(), "VipTransactionId", Some(json!("")));
    assert_eq!(rejected(PaymentFeed::VisaAuth, &blank_id).1, RejectReason::MissingField);
    for (field, value, reason) in [
        ("ExternalUserId", None, RejectReason::MissingField),
        ("ExternalUserId", Some(json!(" ")), RejectReason::BadCardToken),
        ("ExternalUserId", Some(json!(1)), RejectReason::WrongType),
        ("MessageElementsCollection", None, RejectReason::MissingField),
        ("MessageElementsCollection", Some(json!({})), RejectReason::WrongType),
    ] {
        let message = changed(visa(&visa_auth()), field, value);
        assert_eq!(rejected(PaymentFeed::VisaAuth, &message), (field.to_owned(), reason));
    }
    let odd = changed(visa(&[]), "MessageElementsCollection", Some(json!([1, null, {"Key": 2}, {"Value": 3}])));
    assert_eq!(rejected(PaymentFeed::VisaAuth, &odd).1, RejectReason::MissingField);
}

/// Spec import §7.6.
#[test]
fn mastercard_auth_example() {
    let line = payment(PaymentFeed::MastercardAuth, &mastercard_auth());
    assert_eq!((line.scheme, line.kind, line.id.as_str()), (Scheme::Mastercard, Kind::Auth, "QK7Z19ABC_20240618"));
    assert_eq!(line.settlement_key, "b80334dd8963c28e0030d5b4e89865a9bd00b11bc5eca81c69bfdf93570b8dba");
    assert_eq!((line.time, line.amount), (instant("2024-06-18T12:41:07Z"), MinorUnits(2345)));
    assert_eq!((line.auth_code.as_str(), line.approval_code.as_str()), ("", ""));
    // the key's date is the text's own, in its own offset (Q26)
    let late = changed(mastercard_auth(), "time", Some(json!("2024-06-18T23:30:00+00:00")));
    let late = payment(PaymentFeed::MastercardAuth, &late);
    assert_eq!(late.settlement_key, line.settlement_key);
    let currency = changed(mastercard_auth(), "currency_code", Some(json!("826")));
    assert_eq!(payment(PaymentFeed::MastercardAuth, &currency).currency, Currency::GBP);
}

/// D6: without an id, the content makes one.
#[test]
fn mastercard_auth_without_an_id() {
    for value in [None, Some(json!(null)), Some(json!(""))] {
        let message = changed(mastercard_auth(), "third_party_id", value);
        let line = payment(PaymentFeed::MastercardAuth, &message);
        let id = format!("{}.0", sha256_hex(message.to_string().as_bytes()));
        let key = format!("mastercard.{id}.2024-06-18.521900311.MCTok5512");
        assert_eq!((&line.id, line.settlement_key), (&id, sha256_hex(key.as_bytes())));
        let Record::Payment(again) = read_message(PaymentFeed::MastercardAuth, format!("{message} \r\n").as_bytes())
        else {
            panic!("a trailing blank")
        };
        assert_eq!(again.id, id);
    }
}

/// D2: amounts, as text and as numbers.
#[test]
fn amounts() {
    let read = |amount: &str| {
        let text = mastercard_auth().to_string().replace("\"23.45\"", amount);
        read_message(PaymentFeed::MastercardAuth, text.as_bytes())
    };
    for (text, minor) in
        [("96", 9600), ("23.9", 2390), ("1e2", 10_000), ("-5", -500), ("\"-5.00\"", -500), ("\" 7.5 \"", 750)]
    {
        let Record::Payment(line) = read(text) else { panic!("{text}") };
        assert_eq!(line.amount, MinorUnits(minor), "{text}");
    }
    for (text, reason) in [
        ("10.005", RejectReason::BadAmount),
        ("\"10.005\"", RejectReason::BadAmount),
        ("\"1e2\"", RejectReason::BadAmount),
        ("\".50\"", RejectReason::BadAmount),
        ("\"5.\"", RejectReason::BadAmount),
        ("\"1,234.50\"", RejectReason::BadAmount),
        ("\"ten\"", RejectReason::BadAmount),
        ("\"\"", RejectReason::BadAmount),
        ("1e30", RejectReason::BadAmount),
        ("99999999", RejectReason::AmountTooLarge),
        ("null", RejectReason::MissingField),
        ("true", RejectReason::WrongType),
        ("[1]", RejectReason::WrongType),
    ] {
        let Record::Rejected(reject) = read(text) else { panic!("{text}") };
        assert_eq!((reject.field.as_str(), reject.reason), ("amount", reason), "{text}");
    }
}

/// D2: what is not a message at all, and what is too long to store.
#[test]
fn unusable_messages() {
    let reason = |bytes: &[u8]| match read_message(PaymentFeed::AmexAuth, bytes) {
        Record::Rejected(reject) => reject.reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(b""), RejectReason::NotJson);
    assert_eq!(reason(b"{\"transaction_id\":"), RejectReason::NotJson);
    assert_eq!(reason(b"{\"a\":\"\xff\"}"), RejectReason::NotJson);
    assert_eq!(reason("[".repeat(100_000).as_bytes()), RejectReason::TooDeep);
    assert_eq!(reason(b"[]"), RejectReason::NotAnObject);
    assert_eq!(reason(b"null"), RejectReason::NotAnObject);
    assert_eq!(reason(&vec![b' '; limits::MESSAGE_BYTES_MAX + 1]), RejectReason::TooLong);
    for (field, chars) in [("transaction_id", 100), ("merchant_number", 50), ("cm_alias", 100), ("approval_code", 20)] {
        let with = |n: usize| changed(amex_auth(), field, Some(json!("7".repeat(n))));
        assert_eq!(rejected(PaymentFeed::AmexAuth, &with(chars + 1)), (field.to_owned(), RejectReason::TooLong));
        payment(PaymentFeed::AmexAuth, &with(chars));
    }
    let date = changed(amex_auth(), "transaction_time", Some(json!("03/06/2024 11:42")));
    assert_eq!(rejected(PaymentFeed::AmexAuth, &date), ("transaction_time".into(), RejectReason::BadDate));
    let null = changed(amex_auth(), "approval_code", Some(json!(null)));
    assert_eq!(payment(PaymentFeed::AmexAuth, &null).approval_code, "");
}
