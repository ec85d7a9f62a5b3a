//! The `harmonia` command (design §7): parses the command line, calls the local cloud, prints.
#![allow(clippy::print_stdout, reason = "printing is what a command is for")]

#[cfg(feature = "aws")]
mod aws;
mod definitions;
mod demo;
mod drop;
mod explain;
mod exports;
mod files;
mod generate;
mod identifiers;
mod merchants;
mod redress;
mod registry;
mod reopen;
mod replay;
mod status;
mod table;
mod up;
mod users;
mod verify;

use clap::{Parser, Subcommand};
use harmonia_local::local::Folder;
use registry::Place;
use std::{path::PathBuf, process::ExitCode};
use tracing_subscriber::prelude::*;

/// Matches card payments with merchants' sales so that loyalty members get their points, exactly once.
#[derive(Parser)]
#[command(name = "harmonia", version, arg_required_else_help = true)]
struct Arguments {
    /// Where the local cloud keeps its state.
    #[arg(long, default_value = ".harmonia", value_name = "FOLDER")]
    state: PathBuf,
    /// Work on the stack that the environment describes, with its functions' variables (`infra/aws/variables`).
    #[cfg(feature = "aws")]
    #[arg(long, conflicts_with = "state")]
    deployed: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play one trading day: generated feeds, partners that sometimes fail, the result against the known truth.
    Demo(demo::Options),
    /// Keep a local cloud running: watch a folder for feeds, serve all queues.
    Up(up::Options),
    /// Drop a file or messages as a partner would.
    Drop(drop::Options),
    /// Show files, open lines and exports.
    Status,
    /// Say why a payment, a sale, a file or a line of one is what it is, and what comes nearest to it.
    Explain(explain::Options),
    /// Run conformance cases and print what differs.
    Replay {
        /// Case files; `world.json` lies beside them.
        #[arg(required = true)]
        cases: Vec<PathBuf>,
        /// Print one JSON object per line and case instead.
        #[arg(long)]
        json: bool,
    },
    /// Onboard, change, offboard and list merchants' identifiers (MIDs); parked lines that they set free are re-opened.
    #[command(subcommand)]
    Identifiers(identifiers::Action),
    /// Load the second user directory.
    #[command(subcommand)]
    Users(users::UsersAction),
    /// Link and unlink cards.
    #[command(subcommand)]
    Cards(users::CardsAction),
    /// Check merchants' definitions, try them on samples, use them here.
    #[command(subcommand)]
    Definitions(definitions::Action),
    /// Print the JSON Schema of definitions, for editors.
    Schema,
    /// Files that are not finished: list them, try a stuck one again.
    #[command(subcommand)]
    Files(files::Action),
    /// Match an open payment and an open sale by a person's word.
    Match(redress::Match),
    /// Undo a match: both halves are open again, not for each other.
    Unmatch(redress::Unmatch),
    /// Examine every open payment once more; exit code 1 if one could be matched.
    Sweep(redress::Sweep),
    /// List exports that were not told: given up, unconfirmed, skipped or held.
    Exports(exports::Wanted),
    /// Send exports again that were not told: the same ids and keys, in a new generation.
    Redrive(exports::Again),
    /// Matching goes on for a merchant, its exports wait.
    Pause(exports::Pause),
    /// A paused merchant is told again.
    Resume(exports::Resume),
    /// Check the audit log and the invariants; exit code 1 if something is broken.
    Verify(verify::Options),
    /// Play a day on a deployed stack and compare it with the embedded run.
    #[cfg(feature = "aws")]
    #[command(subcommand)]
    Aws(aws::Action),
    /// Write seeded feeds with known truth into a folder.
    Gen(generate::Options),
    /// Empty the state folder.
    Reset,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    init_logs(&arguments.command);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return told(&e),
    };
    let place = place(&arguments);
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Demo(options) => demo::run(place.folder()?, &options).await,
            Command::Up(options) => Box::pin(up::run(place.folder()?, &options)).await,
            Command::Drop(options) => drop::run(place.folder()?, &options).await,
            Command::Status => status::run(&place).await,
            Command::Explain(options) => explain::run(&place, options).await,
            Command::Replay { cases, json } => Ok(replay::run(&cases, json).await),
            Command::Identifiers(action) => identifiers::run(&place, action).await,
            Command::Users(action) => users::users(&place, action).await,
            Command::Cards(action) => users::cards(&place, action).await,
            Command::Definitions(action) => definitions::run(place.folder()?, &action),
            Command::Schema => schema(),
            Command::Files(action) => files::run(&place, action).await,
            Command::Match(options) => redress::force(&place, &options).await,
            Command::Unmatch(options) => redress::unmatch(&place, &options).await,
            Command::Sweep(options) => redress::sweep(&place, &options).await,
            Command::Exports(wanted) => exports::list(&place, &wanted).await,
            Command::Redrive(options) => exports::redrive(&place, &options).await,
            Command::Pause(options) => exports::pause(&place, &options).await,
            Command::Resume(options) => exports::resume(&place, &options).await,
            Command::Verify(options) => verify::run(&place, &options).await,
            #[cfg(feature = "aws")]
            Command::Aws(action) => Box::pin(aws::run(action)).await,
            Command::Gen(options) => generate::run(&options),
            Command::Reset => place.folder()?.reset().map(|()| ExitCode::SUCCESS).map_err(Into::into),
        }
    });
    done.unwrap_or_else(|e| told(e.as_ref()))
}

