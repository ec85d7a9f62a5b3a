//! A JSON body as a definition writes it. Read by hand: a table that names a fact is one, and a mistake in it is told
//! where it stands, instead of sent to the merchant as a constant.

use super::Fact;
use schemars::json_schema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt};

/// A part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyField {
    /// Something that is known of the export.
    Fact(Fact),
    /// An object.
    Object(BTreeMap<String, BodyField>),
    /// A list.
    List(Vec<BodyField>),
    /// A constant text.
    Text(String),
    /// A constant number.
    Number(i64),
    /// A constant.
    Bool(bool),
}

impl BodyField {
    /// Is anything in it part of what the feed keeps of a sale beyond the common fields?
    pub(super) fn reads_sale(&self) -> bool {
        match self {
            Self::Fact(fact) => fact.reads_sale(),
            Self::Object(members) => members.values().any(Self::reads_sale),
            Self::List(items) => items.iter().any(Self::reads_sale),
            Self::Text(_) | Self::Number(_) | Self::Bool(_) => false,
        }
    }
}

impl<'de> Deserialize<'de> for BodyField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = BodyField;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fact, a table, a list, a text, a whole number or a truth value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<BodyField, E> {
        Ok(BodyField::Text(text.to_owned()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<BodyField, E> {
        Ok(BodyField::Number(number))
    }

    fn visit_bool<E: Error>(self, holds: bool) -> Result<BodyField, E> {
        Ok(BodyField::Bool(holds))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<BodyField, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(BodyField::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<BodyField, A::Error> {
        let mut members = BTreeMap::new();
        while let Some(name) = entries.next_key::<String>()? {
            // how the reader of TOML hands over a date
            if name.starts_with("$__toml_private") {
                return Err(A::Error::custom("a date is no constant of JSON: write it as a text"));
            }
            members.insert(name, entries.next_value()?);
        }
        if !members.contains_key("fact") {
            return Ok(BodyField::Object(members));
        }
        let options: Option<Map<String, Value>> =
            members.into_iter().map(|(name, value)| Some((name, constant(value)?))).collect();
        let options = options.ok_or_else(|| A::Error::custom("the options of a fact are texts"))?;
        Fact::deserialize(Value::Object(options)).map(BodyField::Fact).map_err(A::Error::custom)
    }
}

/// An option of a fact; none is nested.
fn constant(field: BodyField) -> Option<Value> {
    match field {
        BodyField::Text(text) => Some(text.into()),
        BodyField::Number(number) => Some(number.into()),
        BodyField::Bool(holds) => Some(holds.into()),
        BodyField::Fact(_) | BodyField::Object(_) | BodyField::List(_) => None,
    }
}

impl schemars::JsonSchema for BodyField {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BodyField".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let (fact, part) = (generator.subschema_for::<Fact>(), generator.subschema_for::<Self>());
        json_schema!({
            "description": "A part of a body: a table that names a `fact`, an object, a list or a constant.",
            "anyOf": [
                fact,
                { "type": "object", "properties": { "fact": false }, "additionalProperties": part },
                { "type": "array", "items": part },
                { "type": ["string", "integer", "boolean"] },
            ],
        })
    }
}
