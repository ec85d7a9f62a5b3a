//! What a till writes is what is read: parse(write(sale)) = sale, for CSV rows, messages, and files of JSON lines and
//! of fixed width (TGX2's is beside its reader).

use super::{
    Lines, Reader, TGIF,
    formats::{FIXED, LINES},
    json, message, sale, shipped, typed,
};
use crate::{FileFormat, read_file};
use harmonia_definitions::Definition;
use harmonia_domain::{
    feed::Scheme,
    line::{SaleLine, Till},
    money::{AMOUNT_MINOR_MAX, Currency, MinorUnits},
};
use jiff::{Timestamp, civil, tz::TimeZone};
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

/// The sales of a file of an invented merchant.
fn read(feed: &str, file: &str) -> Vec<SaleLine> {
    let text = format!("merchant = \"corner-shop\"\nversion = \"1\"\n{feed}");
    let definition = Definition::from_toml(&text, "x.toml").unwrap();
    let records = read_file(FileFormat::Merchant(&definition), file.as_bytes()).unwrap();
    records.map(|numbered| sale(numbered.record)).collect()
}

fn json_line(sale: &SaleLine) -> String {
    let at = sale.at.to_string();
    let (day, time) = at.split_once('T').unwrap();
    let object = json!({
        "id": sale.id, "till": till(sale), "state": { "code": "0", "count": 1 }, "cards": [{ "name": "aMEX" }],
        "net": major(sale.amount).replace('.', ","), "tax": 0, "currency": sale.currency, "day": day,
        "time": time.trim_end_matches('Z'), "more": null,
    });
    object.to_string()
}

prop_compose! {
    /// A sale as fits into the columns, and when it was by the clock of its place.
    fn a_narrow_sale()(
        id in "[!-~é]{0,4}",
        till in "[!-~é]([ -~é]{0,3}[!-~é])?",
        minute in 0_i64..60_000_000,
        amount in -99_999_i64..=999_999,
    ) -> (SaleLine, civil::DateTime) {
        let at = Timestamp::from_second(60 * minute).unwrap();
        let wall = TimeZone::get("Europe/Berlin").unwrap().to_datetime(at);
        // of a time that comes twice the second one is meant (D16)
        let at = crate::wall_in_zone(wall, "Europe/Berlin").unwrap();
        let sold = SaleLine {
            scheme: Scheme::Visa, id, till: Till::Location(till), at, amount: MinorUnits(amount),
            currency: Currency::parse("EUR").unwrap(), auth_code: String::new(), first_six: None,
            last_four: Some("VISA".to_owned()), extra: None,
        };
        (sold, wall)
    }
}

/// Padded by characters, as columns are counted.
fn fixed_line((sale, wall): &(SaleLine, civil::DateTime)) -> String {
    let amount = format!("{:>6}", sale.amount.0);
    format!("D{:<4}{:<5}VISA{amount}{}", sale.id, till(sale), wall.strftime("%Y%m%d%H%M"))
}

proptest! {
    #[test]
    fn json_lines(sold in prop::collection::vec(a_sale(), 0..5), end in "\n|\r\n") {
        let file: String = sold.iter().map(|sale| json_line(sale) + &end).collect();
        let plain = |sale: SaleLine| SaleLine {
            scheme: Scheme::Amex, auth_code: String::new(), first_six: None, last_four: None, ..sale
        };
        prop_assert_eq!(read(LINES, &file), sold.into_iter().map(plain).collect::<Vec<_>>());
    }

    #[test]
    fn fixed_width(sold in prop::collection::vec(a_narrow_sale(), 0..5), end in "\n|\r\n") {
        let file: String = sold.iter().map(|sale| fixed_line(sale) + &end).collect();
        let sales: Vec<SaleLine> = sold.into_iter().map(|(sale, _)| sale).collect();
        prop_assert_eq!(read(FIXED, &format!("header{end}{file}")), sales);
    }

    #[test]
    fn csv_rows(sold in a_sale()) {
        let feed = shipped("tgi-fridays");
        let reader = Reader::open(Lines::Sales(&feed), Some(TGIF)).unwrap();
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
            let open = |header| Reader::open(Lines::Sales(feed), header).ok();
            let read = [None, Some(TGIF), Some(&text)].map(|header| open(header)?.record(&text));
            for record in read.into_iter().flatten() {
                if let crate::Record::Rejected(reject) = record {
                    prop_assert!(!reject.field.is_empty());
                }
            }
        }
    }
}
