//! The SQS batch runner: every record has its own result; a failed one alone comes back. A panic in one record fails
//! only that record. Failures that may pass are hidden for longer with every receive; the others return at once and
//! soon reach the dead-letter queue.

use crate::events::{MessageId, SqsEvent, SqsRecord};
use async_trait::async_trait;
use futures::{FutureExt, future::join_all};
use harmonia_metrics::{Metric, Tally};
use harmonia_ports::{Class, Clock, QueueError};
use harmonia_stages::StageError;
use serde_json::{Value, json};
use std::{future::Future, panic::AssertUnwindSafe};
use tracing::Instrument;

/// First wait of a failed record, doubled with every receive.
const BACKOFF_S: u32 = 4;
/// Longest wait: with five receives a record reaches its dead-letter queue within half an hour.
const BACKOFF_S_MAX: u32 = 600;

/// A record that fails when it has been received so often goes to the dead letters: `maxReceiveCount` in template.yaml.
pub const RECEIVES_MAX: u32 = 5;

/// The function that works on a batch.
#[derive(Clone, Copy)]
pub struct Invocation<'a> {
    /// Its name.
    pub function: &'static str,
    /// How failed records are hidden.
    pub visibility: &'a dyn Visibility,
    /// Where it is noted how records went.
    pub tally: &'a Tally,
    /// What time it is.
    pub clock: &'a dyn Clock,
}

/// `ChangeMessageVisibility`.
#[async_trait]
pub trait Visibility: Send + Sync {
    /// Hides a received message for so many seconds.
    async fn hide(&self, queue_arn: &str, receipt_handle: &str, seconds: u32) -> Result<(), QueueError>;
}

/// Seconds until the next delivery: 4, 8, 16 … at most 600, each plus up to a quarter that follows from the id, so
/// that records that failed together do not come back together.
pub fn backoff_s(receives: u32, id: &MessageId) -> u32 {
    let plain = BACKOFF_S.saturating_mul(1 << receives.saturating_sub(1).min(16)).min(BACKOFF_S_MAX);
    let spread = id.as_str().bytes().fold(7_u32, |sum, b| sum.wrapping_mul(31).wrapping_add(u32::from(b)));
    plain + spread % (plain / 4 + 1)
}

/// The answer that names the failed records; empty if all went well.
pub fn response(failed: &[MessageId]) -> Value {
    let failures: Vec<Value> = failed.iter().map(|id| json!({ "itemIdentifier": id.as_str() })).collect();
    json!({ "batchItemFailures": failures })
}

/// Why a record failed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A stage said so.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The record cannot be read.
    #[error(transparent)]
    Event(#[from] crate::InvocationError),
    /// It panicked: a bug.
    #[error("panic while working on the record")]
    Panic,
}

impl RecordError {
    fn class(&self) -> Class {
        match self {
            Self::Stage(e) => e.class(),
            Self::Event(_) => Class::Reject,
            Self::Panic => Class::Bug,
        }
    }
}

