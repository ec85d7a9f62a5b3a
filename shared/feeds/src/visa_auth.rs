//! `visa-auth` (spec import §7.3). Times without an offset are wall-clock times in a zone that depends on the merchant,
//! which is not known before the identifiers have been looked up.

use crate::{
    json::{self, Object},
    time::{IsoTime, bad_date},
    visa::{Envelope, Keys},
};
use harmonia_domain::{
    feed::PaymentFeed,
    line::{LineTime, PaymentLine},
    outcome::Reject,
};

const KEYS: Keys = Keys::transaction("Transaction.TransactionAmount");
const TIME: &str = "Transaction.TimeStampYYMMDD";

pub(crate) fn line(message: &Object) -> Result<PaymentLine, Reject> {
    let envelope = Envelope::open(message)?;
    envelope.line(PaymentFeed::VisaAuth, &KEYS, || {
        let text = json::text(TIME, envelope.get(TIME))?;
        let IsoTime { wall, offset } = IsoTime::read(TIME, text)?;
        let instant = offset.map(|offset| offset.to_timestamp(wall).map_err(|_| bad_date(TIME, text))).transpose()?;
        Ok(instant.map_or(LineTime::Wall(wall), LineTime::Instant))
    })
}
