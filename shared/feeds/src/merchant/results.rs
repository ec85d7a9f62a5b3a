//! A receiver's results (spec match §10.2): which export, what came of it, and what is compared with what was told.

use super::{
    amount::Amount,
    column::{Column, Columns, Row},
    fields::Time,
};
use crate::{Unreadable, limits};
use harmonia_definitions::ResultFields;
use harmonia_domain::{
    answer::{RESULT_CHARS_MAX, ResultLine},
    outcome::{Reject, RejectReason},
};

/// Fewer digits than any card number has (ISO/IEC 7812: 12 to 19; design §4, invariant 7).
const RESULT_DIGITS_MAX: usize = 11;

/// The fields with the columns of one file.
pub(super) struct Results<'a> {
    uid: Column<'a>,
    result: Column<'a>,
    transaction_id: Option<Column<'a>>,
    member: Option<Column<'a>>,
    location: Option<Column<'a>>,
    amount: Option<Amount<'a>>,
    time: Option<Time<'a>>,
}

impl<'a> Results<'a> {
    pub(super) fn find(columns: &Columns<'a, '_>, fields: &'a ResultFields) -> Result<Self, Unreadable> {
        let optional = |name: &'a Option<String>| name.as_deref().map(|name| columns.find(name)).transpose();
        Ok(Self {
            uid: columns.find(&fields.uid)?,
            result: columns.find(&fields.result)?,
            transaction_id: optional(&fields.transaction_id)?,
            member: optional(&fields.member)?,
            location: optional(&fields.location)?,
            amount: fields.amount.as_ref().map(|field| Amount::find(columns, field)).transpose()?,
            time: fields.time.as_ref().map(|field| Time::find(columns, field)).transpose()?,
        })
    }

    pub(super) fn line(&self, row: Row<'_>) -> Result<ResultLine, Reject> {
        let optional = |column: &Option<Column<'_>>| {
            column.as_ref().map(|column| Ok(column.text(row)?.trim().to_owned())).transpose()
        };
        Ok(ResultLine {
            // spreadsheets and systems write a UUID in capitals, too
            uid: limits::id(self.uid.name, filled(&self.uid, row)?)?.to_ascii_lowercase(),
            result: word(&self.result, row)?,
            transaction_id: optional(&self.transaction_id)?,
            member: optional(&self.member)?,
            location: optional(&self.location)?,
            amount: self.amount.as_ref().map(|amount| amount.read(row)).transpose()?,
            at: self.time.as_ref().map(|time| time.read(row)).transpose()?,
        })
    }
}

fn filled<'r>(column: &Column<'_>, row: Row<'r>) -> Result<&'r str, Reject> {
    match column.text(row)? {
        blank if blank.trim().is_empty() => Err(Reject::value(column.name, RejectReason::MissingField, blank)),
        text => Ok(text.trim()),
    }
}

/// A result is kept and shown, so it must be a word or two and cannot be a card number.
fn word(column: &Column<'_>, row: Row<'_>) -> Result<String, Reject> {
    let word = filled(column, row)?;
    let refused = if word.chars().count() > RESULT_CHARS_MAX {
        RejectReason::TooLong
    } else if word.chars().filter(|c| c.is_numeric()).count() > RESULT_DIGITS_MAX {
        RejectReason::BadCardDigits
    } else {
        return Ok(word.to_owned());
    };
    Err(Reject::value(column.name, refused, word))
}