/// Runs a batch: `work` for each record, all at once.
pub async fn run<F, Fut>(event: &SqsEvent, invocation: &Invocation<'_>, work: F) -> Value
where
    F: Fn(SqsRecord) -> Fut + Sync,
    Fut: Future<Output = Result<(), RecordError>> + Send,
{
    let results = join_all(event.records.iter().map(|record| guarded(record, &work))).await;
    finish(event, results, invocation).await
}

async fn guarded<F, Fut>(record: &SqsRecord, work: &F) -> Result<(), RecordError>
where
    F: Fn(SqsRecord) -> Fut,
    Fut: Future<Output = Result<(), RecordError>>,
{
    let (id, receives) = (record.message_id.as_str(), record.receives());
    let trace = tracing::field::Empty;
    let span = tracing::error_span!("record", record = id, queue = record.queue(), receives, trace);
    // the call itself may panic before it yields a future
    let running = AssertUnwindSafe(async { work(record.clone()).await }).catch_unwind();
    running.instrument(span).await.unwrap_or(Err(RecordError::Panic))
}

/// Names the failed records and hides those that may pass.
pub async fn finish(event: &SqsEvent, results: Vec<Result<(), RecordError>>, invocation: &Invocation<'_>) -> Value {
    let mut failed = Vec::new();
    let now = invocation.clock.now();
    for (record, result) in event.records.iter().zip(results) {
        let Err(error) = result else {
            let lag = record.sent().map(|sent| now.duration_since(sent).as_millis());
            let lag = lag.and_then(|lag| u64::try_from(lag).ok()).unwrap_or_default();
            invocation.tally.note(Metric::Lag, &[invocation.function], lag);
            continue;
        };
        let class = error.class();
        note_failed(record, class, &error, invocation);
        if class == Class::Retry {
            let seconds = backoff_s(record.receives(), &record.message_id);
            if let Err(error) = invocation.visibility.hide(&record.queue_arn, &record.receipt_handle, seconds).await {
                // it comes back after the queue's own visibility timeout instead
                tracing::warn!(%error, "record could not be hidden");
            }
        }
        failed.push(record.message_id.clone());
    }
    response(&failed)
}

fn note_failed(record: &SqsRecord, class: Class, error: &RecordError, invocation: &Invocation<'_>) {
    let Invocation { function, tally, .. } = *invocation;
    let (id, queue, receives) = (record.message_id.as_str(), record.queue(), record.receives());
    let class = class.as_str();
    tally.note(Metric::RecordsFailed, &[function, class], 1);
    if receives < RECEIVES_MAX {
        tracing::warn!(record = id, queue, receives, class, %error, "record failed");
    } else {
        tally.note(Metric::DeadLettered, &[function], 1);
        tracing::error!(record = id, queue, receives, class, %error, "record failed for the last time");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events;
    use harmonia_metrics::Noted;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Hidden(Mutex<Vec<(String, u32)>>);

    #[async_trait]
    impl Visibility for Hidden {
        async fn hide(&self, _arn: &str, receipt: &str, seconds: u32) -> Result<(), QueueError> {
            self.0.lock().unwrap().push((receipt.to_owned(), seconds));
            Ok(())
        }
    }

    /// Ten seconds after everything was sent.
    struct Later;

    impl Clock for Later {
        fn now(&self) -> jiff::Timestamp {
            jiff::Timestamp::from_second(10).unwrap()
        }
    }

    fn event(bodies: &[&str]) -> SqsEvent {
        let record = |(n, body): (usize, &&str)| {
            json!({"messageId": format!("m{n}"), "receiptHandle": format!("r{n}"), "body": body,
            "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "0"}, "eventSourceARN": "a:q"})
        };
        events::sqs(json!({ "Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>() })).unwrap()
    }

    async fn work(record: SqsRecord) -> Result<(), RecordError> {
        let retry = harmonia_ports::StoreError::Throttled;
        match record.body.as_str() {
            "ok" => Ok(()),
            "later" => Err(StageError::from(retry).into()),
            "poison" => Err(StageError::Message { why: "x".into() }.into()),
            _ => panic!("boom"),
        }
    }

    fn played(event: &SqsEvent) -> (Value, Vec<(String, u32)>, Vec<Noted>) {
        let (hidden, tally) = (Hidden::default(), Tally::default());
        let invocation = Invocation { function: "match", visibility: &hidden, tally: &tally, clock: &Later };
        let answer = futures::executor::block_on(run(event, &invocation, work));
        (answer, hidden.0.into_inner().unwrap(), tally.take())
    }

    fn answer(bodies: &[&str]) -> (Value, Vec<(String, u32)>) {
        let (answer, hidden, _) = played(&event(bodies));
        (answer, hidden)
    }

    #[test]
    fn records_are_counted_by_how_they_went() {
        let mut event = event(&["ok", "later", "poison", "boom", "ok"]);
        event.records[2].attributes.approximate_receive_count = RECEIVES_MAX.to_string();
        let noted = |metric, by: &[&str], values: &[u64]| Noted {
            metric,
            by: by.iter().map(|text| (*text).to_owned()).collect(),
            values: values.to_vec(),
        };
        let expected = [
            noted(Metric::Lag, &["match"], &[10_000, 10_000]),
            noted(Metric::RecordsFailed, &["match", "bug"], &[1]),
            noted(Metric::RecordsFailed, &["match", "reject"], &[1]),
            noted(Metric::RecordsFailed, &["match", "retry"], &[1]),
            noted(Metric::DeadLettered, &["match"], &[1]),
        ];
        assert_eq!(played(&event).2, expected);
    }

    /// Every shape of answer (pitfalls 1 and 3).
    #[test]
    fn only_failed_records_are_named() {
        let failure = |id: &&str| json!({ "itemIdentifier": id });
        let failures = |ids: &[&str]| json!({ "batchItemFailures": ids.iter().map(failure).collect::<Vec<_>>() });
        assert_eq!(answer(&[]), (failures(&[]), vec![]));
        assert_eq!(answer(&["ok", "ok"]), (failures(&[]), vec![]));
        let (one, hidden) = answer(&["ok", "later", "poison"]);
        assert_eq!(one, failures(&["m1", "m2"]));
        assert_eq!(hidden.len(), 1, "only what may pass is hidden");
        assert!(hidden[0].0 == "r1" && (16..=20).contains(&hidden[0].1), "{hidden:?}");
        assert_eq!(answer(&["later", "later"]).0, failures(&["m0", "m1"]));
    }

    #[test]
    fn a_panic_fails_only_its_record() {
        assert_eq!(answer(&["ok", "boom", "ok"]).0, json!({"batchItemFailures": [{"itemIdentifier": "m1"}]}));
    }

    #[test]
    fn back_off_grows_and_ends() {
        let id = MessageId::try_from("x".to_owned()).unwrap();
        let waits: Vec<u32> = (1..=40).map(|n| backoff_s(n, &id)).collect();
        assert!(waits[0] >= 4 && waits.windows(2).all(|w| w[0] <= w[1]) && waits[39] <= 750, "{waits:?}");
    }
}
