//! Messages between the stages (state.md): names, not data; versioned; at most 100 items. Unknown versions and kinds
//! are errors: the record ends in the dead-letter queue, readable by a later release.

use crate::StageError;
use harmonia_domain::{
    export::BookKey,
    feed::{Kind, Slug},
    identity::IdentityRef,
    purchase::{ExportKey, PurchaseKey},
};
use harmonia_ports::{OutMessage, Queue, Queues};
use harmonia_state::FileKey;
use jiff::Timestamp;

/// The version this code writes and reads.
pub const VERSION: u8 = 1;
/// Items in one message (state.md: 100 items and 200 KB, so a tenth of the requests).
pub const ITEMS_MAX: usize = 100;

/// A payment line that has been stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LineName {
    /// The purchase.
    pub p: PurchaseKey,
    /// Which of its lines.
    pub kind: Kind,
}

/// A payment line whose card is known.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KnownPayment {
    /// The purchase.
    pub p: PurchaseKey,
    /// Which of its lines.
    pub kind: Kind,
    /// Whose card.
    pub who: IdentityRef,
}

/// Where an examination goes on: arrival and line number of the payment's last change, then its key (D24).
pub type Position = (Timestamp, u64, PurchaseKey);

/// An export to be sent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExportName {
    /// The export.
    pub x: ExportKey,
    /// Its generation when this was said.
    pub generation: u32,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "k", rename_all = "lowercase")]
pub enum Body {
    /// import → identify.
    Lines {
        /// How often the user directory has failed for these.
        #[serde(default)]
        tries: u32,
        /// Which.
        items: Vec<LineName>,
    },
    /// identify → match.
    Payments {
        /// Which.
        items: Vec<KnownPayment>,
    },
    /// import → match: sales have become visible under these keys.
    Keys {
        /// Whose book.
        merchant: Slug,
        /// The file, if they came in one.
        file: Option<String>,
        /// Which.
        keys: Vec<BookKey>,
        /// Open payments before this one (in the order of examination) have been examined.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Position>,
        /// Sales that have been taken: only open payments that could have taken one of them have to be examined. None
        /// given: all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lost: Vec<String>,
    },
    /// A range of a file to be imported.
    Range {
        /// The file.
        file: FileKey,
        /// Which of its ranges.
        number: u64,
    },
    /// match → export.
    Exports {
        /// Which.
        items: Vec<ExportName>,
    },
}

/// A message as it travels.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Message {
    /// [`VERSION`].
    pub v: u8,
    /// Trace id: the file or message that started it.
    pub t: String,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

/// The kinds of [`Body`], as messages name them.
pub const KINDS: [&str; 5] = ["exports", "keys", "lines", "payments", "range"];
/// A kind that is not known is told by its name if it can be one: a word of so many bytes.
const KIND_BYTES_MAX: usize = 20;

/// What every version of a message has.
#[derive(serde::Deserialize)]
struct Head {
    v: u64,
    k: String,
}

impl Message {
    /// Reads a message.
    pub fn parse(text: &str) -> Result<Self, StageError> {
        match serde_json::from_str::<Self>(text) {
            Ok(message) if message.v == VERSION => Ok(message),
            Ok(message) => Err(StageError::Message { why: other_version(message.v.into()) }),
            Err(e) => Err(StageError::Message { why: refusal(text, &e) }),
        }
    }
}

fn other_version(v: u64) -> String {
    format!("version {v} where {VERSION} is read")
}

/// Why it is none, so that a later release's message is told from a broken one; never its content.
fn refusal(text: &str, error: &serde_json::Error) -> String {
    let at = format!("{:?} at column {}", error.classify(), error.column());
    match serde_json::from_str::<Head>(text) {
        Err(_) => format!("not a message of version {VERSION}: {at}"),
        Ok(Head { v, .. }) if v != u64::from(VERSION) => other_version(v),
        Ok(Head { k, .. }) if KINDS.contains(&k.as_str()) => format!("not a {k:?} of version {VERSION}: {at}"),
        Ok(Head { k, .. }) => {
            let is_word = k.len() <= KIND_BYTES_MAX && k.bytes().all(|b| b.is_ascii_lowercase());
            if is_word { format!("kind {k:?} is not known") } else { "a kind that is not known".to_owned() }
        }
    }
}

/// Sends items in messages of at most [`ITEMS_MAX`].
pub(crate) async fn send<T: Clone>(
    queues: &dyn Queues,
    queue: Queue,
    trace: &str,
    (group, delay_s): (Option<&Slug>, u16),
    items: &[T],
    body: impl Fn(Vec<T>) -> Body,
) -> Result<(), StageError> {
    if items.is_empty() {
        return Ok(());
    }
    let message = |chunk: &[T]| {
        let message = Message { v: VERSION, t: trace.to_owned(), body: body(chunk.to_vec()) };
        let text = serde_json::to_string(&message).map_err(|e| StageError::Message { why: e.to_string() })?;
        Ok(OutMessage { body: text, group: group.map(ToString::to_string), delay_s })
    };
    let messages = items.chunks(ITEMS_MAX).map(message).collect::<Result<Vec<_>, StageError>>()?;
    Ok(queues.send(queue, messages).await?)
}

/// Has the match handler examine the open payments of these keys: `file`, if the sales came in one.
pub(crate) async fn send_keys(
    queues: &dyn Queues,
    trace: &str,
    (merchant, delay_s): (&Slug, u16),
    file: Option<&str>,
    keys: impl IntoIterator<Item = BookKey>,
) -> Result<(), StageError> {
    let keys: Vec<BookKey> = keys.into_iter().collect();
    let body = |keys| {
        let file = file.map(str::to_owned);
        Body::Keys { merchant: merchant.clone(), file, keys, from: None, lost: Vec::new() }
    };
    send(queues, Queue::Match, trace, (Some(merchant), delay_s), &keys, body).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_versions_and_kinds_are_errors() {
        assert!(Message::parse(r#"{"v":1,"k":"lines","t":"x","items":[]}"#).is_ok());
        for bad in [r#"{"v":2,"k":"lines","t":"x","items":[]}"#, r#"{"v":1,"k":"other","t":"x"}"#, "", "[]", "{}"] {
            assert!(matches!(Message::parse(bad), Err(StageError::Message { .. })), "{bad}");
        }
    }
}
