//! Names in the sparse index `work` (state.md): an item is in it only while a person or a clock must come back to it.

use harmonia_domain::{feed::Slug, ids::Id};
use jiff::Timestamp;

/// How many ways a busy name is split, so that no index partition is hot (aws notes, pitfall 12).
pub const SHARDS: u8 = 8;

/// Larger than every instant's text: "all of them".
pub const EVER: &str = "9999";

fn shard(id: &str) -> u64 {
    id.bytes().fold(0_u64, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(b))) % u64::from(SHARDS)
}

/// Lines that wait for the user directory, of one shard.
pub fn parked_directory(shard: u8) -> String {
    format!("K#dir#{shard}")
}

/// The shard of a line that waits for the directory.
pub fn directory_shard_of(id: &str) -> String {
    format!("K#dir#{}", shard(id))
}

/// Exports of a merchant in one state, of one shard.
pub fn exports(merchant: &Slug, state: &str, shard: u8) -> String {
    format!("E#{merchant}#{state}#{shard}")
}

/// The shard of an export.
pub fn exports_of(merchant: &Slug, state: &str, id: &Id) -> String {
    format!("E#{merchant}#{state}#{}", shard(id.as_str()))
}

/// Batches of a merchant that are not closed.
pub fn batches(merchant: &Slug) -> String {
    format!("E#{merchant}#batch")
}

/// Files that are not finished.
pub const OPEN_FILES: &str = "F#open";

/// An instant and a tie-breaker as `ws`.
pub fn at(instant: Timestamp, rest: &str) -> String {
    format!("{}#{rest}", harmonia_domain::time::sortable(instant))
}

/// The largest `ws` that is due at an instant.
pub fn due(now: Timestamp) -> String {
    format!("{}#\u{10ffff}", harmonia_domain::time::sortable(now))
}
