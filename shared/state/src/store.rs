//! Reading and writing rows. Every change is conditional on the version that was read, and carries who made it and
//! when; `insert` tells what was there instead.

use harmonia_ports::{Expect, Item, Key, Query, Read, Stamp, StoreError, Table, Tables, Work, Write, WriteError};
use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

/// A value that is stored as one item.
pub trait Row: Serialize + DeserializeOwned + Send + Sync {
    /// Where.
    const TABLE: Table;
    /// Under which key.
    fn key(&self) -> Key;
    /// Who has to come back to it.
    fn work(&self) -> Option<Work> {
        None
    }
    /// From when the broom may take it.
    fn expires(&self) -> Timestamp;
}

/// A row as it was read, with the version that guards its replacement.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<R> {
    /// The row.
    pub row: R,
    /// Its version.
    pub version: u64,
}

/// A row that cannot be read or written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StoredError {
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An item that is not what its key says: a bug or damage.
    #[error("item {pk} {sk} in {table} cannot be read: {why}")]
    Damaged {
        /// Where.
        table: &'static str,
        /// Partition key.
        pk: String,
        /// Sort key.
        sk: String,
        /// In serde's words (names of fields, never values).
        why: String,
    },
}

impl StoredError {
    /// What it leads to.
    pub fn class(&self) -> harmonia_ports::Class {
        match self {
            Self::Store(e) => e.class(),
            Self::Damaged { .. } => harmonia_ports::Class::Bug,
        }
    }
}

/// Days from an instant.
pub(crate) fn days_after(at: Timestamp, days: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX)
}

/// A call that may work at once if repeated is tried so often here; after that the record is left to redelivery. The
/// client below has its own back-off, so this bridges lost answers and conflicts only.
const TRIES_MAX: u32 = 5;

/// Repeats a call while its error says so. Safe for every write of this crate: a repeat of what was applied finds its
/// own trace and is told so.
macro_rules! insist {
    ($call:expr) => {{
        let mut tries = 1;
        loop {
            match $call.await {
                Err(e) if tries < TRIES_MAX && may_repeat(&e) => tries += 1,
                other => break other,
            }
        }
    }};
}

trait MayRepeat {
    fn retry(&self) -> bool;
}

impl MayRepeat for StoreError {
    fn retry(&self) -> bool {
        self.class() == harmonia_ports::Class::Retry
    }
}

impl MayRepeat for WriteError {
    fn retry(&self) -> bool {
        matches!(self, Self::Store(e) if e.retry())
    }
}

fn may_repeat(error: &impl MayRepeat) -> bool {
    error.retry()
}

/// The tables, with the stamp that changes carry.
#[derive(Clone, Copy)]
pub struct Store<'a> {
    tables: &'a dyn Tables,
}

impl<'a> Store<'a> {
    /// Rows over `tables`.
    pub fn new(tables: &'a dyn Tables) -> Self {
        Self { tables }
    }

    /// Reads a row.
    pub async fn get<R: Row>(&self, key: &Key, read: Read) -> Result<Option<Stored<R>>, StoredError> {
        insist!(self.tables.get(R::TABLE, key, read))?.map(parse).transpose()
    }

    /// Reads a row cheaply; a missing one is looked for again, consistently.
    pub async fn find<R: Row>(&self, key: &Key) -> Result<Option<Stored<R>>, StoredError> {
        match self.get(key, Read::Eventual).await? {
            None => self.get(key, Read::Consistent).await,
            found => Ok(found),
        }
    }

    /// Reads all rows of a query, page by page.
    pub async fn list<R: Row>(&self, query: &Query) -> Result<Vec<Stored<R>>, StoredError> {
        let mut query = query.clone();
        let mut rows = Vec::new();
        loop {
            let (page, next) = self.page(&query).await?;
            rows.extend(page);
            match next {
                Some(after) => query.after = Some(after),
                None => return Ok(rows),
            }
        }
    }

