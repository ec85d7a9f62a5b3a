//! The links of the chain: segments and seals as bytes.
//!
//! A segment is JSON lines: a header, its entries, and a last line with the hash of everything above it, so that the
//! newest segment, of which no successor carries the hash, cannot be cut or changed by accident either. The hash that
//! the next header carries is that of the whole object.

use crate::entry::Entry;
use harmonia_domain::ids::sha256_hex;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Entries of a segment: a stream's batch has at most so many records, and a reader holds one segment at a time.
pub const SEGMENT_ENTRIES_MAX: usize = 1_000;
/// Bytes of a segment's entries: with keys of 3 kB (the service's limit) a full segment of entries is still below.
pub(crate) const SEGMENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The format of segments and seals.
const FORMAT: u32 = 1;
/// What the first segment has for the hash of the one before it.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The object of a segment.
pub fn segment_key(seq: u64) -> String {
    format!("audit/{seq:012}.jsonl")
}

/// The object of a day's seal.
pub fn seal_key(date: Date) -> String {
    format!("audit/seals/{date}.json")
}

/// The day an instant belongs to: UTC, as everything here.
pub(crate) fn day(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// Names a seal by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealRef {
    /// The day it seals.
    pub date: Date,
    /// Hex SHA-256 of its bytes.
    pub sha256: String,
}

/// The seal of a day: what the log was towards its end. Whoever keeps a copy elsewhere holds the whole log up to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The format.
    pub v: u32,
    /// The day.
    pub date: Date,
    /// A segment of that day, the last one unless writers were at odds about midnight.
    pub seq: u64,
    /// Hex SHA-256 of that segment.
    pub sha256: String,
    /// Entries of the log up to it, repeats included.
    pub entries: u64,
    /// The seal before it.
    pub prev: Option<SealRef>,
}

impl Seal {
    /// The seal of the day of a segment.
    pub(crate) fn of(head: &Head) -> Self {
        let Head { seq, sha256, at, total, seal } = head.clone();
        Self { v: FORMAT, date: day(at), seq, sha256, entries: total, prev: seal }
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// A seal from its bytes, which have to be exactly those that were written.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let seal: Self = serde_json::from_slice(bytes).ok()?;
        (seal.v == FORMAT && seal.bytes() == bytes).then_some(seal)
    }
}

/// The first line of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    v: u32,
    seq: u64,
    prev: String,
    at: Timestamp,
    entries: usize,
    total: u64,
    seal: Option<SealRef>,
}

/// Where the chain ends, or what a segment leaves behind for the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The last segment; 0 before the first.
    pub(crate) seq: u64,
    /// Hex SHA-256 of its bytes.
    pub(crate) sha256: String,
    /// When it was written. Never earlier than the one before it.
    pub(crate) at: Timestamp,
    /// Entries up to and with it.
    pub(crate) total: u64,
    /// The newest seal that it knows.
    pub(crate) seal: Option<SealRef>,
}

impl Head {
    /// Before the first segment.
    pub(crate) fn none() -> Self {
        Self { seq: 0, sha256: NOTHING.to_owned(), at: Timestamp::MIN, total: 0, seal: None }
    }

    /// A new day has begun, and the last one has no seal that this segment knows.
    pub(crate) fn to_be_sealed(&self, at: Timestamp) -> bool {
        self.seq > 0 && day(self.at) < day(at)
    }
}

/// What is wrong with a segment or a seal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Fault {
    #[error("it is not UTF-8")]
    NotText,
    #[error("the header cannot be read")]
    Header,
    #[error("format {0} is not known")]
    Format(u32),
    #[error("an entry cannot be read")]
    Entry,
    #[error("the header promises {promised} entries, there are {found}")]
    Count { promised: usize, found: usize },
    #[error("the last line is not the hash of the lines above")]
    End,
    #[error("it says that it is segment {0}")]
    Number(u64),
    #[error("it does not carry the hash of the segment before it")]
    Link,
    #[error("it says {found} entries up to here, there are {counted}")]
    Total { found: u64, counted: u64 },
    #[error("it is older than the segment before it")]
    Time,
    #[error("it does not carry the newest seal")]
    OtherSeal,
    #[error("the seal of {0} is missing")]
    NoSeal(Date),
    #[error("the seal of {0} is not the one that was written")]
    SealChanged(Date),
    #[error("the seal of {0} does not name what the log was then")]
    SealWrong(Date),
    #[error("it is missing, but segment {later} is there")]
    Missing { later: u64 },
    #[error("it is missing, but the seal of {0} was written after it")]
    CutOff(Date),
}

/// A segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    header: Header,
    sha256: String,
    /// Its entries, in their order.
    pub entries: Vec<Entry>,
}

impl Segment {
    /// The bytes of the segment that follows `head`, with entries as lines.
    pub(crate) fn bytes(head: &Head, at: Timestamp, seal: Option<SealRef>, lines: &[String]) -> Vec<u8> {
        let header = Header {
            v: FORMAT,
            seq: head.seq + 1,
            prev: head.sha256.clone(),
            at,
            entries: lines.len(),
            total: head.total + u64::try_from(lines.len()).unwrap_or(u64::MAX),
            seal,
        };
        let mut text = serde_json::to_string(&header).unwrap_or_default();
        text.push('\n');
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        let end = end(&text);
        text.push_str(&end);
        text.into_bytes()
    }

    /// A segment from its bytes: whatever can be told without the others. A fault has its line, from 1.
    pub fn read(bytes: &[u8]) -> Result<Self, (usize, Fault)> {
        let text = std::str::from_utf8(bytes).map_err(|_| (1, Fault::NotText))?;
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let last = lines.pop().unwrap_or_default();
        let above = text.len() - last.len();
        let mut lines = lines.into_iter();
        let header: Header = lines.next().and_then(|line| serde_json::from_str(line).ok()).ok_or((1, Fault::Header))?;
        if header.v != FORMAT {
            return Err((1, Fault::Format(header.v)));
        }
        let mut entries = Vec::new();
        for (number, line) in (2..).zip(lines) {
            entries.push(serde_json::from_str(line).map_err(|_| (number, Fault::Entry))?);
        }
        if entries.len() != header.entries {
            return Err((1, Fault::Count { promised: header.entries, found: entries.len() }));
        }
        if last != end(text.get(..above).unwrap_or_default()) {
            return Err((entries.len() + 2, Fault::End));
        }
        Ok(Self { header, sha256: sha256_hex(bytes), entries })
    }

    /// What it leaves behind.
    pub(crate) fn head(&self) -> Head {
        let Header { seq, at, total, seal, .. } = self.header.clone();
        Head { seq, sha256: self.sha256.clone(), at, total, seal }
    }

    /// Whether it follows another one. Seals are looked at by whoever can read them.
    pub(crate) fn follows(&self, head: &Head) -> Result<(), Fault> {
        let header = &self.header;
        let counted = head.total + u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        if header.seq != head.seq + 1 {
            return Err(Fault::Number(header.seq));
        }
        if header.prev != head.sha256 {
            return Err(Fault::Link);
        }
        if header.total != counted {
            return Err(Fault::Total { found: header.total, counted });
        }
        if header.at < head.at {
            return Err(Fault::Time);
        }
        Ok(())
    }

    /// When it was written.
    pub fn at(&self) -> Timestamp {
        self.header.at
    }
}

fn end(above: &str) -> String {
    format!("{{\"end\":\"{}\"}}\n", sha256_hex(above.as_bytes()))
}
