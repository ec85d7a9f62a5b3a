//! Each function may do what it does and no more: a small day is played through the real handlers with watched ports,
//! and what was called is compared with what template.yaml allows, in both directions. Nothing else would notice a
//! missing right before the first deployment: neither the local cloud nor the emulators check rights.

use super::{at, list, of_type, resource, short_name, statements, template};
use crate::{machines::Started, sample::large_and_packed};
use async_trait::async_trait;
use harmonia_domain::{card::CardKeys, ids::Id};
use harmonia_gen::{Day, Drop, DropKind, Plan, generate};
use harmonia_local::{
    audit::Audit,
    cloud::Cloud,
    mailbox::{Mailbox, Received, Sight},
    memory_mailbox::MemoryMailbox,
    partners::{Faults, PlayedPartners},
    streams::{MemoryStreams, StreamError, Streams},
    world::World,
};
use harmonia_ports::{
    Bucket, Call, Clock, Execution, Item, Key, Machine, MachineError, Machines, ObjectError, ObjectInfo, Objects,
    OutMessage, Page, Ports, Put, Query, Queue, QueueError, Queues, Read, Reopening, StoreError, Table, Tables, Web,
    WebAnswer, WorkPage, Write, WriteError,
    memory::{MemoryEvents, MemoryObjects, MemoryTables, SetClock},
};
use harmonia_runtime::{App, batch::Visibility};
use harmonia_stages::{Harmonia, Settings};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

/// What a day as small as this one does not show.
const RARE: [(&str, &str); 10] = [
    // the walk through the book finds nothing in a healthy system; what it finds it matches
    ("tick", "dynamodb:BatchWriteItem on book"),
    ("tick", "dynamodb:UpdateItem on book"),
    ("tick", "sqs:SendMessage on match"),
    ("tick", "sqs:SendMessage on export"),
    // an execution that has died is followed by another
    ("tick", "states:StartExecution on import-file"),
    // as is one that has gone on for long
    ("import", "states:StartExecution on reopen"),
    // what a parked line waits for comes at that moment
    ("import", "dynamodb:DeleteItem on book"),
    ("identify", "dynamodb:DeleteItem on book"),
    // more than 200 open payments of one book key go on as a message
    ("match", "sqs:SendMessage on match"),
    // an auth and a settlement of Mastercard that share an id but not the settlement key
    ("import", "dynamodb:ConditionCheckItem on book"),
];
/// What Lambda does with a function's role: reads its streams, and tells what failed or where it could not get past.
const OF_THE_POLLER: [&str; 3] = ["/stream/*", "audit-failures", "failed-events"];
/// Nobody's: what the test itself does.
const NOBODY: &str = "";

type Rights = BTreeMap<String, BTreeSet<String>>;

/// Notes who does what. One function runs at a time.
#[derive(Default)]
struct Watch {
    function: Mutex<&'static str>,
    seen: Mutex<Rights>,
}

impl Watch {
    fn now_runs(&self, function: &'static str) {
        *self.function.lock().unwrap() = function;
    }

    fn note(&self, action: &str, place: impl std::fmt::Display) {
        let function = *self.function.lock().unwrap();
        let mut seen = self.seen.lock().unwrap();
        seen.entry(function.to_owned()).or_default().insert(format!("{action} on {place}"));
    }

    fn seen(&self) -> Rights {
        let mut seen = self.seen.lock().unwrap().clone();
        seen.remove(NOBODY);
        seen
    }
}

/// A port with a watch before it.
struct Watched<T> {
    watch: Arc<Watch>,
    inner: Arc<T>,
}

impl Watched<MemoryTables> {
    fn note_write(&self, write: &Write) {
        match write {
            Write::Put { table, .. } => self.watch.note("dynamodb:PutItem", table.as_str()),
            Write::Patch { table, .. } => self.watch.note("dynamodb:UpdateItem", table.as_str()),
            Write::Delete { table, .. } => self.watch.note("dynamodb:DeleteItem", table.as_str()),
            Write::Check { table, .. } => self.watch.note("dynamodb:ConditionCheckItem", table.as_str()),
        }
    }
}

