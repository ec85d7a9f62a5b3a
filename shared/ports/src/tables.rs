//! Tables (DynamoDB) as small conditional key-value stores: what state.md needs and no more. Items are JSON objects
//! with a version, a stamp (who changed it last, when: the audit is derived from it), at most one entry in the sparse
//! index `work`, and a time to live that is a broom, never a filter.

use crate::{StoreError, WriteError};
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// The tables (state.md: different life, backup and privilege).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Lines and their index entries.
    Book,
    /// Matches with their exports, batches, files.
    Ledger,
    /// Identifiers and identities.
    Registry,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Book, Self::Ledger, Self::Registry];

    /// Its short name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Ledger => "ledger",
            Self::Registry => "registry",
        }
    }
}

/// The key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl Key {
    /// A key of two texts.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

/// Who changed an item, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The actor: stage and what it worked on.
    pub by: String,
    /// The instant.
    pub on: Timestamp,
}

/// An entry of the sparse index `work`: somebody has to come back to the item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Work {
    /// What for.
    pub wk: String,
    /// When, or since when.
    pub ws: String,
}

/// An item.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its key.
    pub key: Key,
    /// 1 when it is new; one more with each change.
    pub version: u64,
    /// The last change.
    pub stamp: Stamp,
    /// Its entry in `work`.
    pub work: Option<Work>,
    /// Epoch second after which the broom may take it.
    pub ttl: Option<i64>,
    /// Everything else; no key of its own called pk, sk, v, by, on, wk, ws or ttl.
    pub body: Map<String, Value>,
}

/// A change of one item, as the table's stream tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Where.
    pub table: Table,
    /// The item before; none if it is new.
    pub old: Option<Item>,
    /// The item after; none if it was removed.
    pub new: Option<Item>,
}

/// What has to be true for a write.
#[derive(Debug, Clone, PartialEq)]
pub enum Expect {
    /// Anything.
    Any,
    /// No such item.
    Absent,
    /// The item has this version.
    Version(u64),
    /// The item exists and these top-level attributes are equal.
    Fields(Vec<(String, Value)>),
}

/// A write. Puts and patches set the version to one more than what is there.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Replaces the whole item; `item.version` is ignored except that it becomes the expected version plus one.
    Put {
        /// Where.
        table: Table,
        /// What.
        item: Item,
        /// If.
        expect: Expect,
    },
    /// Sets some top-level attributes of an existing item.
    Patch {
        /// Where.
        table: Table,
        /// Which.
        key: Key,
        /// New values.
        set: Map<String, Value>,
        /// Who and when.
        stamp: Stamp,
        /// If.
        expect: Expect,
    },
    /// Removes an item (in transactions; alone, without conditions: [`Tables::delete`]).
    Delete {
        /// Where.
        table: Table,
        /// Which.
        key: Key,
        /// If.
        expect: Expect,
    },
    /// Changes nothing, only checks (in transactions).
    Check {
        /// Where.
        table: Table,
        /// Which.
        key: Key,
        /// What has to be true.
        expect: Expect,
    },
}

/// A condition that did not hold, and what was there instead.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Position in the transaction.
    pub index: usize,
    /// The item as it is.
    pub item: Option<Item>,
}

/// How a read is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Sees every write that was answered before.
    Consistent,
    /// Half the price; may be a little behind.
    Eventual,
}

/// A range of one partition in the order of its sort keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Where.
    pub table: Table,
    /// Which partition.
    pub pk: String,
    /// First sort key, included.
    pub from: String,
    /// Last sort key, included.
    pub to: String,
    /// How.
    pub read: Read,
    /// At most so many items a page.
    pub limit: usize,
    /// Continue after this sort key.
    pub after: Option<String>,
    /// Only these of them.
    pub only: Option<OneOf>,
}

/// Items of which this field of the body is one of these texts. What a query leaves out for it is read and paid for all
/// the same, but neither sent nor understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOf {
    /// The field.
    pub field: &'static str,
    /// At least one text, at most [`OneOf::TEXTS_MAX`].
    pub texts: Vec<String>,
}

impl OneOf {
    /// Operands of `IN` in an expression of DynamoDB.
    pub const TEXTS_MAX: usize = 100;

    /// Is the item one of them?
    pub fn holds(&self, item: &Item) -> bool {
        let text = item.body.get(self.field).and_then(Value::as_str);
        text.is_some_and(|text| self.texts.iter().any(|one| one == text))
    }
}

impl Query {
    /// All sort keys that begin with `prefix`, consistently, in pages of 1,000 at most.
    pub fn prefix(table: Table, pk: impl Into<String>, prefix: &str) -> Self {
        Self {
            table,
            pk: pk.into(),
            from: prefix.to_owned(),
            to: format!("{prefix}\u{10ffff}"),
            read: Read::Consistent,
            limit: 1000,
            after: None,
            only: None,
        }
    }
}

/// One page of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// In the order of their sort keys.
    pub items: Vec<Item>,
    /// Ask again with this as `after`, if there is one.
    pub next: Option<String>,
}

/// One page of the index: names only, in the order of `ws`. Eventually consistent, as every such index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkPage {
    /// Entry and item it belongs to.
    pub entries: Vec<(Work, Key)>,
    /// There are more.
    pub more: bool,
}

/// DynamoDB as the stages use it.
#[async_trait]
pub trait Tables: Send + Sync {
    /// One item.
    async fn get(&self, table: Table, key: &Key, read: Read) -> Result<Option<Item>, StoreError>;
    /// A range of one partition.
    async fn query(&self, query: &Query) -> Result<Page, StoreError>;
    /// The first `limit` entries of `work` under `wk` with `ws` up to `to` (included).
    async fn work(&self, table: Table, wk: &str, to: &str, limit: usize) -> Result<WorkPage, StoreError>;
    /// One write, conditional.
    async fn write(&self, write: Write) -> Result<(), WriteError>;
    /// All or nothing; at most 100 writes on different items.
    async fn transact(&self, writes: Vec<Write>) -> Result<(), WriteError>;
    /// Puts items whose content follows from their key (index entries): no conditions, repeatable, not atomic.
    async fn put_all(&self, table: Table, items: Vec<Item>) -> Result<(), StoreError>;
    /// Deletes one item without conditions; deleting what is not there is fine.
    async fn delete(&self, table: Table, key: &Key) -> Result<(), StoreError>;
}
