//! What the local cloud keeps on disk, so that `kill -9` at any moment loses nothing that was answered.
//!
//! | part | where | survives `kill -9` | survives a power cut |
//! |---|---|---|---|
//! | [`tables`] | one SQLite file of the embedded DynamoDB | yes | yes: every commit is synced |
//! | [`queues`] | one SQLite file | yes | what was sent, yes; a receive or a delete may be undone (a redelivery) |
//! | [`objects`] | a folder | yes | not promised: files are renamed into place, but not synced |

pub mod objects;
pub mod queues;
pub mod tables;

#[cfg(test)]
pub(crate) mod contract;
#[cfg(test)]
mod killed;
