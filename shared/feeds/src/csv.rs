//! A merchant's CSV feed, driven by its definition (spec import §7.9-7.15): filters in their order, then the needed
//! fields (D2). The columns are looked up once for each file.

use crate::{Record, Unreadable, limits, time};
use harmonia_definitions::{
    AmountField, AmountUnit, Check, CsvFeed, CurrencyField, Fields, Skip, TextField, TimeField,
};
use harmonia_domain::{
    line::{SaleLine, Till},
    money::{Currency, MinorUnits},
    outcome::{Reject, RejectReason, SkipReason, ValueClass},
};
use std::borrow::Cow;

/// The fields of a row.
pub(crate) type Cells<'a> = Vec<Cow<'a, str>>;

/// A column of the file.
#[derive(Clone, Copy)]
struct Column<'a> {
    name: &'a str,
    at: usize,
}

impl<'a> Column<'a> {
    /// Spec import §3.3: names are exact, order is free, of two equal names the last one counts.
    fn find(header: &[Cow<'_, str>], name: &'a str) -> Result<Self, Unreadable> {
        let at = header.iter().rposition(|column| column == name);
        at.map(|at| Self { name, at }).ok_or_else(|| Unreadable::MissingColumn { column: name.to_owned() })
    }

    /// The value; `None` if the row is too short.
    fn get<'r>(&self, cells: &'r Cells<'_>) -> Option<&'r str> {
        cells.get(self.at).map(AsRef::as_ref)
    }

    fn needed<'r>(&self, cells: &'r Cells<'_>) -> Result<&'r str, Reject> {
        let value = self.get(cells).ok_or_else(|| Reject::missing(self.name))?;
        if value.len() > limits::FIELD_BYTES_MAX {
            return Err(Reject::value(self.name, RejectReason::TooLong, value));
        }
        Ok(value)
    }
}

/// A text field and its column.
struct Text<'a> {
    column: Column<'a>,
    first: Option<usize>,
    last: Option<usize>,
}

impl<'a> Text<'a> {
    fn find(header: &[Cow<'_, str>], field: &'a TextField) -> Result<Self, Unreadable> {
        let column = Column::find(header, &field.column)?;
        Ok(Self { column, first: field.first.map(usize::from), last: field.last.map(usize::from) })
    }

    fn find_optional(header: &[Cow<'_, str>], field: Option<&'a TextField>) -> Result<Option<Self>, Unreadable> {
        field.map(|field| Self::find(header, field)).transpose()
    }

    /// The field's value, checked by one of the limits.
    fn read(&self, cells: &Cells<'_>, check: Limit) -> Result<String, Reject> {
        let value = self.column.needed(cells)?;
        let value = self.first.map_or(value, |count| first_chars(value, count));
        let value = self.last.map_or(value, |count| last_chars(value, count));
        check(self.column.name, value)
    }
}

type Limit = fn(&str, &str) -> Result<String, Reject>;

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

/// A feed's definition with the columns of one file.
pub(crate) struct Plan<'a> {
    feed: &'a CsvFeed,
    skips: Vec<(Column<'a>, &'a Skip)>,
    scheme: Column<'a>,
    checks: Vec<(Column<'a>, Check)>,
    fields: Located<'a>,
}

/// The common fields with the columns of one file.
struct Located<'a> {
    id: Text<'a>,
    mid: Text<'a>,
    amount: (Column<'a>, AmountUnit),
    currency: Money<'a>,
    auth_code: Option<Text<'a>>,
    first_six: Option<Text<'a>>,
    last_four: Option<Text<'a>>,
    time: (Vec<Column<'a>>, &'a TimeField),
}

impl<'a> Located<'a> {
    fn new(fields: &'a Fields, header: &[Cow<'_, str>]) -> Result<Self, Unreadable> {
        let AmountField { column: amount, unit } = &fields.amount;
        let currency = match &fields.currency {
            CurrencyField::Column(name) => Money::Column(Column::find(header, name)?),
            CurrencyField::Constant(currency) => Money::Always(*currency),
        };
        let times = fields.time.columns.iter().map(|name| Column::find(header, name)).collect::<Result<_, _>>()?;
        Ok(Self {
            id: Text::find(header, &fields.id)?,
            mid: Text::find(header, &fields.mid)?,
            amount: (Column::find(header, amount)?, *unit),
            currency,
            auth_code: Text::find_optional(header, fields.auth_code.as_ref())?,
            first_six: Text::find_optional(header, fields.first_six.as_ref())?,
            last_four: Text::find_optional(header, fields.last_four.as_ref())?,
            time: (times, &fields.time),
        })
    }
}

impl<'a> Plan<'a> {
    pub(crate) fn new(feed: &'a CsvFeed, header: &[Cow<'_, str>]) -> Result<Self, Unreadable> {
        let skip = |skip: &'a Skip| Column::find(header, &skip.column).map(|column| (column, skip));
        let checks =
            feed.check.iter().map(|check| Column::find(header, &check.column).map(|column| (column, check.is)));
        Ok(Self {
            feed,
            skips: feed.skip.iter().map(skip).collect::<Result<_, _>>()?,
            scheme: Column::find(header, &feed.scheme.column)?,
            checks: checks.collect::<Result<_, _>>()?,
            fields: Located::new(&feed.fields, header)?,
        })
    }

