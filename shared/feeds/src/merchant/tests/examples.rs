//! Spec import §7.9-7.14, the worked examples with their exact ids and instants, and the tables of §14.2.

use super::{ITSU_ROW, TGIF_ROW, changed, costa, itsu, message, sale, skipped, slim, stonegate, tgif, typed};
use harmonia_domain::{
    feed::Scheme,
    line::{SaleLine, Till},
    money::{Currency, MinorUnits},
};
use serde_json::{Value, json};

/// A sale as most examples have it.
fn expected(id: &str, till: Till) -> SaleLine {
    SaleLine {
        scheme: Scheme::Visa,
        id: id.into(),
        till,
        at: "2024-06-18T12:41:07Z".parse().unwrap(),
        amount: MinorUnits(2345),
        currency: Currency::GBP,
        auth_code: "390211".into(),
        first_six: None,
        last_four: Some("8841".into()),
        extra: None,
    }
}

/// Spec import §7.9. The items stay a text.
#[test]
fn costa_example() {
    let extra = json!({"metadata":{"till":"3"},"items_ordered":"{\"products\":[{\"id\":\"2\"}]}"});
    let line = SaleLine {
        first_six: Some("450012".into()),
        extra: Some(extra),
        ..expected("COS-55120", Till::Mid("70044455".into()))
    };
    assert_eq!(sale(message("costa", &costa())), line);
}

/// Spec import §7.9, §3.2 c, §14.2: naive times are UTC, any JSON may be metadata, digits may be null.
#[test]
fn costa_variants() {
    let read = |field, value| sale(message("costa", &changed(costa(), field, Some(value))));
    let at = |text| read("date", typed("datetime", text)).at.to_string();
    assert_eq!(at("2024-06-18T13:41:07"), "2024-06-18T13:41:07Z");
    assert_eq!(at("2024-06-18T13:41:07Z"), "2024-06-18T13:41:07Z");
    assert_eq!(at("2024-06-18T13:41:07.250-05:00"), "2024-06-18T18:41:07.25Z");
    for amount in [json!("23.99"), json!(23.99), typed("decimal", "23.99")] {
        assert_eq!(read("amount", amount).amount, MinorUnits(2399));
    }
    for metadata in [json!(null), json!([1, 2]), json!("text"), json!({"a": {"b": 1.5}})] {
        assert_eq!(read("metadata", metadata.clone()).extra.unwrap()["metadata"], metadata);
    }
    assert_eq!(read("payment_card_first_six", Value::Null).first_six, None);
    assert_eq!(read("payment_card_last_four", Value::Null).last_four, None);
    assert_eq!(read("transaction_id", json!("")).id, "");
    assert_eq!(read("payment_card_type", json!("amex")).scheme, Scheme::Amex);
    assert_eq!(
        skipped(message("costa", &changed(costa(), "payment_card_type", Some(json!("Visa"))))),
        "unknown-card-scheme"
    );
}

/// Spec import §7.11: a location, and UTC for a time without offset (Q37).
#[test]
fn itsu_example() {
    let line = SaleLine {
        at: "2024-06-18T13:41:07Z".parse().unwrap(),
        first_six: Some(String::new()),
        ..expected("055/005/48213", Till::Location("55".into()))
    };
    assert_eq!(sale(itsu(ITSU_ROW)), line);
    assert_eq!(sale(itsu(&ITSU_ROW.replace("13:41:07", "13:41:07+01:00"))).at.to_string(), "2024-06-18T12:41:07Z");
}

/// Spec import §7.11: exact card types, at least five pounds.
#[test]
fn itsu_filters() {
    for name in ["Visa", "diners", "", "visa "] {
        assert_eq!(skipped(itsu(&ITSU_ROW.replace(",visa,", &format!(",{name},")))), "card-type", "{name}");
    }
    for (amount, below) in [("4.99", true), ("5.00", false), ("-23.45", true), ("0", true), ("5", false)] {
        let read = itsu(&ITSU_ROW.replace("23.45", amount));
        if below { assert_eq!(skipped(read), "below-minimum", "{amount}") } else { drop(sale(read)) }
    }
}

