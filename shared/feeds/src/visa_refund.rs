//! `visa-refund` (spec import §7.5): as Visa's others with keys of its own, American dates on a GMT clock, and an
//! amount that is never positive.

use crate::{
    json::{self, Object},
    time::{american, bad_date, instant},
    visa::{Envelope, Keys},
};
use harmonia_domain::{
    feed::PaymentFeed,
    line::{LineTime, PaymentLine},
    outcome::Reject,
};
use jiff::tz::TimeZone;

const KEYS: Keys = Keys {
    id: "ReturnTransaction.VipTransactionId",
    primary: "ReturnTransaction.CardAcceptorIdCode",
    secondary: "ReturnTransaction.VisaStoreId",
    psimi: "ReturnTransaction.VisaMerchantId",
    amount: "ReturnTransaction.Amount",
    auth_code: "ReturnTransaction.AuthCode",
};
const TIME: &str = "ReturnTransaction.DateTime";

pub(crate) fn line(message: &Object) -> Result<PaymentLine, Reject> {
    let envelope = Envelope::open(message)?;
    let mut line = envelope.line(PaymentFeed::VisaRefund, &KEYS, || {
        let text = json::text(TIME, envelope.get(TIME))?;
        let at = american(text).and_then(|wall| instant(wall, &TimeZone::UTC));
        at.map(LineTime::Instant).ok_or_else(|| bad_date(TIME, text))
    })?;
    line.amount = line.amount.refund();
    Ok(line)
}
