//! What earlier releases wrote is read by this one (docs/upgrade.md): messages that may still be under way, and rows
//! that are stored. `tests/recorded/v<version>` holds some of each, as real handlers made them, and stays as it is.
//!
//! A kind of message or row that is not there yet is added by [`record`]:
//! `HARMONIA_RECORD=1 cargo test -p it recorded::record`. Two are no part of a generated day and were written after the
//! types of their rows: `sequence` and `differing-line`.

use crate::sample::{iceland, large_and_packed, sell, till};
use async_trait::async_trait;
use harmonia_audit::{Auditor, Log, entries};
use harmonia_definitions::{Definition, Definitions};
use harmonia_domain::{
    control::Control,
    export::{Batch, Export},
    feed::Feed,
    file::File,
    identifier::{Identifier, LocationIdentifier},
    purchase::Purchase,
    sale::Sale,
};
use harmonia_gen::{Day, Plan, generate};
use harmonia_local::{
    aws_events::stream_record, invariants::check_card_data, memory_cloud::MemoryCloud, partners::Faults,
};
use harmonia_ports::{
    Change, Item, Key, OutMessage, Queue, QueueError, Queues, Stamp, Table, Work,
    memory::{MemoryEvents, MemoryObjects, MemoryTables, SetClock},
};
use harmonia_stages::{
    StageError,
    message::{Body, KINDS, Message, VERSION},
    redress::Words,
};
use harmonia_state::{
    BookedPayment, BookedSale, DifferingLine, DirectoryUser, FileHash, IdentifierSeen, NewestIdentity, ParkedLine,
    Range, Row, Sequence, StoredError, StoredIdentity, ToldUid, UnknownIdentifier, parse,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// So many different ones of a kind are kept.
const EXAMPLES_MAX: usize = 8;
/// Longer ones say nothing more.
const EXAMPLE_BYTES_MAX: usize = 4_000;
/// What is no part of a row's own content (state.md, items).
const ENVELOPE: [&str; 8] = ["pk", "sk", "v", "by", "on", "wk", "ws", "ttl"];

/// Reads an item as a row and makes its item anew.
type Again = fn(Item) -> Result<Item, StoredError>;

fn again<R: Row>(item: Item) -> Result<Item, StoredError> {
    let stamp = item.stamp.clone();
    parse::<R>(item).map(|stored| harmonia_state::item(&stored.row, &stamp))
}

/// Every type of row, by the name of its file.
const ROWS: [(&str, Again); 21] = [
    ("batch", again::<Batch>),
    ("booked-payment", again::<BookedPayment>),
    ("booked-sale", again::<BookedSale>),
    ("card", again::<NewestIdentity>),
    ("control", again::<Control>),
    ("differing-line", again::<DifferingLine>),
    ("export", again::<Export>),
    ("file", again::<File>),
    ("file-hash", again::<FileHash>),
    ("identifier", again::<Identifier>),
    ("identifier-seen", again::<IdentifierSeen>),
    ("identity", again::<StoredIdentity>),
    ("location", again::<LocationIdentifier>),
    ("parked-line", again::<ParkedLine>),
    ("purchase", again::<Purchase>),
    ("range", again::<Range>),
    ("sale", again::<Sale>),
    ("sequence", again::<Sequence>),
    ("told-uid", again::<ToldUid>),
    ("unknown-identifier", again::<UnknownIdentifier>),
    ("user", again::<DirectoryUser>),
];

/// The type of an item's row, by its key.
fn type_of(key: &Key) -> &'static str {
    match key.pk.split('#').next().unwrap_or_default() {
        "P" if key.sk.starts_with(DifferingLine::PREFIX) => "differing-line",
        "P" => "purchase",
        "S" => "sale",
        "BP" => "booked-payment",
        "BS" => "booked-sale",
        "K" => "parked-line",
        "X" => "export",
        "BT" => "batch",
        "BQ" => "sequence",
        "F" => "file",
        "FH" => "file-hash",
        "FR" => "range",
        "M" => "identifier",
        "ML" => "location",
        "MH" => "identifier-seen",
        "MU" => "unknown-identifier",
        "I" if NewestIdentity::is_key(key) => "card",
        "I" => "identity",
        "U" => "user",
        "XU" => "told-uid",
        "C" => "control",
        other => panic!("rows of a kind that is not recorded: {other}"),
    }
}

/// The kind of a message's body. A new one does not compile until it has its name here.
fn kind_of(body: &Body) -> &'static str {
    match body {
        Body::Lines { .. } => "lines",
        Body::Payments { .. } => "payments",
        Body::Keys { .. } => "keys",
        Body::Range { .. } => "range",
        Body::Exports { .. } => "exports",
    }
}

