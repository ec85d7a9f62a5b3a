use super::*;
use crate::rows;
use proptest::prelude::*;

/// Spec import §3.3.
const EXCEL: Dialect = Dialect { delimiter: b',', quote: b'"' };
const CSV: Framing = Framing::Csv(EXCEL);

/// Line, offset, and the fields or why there are none.
type Read = (u64, u64, Result<Vec<String>, Endless>);

fn read(frame: &Frame<'_>) -> Read {
    let mut fields = Vec::new();
    rows::split(frame.text, EXCEL, &mut fields);
    (frame.line, frame.offset, frame.whole.map(|()| fields.iter().map(ToString::to_string).collect()))
}

fn all(text: &str) -> Vec<Read> {
    Frames::new(CSV, text, 1, 0).map(|frame| read(&frame)).collect()
}

fn fields(text: &str) -> Vec<Vec<String>> {
    all(text).into_iter().map(|(_, _, row)| row.expect("rows that end")).collect()
}

fn lines(text: &str) -> Vec<(u64, u64, &str)> {
    Frames::new(Framing::Lines, text, 1, 0).map(|frame| (frame.line, frame.offset, frame.text)).collect()
}

/// Line, offset, text, and whether it is whole.
type Told = (u64, u64, String, Result<(), Endless>);

fn told(frame: Frame<'_>) -> Told {
    (frame.line, frame.offset, frame.text.to_owned(), frame.whole)
}

/// What a [`Framer`] makes of pieces of at most `size` bytes.
fn in_pieces(framing: Framing, text: &str, size: usize) -> (Vec<Told>, u64) {
    let mut frames = Vec::new();
    let mut keep = |frame: Frame<'_>| {
        frames.push(told(frame));
        Ok::<(), ()>(())
    };
    let mut incremental = Framer::new(framing);
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(size));
        incremental.push(piece, &mut keep).unwrap();
        assert!(incremental.held.len() <= LINE_BYTES_MAX + piece.len());
        rest = after;
    }
    let last = incremental.finish(&mut keep).unwrap();
    (frames, last)
}

fn in_one(framing: Framing, text: &str) -> Vec<Told> {
    Frames::new(framing, text, 1, 0).map(told).collect()
}

#[test]
fn dialect() {
    assert_eq!(fields("a,b\r\n,\nc"), [vec!["a", "b"], vec!["", ""], vec!["c"]]);
    assert_eq!(fields("\"a,\"\"b\"\"\",\"\",\"x\ny\"z,m\"id\n"), [["a,\"b\"", "", "x\nyz", "m\"id"]]);
    assert_eq!(fields("\"\"\n \n\u{0}"), [[""], [" "], ["\u{0}"]]);
    assert!(fields("\r\n\n").is_empty());
    let other = Dialect { delimiter: b';', quote: b'\'' };
    let rows: Vec<&str> = Frames::new(Framing::Csv(other), "a;'b\n;'\nc\"", 1, 0).map(|frame| frame.text).collect();
    assert_eq!(rows, ["a;'b\n;'", "c\""]);
    let mut fields = Vec::new();
    rows::split(rows[0], other, &mut fields);
    assert_eq!(fields, ["a", "b\n;"]);
}

/// Only line feeds end lines, CRs before them go with them.
#[test]
fn lines_end_at_line_feeds() {
    assert_eq!(lines("a\rb\r\n\r\n\n \r\r\n\"c\n\""), [(1, 0, "a\rb"), (4, 8, " "), (5, 12, "\"c"), (6, 15, "\"")]);
    assert!(lines("\n\r\n\r").is_empty());
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
    assert_eq!(read[0], (1, 0, Err(Endless::Quote { fields: 1 })));
    assert_eq!(read[1], (2, 5, Ok(vec!["c".into(), "d".into()])));
    assert_eq!(read.len(), 3);
    assert_eq!(all("\"b"), [(1, 0, Err(Endless::Quote { fields: 0 }))]);
    // closed, but beyond the limit: the line with the quote is bad, the others are read by themselves
    let far = format!("\"a\n{}b\"\nc", "x\n".repeat(LINE_BYTES_MAX / 2));
    let read = all(&far);
    assert_eq!((read[0].2.clone(), read[1].0), (Err(Endless::Quote { fields: 0 }), 2));
    assert_eq!(read.last().unwrap().2, Ok(vec!["c".into()]));
}

