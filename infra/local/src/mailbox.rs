//! Queues as the local cloud needs them: what SQS does for a function, without the function. Two implementations: in
//! memory for `replay` and the tests, durable for everything else.

use async_trait::async_trait;
use harmonia_ports::{QueueError, Queues};
use harmonia_runtime::batch::Visibility;
use jiff::Timestamp;

/// A message as a consumer gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The same in every delivery.
    pub id: String,
    /// Names this message to [`Mailbox::delete`] and [`Visibility::hide`].
    pub receipt: String,
    /// What was sent.
    pub body: String,
    /// When it was sent.
    pub sent: Timestamp,
    /// How often it has been received, this time included.
    pub receives: u32,
}

/// Which messages a receive may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Those that are visible at this instant; what is received is then hidden for so many seconds.
    At(Timestamp, u32),
    /// All of them, hidden ones included (`replay`: no waiting inside a step).
    All,
}

/// A queue by name: `import-files`, `feed-<feed>`, `identify`, `match`, `export`, each with a dead-letter queue
/// `<name>-dlq`.
#[async_trait]
pub trait Mailbox: Queues + Visibility {
    /// Sends from outside: partners and notifications. `sent` is the message's own instant.
    async fn post(&self, queue: &str, body: String, sent: Timestamp) -> Result<String, QueueError>;
    /// Takes up to `max` messages, oldest first. One that has been received `receives_max` times already goes to the
    /// dead-letter queue instead.
    async fn receive(
        &self,
        queue: &str,
        max: usize,
        sight: Sight,
        receives_max: u32,
    ) -> Result<Vec<Received>, QueueError>;
    /// Acknowledges.
    async fn delete(&self, queue: &str, receipt: &str) -> Result<(), QueueError>;
    /// Messages of a queue, hidden ones included.
    async fn count(&self, queue: &str) -> Result<usize, QueueError>;
    /// The earliest instant at which a hidden message of any working queue becomes visible; `None` if all are empty.
    async fn next_visible(&self) -> Result<Option<Timestamp>, QueueError>;
}

/// The prefix that every resource of the local cloud has in its ARN.
pub(crate) const PREFIX: &str = "harmonia-local-";

/// The short name of a queue from its ARN.
pub(crate) fn name_of(arn: &str) -> &str {
    let name = arn.rsplit(':').next().unwrap_or(arn);
    name.strip_prefix(PREFIX).unwrap_or(name)
}
