//! The in-memory twin of the tables.

use super::{
    faults::{Fate, Faults},
    lock,
};
use crate::{
    Change, Expect, Found, Item, Key, Page, Query, Read, StoreError, Table, Tables, Work, WorkPage, Write, WriteError,
};
use async_trait::async_trait;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Mutex,
};

/// Attributes of every item (see [`Item`]).
const RESERVED: [&str; 8] = ["pk", "sk", "v", "by", "on", "wk", "ws", "ttl"];
/// As in DynamoDB.
const TRANSACTION_WRITES_MAX: usize = 100;
/// An eventually consistent read is at most so many changed items behind: what a handler or two change while a third
/// one reads.
const LAG_MAX: usize = 24;

/// What an item was before a change.
type Was = ((Table, Key), Option<Item>);

#[derive(Debug, Default)]
struct Inner {
    items: BTreeMap<(Table, Key), Item>,
    work: BTreeSet<(Table, Work, Key)>,
    /// The last changes, oldest first.
    changes: VecDeque<Was>,
    /// Every change that nobody has taken yet, oldest first; none if nobody is going to.
    stream: Option<VecDeque<Change>>,
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

    /// From now on every change is kept until somebody takes it, as a table's stream does.
    pub fn keep_changes(&self) {
        lock(&self.inner).stream.get_or_insert_default();
    }

    /// The oldest `limit` changes of a table that nobody has taken. They stay until [`MemoryTables::take_changes`].
    pub fn changes(&self, table: Table, limit: usize) -> Vec<Change> {
        let inner = lock(&self.inner);
        let changes = inner.stream.iter().flatten().filter(|change| change.table == table);
        changes.take(limit).cloned().collect()
    }

    /// Removes the oldest `count` changes of a table.
    pub fn take_changes(&self, table: Table, count: usize) {
        let mut left = count;
        if let Some(stream) = &mut lock(&self.inner).stream {
            stream.retain(|change| {
                let taken = left > 0 && change.table == table;
                left -= usize::from(taken);
                !taken
            });
        }
    }

    /// Every item: for tests and for `replay`, which show the final state. Stages have no such call (no scans).
    pub fn dump(&self, table: Table) -> Vec<Item> {
        lock(&self.inner).items.iter().filter(|((t, _), _)| *t == table).map(|(_, item)| item.clone()).collect()
    }

    /// From now on no call fails and no read lags behind.
    pub fn end_faults(&self) {
        self.faults.end();
    }

    /// Every replica has caught up: so much time has passed.
    pub fn caught_up(&self) {
        lock(&self.inner).changes.clear();
    }

