//! Whole files as partners may send them: the forms of text, and what makes a file or a line unusable (D2, D22).

use crate::{FileFormat, Numbered, Record, Unreadable, limits, read_file};
use flate2::{Compression, write::GzEncoder};
use harmonia_definitions::{Definition, Definitions};
use harmonia_domain::outcome::RejectReason;
use std::io::Write;

const HEADER: &str = "Store No_,Amount,Card Number,Card Type Name,Auth_code,Date,Time,EFT Merchant No_,Receipt No_";
const ROW: &str = "A076,23.45,450012******8841,Visa Debit,390211,18/06/2024,13:41:07,15819661,0417";

fn wasabi() -> Definition {
    Definitions::shipped().unwrap().get(&"wasabi-club".parse().unwrap()).unwrap().clone()
}

fn read(bytes: &[u8]) -> Result<Vec<Numbered>, Unreadable> {
    read_file(FileFormat::Merchant(&wasabi()), bytes).map(Iterator::collect)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The same sales, lines and places whatever the file's form.
#[test]
fn forms_of_one_file() {
    let text = format!("{HEADER}\r\n{ROW}\r\n{}\r\n", ROW.replace("A076", "Café"));
    let shown = |bytes: &[u8]| format!("{:?}", read(bytes).unwrap());
    let plain = shown(text.as_bytes());
    assert_eq!(plain.matches("Sale(").count(), 2);
    let marked = format!("\u{feff}{text}");
    let utf16: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for form in [marked.as_bytes(), &gzip(text.as_bytes()), &gzip(marked.as_bytes()), &utf16, &gzip(&utf16)] {
        assert_eq!(shown(form), plain);
    }
}

/// One wrong byte makes the file unreadable (spec import §3.3); the message names line and byte.
#[test]
fn wrong_bytes_are_named() {
    let text = format!("{HEADER}\n{ROW}\n");
    let bytes = [text.as_bytes(), b"A076,\xe9"].concat();
    let expected = format!("line 3: not UTF-8 at byte {}", text.len() + 5);
    assert_eq!(read(&bytes).unwrap_err().to_string(), expected);
    assert_eq!(read(&gzip(&bytes)).unwrap_err().to_string(), expected);
    let whole = gzip(text.as_bytes());
    let cut = read(&whole[..whole.len() - 9]).unwrap_err().to_string();
    assert!(cut.starts_with("gzip data cut off or damaged before byte"), "{cut}");
    let bomb = gzip(&[HEADER.as_bytes(), &b"\n".repeat(20_000_000)].concat());
    let bomb = read(&bomb).unwrap_err().to_string();
    assert!(bomb.starts_with("gzip data unpacks to more than 500 times its size"), "{bomb}");
}

/// NUL is a character: wasabi's filter for receipts of NULs relies on it (spec import §3.3, §7.15).
#[test]
fn nul_bytes_are_data() {
    let text = format!("{HEADER}\n{}\n{}\n", ROW.replace("0417", "\0\0\0"), ROW.replace("0417", "04\x0017"));
    let records = read(text.as_bytes()).unwrap();
    assert_eq!(records.len(), 2);
    assert!(matches!(&records[1].record, Record::Sale(sale) if sale.id == "04\x0017"), "{records:?}");
}

/// A line over the limit is rejected by itself; so is one with an open quote, for its own reason.
#[test]
fn lines_without_an_end() {
    let long = format!("A076,{}", "9".repeat(limits::LINE_BYTES_MAX));
    let open = ROW.replace("Visa Debit", "\"Visa Debit");
    let text = format!("{HEADER}\n{long}\n{ROW}\n{open}\n{ROW}\n");
    let records = read(text.as_bytes()).unwrap();
    let told: Vec<Option<(&str, RejectReason)>> = records
        .iter()
        .map(|numbered| match &numbered.record {
            Record::Rejected(reject) => Some((reject.field.as_str(), reject.reason)),
            _ => None,
        })
        .collect();
    let (long, open) = (("Amount", RejectReason::TooLong), ("Card Type Name", RejectReason::BadQuoting));
    assert_eq!(told, [Some(long), None, Some(open), None]);
}
