//! `harmonia identifiers`: whose tills there are.

use crate::{
    Failure,
    registry::{Place, Registry},
    reopen::follow,
    table::table,
};
use harmonia_domain::{
    feed::{Scheme, Slug},
    identifier::Identifier,
};
use harmonia_stages::registry::{
    CsvReject, Listed, Onboarded, read_identifiers, read_offboard, read_onboard, read_patch, read_triple,
};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(clap::Subcommand)]
pub(crate) enum Action {
    /// Onboard the rows of a CSV file whose action is A (no header, ten columns: payment scheme, identifier, type,
    /// merchant, location id, merchant internal id, merchant name, location, postcode, action).
    Import {
        /// The file.
        file: PathBuf,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
    },
    /// Onboard `{"identifiers": [{"identifier", "identifier_type", "loyalty_plan", "payment_scheme", "location_id"?,
    /// "merchant_internal_id"?}]}`.
    Onboard {
        /// The file.
        file: PathBuf,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
    },
    /// Change an identifier's location id or merchant internal id.
    Patch {
        /// visa, mastercard or amex.
        scheme: String,
        /// primary, secondary or psimi.
        kind: String,
        /// Its text.
        identifier: String,
        /// The merchant's name of the place.
        #[arg(long)]
        location_id: Option<String>,
        /// The merchant's own id of the brand or till.
        #[arg(long)]
        merchant_internal_id: Option<String>,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
    },
    /// Offboard `{"identifiers": [{"identifier", "identifier_type", "payment_scheme"}], "locations": [],
    /// "loyalty_plan"?}`; locations are those of that merchant.
    Offboard {
        /// The file.
        file: PathBuf,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
    },
    /// List identifiers with when they were first and last seen on payment lines, and on about how many.
    List {
        /// One merchant's; all defined merchants' unless given.
        #[arg(long)]
        merchant: Option<Slug>,
        /// Those on payment lines that nobody has onboarded, instead.
        #[arg(long, conflicts_with = "merchant")]
        unknown: bool,
    },
}

pub(crate) fn text(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()).into())
}

fn json(file: &Path) -> Result<String, Failure> {
    String::from_utf8(text(file)?).map_err(|_| format!("{}: not UTF-8", file.display()).into())
}

/// Faults of a request with the name of its file.
fn checked<T, E: std::fmt::Display>(file: &Path, read: Result<T, E>) -> Result<T, Failure> {
    read.map_err(|e| format!("{} is not taken:\n{e}", file.display()).into())
}

pub(crate) fn rejected(file: &Path, rejected: &[CsvReject]) {
    for reject in rejected {
        eprintln!("{} {reject}", file.display());
    }
}

pub(crate) async fn run(place: &Place, action: Action) -> Result<ExitCode, Failure> {
    let registry = Registry::open(place).await?;
    let done = act(&registry, action).await;
    registry.close().await?;
    done
}

