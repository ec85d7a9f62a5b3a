//! CSV by spec import §3.3: comma and `"`, or what a [`Dialect`] says instead, doubled quotes inside quoted fields,
//! line breaks allowed inside quotes, CRLF, LF or CR, no trimming, completely blank lines left out.
//!
//! Written by hand because an import needs what general readers do not give: fields borrowed from the file, the exact
//! line and byte at which a row starts, and a way on after a quote that is never closed (D2: one bad row must not take
//! the rest of the file with it). A property test holds it against the `csv` crate.

use crate::limits::LINE_BYTES_MAX;
use std::borrow::Cow;

/// Where a row starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u64,
    pub(crate) offset: u64,
}

/// A row without an end: a quote that is never closed, or more than [`LINE_BYTES_MAX`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Endless {
    /// How many fields were read before the one that does not end.
    pub(crate) fields: usize,
}

/// The two ASCII characters that take a CSV apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: u8,
}

/// The rows of a text.
pub(crate) struct Rows<'a> {
    rest: &'a str,
    next: Place,
    dialect: Dialect,
}

impl<'a> Rows<'a> {
    /// The rows of `text`, which starts at byte `offset` of its file.
    pub(crate) fn new(text: &'a str, offset: u64, dialect: Dialect) -> Self {
        Self { rest: text, next: Place { line: 1, offset }, dialect }
    }

    /// Reads the next row into `fields`. After an endless row, reading goes on with the next physical line.
    pub(crate) fn read(&mut self, fields: &mut Vec<Cow<'a, str>>) -> Option<(Place, Result<(), Endless>)> {
        let blank = self.rest.bytes().take_while(|byte| is_break(*byte)).count();
        self.advance(blank);
        if self.rest.is_empty() {
            return None;
        }
        let place = self.next;
        let window = self.rest.get(..self.rest.floor_char_boundary(LINE_BYTES_MAX)).unwrap_or_default();
        let row = row(window, self.dialect, fields)
            .filter(|length| *length < window.len() || window.len() == self.rest.len());
        match row {
            Some(length) => self.advance(length),
            None => self.advance(self.rest.bytes().position(|byte| byte == b'\n').unwrap_or(self.rest.len())),
        }
        Some((place, row.map(|_| ()).ok_or(Endless { fields: fields.len() })))
    }

    fn advance(&mut self, length: usize) {
        let Some((done, rest)) = self.rest.split_at_checked(length) else {
            return;
        };
        self.next.line += count(done.bytes().filter(|byte| *byte == b'\n').count());
        self.next.offset += count(length);
        self.rest = rest;
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Reads the row at the start of `text` and returns its length without the line break. `None`: a quote is not closed.
pub(crate) fn row<'a>(text: &'a str, dialect: Dialect, fields: &mut Vec<Cow<'a, str>>) -> Option<usize> {
    fields.clear();
    let (delimiter, quote) = (char::from(dialect.delimiter), char::from(dialect.quote));
    let mut rest = text;
    loop {
        let (field, after) = if let Some(inside) = rest.strip_prefix(quote) {
            quoted(inside, dialect)?
        } else {
            let (field, after) = unquoted(rest, dialect);
            (Cow::Borrowed(field), after)
        };
        fields.push(field);
        match after.strip_prefix(delimiter) {
            Some(next) => rest = next,
            None => return Some(text.len() - after.len()),
        }
    }
}

fn unquoted(text: &str, dialect: Dialect) -> (&str, &str) {
    let end = text.bytes().position(|byte| byte == dialect.delimiter || is_break(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The field after its opening quote. Text between the closing quote and the delimiter belongs to it.
fn quoted(text: &str, dialect: Dialect) -> Option<(Cow<'_, str>, &str)> {
    let quote = char::from(dialect.quote);
    let mut value = Cow::Borrowed("");
    let mut rest = text;
    loop {
        let (piece, after) = rest.split_once(quote)?;
        append(&mut value, piece);
        let Some(next) = after.strip_prefix(quote) else {
            let (tail, after) = unquoted(after, dialect);
            append(&mut value, tail);
            return Some((value, after));
        };
        value.to_mut().push(quote);
        rest = next;
    }
}

/// Stays borrowed as long as there is only one piece.
fn append<'a>(value: &mut Cow<'a, str>, piece: &'a str) {
    if value.is_empty() {
        *value = Cow::Borrowed(piece);
    } else if !piece.is_empty() {
        value.to_mut().push_str(piece);
    }
}

#[cfg(test)]
mod tests;
