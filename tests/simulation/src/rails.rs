//! State machines, as Step Functions plays them: an execution has a name that is used once, waits for its minute if it
//! is a train (design §3), calls its function step by step, is retried when a call fails, and may fail for good.

use crate::dice::Dice;
use async_trait::async_trait;
use harmonia_ports::{Execution, Machine, MachineError, Machines};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// As `Retry` in infra/statemachines: after the first failure 2 s, then twice as long, four times.
const RETRIES_MAX: u32 = 4;

/// How executions go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Railway {
    /// They leave by themselves; else the clock and the queues bring everything.
    pub(crate) leave: bool,
    /// In a thousand: executions that fail before they call anybody.
    pub(crate) doomed: u64,
    /// In a thousand: executions that begin later than they should.
    pub(crate) late: u64,
    /// In a thousand: calls of `ensure` that fail, half of them after they started it.
    pub(crate) refusing: u64,
}

/// A call that an execution makes.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The execution's name.
    pub(crate) execution: String,
    pub(crate) machine: Machine,
    pub(crate) event: Value,
}

#[derive(Debug, Clone)]
enum Stands {
    /// Calls when the instant has come.
    Waits { next: Timestamp, event: Value, failures: u32 },
    /// A call is under way.
    Calls { event: Value, failures: u32 },
    /// It has ended, well or not. Its name is used up.
    Ended,
}

struct Run {
    machine: Machine,
    stands: Stands,
    /// Calls after this one.
    next: VecDeque<Value>,
}

struct Inner {
    executions: BTreeMap<String, Run>,
    dice: Dice,
    railway: Railway,
    refused: u64,
}

/// All executions.
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
        let waiting = inner.executions.values().filter_map(|run| match run.stands {
            Stands::Waits { next, .. } => Some(next),
            _ => None,
        });
        waiting.min()
    }

    /// A call that is due.
    pub(crate) fn call(&self, now: Timestamp) -> Option<Call> {
        let mut inner = self.inner();
        inner.executions.iter_mut().find_map(|(name, run)| match &run.stands {
            Stands::Waits { next, event, failures } if *next <= now => {
                let call = Call { execution: name.clone(), machine: run.machine, event: event.clone() };
                run.stands = Stands::Calls { event: event.clone(), failures: *failures };
                Some(call)
            }
            _ => None,
        })
    }

    /// What came of a call; no answer if nobody gave one. A machine hands the answer back as its next event; `items`:
    /// the ranges that it maps over before that.
    pub(crate) fn called(&self, execution: &str, answer: Option<Value>, items: &[Value], now: Timestamp) {
        let mut inner = self.inner();
        let Some(run) = inner.executions.get_mut(execution) else { return };
        let Stands::Calls { event, failures } = run.stands.clone() else { return };
        let pause_s = answer.as_ref().and_then(|answer| answer["pause_s"].as_i64()).unwrap_or(0);
        match answer {
            Some(answer) if answer["next"] == "ranges" => {
                let range = |item: &Value| {
                    let (file, number) = (&answer["file"], &item["number"]);
                    json!({ "v": 1, "k": "range", "t": execution, "file": file, "number": number })
                };
                run.next.extend(items.iter().map(range));
                run.next.push_back(answer);
            }
            Some(answer) if answer["more"] == true => run.next.push_back(answer),
            Some(_) => {}
            None if failures < RETRIES_MAX => {
                let next = now + SignedDuration::from_secs(2 << failures);
                run.stands = Stands::Waits { next, event, failures: failures + 1 };
                return;
            }
            // every range is tried
            None if event["k"] == "range" => {}
            None => run.next.clear(),
        }
        let next = now + SignedDuration::from_secs(pause_s);
        let waits = |event| Stands::Waits { next, event, failures: 0 };
        run.stands = run.next.pop_front().map_or(Stands::Ended, waits);
    }

    /// Is somebody going to come, or has somebody come in vain?
    pub(crate) fn has(&self, execution: &str) -> bool {
        self.inner().executions.contains_key(execution)
    }

    /// Calls of `ensure` that failed.
    pub(crate) fn refused(&self) -> u64 {
        self.inner().refused
    }
}

#[async_trait]
impl Machines for Rails {
    async fn ensure(&self, execution: &Execution) -> Result<(), MachineError> {
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
            let leaves = match execution {
                Execution::Train(train) => train.minute,
                _ => Timestamp::MIN,
            };
            // around the five minutes after which the sweep takes over
            let late_s = if inner.dice.per_mille(late) { *inner.dice.pick(&[30, 290, 300, 310, 330, 700]) } else { 0 };
            let stands = if inner.dice.per_mille(doomed) {
                Stands::Ended
            } else {
                let next = leaves + SignedDuration::from_secs(late_s);
                Stands::Waits { next, event: execution.event(), failures: 0 }
            };
            // the name is used once: one that is there, or was, is fine
            let run = Run { machine: execution.machine(), stands, next: VecDeque::new() };
            inner.executions.entry(execution.name()).or_insert(run);
        }
        let failure = MachineError { name: execution.name(), why: "the answer was lost (injected)".to_owned() };
        if refused { Err(failure) } else { Ok(()) }
    }

    fn run(&self) -> bool {
        self.inner().railway.leave
    }
}
