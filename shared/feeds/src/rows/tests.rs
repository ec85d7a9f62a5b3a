use super::*;
use proptest::prelude::*;

type Read = (u64, u64, Result<Vec<String>, Endless>);

const COMMA: Dialect = Dialect { delimiter: b',', quote: b'"' };

fn all(text: &str) -> Vec<Read> {
    read_as(text, COMMA)
}

fn read_as(text: &str, dialect: Dialect) -> Vec<Read> {
    let mut rows = Rows::new(text, 0, dialect);
    let mut fields = Vec::new();
    let next = || {
        let (place, row) = rows.read(&mut fields)?;
        Some((place.line, place.offset, row.map(|()| fields.iter().map(ToString::to_string).collect())))
    };
    std::iter::from_fn(next).collect()
}

fn fields(text: &str) -> Vec<Vec<String>> {
    all(text).into_iter().map(|(_, _, row)| row.expect("rows that end")).collect()
}

#[test]
fn dialect() {
    assert_eq!(fields("a,b\r\n,\nc"), [vec!["a", "b"], vec!["", ""], vec!["c"]]);
    assert_eq!(fields("\"a,\"\"b\"\"\",\"\",\"x\ny\"z,m\"id\n"), [["a,\"b\"", "", "x\nyz", "m\"id"]]);
    assert_eq!(fields("\"\"\n \n\u{0}"), [[""], [" "], ["\u{0}"]]);
    assert!(fields("\r\n\n").is_empty());
}

/// Other characters take the place of comma and quote, which then mean nothing.
#[test]
fn another_dialect() {
    let read = read_as("a,\"b\";'c;''d'\n", Dialect { delimiter: b';', quote: b'\'' });
    assert_eq!(read, [(1, 0, Ok(vec!["a,\"b\"".to_owned(), "c;'d".to_owned()]))]);
}

/// Lines and offsets are those of the row's first byte, after blank lines and quoted line breaks.
#[test]
fn places() {
    let text = "é,b\r\n\r\n\"x\r\ny\",2\n\n\nlast,3\n";
    let places: Vec<_> = all(text).into_iter().map(|(line, offset, _)| (line, offset)).collect();
    let offset = |part: &str| u64::try_from(text.find(part).unwrap()).unwrap();
    assert_eq!(places, [(1, 0), (3, offset("\"x")), (7, offset("last"))]);
}

/// D2: a quote that is never closed takes its own line only.
#[test]
fn an_open_quote_costs_one_line() {
    let read = all("a,\"b\nc,d\ne,f");
    assert_eq!(read[0], (1, 0, Err(Endless { fields: 1 })));
    assert_eq!(read[1], (2, 5, Ok(vec!["c".into(), "d".into()])));
    assert_eq!(read.len(), 3);
}

#[test]
fn a_line_beyond_the_limit_costs_itself_only() {
    let long = "é".repeat(LINE_BYTES_MAX);
    let read = all(&format!("a,{long}\nb"));
    assert!(read[0].2.is_err());
    assert_eq!((read[1].0, read[1].2.as_deref().unwrap()), (2, &["b".to_owned()][..]));
    let full = "x".repeat(LINE_BYTES_MAX);
    assert!(all(&full)[0].2.is_ok());
}

proptest! {
    /// Wherever quotes are closed, the `csv` crate reads the same rows.
    #[test]
    fn agrees_with_the_csv_crate(text in "([a-b,\n\"é\r]|\r\n|\"\"|\"[^\"]{0,3}\"){0,30}") {
        let ours = all(&text);
        prop_assume!(ours.iter().all(|(_, _, row)| row.is_ok()));
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let theirs: Vec<Vec<String>> =
            reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        prop_assert_eq!(ours.into_iter().map(|(_, _, row)| row.unwrap()).collect::<Vec<_>>(), theirs);
    }

    #[test]
    fn every_row_reads_back(
        rows in prop::collection::vec(prop::collection::vec("\\PC{0,6}[,\"\n\r]{0,2}", 2..5), 0..6)
    ) {
        let quote = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
        let line = |row: &Vec<String>| row.iter().map(quote).collect::<Vec<_>>().join(",") + "\r\n";
        prop_assert_eq!(fields(&rows.iter().map(line).collect::<String>()), rows);
    }
}
