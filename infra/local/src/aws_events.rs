//! Events in the JSON that AWS sends.

use crate::mailbox::{PREFIX, Received};
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
