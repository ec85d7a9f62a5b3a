//! `harmonia up`: a local cloud that keeps running. It plays the user directory and the merchants itself, from the
//! world that `gen` wrote, unless it is told where they are.

use crate::Failure;
use harmonia_domain::feed::Feed;
use harmonia_local::{
    durable::Durability,
    local::{Folder, Local, LocalError},
    partners::{Faults, Partners},
    run::{for_ever, until_quiet},
    world::{Outside, World, read},
};
use harmonia_ports::{Clock, memory::SetClock};
use harmonia_runtime::SystemClock;
use jiff::Timestamp;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Identifiers and users (`gen` writes one).
    #[arg(long, value_name = "FILE")]
    world: Option<PathBuf>,
    /// Where the user directory and the merchants are, as JSON; played by this process unless given. Its secrets are
    /// read again while this runs: a rotation needs no restart.
    #[arg(long, value_name = "FILE")]
    outside: Option<PathBuf>,
    /// Feeds that appear here as `<feed>/<file>` are dropped.
    #[arg(long, value_name = "FOLDER")]
    watch: Option<PathBuf>,
    /// End when nothing is left to do, on a clock that starts here and jumps over every wait.
    #[arg(long, value_name = "INSTANT")]
    until_quiet_from: Option<Timestamp>,
    /// Kill this process before its n-th effect (for tests).
    #[arg(long, hide = true)]
    kill_before_effect: Option<u64>,
}

pub(crate) async fn run(folder: &Folder, options: &Options) -> Result<ExitCode, Failure> {
    let world: World = options.world.as_deref().map(read).transpose()?.unwrap_or_default();
    let (outside, _playing) = if let Some(file) = &options.outside {
        (Outside::read(file)?, None)
    } else {
        let clock: Arc<dyn Clock> = match options.until_quiet_from {
            Some(start) => Arc::new(SetClock::new(start)),
            None => Arc::new(SystemClock),
        };
        let partners = Partners::start(&world.users, Faults::none(), clock).await?;
        (partners.outside(), Some(partners))
    };
    match options.until_quiet_from {
        Some(start) => {
            let clock = Arc::new(SetClock::new(start));
            let local =
                Local::open(folder, &world, &outside, clock.clone(), Durability::PowerCut, options.kill_before_effect)
                    .await?;
            until_quiet(&local.cloud, &clock, &|_| ()).await?;
            println!("{} effects", local.effects.count());
            local.close().await?;
        }
        None => serve(folder, &world, &outside, options).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(folder: &Folder, world: &World, outside: &Outside, options: &Options) -> Result<(), Failure> {
    let clock = Arc::new(SystemClock);
    let local = Local::open(folder, world, outside, clock, Durability::PowerCut, options.kill_before_effect).await?;
    let watched = options.watch.clone().unwrap_or_else(|| folder.path().join("drop"));
    fs::create_dir_all(&watched)?;
    println!("running on {}; feeds dropped under {}/<feed>/ are imported", folder.path().display(), watched.display());
    println!("Ctrl-C ends it; what is under way goes on at the next start");
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    for_ever(&local, async || pick_up(&local, &watched).await, stop).await?;
    Ok(local.close().await?)
}

/// Drops every file of the watched folder, then moves it to `done/`, so that a crash between the two only repeats a
/// drop, which is recognised.
async fn pick_up(local: &Local, watched: &Path) -> Result<(), LocalError> {
    for feed_folder in entries(watched).into_iter().filter(|p| p.is_dir()) {
        let Some(feed) = feed_folder.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse::<Feed>().ok()) else {
            continue;
        };
        for file in entries(&feed_folder).into_iter().filter(|p| p.is_file()) {
            let disk = |source| LocalError::Disk { path: file.display().to_string(), source };
            let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            if name.starts_with('.') {
                continue;
            }
            let bytes = fs::read(&file).map_err(disk)?;
            if let Err(error) = local.door.drop_bytes(&feed, &name, &bytes).await {
                tracing::error!(file = %file.display(), %error, "not dropped");
            }
            let done = feed_folder.join("done");
            fs::create_dir_all(&done).map_err(disk)?;
            fs::rename(&file, done.join(&name)).map_err(disk)?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().filter_map(|e| e.ok().map(|e| e.path())).collect();
    paths.sort();
    paths
}
