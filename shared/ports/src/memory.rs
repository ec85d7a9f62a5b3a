//! In-memory twins of the ports (the queues' is the local cloud's `MemoryMailbox`, which also plays their consumers):
//! exact, deterministic, and able to fail by seed in the ways that the real services do and embedded engines never do.

mod events;
mod faults;
mod objects;
mod tables;

pub use events::MemoryEvents;
pub use faults::Faults;
pub use objects::MemoryObjects;
pub use tables::MemoryTables;

use crate::Clock;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock whose poisoning is of no interest: nothing panics while holding it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A clock that stands still until it is set.
#[derive(Debug)]
pub struct SetClock(Mutex<Timestamp>);

impl SetClock {
    /// A clock that shows `at`.
    pub fn new(at: Timestamp) -> Self {
        Self(Mutex::new(at))
    }

    /// Sets the clock.
    pub fn set(&self, at: Timestamp) {
        *lock(&self.0) = at;
    }

    /// Moves the clock forward; it never runs out in practice (year 9999).
    pub fn advance(&self, by: SignedDuration) {
        let mut now = lock(&self.0);
        *now = now.saturating_add(by).unwrap_or(*now);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }
}
