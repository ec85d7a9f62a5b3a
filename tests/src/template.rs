//! Rules that template.yaml keeps. Each rule is a function on the template that returns
//! complaints, and is shown to have one about a template that breaks it.

mod configured;
mod documented;
mod encryption;
mod environments;
mod machines;
mod monitoring;
mod partners;
mod rights;
mod samples;
pub(crate) mod sizes;
mod uploads;
mod wiring;

use harmonia_definitions::Definitions;
use harmonia_local::cloud::{RECEIVES_MAX, feed_queue, queues};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A message comes back at least so often before it goes to the dead letters (design §3: at most four receives for
/// hiccups).
const RECEIVES_MIN: u64 = 5;
/// AWS: the visibility timeout is at least so many times the function's timeout.
const VISIBILITY_TIMES: u64 = 6;
/// Actions that know no resource: how Step Functions has `CloudWatch` Logs take an execution's errors.
const WITHOUT_RESOURCE: [&str; 8] = [
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
];
/// Queues of the local cloud in whose place the stack has a state machine.
const LOCAL_ONLY: [&str; 1] = ["ranges"];
/// How all names of the stack begin.
const NAME: &str = "harmonia-${Environment}-";

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// YAML as JSON; `CloudFormation`'s short tags in their long form: `!Ref X` is `{"Ref": "X"}`.
fn json_of(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => items.iter().map(json_of).collect(),
        Yaml::Mapping(entries) => {
            let text =
                |key: &Yaml<'_>| key.as_str().unwrap_or_else(|| panic!("a key that is no text: {key:?}")).to_owned();
            Value::Object(entries.iter().map(|(key, value)| (text(key), json_of(value))).collect())
        }
        Yaml::Tagged(tag, value) => {
            let name = if tag.suffix == "Ref" { "Ref".to_owned() } else { format!("Fn::{}", tag.suffix) };
            Value::Object(Map::from_iter([(name, json_of(value))]))
        }
        Yaml::Representation(text, style, tag) => {
            panic!("an unread scalar {text:?} {style:?} {tag:?}")
        }
        Yaml::Alias(_) | Yaml::BadValue => panic!("an alias or a bad value: {yaml:?}"),
    }
}

fn parse(text: &str) -> Value {
    let documents = Yaml::load_from_str(text).unwrap();
    assert_eq!(documents.len(), 1);
    json_of(&documents[0])
}

fn template() -> Value {
    parse(&read("template.yaml"))
}

/// A value deep in the template; `Null` where the path ends early.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, name| value.get(name).unwrap_or(&Value::Null))
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// Name and properties of all resources of a type.
fn of_type<'a>(template: &'a Value, kind: &str) -> BTreeMap<&'a str, &'a Value> {
    let all = template["Resources"].as_object().unwrap().iter().filter(|(_, r)| r["Type"] == kind);
    let found: BTreeMap<&str, &Value> = all.map(|(name, r)| (name.as_str(), &r["Properties"])).collect();
    assert!(!found.is_empty(), "no {kind} in the template");
    found
}

/// What a resource is made with.
fn properties<'a>(template: &'a Value, name: &str) -> &'a Value {
    &template["Resources"][name]["Properties"]
}

fn functions(template: &Value) -> BTreeMap<&str, &Value> {
    of_type(template, "AWS::Serverless::Function")
}

/// The resource that `!GetAtt X.Arn` names.
fn resource(arn: &Value) -> &str {
    let arn = arn["Fn::GetAtt"].as_str().unwrap_or_default();
    arn.split_once('.').map_or(arn, |(resource, _)| resource)
}

/// The queue events of a function: name of the event and its properties.
fn sources(function: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let events = function["Events"].as_object().into_iter().flatten();
    events.filter(|(_, e)| e["Type"] == "SQS").map(|(name, e)| (name, &e["Properties"]))
}

/// The stream events of a function: name of the event and its properties.
fn streams(function: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let events = function["Events"].as_object().into_iter().flatten();
    events.filter(|(_, e)| e["Type"] == "DynamoDB").map(|(name, e)| (name, &e["Properties"]))
}

