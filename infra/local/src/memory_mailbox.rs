//! Queues in memory, for `replay` and simulation: the same semantics as [`crate::durable::queues`], and the rules that
//! both share.

use crate::mailbox::{Mailbox, Received, Sight, name_of};
use async_trait::async_trait;
use harmonia_ports::{Clock, OutMessage, Queue, QueueError, Queues};
use harmonia_runtime::batch::Visibility;
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Ends the name of every dead-letter queue.
const DEAD_SUFFIX: &str = "-dlq";
const MICROS: i64 = 1_000_000;

pub(crate) fn failure(queue: &str, why: &dyn fmt::Display) -> QueueError {
    QueueError { queue: queue.to_owned(), why: why.to_string() }
}

pub(crate) fn is_dead(queue: &str) -> bool {
    queue.ends_with(DEAD_SUFFIX)
}

/// Where a message goes instead of being received once more; a dead-letter queue keeps what it has.
pub(crate) fn burial_of(queue: &str, receives: u32, receives_max: u32) -> Option<String> {
    // a queue that would bury what nobody has seen is a mistake, not a wish
    (receives >= receives_max.max(1) && !is_dead(queue)).then(|| format!("{queue}{DEAD_SUFFIX}"))
}

/// A message keeps its id when it moves to the dead-letter queue, as in SQS.
pub(crate) fn message_id(queue: &str, n: i64) -> String {
    format!("{}-{n}", queue.strip_suffix(DEAD_SUFFIX).unwrap_or(queue))
}

/// Not the id, so that whoever confuses the two is found out.
pub(crate) fn receipt_of(n: i64) -> String {
    n.to_string()
}

pub(crate) fn number_of(queue: &str, receipt: &str) -> Result<i64, QueueError> {
    receipt.parse().map_err(|_| failure(queue, &"no receipt of this queue"))
}

/// Instants are kept in whole microseconds.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(crate) fn instant_of(micros: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(micros).ok()
}

pub(crate) fn after_seconds(at: Timestamp, seconds: u32) -> i64 {
    micros(at).saturating_add(i64::from(seconds).saturating_mul(MICROS))
}

#[derive(Debug)]
struct Message {
    body: String,
    visible: i64,
    receives: u32,
}

/// Sent, number: the order of delivery.
type Place = (i64, i64);

#[derive(Debug, Default)]
struct Inner {
    last: i64,
    queues: BTreeMap<String, BTreeMap<Place, Message>>,
    /// When each message was sent, by number.
    sent: BTreeMap<i64, i64>,
}

impl Inner {
    fn insert(&mut self, queue: &str, body: String, sent: Timestamp, delay_s: u32) -> i64 {
        self.last = self.last.saturating_add(1);
        let (n, sent, visible) = (self.last, micros(sent), after_seconds(sent, delay_s));
        self.sent.insert(n, sent);
        self.queue(queue).insert((sent, n), Message { body, visible, receives: 0 });
        n
    }

    fn queue(&mut self, queue: &str) -> &mut BTreeMap<Place, Message> {
        self.queues.entry(queue.to_owned()).or_default()
    }

    fn place_of(&self, n: i64) -> Option<Place> {
        self.sent.get(&n).map(|sent| (*sent, n))
    }

    fn take(&mut self, queue: &str, max: usize, sight: Sight, receives_max: u32) -> Vec<Received> {
        let (until, hidden_until) = match sight {
            Sight::At(now, seconds) => (micros(now), Some(after_seconds(now, seconds))),
            Sight::All => (i64::MAX, None),
        };
        let mut taken = Vec::new();
        let mut dead = Vec::new();
        for (place, message) in self.queue(queue).iter_mut().filter(|(_, m)| m.visible <= until) {
            if taken.len() == max {
                break;
            }
            if let Some(to) = burial_of(queue, message.receives, receives_max) {
                dead.push((*place, to));
                continue;
            }
            message.receives = message.receives.saturating_add(1);
            message.visible = hidden_until.unwrap_or(message.visible);
            taken.push(Received {
                id: message_id(queue, place.1),
                receipt: receipt_of(place.1),
                body: message.body.clone(),
                sent: instant_of(place.0).unwrap_or(Timestamp::MAX),
                receives: message.receives,
            });
        }
        for (place, to) in dead {
            if let Some(message) = self.queue(queue).remove(&place) {
                self.queue(&to).insert(place, Message { visible: place.0, ..message });
            }
        }
        taken
    }
}

/// Queues in memory.
pub struct MemoryMailbox {
    inner: Mutex<Inner>,
    clock: Arc<dyn Clock>,
}

impl MemoryMailbox {
    /// Empty queues.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { inner: Mutex::default(), clock }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // nothing panics while holding it
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Queues for MemoryMailbox {
    async fn send(&self, queue: Queue, messages: Vec<OutMessage>) -> Result<(), QueueError> {
        let (mut inner, now) = (self.inner(), self.clock.now());
        for message in messages {
            inner.insert(queue.as_str(), message.body, now, u32::from(message.delay_s));
        }
        Ok(())
    }
}

#[async_trait]
impl Visibility for MemoryMailbox {
    async fn hide(&self, queue_arn: &str, receipt_handle: &str, seconds: u32) -> Result<(), QueueError> {
        let queue = name_of(queue_arn);
        let n = number_of(queue, receipt_handle)?;
        let until = after_seconds(self.clock.now(), seconds);
        let mut inner = self.inner();
        if let Some(place) = inner.place_of(n)
            && let Some(message) = inner.queue(queue).get_mut(&place)
        {
            message.visible = until;
        }
        Ok(())
    }
}

#[async_trait]
impl Mailbox for MemoryMailbox {
    async fn post(&self, queue: &str, body: String, sent: Timestamp) -> Result<String, QueueError> {
        let n = self.inner().insert(queue, body, sent, 0);
        Ok(message_id(queue, n))
    }

    async fn receive(
        &self,
        queue: &str,
        max: usize,
        sight: Sight,
        receives_max: u32,
    ) -> Result<Vec<Received>, QueueError> {
        Ok(self.inner().take(queue, max, sight, receives_max))
    }

    async fn delete(&self, queue: &str, receipt: &str) -> Result<(), QueueError> {
        let n = number_of(queue, receipt)?;
        let mut inner = self.inner();
        if let Some(place) = inner.place_of(n)
            && inner.queue(queue).remove(&place).is_some()
        {
            inner.sent.remove(&n);
        }
        Ok(())
    }

    async fn count(&self, queue: &str) -> Result<usize, QueueError> {
        Ok(self.inner().queues.get(queue).map_or(0, BTreeMap::len))
    }

    async fn next_visible(&self) -> Result<Option<Timestamp>, QueueError> {
        let inner = self.inner();
        let working = inner.queues.iter().filter(|(name, _)| !is_dead(name)).flat_map(|(_, queue)| queue.values());
        Ok(working.map(|m| m.visible).min().map(|at| instant_of(at).unwrap_or(Timestamp::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::contract;

    #[tokio::test]
    async fn the_memory_twin_keeps_the_contract() {
        contract::all(|clock| Arc::new(MemoryMailbox::new(clock))).await;
    }
}
