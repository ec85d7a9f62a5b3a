//! The tables: a DynamoDB of our own (dynoxide, on SQLite) behind the real SDK, as local as the rest.
//!
//! What is answered survives `kill -9` and a power cut: on a file every write is one SQLite transaction that is
//! committed before the answer, in WAL mode with SQLite's default of `synchronous = FULL`.
//!
//! One process serves a file; others [`connect`] to it.

use super::{
    Durability,
    streams::{self, FileStreams},
};
use aws_sdk_dynamodb::types::AttributeValue;
use harmonia_aws::{DynamoTables, create_tables};
use harmonia_ports::{Item, Key, Stamp, StoreError, Table, Work};
use serde_json::{Map, Value};
use std::{collections::HashMap, net::SocketAddr, path::Path, str::FromStr, time::Duration};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// How long a shutdown waits for requests that are under way; they take milliseconds.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// An embedded DynamoDB that did not start or stop.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The file cannot be opened.
    #[error("the tables' file: {0}")]
    File(String),
    /// There is no port for it.
    #[error("the tables' port: {0}")]
    Port(#[from] std::io::Error),
    /// The tables cannot be made.
    #[error(transparent)]
    Tables(#[from] StoreError),
    /// It did not stop as it should.
    #[error("the tables' server: {0}")]
    Server(String),
}

/// A DynamoDB on a port of this machine, with the tables made. Dropped, it finishes the requests under way and stops.
pub struct EmbeddedDynamo {
    tables: DynamoTables,
    database: dynoxide::Database,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), String>>,
}

impl EmbeddedDynamo {
    /// Serves a file, which is made if it is not there.
    pub async fn open(path: &Path, durability: Durability) -> Result<Self, EmbeddedError> {
        let text = path.to_str().ok_or_else(|| EmbeddedError::File("its name is not UTF-8".to_owned()))?;
        let file = |e: dynoxide::DynoxideError| EmbeddedError::File(e.to_string());
        let database = dynoxide::Database::new(text).map_err(file)?;
        streams::index(path)?;
        if durability == Durability::Kill {
            // ending the engine's bulk loading leaves `synchronous = NORMAL` behind
            database.enable_bulk_loading().map_err(file)?;
            database.disable_bulk_loading().map_err(file)?;
        }
        Self::serve(database).await
    }

    /// Serves tables that end with this process.
    pub async fn memory() -> Result<Self, EmbeddedError> {
        Self::serve(dynoxide::Database::memory().map_err(|e| EmbeddedError::File(e.to_string()))?).await
    }

    async fn serve(database: dynoxide::Database) -> Result<Self, EmbeddedError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            // an error means that the sender was dropped, which is a wish to stop as well
            let _ = stopped.await;
        };
        let server = tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database.clone(), shutdown));
        let tables = connect(address);
        create_tables(tables.client(), tables.names()).await?;
        Ok(Self { tables, database, address, stop, server })
    }

    /// The tables; clones share their counters.
    pub fn tables(&self) -> DynamoTables {
        self.tables.clone()
    }

    /// The streams of the tables that [`EmbeddedDynamo::open`] serves from `path`.
    pub fn streams(&self, path: &Path) -> Result<FileStreams, EmbeddedError> {
        FileStreams::open(self.database.clone(), path, self.tables.names().clone())
    }

    /// Where it listens, for [`connect`] in another process.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Finishes the requests under way, stops, and closes the file.
    pub async fn shutdown(self) -> Result<(), EmbeddedError> {
        let Self { tables, database, stop, server, .. } = self;
        drop((tables, database));
        // nobody listens any more if the server has failed, which its result tells
        let _ = stop.send(());
        let ended = tokio::time::timeout(SHUTDOWN, server).await;
        let ended = ended.map_err(|_| EmbeddedError::Server("still busy".to_owned()))?;
        ended.map_err(|e| EmbeddedError::Server(e.to_string()))?.map_err(EmbeddedError::Server)
    }
}

/// The tables that another process serves.
pub fn connect(address: SocketAddr) -> DynamoTables {
    DynamoTables::local(&format!("http://{address}"))
}

/// Every item of a table, sorted by key: for tests and reports. Stages have no such call (no scans).
pub async fn dump(tables: &DynamoTables, table: Table) -> Result<Vec<Item>, StoreError> {
    let scan = tables.client().scan().table_name(tables.names().of(table)).consistent_read(true);
    let mut pages = scan.into_paginator().items().send();
    let mut items = Vec::new();
    while let Some(found) = pages.next().await {
        let found = found.map_err(|e| StoreError::Unknown { why: format!("scan: {e}") })?;
        items.push(item_of(found).ok_or_else(|| StoreError::Invalid { why: "an item that is not ours".to_owned() })?);
    }
    items.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(items)
}

