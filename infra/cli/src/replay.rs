//! `harmonia replay`: conformance cases and what differs.

use comfy_table::{Table, presets};
use harmonia_local::replay::{Case, Difference, ReplayError, compare, load, run as run_case};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

async fn one(path: &Path) -> Result<(Case, Value), ReplayError> {
    let (case, surroundings) = load(path)?;
    let result = run_case(&case, &surroundings).await?;
    Ok((case, result))
}

fn is_case(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name != "world.json")
}

/// Runs the cases; exits 1 if one differs or cannot be run.
pub(crate) async fn run(paths: &[PathBuf], json: bool) -> ExitCode {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["case", "result"]);
    let (mut agree, mut all) = (0, 0);
    for path in paths.iter().filter(|p| is_case(p)) {
        all += 1;
        match one(path).await {
            Err(e) => {
                eprintln!("harmonia: {}: {e}", path.display());
                table.add_row([path.display().to_string(), "cannot be run".to_owned()]);
            }
            Ok((_, result)) if json => {
                agree += 1;
                println!("{result}");
            }
            Ok((case, result)) => {
                let differences = compare(&case, &result);
                agree += usize::from(differences.is_empty());
                table.add_row([case.name.clone(), told(&case, &differences)]);
                differences.iter().for_each(print_difference);
            }
        }
    }
    if !json {
        println!("{table}\n{agree} of {all} cases agree");
    }
    if agree == all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn told(case: &Case, differences: &[Difference]) -> String {
    if differences.is_empty() {
        let unchecked = case.unchecked.join(", ");
        return if unchecked.is_empty() { "agrees".to_owned() } else { format!("agrees (unchecked: {unchecked})") };
    }
    let sections: Vec<&str> = differences.iter().map(|d| d.section.as_str()).collect();
    format!("differs: {}", sections.join(", "))
}

fn print_difference(difference: &Difference) {
    let Difference { section, missing, extra } = difference;
    for (what, rows) in [("missing", missing), ("extra", extra)] {
        for row in rows {
            println!("  {section}: {what} {row}");
        }
    }
}
