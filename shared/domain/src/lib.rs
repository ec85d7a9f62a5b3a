//! The words of Harmonia (design §1) as types: lines, money, identifiers, outcomes, and the state machines of
//! purchases, sales, files and exports. No async, no I/O, no AWS: everything here is a value or a pure function.
//!
//! State machines refuse wrong transitions with a typed error ([`Refused`]); they never panic.

pub mod answer;
pub mod card;
pub mod control;
pub mod export;
pub mod feed;
pub mod file;
pub mod identifier;
pub mod identity;
pub mod ids;
pub mod line;
pub mod money;
pub mod outcome;
pub mod purchase;
pub mod sale;
pub mod time;

/// A transition that the state machine does not allow; a bug or a race that the caller lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot {to} while {from}")]
pub struct Refused {
    /// What was to change: purchase, sale, export, batch or file.
    pub what: &'static str,
    /// The state it is in.
    pub from: String,
    /// What was asked of it.
    pub to: &'static str,
}

/// Where an input came from (state.md `src`): the raw object or message and the position inside it. Two lines with
/// equal sources are the same line delivered again.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Source {
    /// File id, or message id for a line that came alone.
    #[serde(rename = "f")]
    pub from: String,
    /// Byte offset in the raw file; 0 for a message.
    #[serde(rename = "o")]
    pub offset: u64,
    /// Line number in the raw file, from 1.
    #[serde(rename = "n")]
    pub line: u64,
    /// It came in a file of the past: matched as any, but the merchant knows of it already and is not told.
    #[serde(rename = "b", default, skip_serializing_if = "std::ops::Not::not")]
    pub backfill: bool,
}
