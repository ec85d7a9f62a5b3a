//! What a receiver says came of what it was told (spec match §10.2).

use crate::{
    Source,
    line::{ContentKey, IdKey, content_key, id_key},
    money::MinorUnits,
};
use jiff::Timestamp;

/// Longest result, in characters: a word or two, and the item of its export stays below 1,000 bytes.
pub const RESULT_CHARS_MAX: usize = 40;

/// A row of a result file. What its definition does not name is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultLine {
    /// The id of the export, as it was told.
    pub uid: String,
    /// What came of it, in the receiver's word.
    pub result: String,
    /// As it was told.
    pub transaction_id: Option<String>,
    /// As it was told.
    pub member: Option<String>,
    /// As it was told; empty if there was none.
    pub location: Option<String>,
    /// As it was told.
    pub amount: Option<MinorUnits>,
    /// As it was told.
    pub at: Option<Timestamp>,
}

impl ResultLine {
    /// Unique within its receiver by uid alone.
    pub fn id_key(&self) -> IdKey {
        id_key("result line", &[&self.uid])
    }

    /// What counts is the answer: everything else has to be what was told.
    pub fn content_key(&self) -> ContentKey {
        content_key("result content", &[self.result.as_bytes()])
    }
}

/// A receiver's answer, as it is kept with the export.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReceiverAnswer {
    /// In its word.
    #[serde(rename = "r")]
    pub result: String,
    /// By its definition that means: the member has the reward.
    #[serde(rename = "ok")]
    pub rewarded: bool,
    /// When the file came.
    #[serde(rename = "arr")]
    pub arrived: Timestamp,
    /// Which line of which file.
    pub src: Source,
}

impl ReceiverAnswer {
    /// Of two files' answers that differ, the one of the later file stands, whichever is read first.
    pub(crate) fn stands_before(&self, other: &Self) -> bool {
        (self.arrived, &self.src.from) > (other.arrived, &other.src.from)
    }
}
