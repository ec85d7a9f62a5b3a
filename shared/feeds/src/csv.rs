//! A merchant's file as a whole: its records in their order, each with its place. What a record says is
//! [`crate::merchant`]'s business.

use crate::{
    Numbered, Record, Unreadable,
    merchant::{Reader, Row},
    rows::{Dialect, Rows},
};
use harmonia_definitions::{Csv, Definition, Format, MerchantFeed};
use harmonia_domain::feed::Transport;
use std::{borrow::Cow, iter};

/// Some editors write it before the header (spec import Q57).
const BYTE_ORDER_MARK: char = '\u{feff}';

type Records<'a> = Box<dyn Iterator<Item = Numbered> + Send + 'a>;

/// The records of a file: none if it is empty or has only a header (D22).
pub(crate) fn read<'a>(definition: &'a Definition, file: &'a str) -> Result<Records<'a>, Unreadable> {
    let Some(feed) = definition.feed.as_ref().filter(|feed| feed.transport == Transport::File) else {
        return Err(Unreadable::NoFileFeed { merchant: definition.merchant.clone() });
    };
    let (text, offset) = file.strip_prefix(BYTE_ORDER_MARK).map_or((file, 0), |text| (text, 3));
    match &feed.format {
        Format::Csv(csv) => rows(feed, csv, text, offset),
        Format::FixedWidth(fixed) => lines(feed, text, offset, usize::from(fixed.discard_lines)),
        Format::JsonLines | Format::Json => lines(feed, text, offset, 0),
    }
}

fn rows<'a>(feed: &'a MerchantFeed, csv: &Csv, text: &'a str, offset: u64) -> Result<Records<'a>, Unreadable> {
    if text.trim_matches(['\r', '\n']).is_empty() {
        return Ok(Box::new(iter::empty()));
    }
    let mut rows = Rows::new(text, offset, Dialect { delimiter: csv.delimiter, quote: csv.quote });
    let mut cells: Vec<Cow<'a, str>> = Vec::new();
    let reader = if csv.columns.is_empty() {
        let first = if text.starts_with(['\r', '\n']) { None } else { rows.read(&mut cells) };
        let Some((_, Ok(()))) = first else { return Err(Unreadable::NoHeader) };
        Reader::with_columns(feed, &cells)?
    } else {
        Reader::open(feed, None)?
    };
    Ok(Box::new(iter::from_fn(move || {
        let (place, row) = rows.read(&mut cells)?;
        let record = match row {
            Ok(()) => reader.decide(Row::Cells(&cells)),
            Err(endless) => Record::Rejected(reader.endless(endless.fields)),
        };
        Some(Numbered { line: place.line, offset: place.offset, record })
    })))
}

fn lines<'a>(feed: &'a MerchantFeed, text: &'a str, offset: u64, discard: usize) -> Result<Records<'a>, Unreadable> {
    let reader = Reader::open(feed, None)?;
    let mut next = offset;
    let placed = (1_u64..).zip(text.split('\n')).map(move |(line, content)| {
        let start = next;
        next += u64::try_from(content.len()).unwrap_or(u64::MAX) + 1;
        (line, start, content.strip_suffix('\r').unwrap_or(content))
    });
    Ok(Box::new(placed.skip(discard).filter_map(move |(line, offset, content)| {
        reader.record(content).map(|record| Numbered { line, offset, record })
    })))
}

#[cfg(test)]
mod tests;
