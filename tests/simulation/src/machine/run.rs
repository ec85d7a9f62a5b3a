//! Bad weather, then calm: everything is fed while things fail, handlers die and the clock jumps; then nothing fails
//! any more, the clock jumps over every wait, and all has to come to rest.

use super::{
    Command, Machine, Season, Task, What, call, command, gate::Wrote, insist, invoke, telling, tick, versions,
};
use crate::{
    rails::Call,
    story::{Step, Story},
};
use futures::{executor::block_on, task::noop_waker};
use harmonia_local::aws_events;
use harmonia_ports::{Bucket, Clock, Objects};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

/// Turns of bad weather after everything was fed.
const STORM_TURNS_MAX: usize = 4_000;
/// Turns of calm: far more than any story needs.
const CALM_TURNS_MAX: usize = 400_000;
/// Nobody works longer than this: a queue hides a message for at least six times its function's timeout
/// (template.yaml). That two work on one message at the same time is what copies are for.
const LIFE_S_MAX: i64 = 300;
/// Those who tell do not either: the export function's timeout (template.yaml). An attempt's mark outlives it.
const TELLING_S_MAX: i64 = 60;
/// Within so long the broom of the tables comes by, or does not.
const BROOM_S: i64 = 86_400;
/// Replicas of a table catch up within this.
const REPLICA_S: i64 = 2;

impl Machine {
    /// Plays a story to its end. An error: it does not come to rest.
    pub(crate) fn play(&mut self, story: &Story) -> Result<(), String> {
        self.settle_in(story);
        if self.fair {
            self.season = Season::Calm;
            for step in &story.steps {
                let comes = self.clock.now() + SignedDuration::from_secs(step.after_s);
                self.settle(Some(comes))?;
                self.arrive(&step.input);
            }
        } else {
            self.storm(story.steps.iter().cloned().collect());
        }
        self.calm()
    }

    fn storm(&mut self, mut steps: VecDeque<Step>) {
        self.note(|| format!("{} deliveries, weather {:?}", steps.len(), self.weather));
        let mut turns = 0;
        while turns < STORM_TURNS_MAX {
            turns += usize::from(steps.is_empty());
            self.season = if steps.is_empty() || !self.weather.late { Season::Danger } else { Season::Bad };
            let may_come = steps.front().is_some_and(|step| !step.rested);
            let waiting = self.post.waiting();
            let roll = self.dice.below(100);
            match roll {
                _ if self.tasks.is_empty() && !self.has_work(&waiting) => {
                    let waits = if may_come { false } else { self.wait_in_the_storm(&steps) };
                    match (waits, steps.is_empty()) {
                        (true, _) => turns += 1,
                        (false, true) => return,
                        (false, false) => self.feed(&mut steps),
                    }
                }
                0..8 if may_come => self.feed(&mut steps),
                8..24 if self.tasks.len() < self.weather.at_once => self.start(&waiting),
                24..26 => {
                    let jump = *self.dice.pick(&[0, 0, 1, 1, 5, 30, 400]);
                    self.pass(jump);
                }
                26 if self.season == Season::Danger && self.weather.crashes > 0 && self.weather.aim.is_none() => {
                    self.crash();
                }
                27 if self.weather.ticks > 0 => {
                    self.weather.ticks -= 1;
                    self.spawn(What::Tick);
                }
                _ if self.tasks.is_empty() => self.start(&waiting),
                _ => self.step(),
            }
        }
    }

    /// What failed comes again while the weather is still bad. `false`: nothing does, or it clears up.
    fn wait_in_the_storm(&mut self, steps: &VecDeque<Step>) -> bool {
        let stays = !steps.is_empty() || (self.weather.crashes > 0 && self.dice.below(8) > 0);
        if self.weather.clock {
            return stays && self.wait(None).unwrap_or(false);
        }
        let Some(next) = self.post.next_visible().filter(|_| stays) else { return false };
        let now = self.clock.now();
        self.pass(next.duration_since(now).as_secs().max(0) + 1);
        true
    }

    /// Is there anything to begin with?
    fn has_work(&self, waiting: &[String]) -> bool {
        !waiting.is_empty() || !self.commands.is_empty() || self.train_is_due()
    }

