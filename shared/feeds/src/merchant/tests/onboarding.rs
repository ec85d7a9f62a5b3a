//! docs/onboarding.md: the files that it walks through do what it says.

use super::{Record, RejectReason, rejected, sale, skipped};
use crate::{FileFormat, read_file};
use harmonia_definitions::{Definition, Encoding};
use harmonia_domain::money::MinorUnits;

const TOML: &str = include_str!("../../../../../docs/onboarding/kaffeehaus-linde.toml");
const SAMPLE: &[u8] = include_bytes!("../../../../../docs/onboarding/kaffeehaus-linde.csv");

#[test]
fn the_documented_example_reads_its_sample() {
    let definition = Definition::from_toml(TOML, "kaffeehaus-linde.toml").unwrap();
    assert_eq!(definition.feed.as_ref().unwrap().encoding, Encoding::Latin1);
    let read = read_file(FileFormat::Merchant(&definition), SAMPLE).unwrap();
    let mut records: Vec<Record> = read.map(|numbered| numbered.record).collect();
    assert_eq!(records.len(), 5);
    let last = records.pop().unwrap();
    assert_eq!(rejected(last), ("Betrag".into(), RejectReason::BadAmount));
    assert_eq!(skipped(records.pop().unwrap()), "storniert");
    assert_eq!(skipped(records.pop().unwrap()), "unknown-card-scheme");
    let second = sale(records.pop().unwrap());
    assert_eq!((second.amount, second.at.to_string().as_str()), (MinorUnits(123_450), "2024-12-01T08:05:00Z"));
    let first = sale(records.pop().unwrap());
    assert_eq!((first.id.as_str(), first.amount), ("K-1001", MinorUnits(1340)));
    assert_eq!((first.at.to_string().as_str(), first.currency.as_str()), ("2024-06-18T11:41:07Z", "EUR"));
    assert_eq!(first.extra.unwrap()["filiale"], "Köln Südstadt");
}

/// The text shows the files as they are, and a mistake as it is told.
#[test]
fn the_documentation_shows_the_definition() {
    let text = include_str!("../../../../../docs/onboarding.md");
    assert!(text.contains(TOML.trim()), "docs/onboarding.md shows another definition");
    let sample: String = SAMPLE.iter().map(|byte| char::from(*byte)).collect();
    assert!(text.contains(sample.replace("\r\n", "\n").trim()), "docs/onboarding.md shows another sample");
    let broken = TOML.replacen("Europe/Berlin", "Europe/Berln", 1);
    let error = Definition::from_toml(&broken, "kaffeehaus-linde.toml").unwrap_err().to_string();
    assert!(text.contains(&error), "docs/onboarding.md does not show: {error}");
}
