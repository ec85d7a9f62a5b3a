//! What arrives at the functions' doors: S3 notifications as S3 sends them, messages nobody can read.

use harmonia_domain::{feed::Feed, file::FileState};
use harmonia_gen::{Day, DropKind, Plan, generate};
use harmonia_local::{memory_cloud::MemoryCloud, partners::Faults};
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
    assert!(!rows.purchases.is_empty() && rows.files.iter().all(harmonia_domain::file::File::finished));
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
