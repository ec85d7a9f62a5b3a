//! The cases of tests/cases, each compared as a whole with what the original did.

use harmonia_local::replay::{Case, Surroundings, compare, load, run};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path};

/// The cases must not become fewer without anybody seeing it.
const CASES_MIN: usize = 204;

/// All cases in the order of their names.
fn all() -> Vec<(Case, Surroundings)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_case = |path: &Path| path.extension().is_some_and(|e| e == "json") && !path.ends_with("world.json");
    let mut cases: Vec<_> = files.filter(|path| is_case(path)).map(|path| load(&path).unwrap()).collect();
    cases.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    cases
}

#[tokio::test]
async fn every_case_agrees() {
    let (cases, mut differing) = (all(), 0);
    for (case, surroundings) in &cases {
        let differences = match run(case, surroundings).await {
            Ok(result) => compare(case, &result).into_iter().map(|d| json!(d).to_string()).collect(),
            Err(e) => vec![format!("cannot be run: {e}")],
        };
        differing += usize::from(!differences.is_empty());
        for difference in differences {
            eprintln!("{}: {difference}", case.name);
        }
    }
    eprintln!("{} of {} cases agree", cases.len() - differing, cases.len());
    assert_eq!(differing, 0, "cases differ: see above");
    assert!(cases.len() >= CASES_MIN, "only {} cases", cases.len());
}

/// The first case that shows something in each section, without exceptions.
fn one_for_each_section(cases: &[(Case, Surroundings)]) -> BTreeMap<&str, &(Case, Surroundings)> {
    let mut found = BTreeMap::new();
    for pair in cases.iter().filter(|(case, _)| case.unchecked.is_empty()) {
        let shown = |rows: &Value| rows.as_array().is_some_and(|rows| !rows.is_empty());
        for (section, _) in pair.0.expect.iter().filter(|(_, rows)| shown(rows)) {
            found.entry(section.as_str()).or_insert(pair);
        }
    }
    found
}

fn complaints(case: &Case, section: &str, rows: Vec<Value>, result: &Value) -> (usize, usize) {
    let mut wrong = case.clone();
    wrong.expect.insert(section.to_owned(), Value::Array(rows));
    let differences = compare(&wrong, result);
    assert!(differences.iter().all(|d| d.section == section), "{}: {differences:?}", case.name);
    differences.first().map_or((0, 0), |d| (d.missing.len(), d.extra.len()))
}

/// A comparison that cannot fail would be worth nothing: in every section a row that is expected in vain, a row that
/// nobody expected and a row with another value are told.
#[tokio::test]
async fn a_wrong_expectation_is_reported() {
    let cases = all();
    let sections = one_for_each_section(&cases);
    let expected = [
        "exports",
        "files",
        "matches",
        "merchant_lines",
        "payments",
        "requests",
        "transactions",
        "unattributed",
        "uploads",
    ];
    assert_eq!(sections.keys().copied().collect::<Vec<_>>(), expected);
    for (section, (case, surroundings)) in sections {
        let result = run(case, surroundings).await.unwrap();
        let rows = case.expect[section].as_array().unwrap().clone();
        assert_eq!(complaints(case, section, rows.clone(), &result), (0, 0), "{}: {section}", case.name);
        let one_more = rows.iter().cloned().chain([json!({ "planted": 1 })]).collect();
        assert_eq!(complaints(case, section, one_more, &result), (1, 0), "{}: {section}", case.name);
        let one_less = rows[1..].to_vec();
        assert_eq!(complaints(case, section, one_less, &result), (0, 1), "{}: {section}", case.name);
        let mut other = rows;
        let name = other[0].as_object().unwrap().keys().next().unwrap().clone();
        other[0][&name] = json!("planted");
        assert_eq!(complaints(case, section, other, &result), (1, 1), "{}: {section}", case.name);
    }
}
