//! Dates and times (spec import §3.2): the ISO-like reader, the reader by format, and what a wall clock means.

use harmonia_definitions::{TimeFormat, TimePart};
use harmonia_domain::outcome::{Reject, RejectReason, ValueClass};
use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::{Offset, TimeZone, TimeZoneDatabase},
};

/// The instant of a wall-clock time in a zone. Ambiguous autumn times are the second ones, spring times that do not
/// exist move forward by the gap (D16).
pub(crate) fn instant(wall: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(wall).later().ok()
}

/// A zone of the time zone database that is built in.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// Where most feeds' clocks stand. That the zone is missing cannot be a line's fault.
pub(crate) fn london() -> Result<TimeZone, Reject> {
    let (reason, class) = (RejectReason::Internal, ValueClass::Absent);
    zone("Europe/London").ok_or_else(|| Reject { field: "time zone".to_owned(), reason, class })
}

/// The instant of a wall-clock time in a named zone (D16): for lines whose zone depends on their merchant (visa-auth).
/// `None`: no such zone, or beyond the calendar.
pub fn wall_in_zone(wall: DateTime, zone_name: &str) -> Option<Timestamp> {
    instant(wall, &zone(zone_name)?)
}

/// A time as its text says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IsoTime {
    /// The wall clock.
    pub(crate) wall: DateTime,
    /// Said with it; wins over any default.
    pub(crate) offset: Option<Offset>,
}

impl IsoTime {
    /// Reads a field by spec import §3.2 (a).
    pub(crate) fn read(field: &str, text: &str) -> Result<Self, Reject> {
        iso(text).ok_or_else(|| bad_date(field, text))
    }

    /// The instant, in `zone` unless the text has an offset.
    pub(crate) fn instant(self, zone: &TimeZone) -> Option<Timestamp> {
        match self.offset {
            Some(offset) => offset.to_timestamp(self.wall).ok(),
            None => instant(self.wall, zone),
        }
    }
}

/// A field that is no time.
pub(crate) fn bad_date(field: &str, text: &str) -> Reject {
    Reject::value(field, RejectReason::BadDate, text)
}

/// What is left to read.
struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    fn eat(&mut self, wanted: char) -> Option<()> {
        self.0 = self.0.strip_prefix(wanted)?;
        Some(())
    }

    fn eat_any(&mut self, wanted: &[char]) -> Option<()> {
        self.0 = self.0.strip_prefix(wanted)?;
        Some(())
    }

    fn digits_ahead(&self) -> usize {
        self.0.bytes().take_while(u8::is_ascii_digit).count()
    }

    /// A number of at least one and at most `max` digits, leaving `reserve` digits of the same run.
    fn number<N: std::str::FromStr>(&mut self, max: usize, reserve: usize) -> Option<N> {
        let width = self.digits_ahead().checked_sub(reserve)?.min(max);
        let (head, tail) = self.0.split_at_checked(width)?;
        self.0 = tail;
        head.parse().ok()
    }

    /// A number of exactly `width` digits.
    fn exactly<N: std::str::FromStr>(&mut self, width: usize) -> Option<N> {
        if self.digits_ahead() < width { None } else { self.number(width, 0) }
    }
}

/// `YYYY-MM-DD` or `YYYYMMDD`, then perhaps `T` or a blank and a time, then perhaps an offset.
fn iso(text: &str) -> Option<IsoTime> {
    let mut rest = Cursor(text);
    let year: i16 = rest.exactly(4)?;
    let extended = rest.eat('-').is_some();
    let month = rest.exactly(2)?;
    if extended {
        rest.eat('-')?;
    }
    let date = date(year, month, rest.exactly(2)?)?;
    if rest.0.is_empty() {
        return Some(IsoTime { wall: date.to_datetime(Time::midnight()), offset: None });
    }
    rest.eat_any(&['T', ' '])?;
    let wall = date.to_datetime(time(&mut rest)?);
    let offset = if rest.0.is_empty() { None } else { Some(offset(&mut rest)?) };
    rest.0.is_empty().then_some(IsoTime { wall, offset })
}

