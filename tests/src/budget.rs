//! The budget of design §4, counted from the tables' own answers: an unmatched sale costs 2 write units, a pair 10 when
//! the sale came first and 12 when the payment waited; 6 read units when the sale came first. A payment that waits
//! looks into the book three times (before and after its own entry, and when the sale comes), which costs 10. Costs of
//! a file or a batch of messages are left out by comparing two runs of different size.

use base64::Engine;
use harmonia_local::{
    durable::Durability,
    local::{Folder, Local},
    partners::{Faults, Partners},
    replay::{Action, Case, load},
    world::World,
};
use harmonia_ports::memory::SetClock;
use harmonia_stages::explain::Question;
use jiff::Timestamp;
use std::{path::Path, sync::Arc};

/// Pairs in the small and in the large run: both more than one round serves at once, so that what a process learns once
/// (a closed file, an identifier) is learnt equally often.
const SIZES: [u64; 2] = [50, 100];

/// Tenths of capacity units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Units {
    pub(crate) read_tenths: u64,
    pub(crate) write_tenths: u64,
}

/// An unmatched sale: its line and its entry in the book; its key is asked for once.
pub(crate) const SALE: Units = Units { read_tenths: 10, write_tenths: 20 };
/// A pair whose sale came first.
pub(crate) const PAIR: Units = Units { read_tenths: 60, write_tenths: 100 };
/// A pair whose payment waited.
pub(crate) const WAITED: Units = Units { read_tenths: 100, write_tenths: 120 };

struct Feeds {
    world: World,
    sale: String,
    auth: String,
}

/// One sale and one auth that belong together, from a case; every pair gets ids and an amount of its own.
fn feeds() -> Feeds {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/happy-wasabi-club-visa.json");
    let (case, _): (Case, _) = load(&path).unwrap();
    let text = |feed: &str| {
        let data = case.steps.iter().find_map(|s| match &s.action {
            Action::Import { feed: f, data, .. } if f == feed => Some(data.clone()),
            _ => None,
        });
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(data.unwrap()).unwrap()).unwrap()
    };
    let users = case.world.users.iter().map(|u| harmonia_gen::User {
        token: u.token.clone(),
        scheme: "wasabi-club".into(),
        identity: u.identity.clone(),
    });
    let world = World {
        aes_key: case.world.aes_key.clone(),
        identifiers: case.world.identifiers.clone(),
        users: users.collect(),
    };
    Feeds { world, sale: text("wasabi-club"), auth: text("visa-auth") }
}

impl Feeds {
    fn sales(&self, count: u64) -> String {
        let (header, row) = self.sale.split_once("\r\n").unwrap();
        let one = |n: u64| row.trim_end().replace("24.97", &format!("{n}.97")).replace("Rb0", &format!("R{n}x"));
        let rows = (0..count).map(one);
        format!("{header}\r\n{}\r\n", rows.collect::<Vec<_>>().join("\r\n"))
    }

    fn auths(&self, count: u64) -> String {
        let auth =
            |n: u64| self.auth.replace("24.97", &format!("{n}.97")).replace("255d115cf", &format!("{n}-255d115cf"));
        (0..count).map(auth).collect::<Vec<_>>().join("\n")
    }
}

/// Tenths of (read, write) units that `count` pairs cost.
async fn cost(count: u64, sale_first: bool, with_payments: bool) -> (u64, u64) {
    let feeds = feeds();
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SetClock::new("2024-06-03T13:10:00Z".parse::<Timestamp>().unwrap()));
    let partners = Partners::start(&feeds.world.users, Faults::none(), clock.clone()).await.unwrap();
    let state = Folder::new(folder.path());
    let local = Local::open(&state, &feeds.world, &partners.outside(), clock, Durability::Kill, None).await.unwrap();
    let before = local.consumed();
    let sales = feeds.sales(count);
    let auths = feeds.auths(count);
    let mut drops = vec![("wasabi-club", sales)];
    if with_payments {
        drops.push(("visa-auth", auths));
    }
    if !sale_first {
        drops.reverse();
    }
    for (feed, text) in drops {
        local.door.drop_bytes(&feed.parse().unwrap(), "a.csv", text.as_bytes()).await.unwrap();
        // nothing waits here, so no tick is needed, whose look-ups belong to no pair
        while local.cloud.round().await.unwrap() > 0 {}
    }
    let after = local.consumed();
    let rows = local.rows().await.unwrap();
    let matched = if with_payments { usize::try_from(count).unwrap() } else { 0 };
    assert_eq!(rows.exports.len(), matched, "every pair is matched, else the figures mean nothing");
    local.close().await.unwrap();
    (after.0 - before.0, after.1 - before.1)
}

/// Tenths of units for one more.
async fn marginal(sale_first: bool, with_payments: bool) -> (u64, u64) {
    let small = cost(SIZES[0], sale_first, with_payments).await;
    let large = cost(SIZES[1], sale_first, with_payments).await;
    let more = SIZES[1] - SIZES[0];
    ((large.0 - small.0).div_ceil(more), (large.1 - small.1).div_ceil(more))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_costs_more_than_its_budget() {
    let within = |(read, write): (u64, u64), most: Units| read <= most.read_tenths && write <= most.write_tenths;
    let sale = marginal(true, false).await;
    assert!(within(sale, SALE), "an unmatched sale: {sale:?} tenths of (read, write) units");
    let sale_first = marginal(true, true).await;
    assert!(within(sale_first, PAIR), "a pair, sale first: {sale_first:?} tenths");
    let waited = marginal(false, true).await;
    assert!(within(waited, WAITED), "a pair, payment first: {waited:?} tenths");
    println!("tenths of (read, write) units: sale {sale:?}, pair {sale_first:?}, waited {waited:?}");
}

/// "Cheap enough to ask for any line": an open payment is explained for 120 read units at most, $0.000015, most of them
/// for the 64 parts of the book, and for nothing in writes.
#[tokio::test(flavor = "multi_thread")]
async fn an_explanation_costs_little() {
    let feeds = feeds();
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SetClock::new("2024-06-03T13:10:00Z".parse::<Timestamp>().unwrap()));
    let partners = Partners::start(&feeds.world.users, Faults::none(), clock.clone()).await.unwrap();
    let state = Folder::new(folder.path());
    let local = Local::open(&state, &feeds.world, &partners.outside(), clock, Durability::Kill, None).await.unwrap();
    // 101 payments and 100 sales: one payment waits, and has sales of its till around it
    for (feed, text) in [("wasabi-club", feeds.sales(100)), ("visa-auth", feeds.auths(101))] {
        local.door.drop_bytes(&feed.parse().unwrap(), "a.csv", text.as_bytes()).await.unwrap();
        while local.cloud.round().await.unwrap() > 0 {}
    }
    let rows = local.rows().await.unwrap();
    let [open] = &rows.open_payments[..] else { panic!("one payment waits: {:?}", rows.open_payments) };
    let question = Question { what: open.p.id.clone(), scheme: None, merchant: None };
    let before = local.consumed();
    let explained = local.cloud.app.harmonia.explain(&question).await.unwrap();
    let after = local.consumed();
    assert_eq!(explained.answers.len(), 1, "{explained}");
    let tenths = (after.0 - before.0, after.1 - before.1);
    local.close().await.unwrap();
    println!("tenths of (read, write) units: an explanation {tenths:?}");
    assert!(tenths.0 <= 1_200 && tenths.1 == 0, "{tenths:?} tenths of (read, write) units");
}
