//! The audit log (design §4, invariant 8). It is derived, not written beside: the tables' streams say what changed,
//! each change of a row of state becomes one [`Entry`], and entries are appended in segments, each of which carries the
//! hash of the one before it. Nothing of a segment can be changed, left out or moved without its successors, the seals
//! of all later days and whoever wrote one of their hashes down disagreeing.
//!
//! Streams deliver at least once, and writers crash: a change may be in the log twice, under the same id. It is never
//! missing.

mod answered;
mod auditor;
mod chain;
mod delivered;
mod entry;
mod log;
mod mask;
mod verify;

pub use answered::RESULT;
pub use auditor::{AuditError, Auditor};
pub use chain::{Fault, SEGMENT_ENTRIES_MAX, Seal, SealRef, Segment, seal_key, segment_key};
pub use delivered::DELIVERY;
pub use entry::{Delivery, Entry, Kind, Seen, What};
pub use log::{Log, LogError};
pub use verify::{Break, Report, entries, verify};

#[cfg(test)]
mod tests;
