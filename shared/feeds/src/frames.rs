//! Where the records of a text end: at line feeds, or in CSV by spec import §3.3 at a line feed or CR outside quotes.
//!
//! Written by hand because an import needs what general readers do not give: the exact line and byte at which a record
//! starts, the same records however the text is cut into pieces and ranges, and a way on after a quote that is never
//! closed (D2: one bad row must not take the rest of the file with it). A property test holds it against the `csv`
//! crate.
//!
//! A record that does not end costs its physical line only. What is said about it depends on that line alone, so that a
//! range which ends behind it says the same as the whole file.

use crate::{count, limits::LINE_BYTES_MAX};
use memchr::{memchr, memchr_iter, memchr3};

/// How a CSV feed is written. Both are ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: u8,
}

/// What ends a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// A line feed; CRs before it belong to the end.
    Lines,
    /// A line feed or a CR outside quotes.
    Csv(Dialect),
}

/// Why a record does not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endless {
    /// A quoted field is open at the end of the line and is not closed within [`LINE_BYTES_MAX`].
    Quote {
        /// How many fields come before it.
        fields: usize,
    },
    /// The line is longer than [`LINE_BYTES_MAX`].
    Line {
        /// How many fields were complete by then; 0 outside CSV.
        fields: usize,
    },
}

/// A record as it stands in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'t> {
    /// The physical line on which it starts, from 1. Only line feeds count.
    pub(crate) line: u64,
    /// The byte at which it starts, from 0.
    pub(crate) offset: u64,
    /// The record without its line break; of one that does not end, as much as shows that again.
    pub(crate) text: &'t str,
    pub(crate) whole: Result<(), Endless>,
}

impl Frame<'_> {
    /// The byte behind the text.
    pub(crate) fn end(&self) -> u64 {
        self.offset + count(self.text.len())
    }
}

/// Cuts records from the front of a text. Blank lines are left out.
#[derive(Debug, Clone)]
struct Cutter {
    framing: Framing,
    line: u64,
    offset: u64,
    scan: Scan,
    /// Inside a line that was given up.
    lost: bool,
}

/// How far the record at hand was looked at.
#[derive(Debug, Clone, Default)]
struct Scan {
    at: usize,
    state: State,
    /// Complete fields.
    fields: usize,
    /// The first line feed inside quotes and the fields before it.
    line_feed: Option<(usize, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    FieldStart,
    /// Not quoted, or behind the closing quote: text between it and the delimiter belongs to the field.
    Unquoted,
    Quoted,
    /// Behind a quote inside quotes: closed, or the first half of a doubled one.
    QuoteInQuoted,
}

impl Cutter {
    fn new(framing: Framing, line: u64, offset: u64) -> Self {
        Self { framing, line, offset, scan: Scan::default(), lost: false }
    }

    /// The next record of `text`, which is taken from it. `None`: more text is needed, or nothing is left if the text
    /// has `ended`.
    fn next<'t>(&mut self, text: &mut &'t str, ended: bool) -> Option<Frame<'t>> {
        loop {
            if self.lost {
                let rest = memchr(b'\n', text.as_bytes());
                self.lost = rest.is_none();
                self.take(text, rest.unwrap_or(text.len()));
            }
            if self.scan.at == 0 {
                self.take(text, self.framing.breaks(text.as_bytes()));
            }
            if text.is_empty() {
                return None;
            }
            let window = text.get(..text.ceil_char_boundary(LINE_BYTES_MAX + 1)).unwrap_or(text);
            let over = window.len() > LINE_BYTES_MAX;
            let bytes = window.as_bytes();
            let end = match self.framing {
                Framing::Lines => self.scan.line(bytes),
                Framing::Csv(dialect) => self.scan.row(bytes, dialect),
            };
            let open = self.scan.state == State::Quoted;
            let end = end.or((ended && !over && !open).then_some(bytes.len())).filter(|end| *end <= LINE_BYTES_MAX);
            if end.is_none() && !ended && !over {
                return None;
            }
            let scan = std::mem::take(&mut self.scan);
            let (length, whole) = match (end, scan.line_feed) {
                (Some(end), _) => (end, Ok(())),
                (None, Some((line_feed, fields))) => (line_feed, Err(Endless::Quote { fields })),
                (None, None) if over => (bytes.len(), Err(Endless::Line { fields: scan.fields })),
                (None, None) => (bytes.len(), Err(Endless::Quote { fields: scan.fields })),
            };
            self.lost = matches!(whole, Err(Endless::Line { .. }));
            let (line, offset) = (self.line, self.offset);
            let content = self.framing.content(self.take(text, length));
            if !content.is_empty() {
                return Some(Frame { line, offset, text: content, whole });
            }
        }
    }

    fn take<'t>(&mut self, text: &mut &'t str, length: usize) -> &'t str {
        let (taken, rest) = text.split_at_checked(length).unwrap_or((text, ""));
        self.line += count(memchr_iter(b'\n', taken.as_bytes()).count());
        self.offset += count(taken.len());
        *text = rest;
        taken
    }
}

