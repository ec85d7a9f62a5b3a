//! What is asserted of any bytes from outside, one function a target: nothing panics, what comes out is bounded by what
//! went in, no byte belongs to two records, and reading in parts is reading the whole. `cargo test` runs every
//! target over its stored seeds; `./run` lets libFuzzer look for more.

use flate2::Crc;
use harmonia_definitions::{Definition, Definitions, Encoding};
use harmonia_domain::{
    feed::{PaymentFeed, Transport},
    line::{ContentKey, IdKey, PaymentLine},
};
use harmonia_feeds::{
    Decoder, FileFormat, Numbered, Plan, Planner, RangeLimits, Record, Unreadable, decode_all, read_message,
    read_range, read_sale_message,
};
use harmonia_runtime::events;
use harmonia_stages::message::Message;
use secrecy::ExposeSecret;
use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

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

/// Merchants whose lines come as files: the shipped ones, and one for each other way of writing files.
static FILES: LazyLock<Vec<Definition>> = LazyLock::new(|| {
    let invented = [include_str!("../definitions/fixed-width.toml"), include_str!("../definitions/json-lines.toml")]
        .map(|text| Definition::from_toml(text, "invented.toml").expect("a good definition"));
    shipped(Transport::File).into_iter().chain(invented).collect()
});

/// Merchants whose lines come as messages.
static MESSAGES: LazyLock<Vec<Definition>> = LazyLock::new(|| shipped(Transport::Message));

fn shipped(transport: Transport) -> Vec<Definition> {
    let shipped = Definitions::shipped().expect("shipped definitions are tested");
    let comes = |definition: &&Definition| definition.feed.as_ref().is_some_and(|feed| feed.transport == transport);
    shipped.iter().filter(comes).cloned().collect()
}

/// The first byte chooses, the rest is the input.
fn choose<'a, T>(data: &'a [u8], from: &'a [T]) -> Option<(&'a T, &'a [u8])> {
    let (first, rest) = data.split_first()?;
    Some((from.get(usize::from(first & !PACKED) % from.len())?, rest))
}

/// Bit of the first byte that asks for the file to be packed first: no fuzzer guesses a checksum.
const PACKED: u8 = 0x80;

/// The file, packed if the byte before it says so.
fn carried<'a>(data: &[u8], file: &'a [u8]) -> Cow<'a, [u8]> {
    if data.first().is_some_and(|first| first & PACKED != 0) { Cow::Owned(packed(file)) } else { Cow::Borrowed(file) }
}

/// gzip of one block that is stored as it is (RFC 1951 §3.2.4, RFC 1952): cheap, and as good for what is read.
fn packed(file: &[u8]) -> Vec<u8> {
    let file = &file[..file.len().min(usize::from(u16::MAX))];
    let length = u16::try_from(file.len()).expect("cut to it");
    let mut crc = Crc::new();
    crc.update(file);
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    let (length, size) = ([length.to_le_bytes(), (!length).to_le_bytes()].concat(), crc.amount().to_le_bytes());
    [&header[..], &length, file, &crc.sum().to_le_bytes(), &size].concat()
}

/// Mastercard's files.
pub fn tgx2(data: &[u8]) {
    let feeds = [PaymentFeed::MastercardSettled, PaymentFeed::MastercardRefund];
    if let Some((feed, file)) = choose(data, &feeds) {
        any_split_is_whole(FileFormat::Tgx2(*feed), &carried(data, file));
    }
}

/// The files of every merchant that sends some.
pub fn merchant(data: &[u8]) {
    if let Some((definition, file)) = choose(data, &FILES) {
        any_split_is_whole(FileFormat::Merchant(definition), &carried(data, file));
    }
}

