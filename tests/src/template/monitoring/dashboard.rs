//! The dashboard: what came, what became of it, what waits, what it costs. Searches, so that a new merchant or feed is
//! on it by itself.

use super::{NAMESPACE, alarms::machine_arn, of_type, text, working_queues};
use harmonia_metrics::{Dimension, Metric};
use serde_json::{Value, json};
use std::fmt::Write;

/// Columns of a dashboard (`CloudWatch`).
const COLUMNS: usize = 24;
const WIDTH: usize = 8;
const HEIGHT: usize = 6;

/// What a chart shows, and the statistic where it does not say so itself.
type Shown = (Vec<Value>, &'static str);

/// Everything that is told of a metric by these dimensions.
fn search(metric: Metric, by: &[Dimension], statistic: &'static str) -> Shown {
    let by: Vec<&str> = by.iter().map(|dimension| dimension.name()).collect();
    let (name, schema) = (metric.about().name, [&[NAMESPACE], &by[..]].concat().join(","));
    let search = format!("SEARCH('{{{schema}}} MetricName=\"{name}\"', '{statistic}', 300)");
    (vec![json!([{ "expression": search }])], statistic)
}

/// One metric of a service for each of these names.
fn each(namespace: &str, metric: &str, dimension: &str, names: &[String], statistic: &'static str) -> Shown {
    (names.iter().map(|name| json!([namespace, metric, dimension, name])).collect(), statistic)
}

fn names(template: &Value, kind: &str, named: &str) -> Vec<String> {
    of_type(template, kind).into_values().map(|properties| text(&properties[named]).to_owned()).collect()
}

fn charts(template: &Value) -> Vec<(&'static str, Shown)> {
    use Dimension::{Age, Answer, Event, Feed, Function, Merchant, Outcome, Table, Type, Verdict};
    let works = working_queues(template);
    let queues = of_type(template, "AWS::SQS::Queue").into_iter();
    let (working, dead): (Vec<_>, Vec<_>) = queues.partition(|(queue, _)| works.contains_key(queue));
    let [working, dead] = [working, dead]
        .map(|queues| queues.iter().map(|(_, queue)| text(&queue["QueueName"]).to_owned()).collect::<Vec<_>>());
    let functions = names(template, "AWS::Serverless::Function", "FunctionName");
    let machines = names(template, "AWS::Serverless::StateMachine", "Name");
    let machines: Vec<String> = machines.iter().map(|name| machine_arn(name)).collect();
    vec![
        ("Lines by feed", search(Metric::Lines, &[Feed], "Sum")),
        ("Lines by outcome", search(Metric::Lines, &[Outcome], "Sum")),
        ("Files", search(Metric::Files, &[Event], "Sum")),
        ("Files that are stuck", search(Metric::FilesStuck, &[], "Maximum")),
        ("Whose cards", search(Metric::Identified, &[Answer], "Sum")),
        ("Matches by merchant", search(Metric::Matches, &[Merchant], "Sum")),
        ("Matches by type", search(Metric::Matches, &[Type], "Sum")),
        ("Open payments", search(Metric::Open, &[Merchant, Age], "Maximum")),
        ("Attempts by verdict", search(Metric::Deliveries, &[Verdict], "Sum")),
        ("Attempts by merchant", search(Metric::Deliveries, &[Merchant], "Sum")),
        ("Lag, p99", search(Metric::Lag, &[Function], "p99")),
        ("Oldest message", each("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", &working, "Maximum")),
        ("Dead letters", each("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", &dead, "Maximum")),
        ("Write units", search(Metric::WriteUnits, &[Function, Table], "Sum")),
        ("Read units", search(Metric::ReadUnits, &[Function, Table], "Sum")),
        ("Megabyte-seconds", search(Metric::Work, &[Function], "Sum")),
        ("Failed invocations", each("AWS/Lambda", "Errors", "FunctionName", &functions, "Sum")),
        ("Duration, p99", each("AWS/Lambda", "Duration", "FunctionName", &functions, "p99")),
        ("Failed executions", each("AWS/States", "ExecutionsFailed", "StateMachineArn", &machines, "Sum")),
    ]
}

pub(super) fn written(template: &Value) -> String {
    let widgets = charts(template).into_iter().enumerate().map(|(n, (title, (metrics, statistic)))| {
        let place = n * WIDTH;
        json!({
            "type": "metric", "x": place % COLUMNS, "y": place / COLUMNS * HEIGHT, "width": WIDTH, "height": HEIGHT,
            "properties": { "title": title, "region": "${AWS::Region}", "period": 300, "stat": statistic,
                "view": "timeSeries", "metrics": metrics },
        })
    });
    let mut out = "
  Dashboard:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardName: !Sub harmonia-${Environment}
      DashboardBody: !Sub |
        {\"widgets\": [
"
    .to_owned();
    let widgets: Vec<String> = widgets.map(|widget| lines(&widget)).collect();
    let _ = writeln!(out, "{}        ]}}", widgets.join(",\n") + "\n");
    out
}

/// A widget, its metrics one a line.
fn lines(widget: &Value) -> String {
    let pad = " ".repeat(12);
    let metric = |metric: &Value| match metric.as_array().map(Vec::as_slice) {
        Some([namespace, metric, dimension, name]) => {
            format!("{pad}[{namespace},{metric},{dimension},\n{pad}{name}]")
        }
        _ => format!("{pad}{metric}"),
    };
    let metrics: Vec<String> = widget["properties"]["metrics"].as_array().unwrap().iter().map(metric).collect();
    let mut without = widget.clone();
    without["properties"]["metrics"] = json!("METRICS");
    let text = without.to_string().replace("\"METRICS\"", &format!("[\n{}\n          ]", metrics.join(",\n")));
    format!("          {}", text.replace(",\"type\"", ",\n          \"type\""))
}
