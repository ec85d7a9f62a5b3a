//! "Property: any split = whole" (design §4): however the text of a file comes in pieces and is cut into ranges, the
//! same records stand on the same lines and bytes with the same outcomes, the first of its id included, in each format.

use super::*;
use crate::merchant::tests::formats::{FIXED, HEADLESS, LINES};
use proptest::prelude::*;

fn invented(feed: &str) -> Definition {
    Definition::from_toml(&format!("merchant = \"corner-shop\"\nversion = \"1\"\n{feed}"), "x.toml").unwrap()
}

/// Lines of which most are good, and how they end; joined behind what the file begins with.
fn file_of(
    start: &'static str,
    good: impl Strategy<Value = String>,
    odd: Vec<String>,
    ends: &'static str,
) -> impl Strategy<Value = String> {
    let line = prop_oneof![3 => good, 2 => prop::sample::select(odd)];
    prop::collection::vec((line, ends), 0..30)
        .prop_map(move |lines| lines.into_iter().fold(start.to_owned(), |text, (line, end)| text + &line + &end))
}

/// Rows that repeat ids, differ, are bad, skipped, too old, have open quotes or several lines.
fn csv_file() -> impl Strategy<Value = String> {
    let good = ("[12]\\.00", "r[1-4]").prop_map(|(amount, receipt)| row(&amount, &receipt));
    let odd = vec![
        row("10.999", "r1"),
        row("1.00", "r1").replace("2024", "2023"),
        row("1.00", "r2").replace("Visa Debit", "Diners"),
        row("1.00", "\"r\n3\""),
        row("1.00", "\"r3"),
        row("1.00", "\"r\r\n\"\"3\""),
        row("1.00", "r1").replace("A076", "\"é\u{0}\""),
        "\"".to_owned(),
        String::new(),
    ];
    file_of("", good, odd, "\n|\r\n|\r|\n\n").prop_map(|rows| format!("{HEADER}\n{rows}"))
}

/// As [`csv_file`], with other delimiter and quote and without header; a double quote is a character like others.
fn headless_file(delimiter: char, quote: char) -> impl Strategy<Value = String> {
    let row = |id: &str, sum: &str| format!("{id}|s\"hop|MC|{sum}|18.06.2024 13:41");
    let good = ("r[1-4]", "[12],00").prop_map(move |(id, sum)| row(&id, &sum));
    let odd = vec![
        row("r1", "10,999"),
        row("r1", "1,00").replace("2024", "2023"),
        row("r2", "1,00").replace("MC", "Diners"),
        row("'r\n3'", "1,00"),
        row("'r3", "1,00"),
        row("'r|\r\n''3'", "1,00"),
        row("\"r1\"", "1,00"),
        row("é\u{0}", "1 000,00"),
        "'".to_owned(),
        String::new(),
    ];
    file_of("", good, odd, "\n|\r\n|\r|\n\n")
        .prop_map(move |text| text.replace('|', &delimiter.to_string()).replace('\'', &quote.to_string()))
}

fn tgx2_file() -> impl Strategy<Value = String> {
    let good = ("[AB]?", "[12]").prop_map(|(id, amount)| detail(&id, &amount));
    let odd = vec![
        detail("A", "x"),
        detail("A", "1").replace("2024", "2023"),
        detail("A", "1").replace("MCTok", "MC\"é\u{0}"),
        "T".to_owned(),
        "D".to_owned(),
        String::new(),
    ];
    file_of("H\n", good, odd, "\n|\r\n")
}

fn json_lines_file() -> impl Strategy<Value = String> {
    let line = |id: &str, net: &str| {
        format!(
            r#"{{"id":"{id}","till":"1","state":{{"code":0,"count":"7"}},"cards":[{{"name":"AMEX"}}],
            "net":"{net}","tax":0.3,"currency":"eur","day":"2024-06-18","time":"13:41:07"}}"#
        )
        .replace('\n', "")
    };
    let good = ("r[1-4]", "[12],00").prop_map(move |(id, net)| line(&id, &net));
    let odd = vec![
        line("r1", "1.00"),
        line("r1", "1,00").replace("2024", "2023"),
        line("r1", "1,00").replace("\"code\":0", "\"code\":5"),
        line("r1", "1,00").replace("AMEX", "é"),
        line("r\\n\\\"\\u0000é", "1,00"),
        line("r1", "1,00") + "\r{}",
        "[]".to_owned(),
        "{\"id\":\"".to_owned(),
        " \t".to_owned(),
        String::new(),
    ];
    file_of("", good, odd, "\n|\r\n|\n\n")
}

/// The first line is discarded, whatever it says, and lines that begin otherwise are none.
fn fixed_width_file() -> impl Strategy<Value = String> {
    let line = |id: &str, pence: &str| format!("D{id:<4}Köln VISA{pence:0>6}202406181341");
    let good = ("r[1-4]", "[12]").prop_map(move |(id, pence)| line(&id, &pence));
    let odd = vec![
        line("r1", "x"),
        line("r1", "1").replace("2024", "2023"),
        line("r1", "1").replace("VISA", "DINE"),
        line("é\"\u{0}", "1").replacen('D', "E", 1),
        line("r1", "1").replacen('D', "T", 1),
        "Dr1".to_owned(),
        "E".to_owned(),
        " ".to_owned(),
        String::new(),
    ];
    let first = prop::sample::select(vec![line("r1", "1"), "H".to_owned(), String::new()]);
    (first, file_of("\n", good, odd, "\n|\r\n|\n\n")).prop_map(|(first, rest)| first + &rest)
}

