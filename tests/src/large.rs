//! Files of more than one range: the same lines as the whole, whichever range comes first, whatever fails on the way.

use crate::sample::{cloud, gzip, iceland, iceland_header};
use harmonia_domain::{
    file::{File, FileState, ROUNDS_MAX},
    outcome::Totals,
};
use harmonia_local::{mailbox::Sight, memory_cloud::MemoryCloud, state::Rows};
use harmonia_ports::{Bucket, Stamp, memory::SetClock};
use harmonia_state::{Store, file_key};
use jiff::SignedDuration;

/// Just above one range's lines.
const LINES: usize = 20_050;

/// Declined rows are skipped and cost no write; every hundredth is a sale. Of the ids that come twice, once in each
/// range, one says the same and one does not; one was rejected the first time and is new the second (D2).
pub(crate) fn text() -> String {
    let mut rows = vec![iceland("skipped", "decline", "10.00"); LINES];
    for n in (0..LINES).step_by(100) {
        rows[n] = iceland(&format!("ICE-{n}"), "390211", "12.34");
    }
    rows[20_001] = iceland("ICE-100", "390211", "12.34");
    rows[20_002] = iceland("ICE-200", "390211", "99.99");
    rows[300] = iceland("ICE-300", "390211", "1,00");
    rows[20_003] = iceland("ICE-300", "390211", "1.00");
    format!("{}\n{}\n", iceland_header(), rows.join("\n"))
}

fn expected() -> Totals {
    let read = u64::try_from(LINES).unwrap();
    Totals { read, accepted: 201, duplicate: 2, differs: 1, skipped: read - 204, rejected: 1, parked: 0 }
}

async fn import(cloud: &MemoryCloud, bytes: &[u8]) -> Rows {
    cloud.deliver(&"iceland-bonus-card".parse().unwrap(), "large.csv", bytes).await.unwrap();
    cloud.until_quiet().await.unwrap();
    cloud.rows().unwrap()
}

/// What was kept of the file, without where it came from.
fn kept(rows: &Rows) -> Vec<(String, i64)> {
    let mut kept: Vec<_> = rows.sales.iter().map(|s| (s.id.clone(), s.amount.0)).collect();
    kept.sort();
    kept
}

pub(crate) fn check(rows: &Rows) {
    let [file] = &rows.files[..] else { panic!("{:?}", rows.files) };
    assert_eq!((file.ranges, file.totals), (2, expected()));
    assert_eq!(file.state, FileState::Closed { forwarded: true });
    let amount = |id: &str| rows.sales.iter().find(|s| s.id == id).map(|s| s.amount.0);
    assert_eq!(amount("ICE-200"), Some(1234), "the lower line is kept, also across ranges");
    assert_eq!(amount("ICE-300"), Some(100), "a rejected line does not count as seen");
}

/// Both ranges run at once, interleaved by seed, over tables that fail.
#[tokio::test]
async fn ranges_bring_what_the_whole_would() {
    let text = text();
    let mut first = None;
    for seed in 0..3 {
        let rows = import(&cloud(seed, 5).await, text.as_bytes()).await;
        check(&rows);
        assert_eq!(*first.get_or_insert_with(|| kept(&rows)), kept(&rows), "seed {seed}");
    }
}

/// Packed, and with a text that is not planned from memory: its ranges read copies of their own.
#[tokio::test]
async fn a_packed_file_is_copied_as_plain_text() {
    let plain = import(&cloud(1, 0).await, text().as_bytes()).await;
    let wide = text().replace(",decline", &format!("{},decline", "7".repeat(450)));
    assert!(wide.len() > 8 * 1024 * 1024);
    let cloud = cloud(1, 0).await;
    let packed = import(&cloud, &gzip(wide.as_bytes())).await;
    let [file] = &packed.files[..] else { panic!("{:?}", packed.files) };
    assert_eq!((file.totals, kept(&packed)), (expected(), kept(&plain)));
    let copies = cloud.objects.keys(Bucket::Work);
    // beside the plan one text for each range
    assert_eq!(u64::try_from(copies.len()).unwrap(), file.ranges + 1);
    assert!(file.plan.as_ref().is_some_and(|plan| copies.contains(plan)));
    let archived = cloud.objects.keys(Bucket::Archive);
    let name = format!("archive/iceland-bonus-card/2024/06/04/{}-large.csv", file.id);
    assert!(archived.contains(&name) && archived.iter().any(|key| key.starts_with(&format!("{name}.rejects."))));
}

/// Takes the messages of the ranges away, as a queue that loses them would.
async fn lose_ranges(cloud: &MemoryCloud) -> usize {
    let mailbox = &cloud.cloud.mailbox;
    let lost = mailbox.receive("ranges", 100, Sight::All, 100).await.unwrap();
    for message in &lost {
        mailbox.delete("ranges", &message.receipt).await.unwrap();
    }
    lost.len()
}

/// Serves the announcement only: its ranges are waiting then.
async fn announced(cloud: &MemoryCloud) -> File {
    cloud.deliver(&"iceland-bonus-card".parse().unwrap(), "large.csv", text().as_bytes()).await.unwrap();
    while cloud.rows().unwrap().files.is_empty() {
        cloud.cloud.round().await.unwrap();
    }
    cloud.rows().unwrap().files.remove(0)
}

async fn quarter_of_an_hour_later(cloud: &MemoryCloud) {
    advance(&cloud.clock);
    cloud.cloud.tick().await.unwrap();
}

