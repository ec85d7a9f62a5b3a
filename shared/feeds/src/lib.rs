//! Wire formats to domain lines: bytes in, one [`Record`] a line out, in the order of the file.
//!
//! A bad line is rejected by itself with field, reason and class of the value (decisions D2), never with the value,
//! which may be card data (design §4, invariant 7). Reading is pure and streams over the bytes: fields are borrowed
//! from the file, only what a line keeps is copied.

mod amex_auth;
mod amex_settlement;
mod csv;
mod fixed;
mod json;
pub mod limits;
mod mastercard;
mod mastercard_auth;
mod mastercard_settled;
mod merchant;
mod rows;
mod time;
mod visa;
mod visa_auth;
mod visa_refund;
mod visa_settlement;

pub use time::wall_in_zone;

use crate::merchant::{Reader, Row};
use harmonia_definitions::{Definition, MerchantFeed};
use harmonia_domain::{
    feed::{PaymentFeed, Slug, Transport},
    line::{PaymentLine, SaleLine},
    outcome::{Reject, RejectReason, SkipReason, ValueClass},
};

/// What a line of a feed turned out to be.
#[derive(Debug, Clone)]
pub enum Record {
    /// A payment scheme's line.
    Payment(Box<PaymentLine>),
    /// A merchant's line.
    Sale(Box<SaleLine>),
    /// Left out by a filter of its feed.
    Skipped(SkipReason),
    /// Not usable.
    Rejected(Reject),
}

impl From<Result<PaymentLine, Reject>> for Record {
    fn from(line: Result<PaymentLine, Reject>) -> Self {
        line.map_or_else(Self::Rejected, |line| Self::Payment(Box::new(line)))
    }
}

/// A record and where it stands in its file.
#[derive(Debug, Clone)]
pub struct Numbered {
    /// The physical line on which it starts, from 1. Lines end at a line feed.
    pub line: u64,
    /// The byte at which it starts, from 0.
    pub offset: u64,
    /// What it says.
    pub record: Record,
}

/// How a file is to be read.
#[derive(Debug, Clone, Copy)]
pub enum FileFormat<'a> {
    /// Mastercard's fixed-width files (spec import §7.7), for a feed that comes as files.
    Tgx2(PaymentFeed),
    /// A merchant's file, as its definition says.
    Csv(&'a Definition),
}

/// Why a file cannot be read at all (D2). Nothing of it is imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Spec import §3.3: files are strict UTF-8.
    #[error("not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// The first byte that is wrong.
        offset: usize,
    },
    /// The first line is blank or longer than any line may be.
    #[error("no CSV header in the first line")]
    NoHeader,
    /// The definition needs a column that the header does not have.
    #[error("the CSV header has no column {column:?}")]
    MissingColumn {
        /// The definition's name of it.
        column: String,
    },
    /// The caller asked for a file of a feed that comes as messages.
    #[error("{0} does not come as files")]
    NotAFileFeed(PaymentFeed),
    /// The merchant's definition has no feed, or one that comes as messages.
    #[error("{merchant} has no feed that comes as files")]
    NoFileFeed {
        /// The merchant.
        merchant: Slug,
    },
}

/// Reads a file. A file of no bytes, or only a header, has no records (D22).
pub fn read_file<'a>(
    format: FileFormat<'a>,
    bytes: &'a [u8],
) -> Result<Box<dyn Iterator<Item = Numbered> + Send + 'a>, Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|e| Unreadable::NotUtf8 { offset: e.valid_up_to() })?;
    match format {
        FileFormat::Tgx2(feed) if feed.transport() == Transport::File => {
            Ok(Box::new(mastercard_settled::read(feed, text)))
        }
        FileFormat::Tgx2(feed) => Err(Unreadable::NotAFileFeed(feed)),
        FileFormat::Csv(definition) => csv::read(definition, text),
    }
}

/// Reads one message of a feed that comes as messages.
pub fn read_message(feed: PaymentFeed, bytes: &[u8]) -> Record {
    let object = match json::object(bytes) {
        Ok(object) => object,
        Err(reject) => return Record::Rejected(reject),
    };
    let line = match feed {
        PaymentFeed::VisaAuth => visa_auth::line(&object),
        PaymentFeed::VisaSettlement => visa_settlement::line(&object),
        PaymentFeed::VisaRefund => visa_refund::line(&object),
        PaymentFeed::MastercardAuth => mastercard_auth::line(&object, bytes),
        PaymentFeed::AmexAuth => amex_auth::line(&object),
        PaymentFeed::AmexSettlement => amex_settlement::line(&object),
        // a wiring mistake: files are read by `read_file`
        PaymentFeed::MastercardSettled | PaymentFeed::MastercardRefund => {
            return Record::Rejected(internal("message"));
        }
    };
    line.into()
}

/// Reads one message of a merchant whose feed comes as messages.
pub fn read_sale_message(feed: &MerchantFeed, bytes: &[u8]) -> Record {
    let reader = match Reader::open(feed, None) {
        Ok(reader) if feed.transport == Transport::Message => reader,
        // a wiring mistake: files are read by `read_file`
        _ => return Record::Rejected(internal("message")),
    };
    json::object(bytes).map_or_else(Record::Rejected, |object| reader.decide(Row::Object(&object)))
}

/// What only a mistake of ours can cause.
fn internal(field: &str) -> Reject {
    Reject { field: field.to_owned(), reason: RejectReason::Internal, class: ValueClass::Structure }
}

#[cfg(test)]
mod tests;
