//! Queues between the stages (SQS). They carry names, not data (design §4).

use crate::QueueError;
use async_trait::async_trait;

/// The queues between the stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "named after the stage that reads them; ranges of files are read by import")]
pub enum Queue {
    Ranges,
    Identify,
    Match,
    Export,
}

impl Queue {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ranges, Self::Identify, Self::Match, Self::Export];

    /// Its short name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ranges => "ranges",
            Self::Identify => "identify",
            Self::Match => "match",
            Self::Export => "export",
        }
    }
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutMessage {
    /// JSON text, see `stages::message`.
    pub body: String,
    /// Message group for fair queues: the merchant.
    pub group: Option<String>,
    /// Not before so many seconds; at most 900 (SQS).
    pub delay_s: u16,
}

/// SQS as the stages use it.
#[async_trait]
pub trait Queues: Send + Sync {
    /// Sends messages; after an error some may have been sent.
    async fn send(&self, queue: Queue, messages: Vec<OutMessage>) -> Result<(), QueueError>;
}
