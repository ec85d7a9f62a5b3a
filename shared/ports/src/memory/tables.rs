//! The in-memory twin of the tables.

use super::{
    faults::{Fate, Faults},
    lock,
};
use crate::{
    Expect, Found, Item, Key, Page, Query, Read, StoreError, Table, Tables, Work, WorkPage, Write, WriteError,
};
use async_trait::async_trait;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

/// Attributes of every item (see [`Item`]).
const RESERVED: [&str; 8] = ["pk", "sk", "v", "by", "on", "wk", "ws", "ttl"];
/// As in DynamoDB.
const TRANSACTION_WRITES_MAX: usize = 100;

#[derive(Debug, Default)]
struct Inner {
    items: BTreeMap<(Table, Key), Item>,
    work: BTreeSet<(Table, Work, Key)>,
}

/// Tables in memory.
#[derive(Debug)]
pub struct MemoryTables {
    inner: Mutex<Inner>,
    faults: Faults,
}

impl Default for MemoryTables {
    fn default() -> Self {
        Self::with_faults(Faults::none())
    }
}

impl MemoryTables {
    /// Tables that fail by seed.
    pub fn with_faults(faults: Faults) -> Self {
        Self { inner: Mutex::new(Inner::default()), faults }
    }

    /// Every item: for tests and for `replay`, which show the final state. Stages have no such call (no scans).
    pub fn dump(&self, table: Table) -> Vec<Item> {
        lock(&self.inner).items.iter().filter(|((t, _), _)| *t == table).map(|(_, item)| item.clone()).collect()
    }
}

/// A body may not use the names that items have of their own.
fn reserved(write: &Write) -> Option<&'static str> {
    let body = match write {
        Write::Put { item, .. } => &item.body,
        Write::Patch { set, .. } => set,
        Write::Delete { .. } | Write::Check { .. } => return None,
    };
    RESERVED.into_iter().find(|name| body.contains_key(*name))
}

fn holds(expect: &Expect, found: Option<&Item>) -> bool {
    match (expect, found) {
        (Expect::Any, _) | (Expect::Absent, None) => true,
        (Expect::Version(v), Some(item)) => item.version == *v,
        (Expect::Fields(fields), Some(item)) => {
            fields.iter().all(|(name, value)| item.body.get(name).unwrap_or(&Value::Null) == value)
        }
        _ => false,
    }
}

impl Inner {
    fn target(write: &Write) -> (Table, Key, &Expect) {
        match write {
            Write::Put { table, item, expect } => (*table, item.key.clone(), expect),
            Write::Patch { table, key, expect, .. }
            | Write::Delete { table, key, expect }
            | Write::Check { table, key, expect } => (*table, key.clone(), expect),
        }
    }

    fn check(&self, index: usize, write: &Write) -> Option<Found> {
        let (table, key, expect) = Self::target(write);
        let found = self.items.get(&(table, key));
        let patch_of_nothing = matches!(write, Write::Patch { .. }) && found.is_none();
        (!holds(expect, found) || patch_of_nothing).then(|| Found { index, item: found.cloned() })
    }

    fn store(&mut self, table: Table, mut item: Item) {
        let at = (table, item.key.clone());
        if let Some(old) = self.items.remove(&at) {
            item.version = old.version + 1;
            if let Some(work) = old.work {
                self.work.remove(&(table, work, old.key));
            }
        } else {
            item.version = 1;
        }
        if let Some(work) = &item.work {
            self.work.insert((table, work.clone(), item.key.clone()));
        }
        self.items.insert(at, item);
    }

    fn remove(&mut self, table: Table, key: &Key) {
        if let Some(old) = self.items.remove(&(table, key.clone()))
            && let Some(work) = old.work
        {
            self.work.remove(&(table, work, old.key));
        }
    }

    fn apply(&mut self, write: Write) {
        match write {
            Write::Put { table, item, .. } => self.store(table, item),
            Write::Patch { table, key, set, stamp, .. } => {
                if let Some(mut item) = self.items.get(&(table, key)).cloned() {
                    item.body.extend(set);
                    item.stamp = stamp;
                    self.store(table, item);
                }
            }
            Write::Delete { table, key, .. } => self.remove(table, &key),
            Write::Check { .. } => {}
        }
    }
}

