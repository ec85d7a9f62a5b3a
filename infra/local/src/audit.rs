//! The audit log of a local cloud: fed from the tables' streams by the real function, and checked.

use crate::{
    aws_events,
    invariants::Violation,
    streams::{StreamError, Streams, sequence},
};
use harmonia_audit::{Auditor, Kind, Log, Report, What, verify};
use harmonia_definitions::Definitions;
use harmonia_domain::ids::Id;
use harmonia_ports::{Clock, Events, Item, Key, ObjectError, Objects, Ports, Table};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde_json::json;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// As `BatchSize` of the streams in template.yaml.
const BATCH: usize = 1_000;
/// A batch that fails is tried so often before the next round; on AWS for hours, but here somebody waits.
const TRIES_MAX: usize = 10;

/// A change that is newer by more than this than a segment cannot stand before it: functions' clocks are less apart.
const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_mins(1);

/// The audit function with its event sources.
#[derive(Clone)]
pub struct Audit {
    auditor: Arc<Auditor>,
    streams: Arc<dyn Streams>,
}

impl Audit {
    /// The function over a cloud's ports.
    pub fn new(
        ports: &Ports,
        definitions: &Arc<Definitions>,
        events: Arc<dyn Events>,
        streams: Arc<dyn Streams>,
    ) -> Self {
        let log = Log::new(Arc::clone(&ports.objects), Arc::clone(&ports.clock));
        let auditor = Auditor::new(log, Arc::clone(&ports.tables), events, Arc::clone(definitions));
        Self { auditor: Arc::new(auditor), streams }
    }

    /// Serves the streams once, all tables at the same time as their shards are on AWS; says how many records there
    /// were. What fails again and again stays for the next round.
    pub async fn serve(&self) -> Result<usize, StreamError> {
        let [book, ledger, registry] = Table::ALL;
        let (book, ledger, registry) = futures::join!(self.table(book), self.table(ledger), self.table(registry));
        Ok(book? + ledger? + registry?)
    }

    async fn table(&self, table: Table) -> Result<usize, StreamError> {
        let mut served = 0;
        for _ in 0..TRIES_MAX {
            let records = self.streams.read(table, BATCH).await?;
            if records.is_empty() {
                break;
            }
            let answer = harmonia_function_audit::handle(&self.auditor, json!({ "Records": records })).await;
            let failed = match answer {
                Ok(answer) => aws_events::failed(&answer),
                Err(error) => {
                    tracing::error!(table = table.as_str(), %error, "invocation failed");
                    continue;
                }
            };
            // everything before the first failure is done, as AWS reads it
            let first = records.iter().position(|r| sequence(r).is_some_and(|s| failed.contains(s)));
            let done = records.get(..first.unwrap_or(records.len())).unwrap_or_default();
            self.streams.acknowledge(table, done).await?;
            served += done.len();
            if first.is_none() {
                break;
            }
        }
        Ok(served)
    }
}

/// What was found about the log.
pub struct Checked {
    /// The walk over the chain.
    pub report: Report,
    /// Invariant 8 on rows: each version of each row of state is in the log, or waits in its table's stream; behind a
    /// seal, the newest version of each row that has changed since.
    pub violations: Vec<Violation>,
}

/// Checks the log against itself and against rows. `pending` are changes that wait in the streams.
pub async fn check(
    objects: &dyn Objects,
    clock: &dyn Clock,
    from: Option<Date>,
    items: &[(Table, Item)],
    pending: &BTreeSet<(Table, Key, u64)>,
) -> Result<Checked, ObjectError> {
    let mut logged: HashMap<Id, HashSet<u64>> = HashMap::new();
    let today = clock.now().to_zoned(TimeZone::UTC).date();
    let report = verify(objects, from, today, |entry| {
        if entry.what != What::Removed {
            logged.entry(name(&entry.table, &entry.pk, &entry.sk)).or_default().insert(entry.v);
        }
    })
    .await?;
    let mut violations = Vec::new();
    if let Some(broken) = &report.broken {
        violations.push(Violation { invariant: 8, what: format!("the audit log is broken: {broken}") });
    } else {
        violations.extend(missing(items, &logged, pending, report.behind));
    }
    Ok(Checked { report, violations })
}

/// Looks again, `looks` times in all, as long as something is missing: of a cloud that is at work a change may take a
/// moment to reach the log.
pub async fn settled(
    (looks, pause): (usize, Duration),
    look: impl AsyncFn() -> Result<Checked, ObjectError>,
) -> Result<Checked, ObjectError> {
    let mut looked = 0;
    loop {
        let checked = look().await?;
        looked += 1;
        if checked.violations.is_empty() || looked >= looks {
            return Ok(checked);
        }
        tokio::time::sleep(pause).await;
    }
}

fn name(table: &str, pk: &str, sk: &str) -> Id {
    Id::derive("row", &[table, pk, sk])
}

/// What rows say and the log does not: of the whole log every version of a row; of what comes behind a seal the newest
/// one of each row that has changed since. So segments that were cut off behind the last seal are missed, as long as
/// one of their rows is there.
fn missing(
    items: &[(Table, Item)],
    logged: &HashMap<Id, HashSet<u64>>,
    pending: &BTreeSet<(Table, Key, u64)>,
    behind: Option<Timestamp>,
) -> Vec<Violation> {
    let mut found = Vec::new();
    for (table, item) in items.iter().filter(|(_, item)| Kind::of(item).is_some()) {
        let versions = logged.get(&name(table.as_str(), &item.key.pk, &item.key.sk));
        let is_there = |v: u64| {
            versions.is_some_and(|versions| versions.contains(&v)) || pending.contains(&(*table, item.key.clone(), v))
        };
        let first = match behind {
            None => 1,
            Some(behind) if item.stamp.on.duration_since(behind) > CLOCKS_APART_MAX => item.version,
            Some(_) => continue,
        };
        if let Some(v) = (first..=item.version).find(|v| !is_there(*v)) {
            let Key { pk, sk } = &item.key;
            let what = format!("version {v} of {pk} {sk} in {} is not in the audit log", table.as_str());
            found.push(Violation { invariant: 8, what });
        }
    }
    found
}

/// The changes that wait in the streams, by table, key and version.
pub async fn pending(streams: &dyn Streams) -> Result<BTreeSet<(Table, Key, u64)>, StreamError> {
    let mut all = BTreeSet::new();
    for table in Table::ALL {
        for record in streams.read(table, usize::MAX).await? {
            let text = |path: &str| record.pointer(path).and_then(serde_json::Value::as_str).map(str::to_owned);
            let key = text("/dynamodb/Keys/pk/S").zip(text("/dynamodb/Keys/sk/S"));
            let version = text("/dynamodb/NewImage/v/N").and_then(|v| v.parse().ok());
            if let (Some((pk, sk)), Some(version)) = (key, version) {
                all.insert((table, Key { pk, sk }, version));
            }
        }
    }
    Ok(all)
}