#[async_trait]
impl Tables for Watched<MemoryTables> {
    async fn get(&self, table: Table, key: &Key, read: Read) -> Result<Option<Item>, StoreError> {
        self.watch.note("dynamodb:GetItem", table.as_str());
        self.inner.get(table, key, read).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.watch.note("dynamodb:Query", query.table.as_str());
        self.inner.query(query).await
    }

    async fn work(&self, table: Table, wk: &str, to: &str, limit: usize) -> Result<WorkPage, StoreError> {
        self.watch.note("dynamodb:Query", format!("{}/index/work", table.as_str()));
        self.inner.work(table, wk, to, limit).await
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        self.note_write(&write);
        self.inner.write(write).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), WriteError> {
        for write in &writes {
            self.note_write(write);
        }
        self.inner.transact(writes).await
    }

    async fn put_all(&self, table: Table, items: Vec<Item>) -> Result<(), StoreError> {
        self.watch.note("dynamodb:BatchWriteItem", table.as_str());
        self.inner.put_all(table, items).await
    }

    async fn delete(&self, table: Table, key: &Key) -> Result<(), StoreError> {
        self.watch.note("dynamodb:DeleteItem", table.as_str());
        self.inner.delete(table, key).await
    }
}

impl Watched<MemoryObjects> {
    fn note_object(&self, action: &str, bucket: Bucket, key: &str) {
        // files for merchants are named by their definitions
        if bucket == Bucket::Exports {
            return self.watch.note(action, format!("{}/*", bucket.as_str()));
        }
        let folder = key.split('/').next().unwrap();
        self.watch.note(action, format!("{}/{folder}/*", bucket.as_str()));
    }

