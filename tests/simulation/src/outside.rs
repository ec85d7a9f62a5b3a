//! The merchants and the user directory, over a line that drops requests and answers: by chance, or by a script.

use crate::dice::Dice;
use async_trait::async_trait;
use harmonia_local::partners::PlayedPartners;
use harmonia_ports::{Call, Web, WebAnswer};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What happens to a request that tells, or to a file, other than well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Odd {
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It does not leave.
    NotSent,
    /// A gateway's error.
    Unavailable,
    /// The merchant has not heard of the purchase; it says so where its protocol has words for it.
    NotYet,
    /// The merchant does not take it.
    Refused,
}

/// What happens to the first requests that tell. Used up, everything goes well.
#[derive(Debug, Default)]
pub(crate) struct Script(Mutex<Vec<Odd>>);

impl Script {
    /// The first `times` ones.
    pub(crate) fn first(times: usize, odd: Option<Odd>) -> Self {
        Self(Mutex::new(odd.into_iter().cycle().take(times).collect()))
    }

    pub(crate) fn next(&self) -> Option<Odd> {
        // a panic while holding it is a failing seed anyway
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// What was said over the line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// Requests to merchants, whatever for.
    pub(crate) asked: u64,
    /// Requests that tell of which nobody knows what became.
    pub(crate) lost: u64,
}

struct Inner {
    dice: Dice,
    per_mille: u64,
    said: Said,
}

/// The line to the partners.
pub(crate) struct Outside {
    pub(crate) partners: Arc<PlayedPartners>,
    inner: Mutex<Inner>,
    script: Arc<Script>,
}

impl Outside {
    pub(crate) fn new(partners: Arc<PlayedPartners>, seed: u64, per_mille: u64, script: Arc<Script>) -> Self {
        let inner = Inner { dice: Dice::new(seed), per_mille, said: Said::default() };
        Self { partners, inner: Mutex::new(inner), script }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // a panic while holding it is a failing seed anyway
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn end_faults(&self) {
        self.inner().per_mille = 0;
    }

    pub(crate) fn said(&self) -> Said {
        self.inner().said
    }

    fn fails(&self) -> bool {
        let mut inner = self.inner();
        let per_mille = inner.per_mille;
        inner.dice.per_mille(per_mille)
    }

    fn lost(&self, tells: bool) -> WebAnswer {
        self.inner().said.lost += u64::from(tells);
        WebAnswer::Unknown { why: "the answer was lost (injected)" }
    }
}

fn response(status: u16, body: &str) -> WebAnswer {
    WebAnswer::Response { status, retry_after: None, body: body.as_bytes().to_vec() }
}

/// In the merchant's words, where it has any (spec match §9.7, §9.11).
fn not_yet(url: &str) -> WebAnswer {
    let message = if url.contains("/wasabi") {
        "Receipt No not found"
    } else if url.contains("/stonegate") {
        "Transaction with this account was not found"
    } else {
        return response(503, "");
    };
    response(200, &format!(r#"{{"Error":null,"Message":"{message}"}}"#))
}

#[async_trait]
impl Web for Outside {
    async fn send(&self, call: Call) -> WebAnswer {
        self.inner().said.asked += u64::from(!call.url.contains("/payment_cards/"));
        let tells = call.tells;
        match if tells { self.script.next() } else { None } {
            Some(Odd::NotSent) => return WebAnswer::NotSent { why: "refused (injected)" },
            Some(Odd::Unavailable) => return response(503, ""),
            Some(Odd::NotYet) => return not_yet(&call.url),
            Some(Odd::Refused) => return response(400, "{}"),
            Some(Odd::AnswerLost) => {
                self.partners.send(call).await;
                return self.lost(tells);
            }
            None => {}
        }
        if self.fails() {
            return WebAnswer::NotSent { why: "refused (injected)" };
        }
        let answer = self.partners.send(call).await;
        if self.fails() { self.lost(tells) } else { answer }
    }
}
