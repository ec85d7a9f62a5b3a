//! What the truth says about lines, counted again from the bytes.

use std::collections::{BTreeMap, HashSet};

use harmonia_definitions::{Definitions, MatchedAs};
use harmonia_domain::feed::{Feed, Kind, PaymentFeed, Transport};

use super::readers::{PaymentLine, Told, definitions, payment_lines, sale_rows};
use crate::{Day, FeedTruth, Plan, Why, generate};

/// Spec import §7.1: these are not imported for merchants that need no sales.
fn refused(definitions: &Definitions, line: &PaymentLine) -> bool {
    let merchant = line.merchant.as_ref().and_then(|slug| definitions.get(&slug.parse().unwrap()));
    (line.scheme.as_str(), line.kind.as_str()) == ("amex", "auth")
        && merchant.is_some_and(|merchant| merchant.route.refuses_amex_auths())
}

/// Good and bad lines are told apart by the readers, duplicates by their ids.
fn recount(day: &Day) -> BTreeMap<String, FeedTruth> {
    let definitions = definitions();
    let mut counts: BTreeMap<String, FeedTruth> = BTreeMap::new();
    let mut seen = HashSet::new();
    for (drop, line) in payment_lines(day) {
        let feed = &drop.feed;
        let count = counts.entry(feed.clone()).or_default();
        count.read += 1;
        match line {
            Told::Rejected | Told::Skipped => count.rejected += 1,
            Told::Good(line) if refused(&definitions, &line) => count.skipped += 1,
            Told::Good(line) if !seen.insert((feed, line.id.clone())) => count.duplicate += 1,
            Told::Good(line) if line.merchant.is_some() => count.accepted += 1,
            Told::Good(_) => count.parked += 1,
        }
    }
    for (drop, row) in sale_rows(day) {
        let feed = &drop.feed;
        let count = counts.entry(feed.clone()).or_default();
        count.read += 1;
        match row {
            Told::Rejected => count.rejected += 1,
            Told::Skipped => count.skipped += 1,
            Told::Good(row) if !seen.insert((feed, row.id.clone())) => count.duplicate += 1,
            Told::Good(row) if row.mids.is_empty() => count.parked += 1,
            Told::Good(_) => count.accepted += 1,
        }
    }
    counts
}

/// A merchant whose feed the generator does not know shows here.
#[test]
fn every_feed_comes_up_in_every_day() {
    for plan in [Plan::default(), Plan { payments: 60, sales: 90, ..Plan::default() }] {
        let day = generate(&plan);
        let missing: Vec<_> =
            definitions().feeds().filter(|feed| !day.truth.lines.contains_key(feed.as_str())).collect();
        assert!(missing.is_empty(), "defined, but no generated day has a line of them: {missing:?}");
    }
}

/// A merchant that the generator does not know shows here, and one whose route it has wrong.
#[test]
fn every_merchant_comes_up_as_its_route_says() {
    let day = generate(&Plan::default());
    for definition in definitions().iter() {
        let slug = definition.merchant.as_str();
        let pairs = day.truth.pairs.iter().filter(|pair| pair.merchant == slug).count();
        let of = |line: Option<&str>| {
            let alone = day.truth.alone.iter().filter(|alone| alone.merchant == slug && alone.line.as_deref() == line);
            alone.count()
        };
        let route = &definition.route;
        let wants = [
            ("pairs", pairs, route.matched == Some(MatchedAs::Loyalty)),
            ("spotted", of(None), route.matched == Some(MatchedAs::Spotted)),
            ("auth", of(Some("auth")), route.streams(Kind::Auth)),
            ("settled", of(Some("settled")), route.streams(Kind::Settled)),
            ("refund", of(Some("refund")), route.streams(Kind::Refund)),
        ];
        for (what, count, wanted) in wants {
            assert_eq!(count > 0, wanted, "{slug}: {count} {what}, by its definition {wanted}");
        }
    }
}

#[test]
fn the_truth_counts_what_is_in_the_bytes() {
    for seed in 1..=3 {
        let day = generate(&Plan { seed, ..Plan::default() });
        for truth in day.truth.lines.values() {
            let parts = [truth.accepted, truth.duplicate, truth.skipped, truth.rejected, truth.parked];
            assert_eq!(truth.read, parts.iter().sum::<u64>());
        }
        assert_eq!(recount(&day), day.truth.lines);
    }
}

/// Amex authorisations are skipped for some merchants, sales at unknown locations parked.
#[test]
fn every_outcome_comes_up_in_every_feed_that_knows_it() {
    let day = generate(&Plan::default());
    for feed in definitions().feeds() {
        let truth = day.truth.lines[feed.as_str()];
        assert!(truth.accepted.min(truth.duplicate).min(truth.rejected) > 0, "{feed} {truth:?}");
        let (skips, parks) = match &feed {
            Feed::Payment(feed) => (*feed == PaymentFeed::AmexAuth, true),
            Feed::Merchant(slug) => (true, ["itsu", "stonegate", "slim-chickens"].contains(&slug.as_str())),
        };
        assert_eq!((truth.skipped > 0, truth.parked > 0), (skips, parks), "{feed} {truth:?}");
    }
}

#[test]
fn the_plan_is_reached() {
    for (payments, sales) in [(2_000, 3_000), (1, 1), (5_000, 800), (400, 9_000)] {
        let day = generate(&Plan { payments, sales, ..Plan::default() });
        let read = |of_tills: bool| {
            let is_till = |feed: &str| !PaymentFeed::ALL.iter().any(|other| other.as_str() == feed);
            let feeds = day.truth.lines.iter().filter(|(feed, _)| is_till(feed) == of_tills);
            feeds.map(|(_, truth)| truth.read).sum::<u64>()
        };
        assert!(read(false) >= u64::try_from(payments).unwrap());
        assert!(read(true) >= u64::try_from(sales).unwrap());
    }
}

#[test]
fn files_count_what_does_not_depend_on_their_order() {
    let day = generate(&Plan::default());
    let definitions = definitions();
    for feed in definitions.feeds().filter(|feed| definitions.transport(feed) == Transport::File) {
        let files: Vec<_> = day.truth.files.iter().filter(|file| file.feed == feed.as_str()).collect();
        let truth = day.truth.lines[feed.as_str()];
        assert_eq!(files.iter().map(|file| file.read).sum::<u64>(), truth.read);
        assert_eq!(files.iter().map(|file| file.skipped).sum::<u64>(), truth.skipped);
        assert_eq!(files.iter().map(|file| file.rejected).sum::<u64>(), truth.rejected);
        let again = files.iter().find(|file| file.same_bytes_as.is_some()).unwrap();
        let bytes = |name: &str| day.drops.iter().find(|drop| drop.name == name).unwrap();
        let (first, second) = (bytes(again.same_bytes_as.as_ref().unwrap()), bytes(&again.name));
        assert!(first.bytes == second.bytes && first.at < second.at);
    }
}

#[test]
fn every_near_miss_comes_up() {
    let day = super::small(3);
    let kinds: HashSet<_> = day.truth.near_misses.iter().map(|miss| format!("{:?}", miss.why)).collect();
    assert_eq!(kinds.len(), 12);
    let twins = day.truth.near_misses.iter().filter(|miss| miss.why == Why::Twins);
    assert!(twins.clone().count() > 0 && twins.clone().all(|miss| miss.sale_ids.len() == 2));
}

#[test]
fn most_sales_belong_to_nobody() {
    let day = generate(&Plan::default());
    assert!((1_000..1_400).contains(&day.truth.pairs.len()));
}