    /// One page of a query, and where the next one begins.
    pub async fn page<R: Row>(&self, query: &Query) -> Result<(Vec<Stored<R>>, Option<String>), StoredError> {
        let page = insist!(self.tables.query(query))?;
        let rows = page.items.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        Ok((rows, page.next))
    }

    /// Inserts a row. `Some` is what was there instead.
    pub async fn insert<R: Row>(&self, row: &R, stamp: &Stamp) -> Result<Option<Stored<R>>, StoredError> {
        let write = Write::Put { table: R::TABLE, item: item(row, stamp), expect: Expect::Absent };
        match insist!(self.tables.write(write.clone())) {
            Ok(()) => Ok(None),
            Err(WriteError::Store(e)) => Err(e.into()),
            Err(WriteError::Condition(found)) => match found.into_iter().find_map(|f| f.item) {
                Some(item) => parse(item).map(Some),
                // the service may leave the old item out: then look
                None => self.get(&row.key(), Read::Consistent).await,
            },
        }
    }

    /// Replaces the version that was read. `false`: somebody else changed it first. Whoever repeats a write whose
    /// answer was lost finds what it wrote itself, which is no lost race: what follows from the change is still to be
    /// done.
    pub async fn replace<R: Row>(&self, seen: &Stored<R>, row: &R, stamp: &Stamp) -> Result<bool, StoredError> {
        let item = item(row, stamp);
        let write = Write::Put { table: R::TABLE, item: item.clone(), expect: Expect::Version(seen.version) };
        let mut tries = 1;
        loop {
            match self.tables.write(write.clone()).await {
                Ok(()) => return Ok(true),
                Err(WriteError::Condition(_)) if tries == 1 => return Ok(false),
                Err(WriteError::Condition(_)) => {
                    let there = insist!(self.tables.get(R::TABLE, &item.key, Read::Consistent))?;
                    return Ok(there == Some(Item { version: seen.version + 1, ..item }));
                }
                Err(e) if tries < TRIES_MAX && may_repeat(&e) => tries += 1,
                Err(WriteError::Store(e)) => return Err(e.into()),
            }
        }
    }

    /// As [`Store::replace`], but of several who write the same at the same instant one alone is told that it did; none
    /// is if the answer was lost.
    pub async fn replace_alone<R: Row>(&self, seen: &Stored<R>, row: &R, stamp: &Stamp) -> Result<bool, StoredError> {
        let write = Write::Put { table: R::TABLE, item: item(row, stamp), expect: Expect::Version(seen.version) };
        match insist!(self.tables.write(write.clone())) {
            Ok(()) => Ok(true),
            Err(WriteError::Condition(_)) => Ok(false),
            Err(WriteError::Store(e)) => Err(e.into()),
        }
    }

    /// Writes a row whose content follows from its key, or that may be overwritten by its like.
    pub async fn put<R: Row>(&self, row: &R, stamp: &Stamp) -> Result<(), StoredError> {
        self.put_all(std::slice::from_ref(row), stamp).await
    }

    /// As [`Store::put`], many at once.
    pub async fn put_all<R: Row>(&self, rows: &[R], stamp: &Stamp) -> Result<(), StoredError> {
        if rows.is_empty() {
            return Ok(());
        }
        let items: Vec<Item> = rows.iter().map(|row| item(row, stamp)).collect();
        Ok(insist!(self.tables.put_all(R::TABLE, items.clone()))?)
    }

    /// Deletes an item.
    pub async fn delete<R: Row>(&self, key: &Key) -> Result<(), StoredError> {
        Ok(insist!(self.tables.delete(R::TABLE, key))?)
    }

    /// Deletes an item whose field has this value; another one, or none, is left as it is.
    pub async fn delete_where<R: Row>(&self, key: &Key, field: &str, is: serde_json::Value) -> Result<(), StoredError> {
        let expect = Expect::Fields(vec![(field.into(), is)]);
        let write = Write::Delete { table: R::TABLE, key: key.clone(), expect };
        match insist!(self.tables.write(write.clone())) {
            Ok(()) | Err(WriteError::Condition(_)) => Ok(()),
            Err(WriteError::Store(e)) => Err(e.into()),
        }
    }

