//! Files in which a receiver says what came of what it was told (spec match §10.2): the `[results]` part of a
//! definition.

use crate::feed::{AmountField, Encoding, Format, TimeField, not_empty};
use serde::Deserialize;

/// The result files of a receiver. They come as the files of its feed would: under `imports/<receiver>/`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResultFeed {
    /// What the bytes are: a file of any format.
    pub format: Format,
    /// How the characters of a file are written.
    #[serde(default)]
    pub encoding: Encoding,
    /// The words that mean that the member has the reward, letters in any case. Any other word means that a person has
    /// to look: such exports are listed.
    #[serde(deserialize_with = "not_empty")]
    pub rewarded: Vec<String>,
    /// Where the fields stand.
    pub fields: ResultFields,
}

/// The columns of a result file. The uid says which export is meant. What else is named here has to be what was told
/// under that uid, or the row is rejected: a sorted spreadsheet must not give one member another one's answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResultFields {
    /// The id of the export, as the fact `id` tells it.
    pub uid: String,
    /// What came of it, in the receiver's word.
    pub result: String,
    /// As the fact `transaction-id` tells it.
    pub transaction_id: Option<String>,
    /// As the fact `loyalty-id` tells it.
    pub member: Option<String>,
    /// As the fact `location-id` tells it.
    pub location: Option<String>,
    /// As the fact `amount` tells it.
    pub amount: Option<AmountField>,
    /// As the fact `time` tells it, to the second.
    pub time: Option<TimeField>,
}
