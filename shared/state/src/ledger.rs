//! Rows of the table `ledger`: exports, batches, files (state.md items X, BT, F, FH, FR).

use crate::{
    store::{Row, days_after},
    work,
};
use harmonia_domain::{
    export::{Batch, BatchState, Export, ExportState},
    feed::{Feed, Slug},
    file::{File, RangeResult},
    ids::Id,
    purchase::ExportKey,
    time::sortable,
};
use harmonia_ports::{Key, Table, Work};
use jiff::Timestamp;

/// The ledger's rows live so long (design §4, horizon).
const LEDGER_DAYS: i64 = 400;

/// The table key of an export.
pub fn export_row_key(key: &ExportKey) -> Key {
    Key::new(&key.pk, &key.sk)
}

impl Row for Export {
    const TABLE: Table = Table::Ledger;

    fn key(&self) -> Key {
        export_row_key(&Export::key(self))
    }

    fn work(&self) -> Option<Work> {
        let ws = match &self.state {
            // told, and not rewarded: a person comes back to it (spec match §10.2)
            ExportState::Delivered { .. } if self.is_refused() => {
                let ws = work::at(self.created, self.id.as_str());
                return Some(Work { wk: work::exports_of(&self.merchant, "refused", &self.id), ws });
            }
            ExportState::Ready
            | ExportState::Delivered { .. }
            | ExportState::Batched { .. }
            | ExportState::Reversed { .. } => return None,
            ExportState::Collecting => work::at(self.created, &format!("{}#{}", self.order, self.id)),
            ExportState::Waiting { due } | ExportState::Attempting { until: due } => work::at(*due, self.id.as_str()),
            ExportState::Failed { .. }
            | ExportState::Skipped { .. }
            | ExportState::Unconfirmed { .. }
            | ExportState::Held => work::at(self.created, self.id.as_str()),
        };
        // one list for all that a clock comes back to
        let list = if matches!(self.state, ExportState::Attempting { .. }) { "waiting" } else { self.state.name() };
        Some(Work { wk: work::exports_of(&self.merchant, list, &self.id), ws })
    }

    fn expires(&self) -> Timestamp {
        days_after(self.created, LEDGER_DAYS)
    }
}

/// Which export a receiver's results mean by a uid. An index entry, written before the uid is told; the truth is on the
/// export.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ToldUid {
    /// The receiver.
    #[serde(rename = "m")]
    pub merchant: Slug,
    /// As it was told.
    pub uid: String,
    /// The export.
    pub x: ExportKey,
    /// When that was made.
    pub created: Timestamp,
}

impl ToldUid {
    /// The entry of an export.
    pub fn of(export: &Export) -> Self {
        let (merchant, uid) = (export.merchant.clone(), export.id.as_uuid());
        Self { merchant, uid, x: Export::key(export), created: export.created }
    }

    /// The key of a receiver's uid.
    pub fn key_of(merchant: &Slug, uid: &str) -> Key {
        Key::new(format!("XU#{merchant}#{uid}"), "U")
    }
}

impl Row for ToldUid {
    const TABLE: Table = Table::Ledger;

    fn key(&self) -> Key {
        Self::key_of(&self.merchant, &self.uid)
    }

    fn expires(&self) -> Timestamp {
        days_after(self.created, LEDGER_DAYS)
    }
}

/// The partition of a merchant's batches.
pub fn batch_pk(merchant: &Slug) -> String {
    format!("BT#{merchant}")
}

impl Row for Batch {
    const TABLE: Table = Table::Ledger;

    fn key(&self) -> Key {
        Key::new(batch_pk(&self.merchant), format!("{}#{:06}", sortable(self.run), self.number))
    }

    fn work(&self) -> Option<Work> {
        let since = match self.state {
            BatchState::Closed => return None,
            BatchState::Waiting { due } => due,
            BatchState::Draft | BatchState::Delivered { .. } | BatchState::Failed { .. } => self.run,
        };
        let order = format!("{}#{:06}", sortable(self.run), self.number);
        Some(Work { wk: work::batches(&self.merchant), ws: work::at(since, &order) })
    }

