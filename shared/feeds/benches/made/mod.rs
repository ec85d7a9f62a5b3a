//! Files that look like partners' ones, made line by line, every id its own.

use harmonia_definitions::{Definition, Definitions};
use harmonia_domain::feed::PaymentFeed;
use harmonia_feeds::FileFormat;

/// A format and how its files begin and go on.
pub(crate) struct Made {
    pub(crate) name: &'static str,
    pub(crate) format: FileFormat<'static>,
    pub(crate) header: &'static str,
    pub(crate) line: fn(u64) -> String,
}

const ICELAND: &str = "TransactionCardFirst6,TransactionCardLast4,TransactionCardExpiry,TransactionCardSchemeId,\
    TransactionCardScheme,TransactionStore_Id,TransactionTimestamp,TransactionAmountValue,TransactionAmountUnit,\
    TransactionCashbackValue,TransactionCashbackUnit,TransactionId,TransactionAuthCode\n";
const WASABI: &str = "Store No_,Amount,Card Number,Card Type Name,Auth_code,Date,Time,EFT Merchant No_,Receipt No_\n";

fn merchant(slug: &str) -> FileFormat<'static> {
    let shipped = Definitions::shipped().expect("shipped definitions load");
    let definition = shipped.get(&slug.parse().expect("a slug")).expect("a shipped merchant");
    FileFormat::Merchant(Box::leak(Box::<Definition>::new(definition.clone())))
}

/// One of each.
pub(crate) fn all() -> Vec<Made> {
    vec![
        Made {
            name: "tgx2",
            format: FileFormat::Tgx2(PaymentFeed::MastercardSettled),
            header: "H20240619030000\n",
            line: tgx2,
        },
        Made { name: "csv", format: merchant("iceland-bonus-card"), header: ICELAND, line: iceland },
        Made { name: "csv-quoted", format: merchant("wasabi-club"), header: WASABI, line: wasabi },
    ]
}

fn tgx2(n: u64) -> String {
    let (token, day, amount, minute) = (n % 99_991, 1 + n % 28, 100 + n % 9_973, n % 60);
    let line = format!(
        "D{:20}MCTok{token:<25}{:51}202406{day:02}{:341}{:<15}{:34}LOC{:09}AGG771{amount:012}{:33}13{minute:02}{:06}",
        "",
        "",
        "",
        n % 5_003,
        "",
        n % 977,
        "",
        n % 999_983
    );
    format!("{line:<761}{n:09X}\n")
}

fn iceland(n: u64) -> String {
    let (last, minute, second, pence) = (n % 10_000, n / 60 % 60, n % 60, n % 100);
    format!(
        "450012,{last:04},01/30,2,Visa Debit,{:08},2024-06-18 13:{minute:02}:{second:02},{}.{pence:02},GBP,.00,GBP,\
         ICE-{n:012},{:06}\n",
        n % 5_003,
        n % 97,
        n % 999_983
    )
}

fn wasabi(n: u64) -> String {
    format!(
        "\"A\"\"{:03}\",\"{}.{:02}\",\"450012******{:04}\",Visa Debit,{:06},18/06/2024,\
         13:{:02}:{:02},{:08},\"{n:019}\"\r\n",
        n % 1_000,
        n % 97,
        n % 100,
        n % 10_000,
        n % 999_983,
        n / 60 % 60,
        n % 60,
        n % 5_003
    )
}

/// A text of at least so many bytes; how many lines it has.
#[allow(dead_code, reason = "one of the two programs writes to disk instead")]
pub(crate) fn text(made: &Made, bytes: usize) -> (String, usize) {
    let mut text = made.header.to_owned();
    let mut lines = 0;
    while text.len() < bytes {
        text.push_str(&(made.line)(u64::try_from(lines).unwrap_or(u64::MAX)));
        lines += 1;
    }
    (text, lines)
}
