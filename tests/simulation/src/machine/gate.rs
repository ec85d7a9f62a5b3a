//! Where handlers wait their turn: before every effect.

use crate::dice::Dice;
use async_trait::async_trait;
use harmonia_local::around::{Around, Kind};
use std::{
    pin::Pin,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

/// The gate before every port call.
pub(super) struct Gate {
    dice: Mutex<Dice>,
    /// What has been changed since anybody asked.
    wrote: AtomicU8,
}

impl Gate {
    pub(super) fn new(seed: u64) -> Self {
        Self { dice: Mutex::new(Dice::new(seed)), wrote: AtomicU8::new(0) }
    }

    /// What has been changed since the last call.
    pub(super) fn wrote(&self) -> Wrote {
        match self.wrote.swap(0, Ordering::Relaxed) {
            0 => Wrote::Nothing,
            1 => Wrote::One,
            _ => Wrote::Several,
        }
    }
}

/// What the last turn changed: the moment after it is the more dangerous, the more that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrote {
    Nothing,
    One,
    /// A transaction: most of them are claims.
    Several,
}

#[async_trait]
impl Around for Gate {
    /// Once, so that others may come first; now and then longer, so that the calls that one invocation makes at once
    /// come in any order.
    async fn before(&self, _kind: Kind) {
        let turns = {
            let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
            match dice.below(8) {
                0 => 4,
                1 | 2 => 2,
                _ => 1,
            }
        };
        Turns(turns).await;
    }

    async fn after(&self, kind: Kind) {
        let much = match kind {
            Kind::Read => 0,
            Kind::Write | Kind::Web => 1,
            Kind::Transact => 2,
        };
        self.wrote.fetch_max(much, Ordering::Relaxed);
    }
}

/// Pending so often.
struct Turns(u32);

impl Future for Turns {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
