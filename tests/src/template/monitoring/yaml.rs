//! An alarm as `CloudFormation` reads it, one property a line.

use super::{
    RUNBOOKS, Reading,
    alarms::{Alarm, Limit, Watch},
    camel,
};
use std::fmt::Write;

/// A text; with what it refers to, if it does.
fn text(value: &str) -> String {
    if value.contains("${") { format!("!Sub \"{value}\"") } else { format!("\"{value}\"") }
}

/// Members of a reading, each line indented by so much.
fn reading(indent: usize, of: &Reading) -> String {
    let pad = " ".repeat(indent);
    let mut out = format!("{pad}Namespace: {}\n{pad}MetricName: {}\n", text(of.namespace), of.metric);
    if !of.by.is_empty() {
        let _ = writeln!(out, "{pad}Dimensions:");
    }
    for (name, value) in &of.by {
        let _ = writeln!(out, "{pad}  - {{ Name: {name}, Value: {} }}", text(value));
    }
    out
}

fn watch(alarm: &Alarm) -> String {
    let period = alarm.period_s;
    match &alarm.watch {
        Watch::One(of) => {
            let statistic = of.statistic;
            format!("{}      Statistic: {statistic}\n      Period: {period}\n", reading(6, of))
        }
        Watch::Math { expressions, of } => {
            let mut out = "      Metrics:\n".to_owned();
            for (number, (id, expression)) in expressions.iter().enumerate() {
                let returned = number == 0 || matches!(alarm.limit, Limit::BelowBand);
                let _ = writeln!(out, "        - Id: {id}\n          Expression: \"{expression}\"");
                let _ = writeln!(out, "          ReturnData: {returned}");
            }
            for (id, of) in of {
                let _ = write!(
                    out,
                    "        - Id: {id}\n          ReturnData: false\n          MetricStat:\n            \
                     Stat: {}\n            Period: {period}\n            Metric:\n{}",
                    of.statistic,
                    reading(14, of)
                );
            }
            out
        }
    }
}

/// Words in lines that fit.
fn folded(indent: usize, words: &str) -> String {
    let pad = " ".repeat(indent);
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        let line = lines.last_mut().unwrap();
        if indent + line.len() + word.len() > 117 {
            lines.push(word.to_owned());
        } else {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.iter().flat_map(|line| [pad.as_str(), line, "\n"]).collect()
}

pub(super) fn alarm(alarm: &Alarm) -> String {
    let (m, n) = alarm.of;
    let why = format!("{} {RUNBOOKS}#{}", alarm.why, alarm.runbook);
    let (operator, limit) = match alarm.limit {
        Limit::Above(limit) => ("GreaterThanThreshold", format!("Threshold: {limit}")),
        Limit::Below(limit) => ("LessThanThreshold", format!("Threshold: {limit}")),
        Limit::BelowBand => ("LessThanLowerThreshold", "ThresholdMetricId: band".to_owned()),
    };
    let quiet = if alarm.production { "      ActionsEnabled: !If [IsProduction, true, false]\n" } else { "" };
    let condition = if matches!(alarm.watch, Watch::Math { .. }) { "    Condition: HasMetricMath\n" } else { "" };
    format!(
        "\n  {}:\n    Type: AWS::CloudWatch::Alarm\n{condition}    Properties:\n      \
         AlarmName: !Sub harmonia-${{Environment}}-{}\n      AlarmDescription: >-\n{}{}      \
         EvaluationPeriods: {n}\n      DatapointsToAlarm: {m}\n      ComparisonOperator: {operator}\n      \
         {limit}\n      TreatMissingData: {}\n{quiet}      \
         AlarmActions: [!Ref AlarmTopic]\n      OKActions: [!Ref AlarmTopic]\n",
        camel(&alarm.name),
        alarm.name,
        folded(8, &why),
        watch(alarm),
        alarm.missing.as_str(),
    )
}
