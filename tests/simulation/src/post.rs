//! The queues, with everything that SQS may do: any order, late, twice, again although it was deleted.

use crate::dice::Dice;
use async_trait::async_trait;
use harmonia_local::mailbox::Received;
use harmonia_ports::{Clock, OutMessage, Queue, QueueError, Queues, memory::SetClock};
use harmonia_runtime::batch::Visibility;
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// As `maxReceiveCount` in template.yaml. Receives are counted in calm weather only: what bad weather alone does is no
/// reason to give up.
const RECEIVES_MAX: u32 = harmonia_local::cloud::RECEIVES_MAX;
/// As the visibility timeouts in template.yaml.
const HIDDEN_S: i64 = 360;

#[derive(Debug, Clone)]
struct Letter {
    /// The message's id, which its copies share.
    id: u64,
    body: String,
    sent: Timestamp,
    visible: Timestamp,
    receives: u32,
    /// Which receipt is the newest: no other one deletes (SQS, `DeleteMessage`).
    received: u64,
}

#[derive(Debug)]
struct Inner {
    last: u64,
    queues: BTreeMap<String, BTreeMap<u64, Letter>>,
    dead: Vec<(String, String)>,
    dice: Dice,
    /// Tricks left.
    tricks: u32,
    per_mille: u64,
}

/// The queues.
pub(crate) struct Post {
    inner: Mutex<Inner>,
    clock: Arc<SetClock>,
}

impl Inner {
    fn trick(&mut self) -> bool {
        let plays = self.tricks > 0 && self.dice.per_mille(self.per_mille);
        if plays {
            self.tricks -= 1;
        }
        plays
    }
}

fn seconds(n: i64) -> SignedDuration {
    SignedDuration::from_secs(n)
}

impl Post {
    /// Empty queues that play at most `tricks` tricks, each time with a chance of `per_mille`.
    pub(crate) fn new(seed: u64, clock: Arc<SetClock>, tricks: u32, per_mille: u64) -> Self {
        let dice = Dice::new(seed);
        let inner = Inner { last: 0, queues: BTreeMap::new(), dead: Vec::new(), dice, tricks, per_mille };
        Self { inner: Mutex::new(inner), clock }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // a panic while holding it is a failing seed anyway
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No more tricks.
    pub(crate) fn end_faults(&self) {
        self.inner().tricks = 0;
    }

    /// Sends from outside.
    pub(crate) fn post(&self, queue: &str, body: String) {
        let now = self.clock.now();
        self.put(queue, body, now, 0);
    }

    fn put(&self, queue: &str, body: String, now: Timestamp, delay_s: i64) {
        let mut inner = self.inner();
        let mut visible = now + seconds(delay_s);
        if inner.trick() {
            // late: by seconds, or by more than everything else takes
            let late = *inner.dice.pick(&[1, 7, 61, 400, 4_000]);
            visible += seconds(late);
        }
        inner.last += 1;
        let n = inner.last;
        let letter = Letter { id: n, body, sent: now, visible, receives: 0, received: 0 };
        inner.queues.entry(queue.to_owned()).or_default().insert(n, letter);
    }

    /// Queues with a message that can be received now.
    pub(crate) fn waiting(&self) -> Vec<String> {
        let (inner, now) = (self.inner(), self.clock.now());
        let ready = inner.queues.iter().filter(|(_, letters)| letters.values().any(|l| l.visible <= now));
        ready.map(|(name, _)| name.clone()).collect()
    }

    /// Receives up to `max` messages, whichever.
    pub(crate) fn receive(&self, queue: &str, max: usize, calm: bool) -> Vec<Received> {
        let (mut inner, now) = (self.inner(), self.clock.now());
        let inner = &mut *inner;
        let Some(letters) = inner.queues.get(queue) else { return Vec::new() };
        let mut ready: Vec<u64> = letters.iter().filter(|(_, l)| l.visible <= now).map(|(n, _)| *n).collect();
        inner.dice.shuffle(&mut ready);
        let mut taken = Vec::new();
        for n in ready.into_iter().take(max) {
            // a server that did not hear of this keeps a copy, which somebody else receives and has to acknowledge
            let copied = inner.trick();
            let Some(letters) = inner.queues.get_mut(queue) else { break };
            if calm && letters.get(&n).is_some_and(|l| l.receives >= RECEIVES_MAX) {
                let body = letters.remove(&n).map(|l| l.body).unwrap_or_default();
                inner.dead.push((queue.to_owned(), body));
                continue;
            }
            let Some(letter) = letters.get_mut(&n) else { continue };
            letter.receives += u32::from(calm);
            let copy = copied.then(|| letter.clone());
            letter.visible = now + seconds(HIDDEN_S);
            letter.received += 1;
            taken.push(Received {
                id: format!("{queue}-{}", letter.id),
                receipt: format!("{queue}/{n}/{}", letter.received),
                body: letter.body.clone(),
                sent: letter.sent,
                receives: letter.receives.max(1),
            });
            if let Some(copy) = copy {
                inner.last += 1;
                letters.insert(inner.last, copy);
            }
        }
        taken
    }

    /// Acknowledges, which SQS may forget.
    pub(crate) fn delete(&self, queue: &str, receipt: &str) {
        let mut inner = self.inner();
        if inner.trick() {
            return;
        }
        let Some((n, received)) = parts(receipt) else { return };
        if let Some(letters) = inner.queues.get_mut(queue)
            && letters.get(&n).is_some_and(|letter| letter.received == received)
        {
            letters.remove(&n);
        }
    }

    /// When the next message can be received; none if there is none.
    pub(crate) fn next_visible(&self) -> Option<Timestamp> {
        self.inner().queues.values().flat_map(BTreeMap::values).map(|l| l.visible).min()
    }

    /// What ended in a dead-letter queue: queue and body.
    pub(crate) fn dead(&self) -> Vec<(String, String)> {
        self.inner().dead.clone()
    }
}

/// Which message, and the how manieth receive of it.
fn parts(receipt: &str) -> Option<(u64, u64)> {
    let mut parts = receipt.split('/').skip(1).map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[async_trait]
impl Queues for Post {
    async fn send(&self, queue: Queue, messages: Vec<OutMessage>) -> Result<(), QueueError> {
        let now = self.clock.now();
        let failure = |why: &str| Err(QueueError { queue: queue.as_str().to_owned(), why: why.to_owned() });
        if self.inner().trick() {
            // some are sent, some are not, nobody knows which
            for message in messages {
                if self.inner().dice.one_in(2) {
                    self.put(queue.as_str(), message.body, now, i64::from(message.delay_s));
                }
            }
            return failure("the answer was lost (injected)");
        }
        for message in messages {
            self.put(queue.as_str(), message.body, now, i64::from(message.delay_s));
        }
        Ok(())
    }
}

#[async_trait]
impl Visibility for Post {
    async fn hide(&self, _: &str, receipt: &str, hide_s: u32) -> Result<(), QueueError> {
        let until = self.clock.now() + seconds(i64::from(hide_s));
        let queue = receipt.split('/').next().unwrap_or_default();
        if let Some((n, _)) = parts(receipt)
            && let Some(letter) = self.inner().queues.get_mut(queue).and_then(|letters| letters.get_mut(&n))
        {
            letter.visible = until;
        }
        Ok(())
    }
}
