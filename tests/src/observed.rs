//! What a day leaves behind for those who watch: counts that say what the rows say, and logs in which every file, line,
//! payment and export is found, and nobody's card (invariant 7).

use harmonia_domain::{
    export::{ExportState, MatchType, Verdict},
    feed::Feed,
    file::FileState,
};
use harmonia_gen::{Day, Plan, generate};
use harmonia_local::{
    invariants::{check_card_data, feed_totals},
    memory_cloud::MemoryCloud,
    partners::Faults,
    state::Rows,
};
use harmonia_metrics::{Dimension, Metric, Noted};
use harmonia_ports::{Class, Table};
use harmonia_runtime::logs::JsonLines;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex},
};
use tracing_subscriber::{filter::LevelFilter, prelude::*};

async fn play(day: &Day, seed: u64, failing_per_mille: u64) -> MemoryCloud {
    let cloud = MemoryCloud::new(day, &Faults::demo(), seed, failing_per_mille).await.unwrap();
    for (number, delivery) in day.drops.iter().enumerate() {
        cloud.clock.set(delivery.at.max(cloud.cloud.clock.now()));
        let feed: Feed = delivery.feed.parse().unwrap();
        cloud.deliver(&feed, &delivery.name, &delivery.bytes).await.unwrap();
        if number % 9 == 0 {
            cloud.cloud.round().await.unwrap();
        }
    }
    cloud.until_quiet().await.unwrap();
    cloud
}

type Counts = BTreeMap<(String, String), u64>;

/// A metric that is noted by two dimensions; what is zero is left out.
fn counts(noted: &[Noted], metric: Metric) -> Counts {
    let of = noted.iter().filter(|noted| noted.metric == metric && noted.values != [0]);
    of.map(|noted| ((noted.by[0].clone(), noted.by[1].clone()), noted.values.iter().sum())).collect()
}

fn counted(things: impl Iterator<Item = (String, &'static str)>) -> Counts {
    let mut counts = Counts::new();
    things.for_each(|(what, how)| *counts.entry((what, how.to_owned())).or_default() += 1);
    counts
}

fn lines(rows: &Rows) -> Counts {
    let mut counts = Counts::new();
    for (feed, t) in feed_totals(rows) {
        let outcomes = [
            ("accepted", t.accepted),
            ("duplicate", t.duplicate),
            ("skipped", t.skipped),
            ("rejected", t.rejected),
            ("parked", t.parked),
        ];
        let some = outcomes.into_iter().filter(|(_, lines)| *lines > 0);
        counts.extend(some.map(|(outcome, lines)| ((feed.clone(), outcome.to_owned()), lines)));
    }
    counts
}

/// Nothing fails here, so that nothing is counted twice.
#[tokio::test]
async fn a_day_is_counted_as_it_is_stored() {
    let day = generate(&Plan { seed: 11, payments: 400, sales: 500, ..Plan::default() });
    let cloud = play(&day, 11, 0).await;
    cloud.cloud.fire(json!({ "v": 1, "k": "book" })).await.unwrap();
    let (rows, noted) = (cloud.rows().unwrap(), cloud.cloud.app.harmonia.tally().take());
    assert_eq!(counts(&noted, Metric::Lines), lines(&rows));

    let files = rows.files.iter().filter(|file| file.bucket == "imports");
    let event = |state: &FileState| match state {
        FileState::Closed { .. } => "closed",
        FileState::Repeated { .. } => "repeated",
        FileState::Unreadable { .. } => "unreadable",
        other => panic!("not finished: {other:?}"),
    };
    assert_eq!(counts(&noted, Metric::Files), counted(files.map(|file| (file.feed.to_string(), event(&file.state)))));

    let made = rows.exports.iter().filter(|export| !export.match_type.adjusts());
    let made = counted(made.map(|export| (export.merchant.to_string(), export.match_type.as_str())));
    assert!(made.len() > 5, "{made:?}");
    assert_eq!(counts(&noted, Metric::Matches), made);

    let ended = rows.exports.iter().filter_map(|export| {
        let verdict = match &export.state {
            ExportState::Delivered { .. } => "delivered",
            ExportState::Failed { .. } => "failed",
            ExportState::Skipped { .. } => "skipped",
            ExportState::Unconfirmed { .. } => "unconfirmed",
            _ => return None,
        };
        Some((export.merchant.to_string(), verdict))
    });
    let mut told = counts(&noted, Metric::Deliveries);
    let before = told.len();
    told.retain(|(_, verdict), _| verdict != "retry");
    assert!(told.len() < before, "the partners of a demo make some attempts fail");
    assert_eq!(told, counted(ended));

    let mut open = BTreeMap::<String, u64>::new();
    for ((merchant, _), payments) in counts(&noted, Metric::Open) {
        *open.entry(merchant).or_default() += payments;
    }
    let mut stored = BTreeMap::<String, u64>::new();
    rows.open_payments.iter().for_each(|entry| *stored.entry(entry.merchant.to_string()).or_default() += 1);
    assert!(!open.is_empty());
    assert_eq!(open, stored);
    let left_open = noted.iter().filter(|noted| noted.metric == Metric::LeftOpen);
    assert!(left_open.clone().count() > 5 && left_open.flat_map(|noted| &noted.values).all(|n| *n == 0));
    let stages: BTreeSet<&str> =
        noted.iter().filter(|noted| noted.metric == Metric::Lag).map(|noted| noted.by[0].as_str()).collect();
    assert_eq!(stages, BTreeSet::from(["import", "identify", "match", "export"]));
}

/// What the code calls its things is what the closed lists of dimensions have; what a list has is called so.
#[test]
fn closed_lists_are_those_of_the_code() {
    let classes = [Class::Retry, Class::Reject, Class::Bug].map(Class::as_str);
    let tables = Table::ALL.map(Table::as_str);
    let types = [
        MatchType::Loyalty,
        MatchType::Spotted,
        MatchType::Streamed,
        MatchType::Forced,
        MatchType::Correction,
        MatchType::Reversal,
        MatchType::Unmatched,
    ];
    // what adjusts another export is no match
    let types: Vec<&str> = types.into_iter().filter(|one| !one.adjusts()).map(MatchType::as_str).collect();
    let why = String::new;
    let verdicts = [
        Verdict::Delivered,
        Verdict::Retry { due: jiff::Timestamp::UNIX_EPOCH, why: why() },
        Verdict::Skipped { why: why() },
        Verdict::Failed { why: why() },
        Verdict::Unconfirmed { why: why() },
    ];
    let verdicts: Vec<&str> = verdicts.iter().map(Verdict::name).collect();
    let all = [
        (Dimension::Class, &classes[..]),
        (Dimension::Table, &tables[..]),
        (Dimension::Type, &types[..]),
        (Dimension::Verdict, &verdicts[..]),
    ];
    for (dimension, called) in all {
        assert_eq!(dimension.known(), Some(called), "{dimension:?}");
    }
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines by the value of a field.
fn by_field(lines: &[Value], field: &str) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    lines.iter().filter_map(|line| line.get(field).map(text)).collect()
}

fn assert_found<'a>(what: &str, wanted: impl Iterator<Item = &'a str>, found: &BTreeSet<String>) {
    let wanted: BTreeSet<&str> = wanted.collect();
    let missing: Vec<_> = wanted.iter().filter(|id| !found.contains(**id)).collect();
    assert!(missing.is_empty() && wanted.len() > 20, "{what}: {} of {} not found", missing.len(), wanted.len());
}

