//! From a record's text to what it says, the same for planning a file and for reading its ranges.

use crate::{
    Numbered, Record, Unreadable, count,
    frames::{Endless, Frame, Frames, Framing},
    internal,
    mastercard::Content,
    merchant::{self, Lines},
    plan::PlannedRange,
    tgx2,
};
use harmonia_definitions::{Definition, Encoding};
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
    Merchant(&'a Definition),
}

/// How the files of a feed are written.
pub(crate) struct Layout {
    pub(crate) encoding: Encoding,
    pub(crate) framing: Framing,
    /// The first record names the columns.
    pub(crate) header: bool,
}

impl FileFormat<'_> {
    /// What its bytes are.
    pub fn encoding(self) -> Encoding {
        self.layout().map_or(Encoding::Utf8, |layout| layout.encoding)
    }

    pub(crate) fn layout(self) -> Result<Layout, Unreadable> {
        match self {
            Self::Tgx2(feed) if feed.transport() == Transport::File => {
                Ok(Layout { encoding: Encoding::Utf8, framing: Framing::Lines, header: false })
            }
            Self::Tgx2(feed) => Err(Unreadable::NotAFileFeed(feed)),
            Self::Merchant(definition) => Ok(merchant::layout(merchant_lines(definition)?)),
        }
    }
}

fn merchant_lines(definition: &Definition) -> Result<Lines<'_>, Unreadable> {
    let sales = definition.feed.as_ref().filter(|feed| feed.transport == Transport::File).map(Lines::Sales);
    let lines = sales.or(definition.results.as_ref().map(Lines::Results));
    lines.ok_or_else(|| Unreadable::NoFileFeed { merchant: definition.merchant.clone() })
}

/// Reads the records of one file.
pub(crate) enum Reader<'a> {
    Tgx2(tgx2::Reader),
    Merchant(Box<merchant::Reader<'a>>),
}

impl<'a> Reader<'a> {
    pub(crate) fn open(format: FileFormat<'a>, header: Option<&str>) -> Result<Self, Unreadable> {
        match format {
            FileFormat::Tgx2(feed) => Ok(Self::Tgx2(tgx2::Reader::new(feed))),
            FileFormat::Merchant(definition) => {
                let reader = merchant::Reader::open(merchant_lines(definition)?, header)?;
                Ok(Self::Merchant(Box::new(reader)))
            }
        }
    }

    /// What a frame says; `None` if it is no record. `position` counts equal lines without an id (D6).
    pub(crate) fn record(&self, frame: &Frame<'_>, position: impl FnOnce(Content) -> u64) -> Option<Record> {
        let record = guarded(|| match self {
            Self::Tgx2(reader) => reader.record(frame, position),
            Self::Merchant(reader) => reader.framed(frame),
        });
        record.unwrap_or_else(|reject| Some(Record::Rejected(reject)))
    }
}

impl Endless {
    /// The reject of a record that does not end, named by the column in which that happened.
    pub(crate) fn reject<'c>(self, column: impl FnOnce(usize) -> Option<&'c str>) -> Reject {
        let (reason, fields) = match self {
            Self::Quote { fields } => (RejectReason::BadQuoting, fields),
            Self::Line { fields } => (RejectReason::TooLong, fields),
        };
        Reject { field: column(fields).unwrap_or("line").to_owned(), reason, class: ValueClass::Long }
    }
}

/// Design §4: a line on which a parser errs is rejected, it cannot keep its range from finishing. Nothing that outlives
/// the line is changed halfway: readers are only looked at, and a count of equal lines goes up in one step.
pub(crate) fn guarded<T>(parse: impl FnOnce() -> T) -> Result<T, Reject> {
    catch_unwind(AssertUnwindSafe(parse)).map_err(|_| internal("line"))
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
