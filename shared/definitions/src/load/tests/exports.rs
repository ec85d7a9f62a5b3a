//! Exports described as data: what is refused and where, and docs/exports.md.

use super::{Definition, broken};
use crate::{BodyField, Fact, FactTime, Protocol, schema};
use serde_json::Value;
use std::collections::BTreeSet;

const LINDE: &str = include_str!("../../../../../docs/onboarding/kaffeehaus-linde.toml");
const UNMATCHED: &str = include_str!("../../../merchants/stonegate-unmatched.toml");
const DOCUMENT: &str = include_str!("../../../../../docs/exports.md");

/// How the request says the time.
const TIME: &str = "fact = \"time\", format = \"DD.MM.YYYY HH:mm:ss\", zone = \"Europe/Berlin\"";

/// Each mistake is told by its line and key.
#[test]
fn mistakes_in_exports_are_located() {
    let http = "export.protocol.http";
    let file = "export.protocol.file";
    for (text, from, to, key) in [
        // a mistake in a fact is no constant
        (LINDE, "\"transaction-id\"", "\"transaction\"", format!("{http}.body.beleg")),
        (LINDE, "{ fact = \"amount\" }", "{ fact = \"amount\", as = \"cents\" }", format!("{http}.body.betrag.cent")),
        (LINDE, "{ fact = \"amount\" }", "{ fact = \"amount\", is = \"minor\" }", format!("{http}.body.betrag.cent")),
        (LINDE, "{ fact = \"amount\" }", "{ fact = \"amount\", as = [1] }", format!("{http}.body.betrag.cent")),
        (LINDE, "fact = \"extra\", name = \"filiale\"", "fact = \"extra\"", format!("{http}.body.filiale")),
        (LINDE, TIME, "fact = \"time\", zone = \"Berlin\"", format!("{http}.body.zeit")),
        (LINDE, TIME, "fact = \"time\", format = \"YYYY-MM-DDTHH\"", format!("{http}.body.zeit")),
        (LINDE, TIME, "fact = \"time\", format = \"[HH\"", format!("{http}.body.zeit")),
        (LINDE, TIME, "fact = \"time\", format = \"\"", format!("{http}.body.zeit")),
        (LINDE, "\"Kartenzahlung\"", "1.5", format!("{http}.body.quelle")),
        (LINDE, "\"Kartenzahlung\"", "2024-06-18", format!("{http}.body.quelle")),
        (LINDE, "\"Kartenzahlung\"", "{ fact = 1 }", format!("{http}.body.quelle")),
        (LINDE, "/mitglieder", "mitglieder", format!("{http}.path")),
        (LINDE, "{loyalty-id}", "{loyalty_id}", format!("{http}.path")),
        (LINDE, "{loyalty-id}", "{credential}", format!("{http}.path")),
        (LINDE, "{loyalty-id}", "{loyalty-id", format!("{http}.path")),
        (LINDE, "{loyalty-id}", "loyalty-id}", format!("{http}.path")),
        (LINDE, "/belege\"", "/meine belege\"", format!("{http}.path")),
        (LINDE, "Idempotency-Key = \"{id}\"", "Idempotency-Key = \"{key}\"", format!("{http}.headers.Idempotency-Key")),
        (LINDE, "Idempotency-Key = \"{id}\"", "X-Key = \"Schlüssel\"", format!("{http}.headers.X-Key")),
        (LINDE, "Idempotency-Key = \"{id}\"", "X-Key = \"\"", format!("{http}.headers.X-Key")),
        (LINDE, "Idempotency-Key", "content-type", format!("{http}.headers.content-type")),
        (LINDE, "Idempotency-Key", "AUTHORIZATION", format!("{http}.headers.AUTHORIZATION")),
        (LINDE, "Idempotency-Key = \"{id}\"", "A = \"1\", a = \"2\"", format!("{http}.headers.a")),
        (LINDE, "path = ", "method = \"GET\"\npath = ", format!("{http}.method")),
        (LINDE, "path = ", "pfad = ", format!("{http}.pfad")),
        (LINDE, "https://login", "login", format!("{http}.auth.client-credentials.token_url")),
        (LINDE, "client_id = \"client_id\"", "client = \"a\"", format!("{http}.auth.client-credentials.client")),
        (LINDE, "auth.client-credentials", "auth.oauth", format!("{http}.auth.oauth")),
        (LINDE, "status = [404]", "status = [429]", format!("{http}.answers.0.status.0")),
        (LINDE, "status = [404]", "status = [\"5xx\"]", format!("{http}.answers.0.status.0")),
        (LINDE, "status = [404]", "status = [200, 302]", format!("{http}.answers.0.status.1")),
        (LINDE, "\"/fehler\"", "\"fehler\"", format!("{http}.answers.0.member")),
        (LINDE, "means = \"not-now\"", "means = \"later\"", format!("{http}.answers.0.means")),
        (LINDE, "repeat = \"same-key\"", "repeat = \"ask-first\"", "export.repeat".into()),
        (UNMATCHED, "\"location-id\"", "\"location\"", format!("{file}.columns.2.value.fact")),
        (UNMATCHED, "name = \"uid\"", "name = \"member_number\"", format!("{file}.columns.5.name")),
        (UNMATCHED, "name = \"uid\"", "name = \"\"", format!("{file}.columns.5.name")),
        (UNMATCHED, "\"csv\"", "\"xlsx\"", format!("{file}.format")),
        (UNMATCHED, "{part}", "", format!("{file}.name")),
        (UNMATCHED, "{run}", "{day}{sequence}", format!("{file}.name")),
        (UNMATCHED, "{merchant}/", "/", format!("{file}.name")),
        (UNMATCHED, "{merchant}/", "../", format!("{file}.name")),
        (UNMATCHED, "format = \"csv\"", "zone = \"GMT+1\"\nformat = \"csv\"", format!("{file}.zone")),
        (UNMATCHED, "\"same-key\"", "\"never\"", "export.repeat".into()),
        (UNMATCHED, "repeat", "base_url = \"http://a\"\nrepeat", "export.base_url".into()),
        (UNMATCHED, "{ csv = {} }", "\"json\"", "results.format".into()),
        (UNMATCHED, "csv = {}", "csv = { quote = \",\" }", "results.format.csv.quote".into()),
        (UNMATCHED, "[\"rewarded\"]", "[]", "results.rewarded".into()),
        (UNMATCHED, "uid = \"uid\"", "uid = \"\"", "results.fields.uid".into()),
        (UNMATCHED, "result = \"result\"", "answer = \"result\"", "results.fields.answer".into()),
        (UNMATCHED, "\"iso\"", "\"typed-datetime\"", "results.fields.time.format".into()),
        (UNMATCHED, "unit = \"minor\"", "unit = \"minor\", decimal = \",\"", "results.fields.amount.decimal".into()),
    ] {
        let error = broken(text, from, to);
        let line = 1 + text[..text.find(from).unwrap()].matches('\n').count();
        assert_eq!((error.key.as_str(), error.line), (key.as_str(), line), "{to}: {error}");
    }
    for (text, from, to, key) in [
        (LINDE, "means = \"already-known\"", "is = [\"a\"]\nmeans = \"failed\"", format!("{http}.answers.1.is")),
        (LINDE, "status = [409]\n", "", format!("{http}.answers.1")),
        (UNMATCHED, "[export.batch]\nsize = 1000\nevery_s = 60", "", "export.batch".into()),
        // nobody could answer what is told without its id
        (
            UNMATCHED,
            "name = \"uid\", value = { fact = \"id\" }",
            "name = \"uid\", value = { fact = \"mid\" }",
            "results".into(),
        ),
    ] {
        let error = broken(text, from, to);
        assert_eq!(error.key, key, "{to}: {error}");
    }
}

