//! Formats and options that no shipped definition uses: fixed width, JSON lines, a CSV without header, other delimiters
//! and quotes, minor units, sums, checks of JSON values.

use super::{Lines, Reader, Record, RejectReason, invented, rejected, sale, skipped};
use crate::{FileFormat, Unreadable, read_file};
use harmonia_definitions::{Definition, MerchantFeed};
use harmonia_domain::{
    feed::Scheme,
    line::Till,
    money::{Currency, MinorUnits},
};

pub(crate) const FIXED: &str = r#"
[feed]
transport = "file"
[feed.format.fixed-width]
discard_lines = 1
records_start_with = ["D", "E"]
columns = [
    { name = "id", start = 2, length = 4 },
    { name = "shop", start = 6, length = 5 },
    { name = "card", start = 11, length = 4 },
    { name = "pence", start = 15, length = 6 },
    { name = "when", start = 21, length = 12 },
]
[feed.scheme]
column = "card"
visa = ["VISA"]
[feed.fields]
id = { column = "id" }
till = { location = "shop" }
amount = { columns = ["pence"], unit = "minor" }
currency = { constant = "EUR" }
last_four = { column = "card", last = 4 }
time = { columns = ["when"], format = "YYYYMMDDHHmm", zone = "Europe/Berlin" }
"#;

pub(crate) const LINES: &str = r#"
[feed]
transport = "file"
format = "json-lines"
[[feed.skip]]
reason = "refused"
column = "state.code"
unless_in = ["0"]
[[feed.check]]
column = "state.count"
is = "integer"
[feed.scheme]
column = "cards.0.name"
compare = "ignore-case"
amex = ["amex"]
[feed.fields]
id = { column = "id" }
till = { mid = "till" }
amount = { columns = ["net", "tax"], unit = "major", decimal = "," }
currency = { column = "currency" }
time = { columns = ["day", "time"], format = "iso", zone = "UTC" }
"#;

pub(crate) const HEADLESS: &str = r#"
[feed]
transport = "file"
[feed.format.csv]
delimiter = "|"
quote = "'"
columns = ["id", "shop", "card", "sum", "when"]
[feed.scheme]
column = "card"
mastercard = ["MC"]
[feed.fields]
id = { column = "id" }
till = { mid = "shop" }
amount = { columns = ["sum"], unit = "major", decimal = ",", thousands = " " }
currency = { constant = "EUR" }
time = { columns = ["when"], format = "DD.MM.YYYY HH:mm", zone = "Europe/Paris" }
"#;

fn one(feed: &MerchantFeed, text: &str) -> Option<Record> {
    Reader::open(Lines::Sales(feed), None).unwrap().record(text)
}

/// Columns are counted in characters from 1 and trimmed; other lines are none.
#[test]
fn fixed_width_lines() {
    let feed = invented(FIXED);
    let line = "Dé-1 Köln VISA002345202406181341";
    let read = sale(one(&feed, line).unwrap());
    assert_eq!((read.id.as_str(), &read.till), ("é-1", &Till::Location("Köln".into())));
    assert_eq!((read.scheme, read.amount), (Scheme::Visa, MinorUnits(2345)));
    assert_eq!((read.at.to_string().as_str(), read.currency.as_str()), ("2024-06-18T11:41:00Z", "EUR"));
    assert!(one(&feed, &line.replacen('D', "T", 1)).is_none() && one(&feed, "").is_none());
    assert_eq!(skipped(one(&feed, "E1").unwrap()), "unknown-card-scheme");
    assert_eq!(rejected(one(&feed, "D1234shop VISA").unwrap()), ("when".into(), RejectReason::BadDate));
    assert_eq!(
        rejected(one(&feed, &line.replace("002345", "00x345")).unwrap()),
        ("pence".into(), RejectReason::BadAmount)
    );
}

/// A file: the discarded lines are no records, places count them.
#[test]
fn fixed_width_files() {
    let text = format!("merchant = \"corner-shop\"\nversion = \"1\"\n{FIXED}");
    let definition = Definition::from_toml(&text, "x.toml").unwrap();
    let file = "Dheader\r\nD001 Rome VISA002345202406181341\r\nTrailer\r\nE002 Rome VISA000001202406181342";
    let records: Vec<_> = read_file(FileFormat::Merchant(&definition), file.as_bytes()).unwrap().collect();
    let places: Vec<_> = records.iter().map(|r| (r.line, usize::try_from(r.offset).unwrap())).collect();
    assert_eq!(places, [(2, file.find("D001").unwrap()), (4, file.find("E002").unwrap())]);
    assert_eq!(sale(records[1].record.clone()).amount, MinorUnits(1));
}

/// Paths into objects and lists, numbers in filters and checks, sums, country marks for texts only.
#[test]
fn json_lines() {
    let feed = invented(LINES);
    let line = r#"{"state":{"code":0,"count":"7"},"cards":[{"name":"AMEX"}],"id":"1","till":"t","net":"1,50","tax":0.3,
        "currency":"eur","day":"2024-06-18","time":"13:41:07"}"#;
    let read = sale(one(&feed, line).unwrap());
    assert_eq!(
        (read.scheme, read.amount, read.currency),
        (Scheme::Amex, MinorUnits(180), Currency::parse("EUR").unwrap())
    );
    assert_eq!((read.at.to_string().as_str(), read.extra), ("2024-06-18T13:41:07Z", None));
    let change = |from: &str, to: &str| one(&feed, &line.replace(from, to)).unwrap();
    assert_eq!(skipped(change("\"code\":0", "\"code\":5")), "refused");
    assert_eq!(skipped(change("\"code\":0", "\"other\":0")), "refused");
    assert_eq!(rejected(change("\"7\"", "\"x\"")), ("state.count".into(), RejectReason::BadNumber));
    assert_eq!(rejected(change("\"7\"", "{}")), ("state.count".into(), RejectReason::WrongType));
    assert_eq!(rejected(change("[{", "{\"a\":{")), ("message".into(), RejectReason::NotJson));
    assert_eq!(rejected(change("\"1,50\"", "\"1.50\"")), ("net".into(), RejectReason::BadAmount));
    assert!(one(&feed, " ").is_none());
}

/// Without a header the definition names the columns.
#[test]
fn csv_without_header() {
    let feed = invented(HEADLESS);
    let read = sale(one(&feed, "'a|''b'|shop|MC|1 234,5|31.03.2024 02:30").unwrap());
    assert_eq!((read.id.as_str(), read.amount), ("a|'b", MinorUnits(123_450)));
    // D16: 02:30 does not exist that night
    assert_eq!(read.at.to_string(), "2024-03-31T01:30:00Z");
    assert_eq!(rejected(one(&feed, "a|shop|MC|12.5|31.03.2024 02:30").unwrap()).1, RejectReason::BadAmount);
    assert_eq!(rejected(one(&feed, "a|shop|MC|12,5|31.04.2024 02:30").unwrap()).1, RejectReason::BadDate);
    let named = Reader::open(Lines::Sales(&feed), Some("ignored")).map(|_| ());
    assert_eq!(named, Ok(()));
}

/// A merchant whose lines come as messages, or who has none, has no files.
#[test]
fn feeds_without_files() {
    for merchant in ["costa", "squaremeal"] {
        let definitions = harmonia_definitions::Definitions::shipped().unwrap();
        let definition = definitions.get(&merchant.parse().unwrap()).unwrap();
        let refused = read_file(FileFormat::Merchant(definition), b"x").map(|_| ()).unwrap_err();
        assert_eq!(refused, Unreadable::NoFileFeed { merchant: merchant.parse().unwrap() });
    }
}
