//! Where handlers wait their turn: before every effect.

use crate::dice::Dice;
use async_trait::async_trait;
use harmonia_local::around::{Around, Kind};
use std::{
    pin::Pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
};

/// The gate before every port call.
pub(super) struct Gate {
    dice: Mutex<Dice>,
    /// What has been changed since anybody asked.
    wrote: AtomicU8,
    /// One change a turn, and a death at one of them, for stories that meet every one.
    strict: Option<Mutex<Strict>>,
}

/// Where a story stands that is played once for every moment at which somebody may die: before each change, and before
/// the end of each invocation. Whatever is read in between, a death there is a death after the last change.
#[derive(Debug, Default)]
struct Strict {
    /// This turn's change may still be made.
    free: bool,
    /// Somebody is at work whose moments count.
    counts: bool,
    /// Moments so far.
    moments: u64,
    /// At which of them, counted from 1, somebody dies.
    dies_at: Option<u64>,
    /// It is that moment.
    dies: bool,
}

impl Strict {
    /// Comes to a moment; false if somebody dies at it.
    fn lives(&mut self) -> bool {
        if self.counts {
            self.moments += 1;
            self.dies |= self.dies_at == Some(self.moments);
        }
        !self.dies
    }
}

impl Gate {
    pub(super) fn new(seed: u64) -> Self {
        Self { dice: Mutex::new(Dice::new(seed)), wrote: AtomicU8::new(0), strict: None }
    }

    /// One change a turn; somebody dies at the moment `dies_at`.
    pub(super) fn strict(seed: u64, dies_at: Option<u64>) -> Self {
        let strict = Strict { dies_at, ..Strict::default() };
        Self { strict: Some(Mutex::new(strict)), ..Self::new(seed) }
    }

    fn dice(&self) -> MutexGuard<'_, Dice> {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_strict<T: Default>(&self, work: impl FnOnce(&mut Strict) -> T) -> T {
        let strict = self.strict.as_ref().map(|strict| strict.lock().unwrap_or_else(PoisonError::into_inner));
        strict.map(|mut strict| work(&mut strict)).unwrap_or_default()
    }

    /// Somebody's turn begins; `counts`: moments of theirs are counted.
    pub(super) fn turn(&self, counts: bool) {
        self.with_strict(|strict| (strict.free, strict.counts) = (true, counts));
    }

    /// Whoever had the turn dies. `ended`: nothing was left to do but to say so.
    pub(super) fn died(&self, ended: bool) -> bool {
        self.with_strict(|strict| {
            if ended {
                strict.lives();
            }
            std::mem::take(&mut strict.dies)
        })
    }

    /// Moments so far.
    pub(super) fn moments(&self) -> u64 {
        self.with_strict(|strict| strict.moments)
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
    async fn before(&self, kind: Kind) {
        if self.strict.is_some() {
            if kind != Kind::Read {
                Change(self).await;
            }
            return;
        }
        let turns = match self.dice().below(8) {
            0 => 4,
            1 | 2 => 2,
            _ => 1,
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

/// Pending until this turn's change is this one: any of those that an invocation could make now.
struct Change<'a>(&'a Gate);

impl Future for Change<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mine = self.0.dice().one_in(2);
        let goes_on = self.0.with_strict(|strict| {
            let goes_on = mine && strict.free && !strict.dies && strict.lives();
            strict.free &= !goes_on;
            goes_on
        });
        if goes_on {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
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
