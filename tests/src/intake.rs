//! What arrives at the functions' doors: S3 notifications as S3 sends them, messages nobody can read.

use crate::sample::{cloud, gzip, iceland, iceland_header};
use harmonia_domain::{
    feed::Feed,
    file::{File, FileState},
};
use harmonia_gen::{Day, DropKind, Plan, generate};
use harmonia_local::{memory_cloud::MemoryCloud, partners::Faults};
use harmonia_ports::Bucket;
use serde_json::json;

fn day() -> Day {
    generate(&Plan { seed: 11, payments: 60, sales: 90, ..Plan::default() })
}

fn a_file(day: &Day) -> (Feed, Vec<u8>) {
    let file = day.drops.iter().find(|d| d.kind == DropKind::File && d.feed == "wasabi-club").unwrap();
    (file.feed.parse().unwrap(), file.bytes.clone())
}

/// S3 delivers at least once: the second announcement of one object changes nothing; nor does the test event.
#[tokio::test]
async fn an_object_announced_twice_is_imported_once() {
    let day = day();
    let cloud = MemoryCloud::new(&day, &Faults::none(), 1, 0).await.unwrap();
    let (feed, bytes) = a_file(&day);
    // a key that S3 encodes
    cloud.deliver(&feed, "day 1/wasabi+club ü.csv", &bytes).await.unwrap();
    cloud.until_quiet().await.unwrap();
    let once = cloud.rows().unwrap();
    assert_eq!(once.files[0].object, "imports/wasabi-club/day 1/wasabi+club ü.csv");
    assert!(once.files[0].totals.accepted > 0);
    let size = u64::try_from(bytes.len()).unwrap();
    cloud.cloud.announce(&once.files[0].object, &once.files[0].version, size).await.unwrap();
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "imports"}).to_string();
    cloud.cloud.mailbox.post("import-files", test, cloud.cloud.clock.now()).await.unwrap();
    cloud.until_quiet().await.unwrap();
    let twice = cloud.rows().unwrap();
    assert_eq!((twice.files, twice.sales), (once.files, once.sales));
    assert!(cloud.cloud.dead_letters().await.unwrap().is_empty());
}

/// The same bytes under another name are logged as what they are: duplicates.
#[tokio::test]
async fn the_same_bytes_again_are_a_repeated_file() {
    let day = day();
    let cloud = MemoryCloud::new(&day, &Faults::none(), 1, 0).await.unwrap();
    let (feed, bytes) = a_file(&day);
    for name in ["a.csv", "b.csv", "a.csv"] {
        cloud.deliver(&feed, name, &bytes).await.unwrap();
        cloud.until_quiet().await.unwrap();
    }
    let rows = cloud.rows().unwrap();
    let first = rows.files.iter().find(|f| matches!(f.state, FileState::Closed { .. })).unwrap();
    let repeated: Vec<_> =
        rows.files.iter().filter(|f| f.state == FileState::Repeated { of: first.id.clone() }).collect();
    assert_eq!(repeated.len(), 2);
    for file in repeated {
        assert_eq!((file.totals.read, file.totals.accepted), (first.totals.read, 0));
        assert!(file.totals.balance());
    }
}

/// Dead-letter queues hold only messages that nobody can read: the poison alone, its neighbours are served.
#[tokio::test]
async fn a_poison_message_ends_alone_in_its_dead_letter_queue() {
    let day = day();
    let cloud = MemoryCloud::new(&day, &Faults::none(), 1, 0).await.unwrap();
    for (feed, bytes) in day.drops.iter().filter(|d| d.feed == "visa-auth").map(|d| (&d.feed, &d.bytes)) {
        cloud.deliver(&feed.parse().unwrap(), "message", bytes).await.unwrap();
    }
    let poison = json!({"v": 9, "k": "lines", "t": "x", "items": []}).to_string();
    cloud.cloud.mailbox.post("identify", poison, cloud.cloud.clock.now()).await.unwrap();
    cloud.until_quiet().await.unwrap();
    assert_eq!(cloud.cloud.dead_letters().await.unwrap(), [("identify".to_owned(), 1)]);
    let rows = cloud.rows().unwrap();
    assert!(!rows.purchases.is_empty() && rows.files.iter().all(File::finished));
}

