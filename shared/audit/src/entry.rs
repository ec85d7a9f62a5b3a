//! One entry of the log: who changed what, when, from which state to which, by which version of the rules.
//!
//! An entry holds names, states, verdicts and digests, no content: no card digits, no tokens, no credentials, no
//! bodies. Keys stand as they are in the tables, where cards and members are keyed hashes.

use crate::mask::mask;
use harmonia_domain::{
    export::{Batch, BatchState, Export, ExportState, LastAttempt},
    ids::{self, Id},
    purchase::{ExportKey, Purchase},
};
use harmonia_ports::{Change, Item, Table};
use harmonia_state::{DifferingLine, NewestIdentity, parse};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What kind of row changed. Index entries and caches (book entries, parked pointers, mirrors, counters) are no state:
/// they follow from rows that are audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A purchase.
    Payment,
    /// A refund line.
    Refund,
    /// A payment line whose id another line has with other content.
    DifferingLine,
    /// A sale.
    Sale,
    /// A match and its export.
    Export,
    /// A batch of exports.
    Batch,
    /// The numbers of a merchant's files.
    Sequence,
    /// A file.
    File,
    /// What came of a range of a file.
    Range,
    /// An onboarded identifier.
    Identifier,
    /// An answer of the user directory.
    Identity,
    /// Links and unlinks of a card, and which answer is the newest.
    Card,
    /// A line of the second user directory.
    User,
    /// How a merchant is told at present: paused, or given a rest.
    Control,
    /// A row of a kind that this version does not know by name: it is audited all the same.
    Other,
}

impl Kind {
    /// The kind of an item; `None` for index entries and caches.
    pub fn of(item: &Item) -> Option<Self> {
        let prefix = item.key.pk.split('#').next().unwrap_or_default();
        Some(match prefix {
            "BP" | "BS" | "K" | "FH" | "ML" | "MH" | "MU" | "XU" => return None,
            "P" if item.key.sk == "R" => Self::Refund,
            "P" if item.key.sk.starts_with(DifferingLine::PREFIX) => Self::DifferingLine,
            "P" => Self::Payment,
            "S" => Self::Sale,
            "X" => Self::Export,
            "BT" => Self::Batch,
            "BQ" => Self::Sequence,
            "F" => Self::File,
            "FR" => Self::Range,
            "M" => Self::Identifier,
            "I" if NewestIdentity::is_key(&item.key) => Self::Card,
            "I" => Self::Identity,
            "U" => Self::User,
            "C" => Self::Control,
            _ => Self::Other,
        })
    }
}

/// What happened to the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the words say it")]
pub enum What {
    Created,
    Changed,
    Removed,
}

/// What a stream knows of a change beside the two images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// About when.
    pub at: Timestamp,
    /// The table removed the item because its time to live had ended.
    pub expired: bool,
}

/// How far an export or a batch has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The export's or the batch's id: the idempotency key of every attempt.
    pub id: Id,
    /// Raised by a person who wants it sent again.
    #[serde(default)]
    pub generation: u32,
    /// Attempts that have had a verdict.
    pub attempts: u32,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last: Option<LastAttempt>,
    /// The batch that it is a member of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub batch: Option<Id>,
    /// Why it stands where it stands.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
    /// What the receiver says came of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub answer: Option<String>,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Derived from the row's key, version and stamp: a change that is delivered twice has one id.
    pub id: Id,
    /// Which table.
    pub table: String,
    /// The row's partition key.
    pub pk: String,
    /// The row's sort key.
    pub sk: String,
    /// The row's version after the change; of what was removed, the last one.
    pub v: u64,
    /// What kind of row.
    pub kind: Kind,
    /// What happened.
    pub what: What,
    /// Who: the stage or the person. Empty if nobody said so, which only a removal may.
    pub by: String,
    /// When.
    pub on: Timestamp,
    /// The state before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
    /// The state after.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<String>,
    /// Names of the fields that have changed.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub fields: Vec<String>,
    /// Whose row, if it is a merchant's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub merchant: Option<String>,
    /// The version of the merchant's definition that decided.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub definition: Option<String>,
    /// The match that has claimed the payment or the sale.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub claim: Option<ExportKey>,
    /// How far the delivery has come.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delivery: Option<Delivery>,
    /// `h` and the first 16 hex characters of SHA-256 over the row after the change, as JSON with sorted names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<String>,
}

