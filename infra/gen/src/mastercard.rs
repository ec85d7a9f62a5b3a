//! Mastercard: authorisations as messages, settlements in fixed-width files (TGX2).

use serde::Serialize;

use crate::amex::{self, Amount, FORMAT};
use crate::clock::Clock;
use crate::lines::{Flaw, Payment};
use crate::visa::variant;

/// Characters of a detail line.
pub(crate) const DETAIL: usize = 770;
/// Characters of the first and the last line.
const FRAME: usize = 850;
/// A line that ends here has an amount but no time.
const CUT: usize = 540;

#[derive(Serialize)]
struct Auth<'a> {
    third_party_id: &'a str,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Amount>,
    currency_code: &'a str,
    payment_card_token: &'a str,
    mid: &'a str,
}

pub(crate) fn auth(payment: &Payment, clock: &Clock) -> String {
    let message = Auth {
        third_party_id: &payment.id,
        time: amex::stamp(payment, || clock.london(payment.when, FORMAT)),
        amount: amex::amount(payment, payment.auth_pence),
        currency_code: "GBP",
        payment_card_token: &payment.card.token,
        mid: &payment.site.mid,
    };
    serde_json::to_string(&message).unwrap_or_default()
}

/// The columns of a detail line.
#[derive(Debug)]
pub(crate) struct Detail<'a> {
    pub(crate) token: &'a str,
    pub(crate) date: &'a str,
    pub(crate) mid: &'a str,
    pub(crate) location_id: &'a str,
    pub(crate) aggregate: &'a str,
    pub(crate) amount: &'a str,
    pub(crate) time: &'a str,
    pub(crate) auth_code: &'a str,
    pub(crate) id: &'a str,
}

impl Detail<'_> {
    /// The columns at their places, blanks between them.
    pub(crate) fn line(&self) -> String {
        let columns = [
            (21, 30, self.token),
            (102, 8, self.date),
            (451, 15, self.mid),
            (500, 12, self.location_id),
            (512, 6, self.aggregate),
            (518, 12, self.amount),
            (563, 4, self.time),
            (567, 6, self.auth_code),
            (761, 9, self.id),
        ];
        let mut line = "D".to_owned();
        for (start, width, text) in columns {
            line = format!("{line:start$}{text:.width$}");
        }
        format!("{line:DETAIL$}")
    }
}

/// A line of a file of settlements or of refunds: the format is one.
pub(crate) fn detail(payment: &Payment, clock: &Clock) -> String {
    let stamp = amex::stamp(payment, || clock.london(payment.when, FORMAT));
    let (date, time) = stamp.split_once(' ').unwrap_or((&stamp, ""));
    let amount = match payment.flaw {
        Some(Flaw::Amount("")) => String::new(),
        Some(Flaw::Amount(wrong)) => format!("{wrong:0>12}"),
        // a refund's sign may be either
        _ if payment.refund_at.is_some() && variant(payment).is_multiple_of(4) => {
            format!("{:012}", -payment.settled_pence)
        }
        _ => format!("{:012}", payment.settled_pence),
    };
    let line = Detail {
        token: &payment.card.token,
        date: &date.replace('-', ""),
        mid: &payment.site.mid,
        location_id: &payment.site.store_id,
        aggregate: &payment.site.aggregate,
        amount: &amount,
        time: &time.replace(':', ""),
        auth_code: &payment.settled_code,
        id: &payment.id,
    }
    .line();
    match payment.flaw {
        Some(Flaw::Short) => line.chars().take(CUT).collect(),
        _ => line,
    }
}

/// First and last line around the details, and among them a record that is none of our business. No line feed at the
/// end.
pub(crate) fn file(details: impl Iterator<Item = String>, made: i64) -> String {
    let stamp = frame_stamp(made);
    let frame = |text: &str| format!("{text:FRAME$}");
    let mut lines: Vec<_> = details.collect();
    lines.insert(lines.len() / 2, frame("A  CONTROL"));
    lines.insert(0, frame(&format!("H{stamp}")));
    lines.push(frame(&format!("T{stamp}")));
    lines.join("\n")
}

/// Fourteen digits look like a card number; the seconds are chosen so that they cannot be one.
fn frame_stamp(made: i64) -> String {
    let stamps = (0..60).map(|second| Clock::utc(made - made % 60 + second, "%Y%m%d%H%M%S"));
    stamps.into_iter().find(|stamp| !luhn(stamp)).unwrap_or_default()
}

/// Do the digits' check sums add up, as a card number's do?
pub(crate) fn luhn(digits: &str) -> bool {
    let weigh = |(place, digit): (usize, u32)| match (place % 2, digit * 2) {
        (0, _) => digit,
        (_, double) if double > 9 => double - 9,
        (_, double) => double,
    };
    let digits = digits.chars().rev().filter_map(|digit| digit.to_digit(10));
    digits.enumerate().map(weigh).sum::<u32>().is_multiple_of(10)
}
