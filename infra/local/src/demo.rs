//! One trading day on a local cloud: generated feeds, played partners that sometimes fail, everything through the real
//! handlers, then the result against the known truth and the invariants.

use crate::{
    durable::Durability,
    invariants::{self, Score, Violation},
    local::{Door, Folder, Local, LocalError},
    partners::{Faults, PartnerReport, Partners},
    reasons::open_payments,
    run::until_quiet,
    state::Rows,
    world::World,
};
use harmonia_audit::Report;
use harmonia_domain::{export::ExportState, feed::Feed};
use harmonia_gen::{Day, Plan, generate};
use harmonia_ports::{Clock, Item, Table, memory::SetClock};
use harmonia_state::StoredError;
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// So many deliveries of partners are put in before the queues are served once: partners do not wait for us.
const DROPS_AT_ONCE: usize = 40;

/// What a demo is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many deliveries are going to come.
    Start(usize),
    /// So many have come.
    Dropped(usize),
    /// Records served by the functions.
    Served(usize),
    /// Everything has come; what is left is retries.
    AllDropped,
}

/// What came of it.
pub struct Outcome {
    /// Every row.
    pub rows: Rows,
    /// Matches against the known truth.
    pub score: Score,
    /// Open payments by the main reason.
    pub open: BTreeMap<String, usize>,
    /// Invariants that are broken; empty on a good day.
    pub violations: Vec<Violation>,
    /// Exports by where they stand, e.g. `skipped: below the amount that is told`.
    pub exports: BTreeMap<String, usize>,
    /// What the partners saw.
    pub partners: PartnerReport,
    /// Messages that nobody could read.
    pub dead_letters: Vec<(String, usize)>,
    /// Lines of all feeds.
    pub lines: u64,
    /// The audit log.
    pub audit: Report,
    /// How long the functions worked.
    pub took: Duration,
    /// Tenths of read and write units that the tables counted.
    pub consumed: (u64, u64),
}

/// Puts the day's deliveries in, in their order and at their instants.
pub async fn deliver(
    day: &Day,
    door: &Door,
    clock: &SetClock,
    mut between: impl AsyncFnMut(usize) -> Result<(), LocalError>,
) -> Result<(), LocalError> {
    for (number, delivery) in (1..).zip(&day.drops) {
        clock.set(delivery.at.max(clock.now()));
        let feed: Feed = delivery.feed.parse()?;
        door.drop_bytes(&feed, &delivery.name, &delivery.bytes).await?;
        between(number).await?;
    }
    Ok(())
}

/// Plays one day in an empty state folder, with partners that sometimes fail.
pub async fn run(folder: &Folder, plan: &Plan, progress: &(dyn Fn(Progress) + Sync)) -> Result<Outcome, LocalError> {
    let day = generate(plan);
    let start = day.drops.first().map(|d| d.at).unwrap_or_default();
    Box::pin(play(folder, &day, Faults::demo(), start, progress)).await
}

/// Plays one day in a state folder that nothing has run in. What is delivered before `start` comes at `start`.
pub async fn play(
    folder: &Folder,
    day: &Day,
    faults: Faults,
    start: Timestamp,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Outcome, LocalError> {
    let clock = Arc::new(SetClock::new(start));
    let shown: Arc<dyn Clock> = clock.clone();
    let partners = Partners::start(&day.users, faults, Arc::clone(&shown))
        .await
        .map_err(|e| LocalError::Disk { path: "127.0.0.1".to_owned(), source: std::io::Error::other(e.to_string()) })?;
    let local = Local::open(folder, &World::of(day), &partners.outside(), shown, Durability::Kill, None).await?;
    progress(Progress::Start(day.drops.len()));
    let began = Instant::now();
    deliver(day, &local.door, &clock, async |number| {
        progress(Progress::Dropped(number));
        if number % DROPS_AT_ONCE == 0 {
            let served = local.cloud.round().await?;
            progress(Progress::Served(served));
        }
        Ok(())
    })
    .await?;
    progress(Progress::AllDropped);
    until_quiet(&local.cloud, &clock, &|served| progress(Progress::Served(served))).await?;
    let took = began.elapsed();
    outcome(local, day, &partners, took).await
}

async fn outcome(local: Local, day: &Day, partners: &Partners, took: Duration) -> Result<Outcome, LocalError> {
    let items = local.items().await?;
    let audit_texts = local.audit_texts().await?;
    let audit = local.audited(&items).await?;
    let report = partners.report();
    let (rows, mut violations) = judged(items, audit_texts, day, &report)?;
    violations.extend(audit.violations);
    let outcome = Outcome {
        exports: standing(&rows),
        open: open_payments(&rows, &local.cloud.app.harmonia.definitions),
        score: invariants::score(&rows, &day.truth),
        violations,
        partners: report,
        dead_letters: local.cloud.dead_letters().await?,
        lines: invariants::feed_totals(&rows).values().map(|t| t.read).sum(),
        took,
        audit: audit.report,
        consumed: local.consumed(),
        rows,
    };
    local.close().await?;
    Ok(outcome)
}

/// The rows of a day that is over, and which invariants they break. `audit_texts`: everything that the audit says.
pub fn judged(
    items: Vec<(Table, Item)>,
    audit_texts: Vec<String>,
    day: &Day,
    report: &PartnerReport,
) -> Result<(Rows, Vec<Violation>), StoredError> {
    let texts = items.iter().map(|(_, item)| serde_json::Value::Object(item.body.clone()).to_string());
    let texts: Vec<String> = texts.chain(audit_texts).collect();
    let tokens: Vec<String> = day.users.iter().map(|u| u.token.clone()).collect();
    let rows = Rows::from_items(items.into_iter().map(|(_, item)| item))?;
    let mut violations = invariants::check(&rows);
    violations.extend(invariants::check_truth(&rows, &day.truth));
    violations.extend(invariants::check_card_data(texts.iter().map(String::as_str), &tokens));
    violations.extend(invariants::check_told(&rows, report));
    Ok((rows, violations))
}

/// Where the exports stand; what waits says until when, what was not told says why.
fn standing(rows: &Rows) -> BTreeMap<String, usize> {
    let mut standing: BTreeMap<String, usize> = BTreeMap::new();
    for export in &rows.exports {
        let name = export.state.name();
        let words = match &export.state {
            ExportState::Waiting { due } => format!("{name} until {due}"),
            ExportState::Failed { why } | ExportState::Skipped { why } | ExportState::Unconfirmed { why } => {
                format!("{name}: {why}")
            }
            _ => name.to_owned(),
        };
        *standing.entry(words).or_default() += 1;
    }
    standing
}
