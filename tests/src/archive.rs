//! A day from the archive, as docs/upgrade.md brings it back: files are copied to the imports again, messages sent to
//! their queues again. Where they came from that changes nothing; in an empty cloud it makes the same matches
//! (invariant 5).

use harmonia_domain::{export::MatchType, feed::Feed};
use harmonia_gen::{Day, Drop, Plan, generate};
use harmonia_local::{
    audit,
    invariants::{MatchName, With, check},
    memory_cloud::MemoryCloud,
    partners::Faults,
    state::Rows,
};
use harmonia_ports::{Bucket, Item, Table};
use jiff::SignedDuration;
use serde_json::Value;
use std::{collections::BTreeSet, path::Path};

/// What is beside the raw inputs: why lines of them were rejected.
const REPORTS: &str = ".rejects";

async fn cloud(day: &Day) -> MemoryCloud {
    MemoryCloud::new(day, &Faults::none(), day.seed, 0).await.unwrap()
}

async fn deliver(cloud: &MemoryCloud, drops: &[Drop]) {
    for delivery in drops {
        cloud.clock.set(delivery.at.max(cloud.cloud.clock.now()));
        cloud.deliver(&delivery.feed.parse().unwrap(), &delivery.name, &delivery.bytes).await.unwrap();
        cloud.cloud.round().await.unwrap();
    }
    cloud.until_quiet().await.unwrap();
}

async fn played(day: &Day) -> MemoryCloud {
    let cloud = cloud(day).await;
    deliver(&cloud, &day.drops).await;
    cloud
}

/// The raw inputs of the archive, `archive/<feed>/yyyy/mm/dd/<name>`, as a partner would deliver them again.
async fn archived(cloud: &MemoryCloud) -> Vec<(Feed, String, Vec<u8>)> {
    let mut inputs = Vec::new();
    for key in cloud.objects.keys(Bucket::Archive) {
        let Some((feed, name)) = key.strip_prefix("archive/").and_then(|rest| rest.split_once('/')) else { continue };
        if name.contains(REPORTS) {
            continue;
        }
        let feed: Feed = feed.parse().unwrap();
        let bytes = cloud.cloud.app.harmonia.ports.objects.get(Bucket::Archive, &key, None).await.unwrap();
        if Path::new(name).extension().is_some_and(|end| end == "jsonl") {
            let text = String::from_utf8(bytes).unwrap();
            let bodies = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["body"].clone());
            inputs.extend(bodies.map(|body| (feed.clone(), String::new(), body.as_str().unwrap().as_bytes().to_vec())));
        } else {
            inputs.push((feed, format!("again/{name}"), bytes));
        }
    }
    inputs
}

async fn bring_back(inputs: &[(Feed, String, Vec<u8>)], to: &MemoryCloud) {
    for (feed, name, bytes) in inputs {
        to.deliver(feed, name, bytes).await.unwrap();
    }
    to.until_quiet().await.unwrap();
}

/// Which payment goes with which sale, or is told without one. Of a spotted purchase the line that comes first is told,
/// and which one that is changes with the order in which the day is brought back.
fn matches(cloud: &MemoryCloud) -> BTreeSet<MatchName> {
    let name = |export: harmonia_domain::export::Export| MatchName {
        merchant: export.merchant.to_string(),
        scheme: export.purchase.scheme.to_string(),
        purchase: export.purchase.id.clone(),
        with: match export.sale {
            Some(sale) => With::Sale(sale),
            None if export.match_type == MatchType::Spotted => With::Line("any".to_owned()),
            None => With::Line(export.kind.to_string()),
        },
    };
    cloud.rows().unwrap().exports.into_iter().map(name).collect()
}

#[tokio::test]
async fn an_archived_day_brought_back_changes_nothing_here_and_matches_alike_elsewhere() {
    let day = generate(&Plan { seed: 3, payments: 200, sales: 300, ..Plan::default() });
    let first = played(&day).await;
    let inputs = archived(&first).await;
    let (by_file, by_message) = inputs.iter().partition::<Vec<_>, _>(|(_, name, _)| !name.is_empty());
    assert!(by_file.len() > 10 && by_message.len() > 100, "{} files, {} messages", by_file.len(), by_message.len());
    let before = (matches(&first), first.rows().unwrap().exports);
    assert!(before.0.len() > 100, "{}", before.0.len());

    first.clock.advance(SignedDuration::from_hours(24));
    bring_back(&inputs, &first).await;
    assert_eq!((matches(&first), first.rows().unwrap().exports), before);
    assert_eq!(check(&first.rows().unwrap()), []);

    let other = cloud(&day).await;
    other.clock.set(first.cloud.clock.now());
    bring_back(&inputs, &other).await;
    assert_eq!(matches(&other), before.0);
    assert_eq!(check(&other.rows().unwrap()), []);
}

/// docs/upgrade.md, restore: rows of an earlier quiet instant, one for all tables, agree with each other and with the
/// log that went on; tables of two instants do not.
#[tokio::test]
async fn tables_of_one_instant_agree_with_a_log_that_went_on() {
    let day = generate(&Plan { seed: 4, payments: 200, sales: 300, ..Plan::default() });
    let cloud = cloud(&day).await;
    let (morning, evening) = day.drops.split_at(day.drops.len() / 2);
    let dump =
        |table| -> Vec<(Table, Item)> { cloud.tables.dump(table).into_iter().map(|item| (table, item)).collect() };
    let everything = || Table::ALL.into_iter().flat_map(dump).collect::<Vec<_>>();
    let violations =
        |items: &[(Table, Item)]| check(&Rows::from_items(items.iter().map(|(_, item)| item.clone())).unwrap());

    deliver(&cloud, morning).await;
    let restored = everything();
    deliver(&cloud, evening).await;
    let now = everything();
    assert!(now.len() > restored.len() + 100, "{} rows, then {}", restored.len(), now.len());

    let (objects, clock) = (cloud.objects.as_ref(), cloud.clock.as_ref());
    let checked = audit::check(objects, clock, None, &restored, &BTreeSet::new()).await.unwrap();
    assert_eq!((violations(&restored), checked.violations), (vec![], vec![]));

    // the ledger of noon beside the book of the evening
    let of_both = restored.iter().filter(|(table, _)| *table == Table::Ledger);
    let torn: Vec<_> = of_both.chain(now.iter().filter(|(table, _)| *table != Table::Ledger)).cloned().collect();
    let named: BTreeSet<u8> = violations(&torn).iter().map(|violation| violation.invariant).collect();
    assert!(named.contains(&3) || named.contains(&2), "{named:?}");
}
