//! Feeds that come as messages: a batch is archived first, as one object, then each message is a line of its own. A
//! message whose line is rejected is done: its outcome and reject report stand beside the archived batch (state.md).

use super::{
    lines::{Imported, Origin},
    report::{RangeReport, reject_csv},
};
use crate::{
    Harmonia, StageError,
    message::{self, Body},
};
use futures::future::join_all;
use harmonia_domain::{
    feed::Feed,
    file::{File, FileState},
    ids::{Id, sha256_hex},
    outcome::Reject,
    time::sortable,
};
use harmonia_feeds::{Numbered, Record, read_message, read_sale_message};
use harmonia_ports::{Bucket, Queue};
use jiff::Timestamp;

/// A message of a feed's queue.
#[derive(Debug, Clone)]
pub struct FeedMessage {
    /// The queue's id of it: the same in every delivery.
    pub id: String,
    /// As the partner sent it.
    pub body: String,
    /// When the partner sent it.
    pub sent: Timestamp,
}

/// What became of each message, in order.
pub type MessageResult = Result<(), StageError>;

impl Harmonia {
    /// Imports a batch of messages. Each has its own result; only failures of the infrastructure are errors.
    #[tracing::instrument(level = "error", skip_all, fields(%feed, file))]
    pub async fn import_messages(&self, feed: &Feed, messages: &[FeedMessage]) -> Vec<MessageResult> {
        let archived = match self.archive_messages(feed, messages).await {
            Ok(archived) => archived,
            Err(e) => {
                let why = e.to_string();
                let first = std::iter::once(Err(e));
                let rest = messages.iter().skip(1).map(|_| Err(unavailable(&why)));
                return first.chain(rest).collect();
            }
        };
        let results = join_all(messages.iter().map(|m| self.import_message(feed, m))).await;
        let mut report = RangeReport::default();
        let mut done = Vec::new();
        let mut counted = Vec::new();
        for ((number, message), result) in (1_u64..).zip(messages).zip(results) {
            if result.is_ok() {
                counted.push(message.id.as_str());
            }
            done.push(result.map(|imported| add(&mut report, number, imported)));
        }
        if let Err(e) = self.log_batch(feed, archived, &counted, &report).await {
            // nothing of the batch is acknowledged until its totals are on record
            let why = e.to_string();
            return messages.iter().map(|_| Err(unavailable(&why))).collect();
        }
        self.write_seen().await;
        done
    }

    #[tracing::instrument(level = "error", skip_all, fields(line = message.id))]
    async fn import_message(&self, feed: &Feed, message: &FeedMessage) -> Result<Imported, StageError> {
        let origin = Origin { feed, from: &message.id, arrived: message.sent, group: None, backfill: false };
        let record = self.read(feed, message.body.as_bytes());
        let stamp = self.stamp(format!("import {feed} {}", message.id));
        let records = std::iter::once(Numbered { line: 1, offset: 0, record });
        let imported = self.import_lines(&origin, records, &stamp).await?;
        let queues = self.ports.queues.as_ref();
        let body = |items| Body::Lines { tries: 0, items };
        message::send(queues, Queue::Identify, &message.id, (None, 0), &imported.lines, body).await?;
        if let Feed::Merchant(merchant) = feed {
            // a sale that came alone is its own group (design §4): visible at once, so its keys go out at once
            let keys = imported.report.keys.iter().cloned();
            message::send_keys(queues, &message.id, (merchant, 0), None, keys).await?;
        }
        Ok(imported)
    }

    pub(super) fn read(&self, feed: &Feed, bytes: &[u8]) -> Record {
        match feed {
            Feed::Payment(feed) => read_message(*feed, bytes),
            Feed::Merchant(merchant) => match self.definitions.get(merchant).and_then(|d| d.feed.as_ref()) {
                Some(feed) => read_sale_message(feed, bytes),
                None => Record::Rejected(Reject::missing("feed")),
            },
        }
    }

    /// One object for the batch; its name follows from the messages in it.
    async fn archive_messages(&self, feed: &Feed, messages: &[FeedMessage]) -> Result<Archived, StageError> {
        let sent = messages.iter().map(|m| m.sent).min().unwrap_or_default();
        let ids: Vec<&str> = messages.iter().map(|m| m.id.as_str()).collect();
        let id = batch_id(&ids);
        let line = |m: &FeedMessage| {
            let json = serde_json::json!({ "id": m.id, "sent": m.sent, "body": m.body });
            format!("{json}\n")
        };
        let text: String = messages.iter().map(line).collect();
        let day = sortable(sent).get(..10).unwrap_or_default().replace('-', "/");
        let object = format!("archive/{feed}/{day}/{id}.jsonl");
        let (sha256, bytes) = (sha256_hex(text.as_bytes()), u64::try_from(text.len()).unwrap_or(u64::MAX));
        self.ports.objects.put_new(Bucket::Archive, &object, text.into_bytes()).await?;
        Ok(Archived { object, sha256, bytes, sent })
    }

    /// The batch in the file log, with its outcomes; its reject report beside the archived object. The row is named
    /// after the messages that are `counted` in it: one that failed comes again, perhaps in the very same batch, and
    /// has to find room in the log then (invariant 1).
    async fn log_batch(
        &self,
        feed: &Feed,
        archived: Archived,
        counted: &[&str],
        report: &RangeReport,
    ) -> Result<(), StageError> {
        if counted.is_empty() {
            return Ok(());
        }
        if !report.rejects.is_empty() {
            let csv = reject_csv(report.rejects.iter());
            let name = format!("{}.rejects.csv", archived.object);
            self.ports.objects.put_new(Bucket::Archive, &name, csv.into_bytes()).await?;
        }
        let id = batch_id(counted);
        tracing::Span::current().record("file", id.as_str());
        let stamp = self.stamp(format!("import {id} ({} messages)", counted.len()));
        let file = File {
            id,
            feed: feed.clone(),
            bucket: Bucket::Archive.as_str().to_owned(),
            object: archived.object,
            version: String::new(),
            sha256: archived.sha256,
            bytes: archived.bytes,
            arrived: archived.sent,
            ranges: 0,
            records: report.totals.read,
            plan: None,
            definition: self.definition_version(feed),
            started: archived.sent,
            done: Some(self.now()),
            round: 0,
            generation: 0,
            sent: archived.sent,
            totals: report.totals,
            dates: report.dates,
            state: FileState::Closed { forwarded: true },
        };
        // a redelivery of the same batch finds its log there: its outcomes do not change
        if self.store().insert(&file, &stamp).await?.is_none() {
            self.note_lines(feed, &file.totals);
        }
        tracing::info!(messages = counted.len(), totals = ?file.totals, "messages imported");
        Ok(())
    }
}

struct Archived {
    object: String,
    sha256: String,
    bytes: u64,
    sent: Timestamp,
}

/// The same messages are the same batch.
fn batch_id(messages: &[&str]) -> Id {
    Id::derive("message batch", messages)
}

fn unavailable(why: &str) -> StageError {
    harmonia_ports::ObjectError::Unavailable { key: "message batch".into(), why: why.to_owned() }.into()
}

fn add(report: &mut RangeReport, number: u64, imported: Imported) {
    let one = imported.report;
    report.totals.add(&one.totals);
    report.dates = match (report.dates, one.dates) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (a, b) => a.or(b),
    };
    // the number of a message in its batch is its line in the archived object
    report.rejects.extend(one.rejects.into_iter().map(|mut row| {
        row.line = number;
        row
    }));
}