/// An object under no feed, and a feed that nobody has defined: told apart, neither is lost.
#[tokio::test]
async fn what_belongs_to_no_feed_is_kept_and_told() {
    let day = day();
    let cloud = MemoryCloud::new(&day, &Faults::none(), 1, 0).await.unwrap();
    cloud.deliver(&"nobody-knows".parse().unwrap(), "a.csv", b"a,b\n1,2\n").await.unwrap();
    cloud.until_quiet().await.unwrap();
    let rows = cloud.rows().unwrap();
    let FileState::Unreadable { why, forwarded } = &rows.files[0].state else { panic!("{:?}", rows.files) };
    assert!(*forwarded && why.contains("no definition for feed nobody-knows"), "{why}");
}

/// Drops a file of Iceland's and returns what became of it.
async fn dropped(bytes: &[u8]) -> (MemoryCloud, File) {
    let cloud = cloud(1, 0).await;
    cloud.deliver(&"iceland-bonus-card".parse().unwrap(), "a.csv", bytes).await.unwrap();
    cloud.until_quiet().await.unwrap();
    assert!(cloud.cloud.dead_letters().await.unwrap().is_empty(), "a bad file is no poison");
    let file = cloud.rows().unwrap().files.remove(0);
    (cloud, file)
}

/// D2: a file that cannot be read at all is refused whole with a reason that names the place, moved to `rejected/`, and
/// nothing of it is imported.
#[tokio::test]
async fn files_that_cannot_be_read_are_refused_whole() {
    let good = format!("{}\n{}\n", iceland_header(), iceland("ICE-1", "390211", "1.00"));
    let renamed = good.replace("TransactionId", "TransactionID");
    let not_utf8 = [good.as_bytes(), b"\xff\n"].concat();
    let cut = gzip(good.as_bytes());
    for (bytes, why) in [
        (good.replace("TransactionStore_Id,", "").into_bytes(), "no column \"TransactionStore_Id\""),
        (renamed.into_bytes(), "no column \"TransactionId\""),
        (format!("\n{good}").into_bytes(), "no CSV header in the first line"),
        (not_utf8, "line 3: not UTF-8 at byte"),
        (cut[..cut.len() - 9].to_vec(), "gzip data cut off or damaged"),
        (b"\xff\xfea\x00\x00\xd8".to_vec(), "line 1: not UTF-16 at byte"),
    ] {
        let (cloud, file) = dropped(&bytes).await;
        let FileState::Unreadable { why: told, forwarded: true } = &file.state else { panic!("{file:?}") };
        assert!(told.contains(why), "{told}");
        let rows = cloud.rows().unwrap();
        assert!(rows.sales.is_empty() && rows.ranges.is_empty());
        let kept = cloud.objects.keys(Bucket::Archive);
        assert_eq!(kept.len(), 1);
        assert!(kept[0].starts_with("rejected/iceland-bonus-card/") && kept[0].ends_with("-a.csv"), "{kept:?}");
    }
}

/// D22: nothing to import is no mistake.
#[tokio::test]
async fn files_without_records_are_closed() {
    let skipped = format!("{}\n{}\n", iceland_header(), iceland("ICE-1", "Decline", "1.00"));
    for (bytes, read) in [(String::new(), 0), (iceland_header(), 0), ("\u{feff}".to_owned() + &skipped, 1)] {
        let (_, file) = dropped(bytes.as_bytes()).await;
        assert_eq!(file.state, FileState::Closed { forwarded: true }, "{bytes:?}");
        assert_eq!((file.totals.read, file.totals.skipped), (read, read));
    }
}

