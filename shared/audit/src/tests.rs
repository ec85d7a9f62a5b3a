mod derived;
mod tampered;
mod writers;

use crate::{Entry, Log, Report, Seen, verify};
use futures::executor::block_on;
use harmonia_ports::{
    Change, Clock, Item, Key, Stamp, Table,
    memory::{MemoryObjects, SetClock},
};
use jiff::{Timestamp, civil::date};
use std::sync::Arc;

/// Half an hour before a midnight.
fn evening() -> Timestamp {
    "2026-11-22T23:30:00Z".parse().unwrap()
}

fn item(pk: &str, sk: &str, version: u64, body: serde_json::Value) -> Item {
    let serde_json::Value::Object(body) = body else { panic!("a body is an object") };
    let stamp = Stamp { by: "test".into(), on: evening() };
    Item { key: Key::new(pk, sk), version, stamp, work: None, ttl: None, body }
}

fn entry_of(old: Option<Item>, new: Option<Item>) -> Option<Entry> {
    Entry::of(&Change { table: Table::Book, old, new }, Seen { at: evening(), expired: false })
}

/// The n-th of many different entries.
fn entry(n: usize) -> Entry {
    entry_of(None, Some(item(&format!("P#visa#{n}"), "P", 1, serde_json::json!({ "n": n })))).unwrap()
}

fn checked(objects: &MemoryObjects) -> (Report, Vec<Entry>) {
    let mut entries = Vec::new();
    let report = block_on(verify(objects, None, date(2026, 12, 1), |entry| entries.push(entry.clone())));
    (report.unwrap(), entries)
}

/// A log of some days, two segments a day, a few entries each.
fn days(days: usize) -> Arc<MemoryObjects> {
    let objects = Arc::new(MemoryObjects::default());
    let clock = Arc::new(SetClock::new(evening()));
    let log = Log::new(objects.clone(), clock.clone());
    for n in 0..2 * days {
        let entries: Vec<Entry> = (0..=n % 3).map(|i| entry(10 * n + i)).collect();
        assert_eq!(block_on(log.append(&entries)), Ok(1));
        clock.set(clock.now() + jiff::SignedDuration::from_hours(12));
    }
    objects
}
