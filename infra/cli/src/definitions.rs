//! `harmonia definitions`: what makes a merchant work, checked, tried on a sample, and put to use on this machine.

use crate::{Failure, table::table};
use harmonia_definitions::Definition;
use harmonia_domain::{feed::Transport, line::Till, outcome::Reject};
use harmonia_feeds::{FileFormat, Numbered, Record, read_file, read_sale_message};
use harmonia_local::local::Folder;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Lines of a sample that are shown; the rest is counted.
const LINES_SHOWN_MAX: usize = 50;

#[derive(clap::Subcommand)]
pub(crate) enum Action {
    /// Check a definition, and show what it makes of a sample of the merchant's lines. Nothing is stored.
    Check {
        /// The TOML file.
        file: PathBuf,
        /// A file of lines as the merchant sends them; for a feed of messages, one JSON document a line.
        #[arg(long)]
        sample: Option<PathBuf>,
    },
    /// Check a definition and use it on this machine, beside those shipped or in the place of one.
    Add {
        /// The TOML file.
        file: PathBuf,
    },
    /// List the definitions in force.
    List,
}

pub(crate) fn run(folder: &Folder, action: &Action) -> Result<ExitCode, Failure> {
    match action {
        Action::Check { file, sample } => {
            let definition = read(file)?;
            println!("{}: {} version {} can be followed", file.display(), definition.merchant, definition.version);
            sample.as_deref().map_or(Ok(()), |sample| try_on(&definition, sample))?;
        }
        Action::Add { file } => {
            let definition = read(file)?;
            let own = folder.own_definitions();
            std::fs::create_dir_all(&own).map_err(|e| format!("{}: {e}", own.display()))?;
            let path = own.join(format!("{}.toml", definition.merchant));
            std::fs::copy(file, &path).map_err(|e| format!("{}: {e}", path.display()))?;
            println!("{} is used from the next start on: {}", definition.merchant, path.display());
        }
        Action::List => list(folder)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<Definition, Failure> {
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|e| format!("{shown}: {e}"))?;
    Ok(Definition::from_toml(&text, &shown)?)
}

fn list(folder: &Folder) -> Result<(), Failure> {
    let mut shown = table(&["merchant", "version", "feed", "payments are", "streamed", "told"], 6);
    for definition in folder.definitions()?.iter() {
        let feed = match &definition.feed {
            Some(feed) if feed.transport == Transport::Message => "messages",
            Some(_) => "files",
            None if definition.results.is_some() => "results",
            None => "-",
        };
        let matched = definition.route.matched.map_or("stored".to_owned(), |how| format!("{how:?}").to_lowercase());
        let streamed: Vec<String> = definition.route.stream.iter().map(|k| k.as_str().to_lowercase()).collect();
        let told = if definition.export.is_some() { "yes" } else { "not yet" };
        shown.add_row([definition.merchant.as_str(), &definition.version, feed, &matched, &streamed.join(" "), told]);
    }
    println!("{shown}");
    Ok(())
}

/// What the definition makes of each line of a sample.
fn try_on(definition: &Definition, sample: &Path) -> Result<(), Failure> {
    let shown = sample.display();
    let bytes = std::fs::read(sample).map_err(|e| format!("{shown}: {e}"))?;
    let feed = definition.feed.as_ref().filter(|feed| feed.transport == Transport::Message);
    let records: Vec<Numbered> = match feed {
        None => read_file(FileFormat::Merchant(definition), &bytes).map_err(|e| format!("{shown}: {e}"))?.collect(),
        Some(feed) => (1..)
            .zip(bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()))
            .map(|(line, message)| Numbered { line, offset: 0, record: read_sale_message(feed, message) })
            .collect(),
    };
    let mut lines = table(&["line", "becomes", "id", "at", "amount", "card", "till", "code"], 8);
    for numbered in records.iter().take(LINES_SHOWN_MAX) {
        lines.add_row(row(numbered));
    }
    println!("\n{lines}");
    if records.len() > LINES_SHOWN_MAX {
        println!("... and {} more", records.len() - LINES_SHOWN_MAX);
    }
    Ok(())
}

fn row(numbered: &Numbered) -> Vec<String> {
    let line = numbered.line.to_string();
    match &numbered.record {
        Record::Sale(sale) => {
            let till = match &sale.till {
                Till::Mid(mid) => mid.clone(),
                Till::Location(location) => format!("location {location}"),
            };
            let digits = |digits: &Option<String>| digits.clone().unwrap_or_default();
            vec![
                line,
                "a sale".to_owned(),
                sale.id.clone(),
                sale.at.to_string(),
                format!("{} {}", sale.amount.0, sale.currency),
                format!("{} {}…{}", sale.scheme, digits(&sale.first_six), digits(&sale.last_four)),
                till,
                sale.auth_code.clone(),
            ]
        }
        Record::Result(result) => vec![
            line,
            format!("a result: {}", result.result),
            result.uid.clone(),
            result.at.map(|at| at.to_string()).unwrap_or_default(),
            result.amount.map(|amount| amount.0.to_string()).unwrap_or_default(),
            String::new(),
            result.location.clone().unwrap_or_default(),
            String::new(),
        ],
        Record::Skipped(reason) => vec![line, format!("left out: {}", reason.0)],
        Record::Repeated { .. } => vec![line, "a duplicate".to_owned()],
        Record::Rejected(Reject { field, reason, class }) => {
            vec![line, format!("rejected: {field}: {} ({} value)", words(reason), words(class))]
        }
        Record::Payment(_) => vec![line, "a payment".to_owned()],
    }
}

/// The name of a reason as reports write it.
fn words<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
