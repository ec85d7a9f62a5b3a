//! `harmonia drop`: a file, or messages, as a partner would deliver them.

use crate::Failure;
use harmonia_domain::feed::Feed;
use harmonia_local::{
    durable::Durability,
    local::{Door, Folder},
};
use harmonia_runtime::SystemClock;
use std::{path::PathBuf, process::ExitCode, sync::Arc};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The file. For a feed of messages: one JSON document, or one a line.
    file: PathBuf,
    /// The feed, e.g. wasabi-club or visa-auth.
    #[arg(long)]
    feed: Feed,
    /// It is of the past: its purchases are matched, and nobody is told of them. Files only.
    #[arg(long)]
    backfill: bool,
}

pub(crate) async fn run(folder: &Folder, options: &Options) -> Result<ExitCode, Failure> {
    let shown = options.file.display();
    let bytes = std::fs::read(&options.file).map_err(|e| format!("{shown}: {e}"))?;
    let name = options.file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let door = Door::open(folder, Arc::new(SystemClock), Durability::PowerCut)?;
    if options.backfill && door.is_by_message(&options.feed) {
        return Err(format!("{} comes by message: only files can be of the past", options.feed).into());
    }
    let name = if options.backfill { format!("backfill/{name}") } else { name };
    let count = door.drop_bytes(&options.feed, &name, &bytes).await?;
    println!("{shown}: {count} delivered to {}", options.feed);
    Ok(ExitCode::SUCCESS)
}
