//! `amex-auth` (spec import §7.1): the provider's id is also the settlement key, the times are fixed −07:00.

use crate::{
    json::{self, Object},
    limits,
    time::{IsoTime, bad_date},
};
use harmonia_domain::{
    feed::PaymentFeed,
    identifier::MidTexts,
    line::{LineTime, PaymentLine},
    money::Currency,
    outcome::Reject,
};
use jiff::tz::Offset;

/// Mountain standard time all year (spec import §3.2).
const MST: Offset = Offset::constant(-7);

pub(crate) fn line(message: &Object) -> Result<PaymentLine, Reject> {
    let text = |field: &str| json::text(field, message.get(field));
    let id = limits::payment_id("transaction_id", text("transaction_id")?)?;
    let mid = limits::mid("merchant_number", text("merchant_number")?)?;
    let time_text = text("transaction_time")?;
    let time = IsoTime::read("transaction_time", time_text)?;
    let at = time.instant(&MST.to_time_zone()).ok_or_else(|| bad_date("transaction_time", time_text))?;
    let approval_code = json::text_or_empty("approval_code", message.get("approval_code"))?;
    Ok(PaymentLine {
        scheme: PaymentFeed::AmexAuth.scheme(),
        kind: PaymentFeed::AmexAuth.kind(),
        settlement_key: id.clone(),
        id,
        mids: MidTexts { primary: mid, secondary: None, psimi: None },
        time: LineTime::Instant(at),
        amount: json::amount("transaction_amount", message.get("transaction_amount"))?,
        currency: Currency::GBP,
        token: limits::token("cm_alias", text("cm_alias")?)?,
        first_six: None,
        last_four: None,
        auth_code: String::new(),
        approval_code: limits::code("approval_code", approval_code)?,
    })
}
