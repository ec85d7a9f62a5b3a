//! Rules that the state machines keep (`infra/statemachines/*.asl.json`). Emulators accept wrong definitions, and AWS
//! accepts those that repeat the wrong errors, carry data, or never end.

use super::{assert_rule, at, functions, list, of_type, read, resource, schedules, statements, template, top};
use harmonia_domain::file::ROUNDS_MAX;
use harmonia_ports::Machine;
use harmonia_runtime::{ErrorName, events};
use harmonia_stages::{
    export::{RUN_BATCHES_MAX, TRAIN_ROUNDS_MAX},
    registry::REOPEN_ROUNDS_MAX,
};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// What the service itself may fail with and what passes by itself.
const TRANSIENT: [&str; 5] = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
];
/// What a call is told to have ended with that ran out of time or memory: everything here may be done twice.
const BROKEN_OFF: [&str; 4] = ["Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError", "States.Timeout"];
/// A task is repeated at most so often: an execution that fails for an hour has to say so.
const ATTEMPTS_MAX: u64 = 6;
/// One that runs out of time does so again, mostly, and each try costs all of it.
const BROKEN_OFF_ATTEMPTS_MAX: u64 = 2;
/// Events that the history of an execution may have (Step Functions' quota).
const HISTORY_EVENTS_MAX: u64 = 25_000;

