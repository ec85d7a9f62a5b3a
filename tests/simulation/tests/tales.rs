//! Every tale about telling merchants, with a death at every moment of it (issue "every export, delivered"). One that
//! fails is printed; `cargo run -p harmonia-simulation -- --tale NUMBER --dies-at MOMENT --trace` tells it again.

#![allow(clippy::unwrap_used, reason = "a test")]

use harmonia_simulation::{Shared, play_tale, tales};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Every tale has these: the export's verdict, what the merchant is asked, and the end of the invocation.
const MOMENTS_MIN: u64 = 3;

#[test]
fn nothing_is_lost_and_nothing_is_told_twice_whoever_dies() {
    let (shared, names, next) = (Shared::new().unwrap(), tales(), AtomicUsize::new(0));
    let work = || {
        let (mut told, mut failing) = (0, Vec::new());
        while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            let number = names.iter().position(|other| other == name).unwrap();
            let (moments, wrong) = play_tale(number, &shared);
            told += moments;
            failing.extend((!wrong.is_empty()).then_some((number, wrong)));
            if moments < MOMENTS_MIN {
                failing.push((number, vec![format!("{name} has {moments} moments")]));
            }
        }
        (told, failing)
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let played: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let moments: u64 = played.iter().map(|(told, _)| told).sum();
    println!("{} tales, {moments} moments", names.len());
    assert_eq!(played.into_iter().flat_map(|(_, failing)| failing).collect::<Vec<_>>(), []);
}