/// D2, and as much of the line is kept as shows again that it is too long.
#[test]
fn a_line_beyond_the_limit_costs_itself_only() {
    for framing in [CSV, Framing::Lines] {
        let long = format!("a,{}\nb", "é".repeat(LINE_BYTES_MAX));
        let frames: Vec<Frame<'_>> = Frames::new(framing, &long, 1, 0).collect();
        let fields = usize::from(framing == CSV);
        assert_eq!(frames[0].whole, Err(Endless::Line { fields }));
        assert_eq!((frames[1].line, frames[1].text), (2, "b"));
        assert_eq!(frames[0].text.len(), LINE_BYTES_MAX + 2);
        let again: Vec<Frame<'_>> = Frames::new(framing, frames[0].text, 1, 0).collect();
        assert_eq!(again, frames[..1]);
        let full = "x".repeat(LINE_BYTES_MAX);
        for text in [full.clone(), format!("{full}\n"), format!("{full}\nb")] {
            assert_eq!(Frames::new(framing, &text, 1, 0).next().unwrap().whole, Ok(()));
        }
        assert_eq!(in_pieces(framing, &long, 100_000).0, in_one(framing, &long));
        assert_eq!(in_pieces(framing, &format!("{full}\nb"), LINE_BYTES_MAX - 1).0.len(), 2);
    }
}

/// A stray quote on every line is no reason to read the file once for each of them.
#[test]
fn stray_quotes_cost_linear_time() {
    let bad = "a,\"b\n".repeat(20_000);
    assert_eq!(in_pieces(CSV, &bad, 1000).0.len(), 10_000, "every second quote closes the one before");
    let escaped = format!("\"{}", "\n\"\"".repeat(LINE_BYTES_MAX / 2));
    assert_eq!(in_one(CSV, &escaped).len(), LINE_BYTES_MAX / 2 + 1);
}

/// Texts where quotes, breaks and characters of several bytes meet.
fn text() -> impl Strategy<Value = String> {
    "([a-b,\n\"é\r\u{0}]|\r\n|\"\"|\"[^\"]{0,3}\"){0,40}"
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

    /// Any pieces = whole, the places are those of the text, and no byte belongs to two records.
    #[test]
    fn pieces_do_not_matter(text in text(), size in 1_usize..9) {
        for framing in [CSV, Framing::Lines] {
            let whole = in_one(framing, &text);
            let (pieces, last_line) = in_pieces(framing, &text, size);
            prop_assert_eq!(&pieces, &whole);
            let mut free = 0;
            for (line, offset, content, _) in &whole {
                let start = usize::try_from(*offset).unwrap();
                prop_assert!(start >= free && text[start..].starts_with(content));
                free = start + content.len();
                prop_assert_eq!(*line, 1 + count(text[..start].matches('\n').count()));
            }
            prop_assert_eq!(last_line, 1 + count(text.matches('\n').count()));
        }
    }

    /// A text that is cut at any record reads as the whole.
    #[test]
    fn cuts_do_not_matter(text in text(), at in any::<prop::sample::Index>()) {
        for framing in [CSV, Framing::Lines] {
            let whole: Vec<Frame<'_>> = Frames::new(framing, &text, 1, 0).collect();
            if whole.is_empty() {
                continue;
            }
            let cut = at.index(whole.len());
            let start = usize::try_from(whole[cut].offset).unwrap();
            let Frame { line, offset, .. } = whole[cut];
            let second: Vec<Frame<'_>> = Frames::new(framing, &text[start..], line, offset).collect();
            prop_assert_eq!(&second[..], &whole[cut..]);
            let end = usize::try_from(whole[cut].end()).unwrap();
            let first: Vec<Frame<'_>> = Frames::new(framing, &text[..end], 1, 0).collect();
            prop_assert_eq!(&first[..], &whole[..=cut]);
        }
    }
}
