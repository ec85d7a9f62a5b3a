//! The common fields of a sale, found once for each file and read line by line.

use super::{
    amount::{Amount, number_text},
    column::{Cell, Column, Columns, Row},
};
use crate::{
    Unreadable, json, limits,
    time::{IsoTime, bad_date, by_format, instant},
};
use harmonia_definitions::{
    CurrencyField, Fields, HashedParts, IdField, PartText, TextField, TillField, TimeField, TimeText,
};
use harmonia_domain::{
    feed::Scheme,
    ids::sha256_hex,
    line::{SaleLine, Till},
    money::Currency,
    outcome::{Reject, RejectReason},
};
use jiff::{Timestamp, tz::Offset};
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt::Write};

type Limit = fn(&str, &str) -> Result<String, Reject>;

/// The common fields with the columns of one file.
pub(super) struct Located<'a> {
    id: Id<'a>,
    till: (Column<'a>, fn(String) -> Till),
    pub(super) amount: Amount<'a>,
    currency: Money<'a>,
    auth_code: Option<Text<'a>>,
    first_six: Option<Text<'a>>,
    last_four: Option<Text<'a>>,
    time: Time<'a>,
    extra: Vec<(&'a str, Column<'a>)>,
}

impl<'a> Located<'a> {
    pub(super) fn find(columns: &Columns<'a, '_>, fields: &'a Fields) -> Result<Self, Unreadable> {
        let extra = fields.extra.iter().map(|(key, name)| columns.find(name).map(|column| (key.as_str(), column)));
        let text = |field: &'a Option<TextField>| field.as_ref().map(|field| Text::find(columns, field)).transpose();
        Ok(Self {
            id: Id::find(columns, &fields.id)?,
            till: match &fields.till {
                TillField::Mid(name) => (columns.find(name)?, Till::Mid),
                TillField::Location(name) => (columns.find(name)?, Till::Location),
            },
            amount: Amount::find(columns, &fields.amount)?,
            currency: match &fields.currency {
                CurrencyField::Column(name) => Money::Column(columns.find(name)?),
                CurrencyField::Constant(currency) => Money::Always(*currency),
            },
            auth_code: text(&fields.auth_code)?,
            first_six: text(&fields.first_six)?,
            last_four: text(&fields.last_four)?,
            time: Time::find(columns, &fields.time)?,
            extra: extra.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn sale(&self, row: Row<'_>, scheme: Scheme) -> Result<SaleLine, Reject> {
        let (till, by) = &self.till;
        let digits = |field: &Option<Text<'_>>, limit: Limit| match field {
            Some(field) => field.nullable(row, limit),
            None => Ok(None),
        };
        Ok(SaleLine {
            scheme,
            id: self.id.read(row)?,
            till: by(limits::mid(till.name, till.text(row)?)?),
            at: self.time.read(row)?,
            amount: self.amount.read(row)?,
            currency: self.currency.read(row)?,
            auth_code: self.auth_code.as_ref().map_or(Ok(String::new()), |field| field.read(row, limits::code))?,
            first_six: digits(&self.first_six, limits::first_six)?,
            last_four: digits(&self.last_four, limits::last_four)?,
            extra: self.extra(row)?,
        })
    }

    /// The extra fields, as they are; null is a value, too.
    fn extra(&self, row: Row<'_>) -> Result<Option<Value>, Reject> {
        if self.extra.is_empty() {
            return Ok(None);
        }
        let mut all = Map::new();
        for (key, column) in &self.extra {
            let value = match column.cell(row) {
                Cell::Absent => return Err(Reject::missing(column.name)),
                Cell::Text(text) => Value::String(text.to_owned()),
                Cell::Other(value) => value.clone(),
            };
            let length = value.as_str().map_or_else(|| value.to_string().len(), str::len);
            if length > limits::FIELD_BYTES_MAX {
                let (field, reason) = (column.name.to_owned(), RejectReason::TooLong);
                return Err(Reject { field, reason, class: column.cell(row).class() });
            }
            all.insert((*key).to_owned(), value);
        }
        Ok(Some(Value::Object(all)))
    }
}

/// A text field and its column.
struct Text<'a> {
    column: Column<'a>,
    first: Option<usize>,
    last: Option<usize>,
}

impl<'a> Text<'a> {
    fn find(columns: &Columns<'a, '_>, field: &'a TextField) -> Result<Self, Unreadable> {
        let (first, last) = (field.first.map(usize::from), field.last.map(usize::from));
        Ok(Self { column: columns.find(&field.column)?, first, last })
    }

    /// The field's value, checked by one of the limits.
    fn read(&self, row: Row<'_>, limit: Limit) -> Result<String, Reject> {
        limit(self.column.name, self.cut(self.column.text(row)?))
    }

    fn nullable(&self, row: Row<'_>, limit: Limit) -> Result<Option<String>, Reject> {
        self.column.nullable(row)?.map(|text| limit(self.column.name, self.cut(text))).transpose()
    }

    fn cut<'r>(&self, text: &'r str) -> &'r str {
        match (self.first, self.last) {
            (Some(count), _) => first_chars(text, count),
            (None, Some(count)) => last_chars(text, count),
            (None, None) => text,
        }
    }
}