/// An item as `harmonia-aws` describes it on disk.
fn item_of(mut found: HashMap<String, AttributeValue>) -> Option<Item> {
    let mut take = |name: &str| match found.remove(name)? {
        AttributeValue::S(text) | AttributeValue::N(text) => Some(text),
        _ => None,
    };
    let key = Key { pk: take("pk")?, sk: take("sk")? };
    let version = take("v")?.parse().ok()?;
    let stamp = Stamp { by: take("by")?, on: take("on")?.parse().ok()? };
    let work = take("wk").zip(take("ws")).map(|(wk, ws)| Work { wk, ws });
    let ttl = take("ttl").and_then(|ttl| ttl.parse().ok());
    Some(Item { key, version, stamp, work, ttl, body: object_of(found)? })
}

fn object_of(members: HashMap<String, AttributeValue>) -> Option<Map<String, Value>> {
    members.into_iter().map(|(name, value)| Some((name, value_of(value)?))).collect()
}

fn value_of(attribute: AttributeValue) -> Option<Value> {
    Some(match attribute {
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::N(number) => Value::Number(serde_json::Number::from_str(&number).ok()?),
        AttributeValue::Bool(yes) => Value::Bool(yes),
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::L(list) => Value::Array(list.into_iter().map(value_of).collect::<Option<_>>()?),
        AttributeValue::M(members) => Value::Object(object_of(members)?),
        // bodies are JSON, which knows neither bytes nor sets
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use harmonia_ports::{Expect, Read, Tables, Write};
    use serde_json::json;

    fn item(n: usize, body: Value) -> Item {
        let Value::Object(body) = body else { panic!("a body is an object") };
        Item {
            key: Key::new(format!("P#visa#{:02}", n % 40), format!("{n:05}")),
            version: 1,
            stamp: Stamp { by: "test".into(), on: "2026-11-22T10:00:00.000001Z".parse().unwrap() },
            work: n.is_multiple_of(2).then(|| Work { wk: "F#open".into(), ws: format!("{n}") }),
            ttl: n.is_multiple_of(3).then_some(1_900_000_000),
            body,
        }
    }

    fn put(item: Item) -> Write {
        Write::Put { table: Table::Book, item, expect: Expect::Absent }
    }

    /// Over several pages of a megabyte each, every kind of value.
    #[tokio::test]
    async fn a_dump_is_every_item_as_a_read_gives_it() {
        let dynamo = EmbeddedDynamo::memory().await.unwrap();
        let tables = dynamo.tables();
        let body = json!({"t": "x".repeat(6_000), "n": -7, "big": u64::MAX, "b": true, "z": null, "l": [1, "a", []],
            "m": {"in": {"e": {}}}, "empty": ""});
        let mut items: Vec<Item> = (0..500).map(|n| item(n, body.clone())).collect();
        tables.put_all(Table::Book, items.clone()).await.unwrap();
        items.sort_by(|a, b| a.key.cmp(&b.key));
        let dumped = dump(&tables, Table::Book).await.unwrap();
        assert_eq!(dumped, items);
        let read = tables.get(Table::Book, &items[7].key, Read::Consistent).await.unwrap();
        assert_eq!(read.as_ref(), dumped.get(7));
        assert!(dump(&tables, Table::Ledger).await.unwrap().is_empty());
        dynamo.shutdown().await.unwrap();
    }

    #[tokio::test]
    async fn a_file_is_found_again_and_others_connect() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tables.sqlite");
        let first = EmbeddedDynamo::open(&path, Durability::PowerCut).await.unwrap();
        first.tables().write(put(item(1, json!({"a": 1})))).await.unwrap();
        let other = connect(first.address());
        other.write(put(item(2, json!({"a": 2})))).await.unwrap();
        first.shutdown().await.unwrap();
        let dead = other.get(Table::Book, &item(1, json!({})).key, Read::Consistent).await;
        assert!(matches!(dead, Err(StoreError::Unknown { .. })), "{dead:?}");

        let second = EmbeddedDynamo::open(&path, Durability::PowerCut).await.unwrap();
        let dumped = dump(&second.tables(), Table::Book).await.unwrap();
        assert_eq!(dumped, [item(1, json!({"a": 1})), item(2, json!({"a": 2}))]);
    }

    /// Dropped without a word, as by a panic: nothing that was answered is lost.
    #[tokio::test]
    async fn a_drop_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tables.sqlite");
        let first = EmbeddedDynamo::open(&path, Durability::PowerCut).await.unwrap();
        first.tables().transact((0..20).map(|n| put(item(n, json!({})))).collect()).await.unwrap();
        drop(first);
        let second = EmbeddedDynamo::open(&path, Durability::PowerCut).await.unwrap();
        assert_eq!(dump(&second.tables(), Table::Book).await.unwrap().len(), 20);
    }

    /// What the promise at the top rests on: dynoxide asks for WAL and nothing else, and this is SQLite's default.
    #[test]
    fn sqlite_syncs_every_commit_unless_told_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tables.sqlite");
        drop(dynoxide::Database::new(path.to_str().unwrap()).unwrap());
        let connection = rusqlite::Connection::open(&path).unwrap();
        let ask = |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(ask("journal_mode").unwrap(), rusqlite::types::Value::Text("wal".into()));
        assert_eq!(ask("synchronous").unwrap(), rusqlite::types::Value::Integer(2), "2 is FULL");
    }
}
