//! What a change of the registry does to parked lines: listed for a dry run, else done.

use crate::{Failure, registry::Registry, status::words, table::table};
use harmonia_matching::Money;
use harmonia_stages::registry::{Change, Reopenable};
use harmonia_state::ParkedName;

/// A terminal has room for so many lines.
const SHOWN_MAX: usize = 40;

/// Lists what would be re-opened, or re-opens it all.
pub(crate) async fn follow(registry: &Registry, change: &Change, dry_run: bool) -> Result<(), Failure> {
    if dry_run {
        let lines = registry.harmonia.reopenable(change).await?;
        println!("{} parked lines would be re-opened; nothing was changed", lines.len());
        show(&lines);
        return Ok(());
    }
    let (mut payments, mut sales) = (0, 0);
    loop {
        let done = registry.harmonia.reopen(change).await?;
        (payments, sales) = (payments + done.payments, sales + done.sales);
        if done.more {
            continue;
        }
        println!("re-opened: {payments} payment lines, {sales} sales");
        if done.goes_on {
            println!("there are more: the state machine reopen goes on with them");
            return Ok(());
        }
        if done.waiting > 0 {
            println!("{} lines wait on: for another identifier, or two merchants claim theirs", done.waiting);
        }
        if done.in_open_files > 0 {
            println!("{} sales are in files that are not closed yet: repeat this then", done.in_open_files);
        }
        return Ok(());
    }
}

fn show(lines: &[Reopenable]) {
    if lines.is_empty() {
        return;
    }
    let mut shown = table(&["", "id", "merchant", "when", "why", "amount"], 5);
    for line in lines.iter().take(SHOWN_MAX) {
        let (what, id) = match &line.line {
            ParkedName::Payment { p, kind } => (format!("{} {kind}", p.scheme), p.id.clone()),
            ParkedName::Sale { id, .. } => (format!("{} sale", line.scheme), id.clone()),
        };
        let (when, why) = (line.at.to_string(), words(&line.why));
        let amount = Money(line.amount, line.currency).to_string();
        shown.add_row([what, id, line.merchant.to_string(), when, why, amount]);
    }
    println!("{shown}");
    if lines.len() > SHOWN_MAX {
        println!("… and {} more", lines.len() - SHOWN_MAX);
    }
}
