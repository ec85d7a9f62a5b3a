//! The events of events/: each is what its function reads, comes from a source that the template gives it, and does in
//! the local cloud what events/README.md says of it. One story: a message of `visa-auth`, its member, a sale of
//! `wasabi-club` in a file, the match, the telling.

use super::{
    at, functions, list, of_type, read, resource, short_name, sources, streams, template, top, working_queues,
};
use harmonia_audit::{Auditor, Log, What, entries};
use harmonia_definitions::Definitions;
use harmonia_domain::{
    export::{Export, ExportState},
    feed::PaymentFeed,
    identifier::{Identifier, IdentifierType},
    purchase::ExportKey,
};
use harmonia_feeds::{Record, read_message};
use harmonia_gen::{Plan, generate};
use harmonia_local::{mailbox::Sight, memory_cloud::MemoryCloud, partners::Faults};
use harmonia_ports::{
    Bucket,
    memory::{MemoryEvents, MemoryObjects, MemoryTables, SetClock},
};
use harmonia_runtime::events;
use harmonia_stages::{
    Directory, Settings,
    message::{Body, Message},
    registry::read_users,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

/// Where the payment and the sale of the samples happened.
const MID: &str = "40417722";
/// The file that import.json tells of.
const FILE: &str = "Card Type Name,Receipt No_,EFT Merchant No_,Amount,Auth_code,Card Number,Date,Time\n\
    Visa,R-20240618-17,40417722,23.45,390211,454545******8841,18/06/2024,14:41:07\n";
/// All that may be in a queue at one moment of the story.
const MESSAGES_MAX: usize = 10;

fn sample(name: &str) -> Value {
    serde_json::from_str(&read(&format!("events/{name}.json"))).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// All samples by name.
fn samples() -> BTreeMap<String, Value> {
    let files = fs::read_dir(top().join("events")).unwrap().map(|e| e.unwrap().path());
    let names = files.filter(|path| path.extension().is_some_and(|e| e == "json"));
    let names = names.map(|path| Path::new(path.file_stem().unwrap()).display().to_string());
    names.map(|name| (name.clone(), sample(&name))).collect()
}

fn of_queues() -> BTreeMap<String, events::SqsEvent> {
    let from_a_queue =
        |event: &Value| event.pointer("/Records/0/eventSource").is_some_and(|source| source == "aws:sqs");
    let all = samples().into_iter().filter(|(_, event)| from_a_queue(event));
    all.map(|(name, event)| (name.clone(), events::sqs(event).unwrap_or_else(|e| panic!("{name}: {e}")))).collect()
}

/// A feed's queue stands for all of them.
fn source_name(queue: &str) -> &str {
    if queue.starts_with("feed-") { "feed-*" } else { queue }
}

/// Every source of every function has a sample, and every sample of a queue or stream its source.
fn every_source_has_a_sample(template: &Value) -> Vec<String> {
    let queues = working_queues(template);
    let tables = of_type(template, "AWS::DynamoDB::Table");
    let mut wanted = BTreeSet::new();
    for function in functions(template).into_values() {
        for (_, source) in sources(function) {
            let queue = queues.get(resource(&source["Queue"])).map_or("", |queue| short_name(queue, "QueueName"));
            wanted.insert(format!("queue {}", source_name(queue)));
        }
        // one table's stand for all
        for (_, stream) in streams(function).filter(|(_, stream)| tables.contains_key(resource(&stream["Stream"]))) {
            assert_eq!(stream["StartingPosition"], json!("TRIM_HORIZON"));
            wanted.insert("stream".to_owned());
        }
        let schedules = function["Events"].as_object().into_iter().flatten();
        for (_, schedule) in schedules.filter(|(_, event)| event["Type"] == "ScheduleV2") {
            let input = at(schedule, "Properties.Input").as_str().unwrap_or_default();
            wanted.insert(format!("schedule {}", serde_json::from_str::<Value>(input).unwrap_or_default()));
        }
    }
    let mut there = BTreeSet::new();
    for event in samples().into_values() {
        for record in list(&event["Records"]) {
            let arn = record["eventSourceARN"].as_str().unwrap_or_default();
            there.insert(match arn.rsplit(':').next().and_then(|last| last.strip_prefix("harmonia-dev-")) {
                Some(queue) => format!("queue {}", source_name(queue)),
                None => "stream".to_owned(),
            });
        }
        if event["Records"].is_null() {
            there.insert(format!("schedule {event}"));
        }
    }
    let missing = wanted.difference(&there).map(|source| format!("no sample of {source}"));
    let idle = there.difference(&wanted).filter(|source| !source.starts_with("schedule"));
    missing.chain(idle.map(|source| format!("a sample of {source}, which no function has"))).collect()
}

#[test]
fn every_handler_has_its_events() {
    let function = "/Resources/MatchFunction/Properties/Events/Keys/Properties/Queue";
    let plants = [
        ("/Resources/MatchQueue/Properties/QueueName", json!({ "Fn::Sub": "harmonia-${Environment}-other" })),
        (function, json!({ "Fn::GetAtt": "ExportQueue.Arn" })),
    ];
    let told = every_source_has_a_sample(&template());
    assert!(told.is_empty(), "{told:?}");
    for (pointer, value) in plants {
        let mut broken = template();
        *broken.pointer_mut(pointer).unwrap() = value;
        let told = every_source_has_a_sample(&broken);
        assert!(told.iter().any(|one| one.contains("queue")), "not seen: {pointer}");
    }
}

#[test]
fn sample_events_are_what_the_functions_read() {
    let mut events = of_queues();
    let mut bodies = |name: &str| {
        let event = events.remove(name).unwrap_or_else(|| panic!("no events/{name}.json"));
        event.records.into_iter().map(|record| record.body).collect::<Vec<_>>()
    };
    for body in bodies("import") {
        let notices = events::notices(&body).unwrap();
        assert_eq!(notices.len(), 1);
        assert_eq!(notices[0].key, "imports/wasabi-club/day 1/wasabi club.csv");
    }
    let messages = bodies("import-feed");
    let records: Vec<Record> = messages.iter().map(|b| read_message(PaymentFeed::VisaAuth, b.as_bytes())).collect();
    assert!(matches!(records[..], [Record::Payment(_), Record::Rejected(_)]), "{records:?}");
    for body in bodies("identify") {
        assert!(matches!(Message::parse(&body).unwrap().body, Body::Lines { items, .. } if items.len() == 1));
    }
    let poison = bodies("identify-poison");
    assert_eq!(poison.iter().map(|body| Message::parse(body).is_ok()).collect::<Vec<_>>(), [true, false]);
    for body in bodies("match") {
        assert!(matches!(Message::parse(&body).unwrap().body, Body::Keys { keys, .. } if keys.len() == 1));
    }
    for body in bodies("export") {
        assert!(matches!(Message::parse(&body).unwrap().body, Body::Exports { items } if items.len() == 1));
    }
    assert!(events.is_empty(), "not looked at: {:?}", events.keys());
}

/// They come from queues that the template has, for the function that reads them.
#[test]
fn sample_events_come_from_the_functions_queues() {
    let template = template();
    let working = working_queues(&template);
    for (file, event) in of_queues() {
        let stem = file.split('-').next().unwrap();
        let functions = functions(&template);
        let (_, function) = functions.iter().find(|(_, f)| short_name(f, "FunctionName") == stem).unwrap();
        let own: Vec<String> = sources(function)
            .map(|(_, s)| format!("harmonia-dev-{}", short_name(working[resource(&s["Queue"])], "QueueName")))
            .collect();
        for record in event.records {
            assert!(own.iter().any(|queue| queue == record.queue()), "{file}: {}", record.queue());
        }
    }
}

/// A cloud in which the till of the samples is onboarded and the card of their payment is a member's.
async fn till() -> MemoryCloud {
    let day = generate(&Plan { seed: 11, payments: 4, sales: 4, ..Plan::default() });
    let mut cloud = MemoryCloud::new(&day, &Faults::none(), 1, 0).await.unwrap();
    cloud.clock.set("2024-06-19T03:15:03Z".parse().unwrap());
    let harmonia = &mut cloud.cloud.app.harmonia;
    harmonia.settings = Arc::new(Settings { directory: Directory::Table });
    let till = Identifier {
        scheme: "visa".parse().unwrap(),
        kind: IdentifierType::Primary,
        text: MID.into(),
        merchant: "wasabi-club".parse().unwrap(),
        location_id: None,
        merchant_internal_id: None,
        location: None,
        postcode: None,
    };
    harmonia.onboard(&[till]).await.unwrap();
    let payment: Value = serde_json::from_str(&of_queues()["import-feed"].records[0].body).unwrap();
    let token = payment["ExternalUserId"].as_str().unwrap();
    let member = day.users.iter().find(|user| user.scheme == "wasabi-club").unwrap();
    let credentials = member.identity["credentials"].as_str().unwrap();
    let csv = format!(
        "merchant,token,loyalty_id,scheme_account_id,user_id,credentials,first_six,last_four\n\
        wasabi-club,{token},member-1,1,1,{credentials},454545,8841\n"
    );
    let users = read_users(csv.as_bytes());
    assert!(users.rejected.is_empty(), "{:?}", users.rejected);
    harmonia.import_users(&users.users, true).await.unwrap();
    cloud
}

/// What waits in a queue, taken out of it.
async fn waiting(cloud: &MemoryCloud, queue: &str) -> Vec<Body> {
    let mut bodies = Vec::new();
    for received in cloud.cloud.mailbox.receive(queue, MESSAGES_MAX, Sight::All, u32::MAX).await.unwrap() {
        cloud.cloud.mailbox.delete(queue, &received.receipt).await.unwrap();
        bodies.push(Message::parse(&received.body).unwrap().body);
    }
    bodies
}

/// Messages that a handler did not manage.
fn failures(answer: &Value) -> Vec<&str> {
    list(&answer["batchItemFailures"]).iter().map(|one| one["itemIdentifier"].as_str().unwrap()).collect()
}

/// An event of a queue whose first message is this one.
fn carrying(mut event: Value, body: &Body) -> Value {
    let message = Message { v: 1, t: "sample".to_owned(), body: body.clone() };
    event["Records"][0]["body"] = json!(serde_json::to_string(&message).unwrap());
    event
}

fn exports(cloud: &MemoryCloud) -> Vec<Export> {
    cloud.rows().unwrap().exports
}

#[tokio::test]
async fn each_sample_does_what_is_said_of_it() {
    let cloud = till().await;
    let app = &cloud.cloud.app;

    // one message is imported, the other rejected: neither comes back
    let answer = harmonia_function_import::handle(app, sample("import-feed")).await.unwrap();
    assert_eq!(failures(&answer), [""; 0]);
    let reports = cloud.objects.keys(Bucket::Archive).into_iter().filter(|key| key.ends_with(".rejects.csv")).count();
    assert_eq!(reports, 1);
    let lines = waiting(&cloud, "identify").await;
    let said = Message::parse(&of_queues()["identify"].records[0].body).unwrap().body;
    assert_eq!(lines, [said]);

    // beside a message of a later version the good one is worked on, and the other one alone comes back
    let poison = sample("identify-poison");
    let answer = harmonia_function_identify::handle(app, poison.clone()).await.unwrap();
    assert_eq!(failures(&answer), [poison["Records"][1]["messageId"].as_str().unwrap()]);
    let known = waiting(&cloud, "match").await;
    assert!(matches!(&known[..], [Body::Payments { items }] if items.len() == 1), "{known:?}");
    // the same once more is the same
    let answer = harmonia_function_identify::handle(app, sample("identify")).await.unwrap();
    assert_eq!((failures(&answer), waiting(&cloud, "match").await), (vec![], known.clone()));
    let answer = harmonia_function_match::handle(app, carrying(sample("match"), &known[0])).await.unwrap();
    assert_eq!((failures(&answer), exports(&cloud).len()), (vec![], 0), "it waits for its sale");

    // the file's sale stands under the key that match.json names
    let mut event = sample("import");
    let body = event["Records"][0]["body"].as_str().unwrap().to_owned();
    let notice = events::notices(&body).unwrap().remove(0);
    let version = cloud.objects.upload(Bucket::Imports, &notice.key, FILE.as_bytes().to_vec());
    let stored: Value = serde_json::from_str(&body).unwrap();
    let named = at(&stored["Records"][0], "s3.object.versionId").as_str().unwrap().to_owned();
    event["Records"][0]["body"] = json!(body.replace(&named, &version));
    let answer = harmonia_function_import::handle(app, event).await.unwrap();
    assert_eq!(failures(&answer), [""; 0]);
    let keys = waiting(&cloud, "match").await;
    let said = Message::parse(&of_queues()["match"].records[0].body).unwrap().body;
    let (Body::Keys { merchant, keys: found, .. }, Body::Keys { merchant: wanted, keys: named, .. }) =
        (&keys[0], &said)
    else {
        panic!("{keys:?}");
    };
    assert_eq!((merchant, found), (wanted, named));

    // they belong together
    let answer = harmonia_function_match::handle(app, sample("match")).await.unwrap();
    assert_eq!(failures(&answer), [""; 0]);
    let made = exports(&cloud);
    assert_eq!(made.iter().map(|x| x.sale.as_deref()).collect::<Vec<_>>(), [Some("R-20240618-17")]);

    // an export that is not there is a bug somewhere: its message comes back, and in the end lies with the dead letters
    let answer = harmonia_function_export::handle(app, sample("export")).await.unwrap();
    assert_eq!(failures(&answer), [of_queues()["export"].records[0].message_id.as_str()]);
    let told = waiting(&cloud, "export").await;
    let key: &ExportKey = match &told[..] {
        [Body::Exports { items }] => &items[0].x,
        other => panic!("{other:?}"),
    };
    assert_eq!(*key, made[0].key());
    let answer = harmonia_function_export::handle(app, carrying(sample("export"), &told[0])).await.unwrap();
    assert_eq!(failures(&answer), [""; 0]);
    assert!(matches!(exports(&cloud)[0].state, ExportState::Delivered { .. }), "{:?}", exports(&cloud));

    // nothing is due any more: neither the minute nor a train finds anything to do
    assert_eq!(harmonia_function_tick::handle(app, sample("tick")).await.unwrap(), Value::Null);
    let answer = harmonia_function_export::handle(app, sample("export-train")).await.unwrap();
    assert_eq!((&answer["merchant"], &answer["more"]), (&json!("wasabi-club"), &json!(false)));
    for queue in ["identify", "match", "export"] {
        assert_eq!(waiting(&cloud, queue).await, []);
    }
}

#[tokio::test]
async fn the_audit_sample_is_a_delivery() {
    let objects = Arc::new(MemoryObjects::default());
    let log = Log::new(objects.clone(), Arc::new(SetClock::new("2024-01-09T18:06:00Z".parse().unwrap())));
    let events = Arc::new(MemoryEvents::default());
    let shipped = Arc::new(Definitions::shipped().unwrap());
    let auditor = Auditor::new(log, Arc::<MemoryTables>::default(), events, shipped);
    let answer = harmonia_function_audit::handle(&auditor, sample("audit")).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    let entries = entries(objects.as_ref()).await.unwrap();
    assert_eq!(entries.iter().map(|entry| (entry.what, entry.v)).collect::<Vec<_>>(), [(What::Changed, 2)]);
}