/// Text of any form: however it comes, it is the same text, and a whole file is read as its chunks are.
pub fn text(data: &[u8]) {
    if let Some((encoding, file)) = choose(data, &[Encoding::Utf8, Encoding::Latin1]) {
        let file = &*carried(data, file);
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

/// The records, each with the number of its range.
fn read(format: FileFormat<'_>, plan: &Plan, text: &str) -> Vec<(u64, Numbered)> {
    let mut records = Vec::new();
    let mut free = 0;
    for range in &plan.ranges {
        assert!(free <= range.from && range.from < range.to, "no byte belongs to two ranges");
        let part = range.text_of(text);
        let read = read_range(format, plan.header.as_deref(), range, part).expect("a planned range is readable");
        records.extend(read.map(|numbered| (range.number, numbered)));
        free = range.to;
    }
    records
}

/// A range of its own is as dear as a small file: so many records a range, at least, for an input to have few of them.
const RANGES_MAX: usize = 8;

fn any_split_is_whole(format: FileFormat<'_>, file: &[u8]) {
    let Ok(text) = decode_all(format.encoding(), file) else { return };
    let lines = u64::try_from(text.len() / 16 % 4 + text.matches('\n').count() / RANGES_MAX).expect("short");
    let bytes = u64::try_from(text.len() / RANGES_MAX).expect("short");
    let limits = if text.len() % 2 == 0 {
        RangeLimits { lines: 1 + lines, ..RangeLimits::NONE }
    } else {
        RangeLimits { bytes: 1 + bytes, ..RangeLimits::NONE }
    };
    let whole = plan(format, &text, RangeLimits::NONE, text.len().max(1));
    let split = plan(format, &text, limits, 1 + text.len() % 997);
    let (Ok(whole), Ok(split)) = (&whole, &split) else {
        assert_eq!(whole, split);
        return;
    };
    assert_eq!((whole.lines, whole.records, &whole.header), (split.lines, split.records, &split.header));
    let (whole, split) = (read(format, whole, &text), read(format, split, &text));
    assert_eq!(whole.len(), split.len());
    let mut before = None;
    let mut taken: HashMap<IdKey, (u64, ContentKey)> = HashMap::new();
    for ((_, one), (range, part)) in whole.iter().zip(&split) {
        assert_eq!((one.line, one.offset), (part.line, part.offset));
        assert!(before < Some(one.offset), "records are in order, each at its own place");
        before = Some(one.offset);
        assert!(shown(&one.record).len() <= SHOWN_FREE_MAX + SHOWN_RATIO_MAX * text.len(), "no longer than its input");
        assert!(same(&one.record, &part.record), "{one:?}\n{part:?}");
        if let Some((id, content)) = keys(&one.record) {
            let (first, said) = taken.entry(id).or_insert((*range, content));
            let expected = (*first < *range).then_some(*said != content);
            let repeated = if let Record::Repeated { differs, .. } = part.record { Some(differs) } else { None };
            assert_eq!(repeated, expected, "the first line of an id is kept");
        }
    }
}

/// What tells a line apart within its file.
fn keys(record: &Record) -> Option<(IdKey, ContentKey)> {
    match record {
        Record::Payment(line) => Some((line.id_key(), line.content_key())),
        Record::Sale(line) => Some((line.id_key(), line.content_key())),
        Record::Result(line) => Some((line.id_key(), line.content_key())),
        Record::Repeated { .. } | Record::Skipped(_) | Record::Rejected(_) => None,
    }
}

/// What a range says of a line is what the whole file says, but for ids that an earlier range has taken.
fn same(whole: &Record, part: &Record) -> bool {
    match (whole, part) {
        (Record::Payment(_) | Record::Sale(_) | Record::Result(_), Record::Repeated { at, .. }) => whole.at() == *at,
        (Record::Payment(one), Record::Payment(other)) => same_payment(one, other),
        (Record::Sale(one), Record::Sale(other)) => one == other,
        (Record::Result(one), Record::Result(other)) => one == other,
        (Record::Skipped(one), Record::Skipped(other)) => one == other,
        (Record::Rejected(one), Record::Rejected(other)) => one == other,
        _ => false,
    }
}

fn same_payment(one: &PaymentLine, other: &PaymentLine) -> bool {
    let facts = |line: &PaymentLine| {
        let codes = (line.auth_code.clone(), line.approval_code.clone());
        let digits = (line.first_six.clone(), line.last_four.clone());
        (line.scheme, line.kind, line.mids.clone(), line.time, line.amount, line.currency, codes, digits)
    };
    let names = |line: &PaymentLine| (line.id.clone(), line.settlement_key.clone());
    let token = one.token.expose_secret() == other.token.expose_secret();
    token && names(one) == names(other) && facts(one) == facts(other)
}

fn shown(record: &Record) -> String {
    format!("{record:?}")
}

/// Messages of every feed of a payment scheme, and of every merchant that sends some.
pub fn json(data: &[u8]) {
    let Some((choice, message)) = data.split_first() else { return };
    let merchants = &*MESSAGES;
    let at = usize::from(*choice) % (PaymentFeed::ALL.len() + merchants.len());
    let read = || match (PaymentFeed::ALL.get(at), merchants.get(at.saturating_sub(PaymentFeed::ALL.len()))) {
        (Some(feed), _) => Some(read_message(*feed, message)),
        (None, merchant) => merchant?.feed.as_ref().map(|feed| read_sale_message(feed, message)),
    };
    let (Some(record), Some(again)) = (read(), read()) else { return };
    assert!(!matches!(record, Record::Repeated { .. }), "a message has no lines before it");
    assert!(at >= PaymentFeed::ALL.len() || !matches!(record, Record::Skipped(_)), "payments are not filtered");
    assert!(shown(&record).len() <= SHOWN_FREE_MAX + SHOWN_RATIO_MAX * message.len(), "no longer than its input");
    assert!(same(&record, &again), "{record:?}");
}

/// Merchant definitions: whatever loads can be asked for its files.
pub fn definition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Definition::from_toml(text, "fuzz.toml") {
        Ok(definition) => any_split_is_whole(FileFormat::Merchant(&definition), b"a,b,c\n1,2,3\n\"\n4\n"),
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
