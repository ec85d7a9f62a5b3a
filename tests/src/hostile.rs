//! The hostile merchant: between the stages and the played partners sits an HTTP server that misbehaves by seed, or a
//! bucket that does. Whatever it does, every reward is counted at most once, and every export ends delivered or listed
//! with its reason (design §4, unknown answers; D8). [`documented`] writes down what each protocol does about it.
//!
//! A server that never stops misbehaving ends every schedule, so each request is ill-treated a few times only: fewer
//! times than the shortest schedule has attempts.

mod bucket;
mod documented;
mod server;
mod situation;
mod world;

use harmonia_definitions::{Protocol, Repeat};
use harmonia_domain::export::ExportState;
use harmonia_local::invariants::check_told;
use situation::Plan;
use std::env;
use world::{World, definition};

/// Exports of each merchant in the test suite; `HARMONIA_HOSTILE_EXPORTS=1000` takes two minutes.
const EXPORTS: usize = 60;

fn exports() -> usize {
    env::var("HARMONIA_HOSTILE_EXPORTS").ok().and_then(|text| text.parse().ok()).unwrap_or(EXPORTS)
}

/// Tells a merchant about many exports while everything goes wrong.
async fn survives(merchant: &str) {
    let definition = definition(merchant);
    let target = definition.export.clone().unwrap();
    let world = World::new(definition, Plan::Dice { seed: 20_240_603 }).await;
    world.add(exports()).await;
    world.until_quiet().await;
    let (rows, report) = (world.rows(), world.report());
    assert_eq!(rows.exports.len(), exports());
    let mut ends = std::collections::BTreeMap::<&str, usize>::new();
    for export in &rows.exports {
        *ends.entry(export.state.name()).or_default() += 1;
        let rests = match &export.state {
            ExportState::Delivered { .. } => true,
            ExportState::Unconfirmed { why } => target.repeat == Repeat::Never && !why.is_empty(),
            _ => false,
        };
        assert!(rests, "{merchant} {}: {:?} after {} attempts", export.id, export.state, export.attempts);
    }
    println!("{merchant}: {ends:?}, {} told again, {}", report.recognised(), world.misbehaved());
    assert!(world.misbehaved_times() > exports() / 40, "{merchant}: {}", world.misbehaved());
    assert_eq!(world.too_early(), Vec::<String>::new(), "{merchant}: before the instant that it named");
    if let Protocol::File(_) = target.protocol {
        world.assert_each_in_one_file(&rows);
        return;
    }
    let wrong: Vec<String> = check_told(&rows, &report).into_iter().map(|v| v.what).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (name, told) in &report.told[merchant] {
        assert_eq!(told.counted, 1, "{merchant} rewarded {name} again");
        // who can be asked is not told again what it has
        assert!(told.again == 0 || target.repeat == Repeat::SameKey, "{merchant} was told {name} again");
    }
}

macro_rules! merchants {
    ($($name:ident: $merchant:literal,)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            survives($merchant).await;
        }
    )*
        /// Every shipped merchant is in this list, and one that is described.
        #[test]
        fn all_of_them() {
            let here = std::collections::BTreeSet::from([$($merchant),*]);
            let shipped = harmonia_definitions::Definitions::shipped().unwrap();
            let told = shipped.iter().filter(|d| d.export.is_some()).map(|d| d.merchant.to_string());
            let all: std::collections::BTreeSet<String> = told.chain(["kaffeehaus-linde".to_owned()]).collect();
            assert_eq!(here.into_iter().collect::<Vec<_>>(), all.iter().collect::<Vec<_>>());
        }
    };
}

merchants! {
    bpl_cortado: "bpl-cortado",
    bpl_trenette: "bpl-trenette",
    bpl_viator: "bpl-viator",
    costa: "costa",
    iceland: "iceland-bonus-card",
    itsu: "itsu",
    described: "kaffeehaus-linde",
    slim_chickens: "slim-chickens",
    squaremeal: "squaremeal",
    stonegate: "stonegate",
    files: "stonegate-unmatched",
    tgi_fridays: "tgi-fridays",
    the_works: "the-works",
    wasabi: "wasabi-club",
}
