//! What is asserted of any bytes from outside, one function a target: nothing panics, what comes out is bounded by what
//! went in, no byte belongs to two records, and reading in parts is reading the whole. `cargo test` runs every
//! target over its stored seeds; `./run` lets libFuzzer look for more.

use harmonia_definitions::{Definition, Definitions};
use harmonia_domain::feed::PaymentFeed;
use harmonia_feeds::{
    Decoder, Encoding, FileFormat, Numbered, Plan, Planner, RangeLimits, Record, Unreadable, decode_all, read_message,
    read_range,
};
use harmonia_runtime::events;
use harmonia_stages::message::Message;
use std::sync::LazyLock;

/// A target.
pub type Target = fn(&[u8]);

/// All of them, by name.
pub const TARGETS: [(&str, Target); 7] = [
    ("tgx2", tgx2),
    ("merchant", merchant),
    ("text", text),
    ("json", json),
    ("definition", definition),
    ("s3_event", s3_event),
    ("sqs_body", sqs_body),
];

/// Escapes in what is shown of a value are at most so many times as long as the value.
const SHOWN_RATIO_MAX: usize = 12;
/// Names of fields and types in what is shown of one value.
const SHOWN_FREE_MAX: usize = 8 * 1024;

/// Merchants with a feed, shipped ones and those made for this test.
static MERCHANTS: LazyLock<Vec<Definition>> = LazyLock::new(|| {
    let shipped = Definitions::shipped().expect("shipped definitions are tested");
    shipped.iter().filter(|definition| definition.feed.is_some()).cloned().collect()
});

/// The first byte chooses, the rest is the input.
fn choose<'a, T>(data: &'a [u8], from: &'a [T]) -> Option<(&'a T, &'a [u8])> {
    let (first, rest) = data.split_first()?;
    Some((from.get(usize::from(*first) % from.len())?, rest))
}

/// Mastercard's files.
pub fn tgx2(data: &[u8]) {
    let feeds = [PaymentFeed::MastercardSettled, PaymentFeed::MastercardRefund];
    if let Some((feed, file)) = choose(data, &feeds) {
        any_split_is_whole(FileFormat::Tgx2(*feed), file);
    }
}

/// The files of every merchant with a feed.
pub fn merchant(data: &[u8]) {
    if let Some((definition, file)) = choose(data, &MERCHANTS) {
        any_split_is_whole(FileFormat::Csv(definition), file);
    }
}

/// Text of any form: however it comes, it is the same text, and a whole file is read as its chunks are.
pub fn text(data: &[u8]) {
    if let Some((encoding, file)) = choose(data, &[Encoding::Unicode, Encoding::Latin1]) {
        let chunks = decode(*encoding, file, 1 + file.len() % 61);
        let whole = decode(*encoding, file, file.len().max(1));
        let all = decode_all(*encoding, file).map(|text| text.into_owned());
        match (&chunks, &whole) {
            // how much of a broken archive is read before it is found out depends on its chunks
            (Err(_), Err(_)) if file.starts_with(&[0x1f, 0x8b]) => assert!(all.is_err()),
            _ => assert!(chunks == whole && all == whole),
        }
    }
}

fn decode(encoding: Encoding, file: &[u8], size: usize) -> Result<String, Unreadable> {
    let mut decoder = Decoder::new(encoding);
    let mut text = String::new();
    for chunk in file.chunks(size) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let before = rest.len();
            text.push_str(decoder.decode(&mut rest)?);
            assert!(rest.len() < before, "decoding goes on");
        }
    }
    text.push_str(decoder.finish()?);
    Ok(text)
}

fn plan(format: FileFormat<'_>, text: &str, limits: RangeLimits, size: usize) -> Result<Plan, Unreadable> {
    let mut planner = Planner::new(format, |_| true, limits)?;
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(size));
        planner.push(piece)?;
        rest = after;
    }
    planner.finish()
}

