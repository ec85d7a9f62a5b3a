//! Spec match §9: bodies as Python writes them.

use crate::{form, python_json};
use serde_json::{Value, json};

fn written(value: &Value) -> String {
    String::from_utf8(python_json::to_bytes(value).unwrap()).unwrap()
}

/// Expected texts are what `json.dumps` gives.
#[test]
fn json_as_python_writes_it() {
    for (value, text) in [
        (json!([]), "[]"),
        (json!({}), "{}"),
        (json!([1, 2.5, null, true]), "[1, 2.5, null, true]"),
        (json!({"a": {"b": []}, "c": [{}, {}]}), r#"{"a": {"b": []}, "c": [{}, {}]}"#),
        (json!("a\"b\\c/d"), r#""a\"b\\c/d""#),
        (json!("\n\r\t\u{8}\u{c}\u{1}\u{7f}"), "\"\\n\\r\\t\\b\\f\\u0001\\u007f\""),
        (json!("é€😀"), "\"\\u00e9\\u20ac\\ud83d\\ude00\""),
        (json!({"é": 1}), "{\"\\u00e9\": 1}"),
    ] {
        assert_eq!(written(&value), text);
    }
}

#[test]
fn forms() {
    let form = |value: Value| form::encode(value.as_object().unwrap()).map(|f| String::from_utf8(f).unwrap());
    assert_eq!(form(json!({})).as_deref(), Some(""));
    assert_eq!(form(json!({"a b": "c&d=e", "n": -1, "x": null})).as_deref(), Some("a+b=c%26d%3De&n=-1"));
    // §9.4
    let login = form::of(&[("username", "u@x y"), ("password", "p&w"), ("grant_type", "password")]);
    assert_eq!(String::from_utf8(login).unwrap(), "username=u%40x+y&password=p%26w&grant_type=password");
    for unusable in [json!({"a": []}), json!({"a": {}}), json!({"a": true})] {
        assert_eq!(form(unusable), None);
    }
}
