//! The in-memory twin of the queues. Delays and visibility are of no account here: a driver that wants a quiet system
//! takes what there is in the order of sending and puts back what failed.

use super::lock;
use crate::{OutMessage, Queue, QueueError, Queues};
use async_trait::async_trait;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Mutex,
};

/// A message as a consumer gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Unique in this process.
    pub id: String,
    /// JSON text.
    pub body: String,
    /// How often it has been received, this time included.
    pub receives: u32,
}

#[derive(Debug, Default)]
struct Inner {
    queues: BTreeMap<Queue, VecDeque<Delivered>>,
    sent: u64,
}

/// Queues in memory.
#[derive(Debug, Default)]
pub struct MemoryQueues {
    inner: Mutex<Inner>,
}

impl MemoryQueues {
    /// Takes up to `max` messages from the front.
    pub fn take(&self, queue: Queue, max: usize) -> Vec<Delivered> {
        let mut inner = lock(&self.inner);
        let waiting = inner.queues.entry(queue).or_default();
        let count = max.min(waiting.len());
        waiting.drain(..count).map(|m| Delivered { receives: m.receives + 1, ..m }).collect()
    }

    /// Puts a failed message back, behind the others.
    pub fn put_back(&self, queue: Queue, message: Delivered) {
        lock(&self.inner).queues.entry(queue).or_default().push_back(message);
    }

    /// How many wait.
    pub fn len(&self, queue: Queue) -> usize {
        lock(&self.inner).queues.get(&queue).map_or(0, VecDeque::len)
    }

    /// Nothing waits anywhere.
    pub fn is_empty(&self) -> bool {
        lock(&self.inner).queues.values().all(VecDeque::is_empty)
    }
}

#[async_trait]
impl Queues for MemoryQueues {
    async fn send(&self, queue: Queue, messages: Vec<OutMessage>) -> Result<(), QueueError> {
        let mut inner = lock(&self.inner);
        for message in messages {
            inner.sent += 1;
            let id = format!("{queue:?}-{}", inner.sent);
            inner.queues.entry(queue).or_default().push_back(Delivered { id, body: message.body, receives: 0 });
        }
        Ok(())
    }
}