fn split_is_whole(format: FileFormat<'_>, text: &str, limits: RangeLimits, size: usize) -> Result<(), TestCaseError> {
    let whole = plan(format, text, RangeLimits::NONE, text.len().max(1)).unwrap();
    let split = plan(format, text, limits, size).unwrap();
    prop_assert_eq!(&split, &plan(format, text, limits, text.len().max(1)).unwrap(), "pieces do not matter");
    prop_assert_eq!((split.lines, split.records, &split.header), (whole.lines, whole.records, &whole.header));
    prop_assert!(whole.ranges.len() <= 1);
    prop_assert_eq!(read(format, &split, text), read(format, &whole, text));
    let mut free = 0;
    for (number, range) in (0..).zip(&split.ranges) {
        prop_assert_eq!(range.number, number);
        prop_assert!(range.from >= free && range.from < range.to, "no byte belongs to two ranges");
        prop_assert!(range.records <= limits.lines && (range.records == 1 || range.to - range.from <= limits.bytes));
        free = range.to;
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_split_of_csv_is_whole(text in csv_file(), lines in 1_u64..6, bytes in 1_u64..800, size in 1_usize..200) {
        let definition = wasabi();
        split_is_whole(FileFormat::Merchant(&definition), &text, RangeLimits { lines, bytes }, size)?;
    }

    #[test]
    fn any_split_of_other_csv_is_whole(
        (delimiter, quote, text) in prop::sample::select(vec![('|', '\''), (';', '~'), ('\t', '\'')])
            .prop_flat_map(|(delimiter, quote)| {
                (Just(delimiter), Just(quote), headless_file(delimiter, quote))
            }),
        lines in 1_u64..6,
        bytes in 1_u64..400,
        size in 1_usize..100,
    ) {
        let feed = HEADLESS
            .replace("delimiter = \"|\"", &format!("delimiter = {:?}", delimiter.to_string()))
            .replace("quote = \"'\"", &format!("quote = \"{quote}\""));
        let definition = invented(&feed);
        split_is_whole(FileFormat::Merchant(&definition), &text, RangeLimits { lines, bytes }, size)?;
    }

    #[test]
    fn any_split_of_tgx2_is_whole(text in tgx2_file(), lines in 1_u64..6, bytes in 1_u64..4000, size in 1_usize..900) {
        split_is_whole(TGX2, &text, RangeLimits { lines, bytes }, size)?;
    }

    #[test]
    fn any_split_of_json_lines_is_whole(
        text in json_lines_file(), lines in 1_u64..6, bytes in 1_u64..1500, size in 1_usize..300,
    ) {
        let definition = invented(LINES);
        split_is_whole(FileFormat::Merchant(&definition), &text, RangeLimits { lines, bytes }, size)?;
    }

    #[test]
    fn any_split_of_fixed_width_is_whole(
        text in fixed_width_file(), lines in 1_u64..6, bytes in 1_u64..300, size in 1_usize..80,
    ) {
        let definition = invented(FIXED);
        split_is_whole(FileFormat::Merchant(&definition), &text, RangeLimits { lines, bytes }, size)?;
    }
}

/// What the generators are for: each makes files with records of every kind, in several ranges.
#[test]
fn generated_files_have_everything() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let (wasabi, headless) = (wasabi(), invented(HEADLESS));
    let (json, fixed) = (invented(LINES), invented(FIXED));
    let formats: [(FileFormat<'_>, BoxedStrategy<String>); 5] = [
        (FileFormat::Merchant(&wasabi), csv_file().boxed()),
        (FileFormat::Merchant(&headless), headless_file('|', '\'').boxed()),
        (TGX2, tgx2_file().boxed()),
        (FileFormat::Merchant(&json), json_lines_file().boxed()),
        (FileFormat::Merchant(&fixed), fixed_width_file().boxed()),
    ];
    for (format, files) in formats {
        let mut runner = TestRunner::deterministic();
        let mut kinds = std::collections::BTreeSet::new();
        for _ in 0..50 {
            let text = files.new_tree(&mut runner).unwrap().current();
            let plan = plan(format, &text, lines(2), 100).unwrap();
            for range in &plan.ranges {
                for read in read_range(format, plan.header.as_deref(), range, range.text_of(&text)).unwrap() {
                    kinds.insert(match read.record {
                        Record::Payment(_) | Record::Sale(_) | Record::Result(_) => "good",
                        Record::Repeated { differs: true, .. } => "repeated, differs",
                        Record::Repeated { differs: false, .. } => "repeated",
                        Record::Skipped(_) => "skipped",
                        Record::Rejected(_) => "rejected",
                    });
                }
            }
        }
        // payments are not filtered
        let kinds_max = if matches!(format, FileFormat::Tgx2(_)) { 4 } else { 5 };
        assert_eq!(kinds.len(), kinds_max, "{format:?}: {kinds:?}");
    }
}
