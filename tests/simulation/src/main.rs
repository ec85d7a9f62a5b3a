//! `harmonia-simulation --seeds 1..=20000`: plays seeds, on every core; prints the first that fails, and why.

#![allow(clippy::print_stdout, reason = "this is what it says")]

use clap::Parser;
use harmonia_simulation::{Shared, play};
use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// Plays whole lives of the pipeline, each by its seed.
#[derive(Parser)]
struct Arguments {
    /// Seeds, as `1..=20000`, or one.
    #[arg(long, default_value = "1..=1000", value_parser = seeds)]
    seeds: RangeInclusive<u64>,
    /// Threads; as many as there are cores if not given.
    #[arg(long)]
    threads: Option<usize>,
    /// Says everything that happens.
    #[arg(long)]
    trace: bool,
    /// Goes on after a failing seed and counts them.
    #[arg(long)]
    all: bool,
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number = |text: &str| text.trim().parse::<u64>().map_err(|e| format!("{text}: {e}"));
    match text.split_once("..=") {
        Some((from, to)) => Ok(number(from)?..=number(to)?),
        None => Ok(number(text)?..=number(text)?),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let shared = match Shared::new() {
        Ok(shared) => shared,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    if arguments.trace {
        tracing_subscriber::fmt().without_time().with_writer(std::io::stdout).init();
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if arguments.trace { 1 } else { arguments.threads.unwrap_or(cores) };
    let (next, last) = (AtomicU64::new(*arguments.seeds.start()), *arguments.seeds.end());
    let failed: Mutex<BTreeMap<u64, Vec<String>>> = Mutex::default();
    let began = Instant::now();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let over = !arguments.all && !failed.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
            if seed > last || over {
                return;
            }
            let wrong = play(seed, &shared, arguments.trace);
            if !wrong.is_empty() {
                failed.lock().unwrap_or_else(PoisonError::into_inner).insert(seed, wrong);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let played = next.load(Ordering::Relaxed).min(last.saturating_add(1)) - arguments.seeds.start();
    let per_s = u128::from(played) * 1000 / began.elapsed().as_millis().max(1);
    println!("{played} seeds in {} s, {per_s} a second", began.elapsed().as_secs());
    for (seed, wrong) in &failed {
        println!("seed {seed} fails:");
        for what in wrong {
            println!("  {what}");
        }
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
