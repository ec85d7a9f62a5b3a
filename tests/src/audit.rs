//! Invariant 8 on whole days in memory, with failing table calls and handlers that interleave: every version of every
//! row of state is in the log, nothing else is, nobody's card is, and others heard of every delivery.

use harmonia_audit::{Auditor, Entry, Kind, Log, What, entries, segment_key};
use harmonia_domain::{export::ExportState, feed::Feed};
use harmonia_gen::{Day, Plan, generate};
use harmonia_local::{audit::check, invariants::check_card_data, memory_cloud::MemoryCloud, partners::Faults};
use harmonia_ports::{
    Bucket, Objects, Table,
    memory::{MemoryEvents, MemoryObjects, MemoryTables, SetClock},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

/// Of a thousand table calls so many fail.
const FAILING_PER_MILLE: u64 = 10;

async fn play(day: &Day, seed: u64) -> MemoryCloud {
    let cloud = MemoryCloud::new(day, &Faults::demo(), seed, FAILING_PER_MILLE).await.unwrap();
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

type Name = (String, String, String, u64);

fn name(entry: &Entry) -> Name {
    (entry.table.clone(), entry.pk.clone(), entry.sk.clone(), entry.v)
}

/// Every version that a row of state ever had.
fn versions(cloud: &MemoryCloud) -> BTreeSet<Name> {
    let mut all = BTreeSet::new();
    for table in Table::ALL {
        for item in cloud.tables.dump(table).into_iter().filter(|item| Kind::of(item).is_some()) {
            let name = |v| (table.as_str().to_owned(), item.key.pk.clone(), item.key.sk.clone(), v);
            all.extend((1..=item.version).map(name));
        }
    }
    all
}

#[tokio::test]
async fn a_day_is_in_the_log_exactly() {
    for seed in 0..3 {
        let day = generate(&Plan { seed, payments: 200, sales: 300, ..Plan::default() });
        let cloud = play(&day, seed).await;
        let checked = cloud.audited().await.unwrap();
        assert_eq!((checked.report.broken, checked.violations), (None, vec![]), "seed {seed}");
        let entries = entries(cloud.objects.as_ref()).await.unwrap();
        let removed = entries.iter().filter(|e| e.what == What::Removed).count();
        assert_eq!(removed, 0, "seed {seed}: rows of state stay");
        let logged: BTreeSet<Name> = entries.iter().map(name).collect();
        let expected = versions(&cloud);
        let differs: Vec<_> = logged.symmetric_difference(&expected).collect();
        assert!(differs.is_empty() && logged.len() > 1_000, "seed {seed}: {differs:#?}");
        let ids: BTreeSet<_> = entries.iter().map(|e| e.id.as_str()).collect();
        assert_eq!(ids.len(), logged.len(), "seed {seed}: one id for each version");
        let sets = entries.len() - usize::try_from(checked.report.repeats).unwrap();
        assert_eq!(sets, logged.len(), "seed {seed}");
    }
}

/// What the chain alone cannot tell: rows do, from the beginning and from a seal.
#[tokio::test]
async fn a_cut_behind_the_last_seal_is_missed() {
    let day = generate(&Plan { seed: 4, payments: 60, sales: 90, ..Plan::default() });
    let cloud = play(&day, 4).await;
    let report = cloud.audited().await.unwrap().report;
    let (sealed, (last, _)) = (report.sealed.unwrap(), report.last.unwrap());
    assert!(sealed.seq < last, "segments behind the seal");
    let cut = MemoryObjects::default();
    for key in cloud.objects.keys(Bucket::Audit) {
        let bytes = cloud.objects.get(Bucket::Audit, &key, None).await.unwrap();
        if key != segment_key(last) {
            cut.upload(Bucket::Audit, &key, bytes);
        }
    }
    let of = |table| cloud.tables.dump(table).into_iter().map(move |item| (table, item));
    let items: Vec<_> = Table::ALL.into_iter().flat_map(of).collect();
    for from in [None, Some(sealed.date)] {
        let clock = cloud.clock.as_ref();
        let whole = check(cloud.objects.as_ref(), clock, from, &items, &BTreeSet::new()).await.unwrap();
        assert_eq!((whole.report.broken, whole.violations), (None, vec![]), "{from:?}");
        let short = check(&cut, clock, from, &items, &BTreeSet::new()).await.unwrap();
        assert_eq!(short.report.broken, None, "{from:?}: the chain is whole as far as it goes");
        assert!(!short.violations.is_empty(), "{from:?}: its rows are there");
    }
}

/// Invariant 7.
#[tokio::test]
async fn the_log_shows_nobodys_card() {
    let day = generate(&Plan { seed: 5, payments: 200, sales: 300, ..Plan::default() });
    let cloud = play(&day, 5).await;
    let entries = entries(cloud.objects.as_ref()).await.unwrap();
    let texts = entries.iter().map(|e| serde_json::to_string(e).unwrap());
    let texts: Vec<String> = texts.chain(cloud.events.published().into_iter().map(|e| e.detail)).collect();
    let tokens: Vec<String> = day.users.iter().map(|u| u.token.clone()).collect();
    assert_eq!(check_card_data(texts.iter().map(String::as_str), &tokens), []);
    let credentials: Vec<&str> = day.users.iter().filter_map(|u| u.identity["credentials"].as_str()).collect();
    assert!(!credentials.is_empty() && texts.len() > 1_000);
    assert!(texts.iter().all(|text| credentials.iter().all(|credential| !text.contains(credential))));
}

/// Spec match §11, D18: each delivery is told as what it was, with the member's ids.
#[tokio::test]
async fn others_hear_of_every_delivery() {
    let day = generate(&Plan { seed: 6, payments: 200, sales: 300, ..Plan::default() });
    let cloud = play(&day, 6).await;
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for event in cloud.events.published() {
        let detail: Value = serde_json::from_str(&event.detail).unwrap();
        let transaction = &detail["transactions"][0];
        assert!(transaction["loyalty_id"].is_string() && transaction["user_id"].is_i64(), "{detail}");
        let text = |name: &str| transaction[name].as_str().unwrap().to_owned();
        told.entry(text("status")).or_default().insert(text("export_uid"));
    }
    let rows = cloud.rows().unwrap();
    let delivered = rows.exports.iter().filter(|x| matches!(x.state, ExportState::Delivered { .. }));
    let delivered: BTreeSet<String> = delivered.map(|x| x.id.as_uuid()).collect();
    assert!(delivered.len() > 50);
    assert_eq!(told["EXPORTED"], delivered);
    assert!(told.contains_key("PENDING"), "the demo's partners fail sometimes: {:?}", told.keys());
}

/// events/audit.json is what the function reads.
#[tokio::test]
async fn the_sample_event_is_audited() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/audit.json");
    let event: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let objects = Arc::new(MemoryObjects::default());
    let events = Arc::new(MemoryEvents::default());
    let log = Log::new(objects.clone(), Arc::new(SetClock::new("2024-01-10T03:15:09Z".parse().unwrap())));
    let auditor = Auditor::new(log, Arc::<MemoryTables>::default(), events.clone(), Arc::default());
    let answer = harmonia_function_audit::handle(&auditor, event).await.unwrap();
    assert_eq!(answer, serde_json::json!({ "batchItemFailures": [] }));
    let entries = entries(objects.as_ref()).await.unwrap();
    let told: Vec<_> = entries.iter().map(|e| (e.kind, e.from.as_deref(), e.to.as_deref())).collect();
    assert_eq!(told, [(Kind::Export, Some("ready"), Some("delivered"))]);
    assert_eq!(events.published().len(), 1);
}
