//! The `harmonia` command (design §7): parses the command line, calls the local cloud, prints.
#![allow(clippy::print_stdout, reason = "printing is what a command is for")]

mod replay;

use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};

/// Matches card payments with merchants' sales so that loyalty members get their points, exactly once.
#[derive(Parser)]
#[command(name = "harmonia", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run conformance cases and print what differs.
    Replay {
        /// Case files; `world.json` lies beside them.
        #[arg(required = true)]
        cases: Vec<PathBuf>,
        /// Print one JSON object per line and case instead.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("harmonia: {e}");
            return ExitCode::FAILURE;
        }
    };
    match arguments.command {
        Command::Replay { cases, json } => runtime.block_on(replay::run(&cases, json)),
    }
}
