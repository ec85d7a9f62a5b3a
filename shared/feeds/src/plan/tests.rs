use super::*;
use crate::{Numbered, Unreadable, limits::LINE_BYTES_MAX, read_range};
use harmonia_definitions::{Definition, Definitions};
use harmonia_domain::{feed::PaymentFeed, money::MinorUnits, outcome::RejectReason};

mod splits;

const TGX2: FileFormat<'static> = FileFormat::Tgx2(PaymentFeed::MastercardSettled);
const HEADER: &str = "Store No_,Amount,Card Number,Card Type Name,Auth_code,Date,Time,EFT Merchant No_,Receipt No_";

fn wasabi() -> Definition {
    Definitions::shipped().unwrap().get(&"wasabi-club".parse().unwrap()).unwrap().clone()
}

fn row(amount: &str, receipt: &str) -> String {
    format!("A076,{amount},450012******8841,Visa Debit,390211,18/06/2024,13:41:07,15819661,{receipt}")
}

/// A TGX2 detail line; a blank id makes it nameless.
fn detail(id: &str, amount: &str) -> String {
    let mut line = " ".repeat(770);
    for (start, text) in [
        (0, "D"),
        (21, "MCTok5512"),
        (102, "20240618"),
        (451, "521900311"),
        (518, &format!("{amount:0>12}")),
        (563, "1341"),
        (567, "390211"),
        (761, id),
    ] {
        line.replace_range(start..start + text.len(), text);
    }
    line.trim_end().to_owned()
}

fn plan(format: FileFormat<'_>, text: &str, limits: RangeLimits, size: usize) -> Result<Plan, Unreadable> {
    let mut planner = Planner::new(format, counts, limits)?;
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(size));
        planner.push(piece)?;
        rest = after;
    }
    planner.finish()
}

/// What the import would leave out as too old.
fn counts(record: &Record) -> bool {
    record.at().is_some_and(|at| at > "2024-01-01T00:00:00Z".parse().unwrap())
}

fn tell(record: &Record) -> String {
    match record {
        Record::Payment(line) => format!("{} {} {}", line.id, line.settlement_key, line.amount.0),
        Record::Rejected(reject) => reject.to_string(),
        other => format!("{other:?}"),
    }
}

/// What becomes of the lines of a range: the first of an id counts.
fn outcomes(records: impl Iterator<Item = Numbered>) -> Vec<(u64, u64, String)> {
    let mut seen = HashMap::new();
    let mut outcome = |record: &Record| {
        let mut told = tell(record);
        if let Some((id, content)) = record.keys().filter(|_| counts(record)) {
            if let Some(first) = seen.get(&id) {
                told = tell(&record.clone().repeated(*first != content));
            } else {
                seen.insert(id, content);
            }
        }
        told
    };
    records.map(|Numbered { line, offset, record }| (line, offset, outcome(&record))).collect()
}

fn read(format: FileFormat<'_>, plan: &Plan, text: &str) -> Vec<(u64, u64, String)> {
    let range = |range: &PlannedRange| {
        let records: Vec<Numbered> =
            read_range(format, plan.header.as_deref(), range, range.text_of(text)).unwrap().collect();
        assert_eq!(count(records.len()), range.records);
        outcomes(records.into_iter())
    };
    plan.ranges.iter().flat_map(range).collect()
}

fn lines(count: u64) -> RangeLimits {
    RangeLimits { lines: count, ..RangeLimits::NONE }
}

/// Spec import §4: of two lines with one id the first is kept, also if they end up in different ranges.
#[test]
fn the_first_line_of_an_id_is_kept_across_ranges() {
    let rows = [row("1.00", "r1"), row("2.00", "r1"), row("1.00", "r1"), row("1.00", "r2"), row("1.00", "r1")];
    let (text, definition) = (format!("{HEADER}\n{}", rows.join("\n")), wasabi());
    let plan = plan(FileFormat::Merchant(&definition), &text, lines(1), 10).unwrap();
    let repeats: Vec<Vec<bool>> = plan.ranges.iter().map(|range| range.repeats.values().copied().collect()).collect();
    assert_eq!(repeats, [vec![], vec![true], vec![false], vec![], vec![false]]);
    let second = &plan.ranges[1];
    let mut records =
        read_range(FileFormat::Merchant(&definition), plan.header.as_deref(), second, second.text_of(&text)).unwrap();
    let Some(Numbered { line: 3, record: Record::Repeated { differs: true, at: Some(at), payment: None }, .. }) =
        records.next()
    else {
        panic!("the second row is a repeat")
    };
    assert_eq!(at, "2024-06-18T12:41:07Z".parse().unwrap());
}

