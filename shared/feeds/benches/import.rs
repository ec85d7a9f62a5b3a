//! Lines and bytes a second on one core, for each format: planning a file, and reading its ranges. Run with
//! `cargo bench -p harmonia-feeds`.
#![allow(clippy::expect_used, reason = "a benchmark of files that are known to be good")]

mod made;

use divan::{
    Bencher,
    counter::{BytesCount, ItemsCount},
};
use harmonia_feeds::{FileFormat, Plan, Planner, RangeLimits, read_range};
use made::Made;

/// Some ranges' worth.
const TEXT_BYTES: usize = 32 * 1024 * 1024;
/// As the bytes of an object come.
const CHUNK_BYTES: usize = 1024 * 1024;

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
    let counted = bencher.counter(ItemsCount::new(lines)).counter(BytesCount::new(text.len()));
    counted.bench_local(|| {
        let read = |range| {
            let header = plan.header.as_deref();
            read_range(made.format, header, range, range.text_of(&text)).expect("a planned range").count()
        };
        plan.ranges.iter().map(read).sum::<usize>()
    });
}
