//! The engine on one core: candidate rows a second, a million payments against a million sales, and what open lines
//! cost. Run with `cargo bench -p harmonia-matching`. The book is a sorted list here, as its table is: a payment looks
//! at one range of one key.
#![allow(clippy::expect_used, reason = "a benchmark of data that is known to be good")]

use divan::{Bencher, counter::ItemsCount};
use harmonia_definitions::{Definition, Matching};
use harmonia_domain::{
    feed::{Kind, Scheme},
    identifier::IdentifierType,
    money::{Currency, MinorUnits},
    purchase::{Current, MatchedIdentifier},
};
use harmonia_matching::{Candidate, Decision, decide, sale_times};
use jiff::{SignedDuration, Timestamp};
use std::ops::Range;

const WASABI: &str = include_str!("../../definitions/merchants/wasabi-club.toml");
/// Books are spread over so many keys (MID, currency, amount).
const KEYS: u32 = 10_000;
/// Lines are spread over the matching window.
const SPREAD_S: u64 = 14 * DAY_S;
const DAY_S: u64 = 86_400;
/// A till is at most so late.
const TILL_S: u64 = 30;

fn main() {
    divan::main();
}

fn wasabi() -> Matching {
    Definition::from_toml(WASABI, "wasabi-club.toml").expect("a shipped definition").matching.expect("it matches")
}

/// splitmix64: the same lines in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

fn second(offset: u64) -> Timestamp {
    let start: Timestamp = "2024-06-03T00:00:00Z".parse().expect("an instant");
    start.checked_add(SignedDuration::from_secs(i64::try_from(offset).expect("a fortnight"))).expect("near it")
}

fn payment(at: Timestamp, code: String) -> Current {
    Current {
        identity_of: Kind::Auth,
        at,
        amount: MinorUnits(1234),
        currency: Currency::GBP,
        auth_code: code,
        approval_code: String::new(),
        first_six: None,
        last_four: None,
        mid: "m".into(),
        identifier: MatchedIdentifier {
            merchant: "wasabi-club".parse().expect("a slug"),
            kind: IdentifierType::Primary,
            text: "m".into(),
            location_id: None,
            merchant_internal_id: None,
        },
        arrived: second(SPREAD_S),
        changed: (second(SPREAD_S), 1),
    }
}

fn sale(id: u64, at: Timestamp, code: String) -> Candidate {
    Candidate {
        id: id.to_string(),
        at,
        arrived: second(SPREAD_S),
        auth_code: code,
        first_six: Some("400000".into()),
        last_four: Some("1234".into()),
    }
}

fn code_of(pair: u64) -> String {
    format!("{:06}", pair % 1_000_000)
}

/// A payment or a sale under its key.
type Under<T> = (u32, T);

/// So many pairs, each with its own code, in no order.
fn pairs(count: u64) -> (Vec<Under<Current>>, Vec<Under<Candidate>>) {
    let mut dice = Dice(count);
    let (mut payments, mut sales) = (Vec::new(), Vec::new());
    for pair in 0..count {
        let key = u32::try_from(dice.roll(u64::from(KEYS))).expect("a key");
        // on one UTC day, as equal codes have to be
        let at = dice.roll(SPREAD_S / DAY_S) * DAY_S + dice.roll(DAY_S - TILL_S);
        payments.push((key, payment(second(at), code_of(pair))));
        sales.push((key, sale(pair, second(at + dice.roll(TILL_S)), code_of(pair))));
    }
    // the sales come in another order than the payments
    for last in (1..sales.len()).rev() {
        let other = dice.roll(u64::try_from(last).expect("a place") + 1);
        sales.swap(last, usize::try_from(other).expect("a place"));
    }
    (payments, sales)
}

/// Keys and instants in their order, with the places they had.
fn in_order(lines: impl Iterator<Item = (u32, Timestamp)>) -> Vec<((u32, Timestamp), usize)> {
    let mut order: Vec<_> = lines.zip(0..).collect();
    order.sort_unstable();
    order
}

/// A book: sales in the order of key and instant. A key is found at once, as a table finds its partitions.
struct Book {
    /// Where each key's sales begin, and the end.
    starts: Vec<usize>,
    times: Vec<Timestamp>,
    sales: Vec<Candidate>,
}

impl Book {
    fn sorted(sales: Vec<Under<Candidate>>) -> Self {
        let order = in_order(sales.iter().map(|(key, sale)| (*key, sale.at)));
        let mut sales: Vec<Option<Candidate>> = sales.into_iter().map(|(_, sale)| Some(sale)).collect();
        let sales = order.iter().filter_map(|(_, place)| sales.get_mut(*place)?.take()).collect();
        let begins = |key| order.partition_point(|((other, _), _)| *other < key);
        let starts = (0..=KEYS).map(begins).collect();
        Self { starts, times: order.into_iter().map(|((_, at), _)| at).collect(), sales }
    }

