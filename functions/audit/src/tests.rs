use super::handle;
use futures::executor::block_on;
use harmonia_audit::{Auditor, Entry, Kind, Log, What, entries, segment_key};
use harmonia_ports::{
    Bucket, Table,
    memory::{MemoryEvents, MemoryObjects, MemoryTables, SetClock},
};
use serde_json::{Value, json};
use std::sync::Arc;

struct World {
    auditor: Auditor,
    objects: Arc<MemoryObjects>,
}

fn world() -> World {
    let objects = Arc::new(MemoryObjects::default());
    let clock = Arc::new(SetClock::new("2026-11-22T10:00:00Z".parse().unwrap()));
    let log = Log::new(objects.clone(), clock);
    let auditor = Auditor::new(log, Arc::<MemoryTables>::default(), Arc::<MemoryEvents>::default(), Arc::default());
    World { auditor, objects }
}

impl World {
    fn entries(&self) -> Vec<Entry> {
        block_on(entries(self.objects.as_ref())).unwrap()
    }
}

fn image(version: u64, state: &str) -> Value {
    json!({
        "pk": {"S": "S#wasabi-club#R1"}, "sk": {"S": "S"}, "v": {"N": version.to_string()}, "by": {"S": "import"},
        "on": {"S": "2026-11-22T09:59:58.123456Z"}, "ttl": {"N": "1800000000"}, "wk": {"S": "K"}, "ws": {"S": "1"},
        "m": {"S": "wasabi-club"}, "st": {"S": state}, "amt": {"N": "1999"}, "mids": {"L": [{"S": "m1"}]},
        "ok": {"BOOL": true}, "none": {"NULL": true}, "src": {"M": {"line": {"N": "2"}}},
    })
}

fn record(sequence: &str, old: Option<Value>, new: Option<Value>) -> Value {
    let mut images = json!({
        "ApproximateCreationDateTime": 1_795_341_598_u32,
        "Keys": {"pk": {"S": "S#wasabi-club#R1"}, "sk": {"S": "S"}},
        "SequenceNumber": sequence, "SizeBytes": 100, "StreamViewType": "NEW_AND_OLD_IMAGES",
    });
    for (name, image) in [("OldImage", old), ("NewImage", new)] {
        if let Some(image) = image {
            images[name] = image;
        }
    }
    json!({
        "eventID": "c4ca4238a0b923820dcc509a6f75849b", "eventName": "MODIFY", "eventVersion": "1.1",
        "eventSource": "aws:dynamodb", "awsRegion": "eu-west-2", "dynamodb": images,
        "eventSourceARN": "arn:aws:dynamodb:eu-west-2:123456789012:table/harmonia-dev-book/stream/2026-11-22",
    })
}

fn ask(world: &World, records: &[Value]) -> Value {
    block_on(handle(&world.auditor, json!({ "Records": records }))).unwrap()
}

fn failed(sequence: &str) -> Value {
    json!({ "batchItemFailures": [{ "itemIdentifier": sequence }] })
}

fn well() -> Value {
    json!({ "batchItemFailures": [] })
}

/// Invariant 8: every change of a batch is one entry of one segment.
#[test]
fn changes_become_entries() {
    let world = world();
    let mut expired = record("3", Some(image(2, "claimed")), None);
    expired["userIdentity"] = json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
    let records = vec![
        record("1", None, Some(image(1, "live"))),
        record("2", Some(image(1, "live")), Some(image(2, "claimed"))),
        expired,
    ];
    assert_eq!(ask(&world, &records), well());
    let entries = world.entries();
    let told: Vec<_> =
        entries.iter().map(|e| (e.what, e.v, e.by.as_str(), e.from.as_deref(), e.to.as_deref())).collect();
    let expected = [
        (What::Created, 1, "import", None, Some("live")),
        (What::Changed, 2, "import", Some("live"), Some("claimed")),
        (What::Removed, 2, "time to live", Some("claimed"), None),
    ];
    assert_eq!(told, expected);
    assert!(entries.iter().all(|e| e.kind == Kind::Sale && e.table == Table::Book.as_str()));
    assert_eq!(entries[1].fields, ["st"]);
    assert_eq!(world.objects.keys(Bucket::Audit), [segment_key(1)]);
}

#[test]
fn nothing_of_state_is_no_segment() {
    let world = world();
    let mut entry = image(1, "live");
    entry["pk"] = json!({ "S": "BS#wasabi-club#visa#1" });
    assert_eq!(ask(&world, &[record("1", None, Some(entry))]), well());
    assert_eq!(ask(&world, &[]), well());
    assert!(world.objects.keys(Bucket::Audit).is_empty());
}

/// Pitfalls 1 and 3: what could not be appended comes back, from the first record on.
#[test]
fn what_is_not_appended_comes_back() {
    let world = world();
    world.objects.upload(Bucket::Audit, &segment_key(1), b"damaged".to_vec());
    let records = vec![record("7", None, Some(image(1, "live"))), record("8", Some(image(1, "live")), None)];
    assert_eq!(ask(&world, &records), failed("7"));
}

/// A record that cannot be read stops its successors, not its predecessors.
#[test]
fn what_cannot_be_read_comes_back_alone() {
    let world = world();
    let mut odd = image(2, "claimed");
    odd.as_object_mut().unwrap().remove("on");
    let records = vec![
        record("7", None, Some(image(1, "live"))),
        record("8", Some(image(1, "live")), Some(odd)),
        record("9", None, Some(image(3, "live"))),
    ];
    assert_eq!(ask(&world, &records), failed("8"));
    assert_eq!(world.entries().len(), 1);
    let mut foreign = record("9", None, Some(image(1, "live")));
    foreign["eventSourceARN"] = json!("arn:aws:dynamodb:eu-west-2:123456789012:table/other/stream/x");
    assert_eq!(ask(&world, &[foreign]), failed("9"));
}

#[test]
fn other_events_are_refused_without_their_content() {
    let world = world();
    for event in [
        json!({}),
        json!({ "Records": [{ "body": "4111111111111111" }] }),
        json!({ "Records": [record("", None, None)] }),
    ] {
        let error = block_on(handle(&world.auditor, event)).unwrap_err().to_string();
        assert!(!error.contains("4111"), "{error}");
    }
}
