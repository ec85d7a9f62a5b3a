//! The cloud in one process: takes messages from the queues, hands them to the real handlers in the same event JSON as
//! AWS would, deletes what they acknowledge. Event source mappings and their limits are those of template.yaml.

use crate::{
    audit::Audit,
    aws_events,
    mailbox::{Mailbox, Received, Sight},
    streams::StreamError,
};
use futures::future::join_all;
use harmonia_definitions::Definitions;
use harmonia_domain::feed::Feed;
use harmonia_ports::{Clock, QueueError};
use harmonia_runtime::{App, InvocationError};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

/// The functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Import,
    Identify,
    Match,
    Export,
    Tick,
}

/// An event source mapping: which queue wakes which function with how many records.
#[derive(Debug, Clone)]
struct Mapping {
    queue: String,
    function: Function,
    batch: usize,
}

/// As `maxReceiveCount` in template.yaml.
pub const RECEIVES_MAX: u32 = harmonia_runtime::batch::RECEIVES_MAX;
/// As the visibility timeouts in template.yaml, which are six times the functions' timeouts and more.
const HIDDEN_S: u32 = 360;
/// Invocations of one function at the same time; template.yaml's `MaximumConcurrency`, less because a laptop is one
/// machine.
const INVOCATIONS_AT_ONCE: usize = 4;
/// Rounds after which a system that should become quiet is called stuck: each round moves every message one step.
const ROUNDS_MAX: usize = 100_000;

fn mappings(definitions: &Definitions) -> Vec<Mapping> {
    let one = |queue: &str, function, batch| Mapping { queue: queue.to_owned(), function, batch };
    let mut all = vec![one("import-files", Function::Import, 1)];
    for feed in definitions.message_feeds() {
        all.push(one(&feed_queue(&feed), Function::Import, 100));
    }
    all.push(one("ranges", Function::Import, 1));
    all.push(one("identify", Function::Identify, 10));
    all.push(one("match", Function::Match, 10));
    all.push(one("export", Function::Export, 10));
    all
}

/// The queue of a feed that comes as messages.
pub fn feed_queue(feed: &Feed) -> String {
    format!("feed-{feed}")
}

/// Names of all working queues.
pub fn queues(definitions: &Definitions) -> Vec<String> {
    mappings(definitions).into_iter().map(|m| m.queue).collect()
}

/// Something that AWS would not let happen, or a queue that cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// A queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A table's stream failed.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// A function failed as a whole.
    #[error(transparent)]
    Invocation(#[from] InvocationError),
    /// Messages go round and round.
    #[error("not quiet after {ROUNDS_MAX} rounds")]
    Stuck,
}

/// The cloud.
#[derive(Clone)]
pub struct Cloud {
    /// What the functions work with.
    pub app: App,
    /// The queues.
    pub mailbox: Arc<dyn Mailbox>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What feeds the audit log; `replay` has none.
    pub audit: Option<Audit>,
}

impl Cloud {
    /// Announces an uploaded object as S3 would.
    pub async fn announce(&self, key: &str, version: &str, bytes: u64) -> Result<(), QueueError> {
        let at = self.clock.now();
        let body = aws_events::object_created(key, version, bytes, at).to_string();
        self.mailbox.post("import-files", body, at).await.map(drop)
    }

    /// Sends one message of a feed as its partner would.
    pub async fn post_line(&self, feed: &Feed, body: String) -> Result<(), QueueError> {
        self.mailbox.post(&feed_queue(feed), body, self.clock.now()).await.map(drop)
    }

    async fn invoke(&self, function: Function, event: Value) -> Result<Value, InvocationError> {
        // on the heap: what a handler does is large, and would be part of every future around it
        match function {
            Function::Import => Box::pin(harmonia_function_import::handle(&self.app, event)).await,
            Function::Identify => Box::pin(harmonia_function_identify::handle(&self.app, event)).await,
            Function::Match => Box::pin(harmonia_function_match::handle(&self.app, event)).await,
            Function::Export => Box::pin(harmonia_function_export::handle(&self.app, event)).await,
            Function::Tick => Box::pin(harmonia_function_tick::handle(&self.app, event)).await,
        }
    }

    /// A schedule fires, or a state machine calls: the function that reads such an event answers it.
    pub async fn fire(&self, input: Value) -> Result<Value, InvocationError> {
        let function = match input.get("k").and_then(Value::as_str) {
            Some("train" | "batch") => Function::Export,
            Some("round" | "range" | "reopen") => Function::Import,
            _ => Function::Tick,
        };
        self.invoke(function, input).await
    }