/// A partner that deletes its file before it is read is told so; nothing waits for it.
#[tokio::test]
async fn an_object_deleted_before_it_is_read_is_told() {
    let cloud = cloud(1, 0).await;
    cloud.cloud.announce("imports/iceland-bonus-card/gone.csv", "v7", 5).await.unwrap();
    cloud.until_quiet().await.unwrap();
    assert!(cloud.cloud.dead_letters().await.unwrap().is_empty());
    let [file] = &cloud.rows().unwrap().files[..] else { panic!("one file") };
    let FileState::Unreadable { why, forwarded: true } = &file.state else { panic!("{file:?}") };
    assert_eq!(why, "deleted before it was read");
}

/// D2: every bad row is told by line, field, reason and class of the value, and costs nothing else. The value itself is
/// in no report: it may be card data.
#[tokio::test]
async fn bad_rows_are_told_beside_the_archived_file() {
    let row = |id: &str, amount: &str| iceland(id, "390211", amount);
    let rows = [
        row("ICE-1", "1,234.50"),
        row("ICE-2", "1e2"),
        row("ICE-3", "10.999"),
        row("ICE-4", "99999999.00"),
        row("ICE-5", "5.00").replace("2024-06-03", "2024-02-30"),
        row("ICE-6", "6.00"),
        row("ICE-7", "7.00").replace("450012", "4500128841"),
        "450012,8841".to_owned(),
        row("ICE\0", "8.00"),
        row("\"ICE-9", "9.00"),
        row("ICE-10", "10.00"),
        row(&"x".repeat(1024 * 1024), "11.00"),
        row("ICE-12", "12.00"),
    ];
    let (cloud, file) = dropped(format!("{}\n{}\n", iceland_header(), rows.join("\n")).as_bytes()).await;
    let totals = file.totals;
    // filters come first: a row too short to name its card is left out with the cards that nobody takes
    assert_eq!((totals.read, totals.accepted, totals.skipped, totals.rejected), (13, 4, 1, 8));
    let kept = cloud.objects.keys(Bucket::Archive);
    let report = kept.iter().find(|key| key.ends_with("-a.csv.rejects.csv")).unwrap();
    let report = cloud.cloud.app.harmonia.ports.objects.get(Bucket::Archive, report, None).await.unwrap();
    let told = String::from_utf8(report).unwrap();
    let expected = "line,field,reason,value\r\n\
        2,\"TransactionAmountValue\",bad-amount,number\r\n\
        3,\"TransactionAmountValue\",bad-amount,number\r\n\
        4,\"TransactionAmountValue\",bad-amount,number\r\n\
        5,\"TransactionAmountValue\",amount-too-large,number\r\n\
        6,\"TransactionTimestamp\",bad-date,text\r\n\
        8,\"TransactionCardFirst6\",bad-card-digits,digits\r\n\
        11,\"TransactionId\",bad-quoting,long\r\n\
        13,\"TransactionId\",too-long,long\r\n";
    assert_eq!(told, expected);
}

/// D2: messages that are none are told by their place in the archived batch and are no poison.
#[tokio::test]
async fn messages_that_are_none_are_told() {
    let cloud = cloud(1, 0).await;
    let costa: Feed = "costa".parse().unwrap();
    let bodies =
        ["[]".to_owned(), "[".repeat(5000), "{".to_owned(), format!("{{\"a\":\"{}\"}}", "x".repeat(1024 * 1024))];
    for body in &bodies {
        cloud.deliver(&costa, "message", body.as_bytes()).await.unwrap();
    }
    cloud.until_quiet().await.unwrap();
    assert!(cloud.cloud.dead_letters().await.unwrap().is_empty());
    let mut told = Vec::new();
    for report in cloud.objects.keys(Bucket::Archive).iter().filter(|key| key.ends_with(".rejects.csv")) {
        let bytes = cloud.cloud.app.harmonia.ports.objects.get(Bucket::Archive, report, None).await.unwrap();
        told.extend(String::from_utf8(bytes).unwrap().lines().skip(1).map(str::to_owned).collect::<Vec<_>>());
    }
    let reasons: Vec<&str> = told.iter().filter_map(|line| line.split(',').nth(2)).collect();
    assert_eq!(reasons, ["not-an-object", "too-deep", "not-json", "too-long"], "{told:?}");
}
