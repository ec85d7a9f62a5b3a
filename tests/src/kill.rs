//! `kill -9` of `harmonia up` in mid-run, at moments drawn over its effects; started again, it has to end in the same
//! state as a run that nobody disturbed (issue "the main job").

use harmonia_domain::{export::ExportState, feed::Feed, purchase::PurchaseState, sale::SaleState};
use harmonia_gen::{Day, Plan, generate};
use harmonia_local::{
    audit::Checked,
    durable::Durability,
    invariants::{check, check_told, feed_totals, score},
    local::{Door, Folder, rows_of, verified},
    partners::{Bill, Faults, Partners},
    state::Rows,
    world::World,
};
use harmonia_ports::memory::SetClock;
use harmonia_runtime::SystemClock;
use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

/// Moments in CI; `HARMONIA_KILL_MOMENTS` asks for more.
const MOMENTS: u64 = 5;

/// Merchants whose definition says `repeat = "never"`.
const NEVER_TWICE: [&str; 2] = ["costa", "slim-chickens"];

/// What TGI Fridays' tills printed, as they say themselves.
fn bills(day: &Day) -> Vec<Bill> {
    let london = jiff::tz::TimeZone::get("Europe/London").unwrap();
    let mut bills = Vec::new();
    for drop in day.drops.iter().filter(|drop| drop.feed == "tgi-fridays") {
        let text = String::from_utf8(drop.bytes.clone()).unwrap();
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let header = lines.next().unwrap();
        let column = |name: &str| header.iter().position(|cell| *cell == name).unwrap();
        for row in lines.filter(|row| row.len() == header.len()) {
            let (pounds, pence) = row[column("amount")].split_once('.').unwrap_or((row[column("amount")], "0"));
            let at = row[column("date")].parse::<jiff::civil::DateTime>().map(|at| at.to_zoned(london.clone()));
            if let (Ok(pounds), Ok(pence), Ok(Ok(at))) = (pounds.parse::<i64>(), pence.parse::<i64>(), at) {
                bills.push(Bill { minor: pounds * 100 + pence, at: at.timestamp(), member: None });
            }
        }
    }
    assert!(!bills.is_empty());
    bills
}

/// The command, in the folder and profile of this test.
fn harmonia() -> PathBuf {
    let own = env::current_exe().unwrap();
    let folder = own.parent().and_then(Path::parent).unwrap();
    // always asked for: a command that is older than this test would prove nothing
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "-p", "harmonia"]).env("CARGO_TARGET_DIR", folder.parent().unwrap());
    if folder.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success());
    folder.join("harmonia")
}

struct Scene {
    command: PathBuf,
    folder: tempfile::TempDir,
    partners: Partners,
}

impl Scene {
    /// A state folder with the whole day dropped, and partners that know the day.
    async fn set(day: &Day, command: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock::new(day.drops[0].at));
        let partners = Partners::start(&day.users, Faults::demo(), clock.clone()).await.unwrap();
        partners.print(&bills(day));
        let write = |name: &str, text: Vec<u8>| std::fs::write(folder.path().join(name), text).unwrap();
        write("world.json", serde_json::to_vec(&World::of(day)).unwrap());
        write("outside.json", serde_json::to_vec(&partners.outside()).unwrap());
        let door = Door::open(&Folder::new(folder.path().join("state")), clock.clone(), Durability::Kill).unwrap();
        for delivery in &day.drops {
            clock.set(delivery.at);
            let feed: Feed = delivery.feed.parse().unwrap();
            door.drop_bytes(&feed, &delivery.name, &delivery.bytes).await.unwrap();
        }
        Self { command: command.to_owned(), folder, partners }
    }

    fn up(&self, day: &Day, kill_before: Option<u64>) -> Output {
        let path = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(&self.command);
        command.arg("--state").arg(path("state")).arg("up");
        command.arg("--world").arg(path("world.json")).arg("--outside").arg(path("outside.json"));
        command.arg("--until-quiet-from").arg(day.drops.last().unwrap().at.to_string());
        if let Some(number) = kill_before {
            command.arg("--kill-before-effect").arg(number.to_string());
        }
        command.output().unwrap()
    }

    async fn audit(&self) -> Checked {
        let folder = Folder::new(self.folder.path().join("state"));
        verified(&folder, Arc::new(SystemClock), None, true).await.unwrap().audit
    }

    async fn rows(&self) -> Rows {
        rows_of(&Folder::new(self.folder.path().join("state"))).await.unwrap()
    }
}

