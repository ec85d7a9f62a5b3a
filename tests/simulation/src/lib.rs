//! The whole pipeline on in-memory twins: one thread, one seed. The seed decides the inputs, who goes on between any
//! two effects, which messages come late, twice or in another order, who dies where, what is throttled, which reads
//! lag behind, and how the clock jumps. Then everything works again, and what is at rest is held against the invariants
//! of design §4 by an oracle that shares no code with the engine. A seed that fails, fails again.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test: a panic is a failing seed, and a trace is printed"
)]

mod dice;
mod formats;
mod machine;
mod oracle;
mod outside;
mod post;
mod rails;
mod shelf;
mod story;

pub use machine::Shared;

use machine::Machine;
use std::panic::{AssertUnwindSafe, catch_unwind};
use story::{Story, Tale};

/// Plays a seed; what is wrong at its end, in words.
pub fn play(seed: u64, shared: &Shared, trace: bool) -> Vec<String> {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let story = Story::of(seed);
        let mut machine = Machine::new(seed, &story, shared, trace);
        if let Err(why) = machine.play(&story) {
            return vec![why];
        }
        oracle::wrong(&machine, &story.truth)
    }));
    played.unwrap_or_else(|_| vec!["it panicked".to_owned()])
}

/// Names of the tales about telling merchants.
pub fn tales() -> Vec<String> {
    Tale::all().iter().map(Tale::name).collect()
}

/// Plays a tale once without a death, and once for each moment of telling at which somebody may die. How many moments
/// there were, and what is wrong in the first telling that fails.
pub fn play_tale(number: usize, shared: &Shared) -> (u64, Vec<String>) {
    let Some(tale) = Tale::all().into_iter().nth(number) else { return (0, vec!["there is no such tale".to_owned()]) };
    let shared = shared.of(&tale);
    let (moments, wrong) = tell(&tale, None, &shared, false);
    if !wrong.is_empty() {
        return (moments, named(&tale, None, wrong));
    }
    for dies_at in 1..=moments {
        let (_, wrong) = tell(&tale, Some(dies_at), &shared, false);
        if !wrong.is_empty() {
            return (moments, named(&tale, Some(dies_at), wrong));
        }
    }
    (moments, Vec::new())
}

/// Plays a tale with one death, and says everything that happens.
pub fn trace_tale(number: usize, dies_at: Option<u64>, shared: &Shared) -> Vec<String> {
    let Some(tale) = Tale::all().into_iter().nth(number) else { return vec!["there is no such tale".to_owned()] };
    tell(&tale, dies_at, &shared.of(&tale), true).1
}

fn named(tale: &Tale, dies_at: Option<u64>, wrong: Vec<String>) -> Vec<String> {
    let death = dies_at.map_or_else(|| "nobody dies".to_owned(), |moment| format!("death at moment {moment}"));
    let name = format!("{}, {death}", tale.name());
    wrong.into_iter().map(|what| format!("{name}: {what}")).collect()
}

/// Plays a tale once: moments, and what is wrong at its end.
fn tell(tale: &Tale, dies_at: Option<u64>, shared: &Shared, trace: bool) -> (u64, Vec<String>) {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let story = tale.story(dies_at);
        let mut machine = Machine::new(tale.seed(), &story, shared, trace);
        if let Err(why) = machine.play(&story) {
            return (machine.moments(), vec![why]);
        }
        (machine.moments(), oracle::wrong_in_tale(&machine, &story.truth, tale.exports()))
    }));
    played.unwrap_or_else(|_| (0, vec!["it panicked".to_owned()]))
}

/// Everything that is stored when a seed has come to rest, as text: for comparing two runs.
pub fn ending(seed: u64, shared: &Shared) -> String {
    let story = Story::of(seed);
    let mut machine = Machine::new(seed, &story, shared, false);
    let ended = machine.play(&story);
    format!("{ended:?} {:?}", machine.items())
}
