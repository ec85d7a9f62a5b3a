//! What every implementation of [`Mailbox`] does.

use crate::mailbox::{Mailbox, Received, Sight};
use harmonia_ports::{OutMessage, Queue, memory::SetClock};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

const ARN: &str = "arn:aws:sqs:local:000000000000:match";

/// A mailbox over a clock that shows [`start`].
struct Setting<M> {
    mail: Arc<M>,
    clock: Arc<SetClock>,
}

pub(crate) fn start() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn out(body: &str, delay_s: u16) -> OutMessage {
    OutMessage { body: body.to_owned(), group: None, delay_s }
}

impl<M: Mailbox> Setting<M> {
    fn now(&self) -> Timestamp {
        harmonia_ports::Clock::now(self.clock.as_ref())
    }

    async fn get(&self, queue: &str, max: usize) -> Vec<Received> {
        self.mail.receive(queue, max, Sight::At(self.now(), 30), 3).await.unwrap()
    }

    async fn bodies(&self, queue: &str, max: usize) -> Vec<String> {
        self.get(queue, max).await.into_iter().map(|m| m.body).collect()
    }
}

/// Runs every test on a fresh mailbox.
pub(crate) async fn all<M: Mailbox>(make: impl Fn(Arc<SetClock>) -> Arc<M>) {
    let fresh = || {
        let clock = Arc::new(SetClock::new(start()));
        Setting { mail: make(Arc::clone(&clock)), clock }
    };
    order(fresh()).await;
    sight(fresh()).await;
    delays_and_hiding(fresh()).await;
    dead_letters(fresh()).await;
    names(fresh()).await;
}

/// Oldest first, whatever the order of posting; equal instants in the order of posting; queues are apart.
async fn order<M: Mailbox>(s: Setting<M>) {
    let before = start() - SignedDuration::from_secs(60);
    s.mail.send(Queue::Match, vec![out("b", 0), out("c", 0)]).await.unwrap();
    s.mail.post("match", "a".into(), before).await.unwrap();
    s.mail.post("feed-visa-auth", "other".into(), before).await.unwrap();
    assert_eq!(s.bodies("match", 2).await, ["a", "b"]);
    assert_eq!(s.bodies("match", 9).await, ["c"]);
    assert_eq!(s.bodies("match", 9).await, [""; 0]);
    assert_eq!(s.bodies("nobody's", 9).await, [""; 0]);
    assert_eq!(s.get("feed-visa-auth", 1).await[0].sent, before);
    assert_eq!((s.mail.count("match").await.unwrap(), s.mail.count("nobody's").await.unwrap()), (3, 0));
}

/// What is received is hidden for a while, and acknowledged messages are gone.
async fn sight<M: Mailbox>(s: Setting<M>) {
    assert_eq!(s.mail.next_visible().await.unwrap(), None);
    s.mail.post("match", "a".into(), start()).await.unwrap();
    assert_eq!(s.mail.next_visible().await.unwrap(), Some(start()));
    let first = s.get("match", 1).await.remove(0);
    assert_eq!(s.mail.next_visible().await.unwrap(), Some(start() + SignedDuration::from_secs(30)));
    s.clock.advance(SignedDuration::from_secs(29));
    assert!(s.get("match", 1).await.is_empty());
    s.clock.advance(SignedDuration::from_secs(1));
    let again = s.get("match", 1).await.remove(0);
    assert_eq!((first.receives, again.receives), (1, 2));
    assert_eq!((&first.id, &first.body, first.sent), (&again.id, &again.body, again.sent));

    let all = s.mail.receive("match", 9, Sight::All, 9).await.unwrap();
    assert_eq!((all.len(), all[0].receives), (1, 3), "all means hidden ones too");
    assert!(s.get("match", 1).await.is_empty(), "and leaves them as hidden as they were");

    s.mail.delete("other", &again.receipt).await.unwrap();
    assert_eq!(s.mail.count("match").await.unwrap(), 1, "a receipt is of one queue");
    s.mail.delete("match", &again.receipt).await.unwrap();
    s.mail.delete("match", &again.receipt).await.unwrap();
    assert_eq!((s.mail.count("match").await.unwrap(), s.mail.next_visible().await.unwrap()), (0, None));
    assert!(s.mail.delete("match", &again.id).await.is_err(), "an id is no receipt");
}

async fn delays_and_hiding<M: Mailbox>(s: Setting<M>) {
    s.mail.send(Queue::Match, vec![out("late", 10), out("now", 0)]).await.unwrap();
    let now = s.get("match", 9).await.remove(0);
    assert_eq!(now.body, "now");
    s.mail.hide(ARN, &now.receipt, 120).await.unwrap();
    assert_eq!(s.mail.next_visible().await.unwrap(), Some(start() + SignedDuration::from_secs(10)));
    s.clock.advance(SignedDuration::from_secs(10));
    let late = s.get("match", 9).await.remove(0);
    assert_eq!(late.body, "late");
    s.mail.hide(ARN, &late.receipt, 0).await.unwrap();
    assert_eq!(s.bodies("match", 9).await, ["late"], "hidden for no time is visible");
    s.mail.hide("arn:aws:sqs:local:000000000000:export", &now.receipt, 0).await.unwrap();
    assert!(s.get("match", 9).await.is_empty(), "a receipt is of one queue");
    s.clock.advance(SignedDuration::from_secs(110));
    assert_eq!(s.bodies("match", 9).await, ["late", "now"], "30 s are over, and 120 s");
    s.mail.hide(ARN, "999", 5).await.unwrap();
    assert!(s.mail.hide(ARN, "nonsense", 5).await.is_err());
}

async fn dead_letters<M: Mailbox>(s: Setting<M>) {
    let id = s.mail.post("match", "poison".into(), start()).await.unwrap();
    s.mail.post("match", "good".into(), start()).await.unwrap();
    for receives in 1..=3 {
        let poison = s.get("match", 1).await.remove(0);
        assert_eq!((poison.receives, poison.body.as_str()), (receives, "poison"));
        s.mail.hide(ARN, &poison.receipt, 0).await.unwrap();
    }
    assert_eq!(s.bodies("match", 1).await, ["good"], "the next one comes in its place");
    assert_eq!((s.mail.count("match").await.unwrap(), s.mail.count("match-dlq").await.unwrap()), (1, 1));
    let good = start() + SignedDuration::from_secs(30);
    assert_eq!(s.mail.next_visible().await.unwrap(), Some(good), "dead letters wait for a person");
    let dead = s.get("match-dlq", 9).await.remove(0);
    assert_eq!((dead.id, dead.body.as_str(), dead.sent), (id, "poison", start()));
    let dead = s.mail.receive("match-dlq", 9, Sight::All, 1).await.unwrap().remove(0);
    assert_eq!(s.mail.count("match-dlq-dlq").await.unwrap(), 0, "and stay where they are");
    s.mail.delete("match-dlq", &dead.receipt).await.unwrap();
    assert_eq!(s.mail.count("match-dlq").await.unwrap(), 0);
}

/// An id is one message's for ever.
async fn names<M: Mailbox>(s: Setting<M>) {
    let mut seen = std::collections::BTreeSet::new();
    for queue in ["match", "export", "match"] {
        let id = s.mail.post(queue, "x".into(), start()).await.unwrap();
        let received = s.get(queue, 1).await.remove(0);
        assert_eq!(received.id, id);
        s.mail.delete(queue, &received.receipt).await.unwrap();
        assert!(seen.insert(id), "{seen:?}");
    }
}
