//! The plan of a file: one pass over its text, in order, cuts ranges that can be read by themselves and carries to each
//! what it cannot know: which ids were taken before it (spec import §4: the first line of an id is kept), and how often
//! a content without an id has occurred (D6). Reading all ranges is reading the file, whatever the cuts.

use crate::{
    FileFormat, Record, Unreadable, count,
    frames::{Frame, Framer},
    mastercard::Content,
    read::{Reader, next_position},
};
use harmonia_domain::line::{ContentKey, IdKey};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Most records of a file: 1 GB of short CSV lines has 10,000,000. The plan keeps 16 bytes for each id, in a table of
/// 17 bytes a place that is copied when it grows: 12,000,000 ids need 285 MB, and 428 MB for the moment in which the
/// 7,340,033rd doubles the table, of the 512 MB that the import function has.
pub const RECORDS_MAX: u64 = 12_000_000;

/// How large a range may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeLimits {
    /// Most records.
    pub lines: u64,
    /// Most bytes of text; a single record may be longer.
    pub bytes: u64,
}

impl RangeLimits {
    /// What one call of the import function reads: 20,000 lines are imported within its 15 minutes when every line
    /// takes 40 ms; 8 MiB of text are the file that is imported in one go (state.md, import file step 4).
    pub const FUNCTION: Self = Self { lines: 20_000, bytes: 8 * 1024 * 1024 };
    /// The whole file is one range.
    pub const NONE: Self = Self { lines: u64::MAX, bytes: u64::MAX };
}

/// How a file is cut.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The record that names the columns, for [`read_range`](crate::read_range).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// In the order of the file; none if it has no records (D22).
    pub ranges: Vec<PlannedRange>,
    /// Physical lines, blank ones included.
    pub lines: u64,
    /// Records, as all ranges together yield them.
    pub records: u64,
}

/// A part of a file that is read by itself. Text between ranges holds no records.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct PlannedRange {
    /// From 0.
    pub number: u64,
    /// Its first byte in the text.
    pub from: u64,
    /// The byte behind its last one.
    pub to: u64,
    /// The physical line of its first byte, from 1.
    pub first_line: u64,
    /// How many records it yields.
    pub records: u64,
    /// D6: how often contents without an id that occur in it have occurred before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub nameless: BTreeMap<Content, u64>,
    /// Its records whose id an earlier range has taken: by the byte at which they start (a line may hold several
    /// records), whether they say something else than that earlier one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub repeats: BTreeMap<u64, bool>,
}

impl PlannedRange {
    /// Its part of the file's whole text.
    pub fn text_of<'t>(&self, text: &'t str) -> &'t str {
        let part = usize::try_from(self.from).ok().zip(usize::try_from(self.to).ok());
        part.and_then(|(from, to)| text.get(from..to)).unwrap_or_default()
    }
}

/// Plans a file from its text, piece by piece.
pub struct Planner<'a, C> {
    framer: Framer,
    work: Work<'a, C>,
}

impl<'a, C: Fn(&Record) -> bool> Planner<'a, C> {
    /// `counts` says of a payment or a sale whether it takes its id; one that the import is going to reject (too old)
    /// must not.
    pub fn new(format: FileFormat<'a>, counts: C, limits: RangeLimits) -> Result<Self, Unreadable> {
        let layout = format.layout()?;
        let reader = if layout.header { None } else { Some(Reader::open(format, None)?) };
        let work = Work {
            format,
            counts,
            limits,
            header: None,
            reader,
            ids: HashMap::new(),
            positions: HashMap::new(),
            range: Open::default(),
            ranges: Vec::new(),
            records: 0,
        };
        Ok(Self { framer: Framer::new(layout.framing), work })
    }

    /// Takes the next piece of the text.
    pub fn push(&mut self, text: &str) -> Result<(), Unreadable> {
        self.framer.push(text, |frame| self.work.frame(&frame))
    }

    /// The plan, after the last piece.
    pub fn finish(self) -> Result<Plan, Unreadable> {
        let Self { framer, mut work } = self;
        let lines = framer.finish(|frame| work.frame(&frame))?;
        work.close();
        Ok(Plan { header: work.header, ranges: work.ranges, lines, records: work.records })
    }
}

/// What is known so far.
struct Work<'a, C> {
    format: FileFormat<'a>,
    counts: C,
    limits: RangeLimits,
    header: Option<String>,
    /// `None` until the header has been read.
    reader: Option<Reader<'a>>,
    /// The ids of closed ranges and what the lines that took them say.
    ids: HashMap<IdKey, ContentKey>,
    positions: HashMap<Content, u64>,
    range: Open,
    ranges: Vec<PlannedRange>,
    records: u64,
}

/// The range that is being filled.
#[derive(Default)]
struct Open {
    planned: PlannedRange,
    /// Ids that it takes.
    ids: HashMap<IdKey, ContentKey>,
    /// Contents without an id that occur in it for the first time.
    fresh: HashSet<Content>,
}

impl<'a, C: Fn(&Record) -> bool> Work<'a, C> {
    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), Unreadable> {
        if self.range.is_full(frame, self.limits) {
            self.close();
        }
        let Some(reader) = &self.reader else {
            self.reader = Some(self.open(frame)?);
            return Ok(());
        };
        let mut nameless = false;
        let record = reader.record(frame, |content| {
            nameless = true;
            self.range.position(&mut self.positions, content)
        });
        let Some(record) = record else { return Ok(()) };
        self.records += 1;
        if self.records > RECORDS_MAX {
            return Err(Unreadable::TooManyRecords);
        }
        self.range.extend(frame);
        // an id made from the position is no other line's
        if let Some((id, content)) = record.keys().filter(|_| !nameless && (self.counts)(&record)) {
            if let Some(first) = self.ids.get(&id) {
                self.range.planned.repeats.insert(frame.offset, *first != content);
            } else {
                self.range.ids.entry(id).or_insert(content);
            }
        }
        Ok(())
    }

    /// The header is the first line of the file, and a whole record.
    fn open(&mut self, frame: &Frame<'_>) -> Result<Reader<'a>, Unreadable> {
        if frame.offset > 0 || frame.whole.is_err() {
            return Err(Unreadable::NoHeader);
        }
        let reader = Reader::open(self.format, Some(frame.text))?;
        self.header = Some(frame.text.to_owned());
        Ok(reader)
    }

    /// Files the range away and begins the next one.
    fn close(&mut self) {
        let Open { planned, ids, fresh: _ } = std::mem::take(&mut self.range);
        self.ids.extend(ids);
        if planned.records > 0 {
            self.ranges.push(planned);
        }
        self.range.planned.number = count(self.ranges.len());
    }
}

impl Open {
    /// Does a record belong to the next range?
    fn is_full(&self, next: &Frame<'_>, limits: RangeLimits) -> bool {
        let long = next.end().saturating_sub(self.planned.from) > limits.bytes;
        self.planned.records > 0 && (long || self.planned.records >= limits.lines)
    }

    fn position(&mut self, positions: &mut HashMap<Content, u64>, content: Content) -> u64 {
        let position = next_position(positions, content);
        if position == 0 {
            self.fresh.insert(content);
        } else if !self.fresh.contains(&content) {
            self.planned.nameless.entry(content).or_insert(position);
        }
        position
    }

    fn extend(&mut self, frame: &Frame<'_>) {
        if self.planned.records == 0 {
            (self.planned.from, self.planned.first_line) = (frame.offset, frame.line);
        }
        self.planned.records += 1;
        self.planned.to = frame.end();
    }
}

#[cfg(test)]
mod tests;
