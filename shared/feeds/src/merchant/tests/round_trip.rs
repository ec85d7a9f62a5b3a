//! What a till writes is what is read: parse(write(sale)) = sale, for rows and messages.

use super::{Reader, TGIF, json, message, sale, shipped, typed};
use harmonia_domain::{
    feed::Scheme,
    line::{SaleLine, Till},
    money::{AMOUNT_MINOR_MAX, Currency, MinorUnits},
};
use jiff::Timestamp;
use proptest::prelude::*;

fn major(amount: MinorUnits) -> String {
    let sign = if amount.0 < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", amount.0.abs() / 100, amount.0.abs() % 100)
}

fn digits(length: usize) -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop::string::string_regex(&format!("[0-9]{{{length}}}")).unwrap())
}

prop_compose! {
    /// A sale as any till could make it, with texts that make trouble.
    fn a_sale()(
        scheme in prop::sample::select(Scheme::ALL.to_vec()),
        id in "[\\PC\",;\n\r\u{0}]{0,20}",
        till in "[\\PC\",\n]{1,20}",
        second in 0_i64..4_000_000_000,
        amount in -AMOUNT_MINOR_MAX..=AMOUNT_MINOR_MAX,
        auth_code in "[\\PC\"]{0,10}",
        first_six in digits(6),
        last_four in digits(4),
    ) -> SaleLine {
        // six digits that tell no payment scheme
        let first_six = first_six.map(|six: String| six.replacen(['2', '3', '4', '5'], "6", 1));
        SaleLine {
            scheme, id, till: Till::Mid(till), at: Timestamp::from_second(second).unwrap(), amount: MinorUnits(amount),
            currency: Currency::GBP, auth_code, first_six, last_four, extra: None,
        }
    }
}

fn till(sale: &SaleLine) -> &str {
    let (Till::Mid(text) | Till::Location(text)) = &sale.till;
    text
}

proptest! {
    #[test]
    fn csv_rows(sold in a_sale()) {
        let feed = shipped("tgi-fridays");
        let reader = Reader::open(&feed, Some(TGIF)).unwrap();
        let (at, amount) = (sold.at.to_string(), major(sold.amount));
        let (six, four) = (sold.first_six.clone().unwrap_or_default(), sold.last_four.clone().unwrap_or_default());
        let (id, scheme, code) = (sold.id.as_str(), sold.scheme.as_str(), sold.auth_code.as_str());
        let cells = [id, scheme, &six, &four, &amount, "0.00", "GBP", code, &at, till(&sold), ""];
        let row = cells.map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).join(",");
        let read = sale(reader.record(&row).unwrap());
        let hashed = [at.as_str(), till(&sold), &amount, &sold.id, "0.00"].join(".");
        let expected = SaleLine {
            id: harmonia_domain::ids::sha256_hex(hashed.as_bytes()),
            first_six: Some(six),
            last_four: Some(four),
            extra: Some(json!({ "amount": amount })),
            ..sold
        };
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn messages(sold in a_sale()) {
        let written = json!({
            "transaction_id": sold.id, "payment_card_type": sold.scheme, "payment_card_first_six": sold.first_six,
            "payment_card_last_four": sold.last_four, "amount": typed("decimal", &major(sold.amount)),
            "currency_code": sold.currency, "auth_code": sold.auth_code,
            "date": typed("datetime", &sold.at.to_string()), "merchant_identifier": till(&sold),
            "metadata": null, "items_ordered": "[]",
        });
        let extra = Some(json!({ "metadata": null, "items_ordered": "[]" }));
        prop_assert_eq!(sale(message("costa", &written)), SaleLine { extra, ..sold });
    }

    /// Whatever comes in: no definition's reader panics, and what is refused has a name.
    #[test]
    fn nothing_panics(text in prop_oneof![
        "\\PC{0,60}",
        "([a-z0-9.]{0,9}[,;\"\n]){0,14}",
        "\\{(\"(date|amount|id)\":(null|1e999|\\[\\]|\"\\PC{0,4}\"),?){0,4}\\}",
    ]) {
        for definition in harmonia_definitions::Definitions::shipped().unwrap().iter() {
            let Some(feed) = &definition.feed else { continue };
            let read = [None, Some(TGIF), Some(&text)].map(|header| Reader::open(feed, header).ok()?.record(&text));
            for record in read.into_iter().flatten() {
                if let crate::Record::Rejected(reject) = record {
                    prop_assert!(!reject.field.is_empty());
                }
            }
        }
    }
}