fn folder(version: u8) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("recorded/v{version}"))
}

/// A value from the JSON in which DynamoDB writes it.
fn value(attribute: &Value) -> Value {
    let (kind, inner) = attribute.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), inner) {
        ("NULL", _) => Value::Null,
        ("N", Value::String(digits)) => serde_json::from_str(digits).unwrap(),
        ("L", Value::Array(items)) => items.iter().map(value).collect(),
        ("M", Value::Object(members)) => members.iter().map(|(name, v)| (name.clone(), value(v))).collect(),
        ("S" | "BOOL", inner) => inner.clone(),
        other => panic!("{other:?}"),
    }
}

/// The item of a stored image.
fn item(image: &Value) -> Item {
    let mut body: Map<String, Value> = image.as_object().unwrap().iter().map(|(n, v)| (n.clone(), value(v))).collect();
    let mut taken = ENVELOPE.map(|name| body.remove(name));
    let mut text = |n: usize| taken[n].take().map(|v| v.as_str().unwrap().to_owned());
    let key = Key { pk: text(0).unwrap(), sk: text(1).unwrap() };
    let stamp = Stamp { by: text(3).unwrap(), on: text(4).unwrap().parse().unwrap() };
    let work = text(5).map(|wk| Work { wk, ws: text(6).unwrap() });
    let version = taken[2].as_ref().and_then(Value::as_u64).unwrap();
    Item { key, version, stamp, work, ttl: taken[7].as_ref().and_then(Value::as_i64), body }
}

/// How an item is stored.
fn image(table: Table, item: Item) -> Value {
    let record = stream_record(&Change { table, old: None, new: Some(item) }, 0, Timestamp::UNIX_EPOCH);
    record.pointer("/dynamodb/NewImage").unwrap().clone()
}

/// The recorded files of a folder by name, each a list of examples.
fn recorded(version: u8, of: &str) -> BTreeMap<String, Vec<Value>> {
    let folder = folder(version).join(of);
    let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let read = |path: &Path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))).collect()
}

/// Everything that `old` says, `new` says too.
fn keeps(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            old.iter().all(|(name, was)| new.get(name).is_some_and(|is| keeps(was, is)))
        }
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(was, is)| keeps(was, is))
        }
        (old, new) => old == new,
    }
}

#[test]
fn messages_of_every_version_are_read() {
    for version in 1..=VERSION {
        let recorded = recorded(version, "messages");
        assert_eq!(recorded.keys().collect::<Vec<_>>(), KINDS, "version {version}");
        for (kind, messages) in recorded {
            assert!(!messages.is_empty(), "{kind}");
            for old in messages {
                assert_eq!(old["v"], json!(version), "{kind}");
                let message = Message::parse(&old.to_string()).unwrap_or_else(|e| panic!("{kind}: {e}: {old}"));
                assert_eq!(kind_of(&message.body), kind);
                let new = serde_json::to_value(&message).unwrap();
                assert!(keeps(&old, &new), "{kind}: of {old} is left {new}");
            }
        }
    }
}

