//! Just enough of each format to read the generator's own good lines back.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;

use crate::{Day, Drop, DropKind};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PaymentLine {
    pub(crate) feed: String,
    pub(crate) scheme: String,
    pub(crate) id: String,
    /// Kind and text of each identifier.
    pub(crate) identifiers: Vec<(&'static str, String)>,
    pub(crate) pence: i64,
    pub(crate) code: String,
    pub(crate) token: String,
    pub(crate) when: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SaleRow {
    pub(crate) merchant: String,
    pub(crate) scheme: String,
    pub(crate) id: String,
    pub(crate) mid: String,
    pub(crate) pence: i64,
    pub(crate) currency: String,
    pub(crate) code: String,
    pub(crate) digits: String,
    pub(crate) when: i64,
}

/// Pounds with up to two places; anything else is bad.
fn pence(text: &str) -> Option<i64> {
    let (pounds, pence) = text.split_once('.').unwrap_or((text, "00"));
    let fits = text.chars().all(|letter| letter.is_ascii_digit() || letter == '.') && (1..=2).contains(&pence.len());
    fits.then(|| Some(pounds.parse::<i64>().ok()? * 100 + format!("{pence:0<2}").parse::<i64>().ok()?)).flatten()
}

fn zoned(text: &str, zone: &TimeZone) -> Option<i64> {
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Some(stamp.as_second());
    }
    let local: DateTime = text.parse().ok()?;
    Some(local.to_zoned(zone.clone()).ok()?.timestamp().as_second())
}

fn london() -> TimeZone {
    TimeZone::get("Europe/London").unwrap()
}

/// `None` for a bad line.
fn message(drop: &Drop) -> Option<PaymentLine> {
    let value: Value = serde_json::from_slice(&drop.bytes).unwrap();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let field = |name: &str| value.get(name).map(text);
    let line = |id, identifiers, amount: Option<String>, code, token, stamp: Option<String>, zone: &TimeZone| {
        Some(PaymentLine {
            feed: drop.feed.clone(),
            scheme: drop.feed.split('-').next()?.to_owned(),
            id,
            identifiers,
            pence: pence(&amount?)?,
            code,
            token,
            when: zoned(&stamp?, zone)?,
        })
    };
    match drop.feed.as_str() {
        "amex-auth" => {
            let mids = vec![("PRIMARY", field("merchant_number")?)];
            let zone = TimeZone::fixed(Offset::constant(-7));
            let (amount, stamp) = (field("transaction_amount"), field("transaction_time"));
            line(field("transaction_id")?, mids, amount, String::new(), field("cm_alias")?, stamp, &zone)
        }
        "amex-settlement" => {
            let mids = vec![("PRIMARY", field("merchantNumber")?)];
            let (amount, stamp) = (field("transactionAmount"), field("transactionDate"));
            line(field("transactionId")?, mids, amount, String::new(), field("cardToken")?, stamp, &london())
        }
        "mastercard-auth" => {
            let stamp = field("time")?;
            let id = format!("{}_{}", field("third_party_id")?, stamp.get(..10)?.replace('-', ""));
            let mids = vec![("PRIMARY", field("mid")?)];
            line(id, mids, field("amount"), String::new(), field("payment_card_token")?, Some(stamp), &london())
        }
        feed => {
            let elements = value.get("MessageElementsCollection")?.as_array()?;
            let element = |key: &str| {
                let key = format!("Transaction.{key}");
                elements.iter().find(|element| element["Key"] == key.as_str()).map(|element| text(&element["Value"]))
            };
            let (amount, stamp) = match feed {
                "visa-auth" => ("TransactionAmount", "TimeStampYYMMDD"),
                _ => ("SettlementAmount", "MerchantDateTimeGMT"),
            };
            let kinds =
                [("PRIMARY", "MerchantCardAcceptorId"), ("SECONDARY", "VisaStoreId"), ("PSIMI", "VisaMerchantId")];
            let mids = kinds.into_iter().map(|(kind, key)| (kind, element(key).unwrap())).collect();
            let code = element("AuthCode").unwrap_or_default();
            let (amount, stamp) = (element(amount), element(stamp));
            line(element("VipTransactionId")?, mids, amount, code, field("ExternalUserId")?, stamp, &TimeZone::UTC)
        }
    }
}

/// Each detail line of the day's fixed-width file, `None` for a bad one.
fn details(text: &str) -> Vec<Option<PaymentLine>> {
    let column =
        |line: &str, start: usize, len: usize| line.chars().skip(start).take(len).collect::<String>().trim().to_owned();
    let detail = |line: &str| {
        let (date, time) = (column(line, 102, 8), column(line, 563, 4));
        let stamp = DateTime::strptime("%Y%m%d %H%M", format!("{date} {time}")).ok()?;
        Some(PaymentLine {
            feed: "mastercard-settled".to_owned(),
            scheme: "mastercard".to_owned(),
            id: format!("{}_{date}", column(line, 761, 9)),
            identifiers: vec![("PRIMARY", column(line, 451, 15))],
            pence: column(line, 518, 12).parse().ok()?,
            code: column(line, 567, 6),
            token: column(line, 21, 30),
            when: stamp.to_zoned(london()).ok()?.timestamp().as_second(),
        })
    };
    text.lines().skip(1).filter(|line| line.starts_with('D')).map(detail).collect()
}

/// Each row of a merchant's file by the names of its columns. Only bad amounts are quoted.
fn rows(text: &str) -> Vec<BTreeMap<&str, String>> {
    let mut lines = text.lines().filter(|line| !line.is_empty());
    let header: Vec<_> = lines.next().unwrap().split(',').collect();
    let cells = |line: &str| line.replace("\"1,234.50\"", "1;234.50").split(',').map(ToOwned::to_owned).collect();
    lines.map(|line| header.iter().copied().zip::<Vec<String>>(cells(line)).collect()).collect()
}

/// The row, `None` for a filtered or bad one.
fn sale(merchant: &str, row: &BTreeMap<&str, String>) -> Option<SaleRow> {
    let cell = |name: &str| row.get(name).cloned();
    let (label, code, stamp, mid, id, amount, digits, currency) = if merchant == "wasabi-club" {
        let date = DateTime::strptime("%d/%m/%Y %H:%M:%S", format!("{} {}", cell("Date")?, cell("Time")?)).ok()?;
        let card = cell("Card Number")?.replace('*', "");
        let (mid, id) = (cell("EFT Merchant No_")?, cell("Receipt No_")?);
        (cell("Card Type Name")?, cell("Auth_code")?, date, mid, id, cell("Amount")?, card, "GBP".to_owned())
    } else {
        let date = DateTime::strptime("%Y-%m-%d %H:%M:%S", cell("TransactionTimestamp")?).ok()?;
        let card = cell("TransactionCardFirst6")? + &cell("TransactionCardLast4")?;
        let (mid, id) = (cell("TransactionStore_Id")?, cell("TransactionId")?);
        let (amount, unit) = (cell("TransactionAmountValue")?, cell("TransactionAmountUnit")?);
        (cell("TransactionCardScheme")?, cell("TransactionAuthCode")?, date, mid, id, amount, card, unit)
    };
    let scheme = scheme(merchant, &label)?;
    if code.eq_ignore_ascii_case("decline") || id == "\0" {
        return None;
    }
    let when = stamp.to_zoned(london()).ok()?.timestamp().as_second();
    let (merchant, scheme, pence) = (merchant.to_owned(), scheme.to_owned(), pence(&amount)?);
    Some(SaleRow { merchant, scheme, id, mid, pence, currency, code, digits, when })
}

/// The tables of §7.10 and §7.15.
fn scheme(merchant: &str, label: &str) -> Option<&'static str> {
    Some(match (merchant, label) {
        ("iceland-bonus-card", "Amex") | ("wasabi-club", "American Express") => "amex",
        (_, "Visa" | "Visa Debit")
        | ("iceland-bonus-card", "Electron" | "Visa CPC")
        | ("wasabi-club", "Visa (Purchasing Card)" | "Visa (Enhanced Management Info") => "visa",
        (_, "Maestro")
        | (
            "iceland-bonus-card",
            "MasterCard/MasterCard One" | "EDC/Maestro (INT) / Laser" | "MasterCard Debit" | "Mastercard One",
        )
        | ("wasabi-club", "Mastercard" | "Debit Mastercard" | "Compliments Card") => "mastercard",
        _ => return None,
    })
}

/// Every payment line of the day, bad ones as `None`, with its feed.
pub(crate) fn payment_lines(day: &Day) -> Vec<(String, Option<PaymentLine>)> {
    let of = |drop: &Drop| match (drop.kind, drop.feed.as_str()) {
        (DropKind::Message, _) => vec![message(drop)],
        (DropKind::File, "mastercard-settled") => details(std::str::from_utf8(&drop.bytes).unwrap()),
        (DropKind::File, _) => Vec::new(),
    };
    day.drops.iter().flat_map(|drop| of(drop).into_iter().map(|line| (drop.feed.clone(), line))).collect()
}

/// Every row of the merchants' files, filtered and bad ones as `None`, with its feed.
pub(crate) fn sale_rows(day: &Day) -> Vec<(String, Option<SaleRow>)> {
    let mut all = Vec::new();
    for drop in day.drops.iter().filter(|drop| drop.kind == DropKind::File && drop.feed != "mastercard-settled") {
        for row in rows(std::str::from_utf8(&drop.bytes).unwrap()) {
            all.push((drop.feed.clone(), sale(&drop.feed, &row)));
        }
    }
    all
}