    /// D2: the filters in their order, then the needed fields.
    pub(crate) fn record(&self, cells: &Cells<'_>) -> Record {
        match self.skips.iter().find(|(column, skip)| skip.applies(column.get(cells))) {
            Some((_, skip)) => Record::Skipped(SkipReason(skip.reason.clone())),
            None => self.sale(cells).unwrap_or_else(Record::Rejected),
        }
    }

    fn sale(&self, cells: &Cells<'_>) -> Result<Record, Reject> {
        // every merchant of the original leaves out cards of other payment schemes (spec import §7.10-7.15)
        let Some(scheme) = self.feed.scheme.scheme(self.scheme.needed(cells)?) else {
            return Ok(Record::Skipped(SkipReason("unknown-card-scheme".to_owned())));
        };
        for (column, check) in &self.checks {
            let value = column.needed(cells)?;
            if !accepts(*check, value) {
                return Err(Reject::value(column.name, RejectReason::BadNumber, value));
            }
        }
        let fields = &self.fields;
        let optional = |text: &Option<Text<'_>>, limit: Limit| text.as_ref().map(|t| t.read(cells, limit)).transpose();
        Ok(Record::Sale(Box::new(SaleLine {
            scheme,
            id: fields.id.read(cells, limits::id)?,
            till: Till::Mid(fields.mid.read(cells, limits::mid)?),
            at: self.instant(cells)?,
            amount: self.amount(cells)?,
            currency: self.currency(cells)?,
            auth_code: optional(&fields.auth_code, limits::code)?.unwrap_or_default(),
            first_six: optional(&fields.first_six, limits::first_six)?,
            last_four: optional(&fields.last_four, limits::last_four)?,
            extra: None,
        })))
    }

    fn amount(&self, cells: &Cells<'_>) -> Result<MinorUnits, Reject> {
        let (column, AmountUnit::Major) = self.fields.amount;
        let value = column.needed(cells)?;
        limits::amount(column.name, MinorUnits::from_major_text(value), ValueClass::of(value))
    }

    fn currency(&self, cells: &Cells<'_>) -> Result<Currency, Reject> {
        match &self.fields.currency {
            Money::Always(currency) => Ok(*currency),
            Money::Column(column) => limits::currency(column.name, column.needed(cells)?),
        }
    }

    fn instant(&self, cells: &Cells<'_>) -> Result<jiff::Timestamp, Reject> {
        let (columns, field) = &self.fields.time;
        let values: Vec<&str> = columns.iter().map(|column| column.needed(cells)).collect::<Result<_, _>>()?;
        let text = values.join(" ");
        let wall = time::by_format(&field.format, &text);
        let name = columns.first().map_or("time", |column| column.name);
        wall.and_then(|wall| time::instant(wall, &field.zone)).ok_or_else(|| time::bad_date(name, &text))
    }
}

/// Is a value of its kind? Blanks around are allowed, as the original does (spec import §7.10).
fn accepts(check: Check, value: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = |text: &str| text.strip_prefix(['+', '-']).unwrap_or(text).to_owned();
    let value = unsigned(value.trim());
    match check {
        Check::Integer => digits(&value),
        Check::Decimal => {
            let (mantissa, exponent) = value.split_once(['e', 'E']).unwrap_or((&value, "0"));
            let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
            digits(&format!("{whole}{fraction}")) && digits(&unsigned(exponent))
        }
    }
}

#[cfg(test)]
mod tests;