/// With everything that is told at all, table calls that fail, and a message that cannot be read and has a card number.
#[tokio::test]
async fn the_logs_of_a_day_find_everything_and_show_nobodys_card() {
    let day = generate(&Plan { seed: 12, payments: 200, sales: 300, ..Plan::default() });
    let kept = Kept::default();
    let writer = kept.clone();
    let lines = JsonLines(move || writer.clone()).with_filter(LevelFilter::DEBUG);
    // while there is one dispatcher, a test beside this one that comes to an event first has it switched off for all
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines));
    let cloud = play(&day, 12, 10).await;
    let now = cloud.cloud.clock.now();
    let poison = cloud.cloud.mailbox.post("match", "4242424242424242".to_owned(), now).await.unwrap();
    cloud.until_quiet().await.unwrap();
    drop(guard);
    let rows = cloud.rows().unwrap();
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();

    let tokens: Vec<String> = day.users.iter().map(|user| user.token.clone()).collect();
    assert_eq!(check_card_data(text.lines(), &tokens), []);
    let secret = |name: &str| {
        let texts = day.users.iter().filter_map(|user| user.identity[name].as_str()).filter(|text| text.len() > 5);
        texts.map(str::to_owned).collect::<Vec<_>>()
    };
    let secrets: Vec<String> =
        ["credentials", "loyalty_id"].into_iter().flat_map(secret).chain([day.aes_key.clone()]).collect();
    assert!(secrets.len() > 10 && secrets.iter().all(|secret| !text.contains(secret)));

    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_found("files", rows.files.iter().map(|file| file.id.as_str()), &by_field(&lines, "file"));
    assert_found("sales", rows.sales.iter().map(|sale| sale.id.as_str()), &by_field(&lines, "sale"));
    assert_found("payments", rows.purchases.iter().map(|p| p.key.id.as_str()), &by_field(&lines, "payment"));
    assert_found("exports", rows.exports.iter().map(|export| export.id.as_str()), &by_field(&lines, "export"));
    let imported = lines.iter().filter(|line| line["message"] == "imported" && line.get("line").is_some()).count();
    let read: u64 = feed_totals(&rows).values().map(|totals| totals.accepted + totals.parked).sum();
    assert!(u64::try_from(imported).unwrap() >= read, "{imported} of {read} lines");
    let failed: Vec<&Value> = lines.iter().filter(|line| line["message"] == "record failed").collect();
    assert_eq!(failed.len(), 4, "then for the last time");
    for (field, value) in [("record", poison.as_str()), ("queue", "harmonia-local-match"), ("class", "reject")] {
        assert!(failed.iter().all(|line| line[field] == value), "{field}: {failed:?}");
    }
}