fn place(arguments: &Arguments) -> Place {
    #[cfg(feature = "aws")]
    if arguments.deployed {
        return Place::Stack;
    }
    Place::Folder(Folder::new(&arguments.state))
}

fn schema() -> Result<ExitCode, Failure> {
    println!("{}", serde_json::to_string_pretty(&harmonia_definitions::schema())?);
    Ok(ExitCode::SUCCESS)
}

/// What commands fail with: told in one line, exit code 1.
type Failure = Box<dyn std::error::Error>;

fn told(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("harmonia: {error}");
    ExitCode::FAILURE
}

/// `up` tells what happens; the others are quiet unless `RUST_LOG` says otherwise.
fn init_logs(command: &Command) {
    // the embedded DynamoDB calls every condition that does not hold an error
    let default = if matches!(command, Command::Up(_)) { "info,dynoxide=off" } else { "off" };
    let filter = harmonia_runtime::logs::filter(default);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    tracing_subscriber::registry().with(filter).with(lines).init();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    const PROMPT: &str = "$ ";
    /// What ends a command in a line of a shell.
    const ENDS: [&str; 5] = ["|", ">", "#", "2>", "&&"];

    /// The pages by name.
    fn pages() -> Vec<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let pages = files.filter(|path| path.extension().is_some_and(|end| end == "md"));
        pages.map(|path| (path.display().to_string(), fs::read_to_string(path).unwrap())).collect()
    }

    /// Commands of a page: lines of code blocks; with `texts`, what stands in the text as code, too.
    fn commands(page: &str, texts: bool) -> Vec<&str> {
        page.lines()
            .flat_map(|line| {
                let inside = line.split('`').skip(1).step_by(2).filter(move |_| texts);
                std::iter::once(line.trim_start().trim_start_matches(PROMPT)).chain(inside)
            })
            // "…": any command; "$(": a shell finds its words out
            .filter(|text| text.starts_with("harmonia ") && !text.contains('…') && !text.contains("$("))
            .collect()
    }

    /// The words of a command as a shell takes them; a build without `aws` does not know stacks.
    fn words(command: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (place, part) in command.split('"').enumerate() {
            if place % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        let end = words.iter().position(|word| ENDS.iter().any(|end| word.starts_with(end)));
        words.truncate(end.unwrap_or(words.len()));
        words.retain(|word| cfg!(feature = "aws") || word != "--deployed");
        words
    }

    /// Somebody who reads them has no time to find out how it is really called.
    #[test]
    fn pages_name_commands_that_exist() {
        let mut count = 0;
        for (page, text) in pages() {
            for command in commands(&text, page.ends_with("runbooks.md")) {
                let words = words(&command.replace("MERCHANT", "itsu").replace("<env>", "dev"));
                let parsed = Arguments::try_parse_from(words);
                assert!(parsed.is_ok(), "{page}: {command}: {}", parsed.err().unwrap());
                count += 1;
            }
        }
        assert!(count > 40, "only {count} commands found");
        for planted in ["harmonia files again FILE", "harmonia pause itsu --by NAME --why"] {
            assert!(Arguments::try_parse_from(words(planted)).is_err(), "{planted}");
        }
        assert_eq!(words(r#"harmonia pause itsu --why "their API" | tee x"#)[3..], ["--why", "their API"]);
    }
}
