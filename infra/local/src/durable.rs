//! What the local cloud keeps on disk, so that `kill -9` at any moment loses nothing that was answered.
//!
//! | part | where | survives `kill -9` | survives a power cut |
//! |---|---|---|---|
//! | [`tables`] | one SQLite file of the embedded DynamoDB | yes | yes: every commit is synced |
//! | [`streams`] | in the same file | yes | yes; an acknowledgement may be undone (a redelivery) |
//! | [`queues`] | one SQLite file | yes | what was sent, yes; a receive or a delete may be undone (a redelivery) |
//! | [`objects`] | a folder | yes | not promised: files are renamed into place, but not synced |

/// What has to be on the disk itself when a call returns. `kill -9` loses nothing either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power cut loses nothing that was answered: `up`.
    PowerCut,
    /// A power cut may lose the last moments; three times as fast: `demo`, whose day can be played again.
    Kill,
}

pub mod events;
pub mod objects;
pub mod queues;
pub mod streams;
pub mod tables;

#[cfg(test)]
pub(crate) mod contract;
#[cfg(test)]
mod killed;
