//! `harmonia status`: what is in a state folder, or in a stack: of which every row is read.

use crate::{Failure, merchants::merchants, registry::Place, table::table};
use comfy_table::Table;
use harmonia_domain::{
    file::{File, FileState},
    outcome::Totals,
    purchase::{Purchase, PurchaseState},
    sale::SaleState,
};
use harmonia_local::{local::rows_of, state::Rows};
use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
};

/// Feeds of messages have one log entry a batch; a terminal has room for so many entries of files.
const FILES_SHOWN_MAX: usize = 40;

pub(crate) async fn run(place: &Place) -> Result<ExitCode, Failure> {
    let rows = match place {
        Place::Folder(folder) => rows_of(folder).await?,
        #[cfg(feature = "aws")]
        Place::Stack => crate::aws::rows_of_stack().await?,
    };
    println!("{}\n", files(&rows.files));
    println!("{}\n", merchants(&rows));
    println!("{}", counts(&rows));
    Ok(ExitCode::SUCCESS)
}

fn state(file: &File) -> String {
    match &file.state {
        FileState::Importing => "importing".to_owned(),
        FileState::Stuck => "stuck: ranges are missing".to_owned(),
        FileState::Closed { forwarded: true } => "closed".to_owned(),
        FileState::Closed { forwarded: false } => "closing".to_owned(),
        FileState::Repeated { .. } => "same bytes as an earlier file".to_owned(),
        FileState::Unreadable { why, .. } => format!("rejected whole: {why}"),
    }
}

/// A table per file: read = accepted + duplicate + skipped + rejected + parked; messages by feed.
fn files(files: &[File]) -> Table {
    let header = ["file", "read", "accepted", "duplicate", "skipped", "rejected", "parked", "state"];
    let mut shown = table(&header, 1);
    let row = |name: String, totals: &Totals, state: String| {
        std::iter::once(name).chain(numbers(totals)).chain([state]).collect::<Vec<_>>()
    };
    let mut messages: BTreeMap<String, Totals> = BTreeMap::new();
    let mut dropped: Vec<&File> = Vec::new();
    for file in files {
        if file.bucket == "archive" {
            messages.entry(file.feed.to_string()).or_default().add(&file.totals);
        } else {
            dropped.push(file);
        }
    }
    dropped.sort_by_key(|f| (f.arrived, f.object.clone()));
    for (feed, totals) in &messages {
        shown.add_row(row(format!("{feed} (messages)"), totals, String::new()));
    }
    for file in dropped.iter().take(FILES_SHOWN_MAX) {
        let name = file.object.strip_prefix("imports/").unwrap_or(&file.object).to_owned();
        shown.add_row(row(name, &file.totals, state(file)));
    }
    if dropped.len() > FILES_SHOWN_MAX {
        shown.add_row([format!("… and {} more files", dropped.len() - FILES_SHOWN_MAX)]);
    }
    shown
}

/// A table per feed: how many files or batches of messages it had, and what became of their lines.
pub(crate) fn feeds(files: &[File]) -> Table {
    let mut feeds: BTreeMap<&str, (usize, Totals)> = BTreeMap::new();
    for file in files {
        let (count, totals) = feeds.entry(file.feed.as_str()).or_default();
        *count += usize::from(file.bucket != "archive");
        totals.add(&file.totals);
    }
    let mut shown = table(&["feed", "files", "read", "accepted", "duplicate", "skipped", "rejected", "parked"], 1);
    for (feed, (count, totals)) in feeds {
        let count = if count == 0 { "messages".to_owned() } else { count.to_string() };
        shown.add_row([feed.to_owned(), count].into_iter().chain(numbers(&totals)));
    }
    shown
}

fn numbers(t: &Totals) -> [String; 6] {
    [t.read, t.accepted, t.duplicate, t.skipped, t.rejected, t.parked].map(|n| n.to_string())
}

/// The state of a purchase in words.
fn purchase_state(p: &Purchase) -> String {
    match p.state {
        PurchaseState::Claimed { .. } => "matched".to_owned(),
        PurchaseState::Stored => "stored".to_owned(),
        PurchaseState::Streamed => "told line by line".to_owned(),
        PurchaseState::Live => match p.line(p.base).and_then(|l| l.parked) {
            None => "open".to_owned(),
            Some(why) => format!("parked: {}", words(&why)),
        },
    }
}

pub(crate) fn words<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(|s| s.replace('-', " "))).unwrap_or_default()
}

/// Payments, sales and exports by state.
fn counts(rows: &Rows) -> Table {
    let mut counted: BTreeMap<(u8, &str, String), usize> = BTreeMap::new();
    for p in &rows.purchases {
        let what = if p.refund.is_some() { "refunds" } else { "payments" };
        *counted.entry((0, what, purchase_state(p))).or_default() += 1;
    }
    for s in &rows.sales {
        let state = match &s.state {
            SaleState::Live => "open".to_owned(),
            SaleState::Parked { why } => format!("parked: {}", words(why)),
            SaleState::Claimed { .. } => "matched".to_owned(),
        };
        *counted.entry((1, "sales", state)).or_default() += 1;
    }
    for x in &rows.exports {
        let repeated = if x.attempts > 1 { " after repeats" } else { "" };
        *counted.entry((2, "exports", format!("{}{repeated}", x.state.name()))).or_default() += 1;
    }
    let (refunds, bought): (Vec<_>, Vec<_>) = rows.purchases.iter().partition(|p| p.refund.is_some());
    let bought: BTreeSet<_> = bought.iter().map(|p| (p.key.scheme, &p.settlement_key)).collect();
    let linked = refunds.iter().filter(|refund| bought.contains(&(refund.key.scheme, &refund.settlement_key))).count();
    let notes = [
        ("refunds", "of a purchase that is here", linked),
        ("lines", "same id, other content", rows.differing.len()),
        ("exports", "another final amount", rows.exports.iter().filter(|x| x.corrected.is_some()).count()),
        ("exports", "matched by a person", rows.exports.iter().filter(|x| x.forced.is_some()).count()),
    ];
    for answer in rows.exports.iter().filter_map(|x| x.answer.as_ref()) {
        *counted.entry((3, "answers", answer.result.clone())).or_default() += 1;
    }
    for (what, state, count) in notes.into_iter().filter(|(_, _, count)| *count > 0) {
        counted.insert((3, what, state.to_owned()), count);
    }
    let mut shown = table(&["", "state", "count"], 2);
    let mut last = "";
    for ((_, what, state), count) in &counted {
        shown.add_row([if *what == last { "" } else { *what }, state.as_str(), &count.to_string()]);
        last = what;
    }
    shown
}