/// What says nothing, and headers that two parts would write.
#[test]
fn requests_that_make_no_sense() {
    let start = "merchant = \"x\"\nversion = \"1\"\n[export]\nbase_url = \"http://x\"\nrepeat = \"never\"\n\
        [export.protocol.http]\n";
    let unknown = Definition::from_toml(&format!("{}body = [1]\n", start.replace("never", "same-key")), "x.toml");
    assert_eq!(unknown.unwrap_err().key, "export.repeat", "no key for the merchant to know it by");
    for known in ["path = \"/{id}\"", "headers = { K = \"{transaction-id}\" }", "body = [{ a = { fact = \"id\" } }]"] {
        let body = if known.starts_with("body") { "" } else { "body = [1]\n" };
        Definition::from_toml(&format!("{}{known}\n{body}", start.replace("never", "same-key")), "x.toml").unwrap();
    }
    let hmac = |time: &str| {
        format!("auth = {{ hmac = {{ key = \"k\", signature_header = \"X-S\", timestamp_header = \"{time}\" }} }}\n")
    };
    let body = "body = [1]\n";
    for (http, key) in [
        ("body = {}\n".to_owned(), "body"),
        ("body = []\n".to_owned(), "body"),
        ("body = \"all\"\n".to_owned(), "body"),
        ("body = { fact = \"id\" }\n".to_owned(), "body"),
        (format!("auth = {{ header = {{ name = \"Host\", key = \"k\" }} }}\n{body}"), "auth"),
        (format!("{}{body}", hmac("x-s")), "auth"),
        (format!("{}{body}", hmac("X T")), "auth"),
        (format!("{}{body}headers = {{ x-t = \"1\" }}\n", hmac("X-T")), "headers.x-t"),
    ] {
        let error = Definition::from_toml(&format!("{start}{http}"), "x.toml").expect_err(&http);
        assert_eq!(error.key, format!("export.protocol.http.{key}"), "{http}: {error}");
    }
    Definition::from_toml(&format!("{start}{}{body}headers = {{ X-U = \"1\" }}\n", hmac("X-T")), "x.toml").unwrap();
}

