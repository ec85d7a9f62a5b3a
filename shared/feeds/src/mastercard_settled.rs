//! `mastercard-settled` and `mastercard-refund`, TGX2 (spec import §7.7, §7.8): fixed columns counted in characters.
//! The first line is always discarded; of the others only those that start with `D` are records. The format's trailer
//! carries no count, so there is nothing to hold the records against.

use crate::{
    Numbered, Record, fixed, limits,
    mastercard::{content_hash, derived_id, settlement_key},
    time::{bad_date, by_format, instant, london},
};
use harmonia_definitions::TimeFormat;
use harmonia_domain::{
    feed::{Kind, PaymentFeed},
    identifier::MidTexts,
    line::{LineTime, PaymentLine},
    money::{Currency, MinorUnits},
    outcome::{Reject, RejectReason, ValueClass},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::collections::HashMap;

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

/// The records of a file.
pub(crate) fn read(feed: PaymentFeed, text: &str) -> impl Iterator<Item = Numbered> + Send + '_ {
    let mut reader = Reader::new(feed);
    let mut offset = 0_u64;
    let placed = (1_u64..).zip(text.split('\n')).map(move |(line, content)| {
        let start = offset;
        offset += u64::try_from(content.len()).unwrap_or(u64::MAX) + 1;
        (line, start, content)
    });
    placed.skip(1).filter(|(_, _, content)| content.starts_with(DETAIL)).map(move |(line, offset, content)| Numbered {
        line,
        offset,
        record: reader.record(content),
    })
}

/// What is kept from line to line.
struct Reader {
    feed: PaymentFeed,
    zone: Result<TimeZone, Reject>,
    format: Option<TimeFormat>,
    /// How many lines without an id had this content so far (D6).
    nameless: HashMap<String, u64>,
}

impl Reader {
    fn new(feed: PaymentFeed) -> Self {
        Self { feed, zone: london(), format: "YYYYMMDD HHmm".parse().ok(), nameless: HashMap::new() }
    }

    fn record(&mut self, line: &str) -> Record {
        if line.len() > limits::LINE_BYTES_MAX {
            let field = "line".to_owned();
            return Record::Rejected(Reject { field, reason: RejectReason::TooLong, class: ValueClass::Long });
        }
        self.payment(line).into()
    }

    fn payment(&mut self, line: &str) -> Result<PaymentLine, Reject> {
        let (date, at) = self.time(line)?;
        let amount = AMOUNT.of(line);
        let amount = limits::amount(AMOUNT.0, MinorUnits::from_minor_text(amount), ValueClass::of(amount))?;
        // D3: a refund is never positive
        let amount = if self.feed.kind() == Kind::Refund { amount.refund() } else { amount };
        let token = limits::token(TOKEN.0, TOKEN.of(line))?;
        let mid = MID.of(line).to_owned();
        let (id, key_id) = match TRANSACTION_ID.of(line) {
            "" => {
                let id = self.derived_id(line);
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

    /// D6. Lines are counted by content, so that equal lines of a file stay different purchases and the same file
    /// again brings the same ids.
    fn derived_id(&mut self, line: &str) -> String {
        let content = content_hash(line.as_bytes());
        let seen = self.nameless.entry(content.clone()).or_insert(0);
        let id = derived_id(&content, *seen);
        *seen += 1;
        id
    }
}

#[cfg(test)]
mod tests;
