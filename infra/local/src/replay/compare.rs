//! Comparison of a result with its expectation, as the cases' own comparison does it: lists without order, keys that
//! are not expected do not matter, instants as instants, `<uuid:N>` and `<key:N>` stand for anything.

use super::Case;
use jiff::{Timestamp, civil::DateTime, tz::Offset};
use serde_json::{Map, Value};

/// The sections of an expectation.
const SECTIONS: [&str; 9] = [
    "files",
    "unattributed",
    "transactions",
    "payments",
    "merchant_lines",
    "matches",
    "exports",
    "requests",
    "uploads",
];
/// Keys whose texts are instants.
const INSTANTS: [&str; 4] = ["at", "transaction_date", "date_range_from", "date_range_to"];

/// What differs in one section.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Difference {
    /// Which section.
    pub section: String,
    /// Expected and not there.
    pub missing: Vec<Value>,
    /// There and not expected.
    pub extra: Vec<Value>,
}

/// Everything that differs.
pub fn compare(case: &Case, result: &Value) -> Vec<Difference> {
    let unchecked = |what: &str| case.unchecked.iter().any(|u| u == what);
    if unchecked("*") {
        return Vec::new();
    }
    let checked = SECTIONS.into_iter().filter(|section| !unchecked(section));
    checked.filter_map(|section| section_differs(case, section, result, unchecked("exports.status"))).collect()
}

fn section_differs(case: &Case, section: &str, result: &Value, ignore_status: bool) -> Option<Difference> {
    let list = |v: Option<&Value>| v.and_then(Value::as_array).cloned().unwrap_or_default();
    let mut expected = list(case.expect.get(section));
    let mut got = list(result.get(section));
    for value in expected.iter_mut().chain(&mut got) {
        if section == "uploads" {
            split_lines(value);
        }
    }
    if section == "exports" && ignore_status {
        expected.iter_mut().filter_map(Value::as_object_mut).for_each(|o| drop(o.remove("status")));
    }
    let (missing, extra) = without_order(&expected, &got, "");
    (!missing.is_empty() || !extra.is_empty()).then(|| Difference { section: section.to_owned(), missing, extra })
}

fn split_lines(upload: &mut Value) {
    if let Some(Value::String(text)) = upload.get("content") {
        let lines = text.lines().map(|l| serde_json::json!({ "line": l })).collect();
        if let Some(object) = upload.as_object_mut() {
            object.insert("content".to_owned(), Value::Array(lines));
        }
    }
}

/// What of `expected` has no counterpart, and what of `got` is left over.
fn without_order(expected: &[Value], got: &[Value], key: &str) -> (Vec<Value>, Vec<Value>) {
    let mut left: Vec<&Value> = got.iter().collect();
    let mut missing = Vec::new();
    for wanted in expected {
        match left.iter().position(|there| equal(wanted, there, key)) {
            Some(found) => drop(left.remove(found)),
            None => missing.push(wanted.clone()),
        }
    }
    (missing, left.into_iter().cloned().collect())
}

fn equal(expected: &Value, got: &Value, key: &str) -> bool {
    match (expected, got) {
        (Value::Object(wanted), Value::Object(there)) => object_equal(wanted, there),
        (Value::Array(wanted), Value::Array(there)) => array_equal(wanted, there, key),
        (Value::String(wanted), Value::String(there)) if INSTANTS.contains(&key) => instant(wanted) == instant(there),
        (Value::String(wanted), Value::String(there)) => text_equal(wanted, there),
        (Value::Number(wanted), Value::Number(there)) => number(wanted) == number(there),
        _ => expected == got,
    }
}

fn object_equal(wanted: &Map<String, Value>, there: &Map<String, Value>) -> bool {
    wanted.iter().all(|(name, value)| equal(value, there.get(name).unwrap_or(&Value::Null), name))
}

fn array_equal(wanted: &[Value], there: &[Value], key: &str) -> bool {
    if wanted.len() != there.len() {
        return false;
    }
    // lists of objects and MIDs have no order
    let unordered = key == "mids" || (!wanted.is_empty() && wanted.iter().all(Value::is_object));
    if unordered {
        without_order(wanted, there, "").0.is_empty()
    } else {
        wanted.iter().zip(there).all(|(a, b)| equal(a, b, key))
    }
}

/// 12, 12.0 and 12.00 are one number.
fn number(n: &serde_json::Number) -> String {
    let text = n.to_string();
    match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        None => text,
    }
}

/// An instant with offset, or without one in UTC; anything else as it is.
fn instant(text: &str) -> Result<Timestamp, &str> {
    let spaced = text.replacen(' ', "T", 1);
    spaced
        .parse::<Timestamp>()
        .or_else(|_| spaced.parse::<DateTime>().and_then(|wall| Offset::UTC.to_timestamp(wall)))
        .map_err(|_| text)
}

/// Equal, or equal around `<uuid:N>` and `<key:N>`.
fn text_equal(wanted: &str, there: &str) -> bool {
    let parts = fixed_parts(wanted);
    let [first, rest @ ..] = parts.as_slice() else { return wanted == there };
    let Some(mut left) = there.strip_prefix(first) else { return false };
    let Some((last, middle)) = rest.split_last() else { return left.is_empty() };
    for part in middle {
        match left.find(part) {
            Some(at) => left = left.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    left.ends_with(last)
}

/// The fixed texts between wildcards; one part if there are none.
fn fixed_parts(wanted: &str) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), wanted);
    loop {
        let start = ["<uuid:", "<key:"].iter().filter_map(|w| rest.find(w)).min();
        let cut = start.and_then(|s| rest.get(s..)?.find('>').map(|end| (s, s + end + 1)));
        let Some((start, end)) = cut else {
            parts.push(rest);
            return parts;
        };
        parts.push(rest.get(..start).unwrap_or_default());
        rest = rest.get(end..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_compare_as_the_cases_say() {
        let same = |a: Value, b: Value| equal(&a, &b, "");
        assert!(same(json!({"a": 1}), json!({"a": 1.0, "b": 2})), "keys that are not expected do not matter");
        assert!(same(json!({"a": null}), json!({})));
        assert!(!same(json!({"a": 1}), json!({})));
        assert!(same(json!([{"a": 1}, {"a": 2}]), json!([{"a": 2}, {"a": 1}])));
        assert!(!same(json!([1, 2]), json!([2, 1])));
        assert!(same(json!({"mids": ["a", "b"]}), json!({"mids": ["b", "a"]})));
        assert!(same(json!({"at": "2024-06-03T11:42:00+00:00"}), json!({"at": "2024-06-03T11:42:00"})));
        assert!(!same(json!({"at": "2024-06-03T11:42:01Z"}), json!({"at": "2024-06-03T11:42:00Z"})));
        assert!(same(json!("a<uuid:1>c<key:22>"), json!("abcd")));
        assert!(!same(json!("a<uuid:1>c"), json!("abd")));
        assert!(!same(json!("plain"), json!("plainer")));
    }

    #[test]
    fn a_missing_and_an_extra_row_are_told() {
        let (missing, extra) =
            without_order(&[json!({"a": 1}), json!({"a": 1})], &[json!({"a": 1}), json!({"a": 3})], "");
        assert_eq!((missing, extra), (vec![json!({"a": 1})], vec![json!({"a": 3})]));
    }
}
