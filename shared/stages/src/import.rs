//! Import: raw bytes to stored lines, each with exactly one outcome (design §1, invariant 1).

mod file;
mod identifiers;
mod lines;
mod look;
mod messages;
mod payment;
mod plan;
mod range;
mod report;
mod result;
mod rounds;
mod sale;

pub use file::{FILE_BYTES_MAX, Notice, file_name};
pub use identifiers::IdentifierCache;
pub(crate) use look::Looked;
pub use messages::{FeedMessage, MessageResult};
pub(crate) use payment::AMEX_AUTH_NOT_USED;
pub use plan::FileLimits;
pub(crate) use report::read_reject_csv;
pub use report::{RangeReport, RejectRow};
pub use rounds::{Next, Round};

#[cfg(test)]
mod tests;
