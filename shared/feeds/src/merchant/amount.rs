//! Amounts of sales (D2): columns added up, in major or minor units, with other countries' decimal marks if asked.

use super::column::{Cell, Column, Columns, Row};
use crate::{Unreadable, json, limits};
use harmonia_definitions::{AmountField, AmountUnit};
use harmonia_domain::{
    money::{AMOUNT_MINOR_MAX, AmountError, MinorUnits},
    outcome::{Reject, RejectReason},
};
use serde_json::Value;
use std::borrow::Cow;

/// How many digits stand between two marks of thousands.
const GROUP_DIGITS: usize = 3;

pub(super) struct Amount<'a> {
    columns: Vec<Column<'a>>,
    field: &'a AmountField,
}

impl<'a> Amount<'a> {
    pub(super) fn find(columns: &Columns<'a, '_>, field: &'a AmountField) -> Result<Self, Unreadable> {
        Ok(Self { columns: field.columns.iter().map(|name| columns.find(name)).collect::<Result<_, _>>()?, field })
    }

    /// The sum of the columns. Each has to be an amount, and so has the sum.
    pub(super) fn read(&self, row: Row<'_>) -> Result<MinorUnits, Reject> {
        let mut sum = 0;
        for column in &self.columns {
            let cell = column.needed(row)?;
            sum += limits::amount(column.name, self.one(column, cell)?, cell.class())?.0;
            if sum.abs() > AMOUNT_MINOR_MAX {
                let (field, reason) = (column.name.to_owned(), RejectReason::AmountTooLarge);
                return Err(Reject { field, reason, class: cell.class() });
            }
        }
        Ok(MinorUnits(sum))
    }

    fn one(&self, column: &Column<'_>, cell: Cell<'_>) -> Result<Result<MinorUnits, AmountError>, Reject> {
        // a number of a JSON message is written with a point, whatever texts of the country look like
        let text = match cell {
            Cell::Text(text) => pointed(text, self.field),
            _ => Some(number_text(column, cell)?),
        };
        Ok(match (text, self.field.unit) {
            (None, _) => Err(AmountError::Malformed),
            (Some(text), AmountUnit::Major) => MinorUnits::from_major_text(&text),
            (Some(text), AmountUnit::Minor) => MinorUnits::from_minor_text(&text),
        })
    }
}

/// A number, text or typed decimal as text: a number as short as possible (D2), the others as written.
pub(super) fn number_text<'r>(column: &Column<'_>, cell: Cell<'r>) -> Result<Cow<'r, str>, Reject> {
    match cell {
        Cell::Text(text) => Ok(Cow::Borrowed(text)),
        Cell::Other(Value::Number(number)) => Ok(Cow::Owned(number.to_string())),
        Cell::Other(value) => match json::typed(value, "decimal") {
            Some(text) if text.len() <= limits::FIELD_BYTES_MAX => Ok(decimal(text)),
            _ => Err(column.wrong_type(cell)),
        },
        Cell::Absent => Err(Reject::missing(column.name)),
    }
}

/// A decimal's text as the original keeps it: without blanks around, plus sign and needless zeros before it.
fn decimal(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    let (sign, digits) =
        text.strip_prefix('-').map_or(("", text.strip_prefix('+').unwrap_or(text)), |rest| ("-", rest));
    let short = digits.trim_start_matches('0');
    if short.len() == digits.len() {
        return if sign.is_empty() { Cow::Borrowed(digits) } else { Cow::Borrowed(text) };
    }
    let zero = if short.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
    Cow::Owned(format!("{sign}{zero}{short}"))
}

/// The text with a point, whatever mark its country uses. `None`: its groups are no thousands.
fn pointed<'r>(text: &'r str, field: &AmountField) -> Option<Cow<'r, str>> {
    if field.decimal == '.' && field.thousands.is_none() {
        return Some(Cow::Borrowed(text));
    }
    let text = text.trim();
    let (whole, fraction) = match text.split_once(field.decimal) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let whole = match field.thousands {
        Some(mark) => ungrouped(whole, mark)?,
        None => Cow::Borrowed(whole),
    };
    // a point that is no mark here must not pass for one
    let stray = whole.contains('.') || fraction.is_some_and(|digits| digits.contains('.'));
    if stray {
        return None;
    }
    Some(fraction.map_or_else(|| whole.clone(), |digits| Cow::Owned(format!("{whole}.{digits}"))))
}

/// `1.234.567` without its marks: up to three digits, then groups of three.
fn ungrouped(whole: &str, mark: char) -> Option<Cow<'_, str>> {
    if !whole.contains(mark) {
        return Some(Cow::Borrowed(whole));
    }
    let mut groups = whole.split(mark);
    let first = groups.next()?.trim_start_matches(['+', '-']);
    let sane = (1..=GROUP_DIGITS).contains(&first.len()) && groups.all(|group| group.len() == GROUP_DIGITS);
    sane.then(|| Cow::Owned(whole.replace(mark, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(decimal: char, thousands: Option<char>) -> AmountField {
        AmountField { columns: vec!["a".into()], unit: AmountUnit::Major, decimal, thousands }
    }

    fn read(text: &str, field: &AmountField) -> Option<i64> {
        MinorUnits::from_major_text(&pointed(text, field)?).ok().map(|amount| amount.0)
    }

    /// D2's strictness holds in every country: a mark in the wrong place is no amount.
    #[test]
    fn other_marks() {
        let german = field(',', Some('.'));
        for (text, minor) in [
            ("1.234,50", Some(123_450)),
            ("-1.234.567,8", Some(-123_456_780)),
            (" 12,3 ", Some(1230)),
            ("1234,50", Some(123_450)),
            ("7", Some(700)),
            ("1.234", Some(123_400)),
            ("12.34", None),
            ("1.2345,00", None),
            ("1234.567,00", None),
            (".123,00", None),
            ("1,234.50", None),
            ("1,234", None),
            (",50", None),
            ("1,", None),
            ("1,2,3", None),
            ("1,2.3", None),
        ] {
            assert_eq!(read(text, &german), minor, "{text}");
        }
        assert_eq!((read("12,50", &field(',', None)), read("12.50", &field(',', None))), (Some(1250), None));
        assert_eq!(
            (read("1 234.50", &field('.', Some(' '))), read("1,234.50", &field('.', None))),
            (Some(123_450), None)
        );
        let narrow = field(',', Some('\u{202f}'));
        assert_eq!(read("1\u{202f}234,50", &narrow), Some(123_450));
    }

    /// Spec import §7.13: the decimal's text is preserved.
    #[test]
    fn decimals_as_the_original_writes_them() {
        for (text, kept) in [
            ("23.90", "23.90"),
            (" +23.9", "23.9"),
            ("007.50", "7.50"),
            ("0.50", "0.50"),
            ("-0", "-0"),
            ("-00.5", "-0.5"),
            ("000", "0"),
        ] {
            assert_eq!(decimal(text), kept, "{text}");
        }
    }
}