/// The schedules of a function: name of the event and its properties.
fn schedules(function: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let events = function["Events"].as_object().into_iter().flatten();
    events.filter(|(_, e)| e["Type"] == "ScheduleV2").map(|(name, e)| (name, &e["Properties"]))
}

/// Where the places go that a stream's reader cannot get past.
fn left_behind(stream: &Value) -> &str {
    resource(at(stream, "DestinationConfig.OnFailure.Destination"))
}

/// Where a queue's dead letters go; empty if nowhere.
fn redrive_target(queue: &Value) -> &str {
    resource(at(queue, "RedrivePolicy.deadLetterTargetArn"))
}

/// Queues that work: those that are nobody's dead letters and take nothing that was left behind or failed.
fn working_queues(template: &Value) -> BTreeMap<&str, &Value> {
    let all = of_type(template, "AWS::SQS::Queue");
    let mut dead: BTreeSet<&str> = all.values().map(|q| redrive_target(q)).collect();
    for function in functions(template).into_values() {
        dead.extend(streams(function).map(|(_, stream)| left_behind(stream)));
        dead.extend(schedules(function).map(|(_, schedule)| resource(at(schedule, "DeadLetterConfig.Arn"))));
        dead.insert(resource(at(function, "EventInvokeConfig.DestinationConfig.OnFailure.Destination")));
    }
    all.into_iter().filter(|(name, _)| !dead.contains(name)).collect()
}

/// What a resource is called, without the environment.
fn short_name<'a>(properties: &'a Value, name: &str) -> &'a str {
    let full = at(properties, name)["Fn::Sub"].as_str().unwrap_or_default();
    full.strip_prefix(NAME).unwrap_or_else(|| panic!("{full:?} does not begin with {NAME}"))
}

fn event_sources(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for (function, properties) in functions(template) {
        for (name, source) in sources(properties) {
            if source["FunctionResponseTypes"] != json!(["ReportBatchItemFailures"]) {
                told.push(format!("{function}.{name}: one failed record brings the whole batch back"));
            }
            // AWS takes 2 to 1,000
            if !at(source, "ScalingConfig.MaximumConcurrency").as_u64().is_some_and(|n| (2..=1000).contains(&n)) {
                told.push(format!("{function}.{name}: no literal MaximumConcurrency"));
            }
        }
    }
    told
}

/// Invariant 8: every table tells all of each change, and one function reads it and loses nothing.
fn audited(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for (name, table) in of_type(template, "AWS::DynamoDB::Table") {
        if at(table, "StreamSpecification.StreamViewType") != &json!("NEW_AND_OLD_IMAGES") {
            told.push(format!("{name}: no stream with both images"));
        }
        let functions = functions(template);
        let readers = functions.values().flat_map(|function| streams(function).map(|(_, stream)| stream));
        let readers: Vec<&Value> = readers.filter(|stream| resource(&stream["Stream"]) == name).collect();
        let [reader] = readers[..] else {
            told.push(format!("{name}: its stream is read by {} events", readers.len()));
            continue;
        };
        if reader["FunctionResponseTypes"] != json!(["ReportBatchItemFailures"]) {
            told.push(format!("{name}: one failed change brings the whole batch back"));
        }
        if left_behind(reader).is_empty() || reader["StartingPosition"] != json!("TRIM_HORIZON") {
            told.push(format!("{name}: changes can be passed over"));
        }
    }
    let locked = |bucket: &Value| at(bucket, "ObjectLockConfiguration.ObjectLockEnabled") == &json!("Enabled");
    if !locked(&template["Resources"]["AuditBucket"]["Properties"]) {
        told.push("AuditBucket: not locked".to_owned());
    }
    told
}

fn redrive(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    let all = of_type(template, "AWS::SQS::Queue");
    for (name, queue) in working_queues(template) {
        if at(queue, "RedrivePolicy.maxReceiveCount").as_u64().is_none_or(|n| n < RECEIVES_MIN) {
            told.push(format!("{name}: maxReceiveCount below {RECEIVES_MIN}, or none"));
        }
        let dead = redrive_target(queue);
        let retention = |queue: Option<&&Value>| queue.and_then(|q| q["MessageRetentionPeriod"].as_u64());
        // a moved message keeps its age
        if retention(all.get(dead)) <= retention(Some(&queue)) {
            told.push(format!("{name}: its dead letters do not outlive it"));
        }
    }
    told
}

