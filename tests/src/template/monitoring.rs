//! infra/monitoring.yaml: dashboard and alarms, written from what there is to watch (the queues, functions, tables and
//! state machines of template.yaml, the feeds and merchants that are defined) and from the table of metrics.
//! `HARMONIA_WRITE_DOCS=1` writes it. What every such file has to keep is checked apart from how it is written.

mod alarms;
mod dashboard;
mod yaml;

use super::{at, list, of_type, parse, read, schedules, short_name, streams, template, working_queues};
use harmonia_definitions::Definitions;
use harmonia_metrics::{Dimension, Kind, Metric};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
};

const FILE: &str = "infra/monitoring.yaml";
const RUNBOOKS: &str = "docs/runbooks.md";
/// Where the functions' own metrics are; template.yaml tells the functions so.
const NAMESPACE: &str = "Harmonia/${Environment}";
/// `CloudWatch`: an alarm reads at most so many metrics.
const READS_MAX: usize = 10;

const HEAD: &str = "AWSTemplateFormatVersion: \"2010-09-09\"
Description: Harmonia's dashboard and alarms.

# Written by a test (tests/src/template/monitoring.rs) from template.yaml, the merchants' definitions and the table of
# metrics; it fails if they differ. `HARMONIA_WRITE_DOCS=1 cargo test -p it monitoring` writes it anew, so a new queue,
# function, state machine, feed or merchant has its alarms by that. What to do about each is in docs/runbooks.md.
#
# A stack within the stack: template.yaml stays about what works, and an alarm that CloudFormation refuses is found by
# its own name. Names are those of template.yaml, put together from the environment, so nothing has to be passed along.

Parameters:
  Environment:
    Type: String
    Description: Name of the environment, as in template.yaml.
  AlarmAddress:
    Type: String
    Default: \"\"
    Description: Mail address that alarms are sent to. Empty - nobody; others may subscribe to the topic.
  Account:
    Type: String
    Description: Number of the account; not by its pseudo parameter, which some local clouds do not know in conditions.

