//! `harmonia verify`: is the audit log whole, and do rows and log agree with the invariants? Of a stack every row is
//! read and held in memory, about a kilobyte each, which no function may; `--log` leaves rows out.

use crate::{Failure, registry::Place, table::table};
use harmonia_local::{
    invariants::{Violation, check},
    local::{Verified, verified},
};
use harmonia_runtime::SystemClock;
use jiff::civil::Date;
use std::{process::ExitCode, sync::Arc};

/// A terminal has room for so many.
const VIOLATIONS_SHOWN_MAX: usize = 20;
/// Hold only when nothing is under way: files are finished, and nothing that could be matched is open.
const AT_REST_ONLY: [u8; 2] = [1, 4];
/// Holds of the log by itself.
const OF_THE_LOG: u8 = 8;
/// What each invariant that rows and log can tell of is called.
const CHECKS: [(u8, &str); 6] = [
    (1, "every line of every file has one outcome"),
    (2, "a payment and a sale are in one match at most"),
    (3, "one export for each match"),
    (4, "nothing that could be matched is open"),
    (6, "matches and open lines are explained"),
    (8, "the audit log is whole and knows every change"),
];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Trust this day's seal and walk the audit log from there.
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// Check the log by itself, without reading a row.
    #[arg(long)]
    log: bool,
}

pub(crate) async fn run(place: &Place, options: &Options) -> Result<ExitCode, Failure> {
    let found = match place {
        Place::Folder(folder) => verified(folder, Arc::new(SystemClock), options.from, !options.log).await?,
        #[cfg(feature = "aws")]
        Place::Stack => crate::aws::verified_stack(options.from, options.log).await?,
    };
    let mut violations = check(&found.rows);
    violations.retain(|violation| found.at_rest || !AT_REST_ONLY.contains(&violation.invariant));
    violations.extend(found.audit.violations.iter().cloned());
    println!("{}\n", log(&found));
    println!("{}", checks(&found, &violations, options.log));
    for violation in violations.iter().take(VIOLATIONS_SHOWN_MAX) {
        println!("{violation}");
    }
    if violations.len() > VIOLATIONS_SHOWN_MAX {
        println!("… and {} more", violations.len() - VIOLATIONS_SHOWN_MAX);
    }
    Ok(if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn log(found: &Verified) -> comfy_table::Table {
    let report = &found.audit.report;
    let mut shown = table(&["audit log", ""], 2);
    shown.add_row(["segments", &report.segments.to_string()]);
    shown.add_row(["entries", &report.entries.to_string()]);
    shown.add_row(["of them delivered twice", &report.repeats.to_string()]);
    shown.add_row(["seals", &report.seals.to_string()]);
    if let Some((seq, sha256)) = &report.last {
        shown.add_row(["last segment", &format!("{seq}, {sha256}")]);
    }
    if let Some(seal) = &report.sealed {
        shown.add_row(["last seal", &format!("{}, of segment {}", seal.date, seal.seq)]);
    }
    if found.running {
        shown.add_row(["changes that wait", "a running cloud takes them up"]);
    } else {
        shown.add_row(["changes that wait", &found.waiting.to_string()]);
    }
    shown
}

fn checks(found: &Verified, violations: &[Violation], log_only: bool) -> comfy_table::Table {
    let mut shown = table(&["", "invariant", ""], 3);
    for (invariant, words) in CHECKS {
        let broken = violations.iter().filter(|v| v.invariant == invariant).count();
        let result = result(invariant, broken, found.at_rest, log_only);
        shown.add_row([invariant.to_string(), words.to_owned(), result]);
    }
    shown
}

/// What is known of an invariant that is broken so often.
fn result(invariant: u8, broken: usize, at_rest: bool, log_only: bool) -> String {
    match broken {
        0 if log_only && invariant == OF_THE_LOG => "the log is whole; no row was read".to_owned(),
        0 if log_only => "not checked: no row was read".to_owned(),
        0 if AT_REST_ONLY.contains(&invariant) && !at_rest => "not checked: work is under way".to_owned(),
        0 => "holds".to_owned(),
        n => format!("broken {n} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was not looked at does not hold.
    #[test]
    fn only_what_was_checked_holds() {
        let holds = |at_rest, log_only| CHECKS.map(|(invariant, _)| result(invariant, 0, at_rest, log_only) == "holds");
        assert_eq!(holds(true, false), [true; 6]);
        assert_eq!(holds(false, false), [false, true, true, false, true, true]);
        assert_eq!(holds(true, true), [false; 6]);
        assert_eq!(result(OF_THE_LOG, 2, true, true), "broken 2 times");
    }
}