fn visibility(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for (name, queue) in working_queues(template) {
        let functions = functions(template);
        let readers = functions.values().flat_map(|function| {
            let own = sources(function).filter(|(_, s)| resource(&s["Queue"]) == name);
            own.map(|(_, s)| {
                let window = s["MaximumBatchingWindowInSeconds"].as_u64().unwrap_or(0);
                VISIBILITY_TIMES * function["Timeout"].as_u64().unwrap() + window
            })
        });
        match readers.collect::<Vec<_>>()[..] {
            [needed] if queue["VisibilityTimeout"].as_u64().is_some_and(|s| s >= needed) => {}
            [needed] => told.push(format!("{name}: VisibilityTimeout below {needed}")),
            ref readers => told.push(format!("{name}: read by {} functions", readers.len())),
        }
    }
    told
}

fn buckets(template: &Value) -> Vec<String> {
    let blocked = json!({
        "BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
    });
    let open = of_type(template, "AWS::S3::Bucket").into_iter();
    let open = open.filter(|(_, bucket)| bucket["PublicAccessBlockConfiguration"] != blocked);
    open.map(|(name, _)| format!("{name}: public access is not blocked")).collect()
}

fn tables(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for (name, table) in of_type(template, "AWS::DynamoDB::Table") {
        if at(table, "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled") != &json!(true) {
            told.push(format!("{name}: no point-in-time recovery"));
        }
        if table["TimeToLiveSpecification"] != json!({ "AttributeName": "ttl", "Enabled": true }) {
            told.push(format!("{name}: no time to live by the attribute ttl"));
        }
    }
    told
}

/// Whoever warms a table warms its indexes: a write that an index refuses is refused as a whole.
fn warm(template: &Value) -> Vec<String> {
    let units = |of: &str| json!({ "Ref": of });
    let units = json!({ "ReadUnitsPerSecond": units("WarmReadUnits"), "WriteUnitsPerSecond": units("WarmWriteUnits") });
    let wanted = json!({ "Fn::If": ["IsWarm", units, { "Ref": "AWS::NoValue" }] });
    let mut told = Vec::new();
    for (name, table) in of_type(template, "AWS::DynamoDB::Table") {
        for one in [table].into_iter().chain(list(&table["GlobalSecondaryIndexes"])) {
            if one["WarmThroughput"] != wanted {
                let index = one["IndexName"].as_str().unwrap_or("the table itself");
                told.push(format!("{name}: {index} is not warmed as the parameters say"));
            }
        }
    }
    told
}

/// The statements of a role.
fn statements(role: &Value) -> Vec<&Value> {
    let policies = list(&role["Policies"]).into_iter();
    policies.flat_map(|policy| list(at(policy, "PolicyDocument.Statement"))).collect()
}

/// What a statement asks of all values of a key without asking that there is one: of none everything is true.
fn holds_of_nothing(statement: &Value) -> Vec<&String> {
    let conditions = statement["Condition"].as_object().into_iter().flatten();
    let of_all = conditions.filter(|(operator, _)| operator.starts_with("ForAllValues:"));
    let keys = of_all.flat_map(|(_, keys)| keys.as_object().into_iter().flatten().map(|(key, _)| key));
    keys.filter(|key| statement["Condition"]["Null"][key.as_str()] != json!("false")).collect()
}

fn wide_rights(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for (name, role) in of_type(template, "AWS::IAM::Role") {
        if !role["ManagedPolicyArns"].is_null() {
            told.push(format!("{name}: a managed policy"));
        }
        for statement in statements(role) {
            let sid = statement["Sid"].as_str().unwrap_or("a statement without Sid");
            for action in list(&statement["Action"]) {
                let action = action.as_str().unwrap_or("*");
                if action.contains('*') || action == "dynamodb:Scan" {
                    told.push(format!("{name}.{sid}: {action}"));
                }
            }
            let knows_none = list(&statement["Action"])
                .iter()
                .all(|action| WITHOUT_RESOURCE.contains(&action.as_str().unwrap_or("*")));
            let everything = list(&statement["Resource"]).iter().any(|r| *r == "*") && !knows_none;
            if everything || !statement["NotAction"].is_null() {
                told.push(format!("{name}.{sid}: everything"));
            }
            for key in holds_of_nothing(statement) {
                told.push(format!("{name}.{sid}: also where a request does not say {key}"));
            }
        }
    }
    for (name, function) in functions(template) {
        if !function["Policies"].is_null() || resource(&function["Role"]).is_empty() {
            told.push(format!("{name}: a role that SAM makes"));
        }
    }
    told
}

