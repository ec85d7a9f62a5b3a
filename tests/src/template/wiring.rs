//! A function's `main` asks for the ports whose names the template gives it, and for no other: what it does not ask for
//! is not linked into it, and what it asks for needs a name and a right.

use super::{assert_rule, functions, read, short_name};
use serde_json::{Value, json};

/// What `main` calls for, and the variables that tell where it is.
const WIRED: [(&str, &[&str]); 4] = [
    (
        ".objects()",
        &["HARMONIA_BUCKET_IMPORTS", "HARMONIA_BUCKET_ARCHIVE", "HARMONIA_BUCKET_EXPORTS", "HARMONIA_BUCKET_WORK"],
    ),
    (".machines()", &["HARMONIA_MACHINES"]),
    (".web()", &["HARMONIA_DIRECTORY_URL", "HARMONIA_BASE_URLS"]),
    (".secrets()", &["HARMONIA_SECRETS"]),
];

fn wired(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for function in functions(template).values() {
        let name = short_name(function, "FunctionName");
        let main = read(&format!("functions/{name}/src/main.rs"));
        // wired by itself: it works with neither stages nor secrets
        if main.contains("run_audit(") {
            continue;
        }
        let variables = &function["Environment"]["Variables"];
        for (call, names) in WIRED {
            let named = names.iter().any(|name| !variables[name].is_null());
            if named != main.contains(call) {
                told.push(format!("{name}: {call} in its main, or one of {names:?} in its variables, but not both"));
            }
        }
    }
    told
}

#[test]
fn functions_ask_for_what_they_are_given() {
    let variables =
        |function: &str, name: &str| format!("/Resources/{function}Function/Properties/Environment/Variables/{name}");
    let plants = [
        (variables("Import", "HARMONIA_MACHINES"), Value::Null),
        (variables("Identify", "HARMONIA_SECRETS"), Value::Null),
        (variables("Export", "HARMONIA_BASE_URLS"), Value::Null),
        // a bucket of its own
        (
            "/Resources/MatchFunction/Properties/Environment/Variables".to_owned(),
            json!({ "HARMONIA_BUCKET_WORK": "w" }),
        ),
    ];
    let plants = plants.each_ref().map(|(pointer, value)| (pointer.as_str(), value.clone()));
    assert_rule(wired, &plants);
}
