//! A merchant's records, read as its definition says (spec import §7.9-7.15): the filters in their order, then the
//! payment scheme, then the needed fields (D2). Columns are looked up once for each file; values stay where they are
//! until a sale keeps them. A receiver's results are taken apart the same way ([`results`]).

mod amount;
mod column;
mod fields;
mod results;

pub(crate) use column::Row;

use crate::{
    Record, Unreadable,
    frames::{Dialect, Frame, Framing},
    json,
    read::Layout,
    rows,
};
use amount::Amount;
use column::{Column, Columns};
use fields::Located;
use harmonia_definitions::{Check, Csv, FixedWidth, Format, MerchantFeed, ResultFeed, SchemeRule, Skip};
use harmonia_domain::{
    feed::Scheme,
    money::MinorUnits,
    outcome::{Reject, RejectReason, SkipReason},
};
use results::Results;
use std::borrow::Cow;

/// The reason for which cards of other payment schemes are left out, as every merchant of the original does (spec
/// import §7.10-7.15).
const UNKNOWN_CARD_SCHEME: &str = "unknown-card-scheme";

/// What a merchant's lines are.
#[derive(Clone, Copy)]
pub(crate) enum Lines<'a> {
    /// Sales of its tills.
    Sales(&'a MerchantFeed),
    /// What it says came of what it was told.
    Results(&'a ResultFeed),
}

impl<'a> Lines<'a> {
    fn format(self) -> &'a Format {
        match self {
            Self::Sales(feed) => &feed.format,
            Self::Results(feed) => &feed.format,
        }
    }
}

/// How the files of a feed are written.
pub(crate) fn layout(lines: Lines<'_>) -> Layout {
    let encoding = match lines {
        Lines::Sales(feed) => feed.encoding,
        Lines::Results(feed) => feed.encoding,
    };
    let (framing, header) = match lines.format() {
        Format::Csv(csv) => (Framing::Csv(dialect(csv)), csv.columns.is_empty()),
        Format::Json | Format::JsonLines | Format::FixedWidth(_) => (Framing::Lines, false),
    };
    Layout { encoding, framing, header }
}

fn dialect(csv: &Csv) -> Dialect {
    Dialect { delimiter: csv.delimiter, quote: csv.quote }
}

/// The reader of one file, or of messages.
pub(crate) struct Reader<'a> {
    shape: Shape<'a>,
    says: Says<'a>,
}

/// What a record says.
enum Says<'a> {
    Sale(Box<Sales<'a>>),
    Result(Box<Results<'a>>),
}

/// How a record becomes a sale.
struct Sales<'a> {
    filters: Vec<Filter<'a>>,
    scheme: Card<'a>,
    checks: Vec<(Column<'a>, Check)>,
    fields: Located<'a>,
}

/// How a record is taken apart.
enum Shape<'a> {
    Csv { dialect: Dialect, columns: Vec<String> },
    Json,
    FixedWidth(&'a FixedWidth),
}

/// A filter and what it looks at.
enum Filter<'a> {
    Column(Column<'a>, &'a Skip),
    AmountBelow(MinorUnits, &'a Skip),
}

/// What tells the payment scheme.
struct Card<'a> {
    rule: &'a SchemeRule,
    column: Column<'a>,
    first_six: Option<Column<'a>>,
}

impl<'a> Reader<'a> {
    /// The reader of a file. `header` is the text of its first record, for a CSV whose columns are not listed in the
    /// definition; others have none.
    pub(crate) fn open(lines: Lines<'a>, header: Option<&str>) -> Result<Self, Unreadable> {
        match (lines.format(), header) {
            (Format::Csv(csv), Some(header)) if csv.columns.is_empty() => {
                let mut columns = Vec::new();
                rows::split(header, dialect(csv), &mut columns);
                Self::with_columns(lines, &columns)
            }
            (Format::Csv(csv), None) if csv.columns.is_empty() => Err(Unreadable::NoHeader),
            (Format::Csv(csv), _) => Self::with_columns(
                lines,
                &csv.columns.iter().map(|name| Cow::Borrowed(name.as_str())).collect::<Vec<_>>(),
            ),
            (Format::Json | Format::JsonLines | Format::FixedWidth(_), _) => Self::with_columns(lines, &[]),
        }
    }

