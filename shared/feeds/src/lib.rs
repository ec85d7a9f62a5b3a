//! Wire formats to domain lines: bytes in, one [`Record`] a line out, in the order of the file.
//!
//! A bad line is rejected by itself with field, reason and class of the value (decisions D2), never with the value,
//! which may be card data (design §4, invariant 7). Reading is pure: the caller brings the bytes. A [`Decoder`] makes
//! text of them, a [`Planner`] cuts it into ranges in one pass, [`read_range`] reads each by itself.

mod amex_auth;
mod amex_settlement;
mod fixed;
mod frames;
mod json;
pub mod limits;
mod mastercard;
mod mastercard_auth;
mod merchant;
mod plan;
mod read;
mod rows;
mod text;
mod tgx2;
mod time;
mod visa;
mod visa_auth;
mod visa_refund;
mod visa_settlement;

pub use mastercard::Content;
pub use plan::{Plan, PlannedRange, Planner, RECORDS_MAX, RangeLimits};
pub use read::{FileFormat, read_range};
pub use text::{Decoder, GZIP_FREE_BYTES_MAX, GZIP_RATIO_MAX, MEMORY_TEXT_BYTES_MAX, TEXT_BYTES_MAX, decode_all};
pub use time::wall_in_zone;

use harmonia_definitions::MerchantFeed;
use harmonia_domain::{
    answer::ResultLine,
    feed::{PaymentFeed, Slug, Transport},
    line::{ContentKey, IdKey, PaymentLine, SaleLine},
    outcome::{Reject, RejectReason, SkipReason, ValueClass},
};
use jiff::Timestamp;
use merchant::{Lines, Reader, Row};

/// What a line of a feed turned out to be.
#[derive(Debug, Clone)]
pub enum Record {
    /// A payment scheme's line.
    Payment(Box<PaymentLine>),
    /// A merchant's line.
    Sale(Box<SaleLine>),
    /// A receiver's line.
    Result(Box<ResultLine>),
    /// A good line whose id an earlier range of its file has taken (spec import §4).
    Repeated {
        /// It says something else than that earlier one.
        differs: bool,
        /// When it happened, if that does not depend on the merchant.
        at: Option<Timestamp>,
        /// A payment line that differs: it is stored beside the first.
        payment: Option<Box<PaymentLine>>,
    },
    /// Left out by a filter of its feed.
    Skipped(SkipReason),
    /// Not usable.
    Rejected(Reject),
}

impl Record {
    /// When it happened, if it says so and that does not depend on the merchant.
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Payment(line) => line.instant(),
            Self::Sale(line) => Some(line.at),
            Self::Result(line) => line.at,
            Self::Repeated { at, .. } => *at,
            Self::Skipped(_) | Self::Rejected(_) => None,
        }
    }

    /// What tells it apart within its file.
    fn keys(&self) -> Option<(IdKey, ContentKey)> {
        match self {
            Self::Payment(line) => Some((line.id_key(), line.content_key())),
            Self::Sale(line) => Some((line.id_key(), line.content_key())),
            Self::Result(line) => Some((line.id_key(), line.content_key())),
            Self::Repeated { .. } | Self::Skipped(_) | Self::Rejected(_) => None,
        }
    }

    fn repeated(self, differs: bool) -> Self {
        let at = self.at();
        match self {
            Self::Payment(line) => Self::Repeated { differs, at, payment: differs.then_some(line) },
            Self::Sale(_) | Self::Result(_) => Self::Repeated { differs, at, payment: None },
            other => other,
        }
    }
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
    /// The byte of the file's text (decoded, without a byte order mark) at which it starts, from 0.
    pub offset: u64,
    /// What it says.
    pub record: Record,
}