#[async_trait]
impl Tables for MemoryTables {
    async fn get(&self, table: Table, key: &Key, _read: Read) -> Result<Option<Item>, StoreError> {
        self.faults.read()?;
        Ok(lock(&self.inner).items.get(&(table, key.clone())).cloned())
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.faults.read()?;
        let inner = lock(&self.inner);
        let from = (query.table, Key::new(&query.pk, &query.from));
        let to = (query.table, Key::new(&query.pk, &query.to));
        if from > to {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let after = query.after.as_deref();
        let range = inner.items.range(from..=to).map(|(_, item)| item);
        let mut items: Vec<Item> = range
            .filter(|item| after.is_none_or(|a| item.key.sk.as_str() > a))
            .take(query.limit + 1)
            .cloned()
            .collect();
        let more = items.len() > query.limit;
        items.truncate(query.limit);
        let next = if more { items.last().map(|item| item.key.sk.clone()) } else { None };
        Ok(Page { items, next })
    }

    async fn work(&self, table: Table, wk: &str, to: &str, limit: usize) -> Result<WorkPage, StoreError> {
        self.faults.read()?;
        let inner = lock(&self.inner);
        let start = (table, Work { wk: wk.to_owned(), ws: String::new() }, Key::new("", ""));
        let mut entries: Vec<(Work, Key)> = inner
            .work
            .range(start..)
            .take_while(|(t, work, _)| *t == table && work.wk == wk && work.ws.as_str() <= to)
            .take(limit + 1)
            .map(|(_, work, key)| (work.clone(), key.clone()))
            .collect();
        let more = entries.len() > limit;
        entries.truncate(limit);
        Ok(WorkPage { entries, more })
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        self.transact(vec![write]).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), WriteError> {
        if writes.len() > TRANSACTION_WRITES_MAX {
            return Err(StoreError::Invalid { why: format!("{} writes in one transaction", writes.len()) }.into());
        }
        if let Some(name) = writes.iter().find_map(reserved) {
            return Err(StoreError::Invalid { why: format!("the attribute name {name} is reserved") }.into());
        }
        let fate = self.faults.write();
        match fate {
            Fate::Throttle => return Err(StoreError::Throttled.into()),
            Fate::Conflict => return Err(StoreError::Conflict.into()),
            Fate::Well | Fate::AnswerLost => {}
        }
        let mut inner = lock(&self.inner);
        let failed: Vec<Found> = writes.iter().enumerate().filter_map(|(i, w)| inner.check(i, w)).collect();
        if !failed.is_empty() {
            return Err(WriteError::Condition(failed));
        }
        for write in writes {
            inner.apply(write);
        }
        if fate == Fate::AnswerLost {
            return Err(StoreError::Unknown { why: "the answer was lost (injected)".into() }.into());
        }
        Ok(())
    }

    async fn put_all(&self, table: Table, items: Vec<Item>) -> Result<(), StoreError> {
        let fate = self.faults.write();
        if fate == Fate::Throttle {
            return Err(StoreError::Throttled);
        }
        let mut inner = lock(&self.inner);
        // a lost answer of a batch may mean that only some were written
        let applied = if fate == Fate::Well { items.len() } else { items.len() / 2 };
        for item in items.into_iter().take(applied) {
            inner.store(table, item);
        }
        if fate == Fate::Well {
            Ok(())
        } else {
            Err(StoreError::Unknown { why: "the answer was lost (injected)".into() })
        }
    }

    async fn delete(&self, table: Table, key: &Key) -> Result<(), StoreError> {
        let fate = self.faults.write();
        if fate == Fate::Throttle {
            return Err(StoreError::Throttled);
        }
        lock(&self.inner).remove(table, key);
        if fate == Fate::Well {
            Ok(())
        } else {
            Err(StoreError::Unknown { why: "the answer was lost (injected)".into() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_memory_twin_keeps_the_contract() {
        crate::contract::all(&MemoryTables::default()).await;
    }

    /// With faults each call may fail, but repeating it ends in the same state as without.
    #[tokio::test]
    async fn lost_answers_are_survived_by_repeating() {
        for seed in 0..50 {
            crate::contract::counting_with_lost_answers(&MemoryTables::with_faults(Faults::new(seed, 300))).await;
        }
    }
}