impl Entry {
    /// The entry of a change; `None` if it is one of an index entry or a cache.
    pub fn of(change: &Change, seen: Seen) -> Option<Self> {
        let Change { table, old, new } = change;
        let item = new.as_ref().or(old.as_ref())?;
        let kind = Kind::of(item)?;
        let what = match (old, new) {
            (_, None) => What::Removed,
            (None, Some(_)) => What::Created,
            (Some(_), Some(_)) => What::Changed,
        };
        let (by, on) = match what {
            What::Removed if seen.expired => ("time to live", seen.at),
            What::Removed => ("", seen.at),
            What::Created | What::Changed => (item.stamp.by.as_str(), item.stamp.on),
        };
        Some(Self {
            id: id_of(*table, item, what),
            table: table.as_str().to_owned(),
            pk: item.key.pk.clone(),
            sk: item.key.sk.clone(),
            v: item.version,
            kind,
            what,
            by: by.to_owned(),
            on,
            from: old.as_ref().and_then(|item| state(kind, item)),
            to: new.as_ref().and_then(|item| state(kind, item)),
            fields: old
                .as_ref()
                .zip(new.as_ref())
                .map(|(old, new)| differing(&old.body, &new.body))
                .unwrap_or_default(),
            merchant: merchant(kind, item),
            definition: text(&item.body, "dv"),
            claim: item.body.get("x").and_then(|x| serde_json::from_value(x.clone()).ok()),
            delivery: delivery(kind, item),
            digest: new.as_ref().map(|item| digest(&item.body)),
        })
    }
}

/// The stamp is in it because a row that was removed and made again begins with version 1 again.
fn id_of(table: Table, item: &Item, what: What) -> Id {
    let what = if what == What::Removed { "removed" } else { "set" };
    let (version, on) = (item.version.to_string(), item.stamp.on.to_string());
    Id::derive("audit", &[table.as_str(), &item.key.pk, &item.key.sk, &version, &on, what])
}

fn text(body: &Map<String, Value>, name: &str) -> Option<String> {
    body.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// The state of a row in a word or two; rows without states have none.
fn state(kind: Kind, item: &Item) -> Option<String> {
    let state = text(&item.body, "st")?;
    match kind {
        Kind::Payment | Kind::Refund => {
            let purchase = parse::<Purchase>(item.clone()).ok()?.row;
            let parked = purchase.line(purchase.base).and_then(|line| line.parked).filter(|_| state == "live");
            Some(
                parked
                    .and_then(|why| Some(format!("parked: {}", serde_json::to_value(why).ok()?.as_str()?)))
                    .unwrap_or(state),
            )
        }
        Kind::Sale if state == "parked" => Some(format!("parked: {}", text(&item.body, "why")?)),
        Kind::File if item.body.get("forwarded") == Some(&Value::Bool(true)) => Some(format!("{state}, forwarded")),
        _ => Some(state),
    }
}

fn merchant(kind: Kind, item: &Item) -> Option<String> {
    match kind {
        Kind::Payment | Kind::Refund => {
            let purchase = parse::<Purchase>(item.clone()).ok()?.row;
            let identifier = purchase.kinds().find_map(|kind| purchase.line(kind)?.identifier.clone());
            identifier.map(|identifier| identifier.merchant.to_string())
        }
        _ => text(&item.body, "m").or_else(|| text(&item.body, "merchant")),
    }
}

/// A row that cannot be read is told without this; that it changed, and to what digest, stands all the same.
fn delivery(kind: Kind, item: &Item) -> Option<Delivery> {
    let masked = |last: Option<LastAttempt>| last.map(|last| LastAttempt { verdict: mask(&last.verdict), ..last });
    match kind {
        Kind::Export => {
            let export = parse::<Export>(item.clone()).ok()?.row;
            let (batch, why) = match export.state {
                ExportState::Batched { batch } => (Some(batch), None),
                ExportState::Failed { why } | ExportState::Skipped { why } | ExportState::Unconfirmed { why } => {
                    (None, Some(mask(&why)))
                }
                ExportState::Reversed { undone, .. } => (None, Some(mask(&undone.why))),
                _ => (None, None),
            };
            let Export { id, generation, attempts, last, answer, .. } = export;
            let answer = answer.map(|answer| mask(&answer.result));
            Some(Delivery { id, generation, attempts, last: masked(last), batch, why, answer })
        }
        Kind::Batch => {
            let Batch { id, attempts, last, state, .. } = parse::<Batch>(item.clone()).ok()?.row;
            let why = if let BatchState::Failed { why } = state { Some(mask(&why)) } else { None };
            Some(Delivery { id, generation: 0, attempts, last: masked(last), batch: None, why, answer: None })
        }
        _ => None,
    }
}

fn differing(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<String> {
    let added = new.keys().filter(|name| !old.contains_key(*name));
    let changed = old.iter().filter(|(name, value)| new.get(*name) != Some(*value)).map(|(name, _)| name);
    let mut names: Vec<String> = changed.chain(added).cloned().collect();
    names.sort_unstable();
    names
}

fn digest(body: &Map<String, Value>) -> String {
    // serde_json's maps are sorted by name
    ids::short_digest(Value::Object(body.clone()).to_string().as_bytes())
}