    /// Several writes, all or none.
    pub async fn transact(&self, writes: Vec<Write>) -> Result<(), WriteError> {
        insist!(self.tables.transact(writes.clone()))
    }

    /// Names of items in `work`.
    pub async fn work(&self, table: Table, wk: &str, to: &str, limit: usize) -> Result<Vec<(Work, Key)>, StoredError> {
        Ok(insist!(self.tables.work(table, wk, to, limit))?.entries)
    }
}

/// The item of a row.
pub fn item<R: Row>(row: &R, stamp: &Stamp) -> Item {
    let body = match serde_json::to_value(row) {
        Ok(serde_json::Value::Object(map)) => map,
        // rows are structs: they become objects
        _ => serde_json::Map::new(),
    };
    Item {
        key: row.key(),
        version: 0,
        stamp: stamp.clone(),
        work: row.work(),
        ttl: Some(row.expires().as_second()),
        body,
    }
}

/// The row of an item.
pub fn parse<R: Row>(item: Item) -> Result<Stored<R>, StoredError> {
    let version = item.version;
    match serde_json::from_value(serde_json::Value::Object(item.body)) {
        Ok(row) => Ok(Stored { row, version }),
        Err(e) => Err(StoredError::Damaged {
            table: R::TABLE.as_str(),
            pk: item.key.pk,
            sk: item.key.sk,
            why: format!("line {} column {}, {:?}", e.line(), e.column(), e.classify()),
        }),
    }
}

/// A put of a row as part of a transaction.
pub fn put_write<R: Row>(row: &R, expect: Expect, stamp: &Stamp) -> Write {
    Write::Put { table: R::TABLE, item: item(row, stamp), expect }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sequence;
    use harmonia_domain::ids::Id;
    use harmonia_ports::memory::{Faults, MemoryTables};

    /// A lost answer is no lost race: whoever is told that it changed the row did, and whoever is told that it did not
    /// finds another's change there.
    #[tokio::test]
    async fn a_replacement_whose_answer_was_lost_is_ones_own() {
        let tables = MemoryTables::with_faults(Faults::new(7, 500));
        let store = Store::new(&tables);
        let stamp = |n: u64| Stamp { by: format!("{n}"), on: Timestamp::UNIX_EPOCH };
        let row = |number: u64, n: u64| Sequence {
            merchant: "itsu".parse().unwrap(),
            number,
            batch: Id::derive("batch", &[&n.to_string()]),
        };
        let key = Sequence::key_of(&row(0, 0).merchant);
        while store.put(&row(0, 0), &stamp(0)).await.is_err() {}
        let (mut won, mut lost) = (0, 0);
        for n in 1..300 {
            let seen = loop {
                if let Ok(Some(seen)) = store.get::<Sequence>(&key, Read::Consistent).await {
                    break seen;
                }
            };
            let next = row(seen.row.number + 1, n);
            if n.is_multiple_of(3) {
                // at one instant: at most one of two believes that it did
                let one = store.replace_alone(&seen, &next, &stamp(n)).await;
                let other = store.replace_alone(&seen, &next, &stamp(n)).await;
                assert!(one != Ok(true) || other != Ok(true), "both changed version {} of the row", seen.version);
                continue;
            }
            let mine = store.replace(&seen, &next, &stamp(n)).await;
            // somebody else who saw the same says the same
            let other = store.replace(&seen, &next, &stamp(1_000 + n)).await;
            match (mine, other) {
                (Ok(true), Ok(true)) => panic!("both changed version {} of the row", seen.version),
                (Ok(true), _) => won += 1,
                (Ok(false), _) => panic!("nobody was quicker than the first"),
                (Err(_), Ok(false)) => lost += 1,
                (Err(_), _) => {}
            }
        }
        assert!(won > 100 && lost > 0, "{won} {lost}");
    }
}