/// What this code does not know it refuses by name: it ends in the dead letters, where a later release reads it.
#[test]
fn messages_of_the_future_are_refused_by_name() {
    let (_, lines) = recorded(VERSION, "messages").remove_entry("lines").unwrap();
    let refused = |message: &Value| match Message::parse(&message.to_string()) {
        Err(StageError::Message { why }) => why,
        other => panic!("{other:?}"),
    };
    let with = |name: &str, value: Value| {
        let mut message = lines[0].clone();
        message[name] = value;
        message
    };
    assert_eq!(refused(&with("v", json!(VERSION + 1))), "version 2 where 1 is read");
    assert_eq!(refused(&with("k", json!("receipts"))), r#"kind "receipts" is not known"#);
    // its words are nobody's before they are known
    assert_eq!(refused(&with("k", json!("4929 1234 5678 9012"))), "a kind that is not known");
    let mut newer = with("k", json!("receipts"));
    newer["v"] = json!(7);
    assert_eq!(refused(&newer), "version 7 where 1 is read");
    let why = refused(&with("items", json!("none")));
    assert!(why.starts_with(r#"not a "lines" of version 1"#), "{why}");
}

#[test]
fn rows_of_every_version_are_read_and_kept() {
    let again = BTreeMap::from(ROWS);
    for version in 1..=VERSION {
        let recorded = recorded(version, "rows");
        assert_eq!(recorded.keys().map(String::as_str).collect::<Vec<_>>(), again.keys().copied().collect::<Vec<_>>());
        for (name, images) in recorded {
            assert!(!images.is_empty(), "{name}");
            for old in images {
                let stored = item(&old);
                assert_eq!(type_of(&stored.key), name);
                let new = again[name.as_str()](stored.clone()).unwrap_or_else(|e| panic!("{name}: {e}"));
                let places = |item: &Item| (item.key.clone(), item.work.clone(), item.ttl);
                assert_eq!(places(&new), places(&stored), "{name}: it is looked for elsewhere");
                let (old, new) = (Value::Object(stored.body), Value::Object(new.body));
                assert!(keeps(&old, &new), "{name}: of {old} is left {new}");
            }
        }
    }
}

/// A row type that is not among them could change unseen.
#[test]
fn every_row_type_is_recorded() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/state/src");
    let sources = fs::read_dir(sources).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let types =
        sources.map(|text| text.lines().filter(|line| line.starts_with("impl Row for ")).count()).sum::<usize>();
    assert_eq!(types, ROWS.len());
}

/// The recordings come to the audit function as a stream tells them: it reads them, and knows each by its name.
#[tokio::test]
async fn the_audit_log_reads_recorded_rows() {
    let objects = Arc::new(MemoryObjects::default());
    let log = Log::new(objects.clone(), Arc::new(SetClock::new("2027-01-01T00:00:00Z".parse().unwrap())));
    let shipped = Arc::new(Definitions::shipped().unwrap());
    let auditor = Auditor::new(log, Arc::<MemoryTables>::default(), Arc::<MemoryEvents>::default(), shipped);
    let mut told = BTreeSet::new();
    for (name, images) in recorded(1, "rows") {
        let table = |key: &Key| match type_of(key) {
            "batch" | "export" | "file" | "file-hash" | "range" | "sequence" | "told-uid" => Table::Ledger,
            "card" | "control" | "identifier" | "identifier-seen" | "identity" | "location" | "unknown-identifier"
            | "user" => Table::Registry,
            _ => Table::Book,
        };
        let record = |(n, image): (usize, &Value)| {
            let stored = item(image);
            let change = Change { table: table(&stored.key), old: None, new: Some(stored) };
            stream_record(&change, n, Timestamp::UNIX_EPOCH)
        };
        let records: Vec<Value> = images.iter().enumerate().map(record).collect();
        let answer = harmonia_function_audit::handle(&auditor, json!({ "Records": records })).await.unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }), "{name}");
        told.insert(name);
    }
    let logged: BTreeSet<String> = entries_of(&objects).await;
    let silent = ["booked-payment", "booked-sale", "file-hash", "identifier-seen", "location", "parked-line"];
    let silent = silent.into_iter().chain(["told-uid", "unknown-identifier"]);
    told.retain(|name| !silent.clone().any(|one| one == name));
    assert_eq!(logged, told);
}

/// The types of the rows that the log speaks of.
async fn entries_of(objects: &Arc<MemoryObjects>) -> BTreeSet<String> {
    let entries = entries(objects.as_ref()).await.unwrap();
    entries.iter().map(|entry| type_of(&Key { pk: entry.pk.clone(), sk: entry.sk.clone() }).to_owned()).collect()
}

/// Invariant 7: recordings are public.
#[test]
fn recordings_show_no_card() {
    for of in ["messages", "rows"] {
        for (name, examples) in recorded(1, of) {
            let text = json!(examples).to_string();
            assert_eq!(check_card_data([text.as_str()].into_iter(), &[]), [], "{name}");
        }
    }
}

/// Queues that are listened to.
struct Tee {
    inner: Arc<dyn Queues>,
    heard: Mutex<Vec<String>>,
}

#[async_trait]
impl Queues for Tee {
    async fn send(&self, queue: Queue, messages: Vec<OutMessage>) -> Result<(), QueueError> {
        self.heard.lock().unwrap().extend(messages.iter().map(|message| message.body.clone()));
        self.inner.send(queue, messages).await
    }
}

fn listen(cloud: &mut MemoryCloud) -> Arc<Tee> {
    let ports = &mut cloud.cloud.app.harmonia.ports;
    let tee = Arc::new(Tee { inner: ports.queues.clone(), heard: Mutex::default() });
    ports.queues = tee.clone();
    tee
}