/// D2: "a rejected line does not count as seen, so a corrected one is new"; nor does a skipped or a too old one.
#[test]
fn lines_that_do_not_count_take_no_id() {
    let old = row("1.00", "r1").replace("2024", "2023");
    let rows =
        [row("10.999", "r1"), row("1.00", "r1").replace("Visa Debit", "Diners"), old.clone(), row("1.00", "r1"), old];
    let (text, definition) = (format!("{HEADER}\n{}", rows.join("\n")), wasabi());
    let plan = plan(FileFormat::Merchant(&definition), &text, lines(1), 10).unwrap();
    assert_eq!((plan.records, plan.ranges.len()), (5, 5));
    assert!(plan.ranges.iter().all(|range| range.repeats.is_empty()));
}

/// D6: positions go on from range to range, only where a range needs them.
#[test]
fn positions_of_lines_without_an_id() {
    let (a, b) = (detail("", "1"), detail("", "2"));
    let text = ["H", &a, &b, &a, &a, "T", &a, &detail("X", "1")].join("\n");
    let plan = plan(TGX2, &text, lines(2), 100).unwrap();
    let nameless: Vec<Vec<u64>> = plan.ranges.iter().map(|range| range.nameless.values().copied().collect()).collect();
    assert_eq!(nameless, [vec![], vec![1], vec![3]]);
    assert_eq!((plan.records, plan.lines), (6, 8));
    let ids: Vec<String> =
        read(TGX2, &plan, &text).into_iter().map(|(_, _, told)| told.split(' ').next().unwrap().to_owned()).collect();
    let suffixes: Vec<&str> = ids.iter().map(|id| id.rsplit('.').next().unwrap()).collect();
    assert_eq!(suffixes, ["0", "0", "1", "2", "3", "X_20240618"]);
    assert!(ids[0] != ids[1] && ids[0].split('.').next() == ids[2].split('.').next());
}

/// What the stage keeps between planning and reading.
#[test]
fn a_plan_reads_back_from_json() {
    let nameless = detail("", "1");
    let text = ["H", &nameless, &detail("X", "1"), &nameless, &detail("X", "2")].join("\n");
    let plan = plan(TGX2, &text, lines(2), 100).unwrap();
    assert!(!plan.ranges[1].nameless.is_empty() && !plan.ranges[1].repeats.is_empty());
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
}

/// D22: nothing to read is no error.
#[test]
fn files_without_records() {
    let definition = wasabi();
    for text in ["", "\n\r\n", HEADER, &format!("{HEADER}\n\n")] {
        let plan = plan(FileFormat::Merchant(&definition), text, RangeLimits::FUNCTION, 3).unwrap();
        assert_eq!((plan.ranges.len(), plan.records), (0, 0), "{text:?}");
    }
    for text in ["", "H20240619030000", "H\nT\n"] {
        assert_eq!(plan(TGX2, text, RangeLimits::FUNCTION, 3).unwrap().ranges, [], "{text:?}");
    }
}

