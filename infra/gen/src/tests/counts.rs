//! What the truth says about lines, counted again from the bytes.

use std::collections::{BTreeMap, HashSet};

use super::readers::{PaymentLine, payment_lines, sale_rows};
use crate::{Day, FeedTruth, Plan, Why, generate};

const PAYMENT_FEEDS: [&str; 6] =
    ["visa-auth", "visa-settlement", "mastercard-auth", "mastercard-settled", "amex-auth", "amex-settlement"];
const MERCHANTS: [&str; 2] = ["iceland-bonus-card", "wasabi-club"];

fn known(day: &Day, line: &PaymentLine) -> bool {
    let fits = |kind: &str, text: &str| {
        let same = |row: &&crate::Identifier| row.provider == line.scheme && row.kind == kind && row.identifier == text;
        day.identifiers.iter().any(|row| same(&row))
    };
    line.identifiers.iter().any(|(kind, text)| fits(kind, text))
}

/// Good and bad lines are told apart by the readers, duplicates by their ids.
fn recount(day: &Day) -> BTreeMap<String, FeedTruth> {
    let mut counts: BTreeMap<String, FeedTruth> = BTreeMap::new();
    let mut seen = HashSet::new();
    for (feed, line) in payment_lines(day) {
        let count = counts.entry(feed.clone()).or_default();
        count.read += 1;
        match line {
            None => count.rejected += 1,
            Some(line) if !seen.insert((feed, line.id.clone())) => count.duplicate += 1,
            Some(line) if known(day, &line) => count.accepted += 1,
            Some(_) => count.parked += 1,
        }
    }
    for (feed, row) in sale_rows(day) {
        let count = counts.entry(feed.clone()).or_default();
        count.read += 1;
        match row {
            // The readers do not tell filtered rows from bad ones.
            None => count.rejected += 1,
            Some(row) if !seen.insert((feed, row.id.clone())) => count.duplicate += 1,
            Some(_) => count.accepted += 1,
        }
    }
    counts
}

#[test]
fn the_truth_counts_what_is_in_the_bytes() {
    for seed in 1..=3 {
        let day = generate(&Plan { seed, ..Plan::default() });
        let mut told = day.truth.lines.clone();
        for truth in told.values_mut() {
            let parts = [truth.accepted, truth.duplicate, truth.skipped, truth.rejected, truth.parked];
            assert_eq!(truth.read, parts.iter().sum::<u64>());
            truth.rejected += std::mem::take(&mut truth.skipped);
        }
        assert_eq!(recount(&day), told);
    }
}

#[test]
fn every_outcome_comes_up_in_every_feed_that_knows_it() {
    let day = generate(&Plan::default());
    for feed in PAYMENT_FEEDS {
        let truth = day.truth.lines[feed];
        assert!(truth.accepted.min(truth.duplicate).min(truth.rejected).min(truth.parked) > 0, "{feed} {truth:?}");
        assert_eq!(truth.skipped, 0);
    }
    for feed in MERCHANTS {
        let truth = day.truth.lines[feed];
        assert!(truth.accepted.min(truth.duplicate).min(truth.skipped).min(truth.rejected) > 0, "{feed} {truth:?}");
        assert_eq!(truth.parked, 0);
    }
}

#[test]
fn the_plan_is_reached() {
    for (payments, sales) in [(2_000, 3_000), (1, 1), (5_000, 800), (400, 9_000)] {
        let day = generate(&Plan { payments, sales, ..Plan::default() });
        let read = |feeds: &[&str]| feeds.iter().map(|feed| day.truth.lines[*feed].read).sum::<u64>();
        assert!(read(&PAYMENT_FEEDS) >= u64::try_from(payments).unwrap());
        assert!(read(&MERCHANTS) >= u64::try_from(sales).unwrap());
    }
}

#[test]
fn files_count_what_does_not_depend_on_their_order() {
    let day = generate(&Plan::default());
    for feed in ["mastercard-settled", "iceland-bonus-card", "wasabi-club"] {
        let files: Vec<_> = day.truth.files.iter().filter(|file| file.feed == feed).collect();
        let truth = day.truth.lines[feed];
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
    assert_eq!(kinds.len(), 11);
    let twins = day.truth.near_misses.iter().filter(|miss| miss.why == Why::Twins);
    assert!(twins.clone().count() > 0 && twins.clone().all(|miss| miss.sale_ids.len() == 2));
}

#[test]
fn most_sales_belong_to_nobody() {
    let day = generate(&Plan::default());
    assert!((1_000..1_400).contains(&day.truth.pairs.len()));
}
