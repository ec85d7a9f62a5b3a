//! `harmonia demo`: one trading day, and what came of it.

use crate::{Failure, generate::Size, merchants::merchants, status::feeds, table::table};
use harmonia_definitions::Definitions;
use harmonia_gen::Plan;
use harmonia_local::{
    demo::{Outcome, Progress, run as play},
    local::Folder,
    partners::PartnerReport,
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{collections::BTreeMap, fs, process::ExitCode};

/// Tells a folder of a demo from one with a person's work in it.
const MARK: &str = "demo";

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    size: Size,
}

pub(crate) async fn run(folder: &Folder, options: &Options) -> Result<ExitCode, Failure> {
    let mark = folder.path().join(MARK);
    if folder.path().exists() && !mark.exists() {
        let shown = folder.path().display();
        return Err(format!("{shown} holds other work: name another --state, or `harmonia reset` it").into());
    }
    folder.reset()?;
    fs::create_dir_all(folder.path())?;
    let plan = options.size.plan(Plan::default().day);
    fs::write(&mark, plan.seed.to_string())?;
    let definitions = Definitions::shipped()?;
    let (all, merchants) = (definitions.feeds().count(), definitions.iter().count());
    println!(
        "One trading day, seed {}: {all} feeds, {merchants} merchants, partners that sometimes fail.\n",
        plan.seed
    );
    let bar = ProgressBar::no_length();
    let style = ProgressStyle::with_template("{msg:14} {bar:32} {pos}/{len} deliveries {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let outcome = play(folder, &plan, &|progress| match progress {
        Progress::Start(all) => {
            bar.set_length(u64::try_from(all).unwrap_or_default());
            bar.set_message("feeds");
        }
        Progress::Dropped(number) => bar.set_position(u64::try_from(number).unwrap_or_default()),
        Progress::AllDropped => bar.set_message("until quiet"),
        Progress::Served(_) => bar.tick(),
    })
    .await?;
    bar.finish_and_clear();
    print(&outcome);
    let good = outcome.violations.is_empty() && outcome.dead_letters.is_empty();
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What partners were asked, by path and answer; the directory's path ends in the merchant, of which there are many.
fn requests(partners: &PartnerReport) -> BTreeMap<(&str, u16), u64> {
    let mut all = BTreeMap::new();
    for (path, statuses) in &partners.requests {
        let path = if path.starts_with("/payment_cards/") { "user directory" } else { path.as_str() };
        for (status, count) in statuses {
            *all.entry((path, *status)).or_default() += count;
        }
    }
    all
}

fn print(outcome: &Outcome) {
    println!("{}\n", feeds(&outcome.rows.files));
    println!("{}\n", merchants(&outcome.rows));
    let mut open = table(&["open payments", "count"], 1);
    for (why, count) in &outcome.open {
        open.add_row([why.clone(), count.to_string()]);
    }
    println!("{open}\n");
    let mut exports = table(&["exports", "count"], 1);
    for (standing, count) in &outcome.exports {
        exports.add_row([standing.clone(), count.to_string()]);
    }
    println!("{exports}\n");
    let mut calls = table(&["partner", "answer", "requests"], 1);
    for ((path, status), count) in requests(&outcome.partners) {
        calls.add_row([path.to_owned(), status.to_string(), count.to_string()]);
    }
    println!("{calls}\n");
    let score = &outcome.score;
    println!(
        "exports      {} of {} that have to be: precision {}, recall {}",
        score.right,
        score.expected,
        score.precision(),
        score.recall()
    );
    let (rewarded, again) = (outcome.partners.rewarded(), outcome.partners.recognised());
    println!("rewarded     {rewarded} purchases and lines, each once ({again} told again and recognised by their key)");
    let (lines, millis) = (u128::from(outcome.lines), outcome.took.as_millis().max(1));
    println!("speed        {lines} lines in {millis} ms: {} lines/s", lines * 1000 / millis);
    let (read, write) = outcome.consumed;
    println!("consumed     {} read units, {} write units", read / 10, write / 10);
    let audit = &outcome.audit;
    println!("audit log    {} entries in {} segments, {} seals", audit.entries, audit.segments, audit.seals);
    if outcome.violations.is_empty() {
        println!("invariants   all hold");
    }
    for violation in &outcome.violations {
        println!("BROKEN       invariant {}: {}", violation.invariant, violation.what);
    }
    for (queue, count) in &outcome.dead_letters {
        println!("DEAD LETTERS {count} in {queue}-dlq");
    }
    println!("\nNext: `harmonia status` shows each file; `harmonia gen --out sample`, then `harmonia --state mine up");
    println!(
        "--world sample/world.json` and `harmonia --state mine drop FILE --feed FEED` play with feeds of your own."
    );
}
