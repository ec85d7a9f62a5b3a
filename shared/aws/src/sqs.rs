//! Queues on SQS.

use crate::failure::why;
use async_trait::async_trait;
use aws_sdk_sqs::{
    Client,
    types::{BatchResultErrorEntry, SendMessageBatchRequestEntry},
};
use harmonia_ports::{OutMessage, Queue, QueueError, Queues};
use std::collections::BTreeSet;

/// SQS's limit for one call.
const BATCH: usize = 10;
/// SQS's limit for the bodies of one call together: 1 MiB.
const BATCH_BYTES: usize = 1_048_576;
/// What the service refused of a batch is sent once more.
const ROUNDS: usize = 2;

/// Where the queues are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueUrls {
    /// Read by import: ranges of large files.
    pub ranges: String,
    /// Read by identify.
    pub identify: String,
    /// Read by match.
    pub matching: String,
    /// Read by export.
    pub export: String,
}

impl QueueUrls {
    /// The address of a queue.
    pub fn of(&self, queue: Queue) -> &str {
        match queue {
            Queue::Ranges => &self.ranges,
            Queue::Identify => &self.identify,
            Queue::Match => &self.matching,
            Queue::Export => &self.export,
        }
    }
}

/// The queues on SQS.
#[derive(Debug, Clone)]
pub struct SqsQueues {
    client: Client,
    urls: QueueUrls,
}

fn failed(queue: &str, why: impl Into<String>) -> QueueError {
    QueueError { queue: queue.to_owned(), why: why.into() }
}

/// Cuts messages into calls. One that is too long for any call is left to the service to refuse.
fn batches(messages: Vec<OutMessage>) -> Vec<Vec<OutMessage>> {
    let mut all = Vec::new();
    let (mut batch, mut bytes) = (Vec::new(), 0_usize);
    for message in messages {
        let length = message.body.len();
        if !batch.is_empty() && (batch.len() == BATCH || bytes.saturating_add(length) > BATCH_BYTES) {
            all.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes = bytes.saturating_add(length);
        batch.push(message);
    }
    if !batch.is_empty() {
        all.push(batch);
    }
    all
}

fn entry(id: usize, message: OutMessage) -> Result<SendMessageBatchRequestEntry, String> {
    SendMessageBatchRequestEntry::builder()
        .id(id.to_string())
        .message_body(message.body)
        .set_message_group_id(message.group)
        .set_delay_seconds((message.delay_s > 0).then(|| i32::from(message.delay_s)))
        .build()
        .map_err(|e| e.to_string())
}

fn in_words(refused: &[BatchResultErrorEntry]) -> String {
    let codes: BTreeSet<&str> = refused.iter().map(BatchResultErrorEntry::code).collect();
    format!("{} messages refused: {}", refused.len(), codes.into_iter().collect::<Vec<_>>().join(", "))
}

impl SqsQueues {
    /// Over a client from [`crate::deployed::clients`].
    pub fn new(client: Client, urls: QueueUrls) -> Self {
        Self { client, urls }
    }

    /// Hides a received message from now on for so many seconds (SQS: at most 43,200 after it was received), so that a
    /// record that failed waits longer each time.
    pub async fn hide(&self, queue_url: &str, receipt_handle: &str, seconds: u16) -> Result<(), QueueError> {
        let call = self
            .client
            .change_message_visibility()
            .queue_url(queue_url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(i32::from(seconds));
        call.send().await.map(|_| ()).map_err(|e| failed(queue_url, why(&e)))
    }

    async fn send_batch(&self, queue: Queue, batch: Vec<OutMessage>) -> Result<(), QueueError> {
        let name = queue.as_str();
        let entries = batch.into_iter().enumerate().map(|(id, message)| entry(id, message));
        let mut entries = entries.collect::<Result<Vec<_>, String>>().map_err(|e| failed(name, e))?;
        let mut told = String::new();
        for _ in 0..ROUNDS {
            let call = self.client.send_message_batch().queue_url(self.urls.of(queue));
            let call = call.set_entries(Some(entries.clone()));
            let answer = call.send().await.map_err(|e| failed(name, why(&e)))?;
            if answer.failed().is_empty() {
                return Ok(());
            }
            told = in_words(answer.failed());
            let refused: BTreeSet<&str> = answer.failed().iter().map(BatchResultErrorEntry::id).collect();
            entries.retain(|entry| refused.contains(entry.id()));
        }
        Err(failed(name, told))
    }
}

#[async_trait]
impl Queues for SqsQueues {
    async fn send(&self, queue: Queue, messages: Vec<OutMessage>) -> Result<(), QueueError> {
        for batch in batches(messages) {
            self.send_batch(queue, batch).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> OutMessage {
        OutMessage { body: "x".repeat(bytes), group: None, delay_s: 0 }
    }

    #[test]
    fn calls_hold_ten_messages_and_one_mebibyte() {
        let sizes = |lengths: &[usize]| {
            let all = batches(lengths.iter().map(|length| message(*length)).collect());
            all.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[]), Vec::<usize>::new());
        assert_eq!(sizes(&[1; 25]), [10, 10, 5]);
        assert_eq!(sizes(&[200_000; 7]), [5, 2]);
        assert_eq!(sizes(&[BATCH_BYTES / 2, BATCH_BYTES / 2, 1]), [2, 1]);
        assert_eq!(sizes(&[1, BATCH_BYTES + 1, 1]), [1, 1, 1]);
    }

    #[test]
    fn group_and_delay_are_told_only_if_given() {
        let plain = entry(3, message(1)).unwrap();
        assert_eq!((plain.id(), plain.message_group_id(), plain.delay_seconds()), ("3", None, None));
        let full = OutMessage { group: Some("iceland".into()), delay_s: 60, ..message(1) };
        let full = entry(4, full).unwrap();
        assert_eq!((full.message_group_id(), full.delay_seconds()), (Some("iceland"), Some(60)));
    }
}