    fn train_is_due(&self) -> bool {
        self.rails.next().is_some_and(|next| next <= self.clock.now())
    }

    fn calm(&mut self) -> Result<(), String> {
        self.note(|| "calm".to_owned());
        self.tables.end_faults();
        self.objects.end_faults();
        self.post.end_faults();
        self.outside.end_faults();
        self.rails.end_faults();
        self.weather.crashes = 0;
        self.season = Season::Calm;
        self.settle(None)?;
        while let Some(command) = self.resumes().or_else(|| self.stuck()) {
            self.commands.push(command);
            self.settle(None)?;
        }
        if self.hours > 0 {
            self.full_hour();
            self.settle(None)?;
        }
        Ok(())
    }

    /// Until nothing is left to do, or until an instant.
    fn settle(&mut self, until: Option<Timestamp>) -> Result<(), String> {
        let at_once = if self.fair { self.weather.at_once } else { 4 };
        for _ in 0..CALM_TURNS_MAX {
            let waiting = self.post.waiting();
            let busy = !self.tasks.is_empty();
            if self.has_work(&waiting) && (!busy || (self.tasks.len() < at_once && self.dice.one_in(5))) {
                self.start(&waiting);
            } else if busy {
                self.step();
            } else if !self.wait(until)? {
                return Ok(());
            }
        }
        Err("does not come to rest".to_owned())
    }

    /// Jumps to whatever comes next, or as far as may be. `false`: nothing comes until then.
    fn wait(&mut self, until: Option<Timestamp>) -> Result<bool, String> {
        if let Some(lacking) = self.without_train() {
            return Err(lacking);
        }
        let due = insist(|| block_on(self.observer.next_due()));
        let train = self.rails.next();
        let now = self.clock.now();
        let away = |at: Timestamp| at.duration_since(now).as_secs().max(0) + i64::from(at > now);
        let next = [self.post.next_visible(), train, due].into_iter().flatten().min();
        if let Some(until) = until.filter(|until| next.is_none_or(|next| next > *until)) {
            self.pass(away(until));
            return Ok(false);
        }
        let Some(next) = next else { return Ok(false) };
        self.pass(away(next));
        if train.is_some_and(|train| train <= next) {
            // it takes along what a tick would look for
            return Ok(true);
        }
        if due.is_some_and(|due| due <= self.clock.now()) {
            let minute = 60 - self.clock.now().as_second().rem_euclid(60);
            self.pass(minute);
            self.set_to_second();
            self.spawn(What::Tick);
        }
        Ok(true)
    }

    /// The tick of the next full hour.
    pub(super) fn full_hour(&mut self) {
        self.hours += 1;
        self.pass(3_600 - self.clock.now().as_second().rem_euclid(3_600));
        self.set_to_second();
        self.spawn(What::Tick);
    }

    /// Ticks come on full minutes.
    fn set_to_second(&self) {
        if let Ok(second) = Timestamp::from_second(self.clock.now().as_second()) {
            self.clock.set(second.max(Timestamp::UNIX_EPOCH));
        }
    }

    /// Time passes.
    fn pass(&mut self, by_s: i64) {
        if by_s <= 0 {
            return;
        }
        if by_s >= REPLICA_S {
            self.tables.caught_up();
        }
        self.clock.advance(SignedDuration::from_secs(by_s));
        if by_s >= BROOM_S && self.dice.one_in(2) {
            self.tables.sweep(self.clock.now().as_second());
        }
        let now = self.clock.now();
        let old = |task: &Task| {
            let most = if task.what.tells() { TELLING_S_MAX } else { LIFE_S_MAX };
            now.duration_since(task.started).as_secs() >= most
        };
        while let Some(n) = self.tasks.iter().position(old) {
            self.kill(n);
        }
        self.note(|| format!("{by_s} s have passed"));
    }

    fn feed(&mut self, steps: &mut VecDeque<Step>) {
        let Some(step) = steps.pop_front() else { return };
        if step.after_s >= LIFE_S_MAX && self.dice.one_in(2) {
            // most of what is under way ends before a long pause
            for _ in 0..2_000 {
                if self.tasks.is_empty() {
                    break;
                }
                self.step();
            }
        }
        self.pass(step.after_s);
        self.arrive(&step.input);
    }

