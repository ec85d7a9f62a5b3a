//! Result files (spec match §10.2), from the file that Stonegate's loyalty team gets to the one that comes back: each
//! row is tied to its export, kept once, told once, and rejected by itself if it is not what was told.

use crate::sample::{AT, MID, TOKEN, cloud, pay};
use harmonia_domain::{
    export::{Export, ExportState},
    feed::{Feed, Slug},
    file::{File, FileState},
    identifier::{Identifier, IdentifierType},
    outcome::Totals,
};
use harmonia_local::{
    around::{Around, Kind, around},
    invariants::{check, check_card_data},
    memory_cloud::MemoryCloud,
};
use harmonia_ports::{Bucket, Clock, Item, Objects, Read, Table};
use harmonia_stages::{
    Directory, Harmonia, Settings,
    explain::Question,
    export::{Listing, Redrive, RedriveError},
    import::Notice,
    registry::read_users,
};
use harmonia_state::{Store, ToldUid};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::Notify;

/// What Stonegate is told of V1, V2 and V3.
const TOLD: &str = include_str!("results/told.csv");
/// What comes back: the first is rewarded, the second is not; of the third the amount is another one; nobody knows the
/// fourth; the fifth answers the first once more; the sixth is no amount.
const RESULTS: &str = include_str!("results/results.csv");
/// The reject report.
const REJECTS: &str = include_str!("results/rejects.csv");
/// What others hear of the first row.
const EVENT: &str = include_str!("results/event.json");

fn receiver() -> Slug {
    "stonegate-unmatched".parse().unwrap()
}

fn feed() -> Feed {
    Feed::Merchant(receiver())
}

/// Three payments at Stonegate that found no sale, days later; not collected yet.
async fn late() -> MemoryCloud {
    let mut cloud = cloud(1, 0).await;
    let harmonia = &mut cloud.cloud.app.harmonia;
    harmonia.settings = Arc::new(Settings { directory: Directory::Table });
    let till = Identifier {
        scheme: "visa".parse().unwrap(),
        kind: IdentifierType::Primary,
        text: MID.into(),
        merchant: "stonegate".parse().unwrap(),
        location_id: Some("store_1a".into()),
        merchant_internal_id: None,
        location: None,
        postcode: None,
    };
    harmonia.onboard(&[till]).await.unwrap();
    let users = format!(
        "merchant,token,loyalty_id,scheme_account_id,user_id,credentials,first_six,last_four\n\
        stonegate,{TOKEN},stonegate-123,1,1,,450012,8841\n"
    );
    harmonia.import_users(&read_users(users.as_bytes()).users, true).await.unwrap();
    for (id, amount) in [("V1", "76.45"), ("V2", "20.00"), ("V3", "33.01")] {
        pay(&cloud, id, false, AT, amount, "111111").await;
        cloud.clock.advance(SignedDuration::from_secs(1));
    }
    cloud.clock.set("2024-06-08T00:00:00Z".parse().unwrap());
    cloud
}

async fn told() -> MemoryCloud {
    let cloud = late().await;
    cloud.cloud.fire(json!({ "v": 1, "k": "unmatched", "merchant": "stonegate-unmatched" })).await.unwrap();
    cloud.until_quiet().await.unwrap();
    cloud.clock.set("2024-06-10T09:00:00Z".parse().unwrap());
    cloud
}

async fn files_told(cloud: &MemoryCloud) -> Vec<String> {
    let mut texts = Vec::new();
    for name in cloud.objects.keys(Bucket::Exports) {
        let bytes = cloud.objects.get(Bucket::Exports, &name, None).await.unwrap();
        texts.push(String::from_utf8(bytes).unwrap());
    }
    texts
}

fn uids(file: &str) -> Vec<&str> {
    file.lines().skip(1).map(|line| line.rsplit(',').next().unwrap()).collect()
}

async fn answer(cloud: &MemoryCloud, name: &str, text: &str) -> File {
    cloud.deliver(&feed(), name, text.as_bytes()).await.unwrap();
    cloud.until_quiet().await.unwrap();
    file(cloud, name)
}

fn file(cloud: &MemoryCloud, name: &str) -> File {
    cloud.rows().unwrap().files.into_iter().find(|file| file.object.ends_with(name)).unwrap()
}

/// The export of a payment.
fn export(cloud: &MemoryCloud, payment: &str) -> Export {
    cloud.rows().unwrap().exports.into_iter().find(|x| x.purchase.id == payment).unwrap()
}