/// Everything that must not depend on when the process died: who is matched with whom, what was told, every outcome.
fn essence(rows: &Rows) -> BTreeSet<String> {
    let purchases = rows.purchases.iter().map(|p| {
        let state = match p.state {
            PurchaseState::Live => format!("live, parked {:?}", p.line(p.base).and_then(|l| l.parked)),
            PurchaseState::Claimed { .. } => "claimed".to_owned(),
            PurchaseState::Stored => "stored".to_owned(),
            PurchaseState::Streamed => format!(
                "told {:?}",
                p.kinds().filter(|k| p.line(*k).is_some_and(|l| l.told.is_some())).collect::<Vec<_>>()
            ),
        };
        format!("purchase {:?} {:?} {state}", p.key, p.kinds().collect::<Vec<_>>())
    });
    let sales = rows.sales.iter().map(|s| {
        let claimed = matches!(s.state, SaleState::Claimed { .. });
        format!("sale {} {} claimed {claimed}", s.merchant, s.id)
    });
    let exports = rows.exports.iter().map(|x| {
        // whoever died while telling a merchant that must not be told twice leaves that to a person (design §4)
        let left = NEVER_TWICE.contains(&x.merchant.as_str()) && matches!(x.state, ExportState::Unconfirmed { .. });
        let rests = left || matches!(x.state, ExportState::Delivered { .. } | ExportState::Skipped { .. });
        format!("export {} {:?} {:?} rests {rests}", x.id, x.purchase, x.sale)
    });
    let entries = rows.open_payments.iter().map(|e| format!("open {:?} {:?}", e.p, e.bk));
    // which of two files has a line first is a race, however the run goes; their sum is not
    let files = rows.files.iter().filter(|f| f.bucket == "imports");
    let files = files.map(|f| format!("file {} read {} finished {}", f.object, f.totals.read, f.finished()));
    let feeds = feed_totals(rows)
        .into_iter()
        .filter(|(feed, _)| rows.files.iter().any(|f| f.bucket == "imports" && f.feed.as_str() == feed));
    let feeds: Vec<String> = feeds.map(|(feed, totals)| format!("feed {feed} {totals:?}")).collect();
    purchases.chain(sales).chain(exports).chain(entries).chain(files).chain(feeds).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_started_again_ends_as_if_undisturbed() {
    let moments: u64 = env::var("HARMONIA_KILL_MOMENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(MOMENTS);
    let day = generate(&Plan { seed: 7, payments: 60, sales: 90, ..Plan::default() });
    let command = harmonia();
    let undisturbed = Scene::set(&day, &command).await;
    let output = undisturbed.up(&day, None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    let effects: u64 = told.split_whitespace().next().unwrap().parse().unwrap();
    let expected = essence(&undisturbed.rows().await);
    assert_eq!(score(&undisturbed.rows().await, &day.truth).recall(), "1.0");
    for moment in 0..moments {
        // spread over the whole run, and never twice the same
        let at = 1 + effects * (2 * moment + 1) / (2 * moments);
        let scene = Scene::set(&day, &command).await;
        let killed = scene.up(&day, Some(at));
        assert!(!killed.status.success(), "effect {at} of {effects} was not reached");
        let again = scene.up(&day, None);
        assert!(again.status.success(), "after effect {at}: {}", String::from_utf8_lossy(&again.stderr));
        let rows = scene.rows().await;
        let got = essence(&rows);
        let differs: Vec<_> = expected.symmetric_difference(&got).collect();
        assert!(differs.is_empty(), "killed before effect {at} of {effects}: {differs:#?}");
        let broken: Vec<String> = check(&rows).into_iter().map(|v| v.what).collect();
        assert!(broken.is_empty(), "killed before effect {at}: {broken:#?}");
        let audit = scene.audit().await;
        assert_eq!((&audit.report.broken, &audit.violations), (&None, &vec![]), "killed before effect {at}");
        let wrong: Vec<String> = check_told(&rows, &scene.partners.report()).into_iter().map(|v| v.what).collect();
        assert!(wrong.is_empty(), "killed before effect {at}: {wrong:#?}");
        println!("killed before effect {at} of {effects}: same state");
    }
}
