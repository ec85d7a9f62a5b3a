//! The merchants and the user directory, over a line that drops requests and answers.

use crate::dice::Dice;
use async_trait::async_trait;
use harmonia_local::partners::PlayedPartners;
use harmonia_ports::{Call, Web, WebAnswer};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

struct Inner {
    dice: Dice,
    per_mille: u64,
}

/// The line to the partners.
pub(crate) struct Outside {
    pub(crate) partners: Arc<PlayedPartners>,
    inner: Mutex<Inner>,
}

impl Outside {
    pub(crate) fn new(partners: Arc<PlayedPartners>, seed: u64, per_mille: u64) -> Self {
        let inner = Inner { dice: Dice::new(seed), per_mille };
        Self { partners, inner: Mutex::new(inner) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // a panic while holding it is a failing seed anyway
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn end_faults(&self) {
        self.inner().per_mille = 0;
    }

    fn fails(&self) -> bool {
        let mut inner = self.inner();
        let per_mille = inner.per_mille;
        inner.dice.per_mille(per_mille)
    }
}

#[async_trait]
impl Web for Outside {
    async fn send(&self, call: Call) -> WebAnswer {
        if self.fails() {
            return WebAnswer::NotSent { why: "refused (injected)" };
        }
        let answer = self.partners.send(call).await;
        if self.fails() {
            return WebAnswer::Unknown { why: "the answer was lost (injected)" };
        }
        answer
    }
}