    /// The broom: removes every item whose time to live has ended by epoch second `now`. Returns how many.
    pub fn sweep(&self, now: i64) -> usize {
        let mut inner = lock(&self.inner);
        let expired = inner.items.iter().filter(|(_, item)| item.ttl.is_some_and(|ttl| ttl < now));
        let expired: Vec<(Table, Key)> = expired.map(|(at, _)| at.clone()).collect();
        for (table, key) in &expired {
            inner.remove(*table, key);
        }
        expired.len()
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

impl MemoryTables {
    fn lag(&self, inner: &Inner, read: Read) -> usize {
        match read {
            Read::Consistent => 0,
            Read::Eventual => self.faults.lag(inner.changes.len()),
        }
    }
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

    /// Remembers what is there, for readers that lag behind.
    fn remember(&mut self, at: &(Table, Key)) {
        if self.changes.len() >= LAG_MAX {
            self.changes.pop_front();
        }
        self.changes.push_back((at.clone(), self.items.get(at).cloned()));
    }

    /// Items as they were `lag` changes ago, where they were another then.
    fn before(&self, lag: usize) -> BTreeMap<&(Table, Key), Option<&Item>> {
        let mut then = BTreeMap::new();
        for (at, was) in self.changes.iter().rev().take(lag) {
            // the oldest of these changes, which comes last, tells what was before all of them
            then.insert(at, was.as_ref());
        }
        then
    }

    fn store(&mut self, table: Table, mut item: Item) {
        let at = (table, item.key.clone());
        self.remember(&at);
        let old = self.items.remove(&at);
        item.version = old.as_ref().map_or(1, |old| old.version + 1);
        self.tell(table, old.as_ref(), Some(&item));
        if let Some(Item { work: Some(work), key, .. }) = old {
            self.work.remove(&(table, work, key));
        }
        if let Some(work) = &item.work {
            self.work.insert((table, work.clone(), item.key.clone()));
        }
        self.items.insert(at, item);
    }

    fn remove(&mut self, table: Table, key: &Key) {
        self.remember(&(table, key.clone()));
        let Some(old) = self.items.remove(&(table, key.clone())) else { return };
        self.tell(table, Some(&old), None);
        if let Some(work) = old.work {
            self.work.remove(&(table, work, old.key));
        }
    }

    fn tell(&mut self, table: Table, old: Option<&Item>, new: Option<&Item>) {
        if let Some(stream) = &mut self.stream {
            stream.push_back(Change { table, old: old.cloned(), new: new.cloned() });
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
    async fn get(&self, table: Table, key: &Key, read: Read) -> Result<Option<Item>, StoreError> {
        self.faults.read()?;
        let inner = lock(&self.inner);
        let at = (table, key.clone());
        if let Some(was) = inner.before(self.lag(&inner, read)).get(&at) {
            return Ok(was.cloned());
        }
        Ok(inner.items.get(&at).cloned())
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
        let then = inner.before(self.lag(&inner, query.read));
        let mut range: Box<dyn Iterator<Item = &Item>> = Box::new(inner.items.range(&from..=&to).map(|(_, item)| item));
        if !then.is_empty() {
            let mut items: BTreeMap<&Key, &Item> = range.map(|item| (&item.key, item)).collect();
            for (at, was) in then.into_iter().filter(|(at, _)| (&from..=&to).contains(at)) {
                match was {
                    Some(item) => items.insert(&at.1, item),
                    None => items.remove(&at.1),
                };
            }
            range = Box::new(items.into_values());
        }
        let mut items: Vec<Item> = range
            .filter(|item| after.is_none_or(|a| item.key.sk.as_str() > a))
            .filter(|item| query.only.as_ref().is_none_or(|only| only.holds(item)))
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
        let then = inner.before(self.lag(&inner, Read::Eventual));
        let wanted = |work: &Work| work.wk == wk && work.ws.as_str() <= to;
        let now = inner.work.range(start..).take_while(|(t, work, _)| *t == table && wanted(work));
        let now = now.filter(|(_, _, key)| then.is_empty() || !then.contains_key(&(table, key.clone())));
        let mut entries: Vec<(Work, Key)> =
            now.take(limit + 1).map(|(_, work, key)| (work.clone(), key.clone())).collect();
        let were = then.iter().filter(|((t, _), _)| *t == table).filter_map(|(_, was)| was.as_ref());
        entries.extend(were.filter_map(|item| Some((item.work.clone().filter(wanted)?, item.key.clone()))));
        entries.sort();
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

    fn item(sk: &str, n: u64, wk: Option<&str>) -> Item {
        Item {
            key: Key::new("pk", sk),
            version: 0,
            stamp: crate::Stamp { by: "test".into(), on: jiff::Timestamp::UNIX_EPOCH },
            work: wk.map(|wk| Work { wk: wk.into(), ws: "1".into() }),
            ttl: Some(100),
            body: [("n".to_owned(), n.into())].into_iter().collect(),
        }
    }

    async fn put(tables: &MemoryTables, item: Item) {
        tables.write(Write::Put { table: Table::Book, item, expect: Expect::Any }).await.unwrap();
    }

    /// Design §4: only consistent reads see every write that was answered before; others see some earlier state of
    /// everything they read, and nothing that never was.
    #[tokio::test]
    async fn eventual_reads_lag_and_consistent_ones_do_not() {
        let tables = MemoryTables::with_faults(Faults::new(1, 0).lagging(500));
        let mut seen = BTreeSet::new();
        for n in 0..200 {
            put(&tables, item("a", n, (n % 2 == 0).then_some("even"))).await;
            let key = Key::new("pk", "a");
            let now = tables.get(Table::Book, &key, Read::Consistent).await.unwrap().unwrap();
            assert_eq!(now.body["n"], n);
            let then = tables.get(Table::Book, &key, Read::Eventual).await.unwrap();
            let then = then.map(|item| item.body["n"].as_u64().unwrap());
            assert!(then.is_none_or(|then| then <= n && n - then <= u64::try_from(LAG_MAX).unwrap()));
            seen.insert(then.map(|then| n - then));
            let query = Query { read: Read::Eventual, ..Query::prefix(Table::Book, "pk", "") };
            assert!(tables.query(&query).await.unwrap().items.len() <= 1);
            assert!(tables.work(Table::Book, "even", "9", 10).await.unwrap().entries.len() <= 1);
        }
        assert!(seen.len() > 5, "{seen:?}");
        tables.end_faults();
        assert_eq!(tables.work(Table::Book, "even", "9", 10).await.unwrap().entries, []);
    }

    /// Design §4: the audit log is derived from the tables' streams, so each change is told once, with both images, and
    /// stays until it is taken.
    #[tokio::test]
    async fn changes_are_told() {
        let tables = MemoryTables::default();
        put(&tables, item("before", 0, None)).await;
        tables.keep_changes();
        put(&tables, item("a", 1, None)).await;
        put(&tables, item("a", 2, Some("w"))).await;
        tables.delete(Table::Book, &Key::new("pk", "a")).await.unwrap();
        tables.delete(Table::Book, &Key::new("pk", "a")).await.unwrap();
        let told = |limit| -> Vec<(Option<u64>, Option<u64>)> {
            let changes = tables.changes(Table::Book, limit);
            changes.into_iter().map(|c| (c.old.map(|i| i.version), c.new.map(|i| i.version))).collect()
        };
        assert_eq!(told(9), [(None, Some(1)), (Some(1), Some(2)), (Some(2), None)]);
        assert_eq!(tables.changes(Table::Ledger, 9), []);
        tables.take_changes(Table::Ledger, 9);
        tables.take_changes(Table::Book, 2);
        assert_eq!((told(9), told(0)), (vec![(Some(2), None)], vec![]));
    }

    /// state.md: TTL is a broom.
    #[tokio::test]
    async fn the_broom_takes_what_has_expired() {
        let tables = MemoryTables::default();
        put(&tables, item("a", 1, Some("w"))).await;
        assert_eq!((tables.sweep(100), tables.sweep(101), tables.sweep(101)), (0, 1, 0));
        assert_eq!(tables.work(Table::Book, "w", "9", 10).await.unwrap().entries, []);
    }

    /// With faults each call may fail, but repeating it ends in the same state as without.
    #[tokio::test]
    async fn lost_answers_are_survived_by_repeating() {
        for seed in 0..50 {
            crate::contract::counting_with_lost_answers(&MemoryTables::with_faults(Faults::new(seed, 300))).await;
        }
    }
}