/// A wrong header is found before anything is imported.
#[test]
fn headers() {
    let definition = wasabi();
    let plan = |text: &str| plan(FileFormat::Merchant(&definition), text, RangeLimits::FUNCTION, 50);
    let missing = |column: &str| Unreadable::MissingColumn { column: column.into() };
    assert_eq!(plan(&HEADER.replace("Auth_code", "x")).unwrap_err(), missing("Auth_code"));
    assert_eq!(plan(&format!("\n{HEADER}\n{}", row("1.00", "r"))).unwrap_err(), Unreadable::NoHeader);
    assert_eq!(plan(&format!("\"{HEADER}\n{}", row("1.00", "r"))).unwrap_err(), Unreadable::NoHeader);
    assert_eq!(plan(&"x".repeat(LINE_BYTES_MAX + 1)).unwrap_err(), Unreadable::NoHeader);
    // of two equal names the last one counts (spec import §3.3), in every range
    let text = format!("{HEADER},Amount\n{},3.00\n{},4.00\n", row("1.00", "r1"), row("2.00", "r2"));
    let twice = Planner::new(FileFormat::Merchant(&definition), |_| true, lines(1));
    let mut twice = twice.unwrap();
    twice.push(&text).unwrap();
    let twice = twice.finish().unwrap();
    let amounts: Vec<MinorUnits> = twice
        .ranges
        .iter()
        .flat_map(|range| {
            read_range(FileFormat::Merchant(&definition), twice.header.as_deref(), range, range.text_of(&text)).unwrap()
        })
        .map(|numbered| match numbered.record {
            Record::Sale(sale) => sale.amount,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(amounts, [MinorUnits(300), MinorUnits(400)]);
}

/// Neither a line of a gigabyte nor any number of blank lines makes a range longer than it may be.
#[test]
fn ranges_are_small_whatever_the_lines() {
    let definition = wasabi();
    let limits = RangeLimits { lines: 100, bytes: 3000 };
    let good = row("1.00", "r");
    let long = "y".repeat(3 * LINE_BYTES_MAX);
    let text = format!("{HEADER}\n{good}\n{}{good}\n{long}\n{good}\n{long}", "\n".repeat(100_000));
    let plan = plan(FileFormat::Merchant(&definition), &text, limits, 50_000).unwrap();
    let sizes: Vec<u64> = plan.ranges.iter().map(|range| range.to - range.from).collect();
    let (one, line) = (count(good.len()), count(LINE_BYTES_MAX) + 1);
    assert_eq!(sizes, [one, one, line, one, line]);
    let told: Vec<_> =
        read(FileFormat::Merchant(&definition), &plan, &text).into_iter().map(|(line, _, told)| (line, told)).collect();
    assert_eq!(told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 100_003, 100_004, 100_005, 100_006]);
    for n in [2, 4] {
        assert_eq!(told[n].1, format!("field Store No_: {:?} (value: Long)", RejectReason::TooLong));
    }
}

/// Spec import §7.7: a line shorter than a field gives an empty or cut value, which D2 rejects where it is needed.
#[test]
fn truncated_tgx2_lines() {
    let whole = detail("QK7Z19ABC", "2345");
    for length in 1..whole.len() {
        let text = format!("H\n{}\n{whole}", &whole[..length]);
        let plan = plan(TGX2, &text, RangeLimits::FUNCTION, 1000).unwrap();
        let told = read(TGX2, &plan, &text);
        assert_eq!(told.len(), 2);
        // the time stands at 563; two digits are one of hours and one of minutes (spec import §3.2)
        let rejected = told[0].2.starts_with("field date");
        assert_eq!(rejected, length < 565, "{length}: {}", told[0].2);
        assert!(told[1].2.starts_with("QK7Z19ABC_20240618 "), "the next line is its own");
    }
}

/// The plan cannot outgrow its memory.
#[test]
fn too_many_records() {
    let mut planner = Planner::new(TGX2, |_| true, RangeLimits::FUNCTION).unwrap();
    planner.work.records = RECORDS_MAX - 1;
    let line = detail("QK7Z19ABC", "2345");
    planner.push(&format!("H\n{line}\n")).unwrap();
    assert_eq!(planner.push(&format!("{line}\n")), Err(Unreadable::TooManyRecords));
}

#[test]
fn wrong_feeds() {
    let message = Planner::new(FileFormat::Tgx2(PaymentFeed::VisaAuth), |_| true, RangeLimits::NONE).map(|_| ());
    assert_eq!(message, Err(Unreadable::NotAFileFeed(PaymentFeed::VisaAuth)));
    let definition = Definition { feed: None, ..wasabi() };
    let merchant = Planner::new(FileFormat::Merchant(&definition), |_| true, RangeLimits::NONE).map(|_| ());
    assert_eq!(merchant, Err(Unreadable::NoFileFeed { merchant: definition.merchant.clone() }));
}
