//! Invariant 1, conservation: every line of every input has one outcome, and what the outcomes say was kept is there.

use super::{
    Violation,
    brute::{Becomes, becomes},
};
use crate::state::Rows;
use harmonia_domain::{
    Source,
    feed::{Kind, PaymentFeed, Scheme},
    file::{File, FileState},
    ids::Id,
    outcome::Totals,
    purchase::Purchase,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(super) fn check(rows: &Rows) -> Vec<Violation> {
    let mut found: Vec<String> = rows.files.iter().flat_map(unfinished).collect();
    let ranges = ranges(rows);
    let known: BTreeSet<&Id> = rows.files.iter().map(|f| &f.id).collect();
    found.extend(ranges.keys().filter(|id| !known.contains(**id)).map(|id| format!("ranges of no file: {id}")));
    found.extend(wrong_sums(rows, &ranges));
    found.extend(uncounted(rows, &ranges));
    found.into_iter().map(|what| Violation { invariant: 1, what }).collect()
}

fn name(file: &File) -> String {
    format!("file {} of {}", file.id, file.feed)
}

/// Files, and batches of messages, which are logged as files.
fn unfinished(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    if !file.finished() {
        found.push(format!("{} is not finished", name(file)));
    }
    if !file.totals.balance() {
        found.push(format!("{} does not balance: {:?}", name(file), file.totals));
    }
    found
}

/// The sum over each file's ranges.
fn ranges(rows: &Rows) -> BTreeMap<&Id, Totals> {
    let mut sums: BTreeMap<&Id, Totals> = BTreeMap::new();
    for range in &rows.ranges {
        sums.entry(&range.file).or_default().add(&range.result.totals);
    }
    sums
}

/// Without repeated and unreadable files, whose totals are of their own making, not from ranges.
fn closed_files(rows: &Rows) -> impl Iterator<Item = &File> {
    rows.files.iter().filter(|file| matches!(file.state, FileState::Closed { .. }))
}

fn wrong_sums(rows: &Rows, ranges: &BTreeMap<&Id, Totals>) -> Vec<String> {
    let wrong = |file: &File| {
        let sum = ranges.get(&file.id).filter(|sum| **sum != file.totals)?;
        Some(format!("{} says {:?}, its ranges {sum:?}", name(file), file.totals))
    };
    closed_files(rows).filter_map(wrong).collect()
}

/// The stored lines against the outcomes accepted and parked. A file's are equal. Messages that are delivered again in
/// another batch are counted in both, so of those there may only be fewer stored than counted; and an answer that a
/// later result file has replaced is not there any more.
fn uncounted(rows: &Rows, ranges: &BTreeMap<&Id, Totals>) -> Vec<String> {
    let kept = |totals: &Totals| totals.accepted + totals.parked;
    let mut stored = stored_lines(rows);
    let answered = rows.exports.iter().filter(|export| export.answer.is_some());
    let answers: BTreeSet<&str> = answered.map(|export| export.merchant.as_str()).collect();
    let mut found = Vec::new();
    for file in closed_files(rows).filter(|f| ranges.contains_key(&f.id)) {
        let lines: u64 = stored.remove(file.id.as_str()).map_or(0, |by_feed| by_feed.values().sum());
        let replaced = lines < kept(&file.totals) && answers.contains(file.feed.as_str());
        if lines != kept(&file.totals) && !replaced {
            found.push(format!("{} kept {} lines, {lines} are stored", name(file), kept(&file.totals)));
        }
    }
    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    for batch in closed_files(rows).filter(|f| !ranges.contains_key(&f.id)) {
        *counted.entry(batch.feed.as_str()).or_default() += kept(&batch.totals);
    }
    let mut loose: BTreeMap<&str, u64> = BTreeMap::new();
    for (feed, lines) in stored.into_values().flatten() {
        *loose.entry(feed).or_default() += lines;
    }
    for (feed, lines) in loose {
        let counted = counted.get(feed).copied().unwrap_or_default();
        if lines > counted {
            found.push(format!("{lines} lines of {feed} are stored, only {counted} have an outcome"));
        }
    }
    found
}

/// An amex auth of a merchant that wants none (spec import §7.1). One message that is delivered to two handlers while
/// its MID is onboarded may be stored by the one, which parks it, and be skipped by the other, whose word then stands.
/// Nothing follows from it either way.
fn unwanted(purchase: &Purchase, kind: Kind) -> bool {
    let merchant = purchase.line(kind).and_then(|line| line.identifier.as_ref()).map(|i| i.merchant.as_str());
    (purchase.key.scheme, kind) == (Scheme::Amex, Kind::Auth)
        && merchant.is_some_and(|merchant| becomes(merchant, Scheme::Amex, Kind::Auth) == Becomes::Nothing)
}

/// How many lines of which feed came from which file or message.
fn stored_lines(rows: &Rows) -> HashMap<&str, BTreeMap<&str, u64>> {
    let mut stored: HashMap<&str, BTreeMap<&str, u64>> = HashMap::new();
    for sale in &rows.sales {
        *stored.entry(&sale.src.from).or_default().entry(sale.merchant.as_str()).or_default() += 1;
    }
    for export in &rows.exports {
        if let Some(answer) = &export.answer {
            *stored.entry(&answer.src.from).or_default().entry(export.merchant.as_str()).or_default() += 1;
        }
    }
    for (src, feed) in rows.purchases.iter().flat_map(payment_lines) {
        *stored.entry(&src.from).or_default().entry(feed).or_default() += 1;
    }
    stored
}

fn payment_lines(purchase: &Purchase) -> impl Iterator<Item = (&Source, &str)> {
    let line = |kind| purchase.line(kind).map(|facts| (&facts.src, feed_of(purchase.key.scheme, kind)));
    purchase.kinds().filter(|kind| !unwanted(purchase, *kind)).filter_map(line)
}

fn feed_of(scheme: Scheme, kind: Kind) -> &'static str {
    let feed = PaymentFeed::ALL.into_iter().find(|f| f.scheme() == scheme && f.kind() == kind);
    feed.map_or("no feed", PaymentFeed::as_str)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{World, assert_broken, assert_fine, file_of, noon, pair, range_of};
    use super::*;
    use harmonia_domain::answer::ReceiverAnswer;

    fn totals(accepted: u64, rejected: u64) -> Totals {
        Totals { read: accepted + rejected, accepted, rejected, ..Totals::default() }
    }

    #[test]
    fn a_file_that_is_not_finished_is_found() {
        let mut rows = pair().rows();
        assert_fine(&rows, 1);
        rows.files[0].state = FileState::Closed { forwarded: false };
        assert_broken(&rows, 1, "not finished");
    }

    #[test]
    fn a_line_without_outcome_is_found() {
        let mut rows = pair().rows();
        rows.files.push(file_of("amex-auth", "batch", totals(0, 2)));
        assert_fine(&rows, 1);
        rows.files.last_mut().unwrap().totals.read += 1;
        assert_broken(&rows, 1, "does not balance");
    }

    #[test]
    fn ranges_add_up_to_their_file() {
        let mut rows = Rows::default();
        let file = file_of("mastercard-settled", "f", totals(0, 3));
        rows.ranges = vec![range_of(&file, 0, totals(0, 2)), range_of(&file, 1, totals(0, 1))];
        rows.files = vec![file];
        assert_fine(&rows, 1);
        rows.ranges.pop();
        assert_broken(&rows, 1, "its ranges");
        rows.files.clear();
        assert_broken(&rows, 1, "ranges of no file");
    }

    /// A file delivered twice has no ranges of its own, even if both rows carry one id.
    #[test]
    fn a_repeated_file_counts_by_itself() {
        let mut rows = pair().rows();
        let mut again = rows.files[0].clone();
        again.totals = again.totals_if_repeated();
        again.state = FileState::Repeated { of: again.id.clone() };
        rows.files.push(again);
        assert_fine(&rows, 1);
    }

    /// A later file's answer stands in the place of an earlier one's; one that is gone, or that no file counts, is
    /// found.
    #[test]
    fn answers_are_lines_of_their_files() {
        let mut rows = pair().rows();
        let receiver = rows.exports[0].merchant.to_string();
        let file = |name: &str, rows: &mut Rows| {
            let file = file_of(&receiver, name, totals(1, 0));
            rows.ranges.push(range_of(&file, 0, totals(1, 0)));
            rows.files.push(file.clone());
            let src = Source { from: file.id.as_str().to_owned(), offset: 0, line: 2, backfill: false };
            ReceiverAnswer { result: "rewarded".into(), rewarded: true, arrived: noon(), src }
        };
        let first = file("first", &mut rows);
        assert_broken(&rows, 1, "kept 1 lines, 0 are stored");
        rows.exports[0].answer = Some(first.clone());
        assert_fine(&rows, 1);
        rows.exports[0].answer = Some(file("later", &mut rows));
        assert_fine(&rows, 1);
        let src = Source { from: "nowhere".into(), ..first.src.clone() };
        rows.exports[0].answer = Some(ReceiverAnswer { src, ..first });
        assert_broken(&rows, 1, "only 0 have an outcome");
    }

    #[test]
    fn a_sale_that_was_accepted_and_is_gone_is_found() {
        let mut world = World::default();
        world.sale("s1", |_| ());
        world.sale("s2", |_| ());
        let mut rows = world.rows();
        assert_fine(&rows, 1);
        rows.sales.pop();
        assert_broken(&rows, 1, "kept 2 lines, 1 are stored");
    }

    /// Spec import §7.1.
    #[test]
    fn an_unwanted_amex_auth_may_be_stored_and_skipped() {
        let mut rows = pair().rows();
        rows.files.retain(|f| f.feed.as_str() != "visa-auth");
        rows.purchases[0].key.scheme = Scheme::Amex;
        assert_broken(&rows, 1, "1 lines of amex-auth are stored, only 0");
        let identifier = rows.purchases[0].auth.as_mut().unwrap().identifier.as_mut().unwrap();
        identifier.merchant = "bpl-viator".parse().unwrap();
        assert_fine(&rows, 1);
    }

    #[test]
    fn a_payment_that_nobody_counted_is_found() {
        let mut rows = pair().rows();
        assert_fine(&rows, 1);
        rows.files.retain(|f| f.feed.as_str() != "visa-auth");
        assert_broken(&rows, 1, "1 lines of visa-auth are stored, only 0");
        rows.files.push(file_of("visa-auth", "again", totals(2, 0)));
        assert_fine(&rows, 1);
    }
}
