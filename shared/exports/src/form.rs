//! `application/x-www-form-urlencoded` as the original's HTTP library writes it (spec match §12.4).

use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// The form of an object's members: texts and numbers; `null` is left out. `None`: something else is in it.
pub(crate) fn encode(members: &Map<String, Value>) -> Option<Vec<u8>> {
    let mut form = Vec::new();
    for (name, value) in members {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => Zeroizing::new(text.clone()),
            Value::Number(number) => Zeroizing::new(number.to_string()),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        push(&mut form, name, &text);
    }
    Some(form)
}

/// The form of names and texts, in their order.
pub(crate) fn of(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, text) in pairs {
        push(&mut form, name, text);
    }
    form
}

fn push(form: &mut Vec<u8>, name: &str, text: &str) {
    if !form.is_empty() {
        form.push(b'&');
    }
    quote(form, name);
    form.push(b'=');
    quote(form, text);
}

fn quote(form: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => form.push(byte),
            b' ' => form.push(b'+'),
            other => form.extend(format!("%{other:02X}").into_bytes()),
        }
    }
}
