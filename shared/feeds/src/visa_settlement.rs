//! `visa-settlement` (spec import §7.4): the times are GMT for every merchant.

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
use jiff::tz::TimeZone;

const KEYS: Keys = Keys::transaction("Transaction.SettlementAmount");
const TIME: &str = "Transaction.MerchantDateTimeGMT";

pub(crate) fn line(message: &Object) -> Result<PaymentLine, Reject> {
    let envelope = Envelope::open(message)?;
    envelope.line(PaymentFeed::VisaSettlement, &KEYS, || {
        let text = json::text(TIME, envelope.get(TIME))?;
        let instant = IsoTime::read(TIME, text)?.instant(&TimeZone::UTC);
        instant.map(LineTime::Instant).ok_or_else(|| bad_date(TIME, text))
    })
}
