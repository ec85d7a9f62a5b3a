//! `docs/costs.md`: its tables are computed here, from what the budget test counts, what template.yaml and the alarms
//! have, and list prices; a test fails when the document says something else, and `HARMONIA_WRITE_DOCS=1` writes it.
//! Everything in integers: billionths of a dollar, tenths of units.

use crate::{
    budget::{PAIR, SALE, Units, WAITED},
    template::sizes,
};
use std::{fmt::Write, fs, path::Path};

/// List prices, us-east-1, in billionths of a dollar.
const WRITE_UNIT: u64 = 625;
const READ_UNIT: u64 = 125;
const SQS_REQUEST: u64 = 400;
const LAMBDA_REQUEST: u64 = 200;
/// arm64: $0.0000133334 a gigabyte-second.
const LAMBDA_GB_S: u64 = 13_333;
const S3_PUT: u64 = 5_000;
const DOLLAR: u64 = 1_000_000_000;
/// A month of one of: a metric of one's own (of the first 10,000), a metric that an alarm reads, a dashboard, a key, a
/// secret.
const METRIC: u64 = 3 * DOLLAR / 10;
const ALARM_METRIC: u64 = DOLLAR / 10;
const DASHBOARD: u64 = 3 * DOLLAR;
const KEY: u64 = DOLLAR;
const SECRET: u64 = 4 * DOLLAR / 10;

/// As in template.yaml; a test compares them.
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
/// Milliseconds of all stages for one line: what README.md shows of the demo, rounded up; a test compares them.
const LINE_MS: u64 = 6;
/// A merchant that answers in 300 ms, ten told at once.
const EXPORT_MS: u64 = 30;
/// tick every minute, sweep every 5 minutes, audit of three tables every 10 s at most, in 30 days.
const FIXED_INVOCATIONS: u64 = 30 * 24 * 60 * (1 + 3 * 6) + 30 * 24 * 12;
/// Each of them, on a quiet day.
const FIXED_MS: u64 = 50;
/// Segments of the audit log: three tables that change all the time, a segment every 10 s each.
const SEGMENTS: u64 = 30 * 24 * 60 * 3 * 6;

/// Write units of a line at each stage, in tenths: import of a payment; claim; the entry of a payment that waits, put
/// and deleted; the verdict on a delivery. A sale's import is [`SALE`].
const PAYMENT_WRITES: u64 = 10;
const CLAIM_WRITES: u64 = 60;
const WAITING_WRITES: u64 = 20;
const DELIVERED_WRITES: u64 = 10;

const MILLION: u64 = 1_000_000;
/// Pairs and unmatched sales of a month, and whose they are: so many merchants', or all that are shipped.
const SIZES: [(&str, u64, u64, Option<usize>); 3] = [
    ("one chain", MILLION / 10, MILLION, Some(1)),
    ("a dozen merchants", MILLION, 10 * MILLION, None),
    ("a national programme", 10 * MILLION, 100 * MILLION, None),
];
const BEGIN: &str = "<!-- computed by tests/src/costs.rs -->\n";
const END: &str = "<!-- end -->";

/// What one kind of thing costs, each part in billionths of a dollar.
#[derive(Clone, Copy)]
struct Cost {
    tables: u64,
    queues: u64,
    functions: u64,
    objects: u64,
}

impl Cost {
    fn all(self) -> u64 {
        self.tables + self.queues + self.functions + self.objects
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
        // the raw messages of an invocation are archived as one object
        objects: S3_PUT.div_ceil(AT_ONCE),
    }
}

/// A line of a file, whose key is looked up once. The file's own few objects are shared by thousands.
fn sale() -> Cost {
    let queues = (HOP_REQUESTS * SQS_REQUEST).div_ceil(10);
    Cost { tables: tables(SALE), queues, functions: functions(1, LINE_MS), objects: 0 }
}

/// What the clock brings, in invocations.
fn clock() -> u64 {
    FIXED_INVOCATIONS * (LAMBDA_REQUEST + (FIXED_MS * MEMORY_MB * LAMBDA_GB_S).div_ceil(1_000 * 1_024))
}

/// What a month costs whatever comes: what, how many, and what all of them cost.
fn fixed(merchants: Option<usize>) -> Vec<(String, u64, u64)> {
    let count = |n: usize| u64::try_from(n).unwrap();
    let (alarms, read) = sizes::alarms();
    let (series, read) = (count(sizes::series(merchants)), count(read));
    vec![
        ("metrics of its own, if each is told in each hour".to_owned(), series, series * METRIC),
        (format!("metrics that its {alarms} alarms read"), read, read * ALARM_METRIC),
        ("segments of the audit log, if each table changes all the time".to_owned(), SEGMENTS, SEGMENTS * S3_PUT),
        ("dashboard".to_owned(), 1, DASHBOARD),
        ("key".to_owned(), 1, KEY),
        ("secret".to_owned(), 1, SECRET),
        ("invocations by schedules, and by the streams of quiet tables".to_owned(), FIXED_INVOCATIONS, clock()),
    ]
}

fn dollars(billionths: u64) -> String {
    let cents = billionths.div_ceil(DOLLAR / 100);
    format!("${}.{:02}", cents / 100, cents % 100)
}