Conditions:
  IsProduction: !Equals [!Ref Environment, prod]
  HasAddress: !Not [!Equals [!Ref AlarmAddress, \"\"]]
  # A local cloud, whose account is this one, refuses alarms on expressions.
  HasMetricMath: !Not [!Equals [!Ref Account, \"000000000000\"]]

Resources:
  # Names and figures only, no content: not encrypted with a key of the account's own, which CloudWatch could not use.
  AlarmTopic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: !Sub harmonia-${Environment}-alarms

  AlarmSubscription:
    Type: AWS::SNS::Subscription
    Condition: HasAddress
    Properties:
      TopicArn: !Ref AlarmTopic
      Protocol: email
      Endpoint: !Ref AlarmAddress
";

const TAIL: &str = "
Outputs:
  AlarmTopicArn:
    Description: Topic of all alarms.
    Value: !Ref AlarmTopic
";

/// One metric as it is read.
#[derive(Debug, Clone)]
struct Reading {
    namespace: &'static str,
    metric: &'static str,
    by: Vec<(&'static str, String)>,
    statistic: &'static str,
}

/// A metric of the table.
fn ours(metric: Metric, by: &[(Dimension, &str)]) -> Reading {
    let row = metric.about();
    let known = |set: &&[Dimension]| set.iter().eq(by.iter().map(|(dimension, _)| dimension));
    assert!(row.sets.iter().any(known), "{} is not told by {by:?}", row.name);
    assert!(by.iter().all(|(dimension, value)| dimension.may_be(value)), "{}: nobody says {by:?}", row.name);
    let statistic = if row.kind == Kind::Level { "Maximum" } else { "Sum" };
    let by = by.iter().map(|(dimension, value)| (dimension.name(), (*value).to_owned())).collect();
    Reading { namespace: NAMESPACE, metric: row.name, by, statistic }
}

/// A metric of a service.
fn theirs(namespace: &'static str, metric: &'static str, by: (&'static str, &str), statistic: &'static str) -> Reading {
    Reading { namespace, metric, by: vec![(by.0, by.1.to_owned())], statistic }
}

fn written(template: &Value) -> String {
    let mut text = HEAD.to_owned();
    for alarm in alarms::all(template, &Definitions::shipped().unwrap()) {
        text.push_str(&yaml::alarm(&alarm));
    }
    text.push_str(&dashboard::written(template));
    text.push_str(TAIL);
    text
}

#[test]
fn monitoring_is_that_of_the_stack() {
    let text = written(&template());
    if std::env::var_os("HARMONIA_WRITE_DOCS").is_some() {
        fs::write(super::top().join(FILE), &text).unwrap();
    }
    assert!(read(FILE) == text, "{FILE} says something else; HARMONIA_WRITE_DOCS=1 writes it");
    // the name of a machine has no place to be broken at
    let wide = text.lines().find(|line| line.chars().count() > 120 && !line.contains(":stateMachine:"));
    assert_eq!(wide, None);
}

pub(super) fn monitoring() -> Value {
    parse(&read(FILE))
}

pub(super) fn all_alarms(monitoring: &Value) -> BTreeMap<&str, &Value> {
    of_type(monitoring, "AWS::CloudWatch::Alarm")
}

/// A text with or without substitutions.
fn text(value: &Value) -> &str {
    value.as_str().or_else(|| value["Fn::Sub"].as_str()).unwrap_or_default()
}

/// Namespace, metric, and names and values of its dimensions, of everything that an alarm reads.
pub(super) fn readings(alarm: &Value) -> Vec<(String, String, BTreeMap<String, String>)> {
    let of_math = list(&alarm["Metrics"]).into_iter().map(|metric| at(metric, "MetricStat.Metric"));
    let all = of_math.chain([alarm]).filter(|metric| !metric["MetricName"].is_null());
    let reading = |metric: &Value| {
        let by = list(&metric["Dimensions"]).into_iter();
        let by = by.map(|one| (text(&one["Name"]).to_owned(), text(&one["Value"]).to_owned())).collect();
        (text(&metric["Namespace"]).to_owned(), text(&metric["MetricName"]).to_owned(), by)
    };
    all.map(reading).collect()
}

/// A metric by these dimensions is in the table.
fn is_told(name: &str, by: &BTreeSet<&str>) -> bool {
    let metric = Metric::ALL.into_iter().find(|metric| metric.about().name == name);
    let same = |set: &&[Dimension]| set.iter().map(|dimension| dimension.name()).collect::<BTreeSet<_>>() == *by;
    metric.is_some_and(|metric| metric.about().sets.iter().any(same))
}

/// What a dimension is said to be is on its list, or is defined or deployed.
fn is_said(dimension: &str, value: &str) -> bool {
    let definitions = Definitions::shipped().unwrap();
    match Dimension::ALL.into_iter().find(|known| known.name() == dimension) {
        Some(Dimension::Feed) => definitions.feeds().any(|feed| feed.as_str() == value),
        Some(Dimension::Merchant) => definitions.iter().any(|definition| definition.merchant.as_str() == value),
        Some(Dimension::Function) => {
            super::functions(&template()).into_values().any(|one| short_name(one, "FunctionName") == value)
        }
        Some(closed) => closed.may_be(value),
        None => false,
    }
}

/// Every metric of ours that an alarm or the dashboard names is told by these dimensions, and they say such a thing.
fn unknown_metrics(monitoring: &Value) -> Vec<String> {
    let mut told = Vec::new();
    for (name, alarm) in all_alarms(monitoring) {
        let readings = readings(alarm);
        if readings.is_empty() || readings.len() > READS_MAX {
            told.push(format!("{name}: reads {} metrics", readings.len()));
        }
        for (namespace, metric, by) in readings.iter().filter(|(namespace, ..)| !namespace.starts_with("AWS/")) {
            let dimensions = by.keys().map(String::as_str).collect();
            if namespace != NAMESPACE || !is_told(metric, &dimensions) {
                told.push(format!("{name}: {namespace} {metric} by {dimensions:?}"));
            }
            for (dimension, value) in by.iter().filter(|(dimension, value)| !is_said(dimension, value)) {
                told.push(format!("{name}: {metric} with {dimension} {value}, which nobody says"));
            }
        }
    }
    let body = text(at(monitoring, "Resources.Dashboard.Properties.DashboardBody"));
    let body: Value = serde_json::from_str(body).unwrap();
    let widgets = list(&body["widgets"]).into_iter();
    let expressions: Vec<&str> = widgets
        .flat_map(|widget| list(at(widget, "properties.metrics")))
        .filter_map(|row| row[0]["expression"].as_str())
        .collect();
    assert!(expressions.len() > 5, "the dashboard shows next to nothing");
    for search in expressions.iter().filter(|expression| expression.contains(NAMESPACE)) {
        let schema = search.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map(|(schema, _)| schema);
        let by = schema.and_then(|schema| schema.strip_prefix(NAMESPACE)).unwrap_or_default();
        let by = by.split(',').filter(|name| !name.is_empty()).collect();
        let metric = search.split("MetricName=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
        if !is_told(metric, &by) {
            told.push(format!("the dashboard: {search}"));
        }
    }
    told
}

/// What has to be watched, by namespace, metric, dimension and value.
fn to_be_watched(template: &Value) -> BTreeSet<[String; 4]> {
    let mut all = BTreeSet::new();
    let mut watch = |namespace: &str, metric: &str, dimension: &str, value: String| {
        all.insert([namespace.to_owned(), metric.to_owned(), dimension.to_owned(), value]);
    };
    let name = |properties: &Value, named: &str| text(&properties[named]).to_owned();
    let working = working_queues(template);
    for (queue, properties) in of_type(template, "AWS::SQS::Queue") {
        let name = name(properties, "QueueName");
        if working.contains_key(queue) {
            watch("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", name);
        } else {
            watch("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name);
        }
    }
    for function in super::functions(template).values() {
        for metric in ["Errors", "Throttles"] {
            watch("AWS/Lambda", metric, "FunctionName", name(function, "FunctionName"));
        }
    }
    for machine in of_type(template, "AWS::Serverless::StateMachine").values() {
        for metric in ["ExecutionsFailed", "ExecutionsTimedOut"] {
            watch("AWS/States", metric, "StateMachineArn", alarms::machine_arn(&name(machine, "Name")));
        }
    }
    for feed in Definitions::shipped().unwrap().feeds() {
        watch(NAMESPACE, "Lines", "Feed", feed.as_str().to_owned());
    }
    all
}

/// What nobody would hear of. A share of something does not tell that it stands still.
fn unwatched(monitoring: &Value) -> Vec<String> {
    let alone = all_alarms(monitoring).into_values().filter(|alarm| alarm["Metrics"].is_null());
    let readings = alone.flat_map(readings);
    let watched: BTreeSet<[String; 4]> = readings
        .filter_map(|(namespace, metric, by)| {
            let mut by = by.into_iter();
            let (dimension, value) = by.next()?;
            by.next().is_none().then_some([namespace, metric, dimension, value])
        })
        .collect();
    to_be_watched(&template()).difference(&watched).map(|one| one.join(" ")).collect()
}

/// What is told again and again while the clock works, each by a schedule of its own or a part of it, and how often it
/// has to be told at least in how many seconds.
const HEARTBEATS: [(&str, &str, f64, u64); 3] = [
    // the sweep alone calls it once in five minutes
    ("AWS/Lambda", "Invocations", 3.0, 300),
    (NAMESPACE, "FilesStuck", 1.0, 300),
    (NAMESPACE, "LeftOpen", 1.0, 3_600),
];

/// Each has an alarm that nothing told means something bad to, soon.
fn unheard(monitoring: &Value) -> Vec<String> {
    let alarms = all_alarms(monitoring);
    let hears = |alarm: &Value, (namespace, metric, least, seconds): (&str, &str, f64, u64)| {
        let by = list(&alarm["Dimensions"]);
        let counted = if namespace == NAMESPACE { "SampleCount" } else { "Sum" };
        text(&alarm["Namespace"]) == namespace
            && alarm["MetricName"] == json!(metric)
            && alarm["Statistic"] == json!(counted)
            && by.iter().all(|one| text(&one["Value"]).ends_with("-tick"))
            && alarm["ComparisonOperator"] == json!("LessThanThreshold")
            && alarm["Threshold"].as_f64() == Some(least)
            && alarm["Period"].as_u64() == Some(seconds)
            && alarm["EvaluationPeriods"].as_u64().is_some_and(|n| n <= 3)
            && alarm["TreatMissingData"] == json!("breaching")
    };
    let silent = HEARTBEATS.into_iter().filter(|beat| !alarms.values().any(|alarm| hears(alarm, *beat)));
    silent.map(|(_, metric, ..)| format!("nobody hears that {metric} is not told any more")).collect()
}

/// The queues of the dashboard's two charts: those that work, by age; the others, by what is in them.
fn queues_shown(monitoring: &Value) -> Vec<String> {
    let body = text(at(monitoring, "Resources.Dashboard.Properties.DashboardBody"));
    let body: Value = serde_json::from_str(body).unwrap();
    let shown = |metric: &str| -> BTreeSet<String> {
        let rows = list(&body["widgets"]).into_iter().flat_map(|widget| list(at(widget, "properties.metrics")));
        rows.filter(|row| row[1] == metric).filter_map(|row| row[3].as_str().map(str::to_owned)).collect()
    };
    let mut told = Vec::new();
    for [_, metric, _, queue] in to_be_watched(&template()).iter().filter(|[namespace, ..]| namespace == "AWS/SQS") {
        let charts = ["ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"];
        let on: Vec<&str> = charts.into_iter().filter(|chart| shown(chart).contains(queue)).collect();
        if on != [metric] {
            told.push(format!("the dashboard has {queue} on {on:?}"));
        }
    }
    told
}

/// Each alarm is named after its environment, says why it is there and where the runbook is, and is heard of.
fn unexplained(monitoring: &Value) -> Vec<String> {
    let runbooks = read(RUNBOOKS);
    let sections: BTreeSet<&str> = runbooks.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let mut told = Vec::new();
    let mut used = BTreeSet::new();
    for (name, alarm) in all_alarms(monitoring) {
        if !text(&alarm["AlarmName"]).starts_with(super::NAME) {
            told.push(format!("{name}: not named after its environment"));
        }
        let description = text(&alarm["AlarmDescription"]);
        let section = description.split_once(&format!("{RUNBOOKS}#")).map_or("", |(_, section)| section.trim());
        if !sections.contains(section) || description.len() < section.len() + 60 {
            told.push(format!("{name}: no section {section:?} of {RUNBOOKS}, or no reason"));
        }
        used.insert(section);
        if alarm["TreatMissingData"].is_null() || alarm["AlarmActions"] != json!([{ "Ref": "AlarmTopic" }]) {
            told.push(format!("{name}: nobody hears of it, or silence means nothing"));
        }
    }
    let alarms = sections.iter().filter(|section| !section.contains(' '));
    told.extend(alarms.filter(|section| !used.contains(*section)).map(|section| format!("{section}: no such alarm")));
    told
}

fn assert_rule(rule: fn(&Value) -> Vec<String>, plants: &[(&str, Value)]) {
    let monitoring = monitoring();
    assert_eq!(rule(&monitoring), Vec::<String>::new());
    for (pointer, value) in plants {
        let mut broken = monitoring.clone();
        *broken.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}")) = value.clone();
        assert!(!rule(&broken).is_empty(), "not seen: {pointer} = {value}");
    }
}

#[test]
fn alarms_and_dashboard_name_metrics_that_are_told() {
    let unbalanced = "/Resources/FilesUnbalanced/Properties";
    let (metric, namespace) = (format!("{unbalanced}/MetricName"), format!("{unbalanced}/Namespace"));
    let dimension = format!("{unbalanced}/Dimensions/0/Name");
    let value = format!("{unbalanced}/Dimensions/0/Value");
    let plants = [
        (metric.as_str(), json!("Filed")),
        (namespace.as_str(), json!("Harmonia")),
        (dimension.as_str(), json!("Merchant")),
        (value.as_str(), json!("unballanced")),
        ("/Resources/SilentVisaAuth/Properties/Dimensions/0/Value", json!("visa-auths")),
        ("/Resources/DeliveriesFailingItsu/Properties/Metrics/1/MetricStat/Metric/Dimensions/0/Value", json!("itsy")),
    ];
    assert_rule(unknown_metrics, &plants);
    let mut broken = monitoring();
    let body = broken.pointer_mut("/Resources/Dashboard/Properties/DashboardBody/Fn::Sub").unwrap();
    *body = json!(body.as_str().unwrap().replace("MetricName=\\\"Lag\\\"", "MetricName=\\\"Lags\\\""));
    assert_eq!(unknown_metrics(&broken).len(), 1);
}

#[test]
fn everything_that_can_stand_still_has_its_alarm() {
    let gone = |name: &str| (format!("/Resources/{name}/Type"), json!("AWS::SNS::Topic"));
    let plants = [
        "AgeMatch",
        "DeadLettersFeedVisaAuth",
        "AuditFailures",
        "ErrorsIdentify",
        "ThrottledExport",
        "MachineFailedDeliver",
        "SilentVisaAuth",
    ];
    let plants = plants.map(gone);
    let plants = plants.each_ref().map(|(pointer, value)| (pointer.as_str(), value.clone()));
    assert_rule(unwatched, &plants);
}

#[test]
fn a_clock_that_stands_still_is_heard_of() {
    let of = |alarm: &str, property: &str| format!("/Resources/{alarm}/Properties/{property}");
    let plants = [
        (of("ScheduleTick", "Threshold"), json!(1)),
        (of("ScheduleSweep", "TreatMissingData"), json!("notBreaching")),
        (of("ScheduleSweep", "EvaluationPeriods"), json!(300)),
        (of("Walk", "Statistic"), json!("Sum")),
        (of("Walk", "MetricName"), json!("Open")),
        (of("Walk", "Period"), json!(86_400)),
    ];
    let plants = plants.each_ref().map(|(pointer, value)| (pointer.as_str(), value.clone()));
    assert_rule(unheard, &plants);
}

#[test]
fn queues_are_shown_by_what_they_are() {
    assert_eq!(queues_shown(&monitoring()), Vec::<String>::new());
    let mut broken = monitoring();
    let body = broken.pointer_mut("/Resources/Dashboard/Properties/DashboardBody/Fn::Sub").unwrap();
    // the queue of the other chart in its place
    *body = json!(body.as_str().unwrap().replacen("-failed-events\"", "-import-files\"", 1));
    assert_eq!(queues_shown(&broken).len(), 2);
}

#[test]
fn every_alarm_has_a_reason_a_runbook_and_a_listener() {
    let stuck = "/Resources/FilesStuck/Properties";
    let [description, actions, missing, name] =
        ["AlarmDescription", "AlarmActions", "TreatMissingData", "AlarmName"].map(|key| format!("{stuck}/{key}"));
    let plants = [
        (description.as_str(), json!("A file is stuck. docs/runbooks.md#files-are-stuck")),
        (actions.as_str(), json!([])),
        (missing.as_str(), Value::Null),
        (name.as_str(), json!("harmonia-dev-files-stuck")),
    ];
    assert_rule(unexplained, &plants);
}

/// The functions say where they count, and the alarms listen there.
#[test]
fn functions_count_where_the_alarms_listen() {
    let template = template();
    let variable = at(&template, "Globals.Function.Environment.Variables.HARMONIA_METRICS_NAMESPACE");
    assert_eq!(text(variable), NAMESPACE);
    assert!(read("shared/runtime/src/deployed.rs").contains("\"HARMONIA_METRICS_NAMESPACE\""));
    let nested = at(&template, "Resources.Monitoring.Properties");
    assert_eq!(text(&nested["TemplateURL"]), FILE);
    let parameters = ["Environment", "AlarmAddress", "AWS::AccountId"].map(|name| json!({ "Ref": name }));
    let [environment, address, account] = parameters;
    let parameters = json!({ "Environment": environment, "AlarmAddress": address, "Account": account });
    assert_eq!(nested["Parameters"], parameters);
}

/// `a-b` as `AB`.
fn camel(name: &str) -> String {
    let mut camel = String::new();
    for part in name.split('-') {
        let (first, rest) = part.split_at(1);
        let _ = write!(camel, "{}{rest}", first.to_uppercase());
    }
    camel
}
