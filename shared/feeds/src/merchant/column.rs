//! Columns: one name for a CSV cell, a value of a JSON object and a place in a line.

use crate::{Unreadable, fixed, json, limits};
use harmonia_definitions::FixedColumn;
use harmonia_domain::outcome::{Reject, RejectReason, ValueClass};
use serde_json::Value;
use std::borrow::Cow;

/// A record taken apart.
#[derive(Clone, Copy)]
pub(crate) enum Row<'r> {
    Cells(&'r [Cow<'r, str>]),
    Object(&'r json::Object),
    Line(&'r str),
}

/// The columns that a file has.
pub(super) enum Columns<'a, 'h> {
    Csv(&'h [Cow<'h, str>]),
    /// An object has what it has.
    Json,
    FixedWidth(&'a [FixedColumn]),
}

impl<'a> Columns<'a, '_> {
    /// Spec import §3.3: names are exact, order is free, of two equal names the last one counts.
    pub(super) fn find(&self, name: &'a str) -> Result<Column<'a>, Unreadable> {
        let at = match self {
            Self::Csv(header) => header.iter().rposition(|column| column == name).map(Place::Cell),
            Self::Json => Some(Place::Path(name.split('.').collect())),
            Self::FixedWidth(columns) => columns.iter().find(|column| column.name == name).map(|column| {
                Place::Characters(usize::from(column.start).saturating_sub(1), usize::from(column.length))
            }),
        };
        at.map(|at| Column { name, at }).ok_or_else(|| Unreadable::MissingColumn { column: name.to_owned() })
    }
}

/// A column of a file.
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    at: Place<'a>,
}

enum Place<'a> {
    Cell(usize),
    /// Keys of nested objects, or places in lists, from 0.
    Path(Vec<&'a str>),
    /// Start and length.
    Characters(usize, usize),
}

/// What stands in a column.
#[derive(Clone, Copy)]
pub(super) enum Cell<'r> {
    /// Nothing: the row is too short, or the object has no such key.
    Absent,
    Text(&'r str),
    /// A value of an object that is no text.
    Other(&'r Value),
}

impl<'r> Cell<'r> {
    /// What the value looks like to a filter or a check.
    pub(super) fn shown(self) -> Option<Cow<'r, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Other(value @ (Value::Number(_) | Value::Bool(_))) => Some(Cow::Owned(value.to_string())),
            Self::Absent | Self::Other(_) => None,
        }
    }

    pub(super) fn class(self) -> ValueClass {
        match self {
            Self::Absent => ValueClass::Absent,
            Self::Text(text) => ValueClass::of(text),
            Self::Other(value) => json::class(value),
        }
    }
}

impl Column<'_> {
    pub(super) fn cell<'r>(&self, row: Row<'r>) -> Cell<'r> {
        let text = |text: Option<&'r str>| text.map_or(Cell::Absent, Cell::Text);
        match (&self.at, row) {
            (Place::Cell(at), Row::Cells(cells)) => text(cells.get(*at).map(AsRef::as_ref)),
            (Place::Characters(start, length), Row::Line(line)) => Cell::Text(fixed::column(line, *start, *length)),
            (Place::Path(path), Row::Object(object)) => match along(object, path) {
                Some(Value::String(value)) => Cell::Text(value),
                other => other.map_or(Cell::Absent, Cell::Other),
            },
            // a reader is opened for one format
            _ => Cell::Absent,
        }
    }

    /// What stands there; a null is as good as nothing.
    pub(super) fn needed<'r>(&self, row: Row<'r>) -> Result<Cell<'r>, Reject> {
        match self.cell(row) {
            Cell::Absent | Cell::Other(Value::Null) => Err(Reject::missing(self.name)),
            Cell::Text(text) if text.len() > limits::FIELD_BYTES_MAX => {
                Err(Reject::value(self.name, RejectReason::TooLong, text))
            }
            cell => Ok(cell),
        }
    }

    /// A text that must be there; it may be empty.
    pub(super) fn text<'r>(&self, row: Row<'r>) -> Result<&'r str, Reject> {
        match self.needed(row)? {
            Cell::Text(text) => Ok(text),
            other => Err(self.wrong_type(other)),
        }
    }

    /// A text or null, one of which must be there.
    pub(super) fn nullable<'r>(&self, row: Row<'r>) -> Result<Option<&'r str>, Reject> {
        match self.cell(row) {
            Cell::Other(Value::Null) => Ok(None),
            _ => self.text(row).map(Some),
        }
    }

    /// A text, number or truth value as text.
    pub(super) fn shown<'r>(&self, row: Row<'r>) -> Result<Cow<'r, str>, Reject> {
        let cell = self.needed(row)?;
        cell.shown().ok_or_else(|| self.wrong_type(cell))
    }

    pub(super) fn wrong_type(&self, cell: Cell<'_>) -> Reject {
        Reject { field: self.name.to_owned(), reason: RejectReason::WrongType, class: cell.class() }
    }
}

fn along<'r>(object: &'r json::Object, path: &[&str]) -> Option<&'r Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(object.get(*first)?, |value, part| match value {
        Value::Object(inner) => inner.get(*part),
        Value::Array(list) => part.parse::<usize>().ok().and_then(|at| list.get(at)),
        _ => None,
    })
}