/// What the receiver said of it, and whether that means the reward.
fn said(cloud: &MemoryCloud, payment: &str) -> Option<(String, bool)> {
    export(cloud, payment).answer.map(|answer| (answer.result, answer.rewarded))
}

fn rewarded() -> (String, bool) {
    ("rewarded".into(), true)
}

fn heard(cloud: &MemoryCloud) -> Vec<Value> {
    let events = cloud.events.published().into_iter().filter(|event| event.kind == harmonia_audit::RESULT);
    events.map(|event| serde_json::from_str(&event.detail).unwrap()).collect()
}

async fn explained(cloud: &MemoryCloud, what: &str) -> String {
    let question = Question { what: what.into(), scheme: None, merchant: None };
    cloud.cloud.app.harmonia.explain(&question).await.unwrap().to_string()
}

/// D2, invariant 1: from the file of unmatched payments to its results; every row has one outcome.
#[tokio::test]
async fn a_result_file_answers_what_was_told() {
    let cloud = told().await;
    assert_eq!(files_told(&cloud).await, [TOLD]);
    let file = answer(&cloud, "results.csv", RESULTS).await;
    assert_eq!(file.state, FileState::Closed { forwarded: true });
    let expected = Totals { read: 6, accepted: 2, duplicate: 1, differs: 1, rejected: 3, ..Totals::default() };
    assert_eq!(file.totals, expected);
    let said = |payment| said(&cloud, payment);
    assert_eq!((said("V1"), said("V2"), said("V3")), (Some(rewarded()), Some(("not a member".into(), false)), None));
    let archived = cloud.objects.keys(Bucket::Archive);
    assert!(archived.iter().any(|key| key.starts_with("archive/stonegate-unmatched/") && key.ends_with("results.csv")));
    let rejects = archived.iter().find(|key| key.ends_with("results.csv.rejects.csv")).unwrap();
    let rejects = cloud.objects.get(Bucket::Archive, rejects, None).await.unwrap();
    assert_eq!(String::from_utf8(rejects).unwrap(), REJECTS);
    let rows = cloud.rows().unwrap();
    assert_eq!(check(&rows), []);
    assert!(rows.exports.iter().all(|x| matches!(x.state, ExportState::Delivered { .. })));
}

/// Spec match §10.2 as an event, once for each answer; invariant 8 holds of answers, and invariant 7 of what is told.
#[tokio::test]
async fn others_hear_of_each_answer() {
    let cloud = told().await;
    answer(&cloud, "results.csv", RESULTS).await;
    let events = heard(&cloud);
    assert_eq!(events.len(), 2);
    let expected: Value = serde_json::from_str(EVENT).unwrap();
    let first = events.iter().find(|e| e["transactions"][0]["transaction_id"] == "V1").unwrap();
    assert_eq!(serde_json::to_string_pretty(first).unwrap(), serde_json::to_string_pretty(&expected).unwrap());
    let checked = cloud.audited().await.unwrap();
    assert_eq!((checked.report.broken, checked.violations), (None, vec![]));
    let entries = harmonia_audit::entries(cloud.objects.as_ref()).await.unwrap();
    let answers: Vec<_> = entries.iter().filter_map(|e| e.delivery.as_ref()?.answer.clone()).collect();
    assert_eq!(answers.len(), 2, "{answers:?}");
    let texts: Vec<String> = cloud.events.published().into_iter().map(|event| event.detail).collect();
    assert_eq!(check_card_data(texts.iter().map(String::as_str), &[TOKEN.to_owned()]), []);
}

/// The same bytes again, and the same rows in other bytes: nothing is answered or told twice (Q-R2).
#[tokio::test]
async fn the_same_again_changes_nothing() {
    let cloud = told().await;
    answer(&cloud, "results.csv", RESULTS).await;
    let before = cloud.rows().unwrap().exports;
    let again = answer(&cloud, "again.csv", RESULTS).await;
    assert!(matches!(again.state, FileState::Repeated { .. }), "{:?}", again.state);
    assert_eq!((again.totals.read, again.totals.duplicate), (6, 3));
    let other = answer(&cloud, "other-bytes.csv", &RESULTS.replace("\r\n", "\n")).await;
    assert_eq!((other.totals.accepted, other.totals.duplicate, other.totals.rejected), (0, 3, 3));
    assert_eq!(cloud.rows().unwrap().exports, before);
    assert_eq!(heard(&cloud).len(), 2);
}