fn first_chars(text: &str, count: usize) -> &str {
    let end = text.char_indices().nth(count).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

fn last_chars(text: &str, count: usize) -> &str {
    let start = text.char_indices().rev().take(count).last().map_or(text.len(), |(at, _)| at);
    text.get(start..).unwrap_or(text)
}

/// Where the currency comes from.
enum Money<'a> {
    Column(Column<'a>),
    Always(Currency),
}

impl Money<'_> {
    fn read(&self, row: Row<'_>) -> Result<Currency, Reject> {
        match self {
            Self::Always(currency) => Ok(*currency),
            Self::Column(column) => limits::currency(column.name, column.text(row)?),
        }
    }
}

/// How the id is made.
enum Id<'a> {
    Column(Column<'a>),
    Sha256 { parts: Vec<(Column<'a>, PartText)>, joined_by: &'a str },
}

impl<'a> Id<'a> {
    fn find(columns: &Columns<'a, '_>, field: &'a IdField) -> Result<Self, Unreadable> {
        match field {
            IdField::Column(name) => columns.find(name).map(Self::Column),
            IdField::Sha256(HashedParts { parts, joined_by }) => {
                let parts = parts.iter().map(|part| columns.find(&part.column).map(|column| (column, part.text)));
                Ok(Self::Sha256 { parts: parts.collect::<Result<_, _>>()?, joined_by })
            }
        }
    }

    fn read(&self, row: Row<'_>) -> Result<String, Reject> {
        match self {
            Self::Column(column) => limits::id(column.name, column.text(row)?),
            Self::Sha256 { parts, joined_by } => {
                let texts = parts.iter().map(|(column, text)| part(column, *text, row));
                Ok(sha256_hex(texts.collect::<Result<Vec<_>, _>>()?.join(joined_by).as_bytes()))
            }
        }
    }
}

fn part<'r>(column: &Column<'_>, text: PartText, row: Row<'r>) -> Result<Cow<'r, str>, Reject> {
    match text {
        PartText::Text => column.text(row).map(Cow::Borrowed),
        PartText::Number => number_text(column, column.needed(row)?),
        PartText::IsoDatetime => iso_time(column, row).map(|time| Cow::Owned(iso_format(time))),
    }
}

/// A typed time, or a text.
fn iso_time(column: &Column<'_>, row: Row<'_>) -> Result<IsoTime, Reject> {
    match column.needed(row)? {
        Cell::Text(text) => IsoTime::read(column.name, text),
        _ => typed_time(column, row),
    }
}

/// A typed time (spec import §3.5); a text is refused.
fn typed_time(column: &Column<'_>, row: Row<'_>) -> Result<IsoTime, Reject> {
    let cell = column.needed(row)?;
    match cell {
        Cell::Other(value) => json::typed(value, "datetime"),
        Cell::Text(_) | Cell::Absent => None,
    }
    .map_or_else(|| Err(column.wrong_type(cell)), |text| IsoTime::read(column.name, text))
}

/// A time as Python's `isoformat` writes it (spec import §7.13).
fn iso_format(time: IsoTime) -> String {
    let mut text = time.wall.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let micros = time.wall.subsec_nanosecond() / 1000;
    // writing to a text cannot fail
    let _ = if micros == 0 { Ok(()) } else { write!(text, ".{micros:06}") };
    let _ = time.offset.map_or(Ok(()), |offset| write_offset(&mut text, offset));
    text
}

fn write_offset(text: &mut String, offset: Offset) -> std::fmt::Result {
    let (sign, minutes) = (if offset.is_negative() { '-' } else { '+' }, offset.seconds().unsigned_abs() / 60);
    write!(text, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// When a sale happened.
pub(super) struct Time<'a> {
    columns: Vec<Column<'a>>,
    field: &'a TimeField,
}

impl<'a> Time<'a> {
    pub(super) fn find(columns: &Columns<'a, '_>, field: &'a TimeField) -> Result<Self, Unreadable> {
        Ok(Self { columns: field.columns.iter().map(|name| columns.find(name)).collect::<Result<_, _>>()?, field })
    }

    pub(super) fn read(&self, row: Row<'_>) -> Result<Timestamp, Reject> {
        // the loader lets no empty list through
        let first = self.columns.first().ok_or_else(|| Reject::missing("time"))?;
        let zone = &self.field.zone;
        let (at, text) = match &self.field.format {
            TimeText::Typed => (typed_time(first, row)?.instant(zone), Cow::Borrowed("")),
            TimeText::Iso => {
                let text = self.joined(row)?;
                (IsoTime::read(first.name, &text)?.instant(zone), text)
            }
            TimeText::Format(format) => {
                let text = self.joined(row)?;
                (by_format(format, &text).and_then(|wall| instant(wall, zone)), text)
            }
        };
        at.ok_or_else(|| bad_date(first.name, &text))
    }

    /// The columns' texts, joined by single blanks.
    fn joined<'r>(&self, row: Row<'r>) -> Result<Cow<'r, str>, Reject> {
        if let [only] = self.columns.as_slice() {
            return only.text(row).map(Cow::Borrowed);
        }
        let texts = self.columns.iter().map(|column| column.text(row)).collect::<Result<Vec<_>, _>>()?;
        Ok(Cow::Owned(texts.join(" ")))
    }
}
