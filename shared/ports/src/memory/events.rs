//! The in-memory twin of the event bus.

use super::lock;
use crate::{EventError, Events, OutEvent};
use async_trait::async_trait;
use std::sync::Mutex;

/// Events in memory.
#[derive(Debug, Default)]
pub struct MemoryEvents(Mutex<Vec<OutEvent>>);

impl MemoryEvents {
    /// What was published, in its order.
    pub fn published(&self) -> Vec<OutEvent> {
        lock(&self.0).clone()
    }
}

#[async_trait]
impl Events for MemoryEvents {
    async fn publish(&self, events: Vec<OutEvent>) -> Result<(), EventError> {
        lock(&self.0).extend(events);
        Ok(())
    }
}