/// Of two files that differ the later one stands, whichever is read first; a corrected row is a new one.
#[tokio::test]
async fn the_newest_answer_stands() {
    let cloud = told().await;
    answer(&cloud, "results.csv", RESULTS).await;
    let header = RESULTS.lines().next().unwrap();
    let row = |payment: &str, result: &str| {
        let line = TOLD.lines().find(|line| line.starts_with(payment)).unwrap();
        format!("{header}\r\n{line},{result}\r\n")
    };
    cloud.clock.set("2024-06-11T09:00:00Z".parse().unwrap());
    let file = answer(&cloud, "later.csv", &row("V2", "Rewarded")).await;
    assert_eq!((file.totals.accepted, said(&cloud, "V2")), (1, Some(("Rewarded".into(), true))));
    let file = answer(&cloud, "corrected.csv", &row("V3", "rewarded")).await;
    assert_eq!((file.totals.accepted, said(&cloud, "V3")), (1, Some(rewarded())));
    // one of the day before that was held up on its way
    let key = "imports/stonegate-unmatched/held-up.csv";
    let version = cloud.objects.upload(Bucket::Imports, key, row("V2", "unknown").into_bytes());
    let at = "2024-06-10T12:00:00Z".parse().unwrap();
    let notice = Notice { key: key.into(), version: Some(version), at };
    let file = cloud.cloud.app.harmonia.import_file(&notice).await.unwrap();
    assert_eq!((file.totals.duplicate, file.totals.differs), (1, 1));
    assert_eq!(said(&cloud, "V2"), Some(("Rewarded".into(), true)));
    assert_eq!(check(&cloud.rows().unwrap()), [], "a replaced answer is not a lost one");
}

/// What was told and refused is listed until the receiver thinks better of it, and is not sent again.
#[tokio::test]
async fn a_person_sees_what_was_refused() {
    let cloud = told().await;
    answer(&cloud, "results.csv", RESULTS).await;
    let harmonia = &cloud.cloud.app.harmonia;
    let listing = Listing { merchant: receiver(), state: Redrive::Refused, why: None, since: None, until: None };
    let (listed, more) = harmonia.list_exports(&listing).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|x| (x.payment.as_str(), x.why.as_str())).collect();
    assert_eq!((listed, more), (vec![("visa V2", "not a member")], false));
    let refused = harmonia.redrive(&listing, None, "Ada").await;
    assert!(matches!(refused, Err(RedriveError::Refused { .. })), "{refused:?}");
    let line = TOLD.lines().find(|line| line.starts_with("V2")).unwrap();
    let text = format!("{}\r\n{line},rewarded\r\n", RESULTS.lines().next().unwrap());
    answer(&cloud, "later.csv", &text).await;
    assert!(harmonia.list_exports(&listing).await.unwrap().0.is_empty());
}

/// Invariant 6: the payment, the file, a line of it and the uid itself say what was answered.
#[tokio::test]
async fn answers_are_explained() {
    let cloud = told().await;
    answer(&cloud, "results.csv", RESULTS).await;
    let payment = explained(&cloud, "V1").await;
    assert!(payment.contains("\"rewarded\" (rewarded), in line 2 of file"), "{payment}");
    let file = explained(&cloud, "results.csv").await;
    assert!(file.contains("1 not a member") && file.contains("1 rewarded"), "{file}");
    assert!(file.contains("line 4: field transaction_amount, not as told"), "{file}");
    for (what, words) in [
        ("results.csv:3", "\"not a member\" (not rewarded)"),
        ("results.csv:4", "transaction_amount"),
        (uids(TOLD)[0], "\"rewarded\" (rewarded)"),
    ] {
        let said = explained(&cloud, what).await;
        assert!(said.contains(words), "{what}: {said}");
    }
}

