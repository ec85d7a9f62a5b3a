//! `harmonia gen`: seeded feeds with known truth, written into a folder.

use crate::{Failure, table::table};
use harmonia_gen::{DropKind, Plan, generate};
use harmonia_local::world::World;
use std::{collections::BTreeMap, fs, path::PathBuf, process::ExitCode};

/// Which day, and how much of it.
#[derive(clap::Args)]
pub(crate) struct Size {
    /// The same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// At least so many payment lines.
    #[arg(long, default_value_t = 2_000)]
    payments: usize,
    /// At least so many sales.
    #[arg(long, default_value_t = 3_000)]
    sales: usize,
}

impl Size {
    pub(crate) fn plan(&self, day: jiff::civil::Date) -> Plan {
        Plan { seed: self.seed, payments: self.payments, sales: self.sales, day }
    }
}

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to: `imports/<feed>/…`, `messages/<feed>.jsonl`, `world.json`, `truth.json`.
    #[arg(long, default_value = "sample", value_name = "FOLDER")]
    out: PathBuf,
    #[command(flatten)]
    size: Size,
    /// The trading day; today unless given.
    #[arg(long)]
    day: Option<jiff::civil::Date>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let day = options.day.unwrap_or_else(|| jiff::Zoned::now().date());
    let plan = options.size.plan(day);
    let generated = generate(&plan);
    let mut messages: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for delivery in &generated.drops {
        match delivery.kind {
            DropKind::Message => {
                let lines = messages.entry(&delivery.feed).or_default();
                lines.extend_from_slice(&delivery.bytes);
                lines.push(b'\n');
            }
            DropKind::File => {
                let folder = options.out.join("imports").join(&delivery.feed);
                fs::create_dir_all(&folder)?;
                fs::write(folder.join(&delivery.name), &delivery.bytes)?;
            }
        }
    }
    fs::create_dir_all(options.out.join("messages"))?;
    for (feed, lines) in messages {
        fs::write(options.out.join("messages").join(format!("{feed}.jsonl")), lines)?;
    }
    fs::write(options.out.join("world.json"), serde_json::to_vec_pretty(&World::of(&generated))?)?;
    fs::write(options.out.join("truth.json"), serde_json::to_vec_pretty(&generated.truth)?)?;
    let mut shown = table(&["feed", "lines"], 1);
    for (feed, truth) in &generated.truth.lines {
        shown.add_row([feed.clone(), truth.read.to_string()]);
    }
    let (pairs, alone) = (generated.truth.pairs.len(), generated.truth.alone.len());
    println!(
        "{shown}\n{pairs} pairs to be found, {alone} purchases and lines to be told without a sale; written to {}",
        options.out.display()
    );
    Ok(ExitCode::SUCCESS)
}
