//! Seeds in the test suite: the first hundred, and 500 that nobody has played before. A seed that fails is printed;
//! `cargo run -p harmonia-simulation -- --seeds SEED --trace` plays it again.

#![allow(clippy::unwrap_used, reason = "a test")]

use harmonia_simulation::{Shared, ending, play};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// Issue "the simulator": 500 fresh seeds in CI.
const FRESH: u64 = 500;

/// The same in every run.
const FIXED: u64 = 100;

/// What is wrong, by seed.
fn failing(shared: &Shared, seeds: &[u64]) -> Vec<(u64, Vec<String>)> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut failing = Vec::new();
        while let Some(seed) = seeds.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap()) {
            let wrong = play(*seed, shared, false);
            if !wrong.is_empty() {
                failing.push((*seed, wrong));
            }
        }
        failing
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

#[test]
fn fixed_seeds_pass() {
    let shared = Shared::new().unwrap();
    assert_eq!(failing(&shared, &(1..=FIXED).collect::<Vec<_>>()), []);
}

#[test]
fn fresh_seeds_pass() {
    let shared = Shared::new().unwrap();
    let first = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let seeds: Vec<u64> = (first..first + FRESH).collect();
    assert_eq!(failing(&shared, &seeds), [], "of the seeds {first}..={}", first + FRESH - 1);
}

/// A seed is all there is: played again, it tells the same story to the last byte.
#[test]
fn a_seed_reproduces() {
    let shared = Shared::new().unwrap();
    for seed in 1..=20 {
        assert_eq!(ending(seed, &shared), ending(seed, &shared), "seed {seed}");
    }
}
