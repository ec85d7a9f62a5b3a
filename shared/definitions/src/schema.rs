//! The JSON Schema of definitions, derived from the types, so that editors complete and check while a definition is
//! written. The loader checks more than a schema can say.

use crate::Definition;
use harmonia_domain::feed::{Kind, SLUG_CHARS_MAX};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};

/// The JSON Schema (draft 2020-12) of a definition.
pub fn schema() -> serde_json::Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Definition>().into()
}

// The schemas of the domain's types as definitions write them: the domain itself knows nothing of schemas.

pub(crate) fn slug(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": SLUG_CHARS_MAX })
}

pub(crate) fn transport(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": ["file", "message"] })
}

pub(crate) fn kinds(_: &mut SchemaGenerator) -> Schema {
    let kinds = [Kind::Auth, Kind::Settled, Kind::Refund].map(|kind| kind.as_str().to_lowercase());
    json_schema!({ "type": "array", "items": { "enum": kinds } })
}

pub(crate) fn currency(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "pattern": "^([A-Za-z]{3}|826|978|840)$" })
}

pub(crate) fn ascii(generator: &mut SchemaGenerator) -> Schema {
    char::json_schema(generator)
}

#[cfg(test)]
mod tests;