/// Queues are called as in the local cloud; the feed queues are the message feeds.
fn queue_names(template: &Value) -> Vec<String> {
    let named: BTreeSet<String> =
        working_queues(template).values().map(|q| short_name(q, "QueueName").to_owned()).collect();
    let definitions = Definitions::shipped().unwrap();
    let expected: BTreeSet<String> = definitions.message_feeds().map(|feed| feed_queue(&feed)).collect();
    let (feeds, others): (BTreeSet<String>, BTreeSet<String>) =
        named.into_iter().partition(|name| name.starts_with("feed-"));
    let mut told = Vec::new();
    if feeds != expected {
        told.push(format!("feed queues {feeds:?}, message feeds {expected:?}"));
    }
    let local = queues(&definitions).into_iter().filter(|queue| !LOCAL_ONLY.contains(&queue.as_str()));
    let local: BTreeSet<String> = local.collect();
    let all: BTreeSet<String> = feeds.into_iter().chain(others).collect();
    if all != local {
        told.push(format!("queues {all:?}, in the local cloud {local:?}"));
    }
    told
}

fn receives_as_in_the_local_cloud(template: &Value) -> Vec<String> {
    let queues = working_queues(template).into_iter();
    let other = queues.filter(|(_, q)| at(q, "RedrivePolicy.maxReceiveCount") != &json!(RECEIVES_MAX));
    other.map(|(name, _)| format!("{name}: maxReceiveCount is not the local cloud's {RECEIVES_MAX}")).collect()
}

/// A variable that no code reads is a mistake in the name of one that is read.
fn variables(template: &Value) -> Vec<String> {
    let code = read("shared/runtime/src/deployed.rs");
    let mut told = Vec::new();
    for (name, function) in functions(template) {
        for variable in at(function, "Environment.Variables").as_object().unwrap().keys() {
            if !code.contains(&format!("\"{variable}\"")) {
                told.push(format!("{name}: nobody reads {variable}"));
            }
        }
    }
    told
}

/// The rule has nothing against the template, and something against what `break_it` makes of it.
fn assert_rule(rule: fn(&Value) -> Vec<String>, plants: &[(&str, Value)]) {
    assert_rule_of(&template(), rule, plants);
}

/// As [`assert_rule`], of another template.
fn assert_rule_of(template: &Value, rule: fn(&Value) -> Vec<String>, plants: &[(&str, Value)]) {
    let told = rule(template);
    assert!(told.is_empty(), "\n{}", told.join("\n"));
    for (pointer, value) in plants {
        let mut broken = template.clone();
        let place = broken.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"));
        *place = value.clone();
        let told = rule(&broken);
        assert!(!told.is_empty(), "not seen: {pointer} = {value}");
    }
}

#[test]
fn tags_are_read() {
    let yaml = "a: !Ref X\nb: !GetAtt X.Arn\nc: !Sub \"${X}/*\"\nd: !If [A, true, 7]\ne: ['1', no, ~]\n";
    let json = json!({
        "a": { "Ref": "X" }, "b": { "Fn::GetAtt": "X.Arn" }, "c": { "Fn::Sub": "${X}/*" },
        "d": { "Fn::If": ["A", true, 7] }, "e": ["1", "no", null],
    });
    assert_eq!(parse(yaml), json);
}

#[test]
fn every_event_source_reports_its_failed_records_and_is_bounded() {
    let files = "/Resources/ImportFunction/Properties/Events/Files/Properties";
    let plants = [
        (format!("{files}/FunctionResponseTypes"), Value::Null),
        (format!("{files}/ScalingConfig"), Value::Null),
        (format!("{files}/ScalingConfig/MaximumConcurrency"), json!({ "Ref": "Concurrency" })),
    ];
    let plants = plants.each_ref().map(|(pointer, value)| (pointer.as_str(), value.clone()));
    assert_rule(event_sources, &plants);
}

