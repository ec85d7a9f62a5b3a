//! Events as AWS delivers them, converted to our own types at the edge.

use crate::InvocationError;
use harmonia_ports::{EVENT_VERSION, Execution};
use harmonia_stages::import::Notice;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

/// An SQS record's id. Never empty: an empty `itemIdentifier` in an answer would fail the whole batch.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId(String);

impl MessageId {
    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MessageId {
    type Error = &'static str;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        if id.is_empty() { Err("a record without messageId") } else { Ok(Self(id)) }
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.0
    }
}

/// One SQS record.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsRecord {
    /// Its id: the same in every delivery.
    pub message_id: MessageId,
    /// Names this delivery.
    pub receipt_handle: String,
    /// What was sent.
    pub body: String,
    /// When it was sent and how often it has been received.
    pub attributes: SqsAttributes,
    /// The queue.
    #[serde(rename = "eventSourceARN")]
    pub queue_arn: String,
}

/// The attributes that are read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SqsAttributes {
    /// How often it has been received, this time included, as text.
    pub approximate_receive_count: String,
    /// Epoch milliseconds, as text.
    pub sent_timestamp: String,
}

impl SqsRecord {
    /// How often it has been received, this time included.
    pub fn receives(&self) -> u32 {
        self.attributes.approximate_receive_count.parse().unwrap_or(1)
    }

    /// When it was sent.
    pub fn sent(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.attributes.sent_timestamp.parse().ok()?).ok()
    }

    /// The queue's name.
    pub fn queue(&self) -> &str {
        self.queue_arn.rsplit(':').next().unwrap_or_default()
    }
}

/// A batch of SQS records.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SqsEvent {
    /// In the order of receipt.
    #[serde(rename = "Records")]
    pub records: Vec<SqsRecord>,
}

/// Reads an event.
pub fn sqs(event: Value) -> Result<SqsEvent, InvocationError> {
    serde_json::from_value(event).map_err(|e| InvocationError::Event { why: e.to_string() })
}

/// Reads what a state machine hands over: where its execution stands.
pub fn execution(event: &Value) -> Result<Execution, InvocationError> {
    let bad = |why: String| InvocationError::Event { why };
    if event.get("v").and_then(Value::as_u64) != Some(u64::from(EVENT_VERSION)) {
        return Err(bad(format!("not an event of version {EVENT_VERSION}")));
    }
    let read = Execution::deserialize(event);
    read.map_err(|e| bad(format!("not an execution: {:?}", e.classify())))
}

/// Answers it: the event, moved on, with what the machine decides by.
pub fn answer(execution: &Execution, with: Value) -> Value {
    let mut event = execution.event();
    if let (Value::Object(event), Value::Object(with)) = (&mut event, with) {
        event.extend(with);
    }
    event
}

#[derive(Deserialize)]
struct S3Event {
    #[serde(rename = "Records")]
    records: Vec<S3Record>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Record {
    event_time: Timestamp,
    s3: S3Entity,
}

#[derive(Deserialize)]
struct S3Entity {
    object: S3Object,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct S3Object {
    key: String,
    version_id: Option<String>,
}

/// The decoded key of an S3 notification: `+` is a blank, the rest is percent-encoded UTF-8.
pub fn decode_key(key: &str) -> Result<String, InvocationError> {
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    let decoded = decoded.map_err(|_| InvocationError::Event { why: "an object key that is not UTF-8".to_owned() })?;
    Ok(decoded.into_owned())
}

/// The objects that an S3 notification announces; none for `s3:TestEvent`, which S3 sends when it is set up.
pub fn notices(body: &str) -> Result<Vec<Notice>, InvocationError> {
    let bad = |e: &serde_json::Error| InvocationError::Event { why: format!("no S3 notification: {:?}", e.classify()) };
    let event: Value = serde_json::from_str(body).map_err(|e| bad(&e))?;
    if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    let event: S3Event = serde_json::from_value(event).map_err(|e| bad(&e))?;
    let notice = |record: S3Record| {
        let S3Object { key, version_id } = record.s3.object;
        Ok(Notice { key: decode_key(&key)?, version: version_id, at: record.event_time })
    };
    event.records.into_iter().map(notice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    /// Pitfall 15: keys arrive URL-encoded.
    #[test]
    fn keys_are_decoded() {
        assert_eq!(
            decode_key("imports/wasabi-club/day+1/wasabi%20club%2B2.csv").unwrap(),
            "imports/wasabi-club/day 1/wasabi club+2.csv"
        );
        assert!(decode_key("%ff").is_err());
    }

    proptest! {
        #[test]
        fn every_key_reads_back(key in "\\PC{1,80}") {
            let encoded = utf8_percent_encode(&key, NON_ALPHANUMERIC).to_string().replace("%20", "+");
            prop_assert_eq!(decode_key(&encoded).unwrap(), key);
        }

        #[test]
        fn no_body_panics(body in ".*") {
            let _ = notices(&body);
        }
    }

    /// Pitfall 16: the test event is acknowledged.
    #[test]
    fn the_test_event_announces_nothing() {
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-01-01T00:00:00.000Z","Bucket":"b"}"#;
        assert_eq!(notices(test).unwrap(), []);
        assert!(notices("{}").is_err());
    }

    /// What a function answers is an event that it reads, whatever the machine decides by stands beside it.
    #[test]
    fn an_answer_is_the_next_event() {
        let minute = "2026-03-01T10:00:00Z".parse().unwrap();
        let train = Execution::Train(harmonia_ports::Train::new("wasabi-club".parse().unwrap(), minute));
        let answered = answer(&train, serde_json::json!({ "more": true }));
        assert_eq!(answered["more"], true);
        assert_eq!(execution(&answered).unwrap(), train);
        for bad in [
            serde_json::json!({ "v": 1, "k": "nonsense" }),
            serde_json::json!({ "v": 2, "k": "train", "merchant": "a", "minute": "2026-03-01T10:00:00Z" }),
            serde_json::json!({ "v": 1, "k": "train", "merchant": "a" }),
            Value::Null,
        ] {
            assert!(matches!(execution(&bad), Err(InvocationError::Event { .. })), "{bad}");
        }
    }

    /// No path yields an empty identifier.
    #[test]
    fn a_record_needs_an_id() {
        let record = |id: &str| {
            serde_json::json!({"Records": [{"messageId": id, "receiptHandle": "r", "body": "",
            "attributes": {"ApproximateReceiveCount": "2", "SentTimestamp": "1700000000000"},
            "eventSourceARN": "arn:aws:sqs:eu-west-2:123456789012:harmonia-dev-identify"}]})
        };
        let event = sqs(record("m1")).unwrap();
        assert_eq!((event.records[0].receives(), event.records[0].queue()), (2, "harmonia-dev-identify"));
        assert!(sqs(record("")).is_err());
    }
}
