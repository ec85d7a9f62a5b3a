//! Pages call functions of the template, with what these take: somebody who copies a command has no time to find out.

use super::{at, functions, read, short_name, template, top};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

const COMMAND: &str = "aws lambda invoke ";
/// How pages begin the name of a function: of any environment, or of the one that a page is about.
const NAMES: [&str; 2] = ["harmonia-<env>-", "harmonia-dev-"];

/// The pages by name, without the folder of definitions.
fn pages() -> BTreeMap<String, String> {
    let files = fs::read_dir(top().join("docs")).unwrap().map(|file| file.unwrap().path());
    let pages = files.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let pages = pages.map(|path| (format!("{}", path.display()), fs::read_to_string(path).unwrap()));
    pages.chain([("README.md".to_owned(), read("README.md"))]).collect()
}

/// What follows an option.
fn option<'a>(command: &'a str, name: &str) -> Option<&'a str> {
    command.split_once(name)?.1.split_whitespace().next()
}

/// The kinds of events that each function takes from a schedule or a state machine: those of its samples.
fn kinds(template: &Value) -> BTreeMap<&str, BTreeSet<String>> {
    let table = read("events/README.md");
    let mut kinds: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, function) in functions(template) {
        let own = kinds.entry(short_name(function, "FunctionName")).or_default();
        let rows = table.lines().filter(|line| line.contains(&format!("| `{name}` |")));
        for file in rows.filter_map(|row| row.strip_prefix("| [")?.split(']').next()) {
            let event: Value = serde_json::from_str(&read(&format!("events/{file}"))).unwrap();
            own.extend(event["k"].as_str().map(str::to_owned));
        }
    }
    kinds
}

/// Complaints about the calls of a page, and how many it has.
fn calls(template: &Value, page: &str, text: &str) -> (Vec<String>, usize) {
    let text = text.replace("\\\n", " ");
    let kinds = kinds(template);
    let mut told = Vec::new();
    let commands: Vec<&str> = text.lines().filter_map(|line| Some(line.split_once(COMMAND)?.1)).collect();
    for command in &commands {
        let called = option(command, "--function-name").unwrap_or_default();
        let function = NAMES.iter().find_map(|name| called.strip_prefix(name));
        let Some(taken) = function.and_then(|function| kinds.get(function)) else {
            told.push(format!("{page}: {called:?} is no function"));
            continue;
        };
        // as bytes of a file, which both versions of the AWS CLI take
        let file = option(command, "--payload").and_then(|file| file.strip_prefix("fileb://")).unwrap_or_default();
        let payload = fs::read_to_string(top().join(file)).ok().and_then(|text| serde_json::from_str(&text).ok());
        let payload: Value = payload.unwrap_or_default();
        if at(&payload, "v") != 1 || !payload["k"].as_str().is_some_and(|kind| taken.contains(kind)) {
            told.push(format!("{page}: {called} takes {taken:?}, not {payload}"));
        }
    }
    (told, commands.len())
}

#[test]
fn pages_call_functions_with_what_they_take() {
    let template = template();
    let (told, counts): (Vec<_>, Vec<_>) = pages().iter().map(|(page, text)| calls(&template, page, text)).unzip();
    let told: Vec<String> = told.into_iter().flatten().collect();
    assert!(told.is_empty(), "\n{}", told.join("\n"));
    assert!(counts.iter().sum::<usize>() >= 2, "only {counts:?} calls found");
}

#[test]
fn wrong_calls_are_seen() {
    let template = template();
    let told = |command: &str| calls(&template, "page", command).0.len();
    let good = "aws lambda invoke --function-name harmonia-<env>-tick --x \\\n  --payload fileb://events/tick.json out";
    assert_eq!(told(good), 0);
    for (was, becomes) in [
        ("<env>-tick", "<env>-export"),
        ("<env>-tick", "<env>-ticks"),
        ("harmonia-<env>", "harmony-<env>"),
        ("--function-name", "--name"),
        ("tick.json", "export-train.json"),
        ("tick.json", "tock.json"),
        ("fileb://", "file://"),
        ("--payload", "--cli-input-json"),
    ] {
        assert_eq!(told(&good.replace(was, becomes)), 1, "not seen: {becomes}");
    }
}