#[test]
fn every_change_reaches_the_audit_log() {
    let book = "/Resources/AuditFunction/Properties/Events/Book/Properties";
    let plants = [
        ("/Resources/LedgerTable/Properties/StreamSpecification/StreamViewType".to_owned(), json!("KEYS_ONLY")),
        (format!("{book}/FunctionResponseTypes"), Value::Null),
        (format!("{book}/DestinationConfig"), Value::Null),
        (format!("{book}/Stream"), json!({ "Fn::GetAtt": "LedgerTable.StreamArn" })),
        ("/Resources/AuditBucket/Properties/ObjectLockConfiguration".to_owned(), Value::Null),
    ];
    let plants = plants.each_ref().map(|(pointer, value)| (pointer.as_str(), value.clone()));
    assert_rule(audited, &plants);
}

#[test]
fn every_queue_has_dead_letters() {
    let redrive_policy = "/Resources/MatchQueue/Properties/RedrivePolicy";
    let count = format!("{redrive_policy}/maxReceiveCount");
    let plants = [
        (redrive_policy, Value::Null),
        (count.as_str(), json!(4)),
        ("/Resources/MatchDeadLetters/Properties/MessageRetentionPeriod", json!(345_600)),
    ];
    assert_rule(redrive, &plants);
}

#[test]
fn no_message_comes_back_while_its_batch_may_still_run() {
    let plants = [
        ("/Resources/ImportFilesQueue/Properties/VisibilityTimeout", json!(1799)),
        ("/Resources/FeedVisaAuthQueue/Properties/VisibilityTimeout", json!(1801)),
        ("/Resources/ExportFunction/Properties/Timeout", json!(61)),
        ("/Resources/IdentifyFunction/Properties/Events", json!({})),
    ];
    assert_rule(visibility, &plants);
}

#[test]
fn no_bucket_is_public() {
    let block = "/Resources/ArchiveBucket/Properties/PublicAccessBlockConfiguration";
    let policy = format!("{block}/BlockPublicPolicy");
    assert_rule(buckets, &[(block, Value::Null), (policy.as_str(), json!(false))]);
}

#[test]
fn every_table_can_be_restored_and_is_swept() {
    let plants = [
        ("/Resources/BookTable/Properties/PointInTimeRecoverySpecification", Value::Null),
        ("/Resources/LedgerTable/Properties/TimeToLiveSpecification/AttributeName", json!("expires")),
        ("/Resources/RegistryTable/Properties/TimeToLiveSpecification/Enabled", json!(false)),
    ];
    assert_rule(tables, &plants);
}

#[test]
fn indexes_are_warmed_with_their_tables() {
    let plants = [
        ("/Resources/RegistryTable/Properties/WarmThroughput", Value::Null),
        ("/Resources/BookTable/Properties/GlobalSecondaryIndexes/0/WarmThroughput", Value::Null),
        (
            "/Resources/LedgerTable/Properties/GlobalSecondaryIndexes/0/WarmThroughput/Fn::If/1/WriteUnitsPerSecond",
            json!(4_000),
        ),
    ];
    assert_rule(warm, &plants);
}

#[test]
fn no_role_may_do_everything_or_scan() {
    let statement = "/Resources/MatchRole/Properties/Policies/0/PolicyDocument/Statement/0";
    let (action, resource) = (format!("{statement}/Action"), format!("{statement}/Resource"));
    let template = template();
    let of_export = "/Resources/ExportRole/Properties/Policies/0/PolicyDocument/Statement";
    let all = template.pointer(of_export).and_then(Value::as_array).unwrap();
    let place = all.iter().position(|statement| statement["Sid"] == "KeepControls").unwrap();
    let guard = format!("{of_export}/{place}/Condition/Null");
    let plants = [
        (guard.as_str(), Value::Null),
        (guard.as_str(), json!({ "dynamodb:LeadingKeys": "true" })),
        (action.as_str(), json!("dynamodb:*")),
        (action.as_str(), json!(["dynamodb:GetItem", "dynamodb:Scan"])),
        (resource.as_str(), json!("*")),
        ("/Resources/MatchFunction/Properties/Role", Value::Null),
    ];
    assert_rule(wide_rights, &plants);
}

