//! D2: what is refused, by field and reason, whichever way a merchant's lines come.

use super::{
    ITSU, ITSU_ROW, Lines, Reader, Record, RejectReason, TGIF, TGIF_ROW, Unreadable, ValueClass, changed, costa, itsu,
    json, message, rejected, row, sale, shipped, skipped, slim, stonegate, tgif, typed,
};
use crate::{limits, read_sale_message};
use RejectReason::{
    AmountTooLarge, BadAmount, BadCardDigits, BadCurrency, BadDate, MissingField, NotAnObject, NotJson, TooDeep,
    TooLong, WrongType,
};
use serde_json::Value;

/// Spec import §7.11, Q38: the amount of every row is read, whatever its card.
#[test]
fn itsu_reads_every_amount() {
    for card in ["visa", "diners"] {
        let text = ITSU_ROW.replace(",visa,", &format!(",{card},")).replace("23.45", "ten");
        assert_eq!(rejected(itsu(&text)), ("amount".into(), BadAmount), "{card}");
    }
}

#[test]
fn bad_values_of_csv_rows() {
    for (from, to, field, reason) in [
        ("23.45", "\"1,234.50\"", "amount", BadAmount),
        ("23.45", "1e2", "amount", BadAmount),
        ("23.45", "10.999", "amount", BadAmount),
        ("23.45", "", "amount", BadAmount),
        ("23.45", "£5", "amount", BadAmount),
        ("23.45", "2\u{0}3.45", "amount", BadAmount),
        ("23.45", "21474836.48", "amount", AmountTooLarge),
        ("23.45", "99999999999999999999999999", "amount", AmountTooLarge),
        ("GBP", "G8P", "currency_code", BadCurrency),
        ("GBP", "", "currency_code", BadCurrency),
        ("2024-06-18T", "2024-02-30T", "date", BadDate),
        ("2024-06-18T", "2023-02-29T", "date", BadDate),
        ("T13:41:07", "T25:41:07", "date", BadDate),
        ("T13:41:07", "T13:41:07\u{0}", "date", BadDate),
        ("2024-06-18T13:41:07", "18/06/2024 13:41", "date", BadDate),
        ("2024-06-18T13:41:07", "", "date", BadDate),
        ("2024-06-18T13:41:07", "yesterday", "date", BadDate),
        (",,8841", ",4500123,8841", "payment_card_first_six", BadCardDigits),
        ("8841", "45001", "payment_card_last_four", BadCardDigits),
        ("390211", "390211390211390211390", "auth_code", TooLong),
    ] {
        for text in [ITSU_ROW, TGIF_ROW] {
            assert!(text.contains(from), "{from}");
        }
        for read in [itsu(&ITSU_ROW.replacen(from, to, 1)), tgif(&TGIF_ROW.replacen(from, to, 1))] {
            assert_eq!(rejected(read), (field.into(), reason), "{to}");
        }
    }
    let tip = |to: &str| rejected(tgif(&TGIF_ROW.replace("2.35", to)));
    assert_eq!(tip(""), ("gratuity_amount".into(), BadAmount));
    assert_eq!(tip("21474836.00"), ("gratuity_amount".into(), AmountTooLarge));
    assert_eq!(
        rejected(itsu(&ITSU_ROW.replace("055/005/48213", &"9".repeat(101)))),
        ("transaction_id".into(), TooLong)
    );
    assert_eq!(rejected(itsu(&ITSU_ROW.replace(",55,", &format!(",{},", "5".repeat(51))))).1, TooLong);
    // what looks odd but is a value like any other
    assert_eq!(sale(itsu(&ITSU_ROW.replace("055/005/48213", "a\u{0}b"))).id, "a\u{0}b");
}

/// D2: filters, then needed fields. A row of another card is left out however broken it is.
#[test]
fn filters_come_first() {
    let text = TGIF_ROW.replace("VISA CREDIT", "JCB").replace("23.45", "ten").replace("2024-06-18", "never");
    assert_eq!(skipped(tgif(&text)), "unknown-card-scheme");
}