/// Spec import §7.12: pence, any case of the card's name, no first six.
#[test]
fn slim_chickens_example() {
    let line = SaleLine { scheme: Scheme::Mastercard, ..expected("SC-1", Till::Location("SC-12".into())) };
    assert_eq!(sale(message("slim-chickens", &slim())), line);
    for (name, scheme) in [("Visa Debit", Scheme::Visa), ("VISA", Scheme::Visa), ("mastercard", Scheme::Mastercard)] {
        assert_eq!(
            sale(message("slim-chickens", &changed(slim(), "payment_card_type", Some(json!(name))))).scheme,
            scheme
        );
    }
}

/// Spec import §7.12: the card first, then the amount.
#[test]
fn slim_chickens_filters() {
    let skip = |field, value| skipped(message("slim-chickens", &changed(slim(), field, Some(value))));
    for name in [json!("amex"), json!("MASTER"), json!("Visa Debit "), json!(null)] {
        assert_eq!(skip("payment_card_type", name), "card-type");
    }
    assert_eq!(skip("amount", json!(749)), "below-minimum");
    assert_eq!(sale(message("slim-chickens", &changed(slim(), "amount", Some(json!(750))))).amount, MinorUnits(750));
    let both = changed(changed(slim(), "payment_card_type", Some(json!("amex"))), "amount", Some(json!("ten")));
    assert_eq!(skipped(message("slim-chickens", &both)), "card-type");
}

/// Spec import §7.13.
#[test]
fn stonegate_example() {
    let line = SaleLine {
        scheme: Scheme::Mastercard,
        amount: MinorUnits(2390),
        extra: Some(json!({"account_id":"ACC-0042","transaction_id":"POS-881"})),
        ..expected(
            "361d2e3b2ff00e93bd8136d46390f72d43b8fd2557676b520589c259dc712212",
            Till::Location("SITE-0088".into()),
        )
    };
    assert_eq!(sale(message("stonegate", &stonegate())), line);
}

/// Spec import §7.13, the variants, §14.2 and match §18: the id depends on how date and amount are written (Q34).
#[test]
fn stonegate_ids() {
    let id = |message: &Value| sale(super::message("stonegate", message)).id;
    let with = |field, value| changed(stonegate(), field, Some(value));
    let decimal = id(&with("amount", typed("decimal", "23.90")));
    assert_eq!(decimal, "774e7ca4dd7fa52cd2864adbb5e1bd92a901fbdc069e06ee62a482573e08d0f9");
    assert_eq!(id(&with("amount", json!("23.90"))), decimal);
    let zulu = id(&with("date", typed("datetime", "2024-06-18T12:41:07Z")));
    assert_eq!(zulu, "dfb74c68635e4f0611fcd1fb4f2470d495cf9ffc6415e548b39376c106b0319c");
    assert_eq!(id(&with("date", typed("datetime", "2024-06-18T12:41:07+00:00"))), zulu);
    let published = json!({"transaction_id":"T-77","payment_card_type":"VS","payment_card_first_six":"",
        "payment_card_last_four":null,"amount":76.45,"currency_code":"GBP","auth_code":"333444",
        "date":typed("datetime", "2023-03-27T15:01:59+00:00"),"retailer_location_id":"x",
        "metadata":{"AccountID":"ACC-1"}});
    assert_eq!(id(&published), "ad284c12224958008dce5bccbc32ddaf3b5018cab3493fe0e3ed0a008e203c82");
}

/// Spec import §7.13: what stands in the hash for date and amount.
#[test]
fn stonegate_hash_input() {
    let id = |date: &str, amount: Value| {
        let message = changed(changed(stonegate(), "date", Some(typed("datetime", date))), "amount", Some(amount));
        sale(super::message("stonegate", &message)).id
    };
    for (date, iso) in [
        ("2024-06-18T13:41:07", "2024-06-18T13:41:07"),
        ("2024-06-18 13:41:07.5", "2024-06-18T13:41:07.500000"),
        ("2024-06-18T13:41:07.000000+05:30", "2024-06-18T13:41:07+05:30"),
        ("2024-06-18T13:41-00:30", "2024-06-18T13:41:00-00:30"),
        ("2024-06-18", "2024-06-18T00:00:00"),
    ] {
        for (amount, text) in [
            (json!(24), "24"),
            (json!(24.0), "24.0"),
            (json!(1e2), "100.0"),
            (json!("24.50"), "24.50"),
            (json!(0.1), "0.1"),
            (typed("decimal", "24"), "24"),
        ] {
            let input = format!("{iso}.390211.ACC-0042.{text}.POS-881");
            assert_eq!(id(date, amount), harmonia_domain::ids::sha256_hex(input.as_bytes()), "{input}");
        }
    }
}

