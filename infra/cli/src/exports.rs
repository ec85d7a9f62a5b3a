//! `harmonia exports`, `redrive`, `pause`, `resume`: what was not told, and how merchants are told.

use crate::{
    Failure,
    redress::Reason,
    registry::{Place, Registry},
    table::table,
};
use harmonia_domain::{export::Redress, feed::Slug};
use harmonia_stages::export::{ListedExport, Listing, Redrive};
use jiff::Timestamp;
use std::process::ExitCode;

/// A terminal has room for so many lines.
const SHOWN_MAX: usize = 40;

/// Which exports.
#[derive(clap::Args)]
pub(crate) struct Wanted {
    /// Whose.
    #[arg(long)]
    merchant: Slug,
    /// Those that were given up, that a merchant may have or not, that were not told on purpose, that had nobody to
    /// tell, or whose receiver says in its result files that it did not reward.
    #[arg(long, value_enum, default_value = "failed")]
    state: State,
    /// Only if their reason contains this.
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    /// Only if matched at or after this, e.g. 2024-06-03T00:00:00Z.
    #[arg(long, value_name = "INSTANT")]
    since: Option<Timestamp>,
    /// Only if matched before this.
    #[arg(long, value_name = "INSTANT")]
    until: Option<Timestamp>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum State {
    Failed,
    Unconfirmed,
    Skipped,
    Held,
    Refused,
}

impl Wanted {
    fn listing(&self) -> Listing {
        let state = match self.state {
            State::Failed => Redrive::Failed,
            State::Unconfirmed => Redrive::Unconfirmed,
            State::Skipped => Redrive::Skipped,
            State::Held => Redrive::Held,
            State::Refused => Redrive::Refused,
        };
        let Self { merchant, why, since, until, .. } = self;
        Listing { merchant: merchant.clone(), state, why: why.clone(), since: *since, until: *until }
    }
}

#[derive(clap::Args)]
pub(crate) struct Again {
    #[command(flatten)]
    wanted: Wanted,
    /// Who does it.
    #[arg(long)]
    by: String,
    /// At most so many a minute; all at once unless given.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    per_minute: Option<u32>,
    /// List what would be sent, send nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Args)]
pub(crate) struct Pause {
    /// Whose exports wait; matching goes on.
    merchant: Slug,
    #[command(flatten)]
    reason: Reason,
}

#[derive(clap::Args)]
pub(crate) struct Resume {
    /// Whose exports go out again.
    merchant: Slug,
    /// Who does it.
    #[arg(long)]
    by: String,
}

async fn open(place: &Place) -> Result<Registry, Failure> {
    Registry::open_existing(place).await
}

pub(crate) async fn list(place: &Place, wanted: &Wanted) -> Result<ExitCode, Failure> {
    let registry = open(place).await?;
    let listed = registry.harmonia.list_exports(&wanted.listing()).await;
    let control = registry.harmonia.control(&wanted.merchant).await;
    registry.close().await?;
    let (exports, more) = listed?;
    if let Some(Redress { by, on, why }) = control?.and_then(|control| control.paused) {
        println!("{} is paused by {by} since {on}: {why}", wanted.merchant);
    }
    show(&exports, more);
    Ok(ExitCode::SUCCESS)
}

fn show(exports: &[ListedExport], more: bool) {
    if exports.is_empty() {
        println!("none");
        return;
    }
    let mut shown = table(&["payment", "matched", "why", "attempts"], 3);
    for export in exports.iter().take(SHOWN_MAX) {
        let ListedExport { payment, matched, attempts, why, .. } = export;
        shown.add_row([payment.clone(), matched.to_string(), why.clone(), attempts.to_string()]);
    }
    println!("{shown}");
    match exports.len().checked_sub(SHOWN_MAX) {
        Some(left) if left > 0 => println!("… and {left}{} more", if more { " or" } else { "" }),
        _ if more => println!("… and more"),
        _ => {}
    }
}

pub(crate) async fn redrive(place: &Place, options: &Again) -> Result<ExitCode, Failure> {
    let listing = options.wanted.listing();
    let registry = open(place).await?;
    if options.dry_run {
        let listed = registry.harmonia.list_exports(&listing).await;
        registry.close().await?;
        let (exports, more) = listed?;
        println!("{} exports would be sent again; nothing was changed", exports.len());
        show(&exports, more);
        return Ok(ExitCode::SUCCESS);
    }
    let done = registry.harmonia.redrive(&listing, options.per_minute, &options.by).await;
    registry.close().await?;
    let (sent, more) = done?;
    println!("{sent} exports are on their way again, each with its own id and key");
    if more {
        println!("there are more: repeat this");
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn pause(place: &Place, options: &Pause) -> Result<ExitCode, Failure> {
    let registry = open(place).await?;
    let done = registry.harmonia.pause(&options.merchant, &options.reason.words()?).await;
    registry.close().await?;
    let merchant = &options.merchant;
    println!(
        "{}",
        if done? {
            format!("{merchant} is paused: matching goes on, its exports wait")
        } else {
            format!("{merchant} was paused already")
        }
    );
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn resume(place: &Place, options: &Resume) -> Result<ExitCode, Failure> {
    let registry = open(place).await?;
    let done = registry.harmonia.resume(&options.merchant, &options.by).await;
    registry.close().await?;
    let merchant = &options.merchant;
    println!(
        "{}",
        if done? {
            format!("{merchant} is told again: what waited is due at the next minute")
        } else {
            format!("{merchant} was not paused")
        }
    );
    Ok(ExitCode::SUCCESS)
}