/// A day with everything in it, and what a person and the clock do afterwards.
async fn played(day: &Day) -> (MemoryCloud, Vec<String>) {
    let mut cloud = MemoryCloud::new(day, &Faults::demo(), day.seed, 0).await.unwrap();
    // as it is shipped, but for a file whose name has a number
    let shipped = include_str!("../../shared/definitions/merchants/stonegate-unmatched.toml");
    let numbered = shipped.replace("_data.csv", "_{sequence}.csv");
    let numbered = Definition::from_toml(&numbered, "stonegate-unmatched.toml").unwrap();
    let harmonia = &mut cloud.cloud.app.harmonia;
    harmonia.definitions = Arc::new(Definitions::clone(&harmonia.definitions).with(numbered));
    let tee = listen(&mut cloud);
    for (number, delivery) in day.drops.iter().enumerate() {
        cloud.clock.set(delivery.at.max(cloud.cloud.clock.now()));
        let feed: Feed = delivery.feed.parse().unwrap();
        cloud.deliver(&feed, &delivery.name, &delivery.bytes).await.unwrap();
        if number % 9 == 0 {
            cloud.cloud.round().await.unwrap();
        }
    }
    let large = large_and_packed();
    cloud.deliver(&"iceland-bonus-card".parse().unwrap(), "packed.csv.gz", &large).await.unwrap();
    cloud.until_quiet().await.unwrap();
    // payments that found no sale in time: days later, at a full hour
    let later = cloud.cloud.clock.now().as_second() + 4 * 86_400;
    cloud.clock.set(Timestamp::from_second(later - later % 3_600).unwrap());
    cloud.cloud.fire(json!({ "v": 1, "k": "tick" })).await.unwrap();
    cloud.until_quiet().await.unwrap();
    let words = Words::new("operator", "the merchant moves house").unwrap();
    assert!(cloud.cloud.app.harmonia.pause(&"wasabi-club".parse().unwrap(), &words).await.unwrap());
    let heard = tee.heard.lock().unwrap().clone();
    (cloud, heard)
}

/// What makes an example another one than the last: which fields it has, and its state.
fn shape(example: &Value) -> String {
    fn names(value: &Value, depth: u8, to: &mut Vec<String>) {
        if let Value::Object(members) = value
            && depth > 0
        {
            for (name, member) in members {
                to.push(name.clone());
                names(member, depth - 1, to);
            }
        }
    }
    let mut all = Vec::new();
    names(example, 2, &mut all);
    all.extend(["st", "kind", "type"].into_iter().map(|name| example[name].to_string()));
    all.join(" ")
}

/// The shortest of each shape, the rarest shapes first.
fn examples(all: Vec<Value>) -> Vec<Value> {
    let mut by_shape: BTreeMap<String, (usize, Value)> = BTreeMap::new();
    for example in all.into_iter().filter(|example| example.to_string().len() <= EXAMPLE_BYTES_MAX) {
        let length = example.to_string().len();
        let (count, kept) = by_shape.entry(shape(&example)).or_insert_with(|| (0, example.clone()));
        *count += 1;
        if length < kept.to_string().len() {
            *kept = example;
        }
    }
    let mut kept: Vec<(usize, Value)> = by_shape.into_values().collect();
    kept.sort_by_key(|(count, example)| (*count, example.to_string()));
    kept.into_iter().take(EXAMPLES_MAX).map(|(_, example)| example).collect()
}

/// No check but a tool: adds what is missing, if it is asked to, and never touches what is there.
#[tokio::test]
async fn record() {
    if std::env::var_os("HARMONIA_RECORD").is_none() {
        return;
    }
    let day = generate(&Plan { seed: 6, payments: 600, sales: 600, ..Plan::default() });
    let (cloud, heard) = played(&day).await;
    let other = till(true).await;
    sell(&other, "a.csv", &[iceland("t-1", "184932", "23.45")]).await;
    let mut found: BTreeMap<(&str, &str), Vec<Value>> = BTreeMap::new();
    for (cloud, only) in [(&cloud, None), (&other, Some("user"))] {
        for table in Table::ALL {
            for item in cloud.tables.dump(table) {
                let name = type_of(&item.key);
                if only.is_none_or(|only| only == name) {
                    found.entry(("rows", name)).or_default().push(image(table, item));
                }
            }
        }
    }
    for text in heard {
        let name = kind_of(&Message::parse(&text).unwrap().body);
        found.entry(("messages", name)).or_default().push(serde_json::from_str(&text).unwrap());
    }
    let tokens: Vec<String> = day.users.iter().map(|user| user.token.clone()).collect();
    let wanted = ROWS.iter().map(|(name, _)| ("rows", *name)).chain(KINDS.map(|kind| ("messages", kind)));
    let mut missing = Vec::new();
    for (of, name) in wanted {
        let path = folder(VERSION).join(of).join(format!("{name}.json"));
        let Some(all) = found.remove(&(of, name)) else {
            if !path.exists() {
                missing.push(name);
            }
            continue;
        };
        let text = serde_json::to_string_pretty(&examples(all)).unwrap();
        assert_eq!(check_card_data([text.as_str()].into_iter(), &tokens), [], "{name}");
        if !path.exists() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
        }
    }
    assert!(missing.is_empty(), "nothing to record of {missing:?}");
}