    fn expires(&self) -> Timestamp {
        days_after(self.run, LEDGER_DAYS)
    }
}

/// The number of a merchant's newest file, and the batch that it was given to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sequence {
    /// Whose files.
    #[serde(rename = "m")]
    pub merchant: Slug,
    /// From 1.
    #[serde(rename = "n")]
    pub number: u64,
    /// Who has it.
    #[serde(rename = "b")]
    pub batch: Id,
}

impl Sequence {
    /// Its key.
    pub fn key_of(merchant: &Slug) -> Key {
        Key::new(format!("BQ#{merchant}"), "sequence")
    }
}

impl Row for Sequence {
    const TABLE: Table = Table::Ledger;

    fn key(&self) -> Key {
        Self::key_of(&self.merchant)
    }

    /// Numbers go on for ever.
    fn expires(&self) -> Timestamp {
        Timestamp::MAX
    }
}

/// Names a file; also the group of its sales.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileKey {
    /// Partition: feed and month.
    pub pk: String,
    /// Sort key: arrival and id.
    pub sk: String,
}

impl FileKey {
    /// As one text (the `grp` of a sale).
    pub fn group(&self) -> String {
        format!("{}|{}", self.pk, self.sk)
    }

    /// From that text.
    pub fn of_group(group: &str) -> Option<Self> {
        group.split_once('|').map(|(pk, sk)| Self { pk: pk.to_owned(), sk: sk.to_owned() })
    }

    /// The table key.
    pub fn key(&self) -> Key {
        Key::new(&self.pk, &self.sk)
    }
}

/// The key of a file.
pub fn file_key(feed: &Feed, arrived: Timestamp, id: &Id) -> FileKey {
    let at = sortable(arrived);
    let month = at.get(..7).unwrap_or_default();
    FileKey { pk: format!("F#{feed}#{month}"), sk: format!("{at}#{id}") }
}

impl Row for File {
    const TABLE: Table = Table::Ledger;

    fn key(&self) -> Key {
        file_key(&self.feed, self.arrived, &self.id).key()
    }

    fn work(&self) -> Option<Work> {
        let open = !self.finished();
        open.then(|| Work { wk: work::OPEN_FILES.to_owned(), ws: work::at(self.arrived, self.id.as_str()) })
    }

    fn expires(&self) -> Timestamp {
        days_after(self.arrived, LEDGER_DAYS)
    }
}

/// The first file of a feed with certain bytes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileHash {
    /// The feed.
    pub feed: Feed,
    /// Hex SHA-256 of the bytes.
    pub sha256: String,
    /// That file.
    pub file: FileKey,
    /// When it came.
    pub arrived: Timestamp,
}

impl Row for FileHash {
    const TABLE: Table = Table::Ledger;

    fn key(&self) -> Key {
        Key::new(format!("FH#{}#{}", self.feed, self.sha256), "H")
    }

    fn expires(&self) -> Timestamp {
        days_after(self.arrived, LEDGER_DAYS)
    }
}

/// What came out of a range; its being there means "stored and forwarded".
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Range {
    /// The file.
    pub file: Id,
    /// Which range, from 0.
    pub number: u64,
    /// The object with rejects and book keys.
    pub object: String,
    /// Totals and dates.
    #[serde(flatten)]
    pub result: RangeResult,
    /// When the file came.
    pub arrived: Timestamp,
}

impl Range {
    /// The partition of a file's ranges.
    pub fn pk(file: &Id) -> String {
        format!("FR#{file}")
    }

    /// The key of one range of a file.
    pub fn key_of(file: &Id, number: u64) -> Key {
        Key::new(Self::pk(file), format!("{number:06}"))
    }
}

impl Row for Range {
    const TABLE: Table = Table::Ledger;

    fn key(&self) -> Key {
        Self::key_of(&self.file, self.number)
    }

    fn expires(&self) -> Timestamp {
        days_after(self.arrived, LEDGER_DAYS)
    }
}