    /// Both schedules fire, for a clock that jumps. The book is left alone: whatever is left open has to be seen by who
    /// looks at the end, not mended.
    pub async fn tick(&self) -> Result<(), InvocationError> {
        self.fire(json!({ "v": 1, "k": "tick" })).await?;
        self.fire(json!({ "v": 1, "k": "sweep", "book": false })).await.map(drop)
    }

    /// One invocation: event in, failed records out; the others are deleted.
    async fn serve(&self, mapping: &Mapping, records: Vec<Received>) -> Result<(), QueueError> {
        let event = aws_events::sqs(&mapping.queue, &records);
        let failed: BTreeSet<String> = match self.invoke(mapping.function, event).await {
            Ok(answer) => aws_events::failed(&answer),
            Err(error) => {
                // as on AWS: the whole batch comes back after its visibility timeout
                tracing::error!(queue = mapping.queue, %error, "invocation failed");
                records.iter().map(|r| r.id.clone()).collect()
            }
        };
        for record in records.iter().filter(|r| !failed.contains(&r.id)) {
            self.mailbox.delete(&mapping.queue, &record.receipt).await?;
        }
        Ok(())
    }

    /// Serves one queue once; says how many records there were.
    async fn serve_queue(&self, mapping: &Mapping, sight: Sight, at_once: usize) -> Result<usize, QueueError> {
        let mut batches = Vec::new();
        for _ in 0..at_once {
            let records = self.mailbox.receive(&mapping.queue, mapping.batch, sight, RECEIVES_MAX).await?;
            if records.is_empty() {
                break;
            }
            batches.push(records);
        }
        let count = batches.iter().map(Vec::len).sum();
        // each invocation is a task of its own, as each is a process of its own on AWS
        let invocations = batches.into_iter().map(|records| {
            let (cloud, mapping) = (self.clone(), mapping.clone());
            tokio::spawn(async move { cloud.serve(&mapping, records).await })
        });
        for served in join_all(invocations).await {
            // a panic is caught per record; one that is not is a batch that comes back
            served.unwrap_or_else(|e| Err(QueueError { queue: mapping.queue.clone(), why: e.to_string() }))?;
        }
        Ok(count)
    }

    /// One round, queue after queue in the order of the stages, hidden messages included: `replay`'s way, where the
    /// clock stands still and everything has one order.
    pub async fn until_quiet_in_order(&self) -> Result<(), CloudError> {
        for _ in 0..ROUNDS_MAX {
            let mut moved = 0;
            for mapping in mappings(&self.app.harmonia.definitions) {
                moved += self.serve_queue(&mapping, Sight::All, 1).await?;
            }
            moved += self.serve_streams().await?;
            if moved == 0 {
                return Ok(());
            }
        }
        Err(CloudError::Stuck)
    }

    /// Serves only these queues, in the order of the stages, until they are empty: what they send to others waits. One
    /// batch at a time: what is received while nothing is hidden is received again until it is deleted.
    pub async fn until_served(&self, queues: &[&str]) -> Result<(), CloudError> {
        let mut mappings = mappings(&self.app.harmonia.definitions);
        mappings.retain(|mapping| queues.contains(&mapping.queue.as_str()));
        for _ in 0..ROUNDS_MAX {
            let mut moved = 0;
            for mapping in &mappings {
                moved += self.serve_queue(mapping, Sight::All, 1).await?;
            }
            if moved == 0 {
                return Ok(());
            }
        }
        Err(CloudError::Stuck)
    }

    /// One round of all queues at once, visible messages only: how many records were served.
    pub async fn round(&self) -> Result<usize, CloudError> {
        let sight = Sight::At(self.clock.now(), HIDDEN_S);
        let mappings = mappings(&self.app.harmonia.definitions);
        let served = join_all(mappings.iter().map(|m| self.serve_queue(m, sight, INVOCATIONS_AT_ONCE))).await;
        let records = served.into_iter().sum::<Result<usize, _>>()?;
        Ok(records + self.serve_streams().await?)
    }

    /// The tables' streams wake the audit function.
    async fn serve_streams(&self) -> Result<usize, StreamError> {
        match &self.audit {
            Some(audit) => audit.serve().await,
            None => Ok(0),
        }
    }

    /// When the next hidden message becomes visible; `None` if every queue is empty.
    pub async fn next_visible(&self) -> Result<Option<Timestamp>, CloudError> {
        Ok(self.mailbox.next_visible().await?)
    }

    /// Messages in dead-letter queues, by queue.
    pub async fn dead_letters(&self) -> Result<Vec<(String, usize)>, CloudError> {
        let mut dead = Vec::new();
        for queue in queues(&self.app.harmonia.definitions) {
            let count = self.mailbox.count(&format!("{queue}-dlq")).await?;
            if count > 0 {
                dead.push((queue, count));
            }
        }
        Ok(dead)
    }
}