#[test]
fn queues_are_those_of_the_feeds_and_of_the_local_cloud() {
    let name = |queue: &str| json!({ "Fn::Sub": format!("{NAME}{queue}") });
    let plants = [
        ("/Resources/FeedAmexAuthQueue/Properties/QueueName", name("feed-amex-refund")),
        ("/Resources/FeedAmexAuthQueue/Properties/QueueName", name("feed-mastercard-settled")),
        ("/Resources/MatchQueue/Properties/QueueName", name("matching")),
    ];
    assert_rule(queue_names, &plants);
    assert_rule(
        receives_as_in_the_local_cloud,
        &[("/Resources/MatchQueue/Properties/RedrivePolicy/maxReceiveCount", json!(RECEIVES_MAX + 1))],
    );
}

#[test]
fn variables_are_read_by_the_code() {
    let planted = json!({ "HARMONIA_TABLE_BOOKS": { "Ref": "BookTable" } });
    assert_rule(variables, &[("/Resources/MatchFunction/Properties/Environment/Variables", planted)]);
}

/// When schedules call: a minute and a five minutes of the clock, none left out. The code counts on it: batch runs are
/// due in a minute, and the walk through the book is the sweep's that comes in the first five minutes of an hour.
const CALLS: [(&str, &str); 2] = [("tick", "cron(* * * * ? *)"), ("sweep", "cron(0/5 * * * ? *)")];

/// Schedules are those of the samples, come on time, are not repeated, and tell where one did not come to a good end.
fn ticking(template: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for (function, properties) in functions(template) {
        for (name, schedule) in schedules(properties) {
            let sample = format!("events/{}.json", short_name(schedule, "Name"));
            let input = schedule["Input"].as_str().and_then(|input| serde_json::from_str::<Value>(input).ok());
            if input != fs::read_to_string(top().join(&sample)).ok().and_then(|s| serde_json::from_str(&s).ok()) {
                told.push(format!("{function}.{name}: its input is not {sample}"));
            }
            let calls = CALLS.iter().find(|(called, _)| *called == short_name(schedule, "Name"));
            // a window would move it, by default there is none
            let moved = !schedule["FlexibleTimeWindow"].is_null() || !schedule["ScheduleExpressionTimezone"].is_null();
            if moved || calls.is_none_or(|(_, when)| schedule["ScheduleExpression"] != json!(when)) {
                told.push(format!("{function}.{name}: not by the minutes of the clock"));
            }
            let lost = resource(at(schedule, "DeadLetterConfig.Arn"));
            let failed = resource(at(properties, "EventInvokeConfig.DestinationConfig.OnFailure.Destination"));
            if lost.is_empty() || failed.is_empty() {
                told.push(format!("{function}.{name}: nobody hears when it fails"));
            }
            let once = ["EventInvokeConfig.MaximumRetryAttempts", "RetryPolicy.MaximumRetryAttempts"];
            if at(properties, once[0]) != &json!(0) || at(schedule, once[1]) != &json!(0) {
                told.push(format!("{function}.{name}: an old one may come after a newer one"));
            }
        }
    }
    told
}

#[test]
fn schedules_are_those_of_the_samples() {
    let tick = "/Resources/TickFunction/Properties";
    let plants = [
        (format!("{tick}/Events/Tick/Properties/Input"), json!("{}")),
        (format!("{tick}/Events/Tick/Properties/ScheduleExpression"), json!("rate(1 minute)")),
        (format!("{tick}/Events/Sweep/Properties/ScheduleExpression"), json!("rate(5 minutes)")),
        (format!("{tick}/Events/Sweep/Properties/ScheduleExpression"), json!("cron(2/5 * * * ? *)")),
        (format!("{tick}/Events/Sweep/Properties/DeadLetterConfig"), Value::Null),
        (format!("{tick}/Events/Sweep/Properties/RetryPolicy/MaximumRetryAttempts"), json!(3)),
        (format!("{tick}/EventInvokeConfig/DestinationConfig"), Value::Null),
    ];
    let plants = plants.each_ref().map(|(pointer, value)| (pointer.as_str(), value.clone()));
    assert_rule(ticking, &plants);
}
