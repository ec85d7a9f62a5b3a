//! `harmonia aws`: the demo's day on a stack, with the partners played on this machine, against the same day on the
//! embedded cloud. What a stack is made of it reads from the functions' own variables; `infra/aws` deploys one on this
//! machine and sets them.

mod agree;
mod stack;

use crate::{Failure, generate::Size};
use agree::{Came, differences};
use harmonia_gen::{Day, generate};
use harmonia_local::{
    demo::{Outcome, judged, play},
    invariants::{Violation, score},
    local::Folder,
    partners::{Faults, Partners, outside_at},
    reasons::open_payments,
    world::{Outside, World},
};
use harmonia_runtime::SystemClock;
use jiff::{Timestamp, civil::Date};
use serde_json::{Value, json};
use stack::Stack;
pub(crate) use stack::{rows_of_stack, verified_stack};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

/// A terminal has room for so many.
const SHOWN_MAX: usize = 40;

#[derive(clap::Subcommand)]
pub(crate) enum Action {
    /// Print where the played partners are going to be, and what is to be filled into the stack's secret.
    Outside(Plan),
    /// Play the day on the stack, wait until it is at rest, compare it with the embedded run; exit code 1 if anything
    /// differs or an invariant is broken.
    Day {
        #[command(flatten)]
        plan: Plan,
        /// Definitions beside those shipped or in their place, as they are packed with the functions.
        #[arg(long, value_name = "FOLDER")]
        definitions: Option<PathBuf>,
        /// The stack's environment.
        #[arg(long)]
        environment: String,
        /// Give up if the stack is not at rest after so many seconds.
        #[arg(long, default_value_t = 900, value_name = "SECONDS")]
        at_rest_within: u64,
        /// Go on playing the partners afterwards, until Ctrl-C.
        #[arg(long)]
        keep: bool,
    },
}

/// Which day, and where its partners are.
#[derive(clap::Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    size: Size,
    /// The trading day.
    #[arg(long)]
    day: Date,
    /// The port of this machine that the partners listen on.
    #[arg(long)]
    port: u16,
}

impl Plan {
    fn day(&self) -> Day {
        generate(&self.size.plan(self.day))
    }
}

pub(crate) async fn run(action: Action) -> Result<ExitCode, Failure> {
    match action {
        Action::Outside(plan) => {
            println!("{}", outside(&outside_at(&format!("http://127.0.0.1:{}", plan.port)), &plan.day()));
            Ok(ExitCode::SUCCESS)
        }
        Action::Day { plan, definitions, environment, at_rest_within, keep } => {
            let day = plan.day();
            let clock = Arc::new(SystemClock);
            let partners = Partners::start_on(plan.port, &day.users, Faults::none(), clock).await?;
            let within = Duration::from_secs(at_rest_within);
            let good = compared(&environment, &day, &partners, definitions.as_deref(), within).await?;
            if keep {
                println!("the partners go on at {}; Ctrl-C ends them", partners.addr);
                tokio::signal::ctrl_c().await?;
            }
            Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// The stack's parameters `DirectoryUrl` and `MerchantUrls`, and what its secret has to say but for the card key.
fn outside(outside: &Outside, day: &Day) -> Value {
    let addresses = outside.base_urls.iter().map(|(merchant, base)| {
        let address = match outside.second_urls.get(merchant) {
            Some(second) => json!({ "base": base, "second": second }),
            None => json!(base),
        };
        (merchant.to_string(), address)
    });
    json!({
        "directory_url": outside.directory_url,
        "merchant_urls": addresses.collect::<serde_json::Map<_, _>>(),
        "secret": { "directory_key": outside.directory_key, "aes_key": day.aes_key, "merchants": outside.secrets },
    })
}

async fn compared(
    environment: &str,
    day: &Day,
    partners: &Partners,
    definitions: Option<&Path>,
    within: Duration,
) -> Result<bool, Failure> {
    let stack = Stack::open(environment).await?;
    let onboarded = stack.app.harmonia.onboard(&World::of(day).onboarded()?).await?;
    println!("{} identifiers onboarded", onboarded.onboarded);
    let dropped = stack.deliver(day, within).await?;
    println!("{dropped} files and messages delivered");
    stack.until_rest(within).await?;
    println!("at rest");

    let start = Timestamp::now();
    let here = embedded(day, definitions, start).await?;
    let (items, texts) = (stack.items().await?, stack.audit_texts().await?);
    let audit = stack.audited(&items).await?;
    let report = partners.report();
    let (rows, mut violations) = judged(items, texts, day, &report)?;
    violations.extend(audit.violations);
    let there = Came::of(&rows, &report, &open_payments(&rows, &stack.app.harmonia.definitions));
    let embedded = Came::of(&here.rows, &here.partners, &here.open);
    let score = score(&rows, &day.truth);
    println!("{}", there.counts());
    println!(
        "exports {} of {} that have to be: precision {}, recall {}; audit log of {} entries",
        score.right,
        score.expected,
        score.precision(),
        score.recall(),
        audit.report.entries
    );
    let right = score.right == score.expected && score.wrong.is_empty();
    Ok(told(&violations, &here.violations, &differences(&embedded, &there)) && right)
}

/// Is all as it should be?
fn told(there: &[Violation], here: &[Violation], differences: &[String]) -> bool {
    let broken = there.iter().map(|v| format!("BROKEN on the stack: {v}"));
    let broken = broken.chain(here.iter().map(|v| format!("BROKEN in the embedded run: {v}")));
    let all: Vec<String> = broken.chain(differences.iter().map(|d| format!("DIFFERS: {d}"))).collect();
    for one in all.iter().take(SHOWN_MAX) {
        println!("{one}");
    }
    if all.len() > SHOWN_MAX {
        println!("… and {} more", all.len() - SHOWN_MAX);
    }
    if all.is_empty() {
        println!("the stack and the embedded run agree; invariants all hold");
    }
    all.is_empty()
}

/// The same day on the embedded cloud, in a folder that is removed afterwards. It begins when the stack's day ended, so
/// that neither has an arrival on another day than the other.
async fn embedded(day: &Day, definitions: Option<&Path>, start: Timestamp) -> Result<Outcome, Failure> {
    let path = std::env::temp_dir().join(format!("harmonia-embedded-{}", std::process::id()));
    let folder = Folder::new(&path);
    folder.reset()?;
    fs::create_dir_all(folder.own_definitions())?;
    for file in definitions.map(fs::read_dir).transpose()?.into_iter().flatten() {
        let file = file?;
        fs::copy(file.path(), folder.own_definitions().join(file.file_name()))?;
    }
    let outcome = play(&folder, day, Faults::none(), start, &|_| ()).await;
    folder.reset()?;
    Ok(outcome?)
}
