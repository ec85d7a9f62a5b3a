//! The day's times: instants are seconds since 1970, formats put them into a partner's zone.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

use crate::merchants::{By, Merchant};

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 3_600;

/// One delivery window of a feed of files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// Purchases before this instant are in the file.
    pub(crate) until: i64,
    /// When the file is delivered.
    pub(crate) at: i64,
}

/// The day in London and the partners' timetables.
#[derive(Debug)]
pub(crate) struct Clock {
    london: TimeZone,
    midnight: i64,
}

impl Clock {
    pub(crate) fn new(day: Date) -> Self {
        // The zone data is compiled in, so the name is always known.
        let london = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
        let midnight = day.to_zoned(london.clone()).map_or(0, |start| start.timestamp().as_second());
        Self { london, midnight }
    }

    /// The instant so many seconds after London's midnight.
    pub(crate) fn at(&self, second: i64) -> i64 {
        self.midnight + second
    }

    pub(crate) fn timestamp(instant: i64) -> Timestamp {
        Timestamp::from_second(instant).unwrap_or_default()
    }

    pub(crate) fn london(&self, instant: i64, format: &str) -> String {
        Self::timestamp(instant).to_zoned(self.london.clone()).strftime(format).to_string()
    }

    pub(crate) fn utc(instant: i64, format: &str) -> String {
        Self::timestamp(instant).to_zoned(TimeZone::UTC).strftime(format).to_string()
    }

    /// Amex authorisations carry Mountain Standard Time, all year.
    pub(crate) fn mountain(instant: i64, format: &str) -> String {
        let zone = TimeZone::fixed(Offset::constant(-7));
        Self::timestamp(instant).to_zoned(zone).strftime(format).to_string()
    }

    /// A merchant's files of the day, none if its sales come one by one.
    pub(crate) fn merchant_slots(&self, merchant: &Merchant) -> Vec<Slot> {
        let windows = match merchant.till.as_ref().map(|till| &till.by) {
            Some(By::File { windows, .. }) => *windows,
            Some(By::Message) | None => &[],
        };
        windows.iter().map(|&(until, delay)| self.slot(until, delay)).collect()
    }

    /// Mastercard's settlement files of the day.
    pub(crate) fn settlement_slots(&self) -> Vec<Slot> {
        let windows = [(690, 12), (870, 18), (1_050, 10), (1_230, 16), (1_380, 14)];
        windows.into_iter().map(|(until, delay)| self.slot(until, delay)).collect()
    }

    /// Mastercard's refund files of the day.
    pub(crate) fn refund_slots(&self) -> Vec<Slot> {
        [(900, 15), (1_290, 13)].into_iter().map(|(until, delay)| self.slot(until, delay)).collect()
    }

    fn slot(&self, until: i64, delay: i64) -> Slot {
        let until = self.at(until * MINUTE);
        Slot { until, at: until + delay * MINUTE }
    }
}

/// The first window that takes a purchase of `when` and is delivered after `not_before`, else the last one.
pub(crate) fn slot_of(slots: &[Slot], when: i64, not_before: i64) -> usize {
    let fits = |slot: &Slot| slot.until > when && slot.at > not_before;
    slots.iter().position(fits).unwrap_or(slots.len().saturating_sub(1))
}
