//! The merchants' CSV files.

use crate::clock::Clock;
use crate::lines::{Flaw, Sale};
use crate::visa::pounds;
use crate::world::Merchant;

const ICELAND: &str = "TransactionCardFirst6,TransactionCardLast4,TransactionCardExpiry,TransactionCardSchemeId,\
TransactionCardScheme,TransactionStore_Id,TransactionTimestamp,TransactionAmountValue,TransactionAmountUnit,\
TransactionCashbackValue,TransactionCashbackUnit,TransactionId,TransactionAuthCode";
const WASABI: &str = "Store No_,Entry No_,Transaction No_,Tender Type,Amount,Card Number,Card Type Name,Auth_code,\
Authorisation Ok,Date,Time,EFT Merchant No_,Receipt No_";

/// A file of rows, one of which is followed by an empty line.
pub(crate) fn file(merchant: Merchant, rows: impl Iterator<Item = String>) -> String {
    let (header, end) = match merchant {
        Merchant::Iceland => (ICELAND, "\n"),
        Merchant::Wasabi => (WASABI, "\r\n"),
    };
    let mut text = format!("{header}{end}");
    for (n, row) in rows.enumerate() {
        text.push_str(&row);
        text.push_str(end);
        if n == 4 {
            text.push_str(end);
        }
    }
    text
}

pub(crate) fn row(sale: &Sale, clock: &Clock) -> String {
    let amount = match sale.flaw {
        Some(Flaw::Amount(wrong)) if wrong.contains(',') => format!("\"{wrong}\""),
        Some(Flaw::Amount(wrong)) => wrong.to_owned(),
        _ => pounds(sale.pence),
    };
    let stamp = match sale.flaw {
        Some(Flaw::Date(wrong)) => wrong.to_owned(),
        _ => clock.london(sale.when, "%Y-%m-%d %H:%M:%S"),
    };
    let cells = match sale.merchant {
        Merchant::Iceland => iceland(sale, amount, stamp),
        Merchant::Wasabi => wasabi(sale, amount, &stamp),
    };
    // A short row keeps its card type, else the filters would drop it, and loses amount or date.
    let kept = match (sale.flaw, sale.merchant) {
        (Some(Flaw::Short), Merchant::Iceland) => 6,
        (Some(Flaw::Short), Merchant::Wasabi) => 8,
        _ => cells.len(),
    };
    cells.into_iter().take(kept).collect::<Vec<_>>().join(",")
}

fn iceland(sale: &Sale, amount: String, stamp: String) -> Vec<String> {
    let scheme_id = match sale.label {
        "Amex" | "Amex " => "1",
        "MasterCard/MasterCard One" | "MasterCard Debit" | "Mastercard One" => "3",
        _ => "2",
    };
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let mut cells = texts(&[&sale.first_six, &sale.last_four, "01/30", scheme_id, sale.label, &sale.mid]);
    cells.extend([stamp, amount]);
    cells.extend(texts(&[sale.currency, ".00", "GBP", &sale.id, &sale.auth_code]));
    cells
}

fn wasabi(sale: &Sale, amount: String, stamp: &str) -> Vec<String> {
    let (date, time) = stamp.split_once(' ').unwrap_or((stamp, ""));
    let date = date.split('-').rev().collect::<Vec<_>>().join("/");
    let card = format!("{}******{}", sale.first_six, sale.last_four);
    let number = format!("{:07}", sale.when % 10_000_000);
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let mut cells = texts(&[&sale.store, "16277", &number, "3"]);
    cells.extend([amount, card]);
    cells.extend(texts(&[sale.label, &sale.auth_code, "1", &date, time, &sale.mid, &sale.id]));
    cells
}
