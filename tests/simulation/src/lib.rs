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
mod story;

pub use machine::Shared;

use machine::Machine;
use std::panic::{AssertUnwindSafe, catch_unwind};
use story::Story;

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

/// Everything that is stored when a seed has come to rest, as text: for comparing two runs.
pub fn ending(seed: u64, shared: &Shared) -> String {
    let story = Story::of(seed);
    let mut machine = Machine::new(seed, &story, shared, false);
    let ended = machine.play(&story);
    format!("{ended:?} {:?}", machine.items())
}
