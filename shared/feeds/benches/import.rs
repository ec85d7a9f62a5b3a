//! Lines and bytes a second on one core, for each format: planning a file, and reading its ranges; and messages. Run
//! with `cargo bench -p harmonia-feeds`.
#![allow(clippy::expect_used, reason = "a benchmark of files that are known to be good")]

mod made;

use divan::{
    Bencher,
    counter::{BytesCount, ItemsCount},
};
use harmonia_domain::feed::PaymentFeed;
use harmonia_feeds::{FileFormat, Plan, Planner, RangeLimits, Record, read_message, read_range};
use made::Made;

/// Some ranges' worth.
const TEXT_BYTES: usize = 32 * 1024 * 1024;
/// As the bytes of an object come.
const CHUNK_BYTES: usize = 1024 * 1024;
const MESSAGES: u64 = 50_000;

fn main() {
    divan::main();
}

fn formats() -> impl Iterator<Item = &'static str> {
    made::all().into_iter().map(|made| made.name)
}

fn named(name: &str) -> Made {
    made::all().into_iter().find(|made| made.name == name).expect("one of them")
}

fn planned(format: FileFormat<'_>, text: &str) -> Plan {
    let mut planner = Planner::new(format, |_| true, RangeLimits::FUNCTION).expect("a file feed");
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(CHUNK_BYTES));
        planner.push(piece).expect("a good file");
        rest = after;
    }
    planner.finish().expect("a good file")
}

/// Does a benchmark read what it is meant to?
fn assert_good(made: &Made, plan: &Plan, text: &str) {
    let first = plan.ranges.first().expect("records");
    let good = |record: &Record| matches!(record, Record::Payment(_) | Record::Sale(_));
    let mut records =
        read_range(made.format, plan.header.as_deref(), first, first.text_of(text)).expect("a planned range");
    assert!(records.all(|numbered| good(&numbered.record)), "{} has good lines only", made.name);
}

#[divan::bench(args = formats(), sample_count = 5)]
fn plan(bencher: Bencher<'_, '_>, name: &str) {
    let made = named(name);
    let (text, lines) = made::text(&made, TEXT_BYTES);
    let counted = bencher.counter(ItemsCount::new(lines)).counter(BytesCount::new(text.len()));
    counted.bench_local(|| planned(made.format, &text));
}

#[divan::bench(args = formats(), sample_count = 5)]
fn read(bencher: Bencher<'_, '_>, name: &str) {
    let made = named(name);
    let (text, lines) = made::text(&made, TEXT_BYTES);
    let plan = planned(made.format, &text);
    assert_good(&made, &plan, &text);
    let counted = bencher.counter(ItemsCount::new(lines)).counter(BytesCount::new(text.len()));
    counted.bench_local(|| {
        let read = |range| {
            let header = plan.header.as_deref();
            read_range(made.format, header, range, range.text_of(&text)).expect("a planned range").count()
        };
        plan.ranges.iter().map(read).sum::<usize>()
    });
}

#[divan::bench(sample_count = 5)]
fn messages(bencher: Bencher<'_, '_>) {
    let messages: Vec<String> = (0..MESSAGES).map(made::visa_auth).collect();
    let bytes: usize = messages.iter().map(String::len).sum();
    let good = |text: &String| matches!(read_message(PaymentFeed::VisaAuth, text.as_bytes()), Record::Payment(_));
    assert!(messages.first().is_some_and(good), "a good message");
    let counted = bencher.counter(ItemsCount::new(messages.len())).counter(BytesCount::new(bytes));
    counted.bench_local(|| messages.iter().filter(|text| good(text)).count());
}
