//! Counts the effects of the stages and kills the process before a chosen one: the kill test draws its moments over
//! effects, not over time, so that every kind of moment is met (issue "the main job").

use crate::around::{Around, Kind};
use async_trait::async_trait;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counter.
#[derive(Debug, Default)]
pub struct Effects {
    count: AtomicU64,
    kill_before: Option<u64>,
}

impl Effects {
    /// Kills the process before its `kill_before`-th effect, counted from 1.
    pub fn new(kill_before: Option<u64>) -> Self {
        Self { count: AtomicU64::new(0), kill_before }
    }

    /// Effects so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn effect(&self) {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if self.kill_before == Some(number) {
            // as by `kill -9`: nothing is flushed, no destructor runs
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    }
}

#[async_trait]
impl Around for Effects {
    async fn before(&self, kind: Kind) {
        if kind != Kind::Read {
            self.effect();
        }
    }

    /// A call to the outside counts twice: before it is sent, and when its answer is there.
    async fn after(&self, kind: Kind) {
        if kind == Kind::Web {
            self.effect();
        }
    }
}
