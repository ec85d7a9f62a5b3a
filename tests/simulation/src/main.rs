//! `harmonia-simulation --seeds 1..=20000`: plays seeds, on every core; prints the first that fails, and why.

#![allow(clippy::print_stdout, reason = "this is what it says")]

use clap::Parser;
use harmonia_simulation::{Shared, play, play_tale, tales, trace_tale};
use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
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
    /// Plays the tales about telling merchants instead of seeds, each with a death at every moment.
    #[arg(long)]
    tales: bool,
    /// With `--trace`: only this one, by its number.
    #[arg(long)]
    tale: Option<usize>,
    /// With `--tale`: somebody dies at this moment.
    #[arg(long)]
    dies_at: Option<u64>,
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
    if let Some(number) = arguments.tale {
        let wrong = trace_tale(number, arguments.dies_at, &shared);
        println!("{wrong:#?}");
        return if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if arguments.trace { 1 } else { arguments.threads.unwrap_or(cores) };
    if arguments.tales {
        return all_tales(&shared, threads, arguments.all);
    }
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

/// Every tale; prints those that fail, or the first.
fn all_tales(shared: &Shared, threads: usize, all: bool) -> ExitCode {
    let (names, next, began) = (tales(), AtomicUsize::new(0), Instant::now());
    let failed: Mutex<BTreeMap<usize, Vec<String>>> = Mutex::default();
    let told = AtomicU64::new(0);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let over = !all && !failed.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
            if number >= names.len() || over {
                return;
            }
            let (moments, wrong) = play_tale(number, shared);
            told.fetch_add(moments + 1, Ordering::Relaxed);
            if !wrong.is_empty() {
                failed.lock().unwrap_or_else(PoisonError::into_inner).insert(number, wrong);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{} tales, told {} times in {} ms", names.len(), told.into_inner(), began.elapsed().as_millis());
    for (number, wrong) in &failed {
        println!("tale {number} fails:");
        for what in wrong {
            println!("  {what}");
        }
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
