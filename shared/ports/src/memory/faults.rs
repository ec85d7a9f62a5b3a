//! Failures by seed: which call fails how follows from the seed and the number of the call.

use super::lock;
use crate::StoreError;
use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

/// Decides the fate of each call. `per_mille` 0 never fails.
#[derive(Debug)]
pub struct Faults {
    per_mille: u64,
    stale_per_mille: u64,
    over: AtomicBool,
    state: Mutex<u64>,
}

/// What happens to one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is done and answered.
    Well,
    /// It is not done, and says so.
    Throttle,
    /// It is not done, and says so (transactions).
    Conflict,
    /// It is done, and the answer is lost.
    AnswerLost,
}

impl Faults {
    /// Faults of a seed: `per_mille` of a thousand calls fail.
    pub fn new(seed: u64, per_mille: u64) -> Self {
        Self { per_mille, stale_per_mille: 0, over: AtomicBool::new(false), state: Mutex::new(seed) }
    }

    /// The same, and `per_mille` of a thousand eventually consistent reads lag behind.
    #[must_use]
    pub fn lagging(self, per_mille: u64) -> Self {
        Self { stale_per_mille: per_mille, ..self }
    }

    /// From now on everything works.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn strikes(&self, per_mille: u64) -> bool {
        per_mille > 0 && !self.over.load(Ordering::Relaxed) && self.next() % 1000 < per_mille
    }

    /// No faults.
    pub fn none() -> Self {
        Self::new(0, 0)
    }

    /// splitmix64: small, known, and good enough to choose among fates.
    fn next(&self) -> u64 {
        let mut state = lock(&self.state);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn write(&self) -> Fate {
        if !self.strikes(self.per_mille) {
            return Fate::Well;
        }
        match self.next() % 3 {
            0 => Fate::Throttle,
            1 => Fate::Conflict,
            _ => Fate::AnswerLost,
        }
    }

    pub(super) fn read(&self) -> Result<(), StoreError> {
        if self.strikes(self.per_mille) { Err(StoreError::Throttled) } else { Ok(()) }
    }

    /// How many of the last `there` writes an eventually consistent read does not see.
    pub(super) fn lag(&self, there: usize) -> usize {
        if there == 0 || !self.strikes(self.stale_per_mille) {
            return 0;
        }
        let most = u64::try_from(there).unwrap_or(u64::MAX);
        usize::try_from(1 + self.next() % most).unwrap_or(there)
    }
}
