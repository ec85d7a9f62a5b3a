//! The adapters against services that somebody else wrote: ministack plays S3, SQS, Secrets Manager and Step Functions
//! (`tests/deployed/run` starts it and these). Without `HARMONIA_MINISTACK`, its endpoint, they are skipped and say so.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "test code")]
#![cfg(feature = "deployed")]

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use harmonia_aws::{
    deployed::{Clients, of_function},
    s3::{BucketNames, S3Objects},
    sfn::StateMachines,
    sqs::{QueueUrls, SqsQueues},
};
use harmonia_ports::{Bucket, Execution, Machines, ObjectError, Objects, OutMessage, Put, Queue, Queues, Train};
use serde_json::{Value, json};
use std::{collections::BTreeSet, env, time::Duration};

/// Clients as a function has them, if there is a ministack. Names begin with this process's, so that runs do not meet.
fn stack(test: &str) -> Option<(Clients, String)> {
    let Ok(endpoint) = env::var("HARMONIA_MINISTACK") else {
        println!("skipped: HARMONIA_MINISTACK is not set");
        return None;
    };
    Some((
        Clients::new(&of_function("us-east-1".into(), Some(endpoint))),
        format!("harmonia-{}-{test}", std::process::id()),
    ))
}

async fn objects(clients: &Clients, name: &str) -> S3Objects {
    let called = |bucket: Bucket| format!("{name}-{}", bucket.as_str());
    for bucket in Bucket::ALL {
        clients.s3.create_bucket().bucket(called(bucket)).send().await.unwrap();
        let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        clients.s3.put_bucket_versioning().bucket(called(bucket)).versioning_configuration(on).send().await.unwrap();
    }
    let names = BucketNames {
        imports: called(Bucket::Imports),
        archive: called(Bucket::Archive),
        work: called(Bucket::Work),
        exports: called(Bucket::Exports),
        audit: called(Bucket::Audit),
    };
    S3Objects::new(clients.s3.clone(), names)
}

/// What exists is never overwritten; a version is read as it was, whatever came after it.
#[tokio::test]
async fn objects_are_written_once_and_read_by_version() {
    let Some((clients, name)) = stack("objects") else { return };
    let objects = objects(&clients, &name).await;
    let key = "batches/café & co/1+1.json";
    assert_eq!(objects.put_new(Bucket::Archive, key, b"0123456789".to_vec()).await, Ok(Put::Created));
    assert_eq!(objects.put_new(Bucket::Archive, key, b"other".to_vec()).await, Ok(Put::Exists));
    let first = objects.head(Bucket::Archive, key, None).await.unwrap();
    assert_eq!(first.bytes, 10);
    assert_eq!(objects.get(Bucket::Archive, key, None).await.unwrap(), b"0123456789");
    let put = clients.s3.put_object().bucket(format!("{name}-archive")).key(key).body(b"newer".to_vec().into());
    put.send().await.unwrap();
    assert_eq!(objects.get(Bucket::Archive, key, None).await.unwrap(), b"newer");
    assert_eq!(objects.get(Bucket::Archive, key, Some(&first.version)).await.unwrap(), b"0123456789");
    assert_eq!(objects.head(Bucket::Archive, key, Some(&first.version)).await.unwrap(), first);
    for (from, to, bytes) in [(0, 4, "0123"), (3, 4, "3"), (8, 99, "89"), (4, 4, "")] {
        let part = objects.get_part(Bucket::Archive, key, &first.version, from, to).await.unwrap();
        assert_eq!(part, bytes.as_bytes(), "{from}..{to}");
    }
}

/// A copy is of the version it names, and leaves what is there.
#[tokio::test]
async fn objects_are_copied_once() {
    let Some((clients, name)) = stack("copies") else { return };
    let objects = objects(&clients, &name).await;
    let (from, to) = ("imports/wasabi-club/a b+é%.csv", "archive/wasabi-club/a b+é%.csv");
    objects.put_new(Bucket::Imports, from, b"first".to_vec()).await.unwrap();
    let version = objects.head(Bucket::Imports, from, None).await.unwrap().version;
    let put = clients.s3.put_object().bucket(format!("{name}-imports")).key(from).body(b"second".to_vec().into());
    put.send().await.unwrap();
    let source = (Bucket::Imports, from, version.as_str());
    assert_eq!(objects.copy_new(source, (Bucket::Archive, to)).await, Ok(Put::Created));
    assert_eq!(objects.copy_new(source, (Bucket::Archive, to)).await, Ok(Put::Exists));
    assert_eq!(objects.get(Bucket::Archive, to, None).await.unwrap(), b"first");
    let nothing = (Bucket::Imports, "imports/none", version.as_str());
    let copied = objects.copy_new(nothing, (Bucket::Archive, "archive/none")).await;
    assert!(matches!(copied, Err(ObjectError::Missing { .. })), "{copied:?}");
}