    /// The places of a key's sales.
    fn of(&self, key: u32) -> Range<usize> {
        let key = usize::try_from(key).expect("a place");
        let at = |place: usize| *self.starts.get(place).expect("a key");
        at(key)..at(key + 1)
    }

    fn finds(&self, matching: &Matching, scheme: Scheme, (key, payment): &Under<Current>) -> bool {
        let key = self.of(*key);
        let (from, to) = sale_times(matching, scheme, payment).expect("a policy");
        let times = self.times.get(key.clone()).unwrap_or_default();
        let first = key.start + times.partition_point(|at| *at < from);
        let last = key.start + times.partition_point(|at| *at <= to);
        let candidates = self.sales.get(first..last).unwrap_or_default();
        let verdict = decide(matching, scheme, payment, "400000", "1234", candidates);
        matches!(verdict.decision, Decision::Match { .. })
    }
}

/// Candidate rows a second, and how time grows with the open lines of one key: each is compared, none is the one.
#[divan::bench(args = [100, 1_000, 2_500, 5_000, 10_000])]
fn rows_of_one_key(bencher: Bencher<'_, '_>, rows: u64) {
    let matching = wasabi();
    let mut dice = Dice(rows);
    let sales: Vec<Candidate> = (0..rows).map(|row| sale(row, second(dice.roll(DAY_S)), code_of(row + 1))).collect();
    let paid = payment(second(DAY_S / 2), code_of(0));
    bencher.counter(ItemsCount::new(sales.len())).bench_local(|| {
        let verdict = decide(&matching, Scheme::Visa, &paid, "400000", "1234", &sales);
        assert_eq!(verdict.reasons.len(), sales.len());
        verdict
    });
}

/// One match in a book of so many open sales over 10,000 keys, decided by time: a range of six minutes, so that no more
/// lines are looked at where a key has more of them. Asked by a hundred payments over and over: what is left is the
/// engine's own work, wherever in the machine's memory the rest of the book lies.
#[divan::bench(args = [10_000, 100_000, 1_000_000], sample_size = 1_000)]
fn one_match_by_time_in_a_book_of(bencher: Bencher<'_, '_>, open: u64) {
    asked(bencher, open, Scheme::Amex, 100);
}

/// The same by auth code, which has to agree on the whole UTC day (D15): grows with the key's lines of that day, which
/// are one, two and eight.
#[divan::bench(args = [10_000, 100_000, 1_000_000], sample_size = 1_000)]
fn one_match_by_code_in_a_book_of(bencher: Bencher<'_, '_>, open: u64) {
    asked(bencher, open, Scheme::Visa, 100);
}

/// The same, asked by one payment after another: what they read is in no cache of the processor, and the larger the
/// book, the farther away it is.
#[divan::bench(args = [10_000, 100_000, 1_000_000], sample_size = 1_000)]
fn one_match_in_a_cold_book_of(bencher: Bencher<'_, '_>, open: u64) {
    asked(bencher, open, Scheme::Visa, usize::MAX);
}

fn asked(bencher: Bencher<'_, '_>, open: u64, scheme: Scheme, by: usize) {
    let matching = wasabi();
    let (payments, sales) = pairs(open);
    let book = Book::sorted(sales);
    let finds = |payment: &Under<Current>| book.finds(&matching, scheme, payment);
    // by time some are as near to a stranger's sale as to their own
    let asking: Vec<_> = payments.iter().filter(|payment| finds(payment)).take(by).collect();
    assert!(asking.len() >= by.min(payments.len()), "they have their sales");
    let mut next = asking.iter().cycle();
    bencher.bench_local(|| assert!(finds(next.next().expect("it goes round"))));
}

/// A million payments and a million sales, in no order: sorted, then decided one by one.
#[divan::bench(sample_count = 5)]
fn a_million_pairs(bencher: Bencher<'_, '_>) {
    const PAIRS: u64 = 1_000_000;
    let matching = wasabi();
    let (payments, sales) = pairs(PAIRS);
    bencher
        .counter(ItemsCount::new(payments.len()))
        .with_inputs(|| (payments.clone(), sales.clone()))
        .bench_local_values(|(payments, sales)| {
            let book = Book::sorted(sales);
            let order = in_order(payments.iter().map(|(key, payment)| (*key, payment.at)));
            let in_order = order.iter().filter_map(|(_, place)| payments.get(*place));
            let found = in_order.filter(|payment| book.finds(&matching, Scheme::Visa, payment)).count();
            assert_eq!(found, payments.len());
            (payments, book)
        });
}
