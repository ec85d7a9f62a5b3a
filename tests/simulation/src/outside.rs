//! The merchants and the user directory, over a line that drops requests and answers, and a record of what merchants
//! were told under which key.

use crate::dice::Dice;
use async_trait::async_trait;
use harmonia_domain::ids::sha256_hex;
use harmonia_local::partners::PlayedPartners;
use harmonia_ports::{Call, Web, WebAnswer};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What was told: the hashes of the bodies under each key.
pub(crate) type Told = BTreeMap<String, BTreeSet<String>>;

struct Inner {
    dice: Dice,
    per_mille: u64,
    told: Told,
}

/// The line to the partners.
pub(crate) struct Outside {
    pub(crate) partners: Arc<PlayedPartners>,
    inner: Mutex<Inner>,
}

impl Outside {
    pub(crate) fn new(partners: Arc<PlayedPartners>, seed: u64, per_mille: u64) -> Self {
        let inner = Inner { dice: Dice::new(seed), per_mille, told: Told::new() };
        Self { partners, inner: Mutex::new(inner) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // a panic while holding it is a failing seed anyway
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn end_faults(&self) {
        self.inner().per_mille = 0;
    }

    pub(crate) fn told(&self) -> Told {
        self.inner().told.clone()
    }

    fn fails(&self) -> bool {
        let mut inner = self.inner();
        let per_mille = inner.per_mille;
        inner.dice.per_mille(per_mille)
    }
}

/// By what a merchant recognises a repetition (spec match §9.3, §9.11).
fn key_of(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    match text("message_uid") {
        uid if uid.is_empty() => format!("receipt {}", text("ReceiptNo")),
        uid => format!("batch {uid}"),
    }
}

#[async_trait]
impl Web for Outside {
    async fn send(&self, call: Call) -> WebAnswer {
        if self.fails() {
            return WebAnswer::NotSent { why: "refused (injected)" };
        }
        if call.tells {
            let (key, hash) = (key_of(&call.body), sha256_hex(&call.body));
            self.inner().told.entry(key).or_default().insert(hash);
        }
        let answer = self.partners.send(call).await;
        if self.fails() {
            return WebAnswer::Unknown { why: "the answer was lost (injected)" };
        }
        answer
    }
}
