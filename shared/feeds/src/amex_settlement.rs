//! `amex-settlement` (spec import §7.2): as the auth, with London times and the card's digits.

use crate::{
    json::{self, Object},
    limits,
    time::{IsoTime, bad_date, london},
};
use harmonia_domain::{
    feed::PaymentFeed,
    identifier::MidTexts,
    line::{LineTime, PaymentLine},
    money::Currency,
    outcome::{Reject, RejectReason},
};

/// What stands between the first six and the last four digits of a masked card number.
const MASK: &str = "XXXXX";

pub(crate) fn line(message: &Object) -> Result<PaymentLine, Reject> {
    let text = |field: &str| json::text(field, message.get(field));
    let id = limits::payment_id("transactionId", text("transactionId")?)?;
    let mid = limits::mid("merchantNumber", text("merchantNumber")?)?;
    let time_text = text("transactionDate")?;
    let time = IsoTime::read("transactionDate", time_text)?;
    let at = time.instant(&london()?).ok_or_else(|| bad_date("transactionDate", time_text))?;
    let amount = json::amount("transactionAmount", message.get("transactionAmount"))?;
    let (first_six, last_four) = digits(json::text_or_null("dpan", message.get("dpan"))?)?.unzip();
    let approval_code = json::text_or_empty("approvalCode", message.get("approvalCode"))?;
    Ok(PaymentLine {
        scheme: PaymentFeed::AmexSettlement.scheme(),
        kind: PaymentFeed::AmexSettlement.kind(),
        settlement_key: id.clone(),
        id,
        mids: MidTexts { primary: mid, secondary: None, psimi: None },
        time: LineTime::Instant(at),
        amount,
        currency: Currency::GBP,
        token: limits::token("cardToken", text("cardToken")?)?,
        first_six,
        last_four,
        auth_code: String::new(),
        approval_code: limits::code("approvalCode", approval_code)?,
    })
}

/// First six and last four digits of a masked card number; nothing of an empty one. Anything else may be a whole card
/// number and goes no further; so does the original's quirk of six X (Q30), which gave five last characters.
fn digits(dpan: &str) -> Result<Option<(String, String)>, Reject> {
    if dpan.is_empty() {
        return Ok(None);
    }
    let mut parts = dpan.split(MASK);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(first), Some(last), None) => {
            Ok(Some((limits::first_six("dpan", first)?, limits::last_four("dpan", last)?)))
        }
        _ => Err(Reject::value("dpan", RejectReason::BadCardDigits, dpan)),
    }
}