/// `HH[:MM[:SS[(.|,)f]]]` with one or two digits each, or `HHMM[SS[(.|,)f]]`.
fn time(rest: &mut Cursor<'_>) -> Option<Time> {
    let compact = rest.digits_ahead() > 2;
    let next = |rest: &mut Cursor<'_>| -> Option<Option<i8>> {
        if compact {
            return if rest.digits_ahead() == 0 { Some(None) } else { rest.exactly(2).map(Some) };
        }
        rest.eat(':').map_or(Some(None), |()| rest.number(2, 0).map(Some))
    };
    let hour = rest.number(2, 0)?;
    let minute = next(rest)?;
    let second = if minute.is_some() { next(rest)? } else { None };
    let nanosecond = if second.is_some() { fraction(rest)? } else { 0 };
    Time::new(hour, minute.unwrap_or(0), second.unwrap_or(0), nanosecond).ok()
}

/// Up to nine digits, cut to microseconds as the original does, in nanoseconds.
fn fraction(rest: &mut Cursor<'_>) -> Option<i32> {
    if rest.eat_any(&['.', ',']).is_none() {
        return Some(0);
    }
    let digits = rest.digits_ahead();
    let (text, tail) = rest.0.split_at_checked(digits).filter(|_| (1..=9).contains(&digits))?;
    rest.0 = tail;
    let micros: i32 = text.chars().chain("000000".chars()).take(6).collect::<String>().parse().ok()?;
    Some(micros * 1000)
}

/// `Z`, `±HH`, `±HHMM` or `±HH:MM`.
fn offset(rest: &mut Cursor<'_>) -> Option<Offset> {
    if rest.eat('Z').is_some() {
        return Some(Offset::UTC);
    }
    let negative = rest.eat('-').is_some();
    if !negative {
        rest.eat('+')?;
    }
    let hours: i32 = rest.exactly(2)?;
    let colon = rest.eat(':').is_some();
    let minutes: i32 = if colon || !rest.0.is_empty() { rest.exactly(2)? } else { 0 };
    let seconds = (hours * 60 + minutes) * 60;
    let sane = hours < 24 && minutes < 60;
    sane.then(|| Offset::from_seconds(if negative { -seconds } else { seconds }).ok())?
}

/// A date of the calendar that the original knows: years 1 to 9999.
fn date(year: i16, month: i8, day: i8) -> Option<Date> {
    Date::new(year, month, day).ok().filter(|_| year > 0)
}

/// Reads a wall-clock time by a format, as a whole (spec import §3.2 b): two-digit parts may have one digit, the year
/// one to four; parts that touch take as many digits as leave one for each of the next.
pub(crate) fn by_format(format: &TimeFormat, text: &str) -> Option<DateTime> {
    let mut rest = Cursor(text);
    let (mut year, mut month, mut day) = (0_i16, 0_i8, 0_i8);
    let (mut hour, mut minute, mut second) = (0_i8, 0_i8, 0_i8);
    let mut parts = format.parts().iter();
    while let Some(part) = parts.next() {
        let touching = parts.clone().take_while(|next| !matches!(next, TimePart::Literal(_))).count();
        match part {
            TimePart::Literal(wanted) => rest.eat(*wanted)?,
            TimePart::Year => year = rest.number(4, touching)?,
            TimePart::Month => month = rest.number(2, touching)?,
            TimePart::Day => day = rest.number(2, touching)?,
            TimePart::Hour => hour = rest.number(2, touching)?,
            TimePart::Minute => minute = rest.number(2, touching)?,
            TimePart::Second => second = rest.number(2, touching)?,
        }
    }
    let time = Time::new(hour, minute, second, 0).ok()?;
    let date = date(year, month, day)?;
    rest.0.is_empty().then(|| date.to_datetime(time))
}

/// `M/D/YYYY h:m:s AM|PM` (spec import §7.5): month first, twelve hours, the half of the day in capitals.
pub(crate) fn american(text: &str) -> Option<DateTime> {
    let mut rest = Cursor(text);
    let month = rest.number(2, 0)?;
    rest.eat('/')?;
    let day = rest.number(2, 0)?;
    rest.eat('/')?;
    let year = rest.number(4, 0)?;
    rest.eat(' ')?;
    let hour: i8 = rest.number(2, 0)?;
    rest.eat(':')?;
    let minute = rest.number(2, 0)?;
    rest.eat(':')?;
    let second = rest.number(2, 0)?;
    let noon = match rest.0 {
        " AM" => 0,
        " PM" => 12,
        _ => return None,
    };
    let hour = if (1..=12).contains(&hour) { hour % 12 + noon } else { return None };
    Some(date(year, month, day)?.to_datetime(Time::new(hour, minute, second, 0).ok()?))
}

#[cfg(test)]
mod tests;