    /// The reader of a file whose CSV columns these are.
    fn with_columns(lines: Lines<'a>, header: &[Cow<'_, str>]) -> Result<Self, Unreadable> {
        let (shape, columns) = match lines.format() {
            Format::Csv(csv) => {
                let dialect = dialect(csv);
                let columns = header.iter().map(ToString::to_string).collect();
                (Shape::Csv { dialect, columns }, Columns::Csv(header))
            }
            Format::Json | Format::JsonLines => (Shape::Json, Columns::Json),
            Format::FixedWidth(fixed) => (Shape::FixedWidth(fixed), Columns::FixedWidth(&fixed.columns)),
        };
        let says = match lines {
            Lines::Sales(feed) => Says::Sale(Box::new(Sales::find(&columns, feed)?)),
            Lines::Results(feed) => Says::Result(Box::new(Results::find(&columns, &feed.fields)?)),
        };
        Ok(Self { shape, says })
    }

    /// Reads one record as it stands in its file. `None`: it is none (a blank line, or one that is no detail line).
    pub(crate) fn framed(&self, frame: &Frame<'_>) -> Option<Record> {
        if let Err(endless) = frame.whole {
            let columns = match &self.shape {
                Shape::Csv { columns, .. } => columns.as_slice(),
                Shape::Json | Shape::FixedWidth(_) => &[],
            };
            return Some(Record::Rejected(endless.reject(|at| columns.get(at).map(String::as_str))));
        }
        match &self.shape {
            Shape::FixedWidth(fixed) if frame.line <= u64::from(fixed.discard_lines) => None,
            _ => self.record(frame.text),
        }
    }

    /// Reads one record, given without its line break.
    pub(crate) fn record(&self, text: &str) -> Option<Record> {
        match &self.shape {
            Shape::Csv { dialect, columns } => {
                let mut cells = Vec::with_capacity(columns.len());
                rows::split(text, *dialect, &mut cells);
                Some(self.decide(Row::Cells(&cells)))
            }
            Shape::Json if text.trim().is_empty() => None,
            Shape::Json => {
                let object = json::object(text.as_bytes());
                Some(object.map_or_else(Record::Rejected, |object| self.decide(Row::Object(&object))))
            }
            Shape::FixedWidth(FixedWidth { records_start_with: starts, .. }) => {
                let detail = if starts.is_empty() {
                    !text.trim().is_empty()
                } else {
                    starts.iter().any(|start| text.starts_with(start.as_str()))
                };
                detail.then(|| self.decide(Row::Line(text)))
            }
        }
    }

    /// What a record is.
    pub(crate) fn decide(&self, row: Row<'_>) -> Record {
        match &self.says {
            Says::Sale(sales) => sales.sale(row).unwrap_or_else(Record::Rejected),
            Says::Result(results) => {
                results.line(row).map_or_else(Record::Rejected, |line| Record::Result(Box::new(line)))
            }
        }
    }
}

impl<'a> Sales<'a> {
    fn find(columns: &Columns<'a, '_>, feed: &'a MerchantFeed) -> Result<Self, Unreadable> {
        let rule = &feed.scheme;
        let first_six = rule.first_six.as_deref().map(|name| columns.find(name)).transpose()?;
        let checks = feed.check.iter().map(|check| columns.find(&check.column).map(|column| (column, check.is)));
        Ok(Self {
            filters: feed.skip.iter().map(|skip| filter(columns, skip)).collect::<Result<_, _>>()?,
            scheme: Card { rule, column: columns.find(&rule.column)?, first_six },
            checks: checks.collect::<Result<_, _>>()?,
            fields: Located::find(columns, &feed.fields)?,
        })
    }

    /// The filters in their order, the payment scheme, then the rest (D2).
    fn sale(&self, row: Row<'_>) -> Result<Record, Reject> {
        for filter in &self.filters {
            if let Some(reason) = filter.applies(&self.fields.amount, row)? {
                return Ok(Record::Skipped(SkipReason(reason.to_owned())));
            }
        }
        let Some(scheme) = self.scheme.of(row)? else {
            return Ok(Record::Skipped(SkipReason(UNKNOWN_CARD_SCHEME.to_owned())));
        };
        for (column, check) in &self.checks {
            let value = column.shown(row)?;
            if !accepts(*check, &value) {
                return Err(Reject::value(column.name, RejectReason::BadNumber, &value));
            }
        }
        self.fields.sale(row, scheme).map(|sale| Record::Sale(Box::new(sale)))
    }
}

fn filter<'a>(columns: &Columns<'a, '_>, skip: &'a Skip) -> Result<Filter<'a>, Unreadable> {
    match (&skip.column, skip.amount_below) {
        (Some(name), _) => columns.find(name).map(|column| Filter::Column(column, skip)),
        // the loader lets no filter through that has neither
        (None, limit) => Ok(Filter::AmountBelow(MinorUnits(limit.unwrap_or(i64::MIN)), skip)),
    }
}

impl<'a> Filter<'a> {
    /// The reason if the record is left out.
    fn applies(&self, amount: &Amount<'_>, row: Row<'_>) -> Result<Option<&'a str>, Reject> {
        let (applies, skip) = match self {
            Self::Column(column, skip) => (skip.applies(column.cell(row).shown().as_deref()), skip),
            Self::AmountBelow(limit, skip) => (amount.read(row)? < *limit, skip),
        };
        Ok(applies.then_some(skip.reason.as_str()))
    }
}

impl Card<'_> {
    fn of(&self, row: Row<'_>) -> Result<Option<Scheme>, Reject> {
        if let Some(column) = &self.first_six
            && let Some(scheme) = column.nullable(row)?.and_then(SchemeRule::by_first_six)
        {
            return Ok(Some(scheme));
        }
        Ok(self.rule.by_name(self.column.text(row)?))
    }
}

/// Is a value of its kind? Blanks around are allowed, as the original does (spec import §7.10).
fn accepts(check: Check, value: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let value = unsigned(value.trim());
    match check {
        Check::Integer => !value.is_empty() && digits(value),
        Check::Decimal => {
            let (mantissa, exponent) = value.split_once(['e', 'E']).unwrap_or((value, "0"));
            let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
            let exponent = unsigned(exponent);
            let whole_or_fraction = !whole.is_empty() || !fraction.is_empty();
            let exponent = !exponent.is_empty() && digits(exponent);
            whole_or_fraction && digits(whole) && digits(fraction) && exponent
        }
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

#[cfg(test)]
pub(crate) mod tests;
