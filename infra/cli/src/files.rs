//! `harmonia files`: files that are not finished, and those that a person tries again.

use crate::{
    Failure,
    registry::{Place, Registry},
    table::table,
};
use harmonia_domain::file::FileState;
use harmonia_state::file_key;
use std::process::ExitCode;

#[derive(clap::Subcommand)]
pub(crate) enum Action {
    /// List the files that are being imported, and those that are stuck.
    List,
    /// Send the ranges of a file that are missing once more; a running `up` imports them.
    Retry {
        /// The file's id, as `list` shows it.
        id: String,
    },
}

pub(crate) async fn run(place: &Place, action: Action) -> Result<ExitCode, Failure> {
    let registry = Registry::open(place).await?;
    let done = act(&registry, action).await;
    registry.close().await?;
    done
}

async fn act(registry: &Registry, action: Action) -> Result<ExitCode, Failure> {
    let open = registry.harmonia.open_files().await?;
    match action {
        Action::List => {
            let mut shown = table(&["id", "object", "state", "ranges", "round"], 3);
            for file in open.iter().map(|stored| &stored.row) {
                let state = match file.state {
                    FileState::Stuck => "stuck",
                    FileState::Closed { .. } => "closing",
                    FileState::Unreadable { .. } => "being refused",
                    FileState::Importing | FileState::Repeated { .. } => "importing",
                };
                let (ranges, round) = (file.ranges.to_string(), file.round.to_string());
                shown.add_row([file.id.as_str(), &file.object, state, &ranges, &round]);
            }
            println!("{shown}");
            Ok(ExitCode::SUCCESS)
        }
        Action::Retry { id } => {
            let found = open.iter().map(|stored| &stored.row).find(|file| file.id.as_str() == id);
            let file = found.ok_or_else(|| format!("no unfinished file has the id {id}"))?;
            let file = registry.harmonia.retry_file(&file_key(&file.feed, file.arrived, &file.id)).await?;
            println!("{}: what is missing has been sent again", file.object);
            Ok(ExitCode::SUCCESS)
        }
    }
}