/// Missing is told apart from a bucket that is not there.
#[tokio::test]
async fn missing_objects() {
    let Some((clients, name)) = stack("missing") else { return };
    let objects = objects(&clients, &name).await;
    let missing = Err(ObjectError::Missing { key: "none".to_owned() });
    assert_eq!(objects.get(Bucket::Archive, "none", None).await, missing);
    assert_eq!(objects.head(Bucket::Archive, "none", None).await.map(|_| vec![]), missing);
    objects.put_new(Bucket::Archive, "gone", b"x".to_vec()).await.unwrap();
    clients.s3.delete_object().bucket(format!("{name}-archive")).key("gone").send().await.unwrap();
    let gone = objects.get(Bucket::Archive, "gone", None).await;
    assert_eq!(gone, Err(ObjectError::Missing { key: "gone".to_owned() }));
    assert_eq!(objects.put_new(Bucket::Archive, "gone", b"y".to_vec()).await, Ok(Put::Created));
    let elsewhere = BucketNames {
        imports: String::new(),
        archive: format!("{name}-nowhere"),
        work: String::new(),
        exports: String::new(),
        audit: String::new(),
    };
    let nowhere = S3Objects::new(clients.s3.clone(), elsewhere).get(Bucket::Archive, "none", None).await;
    assert!(matches!(nowhere, Err(ObjectError::Unavailable { .. })), "{nowhere:?}");
}

async fn queue(clients: &Clients, name: &str) -> String {
    let made = clients.sqs.create_queue().queue_name(name).send().await.unwrap();
    made.queue_url.unwrap()
}

async fn receive(clients: &Clients, url: &str) -> Vec<Message> {
    let call = clients.sqs.receive_message().queue_url(url).max_number_of_messages(10).visibility_timeout(30);
    let call = call.message_system_attribute_names(MessageSystemAttributeName::All);
    call.send().await.unwrap().messages.unwrap_or_default()
}

