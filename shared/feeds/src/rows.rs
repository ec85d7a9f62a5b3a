//! The fields of one CSV row (spec import §3.3): doubled quotes inside quoted fields, no trimming.

use crate::frames::Dialect;
use memchr::{memchr, memchr3};
use std::borrow::Cow;

/// Splits a whole row, without its line break, into `fields`, borrowed wherever the row says the value in one piece.
pub(crate) fn split<'a>(row: &'a str, dialect: Dialect, fields: &mut Vec<Cow<'a, str>>) {
    fields.clear();
    let mut rest = row;
    loop {
        let (field, after) = field(rest, dialect);
        fields.push(field);
        match after.as_bytes().first() {
            Some(byte) if *byte == dialect.delimiter => rest = after.get(1..).unwrap_or_default(),
            _ => return,
        }
    }
}

fn field(text: &str, dialect: Dialect) -> (Cow<'_, str>, &str) {
    let quoted = text.as_bytes().first() == Some(&dialect.quote);
    match text.get(1..) {
        Some(inside) if quoted => quoted_field(inside, dialect),
        _ => {
            let (field, after) = unquoted(text, dialect);
            (Cow::Borrowed(field), after)
        }
    }
}

fn unquoted(text: &str, dialect: Dialect) -> (&str, &str) {
    let end = memchr3(dialect.delimiter, b'\n', b'\r', text.as_bytes()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The field after its opening quote. Text between the closing quote and the delimiter belongs to it.
fn quoted_field(text: &str, dialect: Dialect) -> (Cow<'_, str>, &str) {
    let mut value = Cow::Borrowed("");
    let mut rest = text;
    while let Some(end) = memchr(dialect.quote, rest.as_bytes()) {
        append(&mut value, rest.get(..end).unwrap_or_default());
        rest = rest.get(end + 1..).unwrap_or_default();
        if rest.as_bytes().first() != Some(&dialect.quote) {
            let (tail, after) = unquoted(rest, dialect);
            append(&mut value, tail);
            return (value, after);
        }
        value.to_mut().push(char::from(dialect.quote));
        rest = rest.get(1..).unwrap_or_default();
    }
    append(&mut value, rest);
    (value, "")
}

/// Stays borrowed as long as there is only one piece.
fn append<'a>(value: &mut Cow<'a, str>, piece: &'a str) {
    if value.is_empty() {
        *value = Cow::Borrowed(piece);
    } else if !piece.is_empty() {
        value.to_mut().push_str(piece);
    }
}