/// Why a file cannot be read at all (D2). Nothing of it is imported. Bytes count from 0, in the unpacked file if it is
/// gzip; lines from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Spec import §3.3: files are strict UTF-8.
    #[error("line {line}: not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// The line it is on.
        line: u64,
        /// The first byte that is wrong.
        offset: u64,
    },
    /// The file begins with the byte order mark of UTF-16.
    #[error("line {line}: not UTF-16 at byte {offset}: half a character")]
    NotUtf16 {
        /// The line it is on.
        line: u64,
        /// The first byte of the half.
        offset: u64,
    },
    /// The file begins as gzip does.
    #[error("gzip data cut off or damaged before byte {offset} of the packed file, in or after line {line}")]
    BrokenGzip {
        /// The last line of which anything could be unpacked.
        line: u64,
        /// Bytes of the packed file that were read until then.
        offset: u64,
    },
    /// Unpacks to more than [`GZIP_RATIO_MAX`] times its size.
    #[error(
        "gzip data unpacks to more than {GZIP_RATIO_MAX} times its size (byte {offset} of the packed file, line {line})"
    )]
    GzipBomb {
        /// The line that had been reached.
        line: u64,
        /// Bytes of the packed file that were read until then.
        offset: u64,
    },
    /// Longer than any text may be.
    #[error("more than {bytes_max} bytes of text")]
    TooLarge {
        /// Most bytes, once decoded: [`TEXT_BYTES_MAX`] or [`MEMORY_TEXT_BYTES_MAX`].
        bytes_max: u64,
    },
    /// More records than a plan can remember.
    #[error("more than {RECORDS_MAX} records; send it as several files")]
    TooManyRecords,
    /// The first line is blank, has an open quote, or is longer than any line may be.
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
    /// The merchant's definition has neither a feed that comes as files nor results.
    #[error("{merchant} has no feed that comes as files")]
    NoFileFeed {
        /// The merchant.
        merchant: Slug,
    },
    /// The caller brought other text than the plan says.
    #[error("{bytes} bytes of text for range {number}, which has {planned}")]
    NotTheRange {
        /// Which range.
        number: u64,
        /// What was brought.
        bytes: u64,
        /// What was planned.
        planned: u64,
    },
}

/// Reads a file that is in memory, as one range. A file of no bytes, or only a header, has no records (D22).
pub fn read_file(format: FileFormat<'_>, bytes: &[u8]) -> Result<std::vec::IntoIter<Numbered>, Unreadable> {
    let text = decode_all(format.encoding(), bytes)?;
    let mut planner = Planner::new(format, |_| true, RangeLimits::NONE)?;
    planner.push(&text)?;
    let plan = planner.finish()?;
    let mut records = Vec::new();
    for range in &plan.ranges {
        records.extend(read_range(format, plan.header.as_deref(), range, range.text_of(&text))?);
    }
    Ok(records.into_iter())
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Reads one message of a feed that comes as messages.
pub fn read_message(feed: PaymentFeed, bytes: &[u8]) -> Record {
    read::guarded(|| message(feed, bytes)).unwrap_or_else(Record::Rejected)
}

fn message(feed: PaymentFeed, bytes: &[u8]) -> Record {
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
        // a wiring mistake: files are read by ranges
        PaymentFeed::MastercardSettled | PaymentFeed::MastercardRefund => {
            return Record::Rejected(internal("message"));
        }
    };
    line.into()
}

/// Reads one message of a merchant whose feed comes as messages.
pub fn read_sale_message(feed: &MerchantFeed, bytes: &[u8]) -> Record {
    let reader = match Reader::open(Lines::Sales(feed), None) {
        Ok(reader) if feed.transport == Transport::Message => reader,
        // a wiring mistake: files are read by ranges
        _ => return Record::Rejected(internal("message")),
    };
    let read = || json::object(bytes).map_or_else(Record::Rejected, |object| reader.decide(Row::Object(&object)));
    read::guarded(read).unwrap_or_else(Record::Rejected)
}

/// What only a mistake of ours can cause.
fn internal(field: &str) -> Reject {
    Reject { field: field.to_owned(), reason: RejectReason::Internal, class: ValueClass::Structure }
}

#[cfg(test)]
mod tests;