fn text() -> String {
    let mut text = String::from(
        "\n| a million of | tables | queues | functions | objects | together |\n|---|--:|--:|--:|--:|--:|\n",
    );
    for (what, cost) in [
        ("pairs, the sale came first", pair(PAIR)),
        ("pairs, the payment waited", pair(WAITED)),
        ("sales that nobody paid with a registered card", sale()),
    ] {
        let parts = [cost.tables, cost.queues, cost.functions, cost.objects, cost.all()];
        let parts = parts.map(|one| dollars(one * MILLION)).join(" | ");
        writeln!(text, "| {what} | {parts} |").unwrap();
    }
    text.push_str("\n| each month, whatever comes, with all merchants | how many | costs at most |\n|---|--:|--:|\n");
    for (what, count, cost) in fixed(None) {
        writeln!(text, "| {what} | {} | {} |", grouped(count), dollars(cost)).unwrap();
    }
    let together = |merchants| fixed(merchants).iter().map(|(.., cost)| cost).sum::<u64>();
    writeln!(text, "| together | | {} |", dollars(together(None))).unwrap();
    text.push_str("\n| a month of | pairs | unmatched sales | by the line | with what is fixed, at most |\n");
    text.push_str("|---|--:|--:|--:|--:|\n");
    for (what, pairs, sales, merchants) in SIZES {
        // half of the payments wait for their sale
        let of_pairs = (pair(PAIR).all() + pair(WAITED).all()) * pairs / 2;
        let lines = of_pairs + sale().all() * sales;
        let [by_line, all] = [lines, lines + together(merchants)].map(dollars);
        writeln!(text, "| {what} | {} | {} | {by_line} | {all} |", grouped(pairs), grouped(sales)).unwrap();
    }
    text.push_str(&sizing());
    text
}

/// What each stage can do at most: so many invocations, each one line after the other.
fn sizing() -> String {
    let at_once = |function, source| sizes::source(function, source).1;
    let rows = [
        ("import, files (sales)", at_once("ImportFunction", "Files"), LINE_MS, SALE.write_tenths),
        ("import, ranges of a large file (sales)", sizes::ranges_at_once(), LINE_MS, SALE.write_tenths),
        ("import, one feed of messages (payments)", at_once("ImportFunction", "VisaAuth"), LINE_MS, PAYMENT_WRITES),
        ("identify, members that are known", at_once("IdentifyFunction", "Lines"), LINE_MS, 0),
        ("match, payments that waited", at_once("MatchFunction", "Keys"), LINE_MS, CLAIM_WRITES + WAITING_WRITES),
        ("export", at_once("ExportFunction", "Exports"), EXPORT_MS, DELIVERED_WRITES),
    ];
    let mut text = String::from("\n| stage | at once | ms a line | lines a second | write units a line | a second |\n");
    text.push_str("|---|--:|--:|--:|--:|--:|\n");
    for (stage, at_once, ms, writes) in rows {
        let lines = at_once * 1_000 / ms;
        let [n, writes_s] = [lines, lines * writes / 10].map(grouped);
        writeln!(text, "| {stage} | {at_once} | {ms} | {n} | {} | {writes_s} |", writes / 10).unwrap();
    }
    let warm = grouped(sizes::write_units_of_a_new_table());
    writeln!(text, "\nFunctions have {MEMORY_MB} MB; a new table takes {warm} write units a second at once.\n")
        .unwrap();
    text
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap()).collect();
    parts.join(",")
}

fn top(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

#[test]
fn the_document_says_what_is_computed() {
    let (path, text) = (top("docs/costs.md"), text());
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    if std::env::var_os("HARMONIA_WRITE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{text}{END}{after}")).unwrap();
    } else {
        assert!(written == text, "docs/costs.md has to say (HARMONIA_WRITE_DOCS=1 writes it):\n{text}");
    }
    // what is assumed is named where somebody reads it
    for assumed in [format!("{LINE_MS} ms"), format!("{EXPORT_MS} ms"), format!("{MEMORY_MB} MB"), "arm64".to_owned()] {
        assert!(after.contains(&assumed), "docs/costs.md does not name {assumed}");
    }
}

/// What is written here once more is what it is taken from.
#[test]
fn assumptions_are_those_of_the_template_and_of_the_readme() {
    assert_eq!(sizes::memory_mb(), MEMORY_MB);
    for (function, source) in [("IdentifyFunction", "Lines"), ("MatchFunction", "Keys"), ("ExportFunction", "Exports")]
    {
        assert_eq!(sizes::source(function, source).0, AT_ONCE, "{function}");
    }
    let readme = fs::read_to_string(top("README.md")).unwrap();
    let speed = readme.lines().find_map(|line| line.strip_prefix("speed ")).unwrap();
    let words: Vec<&str> = speed.split_whitespace().collect();
    let [lines, "lines", "in", ms, "ms:", ..] = words[..] else { panic!("{speed}") };
    let [lines, ms] = [lines, ms].map(|number| number.parse::<u64>().unwrap());
    assert_eq!(ms.div_ceil(lines), LINE_MS, "README.md: {speed}");
}

/// The stages' write units are those of the whole.
#[test]
fn stages_write_what_the_budget_counts() {
    let pair = SALE.write_tenths + PAYMENT_WRITES + CLAIM_WRITES + DELIVERED_WRITES;
    assert_eq!(pair, PAIR.write_tenths);
    assert_eq!(pair + WAITING_WRITES, WAITED.write_tenths);
}

/// The units alone, as design §4 has them: $6.9 to 8.8 a million pairs, $1.25 a million unmatched sales and some reads.
#[test]
fn tables_cost_what_the_budget_says() {
    assert_eq!(tables(PAIR) * MILLION, 7_000_000_000);
    assert_eq!(tables(WAITED) * MILLION, 8_750_000_000);
    assert_eq!(dollars(1), "$0.01");
    assert_eq!(tables(SALE) * MILLION, 1_375_000_000);
}