/// A body as it is read.
#[test]
fn a_body_is_facts_and_constants() {
    let definition = Definition::from_toml(LINDE, "linde.toml").unwrap();
    let Some(Protocol::Http(http)) = definition.export.map(|export| export.protocol) else { panic!("no request") };
    let BodyField::Object(body) = http.body else { panic!("no table") };
    assert_eq!(body["quelle"], BodyField::Text("Kartenzahlung".into()));
    let BodyField::Fact(Fact::Time { format: FactTime::Format(format), zone }) = &body["zeit"] else {
        panic!("{:?}", body["zeit"])
    };
    assert_eq!((format.parts().len(), zone.iana_name()), (11, Some("Europe/Berlin")));
    let BodyField::Object(amount) = &body["betrag"] else { panic!("no table") };
    assert_eq!(amount.keys().collect::<Vec<_>>(), ["cent", "text", "waehrung"]);
}

/// docs/exports.md: each block loads, those that show a part with the rest around them; the schema agrees.
#[test]
fn the_documented_exports_load() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let blocks: Vec<&str> = DOCUMENT.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 9, "{}", blocks.len());
    for block in blocks {
        let (before, after) = if block.contains("[export]") {
            ("", "")
        } else {
            let before = "[export]\nbase_url = \"http://x\"\nrepeat = \"never\"\n";
            (before, "[export.protocol.http.body]\nid = { fact = \"id\" }\n")
        };
        let text = format!("merchant = \"shop\"\nversion = \"1\"\n{before}{block}{after}");
        Definition::from_toml(&text, "docs/exports.md").unwrap_or_else(|e| panic!("{e}\n{text}"));
        let json = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
        let errors: Vec<String> = validator.iter_errors(&json).map(|e| format!("{} {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:?}\n{text}");
    }
}

/// An editor sees these while they are typed.
#[test]
fn mistakes_in_exports_do_not_fit_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let fits = |text: &str| validator.is_valid(&serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap());
    assert!(fits(LINDE) && fits(UNMATCHED));
    for (text, from, to) in [
        (LINDE, "\"transaction-id\"", "\"transaction\""),
        (LINDE, "{ fact = \"amount\" }", "{ fact = \"amount\", is = \"minor\" }"),
        (LINDE, "\"Kartenzahlung\"", "1.5"),
        (LINDE, "path = ", "pfad = "),
        (LINDE, "status = [404]", "status = [429]"),
        (LINDE, "client_id = ", "client = "),
        (UNMATCHED, "name = \"uid\", value", "name = \"uid\", fact"),
        (UNMATCHED, "\"csv\"", "\"xlsx\""),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(!fits(&text.replacen(from, to, 1)), "{to}");
    }
}

/// What may be written is written about: keys, and the values that have names.
#[test]
fn every_key_of_an_export_is_documented() {
    let schema = schema();
    let mut words = BTreeSet::new();
    for part in [
        "Export",
        "HttpExport",
        "Auth",
        "AnswerRule",
        "AnswerStatus",
        "ClientIn",
        "Fact",
        "NumberText",
        "FileExport",
        "FileFormat",
        "Column",
        "BatchPlan",
        "RetryStep",
        "Meaning",
        "Method",
        "Repeat",
        "Corrections",
        "FirstAttempt",
    ] {
        collect(&schema["$defs"][part], &mut words);
    }
    assert!(words.len() > 60, "{words:?}");
    let missing: Vec<_> = words.iter().filter(|word| !DOCUMENT.contains(word.as_str())).collect();
    assert!(missing.is_empty(), "docs/exports.md does not name {missing:?}");
}

/// Names of properties, of values and of variants, wherever they stand in a schema.
fn collect(schema: &Value, words: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value) {
                    ("properties", Value::Object(properties)) => words.extend(properties.keys().cloned()),
                    ("const", Value::String(text)) => _ = words.insert(text.clone()),
                    ("enum", Value::Array(texts)) => {
                        words.extend(texts.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    _ => {}
                }
                collect(value, words);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        _ => {}
    }
}
