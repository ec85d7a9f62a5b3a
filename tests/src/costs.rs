//! `docs/costs.md`: its tables are computed here, from what the budget test counts and from list prices, and a test
//! fails when the document says something else. Everything in integers: billionths of a dollar, tenths of units.

use crate::budget::{PAIR, SALE, Units, WAITED};
use std::{fmt::Write, fs, path::Path};

/// List prices, us-east-1, in billionths of a dollar.
const WRITE_UNIT: u64 = 625;
const READ_UNIT: u64 = 125;
const SQS_REQUEST: u64 = 400;
const LAMBDA_REQUEST: u64 = 200;
/// arm64: $0.0000133334 a gigabyte-second.
const LAMBDA_GB_S: u64 = 13_333;
const DOLLAR: u64 = 1_000_000_000;

/// As in template.yaml.
const MEMORY_MB: u64 = 512;
/// Records that an invocation takes, and items in a message between stages, on an ordinary day: template.yaml's
/// `BatchSize` of the stages. A busy day has up to a hundred items in a message, and costs less.
const AT_ONCE: u64 = 10;
/// A partner's message is sent, received and deleted; the last two by tens. In tenths.
const FEED_MESSAGE_REQUESTS: u64 = 12;
/// A message between stages, the same, shared by its items. In tenths.
const HOP_REQUESTS: u64 = 3;
/// lines, payments, keys, exports.
const HOPS_OF_PAIR: u64 = 4;
/// Milliseconds of all stages for one line: the demo's 35 s for 5,942 lines (README), rounded up.
const LINE_MS: u64 = 6;
/// A merchant that answers in 300 ms, ten told at once.
const EXPORT_MS: u64 = 30;
/// tick every minute, sweep every 5 minutes, audit of three tables every 10 s at most, in 30 days.
const FIXED_INVOCATIONS: u64 = 30 * 24 * 60 * (1 + 3 * 6) + 30 * 24 * 12;
/// Each of them, on a quiet day.
const FIXED_MS: u64 = 50;

const MILLION: u64 = 1_000_000;
/// Pairs and unmatched sales of a month.
const SIZES: [(&str, u64, u64); 3] = [
    ("one chain", MILLION / 10, MILLION),
    ("a dozen merchants", MILLION, 10 * MILLION),
    ("a national programme", 10 * MILLION, 100 * MILLION),
];
const BEGIN: &str = "<!-- computed by tests/src/costs.rs -->\n";
const END: &str = "<!-- end -->";

/// What one kind of thing costs, each part in billionths of a dollar.
#[derive(Clone, Copy)]
struct Cost {
    tables: u64,
    queues: u64,
    functions: u64,
}

impl Cost {
    fn all(self) -> u64 {
        self.tables + self.queues + self.functions
    }
}

fn tables(units: Units) -> u64 {
    (units.write_tenths * WRITE_UNIT + units.read_tenths * READ_UNIT).div_ceil(10)
}

fn functions(invocations_per_ten: u64, ms: u64) -> u64 {
    (invocations_per_ten * LAMBDA_REQUEST).div_ceil(AT_ONCE) + (ms * MEMORY_MB * LAMBDA_GB_S).div_ceil(1_000 * 1_024)
}

/// A payment by message and a sale in a file.
fn pair(units: Units) -> Cost {
    Cost {
        tables: tables(units),
        queues: (FEED_MESSAGE_REQUESTS + HOPS_OF_PAIR * HOP_REQUESTS).div_ceil(10) * SQS_REQUEST,
        functions: functions(1 + HOPS_OF_PAIR, 2 * LINE_MS + EXPORT_MS),
    }
}

/// A line of a file, whose key is looked up once.
fn sale() -> Cost {
    Cost { tables: tables(SALE), queues: (HOP_REQUESTS * SQS_REQUEST).div_ceil(10), functions: functions(1, LINE_MS) }
}

fn fixed() -> u64 {
    FIXED_INVOCATIONS * (LAMBDA_REQUEST + (FIXED_MS * MEMORY_MB * LAMBDA_GB_S).div_ceil(1_000 * 1_024))
}

fn dollars(billionths: u64) -> String {
    let cents = billionths.div_ceil(DOLLAR / 100);
    format!("${}.{:02}", cents / 100, cents % 100)
}

fn text() -> String {
    let mut text = String::from("\n| a million of | tables | queues | functions | together |\n|---|--:|--:|--:|--:|\n");
    for (what, cost) in [
        ("pairs, the sale came first", pair(PAIR)),
        ("pairs, the payment waited", pair(WAITED)),
        ("sales that nobody paid with a registered card", sale()),
    ] {
        let [tables, queues, functions, all] =
            [cost.tables, cost.queues, cost.functions, cost.all()].map(|one| dollars(one * MILLION));
        writeln!(text, "| {what} | {tables} | {queues} | {functions} | {all} |").unwrap();
    }
    text.push_str("\n| a month of | pairs | unmatched sales | costs |\n|---|--:|--:|--:|\n");
    for (what, pairs, sales) in SIZES {
        // half of the payments wait for their sale
        let of_pairs = (pair(PAIR).all() + pair(WAITED).all()) * pairs / 2;
        let all = dollars(of_pairs + sale().all() * sales + fixed());
        writeln!(text, "| {what} | {} | {} | {all} |", grouped(pairs), grouped(sales)).unwrap();
    }
    writeln!(text, "\nOf each, {} are the clock's: schedules, and the audit of quiet tables.\n", dollars(fixed()))
        .unwrap();
    text
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap()).collect();
    parts.join(",")
}

#[test]
fn the_document_says_what_is_computed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/costs.md");
    let document = fs::read_to_string(path).unwrap();
    let (_, rest) = document.split_once(BEGIN).unwrap();
    let (written, _) = rest.split_once(END).unwrap();
    assert_eq!(written, text(), "docs/costs.md has to say:\n{}", text());
}

/// The units alone, as design §4 has them: $6.9 to 8.8 a million pairs, $1.25 a million unmatched sales and some reads.
#[test]
fn tables_cost_what_the_budget_says() {
    assert_eq!(tables(PAIR) * MILLION, 7_000_000_000);
    assert_eq!(tables(WAITED) * MILLION, 8_750_000_000);
    assert_eq!(dollars(1), "$0.01");
    assert_eq!(tables(SALE) * MILLION, 1_375_000_000);
}
