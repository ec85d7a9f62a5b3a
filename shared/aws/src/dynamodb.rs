//! The tables on DynamoDB.
//!
//! On disk an item has `pk`, `sk` (S), `v` (N), `by` and `on` (S, the stamp), `wk` and `ws` (S, only while it is in the
//! index `work`), `ttl` (N), and each field of its body as an attribute of its own.
//!
//! Correctness rests on the conditions of the writes alone. Transactions carry the token that the SDK makes up for each
//! call, so that its own repeats are safe; a token derived from the work would promise ten minutes and no more.

mod batch;
mod capacity;
mod error;
mod expression;
mod item;
mod read;
mod setup;
mod write;

pub use capacity::{Capacity, Units};
pub use setup::create_tables;

use crate::config::{client_config, local_credentials};
use async_trait::async_trait;
use aws_sdk_dynamodb::{Client, types::ConsumedCapacity};
use harmonia_ports::{Item, Key, Page, Query, Read, StoreError, Table, Tables, WorkPage, Write, WriteError};
use std::{slice, sync::Arc};

/// The region a local endpoint is told; it does not matter.
const LOCAL_REGION: &str = "us-east-1";

/// What the tables are called in the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableNames {
    /// Lines and their index entries.
    pub book: String,
    /// Matches with their exports, batches, files.
    pub ledger: String,
    /// Identifiers and identities.
    pub registry: String,
}

impl Default for TableNames {
    /// The short names themselves.
    fn default() -> Self {
        let name = |table: Table| table.as_str().to_owned();
        Self { book: name(Table::Book), ledger: name(Table::Ledger), registry: name(Table::Registry) }
    }
}

impl TableNames {
    /// The name of a table.
    pub fn of(&self, table: Table) -> &str {
        match table {
            Table::Book => &self.book,
            Table::Ledger => &self.ledger,
            Table::Registry => &self.registry,
        }
    }

    fn table(&self, name: &str) -> Option<Table> {
        Table::ALL.into_iter().find(|table| self.of(*table) == name)
    }
}

/// The tables in DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoTables {
    client: Client,
    names: TableNames,
    capacity: Arc<Capacity>,
}

impl DynamoTables {
    /// Over a client, which should be configured by [`client_config`].
    pub fn new(client: Client, names: TableNames) -> Self {
        Self { client, names, capacity: Arc::default() }
    }

    /// At a DynamoDB on this machine, with the default names. [`create_tables`] makes the tables.
    pub fn local(endpoint: &str) -> Self {
        let config = client_config(Some(endpoint), LOCAL_REGION, local_credentials());
        Self::new(Client::from_conf(config), TableNames::default())
    }

    /// The client in use.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The names in use.
    pub fn names(&self) -> &TableNames {
        &self.names
    }

    /// What the calls have consumed, as the service tells it. Clones of these tables count together. Refused writes
    /// consume too, but the service does not say how much.
    pub fn capacity(&self) -> Arc<Capacity> {
        Arc::clone(&self.capacity)
    }

    fn count_reads(&self, consumed: Option<&ConsumedCapacity>) {
        self.count(consumed, Capacity::add_read);
    }

    fn count_writes<'a>(&self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        for part in consumed {
            self.count(Some(part), Capacity::add_write);
        }
    }

    fn count(&self, consumed: Option<&ConsumedCapacity>, add: fn(&Capacity, Table, f64)) {
        let told = consumed.and_then(|c| Some((self.names.table(c.table_name()?)?, c.capacity_units()?)));
        if let Some((table, units)) = told {
            add(&self.capacity, table, units);
        }
    }
}

#[async_trait]
impl Tables for DynamoTables {
    async fn get(&self, table: Table, key: &Key, read: Read) -> Result<Option<Item>, StoreError> {
        self.get_item(table, key, read).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.query_range(query).await
    }

    /// Only `book` and `ledger` have the index.
    async fn work(&self, table: Table, wk: &str, to: &str, limit: usize) -> Result<WorkPage, StoreError> {
        self.query_work(table, wk, to, limit).await
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        self.apply(slice::from_ref(&write)).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), WriteError> {
        self.apply(&writes).await
    }

    /// The version written is 1, whatever was there: `BatchWriteItem` knows no conditions, and entries that follow from
    /// their key do not change.
    async fn put_all(&self, table: Table, items: Vec<Item>) -> Result<(), StoreError> {
        self.put_batches(table, items).await
    }

    async fn delete(&self, table: Table, key: &Key) -> Result<(), StoreError> {
        self.delete_item(table, key).await
    }
}
