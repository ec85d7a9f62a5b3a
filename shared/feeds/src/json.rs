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

/// Reads a message, which is one object: not too long, not too deep.
pub(crate) fn object(bytes: &[u8]) -> Result<Object, Reject> {
    let refuse = |reason, class| Err(Reject { field: "message".to_owned(), reason, class });
    if bytes.len() > limits::MESSAGE_BYTES_MAX {
        return refuse(RejectReason::TooLong, ValueClass::Long);
    }
    if depth(bytes) > limits::JSON_DEPTH_MAX {
        return refuse(RejectReason::TooDeep, ValueClass::Structure);
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => refuse(RejectReason::NotAnObject, class(&other)),
        Err(_) => refuse(RejectReason::NotJson, ValueClass::of(&String::from_utf8_lossy(bytes))),
    }
}

/// How many brackets are open at once, at most; those within texts do not count.
fn depth(bytes: &[u8]) -> usize {
    let (mut open, mut deepest) = (0_usize, 0_usize);
    let mut in_text = false;
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_text = !in_text,
            b'\\' if in_text => drop(bytes.next()),
            b'{' | b'[' if !in_text => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' if !in_text => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The value of a typed object (spec import §3.5): exactly the keys `__type__`, which says `kind`, and `__value__`.
pub(crate) fn typed<'a>(value: &'a Value, kind: &str) -> Option<&'a str> {
    let object = value.as_object().filter(|object| object.len() == 2)?;
    object.get("__type__").and_then(Value::as_str).filter(|found| *found == kind)?;
    object.get("__value__").and_then(Value::as_str)
}

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
