//! What a stack has whether anything happens or not, and what it can take at once: counted from template.yaml, the
//! alarms, the state machines and the table of metrics, for docs/costs.md.

use super::{
    at, functions, list,
    monitoring::{all_alarms, monitoring, readings},
    read, sources, template,
};
use harmonia_definitions::Definitions;
use harmonia_domain::feed::PaymentFeed;
use harmonia_metrics::{Dimension, Metric};
use serde_json::Value;

/// An alarm on what is usual reads the two edges of its band besides.
const OF_A_BAND: usize = 2;

/// How many metrics the functions can tell at most: every value with every other. With so many merchants, each of which
/// has a feed, and all feeds of the payment schemes; with those that are shipped if nobody says.
pub(crate) fn series(merchants: Option<usize>) -> usize {
    let definitions = Definitions::shipped().unwrap();
    let feeds = merchants.map_or_else(|| definitions.feeds().count(), |n| PaymentFeed::ALL.len() + n);
    let merchants = merchants.unwrap_or_else(|| definitions.iter().count());
    let values = |dimension: &Dimension| match dimension.known() {
        Some(known) => known.len(),
        None if *dimension == Dimension::Feed => feeds,
        None if *dimension == Dimension::Merchant => merchants,
        None => functions(&template()).len(),
    };
    let of_set = |set: &&[Dimension]| set.iter().map(values).product::<usize>();
    Metric::ALL.into_iter().flat_map(|metric| metric.about().sets.iter().map(of_set)).sum()
}

/// How many alarms there are, and how many metrics they read.
pub(crate) fn alarms() -> (usize, usize) {
    let monitoring = monitoring();
    let alarms = all_alarms(&monitoring);
    let band = |alarm: &Value| alarm.to_string().contains("ANOMALY_DETECTION_BAND");
    let read = alarms.values().map(|alarm| readings(alarm).len() + if band(alarm) { OF_A_BAND } else { 0 }).sum();
    (alarms.len(), read)
}

pub(crate) fn memory_mb() -> u64 {
    at(&template(), "Globals.Function.MemorySize").as_u64().unwrap()
}

/// What a table takes at once without having grown.
pub(crate) fn write_units_of_a_new_table() -> u64 {
    at(&template(), "Parameters.WarmWriteUnits.Default").as_u64().unwrap()
}

/// `BatchSize` and `MaximumConcurrency` of a function's event source.
pub(crate) fn source(function: &str, source: &str) -> (u64, u64) {
    let template = template();
    let functions = functions(&template);
    let (_, found) = sources(functions[function]).find(|(name, _)| *name == source).unwrap();
    let number = |value: &Value| value.as_u64().unwrap();
    (number(&found["BatchSize"]), number(at(found, "ScalingConfig.MaximumConcurrency")))
}

/// How many ranges of one large file are imported at once.
pub(crate) fn ranges_at_once() -> u64 {
    let machine: Value = serde_json::from_str(&read("infra/statemachines/import-file.asl.json")).unwrap();
    let states = machine["States"].as_object().unwrap().values();
    let maps: Vec<u64> = states.filter_map(|state| state["MaxConcurrency"].as_u64()).collect();
    assert_eq!(maps.len(), 1);
    maps[0]
}

/// Each feed of messages has the same place.
#[test]
fn feeds_of_messages_are_alike() {
    let template = template();
    let of_import = functions(&template)["ImportFunction"];
    let feeds: Vec<(&Value, &Value)> = sources(of_import)
        .filter(|(name, _)| *name != "Files")
        .map(|(_, feed)| (&feed["BatchSize"], &feed["ScalingConfig"]))
        .collect();
    assert!(feeds.len() > 5 && feeds.iter().all(|feed| *feed == feeds[0]), "{feeds:?}");
    assert_eq!(list(&feeds[0].1["MaximumConcurrency"]).len(), 1);
}

/// The band's edges are counted, and all of what an expression reads.
#[test]
fn what_alarms_read_is_counted() {
    let (alarms, read) = alarms();
    let definitions = Definitions::shipped().unwrap();
    let rates = definitions.iter().filter(|definition| definition.matching.is_some()).count();
    let told = definitions.iter().filter(|definition| definition.export.is_some()).count();
    // rates read two and a band, deliveries four, rejects two, cost four, the others one
    let beyond_one = 3 * rates + 3 * told + definitions.feeds().count() + 3;
    assert_eq!(read, alarms + beyond_one);
}
