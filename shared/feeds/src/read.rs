//! From a record's text to what it says, the same for planning a file and for reading its ranges.

use crate::{
    Encoding, Numbered, Record, Unreadable, count,
    csv::Cells,
    frames::{Dialect, Endless, Frame, Frames, Framing},
    mastercard::Content,
    merchant::{self, Layout},
    plan::PlannedRange,
    rows, tgx2,
};
use harmonia_definitions::{CsvFeed, Definition};
use harmonia_domain::{
    feed::{PaymentFeed, Transport},
    outcome::{Reject, RejectReason, ValueClass},
};
use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// How a file is to be read.
#[derive(Debug, Clone, Copy)]
pub enum FileFormat<'a> {
    /// Mastercard's fixed-width files (spec import §7.7), for a feed that comes as files.
    Tgx2(PaymentFeed),
    /// A merchant's files, as its definition says.
    Csv(&'a Definition),
}

impl FileFormat<'_> {
    /// What its bytes are.
    pub fn encoding(self) -> Encoding {
        self.layout().map_or(Encoding::Unicode, |layout| layout.encoding)
    }

    pub(crate) fn layout(self) -> Result<Layout, Unreadable> {
        match self {
            Self::Tgx2(feed) if feed.transport() == Transport::File => {
                Ok(Layout { encoding: Encoding::Unicode, framing: Framing::Lines, header: false })
            }
            Self::Tgx2(feed) => Err(Unreadable::NotAFileFeed(feed)),
            Self::Csv(definition) => Ok(Layout::of(merchant_feed(definition)?)),
        }
    }
}

fn merchant_feed(definition: &Definition) -> Result<&CsvFeed, Unreadable> {
    definition.feed.as_ref().ok_or(Unreadable::NoFeed)
}

/// Reads the records of one file.
pub(crate) enum Reader<'a> {
    Tgx2(tgx2::Reader),
    Merchant {
        reader: Box<merchant::Reader<'a>>,
        /// The header's names, if there is one.
        columns: Vec<String>,
    },
}

impl<'a> Reader<'a> {
    pub(crate) fn open(format: FileFormat<'a>, header: Option<&str>) -> Result<Self, Unreadable> {
        let framing = format.layout()?.framing;
        match format {
            FileFormat::Tgx2(feed) => Ok(Self::Tgx2(tgx2::Reader::new(feed))),
            FileFormat::Csv(definition) => {
                let reader = Box::new(merchant::Reader::open(merchant_feed(definition)?, header)?);
                let columns = match (framing, header) {
                    (Framing::Csv(dialect), Some(header)) => columns(header, dialect),
                    _ => Vec::new(),
                };
                Ok(Self::Merchant { reader, columns })
            }
        }
    }

    /// What a frame says; `None` if it is no record. `position` counts equal lines without an id (D6).
    pub(crate) fn record(&self, frame: &Frame<'_>, position: impl FnOnce(Content) -> u64) -> Option<Record> {
        let record = guarded(|| match self {
            Self::Tgx2(reader) => reader.record(frame, position),
            Self::Merchant { reader, columns } => match frame.whole {
                Ok(()) => reader.record(frame.text),
                Err(endless) => Some(endless.record(columns)),
            },
        });
        record.unwrap_or_else(|reject| Some(Record::Rejected(reject)))
    }
}

fn columns(header: &str, dialect: Dialect) -> Vec<String> {
    let mut columns = Cells::new();
    rows::split(header, dialect, &mut columns);
    columns.into_iter().map(String::from).collect()
}

impl Endless {
    /// The reject of a record that does not end, named by the column in which that happened.
    pub(crate) fn record(self, columns: &[String]) -> Record {
        let (reason, fields) = match self {
            Self::Quote { fields } => (RejectReason::BadQuoting, fields),
            Self::Line { fields } => (RejectReason::TooLong, fields),
        };
        let field = columns.get(fields).map_or("line", String::as_str).to_owned();
        Record::Rejected(Reject { field, reason, class: ValueClass::Long })
    }
}

/// Design §4: a line on which a parser errs is rejected, it cannot keep its range from finishing. Nothing that outlives
/// the line is changed halfway: readers are only looked at, and a count of equal lines goes up in one step.
pub(crate) fn guarded<T>(parse: impl FnOnce() -> T) -> Result<T, Reject> {
    let (reason, class) = (RejectReason::Internal, ValueClass::Structure);
    catch_unwind(AssertUnwindSafe(parse)).map_err(|_| Reject { field: "line".to_owned(), reason, class })
}

/// Reads one range of a planned file: `text` is the file's text from byte `range.from` to byte `range.to`.
pub fn read_range<'t>(
    format: FileFormat<'t>,
    header: Option<&str>,
    range: &'t PlannedRange,
    text: &'t str,
) -> Result<impl Iterator<Item = Numbered> + Send + 't, Unreadable> {
    let length = range.to.saturating_sub(range.from);
    if count(text.len()) != length {
        return Err(Unreadable::NotTheRange { number: range.number, bytes: count(text.len()), planned: length });
    }
    let reader = Reader::open(format, header)?;
    let mut positions: HashMap<Content, u64> = range.nameless.iter().map(|(content, seen)| (*content, *seen)).collect();
    let frames = Frames::new(format.layout()?.framing, text, range.first_line, range.from);
    Ok(frames.filter_map(move |frame| {
        let record = reader.record(&frame, |content| next_position(&mut positions, content))?;
        let record = match range.repeats.get(&frame.offset) {
            Some(differs) => record.repeated(*differs),
            None => record,
        };
        Some(Numbered { line: frame.line, offset: frame.offset, record })
    }))
}

/// The position of a line among those of equal content (D6), from 0.
pub(crate) fn next_position(positions: &mut HashMap<Content, u64>, content: Content) -> u64 {
    let next = positions.entry(content).or_insert(0);
    let position = *next;
    *next += 1;
    position
}

#[cfg(test)]
mod tests;
