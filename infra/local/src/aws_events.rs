//! Events in the JSON that AWS sends.

use crate::mailbox::{PREFIX, Received};
use harmonia_ports::{Change, Item};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const REGION: &str = "eu-west-2";
const ACCOUNT: &str = "000000000000";
/// What S3 leaves as it is in a notification's key; a blank becomes `+`.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// A batch of SQS records.
pub fn sqs(queue: &str, records: &[Received]) -> Value {
    let record = |r: &Received| {
        json!({
            "messageId": r.id,
            "receiptHandle": r.receipt,
            "body": r.body,
            "attributes": {
                "ApproximateReceiveCount": r.receives.to_string(),
                "SentTimestamp": r.sent.as_millisecond().to_string(),
                "SenderId": "local",
                "ApproximateFirstReceiveTimestamp": r.sent.as_millisecond().to_string(),
            },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{PREFIX}{queue}"),
            "awsRegion": REGION,
        })
    };
    json!({ "Records": records.iter().map(record).collect::<Vec<_>>() })
}

/// One record of a table's stream.
pub fn stream_record(change: &Change, number: usize, at: Timestamp) -> Value {
    let Change { table, old, new } = change;
    let name = match (old, new) {
        (None, _) => "INSERT",
        (Some(_), Some(_)) => "MODIFY",
        (Some(_), None) => "REMOVE",
    };
    let key = new.as_ref().or(old.as_ref()).map(|item| &item.key);
    let mut images = json!({
        "ApproximateCreationDateTime": at.as_second(),
        "Keys": key.map(|key| json!({ "pk": { "S": key.pk }, "sk": { "S": key.sk } })),
        // as wide as those of the service, whose order as texts is that of the stream
        "SequenceNumber": format!("1{number:020}"),
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    });
    for (side, item) in [("OldImage", old), ("NewImage", new)] {
        if let (Some(images), Some(item)) = (images.as_object_mut(), item) {
            images.insert(side.to_owned(), image(item));
        }
    }
    json!({
        "eventID": format!("{}-{number}", table.as_str()),
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": images,
        "eventSourceARN": format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{PREFIX}{}/stream/local", table.as_str()),
    })
}

/// An item as `harmonia-aws` writes it.
fn image(item: &Item) -> Value {
    let body: Value = serde_json::Value::Object(item.body.iter().map(|(n, v)| (n.clone(), attribute(v))).collect());
    let Value::Object(mut all) = body else { return Value::Null };
    let text = |text: &str| json!({ "S": text });
    all.insert("pk".to_owned(), text(&item.key.pk));
    all.insert("sk".to_owned(), text(&item.key.sk));
    all.insert("v".to_owned(), json!({ "N": item.version.to_string() }));
    all.insert("by".to_owned(), text(&item.stamp.by));
    all.insert("on".to_owned(), text(&item.stamp.on.to_string()));
    if let Some(work) = &item.work {
        all.insert("wk".to_owned(), text(&work.wk));
        all.insert("ws".to_owned(), text(&work.ws));
    }
    if let Some(ttl) = item.ttl {
        all.insert("ttl".to_owned(), json!({ "N": ttl.to_string() }));
    }
    Value::Object(all)
}

fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(yes) => json!({ "BOOL": yes }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(items) => json!({ "L": items.iter().map(attribute).collect::<Vec<_>>() }),
        Value::Object(members) => {
            json!({ "M": members.iter().map(|(n, v)| (n.clone(), attribute(v))).collect::<serde_json::Map<_, _>>() })
        }
    }
}

/// The failed records of an answer.
pub fn failed(answer: &Value) -> BTreeSet<String> {
    let items = answer.get("batchItemFailures").and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|i| i.get("itemIdentifier")?.as_str().map(str::to_owned)).collect()
}

/// An S3 notification of one new object.
pub fn object_created(key: &str, version: &str, bytes: u64, at: Timestamp) -> Value {
    let encoded = utf8_percent_encode(key, KEY).to_string().replace("%20", "+");
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": format!("{at:.3}"),
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": { "name": "harmonia-local-imports", "arn": "arn:aws:s3:::harmonia-local-imports" },
            "object": { "key": encoded, "size": bytes, "versionId": version, "sequencer": "00" },
        },
    }]})
}
