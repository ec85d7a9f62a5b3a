//! Events on EventBridge.

use crate::failure::why;
use async_trait::async_trait;
use aws_sdk_eventbridge::{Client, primitives::DateTime, types::PutEventsRequestEntry};
use harmonia_ports::{EventError, Events, OutEvent};

/// EventBridge's limit for one call. An event of ours has less than 2 kB, the limit of a call is 256 kB.
const BATCH: usize = 10;
/// Who says so.
const SOURCE: &str = "harmonia";

/// The bus of the stack.
#[derive(Debug, Clone)]
pub struct EventBus {
    client: Client,
    name: String,
}

impl EventBus {
    /// Over a client from [`crate::deployed::clients`].
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    async fn put(&self, events: &[OutEvent]) -> Result<(), EventError> {
        let entry = |event: &OutEvent| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(SOURCE)
                .detail_type(event.kind)
                .time(DateTime::from_secs(event.at.as_second()))
                .detail(&event.detail)
                .build()
        };
        let call = self.client.put_events().set_entries(Some(events.iter().map(entry).collect()));
        let answer = call.send().await.map_err(|e| EventError { why: why(&e) })?;
        let refused = answer.entries().iter().find_map(|entry| entry.error_code());
        match refused {
            None => Ok(()),
            Some(code) => Err(EventError { why: format!("{} refused: {code}", answer.failed_entry_count()) }),
        }
    }
}

#[async_trait]
impl Events for EventBus {
    async fn publish(&self, events: Vec<OutEvent>) -> Result<(), EventError> {
        for batch in events.chunks(BATCH) {
            self.put(batch).await?;
        }
        Ok(())
    }
}