/// More messages than one call takes all arrive once, with the group of their merchant; one that failed is hidden.
#[tokio::test]
async fn messages_in_several_calls() {
    let Some((clients, name)) = stack("queue") else { return };
    let url = queue(&clients, &name).await;
    let urls =
        QueueUrls { ranges: String::new(), identify: String::new(), matching: String::new(), export: url.clone() };
    let queues = SqsQueues::new(clients.sqs.clone(), urls);
    let message = |n: u32| {
        let group = n.is_multiple_of(2).then(|| "wasabi-club".to_owned());
        OutMessage { body: format!(r#"{{"n":{n}}}"#), group, delay_s: 0 }
    };
    queues.send(Queue::Export, (0..23).map(message).collect()).await.unwrap();
    let mut came = Vec::new();
    while came.len() < 23 {
        let batch = receive(&clients, &url).await;
        assert!(!batch.is_empty(), "{} of 23 messages", came.len());
        came.extend(batch);
    }
    assert!(receive(&clients, &url).await.is_empty());
    let bodies: BTreeSet<&str> = came.iter().filter_map(Message::body).collect();
    assert_eq!(bodies.len(), 23);
    for message in &came {
        let n: Value = serde_json::from_str(message.body().unwrap()).unwrap();
        let even = n["n"].as_u64().unwrap().is_multiple_of(2);
        let attributes = message.attributes().unwrap();
        let group = attributes.get(&MessageSystemAttributeName::MessageGroupId);
        assert_eq!(group.map(String::as_str), even.then_some("wasabi-club"), "{n}");
    }
    let one = came.first().unwrap();
    queues.hide(&url, one.receipt_handle().unwrap(), 1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let again = receive(&clients, &url).await;
    assert_eq!(again.iter().map(Message::body).collect::<Vec<_>>(), [one.body()]);
    let unknown = queues.hide(&url, "not a receipt", 1).await.unwrap_err();
    assert!(unknown.to_string().contains("ReceiptHandleIsInvalid"), "{unknown}");
}

/// A delay is kept, and a queue that is not there is an error with the service's word.
#[tokio::test]
async fn messages_that_wait_and_queues_that_are_not_there() {
    let Some((clients, name)) = stack("later") else { return };
    let url = queue(&clients, &name).await;
    let none = format!("{url}-none");
    let urls = QueueUrls { ranges: url.clone(), identify: none, matching: String::new(), export: String::new() };
    let queues = SqsQueues::new(clients.sqs.clone(), urls);
    let message = || OutMessage { body: "{}".to_owned(), group: None, delay_s: 2 };
    queues.send(Queue::Ranges, vec![message()]).await.unwrap();
    assert!(receive(&clients, &url).await.is_empty());
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(receive(&clients, &url).await.len(), 1);
    let error = queues.send(Queue::Identify, vec![message()]).await.unwrap_err();
    assert_eq!(error.queue, "identify");
    assert!(error.why.contains("QueueDoesNotExist") || error.why.contains("NonExistentQueue"), "{error}");
}

/// A secret is what was put last; one that is missing or empty says so, by name.
#[tokio::test]
async fn secrets() {
    let Some((clients, name)) = stack("secret") else { return };
    let put = clients.vault.0.create_secret().name(&name).secret_string("{\"a\":1}").send().await.unwrap();
    let arn = put.arn.unwrap();
    assert_eq!(clients.vault.read(&name).await.unwrap(), "{\"a\":1}");
    clients.vault.0.put_secret_value().secret_id(&name).secret_string("{\"a\":2}").send().await.unwrap();
    assert_eq!(clients.vault.read(&arn).await.unwrap(), "{\"a\":2}");
    let none = format!("{name}-none");
    let missing = clients.vault.read(&none).await.unwrap_err();
    assert_eq!((missing.name, missing.why), (none, "ResourceNotFoundException".to_owned()));
    let binary = format!("{name}-binary");
    clients.vault.0.create_secret().name(&binary).secret_binary(b"x".to_vec().into()).send().await.unwrap();
    let textless = "it has no text: fill it first";
    assert_eq!(clients.vault.read(&binary).await.unwrap_err().why, textless);
    // as the stack makes it: AWS says that it has no value, ministack gives one without text
    let empty = format!("{name}-empty");
    clients.vault.0.create_secret().name(&empty).send().await.unwrap();
    let unfilled = clients.vault.read(&empty).await.unwrap_err();
    assert!(["ResourceNotFoundException", textless].contains(&unfilled.why.as_str()), "{unfilled}");
}

/// Whoever makes sure of a train second is content, and there is one execution with the input that the machine reads.
#[tokio::test]
async fn a_train_leaves_once() {
    let Some((clients, name)) = stack("train") else { return };
    let definition = json!({ "StartAt": "Done", "States": { "Done": { "Type": "Succeed" } } });
    let role = "arn:aws:iam::000000000000:role/none";
    let called = format!("{name}-deliver");
    let made = clients.sfn.create_state_machine().name(&called).role_arn(role).definition(definition.to_string());
    let arn = made.send().await.unwrap().state_machine_arn;
    let begin = arn.strip_suffix("deliver").unwrap();
    let machine = StateMachines::new(clients.sfn.clone(), begin.to_owned());
    let at = |minute: &str| Execution::Train(Train::new("wasabi-club".parse().unwrap(), minute.parse().unwrap()));
    for minute in ["2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z", "2026-03-01T10:01:00Z"] {
        machine.ensure(&at(minute)).await.unwrap();
    }
    let listed = clients.sfn.list_executions().state_machine_arn(&arn).send().await.unwrap().executions;
    let names: BTreeSet<String> = listed.iter().map(|execution| execution.name.clone()).collect();
    let wanted = ["deliver-wasabi-club-20260301T1000", "deliver-wasabi-club-20260301T1001"].map(str::to_owned);
    assert_eq!((names, listed.len()), (BTreeSet::from(wanted), 2));
    for execution in &listed {
        let told = clients.sfn.describe_execution().execution_arn(&execution.execution_arn).send().await.unwrap();
        let input: Value = serde_json::from_str(told.input().unwrap()).unwrap();
        let minute = if execution.name.ends_with("00") { "2026-03-01T10:00:00Z" } else { "2026-03-01T10:01:00Z" };
        let wanted = json!({ "v": 1, "k": "train", "merchant": "wasabi-club", "minute": minute, "round": 0 });
        assert_eq!(input, wanted, "{}", execution.name);
    }
    let nowhere = StateMachines::new(clients.sfn.clone(), format!("{begin}none-"));
    let error = nowhere.ensure(&at("2026-03-01T10:02:00Z")).await.unwrap_err();
    assert!(error.why.contains("StateMachineDoesNotExist"), "{error}");
}