impl Framing {
    /// How many of the first bytes are breaks of blank lines.
    fn breaks(self, bytes: &[u8]) -> usize {
        let csv = matches!(self, Self::Csv(_));
        bytes.iter().take_while(|byte| **byte == b'\n' || (csv && **byte == b'\r')).count()
    }

    fn content(self, text: &str) -> &str {
        match self {
            Self::Lines => text.trim_end_matches('\r'),
            Self::Csv(_) => text,
        }
    }
}

impl Scan {
    /// Looks on for the end of a line.
    fn line(&mut self, bytes: &[u8]) -> Option<usize> {
        let end = memchr(b'\n', bytes.get(self.at..)?).map(|found| self.at + found);
        self.at = end.unwrap_or(bytes.len());
        end
    }

    /// Looks on for the end of a row.
    fn row(&mut self, bytes: &[u8], Dialect { delimiter, quote }: Dialect) -> Option<usize> {
        while let Some(rest) = bytes.get(self.at..).filter(|rest| !rest.is_empty()) {
            let quote_here = rest.first() == Some(&quote);
            match self.state {
                State::FieldStart | State::QuoteInQuoted if quote_here => self.go(1, State::Quoted),
                State::FieldStart | State::QuoteInQuoted => self.state = State::Unquoted,
                State::Quoted => {
                    let closing = memchr(quote, rest);
                    let inside = rest.get(..closing.unwrap_or(rest.len())).unwrap_or(rest);
                    if self.line_feed.is_none() {
                        self.line_feed = memchr(b'\n', inside).map(|found| (self.at + found, self.fields));
                    }
                    match closing {
                        Some(closing) => self.go(closing + 1, State::QuoteInQuoted),
                        None => self.go(rest.len(), State::Quoted),
                    }
                }
                State::Unquoted => match memchr3(delimiter, b'\n', b'\r', rest) {
                    Some(found) if rest.get(found) == Some(&delimiter) => {
                        self.fields += 1;
                        self.go(found + 1, State::FieldStart);
                    }
                    Some(found) => return Some(self.at + found),
                    None => self.go(rest.len(), State::Unquoted),
                },
            }
        }
        None
    }

    fn go(&mut self, bytes: usize, state: State) {
        self.at += bytes;
        self.state = state;
    }
}

/// The records of a text that is there.
#[derive(Debug, Clone)]
pub(crate) struct Frames<'t> {
    cutter: Cutter,
    rest: &'t str,
}

impl<'t> Frames<'t> {
    /// `text` starts at a record, on physical line `line`, at byte `offset` of its file.
    pub(crate) fn new(framing: Framing, text: &'t str, line: u64, offset: u64) -> Self {
        Self { cutter: Cutter::new(framing, line, offset), rest: text }
    }
}

impl<'t> Iterator for Frames<'t> {
    type Item = Frame<'t>;

    fn next(&mut self) -> Option<Frame<'t>> {
        self.cutter.next(&mut self.rest, true)
    }
}

/// The records of a text that comes in pieces; holds at most [`LINE_BYTES_MAX`] bytes and one piece.
#[derive(Debug, Clone)]
pub(crate) struct Framer {
    cutter: Cutter,
    held: String,
}

impl Framer {
    /// At the start of a file.
    pub(crate) fn new(framing: Framing) -> Self {
        Self { cutter: Cutter::new(framing, 1, 0), held: String::new() }
    }

    /// Takes the next piece and hands out the records that it completes.
    pub(crate) fn push<E>(&mut self, piece: &str, mut each: impl FnMut(Frame<'_>) -> Result<(), E>) -> Result<(), E> {
        self.held.push_str(piece);
        let mut rest = self.held.as_str();
        let mut result = Ok(());
        while let Some(frame) = self.cutter.next(&mut rest, false) {
            result = each(frame);
            if result.is_err() {
                break;
            }
        }
        let done = self.held.len() - rest.len();
        self.held.drain(..done);
        result
    }

    /// Hands out what is left at the end of the text; returns the number of its physical lines.
    pub(crate) fn finish<E>(mut self, mut each: impl FnMut(Frame<'_>) -> Result<(), E>) -> Result<u64, E> {
        let mut rest = self.held.as_str();
        while let Some(frame) = self.cutter.next(&mut rest, true) {
            each(frame)?;
        }
        Ok(self.cutter.line)
    }
}

#[cfg(test)]
mod tests;
