//! One file of each CSV merchant, with what becomes of every line: a change of a definition or a reader shows as a
//! difference here.

use crate::{FileFormat, read_file};
use harmonia_definitions::Definitions;
use std::fmt::Write;

fn read(merchant: &str, file: &str) -> String {
    let definitions = Definitions::shipped().unwrap();
    let definition = definitions.get(&merchant.parse().unwrap()).unwrap();
    let mut told = String::new();
    for numbered in read_file(FileFormat::Merchant(definition), file.as_bytes()).unwrap() {
        writeln!(told, "line {} at {}: {:#?}", numbered.line, numbered.offset, numbered.record).unwrap();
    }
    told
}

#[test]
fn iceland() {
    insta::assert_snapshot!(read("iceland-bonus-card", include_str!("golden/iceland-bonus-card.csv")));
}

#[test]
fn itsu() {
    insta::assert_snapshot!(read("itsu", include_str!("golden/itsu.csv")));
}

#[test]
fn tgi_fridays() {
    insta::assert_snapshot!(read("tgi-fridays", include_str!("golden/tgi-fridays.csv")));
}

#[test]
fn wasabi() {
    insta::assert_snapshot!(read("wasabi-club", include_str!("golden/wasabi-club.csv")));
}
