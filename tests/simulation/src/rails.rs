//! Trains (design §3), as Step Functions plays them: an execution has a name that is used once, waits for its minute,
//! calls `deliver` round by round, is retried when a call fails, and may fail for good.

use crate::dice::Dice;
use async_trait::async_trait;
use harmonia_ports::{Train, TrainError, Trains};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// As `Retry` in deliver.asl.json: after the first failure 2 s, then twice as long, four times.
const RETRIES_MAX: u32 = 4;

/// How trains go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Railway {
    /// They leave by themselves; else whatever is due is the tick's.
    pub(crate) leave: bool,
    /// In a thousand: executions that fail before they call anybody.
    pub(crate) doomed: u64,
    /// In a thousand: executions that leave later than their minute.
    pub(crate) late: u64,
    /// In a thousand: calls of `ensure` that fail, half of them after they made the train.
    pub(crate) refusing: u64,
}

#[derive(Debug, Clone, Copy)]
enum Stands {
    /// Calls when the instant has come.
    Waits { next: Timestamp, round: u64, failures: u32 },
    /// A call is under way.
    Calls { round: u64, failures: u32 },
    /// It has ended, well or not. Its name is used up.
    Ended,
}

struct Inner {
    executions: BTreeMap<Train, Stands>,
    dice: Dice,
    railway: Railway,
    refused: u64,
}

/// All trains.
pub(crate) struct Rails(Mutex<Inner>);

impl Rails {
    pub(crate) fn new(seed: u64, railway: Railway) -> Self {
        Self(Mutex::new(Inner { executions: BTreeMap::new(), dice: Dice::new(seed), railway, refused: 0 }))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // a panic while holding it is a failing seed anyway
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The weather clears up. Executions that have failed stay as they are.
    pub(crate) fn end_faults(&self) {
        let railway = &mut self.inner().railway;
        *railway = Railway { leave: railway.leave, ..Railway::default() };
    }

    /// When the next call is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let inner = self.inner();
        let waiting = inner.executions.values().filter_map(|stands| match stands {
            Stands::Waits { next, .. } => Some(*next),
            _ => None,
        });
        waiting.min()
    }

    /// The event of a call that is due, and its train.
    pub(crate) fn call(&self, now: Timestamp) -> Option<(Train, Value)> {
        let mut inner = self.inner();
        let due = inner.executions.iter_mut().find_map(|(train, stands)| match *stands {
            Stands::Waits { next, round, failures } if next <= now => {
                *stands = Stands::Calls { round, failures };
                Some((train.clone(), round))
            }
            _ => None,
        });
        let (train, round) = due?;
        let Train { merchant, minute } = &train;
        let event = json!({ "v": 1, "k": "train", "merchant": merchant, "minute": minute, "round": round });
        Some((train, event))
    }

    /// What came of a call; none if nobody answered.
    pub(crate) fn called(&self, train: &Train, answer: Option<&Value>, now: Timestamp) {
        let mut inner = self.inner();
        let Some(stands) = inner.executions.get_mut(train) else { return };
        let Stands::Calls { round, failures } = *stands else { return };
        *stands = match answer {
            Some(answer) if answer["more"] == true => {
                Stands::Waits { next: now, round: answer["round"].as_u64().unwrap_or(round + 1), failures: 0 }
            }
            Some(_) => Stands::Ended,
            None if failures >= RETRIES_MAX => Stands::Ended,
            None => {
                let next = now + SignedDuration::from_secs(2 << failures);
                Stands::Waits { next, round, failures: failures + 1 }
            }
        };
    }

    /// Is somebody going to come, or has somebody come in vain?
    pub(crate) fn has(&self, train: &Train) -> bool {
        self.inner().executions.contains_key(train)
    }

    /// Calls of `ensure` that failed.
    pub(crate) fn refused(&self) -> u64 {
        self.inner().refused
    }
}

#[async_trait]
impl Trains for Rails {
    async fn ensure(&self, train: &Train) -> Result<(), TrainError> {
        let inner = &mut *self.inner();
        if !inner.railway.leave {
            return Ok(());
        }
        let Railway { doomed, late, refusing, .. } = inner.railway;
        let refused = inner.dice.per_mille(refusing);
        if refused {
            inner.refused += 1;
        }
        if !refused || inner.dice.one_in(2) {
            let minute = train.minute;
            // around the five minutes after which the tick takes over
            let late_s = if inner.dice.per_mille(late) { *inner.dice.pick(&[30, 290, 300, 310, 330, 700]) } else { 0 };
            let stands = if inner.dice.per_mille(doomed) {
                Stands::Ended
            } else {
                Stands::Waits { next: minute + SignedDuration::from_secs(late_s), round: 0, failures: 0 }
            };
            // the name is used once: one that is there, or was, is fine
            inner.executions.entry(train.clone()).or_insert(stands);
        }
        let failure = TrainError { name: train.name(), why: "the answer was lost (injected)".to_owned() };
        if refused { Err(failure) } else { Ok(()) }
    }

    fn leave(&self) -> bool {
        self.inner().railway.leave
    }
}
