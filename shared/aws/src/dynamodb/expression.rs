//! Expressions. All attribute names and values go through placeholders: several of ours are reserved words there.

use super::item::{Attributes, BY, ON, VERSION, check_name, field, text};
use aws_sdk_dynamodb::types::AttributeValue;
use harmonia_ports::{Expect, OneOf, Stamp, StoreError};
use serde_json::{Map, Value};
use std::collections::HashMap;

const EXISTS: &str = "attribute_exists(pk)";
const ABSENT: &str = "attribute_not_exists(pk)";

/// The placeholders of the expressions of one write.
#[derive(Debug, Default)]
pub(super) struct Expression {
    names: HashMap<String, String>,
    values: Attributes,
}

impl Expression {
    /// What the placeholders stand for; the service refuses empty maps.
    pub(super) fn placeholders(self) -> (Option<HashMap<String, String>>, Option<Attributes>) {
        ((!self.names.is_empty()).then_some(self.names), (!self.values.is_empty()).then_some(self.values))
    }

    fn name(&mut self, attribute: &str) -> String {
        let placeholder = format!("#n{}", self.names.len());
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    fn equal(&mut self, attribute: &str, value: AttributeValue) -> String {
        let (name, value) = (self.name(attribute), self.value(value));
        format!("{name} = {value}")
    }

    /// The item there has this version.
    pub(super) fn version(&mut self, version: u64) -> String {
        self.equal(VERSION, AttributeValue::N(version.to_string()))
    }

    /// The item there has these fields. A field that is not there equals null.
    fn fields(&mut self, fields: &[(String, Value)]) -> Result<String, StoreError> {
        let mut all = vec![EXISTS.to_owned()];
        for (attribute, expected) in fields {
            check_name(attribute)?;
            let mut condition = self.equal(attribute, field(expected)?);
            if expected.is_null() {
                let name = self.name(attribute);
                condition = format!("(attribute_not_exists({name}) OR {condition})");
            }
            all.push(condition);
        }
        Ok(all.join(" AND "))
    }

    /// The condition of a put over an item of which the version `there` is believed (0: none is there). Only `Any` and
    /// `Fields` need the belief, because a put has to write the version that follows.
    pub(super) fn put_if(&mut self, expect: &Expect, there: u64) -> Result<String, StoreError> {
        Ok(match expect {
            Expect::Absent => ABSENT.to_owned(),
            Expect::Any if there == 0 => ABSENT.to_owned(),
            Expect::Any => self.version(there),
            Expect::Version(version) => self.version(*version),
            Expect::Fields(fields) => format!("{} AND {}", self.version(there), self.fields(fields)?),
        })
    }

    /// The condition of a check. One that always holds is spelled out, as the service wants a condition.
    pub(super) fn check_if(&mut self, expect: &Expect) -> Result<String, StoreError> {
        Ok(match expect {
            Expect::Any => format!("{EXISTS} OR {ABSENT}"),
            Expect::Absent => ABSENT.to_owned(),
            Expect::Version(version) => self.version(*version),
            Expect::Fields(fields) => self.fields(fields)?,
        })
    }

    /// The condition of a patch: there has to be something to patch.
    pub(super) fn patch_if(&mut self, expect: &Expect) -> Result<String, StoreError> {
        Ok(match expect {
            Expect::Any => EXISTS.to_owned(),
            other => format!("{EXISTS} AND {}", self.check_if(other)?),
        })
    }

    /// The filter of a query.
    pub(super) fn one_of(&mut self, only: &OneOf) -> Result<String, StoreError> {
        check_name(only.field)?;
        let name = self.name(only.field);
        let texts: Vec<String> = only.texts.iter().map(|one| self.value(text(one))).collect();
        Ok(format!("{name} IN ({})", texts.join(", ")))
    }

    /// What a patch does: the fields, the stamp, the next version.
    pub(super) fn patch(&mut self, set: &Map<String, Value>, stamp: &Stamp) -> Result<String, StoreError> {
        let mut all = vec![self.equal(BY, text(&stamp.by)), self.equal(ON, AttributeValue::S(stamp.on.to_string()))];
        for (attribute, value) in set {
            check_name(attribute)?;
            all.push(self.equal(attribute, field(value)?));
        }
        let (version, one) = (self.name(VERSION), self.value(AttributeValue::N("1".to_owned())));
        Ok(format!("SET {} ADD {version} {one}", all.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The expression with its placeholders filled in.
    fn filled(expression: Expression, text: &str) -> String {
        let (names, values) = expression.placeholders();
        let names = names.unwrap_or_default().into_iter();
        let values = values.unwrap_or_default().into_iter().map(|(placeholder, value)| {
            let shown = match value {
                AttributeValue::S(text) => format!("'{text}'"),
                AttributeValue::N(number) => number,
                AttributeValue::Null(_) => "NULL".to_owned(),
                other => format!("{other:?}"),
            };
            (placeholder, shown)
        });
        names.chain(values).fold(text.to_owned(), |text, (placeholder, shown)| text.replace(&placeholder, &shown))
    }

    fn fields() -> Expect {
        Expect::Fields(vec![("st".into(), json!("live")), ("x".into(), json!(null))])
    }

    const FIELDS: &str = "attribute_exists(pk) AND st = 'live' AND (attribute_not_exists(x) OR x = NULL)";

    #[test]
    fn puts_know_the_version_they_replace() {
        let cases = [
            (Expect::Absent, 4, ABSENT.to_owned()),
            (Expect::Any, 0, ABSENT.to_owned()),
            (Expect::Any, 4, "v = 4".to_owned()),
            (Expect::Version(7), 4, "v = 7".to_owned()),
            (fields(), 4, format!("v = 4 AND {FIELDS}")),
        ];
        for (expect, there, expected) in cases {
            let mut expression = Expression::default();
            let text = expression.put_if(&expect, there).unwrap();
            assert_eq!(filled(expression, &text), expected, "{expect:?}");
        }
    }

    #[test]
    fn patches_need_something_to_patch_and_checks_do_not() {
        let cases = [
            (Expect::Any, "attribute_exists(pk)", "attribute_exists(pk) OR attribute_not_exists(pk)"),
            (Expect::Absent, "attribute_exists(pk) AND attribute_not_exists(pk)", ABSENT),
            (Expect::Version(7), "attribute_exists(pk) AND v = 7", "v = 7"),
        ];
        for (expect, patch, check) in cases {
            let mut expression = Expression::default();
            let text = expression.patch_if(&expect).unwrap();
            assert_eq!(filled(expression, &text), patch, "{expect:?}");
            let mut expression = Expression::default();
            let text = expression.check_if(&expect).unwrap();
            assert_eq!(filled(expression, &text), check, "{expect:?}");
        }
        let mut expression = Expression::default();
        let text = expression.check_if(&fields()).unwrap();
        assert_eq!(filled(expression, &text), FIELDS);
    }

    #[test]
    fn patches_set_fields_and_count() {
        let set = json!({"st": "claimed"}).as_object().unwrap().clone();
        let stamp = Stamp { by: "match".into(), on: "2026-11-22T10:00:00Z".parse().unwrap() };
        let mut expression = Expression::default();
        let text = expression.patch(&set, &stamp).unwrap();
        let expected = "SET by = 'match', on = '2026-11-22T10:00:00Z', st = 'claimed' ADD v 1";
        assert_eq!(filled(expression, &text), expected);
    }

    #[test]
    fn reserved_names_are_refused() {
        let stamp = Stamp { by: "match".into(), on: "2026-11-22T10:00:00Z".parse().unwrap() };
        let set = json!({"v": 9}).as_object().unwrap().clone();
        assert!(matches!(Expression::default().patch(&set, &stamp), Err(StoreError::Invalid { .. })));
        let expect = Expect::Fields(vec![("wk".into(), json!(null))]);
        assert!(matches!(Expression::default().check_if(&expect), Err(StoreError::Invalid { .. })));
    }
}
