//! The cases of tests/cases that the feeds and merchants of this release can play, each compared with what the
//! original did. Which ones these are follows from the cases; nobody keeps a list.

use harmonia_definitions::Definitions;
use harmonia_domain::feed::PaymentFeed;
use harmonia_local::replay::{Action, Case, Surroundings, compare, load, run};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// The selection must not become empty without anybody seeing it.
const CASES_MIN: usize = 92;

/// The feeds and the merchants of this release.
struct Release {
    feeds: BTreeSet<String>,
    merchants: BTreeSet<String>,
}

impl Release {
    fn this() -> Self {
        let definitions = Definitions::shipped().unwrap();
        let merchants: BTreeSet<String> = definitions.iter().map(|d| d.merchant.to_string()).collect();
        let payments = PaymentFeed::ALL.into_iter().map(|f| f.to_string());
        Self { feeds: payments.chain(merchants.clone()).collect(), merchants }
    }

    fn plays(&self, case: &Case) -> bool {
        let step = |action: &Action| match action {
            Action::Import { feed, .. } => self.feeds.contains(feed),
            Action::BatchExport { agent } | Action::Unmatched { agent } => self.merchants.contains(agent),
            Action::RetryExports => true,
        };
        case.steps.iter().all(|s| step(&s.action))
            && case.world.identifiers.iter().all(|i| self.merchants.contains(&i.scheme))
    }
}

/// The cases of this release in the order of their names.
fn selected() -> Vec<(Case, Surroundings)> {
    let release = Release::this();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_case = |path: &Path| path.extension().is_some_and(|e| e == "json") && !path.ends_with("world.json");
    let cases = files.filter(|path| is_case(path)).map(|path| load(&path).unwrap());
    let mut cases: Vec<_> = cases.filter(|(case, _)| release.plays(case)).collect();
    cases.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    cases
}

#[tokio::test]
async fn every_case_of_these_feeds_agrees() {
    let cases = selected();
    let mut differing = 0;
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
    assert!(cases.len() >= CASES_MIN, "only {} cases were selected", cases.len());
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
    let cases = selected();
    let sections = one_for_each_section(&cases);
    let expected =
        ["exports", "files", "matches", "merchant_lines", "payments", "requests", "transactions", "unattributed"];
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

#[test]
fn a_case_of_another_feed_or_merchant_is_left_out() {
    let release = Release::this();
    let (case, _) = selected().swap_remove(0);
    assert!(release.plays(&case));
    let mut other_feed = case.clone();
    for step in &mut other_feed.steps {
        if let Action::Import { feed, .. } = &mut step.action {
            "planted-feed".clone_into(feed);
        }
    }
    let mut other_merchant = case;
    "planted-merchant".clone_into(&mut other_merchant.world.identifiers[0].scheme);
    assert!(!release.plays(&other_feed) && !release.plays(&other_merchant));
}