/// Spec import §3.2 c: a naive time is London's here.
#[test]
fn stonegate_times_are_local() {
    let at =
        |text| sale(message("stonegate", &changed(stonegate(), "date", Some(typed("datetime", text))))).at.to_string();
    assert_eq!(at("2024-06-18T13:41:07"), "2024-06-18T12:41:07Z");
    assert_eq!(at("2024-10-27T01:30:00"), "2024-10-27T01:30:00Z");
    assert_eq!(at("2024-03-31T01:30:00"), "2024-03-31T01:30:00Z");
    assert_eq!(at("2024-06-18T13:41:07Z"), "2024-06-18T13:41:07Z");
}

/// Spec import §14.2, the detection table, and §7.13's patterns in their order (Q35).
#[test]
fn stonegate_detection() {
    use Scheme::{Amex, Mastercard, Visa};
    for (first_six, name, scheme) in [
        (json!("412345"), json!("?"), Some(Visa)),
        (json!("212345"), json!("VISA"), Some(Mastercard)),
        (json!("512345"), json!("VISA"), Some(Mastercard)),
        (json!("312345"), json!("?"), Some(Amex)),
        (json!(""), json!("VISACREDIT"), Some(Visa)),
        (json!("      "), json!("EDC/Maestro"), Some(Mastercard)),
        (json!(null), json!("americanexpress"), Some(Amex)),
        (json!("123"), json!("american experience"), None),
        (json!("612345"), json!("Am Ex"), Some(Amex)),
        (json!("412345"), json!(null), Some(Visa)),
        (json!(null), json!("MCDONALDS GIFT"), Some(Mastercard)),
        (json!(null), json!("EVS master"), Some(Visa)),
        (json!(null), json!("Master Card"), Some(Mastercard)),
        (json!(null), json!("American Express"), Some(Amex)),
        (json!(null), json!("AX"), None),
        (json!(null), json!("Diners"), None),
    ] {
        let card = changed(stonegate(), "payment_card_first_six", Some(first_six.clone()));
        let read = message("stonegate", &changed(card, "payment_card_type", Some(name.clone())));
        match scheme {
            Some(scheme) => assert_eq!(sale(read).scheme, scheme, "{first_six} {name}"),
            None => assert_eq!(skipped(read), "unknown-card-scheme", "{first_six} {name}"),
        }
    }
}

/// Spec import §7.14: amount and tip are spent, the bill stays in the extra fields.
#[test]
fn tgi_fridays_example() {
    let line = SaleLine {
        amount: MinorUnits(2580),
        first_six: Some(String::new()),
        extra: Some(json!({"amount":"23.45"})),
        ..expected("18ecf77fd20e29c06294c3487fa6071c9752b54c24696e39dc3ebb34347a2870", Till::Mid("60112233".into()))
    };
    assert_eq!(sale(tgif(TGIF_ROW)), line);
}

/// Spec import §7.14: raw texts make the id (Q36), London's clock the time; the card as at Stonegate's.
#[test]
fn tgi_fridays_variants() {
    let read = |from: &str, to: &str| tgif(&TGIF_ROW.replacen(from, to, 1));
    let plain = sale(tgif(TGIF_ROW));
    let spaced = sale(read("T13:41:07", " 13:41:07"));
    assert_eq!((spaced.at, spaced.amount), (plain.at, plain.amount));
    assert_ne!(spaced.id, plain.id);
    assert_eq!(sale(read("390211", "999999")).id, plain.id);
    assert_eq!(sale(read("T13:41:07", "T13:41:07Z")).at.to_string(), "2024-06-18T13:41:07Z");
    assert_eq!(sale(read("VISA CREDIT,", "?,543210")).scheme, Scheme::Mastercard);
    assert_eq!(sale(read("VISA CREDIT,", "Maestro,6011")).scheme, Scheme::Mastercard);
    assert_eq!(skipped(read("VISA CREDIT", "JCB")), "unknown-card-scheme");
    assert_eq!(sale(read("2.35", "-3.45")).amount, MinorUnits(2000));
}