    /// An invocation, or what an operator does.
    fn start(&mut self, waiting: &[String]) {
        if self.train_is_due() && (waiting.is_empty() || self.dice.one_in(2)) {
            let call = self.rails.call(self.clock.now());
            self.note(|| format!("{call:?}"));
            if let Some(call) = call {
                self.spawn(What::Step(call));
                return;
            }
        }
        if let Some(input) = self.commands.pop() {
            if waiting.is_empty() || self.dice.one_in(2) {
                self.spawn(What::Command(input));
                return;
            }
            self.commands.insert(0, input);
        }
        if waiting.is_empty() {
            return;
        }
        let queue = self.dice.pick(waiting).clone();
        let most = match queue.as_str() {
            "import-files" | "ranges" => 1,
            _ if self.fair => 10,
            _ => *self.dice.pick(&[1, 1, 2, 10]),
        };
        let records = self.post.receive(&queue, most, self.season == Season::Calm);
        if !records.is_empty() {
            self.spawn(What::Batch { queue, records });
        }
    }

    fn spawn(&mut self, what: What) {
        let process = self.dice.below(self.processes.len());
        let app = self.processes[process].clone();
        self.started += 1;
        let number = self.started;
        self.note(|| format!("#{number} in process {process}: {}", what.name()));
        let future: futures::future::LocalBoxFuture<'static, _> = match &what {
            What::Batch { queue, records } => {
                let event = aws_events::sqs(queue, records);
                Box::pin(invoke(app, queue.clone(), event))
            }
            What::Command(Command::Registry(input)) => {
                Box::pin(command(app, self.outside.clone(), self.service, input.clone()))
            }
            What::Command(Command::Redress(redress)) => Box::pin(redress.clone().done(app)),
            What::Command(Command::Retry(file)) => Box::pin(telling::tried_again(app, file.clone())),
            What::Command(Command::Telling(merchant, person)) => Box::pin(telling::done(app, merchant, *person)),
            What::Tick => Box::pin(tick(app)),
            What::Step(step) => Box::pin(call(app, step.machine, step.event.clone())),
        };
        let started = self.clock.now();
        self.tasks.push(Task { number, process, what, future, started, asleep_until: 0 });
    }

    /// One task goes on until its next effect. Each effect has an instant of its own.
    fn step(&mut self) {
        self.clock.advance(SignedDuration::from_micros(1));
        self.turn += 1;
        let n = self.next_task();
        let before = self.trace.then(|| versions(&self.tables));
        self.gate.turn(self.tasks[n].what.tells());
        let waker = noop_waker();
        let polled = self.tasks[n].future.as_mut().poll(&mut Context::from_waker(&waker));
        if let Some(before) = before {
            self.tell_changes(n, &before);
        }
        let wrote = self.gate.wrote();
        match polled {
            _ if self.gate.died(polled.is_ready()) => {
                let process = self.tasks[n].process;
                self.kill(n);
                self.processes[process] = self.process();
            }
            Poll::Pending if self.dies(n, wrote) => {
                self.weather.crashes -= 1;
                self.kill(n);
            }
            Poll::Pending => {}
            Poll::Ready(result) => self.end(n, result),
        }
    }

    /// Whose turn it is. Now and then somebody falls asleep between two effects, for as long as others need to begin
    /// and end whole invocations.
    fn next_task(&mut self) -> usize {
        let turn = self.turn;
        let awake: Vec<usize> = (0..self.tasks.len()).filter(|n| self.tasks[*n].asleep_until <= turn).collect();
        let n = if awake.is_empty() { self.dice.below(self.tasks.len()) } else { *self.dice.pick(&awake) };
        if awake.len() > 1 && self.dice.one_in(10) {
            let turns = *self.dice.pick(&[8, 30, 100, 400]);
            self.tasks[n].asleep_until = turn + turns;
            let others: Vec<usize> = awake.into_iter().filter(|other| *other != n).collect();
            return *self.dice.pick(&others);
        }
        n
    }

    /// Dangerous moments are those right after a change, more so after a claim, most so if the messages are cursed.
    fn dies(&mut self, n: usize, wrote: Wrote) -> bool {
        if self.season != Season::Danger || self.weather.crashes == 0 || wrote == Wrote::Nothing {
            return false;
        }
        let (cursed, queue) = match &self.tasks[n].what {
            What::Batch { records, queue } => (records.iter().any(|r| self.cursed.contains(&r.id)), queue.as_str()),
            What::Command(_) => (false, "command"),
            What::Tick => (false, "tick"),
            What::Step(..) => (false, "step"),
        };
        let one_in = match (self.weather.aim, wrote, cursed) {
            (Some(aim), _, _) if aim != queue => return false,
            (Some(_), _, true) => 2,
            (Some(_), Wrote::Several, false) => 3,
            (Some(_), _, false) => 5,
            (None, _, true) => 4,
            (None, Wrote::Several, false) => 8,
            (None, _, false) => 40,
        };
        self.dice.one_in(one_in)
    }

    /// What the task changed in the tables.
    fn tell_changes(
        &self,
        n: usize,
        before: &std::collections::BTreeMap<(harmonia_ports::Table, String, String), (u64, String)>,
    ) {
        let after = versions(&self.tables);
        let number = self.tasks[n].number;
        for (key, now) in &after {
            if before.get(key) != Some(now) {
                self.note(|| format!("  #{number} {} {} {} v{}: {}", key.0.as_str(), key.1, key.2, now.0, now.1));
            }
        }
        for key in before.keys().filter(|key| !after.contains_key(*key)) {
            self.note(|| format!("  #{number} {} {} {} deleted", key.0.as_str(), key.1, key.2));
        }
    }

    fn end(&mut self, n: usize, result: Result<Value, String>) {
        let task = self.tasks.swap_remove(n);
        self.note(|| format!("#{} ends: {result:?}", task.number));
        match (task.what, result) {
            (What::Batch { queue, records }, Ok(answer)) => {
                let failed = aws_events::failed(&answer);
                for record in records.iter().filter(|record| !failed.contains(&record.id)) {
                    self.post.delete(&queue, &record.receipt);
                }
            }
            (What::Command(input), Err(_)) => self.commands.insert(0, input),
            (What::Step(call), answer) => self.stepped(&call, answer.ok()),
            (What::Batch { .. } | What::Tick, Err(_)) | (What::Command(_) | What::Tick, Ok(_)) => {}
        }
    }

    /// An execution goes on, over the ranges of a file if its answer names an object that lists them.
    fn stepped(&self, call: &Call, answer: Option<Value>) {
        let listed = answer.as_ref().and_then(|answer| answer["object"].as_str()).filter(|object| !object.is_empty());
        let items: Vec<Value> = listed.map_or_else(Vec::new, |object| {
            let bytes = insist(|| block_on(self.objects.get(Bucket::Work, object, None)));
            serde_json::from_slice(&bytes).expect("a list of ranges")
        });
        self.rails.called(&call.execution, answer, &items, self.clock.now());
    }

    /// One invocation dies, or a process with all that it does.
    fn crash(&mut self) {
        if self.tasks.is_empty() {
            return;
        }
        self.weather.crashes -= 1;
        let n = self.dice.below(self.tasks.len());
        if self.dice.one_in(3) {
            let process = self.tasks[n].process;
            self.note(|| format!("process {process} dies"));
            while let Some(n) = self.tasks.iter().position(|task| task.process == process) {
                self.kill(n);
            }
            self.processes[process] = self.process();
        } else {
            self.kill(n);
        }
    }

    /// Messages come back by themselves; an operator does it again.
    fn kill(&mut self, n: usize) {
        let task = self.tasks.swap_remove(n);
        self.note(|| format!("#{} dies", task.number));
        self.deaths += 1;
        match task.what {
            What::Step(call) => self.stepped(&call, None),
            What::Command(input) => self.commands.insert(0, input),
            What::Batch { records, .. } => self.cursed.extend(records.into_iter().map(|record| record.id)),
            What::Tick => {}
        }
    }
}
