//! The embedded metric format: JSON lines in a function's log that `CloudWatch` makes metrics of; see "Specification:
//! Embedded metric format" in its user guide (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/>).

use crate::{
    metric::{About, Dimension},
    tally::Noted,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Metrics of one document (specification).
pub const METRICS_MAX: usize = 100;
/// Dimensions of one set (specification).
pub const DIMENSIONS_MAX: usize = 30;
/// Values of one metric in one document (specification).
pub const VALUES_MAX: usize = 100;

/// What may stand in one document: metrics with the same dimensions and values.
type Same = (&'static [&'static [Dimension]], Vec<String>);

/// The documents of what was noted. `about`: members that are no metrics, by which the log is searched.
pub fn documents(namespace: &str, at: Timestamp, about: &[(&str, &str)], noted: &[Noted]) -> Vec<String> {
    let mut same: BTreeMap<Same, Vec<(About, &[u64])>> = BTreeMap::new();
    for Noted { metric, by, values } in noted {
        let row = metric.about();
        let metrics = same.entry((row.sets, by.clone())).or_default();
        metrics.extend(values.chunks(VALUES_MAX).map(|values| (row, values)));
    }
    let mut documents = Vec::new();
    for ((sets, by), metrics) in same {
        for metrics in apart(&metrics) {
            let mut document: Map<String, Value> =
                about.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
            let names = |set: &&[Dimension]| set.iter().take(DIMENSIONS_MAX).map(|d| d.name()).collect::<Vec<_>>();
            let noted_by = sets.first().copied().unwrap_or_default();
            document
                .extend(noted_by.iter().zip(&by).map(|(dimension, value)| (dimension.name().to_owned(), json!(value))));
            document.extend(metrics.iter().map(|(row, values)| (row.name.to_owned(), told(row, values))));
            let metrics = metrics.iter().map(|(row, _)| json!({ "Name": row.name, "Unit": row.unit.name() }));
            let directive = json!({
                "Namespace": namespace,
                "Dimensions": sets.iter().map(names).collect::<Vec<_>>(),
                "Metrics": metrics.collect::<Vec<_>>(),
            });
            document.insert(
                "_aws".to_owned(),
                json!({ "Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive] }),
            );
            documents.push(Value::Object(document).to_string());
        }
    }
    documents
}

/// Groups of at most [`METRICS_MAX`] metrics, none of which is twice in its group.
fn apart<'n>(metrics: &[(About, &'n [u64])]) -> Vec<Vec<(About, &'n [u64])>> {
    let mut groups: Vec<Vec<(About, &[u64])>> = Vec::new();
    for (row, values) in metrics {
        let fits = |group: &&mut Vec<(About, &[u64])>| {
            group.len() < METRICS_MAX && group.iter().all(|(other, _)| other.name != row.name)
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.push((*row, values)),
            None => groups.push(vec![(*row, values)]),
        }
    }
    groups
}

fn told(row: &About, values: &[u64]) -> Value {
    let one = |value: &u64| match row.scale {
        1 => json!(value),
        // an invocation's figures are small: whatever is larger than 32 bits is told as so much
        scale => json!(f64::from(u32::try_from(*value).unwrap_or(u32::MAX)) / f64::from(scale)),
    };
    match values {
        [value] => one(value),
        values => values.iter().map(one).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Metric, Tally};
    use proptest::prelude::*;

    fn read(documents: &[String]) -> Vec<Value> {
        documents.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    #[test]
    fn documents_are_those_of_the_specification() {
        let tally = Tally::default();
        tally.note(Metric::Lines, &["visa-auth", "accepted"], 97);
        tally.note(Metric::Lines, &["visa-auth", "rejected"], 3);
        tally.note(Metric::Lag, &["import"], 120);
        tally.note(Metric::Lag, &["import"], 4_000);
        tally.note(Metric::ReadUnits, &["import", "registry"], 15);
        tally.note(Metric::WriteUnits, &["import", "registry"], 20);
        let at = "2026-03-01T12:00:00Z".parse().unwrap();
        let documents = documents("Harmonia/dev", at, &[("requestId", "8476a536-e9f4-11e8")], &tally.take());
        insta::assert_json_snapshot!(read(&documents));
    }

    proptest! {
        /// Nothing is lost between notes and documents, and no document is larger than the specification allows.
        #[test]
        fn every_value_is_told_within_the_limits(
            lags in prop::collection::vec(0_u64..10_000, 0..400),
            lines in 1_u64..500,
        ) {
            let tally = Tally::default();
            for lag in &lags {
                tally.note(Metric::Lag, &["match"], *lag);
            }
            tally.note(Metric::Lines, &["itsu", "parked"], lines);
            let all = read(&documents("N", Timestamp::UNIX_EPOCH, &[], &tally.take()));
            let mut told = Vec::new();
            for document in &all {
                let directive = &document["_aws"]["CloudWatchMetrics"][0];
                prop_assert!(directive["Metrics"].as_array().unwrap().len() <= METRICS_MAX);
                for set in directive["Dimensions"].as_array().unwrap() {
                    let set = set.as_array().unwrap();
                    prop_assert!(set.len() <= DIMENSIONS_MAX);
                    prop_assert!(set.iter().all(|name| document[name.as_str().unwrap()].is_string()));
                }
                match &document["Lag"] {
                    Value::Array(values) => {
                        prop_assert!(values.len() <= VALUES_MAX);
                        told.extend(values.iter().map(|v| v.as_u64().unwrap()));
                    }
                    value => told.extend(value.as_u64()),
                }
            }
            prop_assert_eq!(told, lags);
            prop_assert_eq!(all.iter().filter_map(|d| d["Lines"].as_u64()).sum::<u64>(), lines);
        }
    }
}
