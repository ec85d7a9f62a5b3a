//! Results (spec match §10.2): the worked example, and what makes a row unusable.

use super::rejected;
use crate::{FileFormat, Record, Unreadable, read_file};
use harmonia_definitions::{Definition, Definitions};
use harmonia_domain::{answer::ResultLine, money::MinorUnits, outcome::RejectReason};

const HEADER: &str = "transaction_id,member_number,retailer_location_id,transaction_amount,transaction_date,uid,result";
/// The example row of the specification.
const ROW: &str =
    "db0b14a3-0ca8-4281-9a77-57b5b88ec0a4,test_loyalty_id,1234,5566,2024-03-25 16:54:33+00:00,test-uid-1234,rewarded";

fn stonegate() -> Definition {
    Definitions::shipped().unwrap().get(&"stonegate-unmatched".parse().unwrap()).unwrap().clone()
}

fn read(definition: &Definition, text: &str) -> Vec<(u64, Record)> {
    let records = read_file(FileFormat::Merchant(definition), text.as_bytes()).unwrap();
    records.map(|numbered| (numbered.line, numbered.record)).collect()
}

fn row(text: &str) -> Record {
    let mut all = read(&stonegate(), &format!("{HEADER}\r\n{text}\r\n"));
    assert_eq!((all.len(), all[0].0), (1, 2), "{all:?}");
    all.remove(0).1
}

fn example() -> ResultLine {
    ResultLine {
        uid: "test-uid-1234".into(),
        result: "rewarded".into(),
        transaction_id: Some("db0b14a3-0ca8-4281-9a77-57b5b88ec0a4".into()),
        member: Some("test_loyalty_id".into()),
        location: Some("1234".into()),
        amount: Some(MinorUnits(5566)),
        at: "2024-03-25T16:54:33Z".parse().ok(),
    }
}

#[test]
fn the_worked_example() {
    let Record::Result(line) = row(ROW) else { panic!("no result") };
    assert_eq!(*line, example());
    for same in ["2024-03-25T16:54:33+00:00", "2024-03-25 16:54:33", "2024-03-25T17:54:33+01:00"] {
        let Record::Result(line) = row(&ROW.replace("2024-03-25 16:54:33+00:00", same)) else { panic!("{same}") };
        assert_eq!(*line, example(), "{same}");
    }
    let Record::Result(line) = row(&ROW.replace("test-uid-1234", " TEST-UID-1234 ")) else { panic!("no result") };
    assert_eq!(line.uid, "test-uid-1234");
}

/// D2: a bad row is rejected by itself, with its field and reason.
#[test]
fn what_makes_a_row_unusable() {
    for (from, to, field, reason) in [
        ("test-uid-1234", "", "uid", RejectReason::MissingField),
        ("rewarded", " ", "result", RejectReason::MissingField),
        (",rewarded", "", "result", RejectReason::MissingField),
        ("rewarded", "we are sorry but this member is not known to us", "result", RejectReason::TooLong),
        ("rewarded", "4111 1111 1111 1111", "result", RejectReason::BadCardDigits),
        ("5566", "55.66", "transaction_amount", RejectReason::BadAmount),
        ("5566", "1e3", "transaction_amount", RejectReason::BadAmount),
        ("2024-03-25", "25th of March", "transaction_date", RejectReason::BadDate),
    ] {
        assert_eq!(rejected(row(&ROW.replace(from, to))), (field.to_owned(), reason), "{to}");
    }
}

/// Spec import §4: of one uid the first line of a file counts.
#[test]
fn a_uid_is_answered_once_a_file() {
    let line = example();
    let other = ResultLine { result: "not found".into(), ..example() };
    assert_eq!(line.id_key(), other.id_key());
    assert_ne!(line.content_key(), other.content_key());
    let elsewhere = ResultLine { location: None, member: None, at: None, ..example() };
    assert_eq!(line.content_key(), elsewhere.content_key());
}

#[test]
fn a_file_without_its_columns_is_unreadable() {
    let text = format!("{}\r\n{ROW}\r\n", HEADER.replace(",result", ""));
    let read = read_file(FileFormat::Merchant(&stonegate()), text.as_bytes()).map(|_| ());
    assert_eq!(read, Err(Unreadable::MissingColumn { column: "result".into() }));
}

/// Other receivers answer in other formats; columns that are not named are not looked at.
#[test]
fn other_formats() {
    let mut definition = stonegate();
    let results = definition.results.as_mut().unwrap();
    results.format = harmonia_definitions::Format::JsonLines;
    let fields = &mut results.fields;
    (fields.uid, fields.result) = ("ref.uid".into(), "ref.said".into());
    (fields.transaction_id, fields.member, fields.location) = (None, None, None);
    (fields.amount, fields.time) = (None, None);
    let read = read(&definition, "{\"ref\":{\"uid\":\"u-1\",\"said\":\"ok\"},\"amount\":\"x\"}\n{\"ref\":{}}\n");
    let Record::Result(line) = &read[0].1 else { panic!("{read:?}") };
    assert_eq!((line.uid.as_str(), line.result.as_str(), line.amount), ("u-1", "ok", None));
    assert!(matches!(&read[1].1, Record::Rejected(reject) if reject.field == "ref.uid"), "{read:?}");
}
