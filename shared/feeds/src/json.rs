//! Values of JSON messages by type. A required value that is null is missing; a value of another type is refused,
//! because guessing (a number for an id, a list for a text) would join strangers.

use crate::limits;
use harmonia_domain::{
    money::MinorUnits,
    outcome::{Reject, RejectReason, ValueClass},
};
use serde_json::{Map, Value};

/// A message.
pub(crate) type Object = Map<String, Value>;

/// The class of a value, told instead of the value.
pub(crate) fn class(value: &Value) -> ValueClass {
    match value {
        Value::Null => ValueClass::Absent,
        Value::Bool(_) => ValueClass::Text,
        Value::Number(_) => ValueClass::Number,
        Value::String(text) => ValueClass::of(text),
        Value::Array(_) | Value::Object(_) => ValueClass::Structure,
    }
}

pub(crate) fn wrong_type(field: &str, value: &Value) -> Reject {
    Reject { field: field.to_owned(), reason: RejectReason::WrongType, class: class(value) }
}

/// A text that must be there; it may be empty.
pub(crate) fn text<'a>(field: &str, value: Option<&'a Value>) -> Result<&'a str, Reject> {
    match value {
        None | Some(Value::Null) => Err(Reject::missing(field)),
        Some(Value::String(text)) if text.len() > limits::FIELD_BYTES_MAX => {
            Err(Reject::value(field, RejectReason::TooLong, text))
        }
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(wrong_type(field, other)),
    }
}

/// A text that may be absent or null, which counts as empty.
pub(crate) fn text_or_empty<'a>(field: &str, value: Option<&'a Value>) -> Result<&'a str, Reject> {
    match value {
        None | Some(Value::Null) => Ok(""),
        some => text(field, some),
    }
}

/// A text that may be null but whose key must be there.
pub(crate) fn text_or_null<'a>(field: &str, value: Option<&'a Value>) -> Result<&'a str, Reject> {
    if value.is_none() { Err(Reject::missing(field)) } else { text_or_empty(field, value) }
}

/// Pounds as text or number. A number counts as its shortest decimal text (D2): `1e2` is `100.0`.
pub(crate) fn amount(field: &str, value: Option<&Value>) -> Result<MinorUnits, Reject> {
    match value {
        Some(value @ Value::Number(number)) => {
            limits::amount(field, MinorUnits::from_major_text(&number.to_string()), class(value))
        }
        other => {
            let text = text(field, other)?;
            limits::amount(field, MinorUnits::from_major_text(text), ValueClass::of(text))
        }
    }
}
