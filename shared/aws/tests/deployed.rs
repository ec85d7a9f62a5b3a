//! S3 and SQS by script: what their answers become.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code")]
#![cfg(feature = "deployed")]

mod support;

use harmonia_aws::{
    config::{local_credentials, retries, timeouts},
    s3::{BucketNames, S3Objects},
    sqs::{QueueUrls, SqsQueues},
};
use harmonia_ports::{Bucket, ObjectError, Objects, OutMessage, Put, Queue, Queues};
use serde_json::json;
use support::Scripted;

async fn objects(status: u16, body: &str) -> (Scripted, S3Objects) {
    let service = Scripted::start(vec![(status, body.to_owned())]).await;
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(aws_sdk_s3::config::Region::new("eu-west-2"))
        .credentials_provider(local_credentials())
        .endpoint_url(&service.endpoint)
        .force_path_style(true)
        .timeout_config(timeouts())
        .retry_config(retries())
        .build();
    let names = BucketNames {
        imports: "in".into(),
        archive: "kept".into(),
        work: "work".into(),
        exports: "out".into(),
        audit: "audit".into(),
    };
    (service, S3Objects::new(aws_sdk_s3::Client::from_conf(config), names))
}

fn error(code: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>told so</Message></Error>")
}

/// An emulator that ignores the range gives the whole object: a part is still a part.
#[tokio::test]
async fn a_part_of_an_object_given_whole() {
    for (from, to, part) in [(0, 4, "0123"), (3, 4, "3"), (8, 99, "89"), (10, 12, ""), (99, 100, "")] {
        let (service, s3) = objects(200, "0123456789").await;
        assert_eq!(s3.get_part(Bucket::Imports, "k", "v1", from, to).await.unwrap(), part.as_bytes(), "{from}..{to}");
        assert!(service.asked()[0].to_lowercase().contains(&format!("range: bytes={from}-{}", to - 1)));
    }
}

#[tokio::test]
async fn objects_are_read_by_version_and_whole() {
    let (service, s3) = objects(200, "line 1\n").await;
    assert_eq!(s3.get(Bucket::Imports, "imports/a b.csv", Some("v1")).await.unwrap(), b"line 1\n");
    let asked = &service.asked()[0];
    assert!(asked.starts_with("GET /in/imports/a%20b.csv?"), "{asked}");
    assert!(asked.contains("versionId=v1"), "{asked}");
    let info = s3.head(Bucket::Archive, "k", None).await.unwrap();
    assert_eq!((info.version.as_str(), info.bytes), ("null", 7));
}

#[tokio::test]
async fn missing_objects_are_told_from_unavailable_ones() {
    let missing = |key: &str| ObjectError::Missing { key: key.to_owned() };
    for code in ["NoSuchKey", "NoSuchVersion"] {
        let (_service, s3) = objects(404, &error(code)).await;
        assert_eq!(s3.get(Bucket::Imports, "k", None).await, Err(missing("k")), "{code}");
    }
    let (_service, s3) = objects(404, "").await;
    assert_eq!(s3.head(Bucket::Imports, "k", None).await, Err(missing("k")));
    for (status, code) in [(404, "NoSuchBucket"), (403, "AccessDenied"), (503, "SlowDown")] {
        let (_service, s3) = objects(status, &error(code)).await;
        let answer = s3.get(Bucket::Imports, "k", None).await;
        assert!(matches!(answer, Err(ObjectError::Unavailable { .. })), "{code}: {answer:?}");
    }
}

#[tokio::test]
async fn objects_are_written_once() {
    let (service, s3) = objects(200, "").await;
    assert_eq!(s3.put_new(Bucket::Archive, "k", b"abc".to_vec()).await, Ok(Put::Created));
    assert!(service.asked()[0].to_lowercase().contains("if-none-match: *"));
    let (_service, s3) = objects(412, &error("PreconditionFailed")).await;
    assert_eq!(s3.put_new(Bucket::Archive, "k", b"abc".to_vec()).await, Ok(Put::Exists));
    let (_service, s3) = objects(409, &error("ConditionalRequestConflict")).await;
    let answer = s3.put_new(Bucket::Archive, "k", b"abc".to_vec()).await;
    assert!(matches!(answer, Err(ObjectError::Unavailable { .. })), "{answer:?}");
}

async fn queues(answers: Vec<serde_json::Value>) -> (Scripted, SqsQueues) {
    let service = Scripted::start(answers.into_iter().map(|body| (200, body.to_string())).collect()).await;
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .region(aws_sdk_sqs::config::Region::new("eu-west-2"))
        .credentials_provider(local_credentials())
        .endpoint_url(&service.endpoint)
        .timeout_config(timeouts())
        .retry_config(retries())
        .build();
    let url = |name: &str| format!("{}/1/{name}", service.endpoint);
    let urls =
        QueueUrls { ranges: url("ranges"), identify: url("identify"), matching: url("match"), export: url("export") };
    (service, SqsQueues::new(aws_sdk_sqs::Client::from_conf(config), urls))
}

fn messages(count: usize) -> Vec<OutMessage> {
    (0..count).map(|n| OutMessage { body: format!("body-{n}-"), group: None, delay_s: 0 }).collect()
}

fn refusal() -> serde_json::Value {
    json!({"Successful": [], "Failed": [{"Id": "1", "SenderFault": false, "Code": "InternalError"}]})
}

#[tokio::test]
async fn refused_messages_are_sent_once_more() {
    let done = json!({"Successful": [], "Failed": []});
    let (service, sqs) = queues(vec![refusal(), done]).await;
    sqs.send(Queue::Identify, messages(3)).await.unwrap();
    let asked = service.asked();
    assert_eq!(asked.iter().map(|r| r.matches("body-").count()).collect::<Vec<_>>(), [3, 1]);
    assert!(asked[1].contains("body-1-") && asked[1].contains("/1/identify"), "{}", asked[1]);
    assert!(!asked[0].contains("MessageGroupId"), "{}", asked[0]);
    let (service, sqs) = queues(vec![refusal()]).await;
    let error = sqs.send(Queue::Export, messages(2)).await.unwrap_err();
    assert_eq!((error.queue.as_str(), error.why.as_str()), ("export", "1 messages refused: InternalError"));
    assert_eq!(service.asked().len(), 2);
}

#[tokio::test]
async fn messages_are_hidden() {
    let (service, sqs) = queues(vec![json!({})]).await;
    sqs.hide(&format!("{}/1/match", service.endpoint), "handle", 120).await.unwrap();
    let asked = &service.asked()[0];
    assert!(asked.contains("\"VisibilityTimeout\":120") && asked.contains("handle"), "{asked}");
}
