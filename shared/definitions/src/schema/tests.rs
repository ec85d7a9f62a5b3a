use super::*;
use crate::load::SHIPPED;
use serde_json::Value;

fn json(toml: &str) -> Value {
    serde_json::to_value(toml.parse::<toml::Table>().unwrap()).unwrap()
}

/// What the loader accepts, the schema accepts.
#[test]
fn every_shipped_definition_fits_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for (file, text) in SHIPPED {
        let definition = json(text);
        let errors: Vec<String> =
            validator.iter_errors(&definition).map(|e| format!("{} {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{file}: {errors:?}");
    }
}

/// Wrong keys and wrong values do not fit.
#[test]
fn mistakes_do_not_fit_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let (_, text) = SHIPPED.iter().find(|(file, _)| *file == "wasabi-club.toml").unwrap();
    for (from, to) in [
        ("transport = ", "transprot = "),
        ("\"file\"", "\"post\""),
        ("{ csv = {} }", "{ xml = {} }"),
        ("csv = {}", "csv = { delimiter = \";;\" }"),
        ("version = \"1\"", "version = 1"),
        ("merchant = \"wasabi-club\"", "merchant = \"Wasabi Club\""),
        ("match = \"loyalty\"", "match = \"royalty\""),
        ("within_s = 180", "within_m = 3"),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(!validator.is_valid(&json(&text.replacen(from, to, 1))), "{to}");
    }
}

/// The doc comments are the help that an editor shows.
#[test]
fn the_schema_describes_the_keys() {
    let schema = schema();
    let text = schema.pointer("/$defs/MerchantFeed/properties/skip/description").and_then(Value::as_str).unwrap();
    assert!(text.starts_with("Filters, in their order"), "{text}");
}