fn advance(clock: &SetClock) {
    use harmonia_ports::Clock;
    clock.set(clock.now() + SignedDuration::from_mins(15));
}

/// Design §4: what does not come back is sent again, three rounds, then the file is stuck and listed; a person tries
/// again and nothing was lost. Its sales were invisible all the time.
#[tokio::test]
async fn a_stuck_file_is_tried_again() {
    let cloud = cloud(1, 0).await;
    let file = announced(&cloud).await;
    for _ in 0..=ROUNDS_MAX {
        assert!(lose_ranges(&cloud).await > 0);
        quarter_of_an_hour_later(&cloud).await;
    }
    let harmonia = &cloud.cloud.app.harmonia;
    let open = harmonia.open_files().await.unwrap();
    assert_eq!(open.iter().map(|f| &f.row.state).collect::<Vec<_>>(), [&FileState::Stuck]);
    quarter_of_an_hour_later(&cloud).await;
    assert_eq!(lose_ranges(&cloud).await, 0, "a stuck file waits for a person");
    let key = file_key(&file.feed, file.arrived, &file.id);
    assert_eq!(harmonia.retry_file(&key).await.unwrap().state, FileState::Importing);
    cloud.until_quiet().await.unwrap();
    check(&cloud.rows().unwrap());
    assert!(harmonia.retry_file(&key).await.is_err(), "a closed file is not tried again");
}

/// A range that was lost once comes with the next round, without anybody's help; the other is not imported again.
#[tokio::test]
async fn only_what_is_missing_is_sent_again() {
    let cloud = cloud(1, 0).await;
    announced(&cloud).await;
    let mailbox = &cloud.cloud.mailbox;
    let one = mailbox.receive("ranges", 1, Sight::All, 100).await.unwrap();
    mailbox.delete("ranges", &one[0].receipt).await.unwrap();
    while mailbox.count("ranges").await.unwrap() > 0 {
        cloud.cloud.round().await.unwrap();
    }
    assert_eq!(cloud.rows().unwrap().ranges.len(), 1);
    quarter_of_an_hour_later(&cloud).await;
    assert_eq!(mailbox.count("ranges").await.unwrap(), 1);
    cloud.until_quiet().await.unwrap();
    check(&cloud.rows().unwrap());
}

/// The same bytes dropped again while the first delivery is under way: logged at once, imported once.
#[tokio::test]
async fn the_same_large_file_again() {
    let cloud = cloud(1, 0).await;
    let first = announced(&cloud).await;
    cloud.deliver(&"iceland-bonus-card".parse().unwrap(), "again.csv", text().as_bytes()).await.unwrap();
    cloud.until_quiet().await.unwrap();
    let rows = cloud.rows().unwrap();
    let again = rows.files.iter().find(|f| f.id != first.id).unwrap();
    assert_eq!(again.state, FileState::Repeated { of: first.id });
    assert_eq!((again.totals.read, again.totals.accepted), (expected().read, 0));
    assert_eq!(rows.ranges.len(), 2);
}

/// A person has to look at a stuck file: the same bytes again are logged, and neither tried nor dead.
#[tokio::test]
async fn the_bytes_of_a_stuck_file_again() {
    let cloud = cloud(1, 0).await;
    let first = announced(&cloud).await;
    for _ in 0..=ROUNDS_MAX {
        lose_ranges(&cloud).await;
        quarter_of_an_hour_later(&cloud).await;
    }
    cloud.deliver(&"iceland-bonus-card".parse().unwrap(), "again.csv", text().as_bytes()).await.unwrap();
    cloud.cloud.until_served(&["import-files"]).await.unwrap();
    assert_eq!(lose_ranges(&cloud).await, 0);
    let files = cloud.rows().unwrap().files;
    let state = |file: &File| (file.id == first.id, file.state.clone());
    let states: Vec<_> = files.iter().map(state).collect();
    let again = FileState::Repeated { of: first.id.clone() };
    assert!(states.contains(&(true, FileState::Stuck)) && states.contains(&(false, again)), "{states:?}");
}

/// Whoever closes a file and dies before its keys are sent leaves it to the sweep: invariant 4 needs them.
#[tokio::test]
async fn a_closed_file_is_forwarded_by_the_clock() {
    let cloud = cloud(1, 0).await;
    announced(&cloud).await;
    cloud.cloud.until_served(&["ranges"]).await.unwrap();
    let mailbox = &cloud.cloud.mailbox;
    for message in mailbox.receive("match", 100, Sight::All, 100).await.unwrap() {
        mailbox.delete("match", &message.receipt).await.unwrap();
    }
    let closed = cloud.rows().unwrap().files.remove(0);
    assert_eq!(closed.state, FileState::Closed { forwarded: true });
    let before = File { state: FileState::Closed { forwarded: false }, ..closed.clone() };
    let stamp = Stamp { by: "test".into(), on: closed.arrived };
    Store::new(cloud.tables.as_ref()).put(&before, &stamp).await.unwrap();
    cloud.cloud.tick().await.unwrap();
    assert_eq!(mailbox.count("match").await.unwrap(), 0, "its handler may be at work");
    quarter_of_an_hour_later(&cloud).await;
    assert_eq!(cloud.rows().unwrap().files, [closed]);
    assert!(mailbox.count("match").await.unwrap() > 0);
}