/// A receiver answers under its own name only, and a column that was told must say what was told.
#[tokio::test]
async fn what_is_not_as_told_is_rejected() {
    let cloud = told().await;
    let (header, line) = (RESULTS.lines().next().unwrap(), TOLD.lines().nth(1).unwrap());
    for (from, to, column) in [
        ("V1", "V9", "transaction_id"),
        ("stonegate-123", "stonegate-124", "member_number"),
        ("store_1a", "", "retailer_location_id"),
        ("7645", "7646", "transaction_amount"),
        ("11:41:07", "11:41:08", "transaction_date"),
    ] {
        let rows = format!("{header}\n{},rewarded\n", line.replace(from, to));
        let file = answer(&cloud, &format!("{column}.csv"), &rows).await;
        assert_eq!(file.totals.rejected, 1, "{column}");
        let mut rejects = cloud.objects.keys(Bucket::Archive).into_iter();
        let name = rejects.rfind(|key| key.ends_with(&format!("{column}.csv.rejects.csv"))).unwrap();
        let rejects = cloud.objects.get(Bucket::Archive, &name, None).await.unwrap();
        let rejects = String::from_utf8(rejects).unwrap();
        assert!(rejects.contains(&format!("2,\"{column}\",not-as-told,")), "{rejects}");
        assert_eq!(said(&cloud, "V1"), None);
    }
}

/// Lets so many calls through, then none.
struct Dies {
    left: AtomicU64,
    now: Notify,
}

#[async_trait::async_trait]
impl Around for Dies {
    async fn before(&self, _: Kind) {
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
            self.now.notify_one();
            pending::<()>().await;
        }
    }
}

/// Work of a process that dies before its n-th call; `None`: it died.
async fn until_death<T>(cloud: &MemoryCloud, calls: u64, work: impl AsyncFnOnce(&Harmonia) -> T) -> Option<T> {
    let dies = Arc::new(Dies { left: AtomicU64::new(calls), now: Notify::new() });
    let mut harmonia = cloud.cloud.app.harmonia.clone();
    let calling: Arc<dyn Around> = dies.clone();
    harmonia.ports = around(harmonia.ports, &calling);
    tokio::select! {
        biased;
        done = work(&harmonia) => Some(done),
        () = dies.now.notified() => None,
    }
}

/// All rows but how often identifiers were seen, which is about right only: a process counts, then writes.
fn dump(cloud: &MemoryCloud) -> Vec<Item> {
    let all = Table::ALL.into_iter().flat_map(|table| cloud.tables.dump(table));
    all.filter(|item| !item.key.pk.starts_with("MH#")).collect()
}

/// Invariant 5: a crash before any call, then the same notice again: the same rows as without it.
#[tokio::test]
async fn a_crash_changes_nothing() {
    let import = async |calls: u64| {
        let cloud = told().await;
        let key = "imports/stonegate-unmatched/results.csv";
        let version = cloud.objects.upload(Bucket::Imports, key, RESULTS.as_bytes().to_vec());
        let notice = Notice { key: key.into(), version: Some(version), at: cloud.clock.now() };
        let first = until_death(&cloud, calls, async |harmonia| harmonia.import_file(&notice).await).await;
        let again = cloud.cloud.app.harmonia.import_file(&notice).await.unwrap();
        assert_eq!(again.state, FileState::Closed { forwarded: true }, "{calls}");
        (first.is_some(), dump(&cloud))
    };
    let (_, whole) = import(u64::MAX).await;
    for calls in 0.. {
        let (lived, rows) = import(calls).await;
        assert_eq!(rows, whole, "died before call {calls}");
        if lived {
            assert!(calls > 20, "{calls} calls only");
            return;
        }
    }
}

/// Whoever is told a uid can answer it: wherever a batch run dies, the uids of a file that is there are known.
#[tokio::test]
async fn a_uid_is_known_before_it_is_told() {
    let mut files = 0;
    for calls in 0.. {
        let cloud = late().await;
        cloud.cloud.app.harmonia.collect_unmatched(&receiver()).await.unwrap();
        let run = async |harmonia: &Harmonia| harmonia.run_batches(&receiver(), true).await;
        let done = until_death(&cloud, calls, run).await;
        for file in files_told(&cloud).await {
            files += 1;
            for uid in uids(&file) {
                let key = ToldUid::key_of(&receiver(), uid);
                let store = Store::new(cloud.tables.as_ref());
                let entry = store.get::<ToldUid>(&key, Read::Consistent).await.unwrap();
                assert!(entry.is_some(), "{uid} was told before it was known, {calls} calls");
            }
        }
        cloud.until_quiet().await.unwrap();
        assert_eq!(files_told(&cloud).await.len(), 1, "{calls}");
        if done.is_some() {
            break;
        }
    }
    assert!(files > 1, "some of the runs died after the file was there");
}
