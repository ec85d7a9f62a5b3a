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

/// Invented, as no shipped merchant sends such files.
const FIXED_WIDTH: &str = r#"
merchant = "corner-shop"
version = "1"
[feed]
transport = "file"
encoding = "latin-1"
[feed.format.fixed-width]
discard_lines = 1
records_start_with = ["D"]
columns = [
    { name = "id", start = 2, length = 12 },
    { name = "shop", start = 14, length = 6 },
    { name = "card", start = 20, length = 4 },
    { name = "pence", start = 24, length = 6 },
    { name = "when", start = 30, length = 12 },
    { name = "digits", start = 42, length = 16 },
]
[feed.scheme]
column = "card"
visa = ["VISA"]
[feed.fields]
id = { column = "id" }
till = { mid = "shop" }
amount = { columns = ["pence"], unit = "minor" }
currency = { constant = "EUR" }
last_four = { column = "digits", last = 4 }
time = { columns = ["when"], format = "YYYYMMDDHHmm", zone = "Europe/Berlin" }
"#;
const JSON_LINES: &str = r#"
merchant = "market-hall"
version = "1"
[feed]
transport = "file"
format = "json-lines"
[feed.scheme]
column = "card.name"
amex = ["AMEX"]
[feed.fields]
id = { column = "id" }
till = { mid = "till" }
amount = { columns = ["net"], unit = "major" }
currency = { column = "currency" }
auth_code = { column = "card.code" }
time = { columns = ["at"], format = "iso", zone = "UTC" }
"#;

fn invented(text: &str) -> FileFormat<'static> {
    let definition = Definition::from_toml(text, "invented.toml").expect("a good definition");
    FileFormat::Merchant(Box::leak(Box::new(definition)))
}

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
        Made { name: "json-lines", format: invented(JSON_LINES), header: "", line: json_line },
        Made { name: "fixed-width", format: invented(FIXED_WIDTH), header: "H20240619\n", line: fixed_width },
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

fn json_line(n: u64) -> String {
    format!(
        "{{\"id\":\"J-{n:012}\",\"till\":\"{:08}\",\"card\":{{\"name\":\"AMEX\",\"code\":\"{:06}\"}},\"net\":{}.{:02},\
         \"currency\":\"GBP\",\"at\":\"2024-06-18T13:{:02}:{:02}Z\",\"items\":[1,2,3]}}\n",
        n % 5_003,
        n % 999_983,
        n % 97,
        n % 100,
        n / 60 % 60,
        n % 60
    )
}

fn fixed_width(n: u64) -> String {
    let (shop, pence, minute, last) = (n % 5_003, n % 9_973, n % 60, n % 10_000);
    format!("D{n:012}{shop:06}VISA{pence:06}2024061813{minute:02}450012******{last:04}\n")
}

/// A message of Visa's, each of its own.
#[allow(dead_code, reason = "only files are written to disk")]
pub(crate) fn visa_auth(n: u64) -> String {
    format!(
        "{{\"ExternalUserId\":\"VisTok{:08}\",\"MessageElementsCollection\":[\
         {{\"Key\":\"Transaction.MerchantCardAcceptorId\",\"Value\":\"{:08}\"}},\
         {{\"Key\":\"Transaction.VisaStoreId\",\"Value\":\"\"}},\
         {{\"Key\":\"Transaction.VisaMerchantId\",\"Value\":\"0\"}},\
         {{\"Key\":\"Transaction.TransactionAmount\",\"Value\":\"{}.{:02}\"}},\
         {{\"Key\":\"Transaction.VipTransactionId\",\"Value\":\"V{n:014}\"}},\
         {{\"Key\":\"Transaction.TimeStampYYMMDD\",\"Value\":\"2024-06-18T13:{:02}:07\"}},\
         {{\"Key\":\"Transaction.AuthCode\",\"Value\":\"{:06}\"}}]}}",
        n % 99_991,
        n % 5_003,
        n % 97,
        n % 100,
        n % 60,
        n % 999_983
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
