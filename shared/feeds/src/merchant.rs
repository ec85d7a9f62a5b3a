//! A merchant's feed as its definition says: how its files are framed, and what one record says.

use crate::{
    Encoding, Record, Unreadable,
    csv::{Cells, Plan},
    frames::{Dialect, Framing},
    rows,
};
use harmonia_definitions::{CsvFeed, Format};

/// How the files of a feed are written.
pub(crate) struct Layout {
    pub(crate) encoding: Encoding,
    pub(crate) framing: Framing,
    /// The first record names the columns.
    pub(crate) header: bool,
}

impl Layout {
    pub(crate) fn of(feed: &CsvFeed) -> Self {
        match feed.format {
            Format::Csv => Self { encoding: Encoding::Unicode, framing: Framing::Csv(Dialect::EXCEL), header: true },
        }
    }
}

/// Reads the records of one file.
pub(crate) struct Reader<'a> {
    plan: Plan<'a>,
}

impl<'a> Reader<'a> {
    /// The definition's columns must be in the header.
    pub(crate) fn open(feed: &'a CsvFeed, header: Option<&str>) -> Result<Self, Unreadable> {
        let mut columns = Cells::new();
        rows::split(header.ok_or(Unreadable::NoHeader)?, Dialect::EXCEL, &mut columns);
        Ok(Self { plan: Plan::new(feed, &columns)? })
    }

    /// What a whole record says, given without its line break. `None`: it is none.
    #[allow(clippy::unnecessary_wraps, reason = "other formats have lines that are no records")]
    pub(crate) fn record(&self, text: &str) -> Option<Record> {
        let mut cells = Cells::new();
        rows::split(text, Dialect::EXCEL, &mut cells);
        Some(self.plan.record(&cells))
    }
}
