//! Events for others (EventBridge): what happened, for whoever wants to know. Nothing of ours waits for an answer.

use async_trait::async_trait;
use jiff::Timestamp;

/// An event for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutEvent {
    /// What kind, in words (`EventBridge`'s detail type).
    pub kind: &'static str,
    /// When it happened.
    pub at: Timestamp,
    /// JSON text.
    pub detail: String,
}

/// Events that were not taken; some of them may have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event bus: {why}")]
pub struct EventError {
    /// In the client's words.
    pub why: String,
}

/// `EventBridge` as the audit function uses it.
#[async_trait]
pub trait Events: Send + Sync {
    /// Publishes events; after an error all of them may be given again.
    async fn publish(&self, events: Vec<OutEvent>) -> Result<(), EventError>;
}