/// Spec import §3.3: order is free, of two equal names the last counts, names are exact, short rows miss values.
#[test]
fn headers_of_csv_files() {
    let turned = |text: &str| text.split(',').rev().collect::<Vec<_>>().join(",");
    let plain = sale(tgif(TGIF_ROW));
    assert_eq!(sale(row("tgi-fridays", &turned(TGIF), &turned(TGIF_ROW))), plain);
    assert_eq!(sale(row("tgi-fridays", &format!("amount,{TGIF}"), &format!("9.99,{TGIF_ROW}"))), plain);
    assert_eq!(sale(row("tgi-fridays", TGIF, &format!("{TGIF_ROW},more,values"))), plain);
    for column in TGIF.split(',').filter(|name| *name != "retailer_location_id") {
        let feed = shipped("tgi-fridays");
        for header in [TGIF.replace(column, &column.to_uppercase()), TGIF.replace(column, &format!(" {column}"))] {
            let missing = Reader::open(Lines::Sales(&feed), Some(&header)).map(|_| ());
            assert!(matches!(missing, Err(Unreadable::MissingColumn { column }) if TGIF.contains(&column)), "{header}");
        }
    }
    let feed = shipped("itsu");
    assert_eq!(Reader::open(Lines::Sales(&feed), None).map(|_| ()), Err(Unreadable::NoHeader));
    assert_eq!(rejected(row("itsu", ITSU, "1,visa,,8841,23.45")), ("retailer_location_id".into(), MissingField));
}

/// A quoted value may hold line breaks and quotes (spec import §3.3).
#[test]
fn quoted_values() {
    let quoted = ITSU_ROW.replace("055/005/48213", "\"a\r\nb\"\"c\"");
    assert_eq!(sale(itsu(&quoted)).id, "a\r\nb\"c");
}

