//! `mastercard-auth` (spec import §7.6).

use crate::{
    json::{self, Object},
    limits,
    mastercard::{content_hash, derived_id, settlement_key},
    time::{IsoTime, bad_date, london},
};
use harmonia_domain::{
    feed::PaymentFeed,
    identifier::MidTexts,
    line::{LineTime, PaymentLine},
    outcome::Reject,
};

pub(crate) fn line(message: &Object, bytes: &[u8]) -> Result<PaymentLine, Reject> {
    let get = |field: &str| message.get(field);
    let mid = limits::mid("mid", json::text("mid", get("mid"))?)?;
    let third_party_id = json::text_or_empty("third_party_id", get("third_party_id"))?;
    let time_text = json::text("time", get("time"))?;
    let time = IsoTime::read("time", time_text)?;
    let instant = time.instant(&london()?).ok_or_else(|| bad_date("time", time_text))?;
    let token = limits::token("payment_card_token", json::text("payment_card_token", get("payment_card_token"))?)?;
    let (id, key_id) = if third_party_id.is_empty() {
        let id = derived_id(&content_hash(bytes), 0);
        (id.clone(), id)
    } else {
        (format!("{third_party_id}_{}", compact_date(time_text)), third_party_id.to_owned())
    };
    Ok(PaymentLine {
        scheme: PaymentFeed::MastercardAuth.scheme(),
        kind: PaymentFeed::MastercardAuth.kind(),
        id: limits::id("third_party_id", &id)?,
        settlement_key: settlement_key(&key_id, time.wall.date(), &mid, &token),
        mids: MidTexts { primary: mid, secondary: None, psimi: None },
        time: LineTime::Instant(instant),
        amount: json::amount("amount", get("amount"))?,
        currency: limits::currency("currency_code", json::text("currency_code", get("currency_code"))?)?,
        token,
        first_six: None,
        last_four: None,
        auth_code: String::new(),
        approval_code: String::new(),
    })
}

/// The date in the id: the first ten characters of the text without hyphens, whatever they are.
fn compact_date(time_text: &str) -> String {
    time_text.chars().take(10).filter(|c| *c != '-').collect()
}