fn read(format: FileFormat<'_>, plan: &Plan, text: &str) -> Vec<Numbered> {
    let mut records = Vec::new();
    let mut free = 0;
    for range in &plan.ranges {
        assert!(free <= range.from && range.from < range.to, "no byte belongs to two ranges");
        let part = range.text_of(text);
        records.extend(read_range(format, plan.header.as_deref(), range, part).expect("a planned range is readable"));
        free = range.to;
    }
    records
}

fn any_split_is_whole(format: FileFormat<'_>, file: &[u8]) {
    let Ok(text) = decode_all(format.encoding(), file) else { return };
    let size = 1 + file.len() % 61;
    let limits =
        RangeLimits { lines: 1 + u64::from(file.len() % 5 == 0), bytes: 1 + 100 * u64::from(file.len() % 7 == 0) };
    let whole = plan(format, &text, RangeLimits::NONE, text.len().max(1));
    let split = plan(format, &text, limits, size);
    let (Ok(whole), Ok(split)) = (&whole, &split) else {
        assert_eq!(whole, split);
        return;
    };
    assert_eq!((whole.lines, whole.records, &whole.header), (split.lines, split.records, &split.header));
    let (whole, split) = (read(format, whole, &text), read(format, split, &text));
    assert_eq!(whole.len(), split.len());
    let mut before = None;
    for (one, part) in whole.iter().zip(&split) {
        assert_eq!((one.line, one.offset), (part.line, part.offset));
        assert!(before < Some(one.offset), "records are in order, each at its own place");
        before = Some(one.offset);
        if let Record::Repeated { at, .. } = part.record {
            assert!(matches!(one.record, Record::Payment(_) | Record::Sale(_)) && one.record.at() == at);
        } else {
            assert_eq!(shown(&one.record, text.len()), shown(&part.record, text.len()));
        }
    }
}

fn shown(record: &Record, input: usize) -> String {
    let shown = format!("{record:?}");
    assert!(shown.len() <= SHOWN_FREE_MAX + SHOWN_RATIO_MAX * input, "a record is no longer than its input");
    shown
}

/// Messages of every feed of a payment scheme.
pub fn json(data: &[u8]) {
    if let Some((feed, message)) = choose(data, &PaymentFeed::ALL) {
        let record = read_message(*feed, message);
        assert!(
            matches!(record, Record::Payment(_) | Record::Rejected(_)),
            "messages are neither filtered nor repeated"
        );
        assert_eq!(shown(&record, message.len()), shown(&read_message(*feed, message), message.len()));
    }
}

/// Merchant definitions: whatever loads can be asked for its files.
pub fn definition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Definition::from_toml(text, "fuzz.toml") {
        Ok(definition) => any_split_is_whole(FileFormat::Csv(&definition), b"a,b,c\n1,2,3\n\"\n4\n"),
        Err(error) => assert!(error.to_string().contains("fuzz.toml"), "{error}"),
    }
}

/// Notifications of S3.
pub fn s3_event(data: &[u8]) {
    let Ok(body) = std::str::from_utf8(data) else { return };
    if let Ok(notices) = events::notices(body) {
        assert!(notices.len() <= body.len());
        assert!(notices.iter().all(|notice| notice.key.len() <= body.len()));
    }
    if let Ok(event) = serde_json::from_str(body) {
        if let Ok(event) = events::sqs(event) {
            for record in event.records {
                assert!(!record.message_id.as_str().is_empty() && record.body.len() <= body.len());
                let _ = (record.receives(), record.sent(), record.queue());
            }
        }
    }
}

/// Messages between the stages.
pub fn sqs_body(data: &[u8]) {
    let Ok(body) = std::str::from_utf8(data) else { return };
    if let Ok(message) = Message::parse(body) {
        let text = serde_json::to_string(&message).expect("what was read can be written");
        assert_eq!(Message::parse(&text).expect("what was written can be read"), message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    /// The seeds are inputs that once mattered, or that lead into each format.
    #[test]
    fn seeds() {
        for (name, target) in TARGETS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
            let seeds: Vec<_> = fs::read_dir(&folder).unwrap().collect();
            assert!(!seeds.is_empty(), "{name}");
            for seed in seeds {
                target(&fs::read(seed.unwrap().path()).unwrap());
            }
        }
    }
}