/// Spec import §7.9, §7.12, §7.13: required keys, and types that are not guessed at.
#[test]
fn bad_values_of_messages() {
    type Refusals = Vec<(&'static str, Option<Value>, RejectReason)>;
    let common: Refusals = vec![
        ("date", Some(json!("2024-06-18T13:41:07+01:00")), WrongType),
        ("date", Some(json!(1_718_714_467)), WrongType),
        ("date", Some(typed("date", "2024-06-18")), WrongType),
        ("date", Some(json!({"__type__":"datetime","__value__":"2024-06-18T13:41:07","x":1})), WrongType),
        ("date", Some(json!({"__type__":"datetime"})), WrongType),
        ("date", Some(typed("datetime", "2024-02-30T13:41:07")), BadDate),
        ("date", Some(typed("datetime", "")), BadDate),
        ("date", Some(Value::Null), MissingField),
        ("date", None, MissingField),
        ("amount", Some(json!("1e3")), BadAmount),
        ("amount", Some(json!(10.999)), BadAmount),
        ("amount", Some(json!(1e30)), BadAmount),
        ("amount", Some(json!(9_999_999_999_u64)), AmountTooLarge),
        ("amount", Some(json!(true)), WrongType),
        ("amount", Some(json!([1])), WrongType),
        ("amount", Some(typed("float", "23.45")), WrongType),
        ("amount", Some(typed("decimal", "NaN")), BadAmount),
        ("amount", Some(typed("decimal", "1E+3")), BadAmount),
        ("amount", None, MissingField),
        ("currency_code", Some(json!(826)), WrongType),
        ("currency_code", None, MissingField),
        ("auth_code", Some(Value::Null), MissingField),
        ("auth_code", Some(json!(390_211)), WrongType),
        ("auth_code", None, MissingField),
        ("payment_card_last_four", Some(json!(8841)), WrongType),
        ("payment_card_last_four", Some(json!("45001")), BadCardDigits),
        ("payment_card_last_four", None, MissingField),
        ("transaction_id", Some(json!(1)), WrongType),
        ("transaction_id", Some(json!("x".repeat(limits::FIELD_BYTES_MAX + 1))), TooLong),
        ("transaction_id", None, MissingField),
    ];
    for (merchant, whole) in [("costa", costa()), ("slim-chickens", slim()), ("stonegate", stonegate())] {
        for (field, value, reason) in &common {
            let read = message(merchant, &changed(whole.clone(), field, value.clone()));
            assert_eq!(rejected(read), ((*field).into(), *reason), "{merchant} {value:?}");
        }
    }
    let costa_only: Refusals = vec![
        ("merchant_identifier", None, MissingField),
        ("payment_card_first_six", None, MissingField),
        ("payment_card_type", None, MissingField),
        ("metadata", None, MissingField),
        ("items_ordered", None, MissingField),
        ("metadata", Some(json!(["x".repeat(limits::FIELD_BYTES_MAX)])), TooLong),
    ];
    for (field, value, reason) in costa_only {
        assert_eq!(rejected(message("costa", &changed(costa(), field, value))), (field.into(), reason));
    }
    let stonegate_only: Refusals = vec![
        ("retailer_location_id", None, MissingField),
        ("payment_card_type", Some(Value::Null), MissingField),
        ("payment_card_first_six", Some(json!(412_345)), WrongType),
    ];
    for (field, value, reason) in stonegate_only {
        assert_eq!(rejected(message("stonegate", &changed(stonegate(), field, value))), (field.into(), reason));
    }
    for (metadata, reason) in [
        (json!({}), MissingField),
        (json!("x"), MissingField),
        (json!({"AccountID": 5}), WrongType),
        (Value::Null, MissingField),
    ] {
        let read = message("stonegate", &changed(stonegate(), "metadata", Some(metadata)));
        assert_eq!(rejected(read), ("metadata.AccountID".into(), reason));
    }
    assert_eq!(rejected(message("slim-chickens", &changed(slim(), "amount", Some(json!(2345.0))))).1, BadAmount);
}

/// As for payments' messages.
#[test]
fn messages_that_are_none() {
    let read = |text: &str| rejected(read_sale_message(&shipped("costa"), text.as_bytes()));
    let whole = |reason| ("message".to_owned(), reason);
    assert_eq!(read("[{}]"), whole(NotAnObject));
    assert_eq!(read("null"), whole(NotAnObject));
    assert_eq!(read("{\"a\":"), whole(NotJson));
    assert_eq!(read(""), whole(NotJson));
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(read(&nested(limits::JSON_DEPTH_MAX)), whole(TooDeep));
    assert_eq!(read(&nested(limits::JSON_DEPTH_MAX - 1)).1, MissingField);
    assert_eq!(read(&"[".repeat(100_000)), whole(TooDeep));
    assert_eq!(read(&format!("{{\"transaction_id\":\"{}\\\"\"}}", "[".repeat(50))).1, MissingField);
    let long = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    assert_eq!(read(&long(limits::MESSAGE_BYTES_MAX)).1, MissingField);
    assert_eq!(read(&long(limits::MESSAGE_BYTES_MAX + 1)), whole(TooLong));
    assert_eq!(rejected(read_sale_message(&shipped("itsu"), b"{}")), whole(RejectReason::Internal));
}

/// Invariant 7: the class of a value, never the value.
#[test]
fn rejects_do_not_tell_values() {
    let card = "4500128841884118";
    for field in ["payment_card_last_four", "payment_card_first_six", "auth_code", "amount", "currency_code"] {
        let Record::Rejected(reject) = message("costa", &changed(costa(), field, Some(json!(card)))) else {
            assert_eq!(field, "auth_code");
            continue;
        };
        assert!(!format!("{reject:?} {reject}").contains(card));
        assert_eq!(reject.class, ValueClass::Digits, "{field}");
    }
}
