//! Failures by seed: which call fails how follows from the seed and the number of the call.

use super::lock;
use crate::StoreError;
use std::sync::Mutex;

/// Decides the fate of each call. `per_mille` 0 never fails.
#[derive(Debug)]
pub struct Faults {
    per_mille: u64,
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
        Self { per_mille, state: Mutex::new(seed) }
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
        if self.per_mille == 0 || self.next() % 1000 >= self.per_mille {
            return Fate::Well;
        }
        match self.next() % 3 {
            0 => Fate::Throttle,
            1 => Fate::Conflict,
            _ => Fate::AnswerLost,
        }
    }

    pub(super) fn read(&self) -> Result<(), StoreError> {
        if self.per_mille == 0 || self.next() % 1000 >= self.per_mille { Ok(()) } else { Err(StoreError::Throttled) }
    }
}