async fn act(registry: &Registry, action: Action) -> Result<ExitCode, Failure> {
    match action {
        Action::Import { file, dry_run } => {
            let read = read_identifiers(&text(&file)?);
            rejected(&file, &read.rejected);
            println!(
                "{} rows to onboard, {} with another action than A, {} rejected",
                read.identifiers.len(),
                read.ignored,
                read.rejected.len()
            );
            let clean = onboard(registry, &read.identifiers, dry_run).await?;
            Ok(if clean && read.rejected.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Action::Onboard { file, dry_run } => {
            let identifiers = checked(&file, read_onboard(&json(&file)?))?;
            let clean = onboard(registry, &identifiers, dry_run).await?;
            Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Action::Patch { scheme, kind, identifier, location_id, merchant_internal_id, dry_run } => {
            let name = read_triple(&scheme, &kind, &identifier)?;
            let values =
                serde_json::json!({ "location_id": location_id, "merchant_internal_id": merchant_internal_id });
            let patch = read_patch(&values.to_string())?;
            let harmonia = &registry.harmonia;
            let patched =
                if dry_run { harmonia.patched(&name, &patch).await? } else { harmonia.patch(&name, &patch).await? };
            let Some((identifier, change)) = patched else { return Err(format!("{name} is not onboarded").into()) };
            println!("{}", identifiers(&[Listed { identifier, seen: None }]));
            follow(registry, &change, dry_run).await?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Offboard { file, dry_run } => {
            offboard(registry, &file, dry_run).await?;
            Ok(ExitCode::SUCCESS)
        }
        Action::List { merchant, unknown: true } => {
            debug_assert!(merchant.is_none());
            list_unknown(registry).await
        }
        Action::List { merchant, unknown: false } => list(registry, merchant).await,
    }
}

/// `false`: some belong to other merchants, or two merchants claim a text.
async fn onboard(registry: &Registry, wanted: &[Identifier], dry_run: bool) -> Result<bool, Failure> {
    let harmonia = &registry.harmonia;
    let done = if dry_run { harmonia.onboarding(wanted).await? } else { harmonia.onboard(wanted).await? };
    let would = if dry_run { "would be " } else { "" };
    println!("{} of {} {would}onboarded, {} are there already", done.onboarded, done.total, done.known.len());
    let clean = conflicts(&done);
    follow(registry, &done.change, dry_run).await?;
    Ok(clean)
}

fn conflicts(done: &Onboarded) -> bool {
    let others: Vec<_> = done.known.iter().filter(|known| known.owner != known.wanted).collect();
    for known in &others {
        eprintln!("{} belongs to {}: left there, not given to {}", known.identifier, known.owner, known.wanted);
    }
    for ((scheme, text), owners) in &done.disputed {
        let owners: Vec<&str> = owners.iter().map(Slug::as_str).collect();
        eprintln!("{scheme} {text} is claimed by {}: lines that carry it are parked", owners.join(" and "));
    }
    for merchant in &done.undefined {
        eprintln!("{merchant} has no definition: its lines cannot go on until it has one");
    }
    others.is_empty() && done.disputed.is_empty()
}

async fn offboard(registry: &Registry, file: &Path, dry_run: bool) -> Result<(), Failure> {
    let request = checked(file, read_offboard(&json(file)?))?;
    let (missing, change) = if dry_run {
        let (there, missing) = registry.harmonia.offboarding(&request).await?;
        println!("{} identifiers would be offboarded", there.len());
        let change = harmonia_stages::registry::Change::offboarding(there, &missing);
        (missing, change)
    } else {
        let done = registry.harmonia.offboard(&request).await?;
        println!("{} identifiers offboarded", done.deleted);
        (done.missing, done.change)
    };
    for name in missing {
        eprintln!("{name} is not onboarded");
    }
    follow(registry, &change, dry_run).await
}

fn identifiers(listed: &[Listed]) -> comfy_table::Table {
    let header =
        ["merchant", "location", "scheme", "type", "identifier", "internal id", "first seen", "last seen", "lines"];
    let mut shown = table(&header, header.len() - 1);
    for Listed { identifier: i, seen } in listed {
        let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
        let when = |at: Option<jiff::Timestamp>| at.map_or_else(String::new, |at| format!("{at:.0}"));
        shown.add_row([
            i.merchant.to_string(),
            or_empty(&i.location_id),
            i.scheme.to_string(),
            i.kind.to_string(),
            i.text.clone(),
            or_empty(&i.merchant_internal_id),
            when(seen.as_ref().map(|s| s.first)),
            when(seen.as_ref().map(|s| s.last)),
            seen.as_ref().map_or_else(|| "0".to_owned(), |s| s.lines.to_string()),
        ]);
    }
    shown
}

async fn list(registry: &Registry, merchant: Option<Slug>) -> Result<ExitCode, Failure> {
    let merchants = match merchant {
        Some(merchant) => vec![merchant],
        None => registry.harmonia.definitions.iter().map(|d| d.merchant.clone()).collect(),
    };
    let mut listed = Vec::new();
    for merchant in merchants {
        listed.extend(registry.harmonia.identifiers_of(&merchant).await?);
    }
    println!("{}", identifiers(&listed));
    Ok(ExitCode::SUCCESS)
}

async fn list_unknown(registry: &Registry) -> Result<ExitCode, Failure> {
    let mut shown = table(&["scheme", "type", "identifier", "first seen"], 4);
    for scheme in Scheme::ALL {
        for unknown in registry.harmonia.unknown_identifiers(scheme).await? {
            let first = format!("{:.0}", unknown.first);
            shown.add_row([scheme.to_string(), unknown.kind.to_string(), unknown.text, first]);
        }
    }
    println!("{shown}");
    Ok(ExitCode::SUCCESS)
}