/// The definitions by machine.
fn machines() -> BTreeMap<String, Value> {
    let files = fs::read_dir(top().join("infra/statemachines")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let parse = |name: String| {
        let text = read(&format!("infra/statemachines/{name}"));
        let machine = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        (name.strip_suffix(".asl.json").unwrap().to_owned(), machine)
    };
    names.map(parse).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// All levels of a definition: the machine, and what its maps run for each item.
fn levels(machine: &Value) -> Vec<&Value> {
    let mut found = vec![machine];
    let mut next = 0;
    while let Some(level) = found.get(next) {
        let states = level["States"].as_object().unwrap().values();
        let inner: Vec<&Value> = states.map(|state| &state["ItemProcessor"]).filter(|inner| !inner.is_null()).collect();
        found.extend(inner);
        next += 1;
    }
    found
}

/// All states with their names, on all levels.
fn states(machine: &Value) -> Vec<(&String, &Value)> {
    levels(machine).into_iter().flat_map(|level| level["States"].as_object().unwrap()).collect()
}

/// Where a state may lead.
fn nexts(state: &Value) -> Vec<&str> {
    let choices = list(&state["Choices"]).into_iter().chain(list(&state["Catch"])).map(|way| &way["Next"]);
    choices.chain([&state["Next"], &state["Default"]]).filter_map(Value::as_str).collect()
}

fn ends(state: &Value) -> bool {
    state["End"] == json!(true) || ["Succeed", "Fail"].contains(&text(&state["Type"]))
}

/// Every state is reached, leads to a state that there is, and can come to an end.
fn ways(machine: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for level in levels(machine) {
        let states: &Map<String, Value> = level["States"].as_object().unwrap();
        let mut reached = BTreeSet::new();
        let mut open = vec![text(&level["StartAt"])];
        while let Some(name) = open.pop() {
            match states.get(name) {
                Some(state) if reached.insert(name) => open.extend(nexts(state)),
                Some(_) => {}
                None => told.push(format!("{name}: there is no such state")),
            }
        }
        told.extend(states.keys().filter(|name| !reached.contains(name.as_str())).map(|name| format!("{name}: never")));
        // from the ends backwards
        let mut ending: BTreeSet<&str> =
            states.iter().filter(|(_, s)| ends(s)).map(|(name, _)| name.as_str()).collect();
        loop {
            let more = states.iter().filter(|(name, state)| {
                !ending.contains(name.as_str()) && nexts(state).iter().any(|next| ending.contains(next))
            });
            let more: Vec<&str> = more.map(|(name, _)| name.as_str()).collect();
            if more.is_empty() {
                break;
            }
            ending.extend(more);
        }
        told.extend(
            states.keys().filter(|name| !ending.contains(name.as_str())).map(|name| format!("{name}: for ever")),
        );
        let undecided = states.iter().filter(|(_, state)| state["Type"] == "Choice" && state["Default"].is_null());
        told.extend(undecided.map(|(name, _)| format!("{name}: nothing may fit")));
    }
    told
}

/// Errors are ours or the service's; every task is repeated, boundedly, and never for just any error.
fn errors(machine: &Value) -> Vec<String> {
    let mut told = Vec::new();
    let ours = |name: &str| ErrorName::ALL.iter().any(|error| error.as_str() == name);
    for (name, state) in states(machine) {
        let (retriers, catchers) = (list(&state["Retry"]), list(&state["Catch"]));
        if state["Type"] == "Task" && retriers.is_empty() {
            told.push(format!("{name}: a hiccup ends it"));
        }
        if state["Type"] == "Task" && state["TimeoutSeconds"].is_null() && state["TimeoutSecondsPath"].is_null() {
            told.push(format!("{name}: waits a year for an answer"));
        }
        for retrier in &retriers {
            if !retrier["MaxAttempts"].as_u64().is_some_and(|n| (1..=ATTEMPTS_MAX).contains(&n)) {
                told.push(format!("{name}: repeated more than {ATTEMPTS_MAX} times, or nobody knows how often"));
            }
            for error in list(&retrier["ErrorEquals"]) {
                if ours(text(error)) && text(error) != ErrorName::REPEATED.as_str() {
                    told.push(format!("{name}: {error} is the same the second time"));
                }
                let dear = retrier["MaxAttempts"].as_u64().is_none_or(|n| n > BROKEN_OFF_ATTEMPTS_MAX);
                if BROKEN_OFF.contains(&text(error)) && dear {
                    told.push(format!("{name}: {error} is repeated more than {BROKEN_OFF_ATTEMPTS_MAX} times"));
                }
            }
        }
        let repeated: Vec<&str> = retriers.iter().flat_map(|one| list(&one["ErrorEquals"])).map(text).collect();
        if state["Type"] == "Task" {
            let lacking = TRANSIENT.iter().chain(&BROKEN_OFF).filter(|error| !repeated.contains(error));
            told.extend(lacking.map(|error| format!("{name}: {error} ends it")));
        }
        let last = catchers.last().copied();
        for handler in retriers.iter().chain(&catchers) {
            let of_all = last.is_some_and(|last| std::ptr::eq(last, *handler));
            for error in list(&handler["ErrorEquals"]) {
                let named = ours(text(error)) || TRANSIENT.contains(&text(error)) || BROKEN_OFF.contains(&text(error));
                let known = named || (of_all && error == "States.ALL");
                if !known {
                    told.push(format!("{name}: {error} is nobody's error, or too many's"));
                }
            }
        }
        if state["Type"] == "Fail" && !ours(text(&state["Error"])) {
            told.push(format!("{name}: fails with a name that the code does not know"));
        }
    }
    told
}

/// The most calls of one execution, and the history that they leave even if each had to be made twice.
fn history(name: &str, machine: &Value) -> Vec<String> {
    let rounds = match name {
        "deliver" => u64::from(TRAIN_ROUNDS_MAX),
        "reopen" => u64::from(REOPEN_ROUNDS_MAX),
        "batch-export" => u64::try_from(RUN_BATCHES_MAX).unwrap(),
        // the first and those after it; the ranges are executions of their own
        "import-file" => u64::from(ROUNDS_MAX) + 1,
        _ => return vec![format!("{name}: nobody knows how often it goes round")],
    };
    let of_round: u64 = machine["States"].as_object().unwrap().values().map(left_by).sum();
    let most = rounds * of_round;
    if most > HISTORY_EVENTS_MAX { vec![format!("{name}: a history of {most} events")] } else { Vec::new() }
}

/// Events that a state leaves: entered and exited, and of a task scheduled, started and ended, twice.
fn left_by(state: &Value) -> u64 {
    match text(&state["Type"]) {
        "Task" => 2 + 2 * 3,
        "Map" => 2 + 3,
        _ => 2,
    }
}

/// A state holds names and positions: a function's answer and nothing of the call, of maps nothing at all.
fn data(machine: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for (name, state) in states(machine) {
        if state["Type"] == "Task" && state["OutputPath"] != json!("$.Payload") {
            told.push(format!("{name}: keeps more than the answer"));
        }
        if state["Type"] == "Map" {
            if state.get("ResultPath") != Some(&Value::Null) {
                told.push(format!("{name}: keeps what its items answered"));
            }
            let distributed = at(state, "ItemProcessor.ProcessorConfig.Mode") == &json!("DISTRIBUTED");
            if !distributed || state["ResultWriter"].is_null() || state["ItemReader"].is_null() {
                told.push(format!("{name}: items or answers stand in the state"));
            }
            if !state["MaxConcurrency"].as_u64().is_some_and(|n| (1..=100).contains(&n)) {
                told.push(format!("{name}: floods its function"));
            }
            if state["ToleratedFailurePercentage"] != json!(100) {
                told.push(format!("{name}: one item keeps the others from being tried"));
            }
        }
    }
    told
}

/// Breaks a machine at each of these places and sees that the rule says so.
fn assert_machines(rule: fn(&Value) -> Vec<String>, plants: &[(&str, &str, Value)]) {
    let machines = machines();
    for (name, machine) in &machines {
        let told = rule(machine);
        assert!(told.is_empty(), "{name}:\n{}", told.join("\n"));
    }
    for (name, pointer, value) in plants {
        let mut broken = machines[*name].clone();
        let (place, key) = pointer.rsplit_once('/').unwrap();
        let place = broken.pointer_mut(place).unwrap_or_else(|| panic!("{name}: nothing at {pointer}"));
        match place {
            Value::Object(members) => _ = members.insert(key.to_owned(), value.clone()),
            place => place[key.parse::<usize>().unwrap()] = value.clone(),
        }
        assert!(!rule(&broken).is_empty(), "not seen: {name} {pointer} = {value}");
    }
}

#[test]
fn every_state_is_reached_and_ends() {
    assert_machines(
        ways,
        &[
            ("deliver", "/States/TakeAlong/Next", json!("Away")),
            ("import-file", "/States/What/Default", json!("Round")),
            ("batch-export", "/States/More/Choices/1/Next", json!("Done")),
            ("reopen", "/States/More/Default", Value::Null),
            ("import-file", "/States/Ranges/ItemProcessor/States/Range/End", json!(false)),
        ],
    );
}

#[test]
fn errors_are_known_by_name_and_repeated_boundedly() {
    let retry = "/States/TakeAlong/Retry";
    assert_machines(
        errors,
        &[
            ("deliver", retry, Value::Null),
            ("deliver", &format!("{retry}/0/MaxAttempts"), json!(99)),
            ("deliver", &format!("{retry}/0/ErrorEquals/0"), json!("States.ALL")),
            ("deliver", &format!("{retry}/0/ErrorEquals/0"), json!("Harmonia.StageFaild")),
            ("deliver", &format!("{retry}/0/ErrorEquals/0"), json!("Harmonia.BadEvent")),
            ("deliver", &format!("{retry}/0/ErrorEquals/0"), json!("Harmonia.StageRefused")),
            ("deliver", &format!("{retry}/0/ErrorEquals/1"), json!("Harmonia.StageFailed")),
            ("deliver", &format!("{retry}/1"), Value::Null),
            ("deliver", &format!("{retry}/1/MaxAttempts"), json!(3)),
            ("deliver", "/States/TakeAlong/TimeoutSeconds", Value::Null),
            ("import-file", "/States/Stuck/Error", json!("Stuck")),
            ("import-file", "/States/Ranges/ItemProcessor/States/Range/Retry", json!([])),
            (
                "import-file",
                "/States/Ranges/Catch",
                json!([{ "ErrorEquals": ["States.ALL"], "Next": "Round" },
                       { "ErrorEquals": ["Harmonia.StageFailed"], "Next": "Round" }]),
            ),
        ],
    );
}

/// Rounds are bounded in the code, so that no history grows beyond what Step Functions keeps of an execution.
#[test]
fn histories_stay_below_the_quota() {
    let mut machines = machines();
    for (name, machine) in &machines {
        assert_eq!(history(name, machine), Vec::<String>::new());
    }
    let deliver = machines.get_mut("deliver").unwrap();
    for n in 0..10 {
        deliver["States"][format!("More{n}")] = json!({ "Type": "Pass" });
    }
    assert_eq!(history("deliver", deliver), ["deliver: a history of 34000 events"]);
}

#[test]
fn states_carry_no_data() {
    assert_machines(
        data,
        &[
            ("deliver", "/States/TakeAlong/OutputPath", json!("$")),
            ("import-file", "/States/Ranges/ResultPath", json!("$.results")),
            ("import-file", "/States/Ranges/ResultWriter", Value::Null),
            ("import-file", "/States/Ranges/ToleratedFailurePercentage", json!(5)),
            ("import-file", "/States/Ranges/MaxConcurrency", json!(0)),
            ("import-file", "/States/Ranges/ItemProcessor/States/Range/OutputPath", Value::Null),
        ],
    );
}

/// The names in `${…}` of a text.
fn substituted(text: &str) -> BTreeSet<String> {
    let after = text.split("${").skip(1);
    after.map(|rest| rest.split_once('}').unwrap().0.to_owned()).collect()
}

/// The template's machines are the code's, each with its own file, all of its substitutions, a log and a role that may
/// call what the file calls and nothing else.
fn deployed(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    let roles = of_type(template, "AWS::IAM::Role");
    let mut names = BTreeSet::new();
    for (name, machine) in of_type(template, "AWS::Serverless::StateMachine") {
        let short = super::short_name(machine, "Name");
        names.insert(short.to_owned());
        let file = format!("infra/statemachines/{short}.asl.json");
        if machine["DefinitionUri"] != json!(file) {
            told.push(format!("{name}: not {file}"));
            continue;
        }
        let given: &Map<String, Value> = machine["DefinitionSubstitutions"].as_object().unwrap();
        if given.keys().cloned().collect::<BTreeSet<_>>() != substituted(&read(&file)) {
            told.push(format!("{name}: substitutions are not those of its file"));
        }
        let log = resource(&list(at(machine, "Logging.Destinations"))[0]["CloudWatchLogsLogGroup"]["LogGroupArn"]);
        let kept = &template["Resources"][log]["Properties"]["RetentionInDays"];
        let quiet = at(machine, "Logging.IncludeExecutionData") == &json!(false);
        if at(machine, "Logging.Level") != &json!("ERROR") || kept.is_null() || !quiet {
            told.push(format!("{name}: its errors are not logged, for ever, or with data"));
        }
        if at(machine, "Tracing.Enabled") != &json!(false) {
            told.push(format!("{name}: traced"));
        }
        let arns = given.values().filter(|value| !value["Fn::GetAtt"].is_null());
        let called: BTreeSet<&str> = arns.map(resource).collect();
        let role = statements(roles[resource(&machine["Role"])]).into_iter();
        let invoke = role.filter(|statement| statement["Action"] == json!("lambda:InvokeFunction"));
        let may: BTreeSet<&str> = invoke.flat_map(|statement| list(&statement["Resource"])).map(resource).collect();
        if called != may {
            told.push(format!("{name}: calls {called:?} and may call {may:?}"));
        }
    }
    let known: BTreeSet<String> = Machine::ALL.iter().map(|machine| machine.as_str().to_owned()).collect();
    let files: BTreeSet<String> = machines().into_keys().collect();
    if names != known || files != known {
        told.push(format!("machines {names:?}, files {files:?}, in the code {known:?}"));
    }
    told
}

#[test]
fn machines_are_deployed_as_they_are_written() {
    let machine = "/Resources/ImportFileMachine/Properties";
    let role = "/Resources/ImportFileRole/Properties/Policies/0/PolicyDocument/Statement/0/Resource";
    let plants = [
        (format!("{machine}/DefinitionUri"), json!("infra/statemachines/deliver.asl.json")),
        (format!("{machine}/DefinitionSubstitutions"), json!({ "ImportFunctionArn": "x" })),
        (format!("{machine}/Logging/Level"), json!("OFF")),
        (format!("{machine}/Logging/IncludeExecutionData"), json!(true)),
        (format!("{machine}/Tracing/Enabled"), json!(true)),
        (format!("{machine}/Name"), json!({ "Fn::Sub": format!("{}files", super::NAME) })),
        (role.to_owned(), json!({ "Fn::GetAtt": "ExportFunction.Arn" })),
    ];
    let plants = plants.each_ref().map(|(pointer, value)| (pointer.as_str(), value.clone()));
    assert_rule(deployed, &plants);
}

/// A Distributed Map is executions of its own machine, and reads and writes only under its prefixes.
#[test]
fn the_map_may_run_itself() {
    let template = template();
    let role = &template["Resources"]["ImportFileRole"]["Properties"];
    let may = |action: &str| {
        let of_it = statements(role).into_iter().filter(|s| list(&s["Action"]).iter().any(|a| *a == action));
        of_it.flat_map(|s| list(&s["Resource"])).map(|r| text(&r["Fn::Sub"]).to_owned()).collect::<Vec<_>>()
    };
    assert!(may("states:StartExecution")[0].ends_with(":stateMachine:harmonia-${Environment}-import-file"));
    assert!(may("states:StopExecution")[0].ends_with(":execution:harmonia-${Environment}-import-file/*"));
    let work = |folder: &str| format!("${{WorkBucket.Arn}}/{folder}/*");
    assert_eq!(may("s3:GetObject"), [work("rounds"), work("results")]);
    assert_eq!(may("s3:PutObject"), [work("results")]);
    let machines = machines();
    let prefix = machines["import-file"].pointer("/States/Ranges/ResultWriter/Parameters/Prefix");
    assert_eq!(prefix, Some(&json!("results")));
}

/// Every kind of event that a schedule or a machine brings has a sample that the code reads.
#[test]
fn sample_events_of_machines_and_schedules_are_read() {
    let template = template();
    let mut found = BTreeSet::new();
    for file in fs::read_dir(top().join("events")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if Path::new(&name).extension().is_none_or(|end| end != "json") {
            continue;
        }
        let event: Value = serde_json::from_str(&read(&format!("events/{name}"))).unwrap();
        let Some(k) = event["k"].as_str().filter(|_| event["Records"].is_null()) else { continue };
        found.insert(k.to_owned());
        match k {
            "tick" | "sweep" => {}
            "range" => _ = harmonia_stages::message::Message::parse(&event.to_string()).unwrap(),
            _ => assert_eq!(events::execution(&event).unwrap().event(), event, "{name}"),
        }
    }
    let functions = functions(&template);
    let fired = functions.values().flat_map(|f| schedules(f)).map(|(_, s)| super::short_name(s, "Name").to_owned());
    let called = ["train", "round", "range", "batch", "reopen"].map(str::to_owned);
    assert_eq!(found, fired.chain(called).collect());
}
