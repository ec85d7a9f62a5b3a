//! `mastercard-settled` and `mastercard-refund`, TGX2 (spec import §7.7, §7.8): fixed columns counted in characters.
//! The first line is always discarded; of the others only those that start with `D` are records. The format's trailer
//! carries no count, so there is nothing to hold the records against.

use crate::{
    Record, fixed,
    frames::Frame,
    limits,
    mastercard::{Content, content_hash, derived_id, settlement_key},
    time::{bad_date, by_format, instant, london},
};
use harmonia_definitions::TimeFormat;
use harmonia_domain::{
    feed::{Kind, PaymentFeed},
    identifier::MidTexts,
    line::{LineTime, PaymentLine},
    money::{Currency, MinorUnits},
    outcome::{Reject, ValueClass},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

const DETAIL: char = 'D';

/// A column: its name, where it starts (from 0) and how long it is, in characters.
struct Column(&'static str, usize, usize);

const TOKEN: Column = Column("token", 21, 30);
const DATE: Column = Column("date", 102, 8);
const MID: Column = Column("mid", 451, 15);
const LOCATION_ID: Column = Column("location_id", 500, 12);
const AGGREGATE_MERCHANT_ID: Column = Column("aggregate_merchant_id", 512, 6);
const AMOUNT: Column = Column("amount", 518, 12);
const TIME: Column = Column("time", 563, 4);
const AUTH_CODE: Column = Column("auth_code", 567, 6);
const TRANSACTION_ID: Column = Column("transaction_id", 761, 9);

impl Column {
    /// The column's text without blanks around it; shorter or empty if the line is short.
    fn of<'a>(&self, line: &'a str) -> &'a str {
        fixed::column(line, self.1, self.2)
    }
}

/// Reads the lines of a file.
pub(crate) struct Reader {
    feed: PaymentFeed,
    zone: Result<TimeZone, Reject>,
    format: Option<TimeFormat>,
}

impl Reader {
    pub(crate) fn new(feed: PaymentFeed) -> Self {
        Self { feed, zone: london(), format: "YYYYMMDD HHmm".parse().ok() }
    }

    /// A line of the file, if it is a record. `position` counts equal lines without an id (D6).
    pub(crate) fn record(&self, frame: &Frame<'_>, position: impl FnOnce(Content) -> u64) -> Option<Record> {
        if frame.line == 1 || !frame.text.starts_with(DETAIL) {
            return None;
        }
        Some(frame.whole.map_or_else(
            |endless| Record::Rejected(endless.reject(|_| None)),
            |()| self.payment(frame.text, position).into(),
        ))
    }

    fn payment(&self, line: &str, position: impl FnOnce(Content) -> u64) -> Result<PaymentLine, Reject> {
        let (date, at) = self.time(line)?;
        let amount = AMOUNT.of(line);
        let amount = limits::amount(AMOUNT.0, MinorUnits::from_minor_text(amount), ValueClass::of(amount))?;
        // D3: a refund is never positive
        let amount = if self.feed.kind() == Kind::Refund { amount.refund() } else { amount };
        let token = limits::token(TOKEN.0, TOKEN.of(line))?;
        let mid = MID.of(line).to_owned();
        let (id, key_id) = match TRANSACTION_ID.of(line) {
            "" => {
                // lines are counted by content, so that equal lines of a file stay different purchases and the same
                // file again brings the same ids
                let content = content_hash(line.as_bytes());
                let id = derived_id(&content, position(Content::of(&content)));
                (id.clone(), id)
            }
            given => (format!("{given}_{}", DATE.of(line)), given.to_owned()),
        };
        Ok(PaymentLine {
            scheme: self.feed.scheme(),
            kind: self.feed.kind(),
            id,
            settlement_key: settlement_key(&key_id, date, &mid, &token),
            mids: MidTexts {
                primary: mid,
                secondary: limits::optional_mid(LOCATION_ID.0, LOCATION_ID.of(line))?,
                psimi: limits::optional_mid(AGGREGATE_MERCHANT_ID.0, AGGREGATE_MERCHANT_ID.of(line))?,
            },
            time: LineTime::Instant(at),
            amount,
            currency: Currency::GBP,
            token,
            first_six: None,
            last_four: None,
            auth_code: AUTH_CODE.of(line).to_owned(),
            approval_code: String::new(),
        })
    }

    fn time(&self, line: &str) -> Result<(Date, Timestamp), Reject> {
        let text = format!("{} {}", DATE.of(line), TIME.of(line));
        let zone = self.zone.as_ref().map_err(Clone::clone)?;
        let wall = self.format.as_ref().and_then(|format| by_format(format, &text));
        let at = wall.and_then(|wall| Some((wall.date(), instant(wall, zone)?)));
        at.ok_or_else(|| bad_date(DATE.0, &text))
    }
}

#[cfg(test)]
mod tests;