    /// With a version it is another right than without.
    fn note_read(&self, bucket: Bucket, key: &str, version: Option<&str>) {
        self.note_object(if version.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" }, bucket, key);
    }
}

#[async_trait]
impl Objects for Watched<MemoryObjects> {
    async fn head(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<ObjectInfo, ObjectError> {
        self.note_read(bucket, key, version);
        self.inner.head(bucket, key, version).await
    }

    async fn get(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<Vec<u8>, ObjectError> {
        self.note_read(bucket, key, version);
        self.inner.get(bucket, key, version).await
    }

    async fn get_part(
        &self,
        bucket: Bucket,
        key: &str,
        version: &str,
        from: u64,
        to: u64,
    ) -> Result<Vec<u8>, ObjectError> {
        self.note_read(bucket, key, Some(version));
        self.inner.get_part(bucket, key, version, from, to).await
    }

    async fn copy_new(&self, from: (Bucket, &str, &str), to: (Bucket, &str)) -> Result<Put, ObjectError> {
        self.note_read(from.0, from.1, Some(from.2));
        self.note_object("s3:GetObject", to.0, to.1);
        self.note_object("s3:PutObject", to.0, to.1);
        self.inner.copy_new(from, to).await
    }

    async fn put_new(&self, bucket: Bucket, key: &str, bytes: Vec<u8>) -> Result<Put, ObjectError> {
        self.note_object("s3:PutObject", bucket, key);
        self.inner.put_new(bucket, key, bytes).await
    }
}

#[async_trait]
impl Queues for Watched<MemoryMailbox> {
    async fn send(&self, queue: Queue, messages: Vec<OutMessage>) -> Result<(), QueueError> {
        self.watch.note("sqs:SendMessage", queue.as_str());
        self.inner.send(queue, messages).await
    }
}

#[async_trait]
impl Machines for Watched<Started> {
    async fn ensure(&self, execution: &Execution) -> Result<(), MachineError> {
        self.watch.note("states:StartExecution", execution.machine().as_str());
        self.inner.ensure(execution).await
    }

    fn run(&self) -> bool {
        self.inner.run()
    }
}

#[async_trait]
impl Visibility for Watched<MemoryMailbox> {
    async fn hide(&self, queue_arn: &str, receipt_handle: &str, seconds: u32) -> Result<(), QueueError> {
        self.inner.hide(queue_arn, receipt_handle, seconds).await
    }
}

/// The cloud's side of the queues: what it takes messages from tells which function runs next.
#[async_trait]
impl Mailbox for Watched<MemoryMailbox> {
    async fn post(&self, queue: &str, body: String, sent: Timestamp) -> Result<String, QueueError> {
        self.inner.post(queue, body, sent).await
    }

    async fn receive(
        &self,
        queue: &str,
        max: usize,
        sight: Sight,
        receives_max: u32,
    ) -> Result<Vec<Received>, QueueError> {
        self.watch.now_runs(match queue {
            "identify" => "identify",
            "match" => "match",
            "export" => "export",
            _ => "import",
        });
        self.inner.receive(queue, max, sight, receives_max).await
    }

    async fn delete(&self, queue: &str, receipt: &str) -> Result<(), QueueError> {
        self.inner.delete(queue, receipt).await
    }

    async fn count(&self, queue: &str) -> Result<usize, QueueError> {
        self.inner.count(queue).await
    }

    async fn next_visible(&self) -> Result<Option<Timestamp>, QueueError> {
        self.inner.next_visible().await
    }
}

/// What the audit function reads tells that it runs next.
#[async_trait]
impl Streams for Watched<MemoryStreams> {
    async fn read(&self, table: Table, limit: usize) -> Result<Vec<Value>, StreamError> {
        self.watch.now_runs("audit");
        self.inner.read(table, limit).await
    }

    async fn acknowledge(&self, table: Table, records: &[Value]) -> Result<(), StreamError> {
        self.inner.acknowledge(table, records).await
    }
}

/// Partners whose directory can be down.
struct Outer {
    partners: PlayedPartners,
    directory_down: AtomicBool,
}

#[async_trait]
impl Web for Outer {
    async fn send(&self, call: Call) -> WebAnswer {
        if call.url.contains("payment_card_user_info") && self.directory_down.load(Ordering::Relaxed) {
            return WebAnswer::Response { status: 503, retry_after: None, body: Vec::new() };
        }
        self.partners.send(call).await
    }
}

/// A day under way.
struct Play {
    watch: Arc<Watch>,
    clock: Arc<SetClock>,
    objects: Arc<MemoryObjects>,
    web: Arc<Outer>,
    started: Arc<Started>,
    cloud: Cloud,
}

impl Play {
    async fn set(day: &Day) -> Self {
        let watch = Arc::new(Watch::default());
        let clock = Arc::new(SetClock::new(day.drops[0].at));
        let objects = Arc::new(MemoryObjects::default());
        let partners = PlayedPartners::new(&day.users, Faults::demo(), clock.clone());
        let (outside, world) = (PlayedPartners::outside(), World::of(day));
        let web = Arc::new(Outer { partners, directory_down: AtomicBool::new(false) });
        let inner = Arc::new(MemoryMailbox::new(clock.clone()));
        let mailbox = Arc::new(Watched { watch: watch.clone(), inner });
        let (tables, started) = (Arc::<MemoryTables>::default(), Arc::<Started>::default());
        let streams = MemoryStreams::new(tables.clone(), clock.clone());
        let ports = Ports {
            tables: Arc::new(Watched { watch: watch.clone(), inner: tables }),
            objects: Arc::new(Watched { watch: watch.clone(), inner: objects.clone() }),
            queues: mailbox.clone(),
            web: web.clone(),
            machines: Arc::new(Watched { watch: watch.clone(), inner: started.clone() }),
            secrets: outside.secrets(&world.aes_key),
            clock: clock.clone(),
        };
        let settings = Settings { directory: outside.directory() };
        let keys = CardKeys::from_secret(&SecretString::from("a generated day has invented cards only"));
        let definitions = Arc::new(outside.definitions().unwrap());
        let streams = Arc::new(Watched { watch: watch.clone(), inner: Arc::new(streams) });
        let audit = Some(Audit::new(&ports, &definitions, Arc::<MemoryEvents>::default(), streams));
        let harmonia = Harmonia::new(ports, definitions, keys, Arc::new(settings));
        harmonia.onboard(&world.onboarded().unwrap()).await.unwrap();
        let app = App { harmonia, visibility: mailbox.clone() };
        Self { watch, clock: clock.clone(), objects, web, started, cloud: Cloud { app, mailbox, clock, audit } }
    }

    async fn file(&self, feed: &str, name: &str, bytes: &[u8]) {
        let key = format!("imports/{feed}/{name}");
        let version = self.objects.upload(Bucket::Imports, &key, bytes.to_vec());
        self.cloud.announce(&key, &version, u64::try_from(bytes.len()).unwrap()).await.unwrap();
    }

    async fn deliver(&self, drops: &[Drop]) {
        for drop in drops {
            match drop.kind {
                DropKind::Message => {
                    let feed = drop.feed.parse().unwrap();
                    self.cloud.post_line(&feed, String::from_utf8(drop.bytes.clone()).unwrap()).await.unwrap();
                }
                DropKind::File => self.file(&drop.feed, &drop.name, &drop.bytes).await,
            }
        }
        self.cloud.until_quiet_in_order().await.unwrap();
    }

    /// The receiver of payments that found no sale says of each what came of it.
    async fn answer(&self) {
        let names = self.objects.keys(Bucket::Exports);
        let told = self.objects.get(Bucket::Exports, names.first().unwrap(), None).await.unwrap();
        let told = String::from_utf8(told).unwrap();
        let (header, rows) = told.split_once("\r\n").unwrap();
        let rows: String = rows.lines().flat_map(|row| [row, ",rewarded\r\n"]).collect();
        let results = format!("{header},result\r\n{rows}");
        self.file("stonegate-unmatched", "results.csv", results.as_bytes()).await;
        self.cloud.until_quiet_in_order().await.unwrap();
    }

    /// The clock fires.
    async fn fire(&self, k: &str) {
        self.watch.now_runs("tick");
        self.cloud.fire(json!({ "v": 1, "k": k, "book": true })).await.unwrap();
        self.cloud.until_quiet_in_order().await.unwrap();
    }

    /// Ticks until nothing is due any more. Trains come late, so that the sweep has to look after them.
    async fn ticks(&self) {
        for _ in 0..1_000 {
            self.watch.now_runs(NOBODY);
            let Some(due) = self.cloud.app.harmonia.next_due().await.unwrap() else { return };
            let past = due.max(self.clock.now()).as_second() + 59;
            self.clock.set(Timestamp::from_second(past - past % 60).unwrap());
            self.fire("tick").await;
            self.carry_out(|machine| machine != Machine::Deliver).await;
            self.clock.set(Timestamp::from_second(self.clock.now().as_second() + 360).unwrap());
            self.fire("sweep").await;
            self.carry_out(|_| true).await;
        }
        panic!("something is due for ever");
    }

    /// What has been started, by machine. A train that has not left waits for the next time.
    async fn carry_out(&self, which: fn(Machine) -> bool) {
        loop {
            let ready = |execution: &Execution| match execution {
                Execution::Train(train) => train.minute <= self.clock.now() && which(Machine::Deliver),
                other => which(other.machine()),
            };
            let next = {
                let mut waiting = self.started.waiting.lock().unwrap();
                let at = waiting.iter().position(ready);
                at.map(|at| waiting.remove(at))
            };
            let Some(execution) = next else { return };
            self.execute(&execution).await;
            self.cloud.until_quiet_in_order().await.unwrap();
        }
    }

    /// As the machine's definition says; the waits are nobody's.
    async fn execute(&self, execution: &Execution) {
        let mut event = execution.event();
        loop {
            self.watch.now_runs(match execution.machine() {
                Machine::Deliver | Machine::BatchExport => "export",
                Machine::ImportFile | Machine::Reopen => "import",
            });
            event = self.cloud.fire(event).await.unwrap();
            match event["next"].as_str() {
                Some("ranges") => self.ranges(&event).await,
                None if event["more"] == json!(true) => {}
                _ => return,
            }
        }
    }

    async fn ranges(&self, round: &Value) {
        let object = round["object"].as_str().unwrap();
        let listed = self.objects.get(Bucket::Work, object, None).await.unwrap();
        for item in serde_json::from_slice::<Vec<Value>>(&listed).unwrap() {
            let event = json!({ "v": 1, "k": "range", "t": "x", "file": round["file"], "number": item["number"] });
            self.cloud.fire(event).await.unwrap();
        }
    }

    /// A list that somebody has left to the machine; what it names is waited for by nobody.
    async fn reopen(&self) {
        self.watch.now_runs(NOBODY);
        let list = json!([{ "location": { "merchant": "stonegate", "location": "nowhere" } }]);
        self.objects.put_new(Bucket::Work, "reopen/x.json", list.to_string().into_bytes()).await.unwrap();
        let (id, list) = (Id::derive("reopen", &["x"]), "reopen/x.json".to_owned());
        let none = Reopening { id, list, part: 1, round: 0, at: 0, after: None, in_open_files: 0, passes: 0 };
        self.execute(&Execution::Reopen(none)).await;
    }
}

/// What the functions do on a day with everything in it.
async fn used() -> Rights {
    let day = generate(&Plan { payments: 600, sales: 600, ..Plan::default() });
    let play = Play::set(&day).await;
    play.file("visa-auth", "a file of a feed of messages", b"x").await;
    // payments that wait for their sales, sales that wait for their payments, payments that wait for the directory
    let (morning, evening) = day.drops.split_at(day.drops.len() / 2);
    for drops in morning.chunks(10) {
        play.deliver(drops).await;
    }
    play.web.directory_down.store(true, Ordering::Relaxed);
    play.deliver(evening).await;
    play.web.directory_down.store(false, Ordering::Relaxed);
    play.file("iceland-bonus-card", "packed.csv.gz", &large_and_packed()).await;
    play.cloud.until_quiet_in_order().await.unwrap();
    play.carry_out(|machine| machine == Machine::ImportFile).await;
    play.reopen().await;
    play.ticks().await;
    // payments that found no sale in time: days later, at a full hour
    let later = play.clock.now().as_second() + 4 * 86_400;
    play.clock.set(Timestamp::from_second(later - later % 3_600).unwrap());
    play.fire("tick").await;
    play.ticks().await;
    play.answer().await;
    assert_eq!(play.cloud.dead_letters().await.unwrap(), []);
    play.watch.seen()
}

/// The place that a resource of a statement names, as the code calls it: `book/index/work`, `archive/ranges/*`.
fn place(template: &Value, resource_of: &Value) -> String {
    let (name, rest) = match resource_of["Fn::Sub"].as_str() {
        // a machine of this stack by the text of its ARN
        Some(text) if text.contains(":stateMachine:") => return text.rsplit_once("}-").unwrap().1.to_owned(),
        Some(text) => text.strip_prefix("${").and_then(|t| t.split_once(".Arn}")).unwrap(),
        None => (resource(resource_of), ""),
    };
    let properties = &template["Resources"][name]["Properties"];
    let named = ["TableName", "BucketName", "QueueName"].into_iter().find(|n| !properties[*n].is_null());
    let short = named.map_or(name, |named| short_name(properties, named));
    format!("{}{rest}", short.split("-${").next().unwrap())
}

/// What the template allows, by function: what the code calls, without what Lambda needs itself.
fn allowed(template: &Value) -> Rights {
    let mut allowed = Rights::new();
    let roles = of_type(template, "AWS::IAM::Role");
    for function in super::functions(template).values() {
        let rights = allowed.entry(short_name(function, "FunctionName").to_owned()).or_default();
        for statement in statements(roles[resource(&function["Role"])]) {
            for action in list(&statement["Action"]).into_iter().filter_map(Value::as_str) {
                let ours = ["dynamodb:", "s3:", "states:"].iter().any(|service| action.starts_with(service));
                if ours || action == "sqs:SendMessage" {
                    let places = list(&statement["Resource"]).into_iter().map(|r| place(template, r));
                    let places = places.filter(|place| !OF_THE_POLLER.iter().any(|own| place.ends_with(own)));
                    rights.extend(places.map(|place| format!("{action} on {place}")));
                }
            }
        }
    }
    allowed
}

fn differences(used: &Rights, allowed: &Rights) -> Vec<String> {
    let of = |rights: &Rights, function: &str| rights.get(function).cloned().unwrap_or_default();
    let mut told = Vec::new();
    for function in used.keys().chain(allowed.keys()).collect::<BTreeSet<_>>() {
        let (used, allowed) = (of(used, function), of(allowed, function));
        told.extend(used.difference(&allowed).map(|right| format!("{function} needs {right}")));
        let idle = allowed.difference(&used).filter(|r| !RARE.contains(&(function, r)));
        // tells a file that is gone from one that is forbidden; no call of its own
        let idle = idle.filter(|right| !right.starts_with("s3:ListBucket on "));
        told.extend(idle.map(|right| format!("{function} does not need {right}")));
    }
    told
}

#[tokio::test]
async fn every_function_may_do_what_it_does_and_no_more() {
    let used = used().await;
    let template = template();
    let told = differences(&used, &allowed(&template));
    assert!(told.is_empty(), "\n{}", told.join("\n"));
    let mut without = template.clone();
    without["Resources"]["MatchRole"]["Properties"]["Policies"] = json!([]);
    let told = differences(&used, &allowed(&without));
    assert!(told.contains(&"match needs dynamodb:UpdateItem on book".to_owned()), "{told:?}");
    let mut with = allowed(&template);
    with.entry("match".to_owned()).or_default().insert("dynamodb:PutItem on registry".to_owned());
    assert_eq!(differences(&used, &with), ["match does not need dynamodb:PutItem on registry"]);
}

/// A function finds what it may use by a variable.
#[test]
fn functions_know_where_their_buckets_and_queues_are() {
    let template = template();
    for function in super::functions(&template).values() {
        let name = short_name(function, "FunctionName");
        let variables = at(function, "Environment.Variables").as_object().unwrap();
        let known: BTreeSet<String> = variables
            .iter()
            .filter(|(name, _)| name.starts_with("HARMONIA_BUCKET_") || name.starts_with("HARMONIA_QUEUE_"))
            .map(|(variable, value)| {
                let place = place(&template, &json!({ "Fn::GetAtt": value["Ref"] }));
                let named = variable.trim_start_matches("HARMONIA_BUCKET_").trim_start_matches("HARMONIA_QUEUE_");
                assert_eq!(named.trim_end_matches("_URL").to_lowercase(), place, "{name}: {variable}");
                place
            })
            .collect();
        let rights = allowed(&template).remove(name).unwrap();
        let of_service = |service: &str, right: &str| right.starts_with(service);
        let used = rights.iter().filter(|r| of_service("s3:", r) || of_service("sqs:", r));
        let places = used.map(|r| r.split_once(" on ").unwrap().1.split('/').next().unwrap().to_owned());
        assert_eq!(known, places.collect(), "{name}");
    }
}
