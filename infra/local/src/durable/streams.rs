//! The streams of the embedded DynamoDB. What is acknowledged is deleted from its file, so the position is what is
//! still there: nothing to remember, nothing to get out of step, and a file that does not grow for ever.

use super::tables::EmbeddedError;
use crate::streams::{StreamError, Streams};
use async_trait::async_trait;
use dynoxide::{
    Database,
    actions::{
        get_records::GetRecordsRequest, get_shard_iterator::GetShardIteratorRequest, list_streams::ListStreamsRequest,
    },
    streams::shard_id,
};
use harmonia_aws::TableNames;
use harmonia_ports::Table;
use rusqlite::{Connection, params};
use serde_json::Value;
use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

/// The engine looks for the newest number at each write, which without this would read every record that is left.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS harmonia_stream_numbers
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";
/// Records up to one of them, in the order in which they were written.
const DELETE: &str = "DELETE FROM _stream_records WHERE table_name = ?1
    AND id <= (SELECT id FROM _stream_records WHERE table_name = ?1 AND event_id = ?2)";

/// The streams of the tables in a file.
pub struct FileStreams {
    database: Database,
    names: TableNames,
    file: Mutex<Connection>,
}

impl FileStreams {
    /// The streams of a database that serves this file.
    pub(crate) fn open(database: Database, path: &Path, names: TableNames) -> Result<Self, EmbeddedError> {
        let open = || -> rusqlite::Result<Connection> {
            let file = Connection::open(path)?;
            // a deletion that a power cut undoes is a redelivery
            file.pragma_update(None, "synchronous", "NORMAL")?;
            Ok(file)
        };
        let file = open().map_err(|e| file_error(&e))?;
        Ok(Self { database, names, file: Mutex::new(file) })
    }

    fn records(&self, name: &str, limit: usize) -> dynoxide::Result<Vec<Value>> {
        let listed = self
            .database
            .list_streams(ListStreamsRequest { table_name: Some(name.to_owned()), ..Default::default() })?;
        let Some(stream) = listed.streams.into_iter().next() else { return Ok(Vec::new()) };
        let arn = stream.stream_arn;
        let iterator = self.database.get_shard_iterator(GetShardIteratorRequest {
            stream_arn: arn.clone(),
            shard_id: shard_id(name),
            shard_iterator_type: "TRIM_HORIZON".to_owned(),
            sequence_number: None,
        })?;
        let (mut records, mut next) = (Vec::new(), iterator.shard_iterator);
        // a page has 1,000 records at most; an empty one is the end of what is there
        while let Some(shard_iterator) = next.take().filter(|_| records.len() < limit) {
            let limit = Some(limit - records.len());
            let page = self.database.get_records(GetRecordsRequest { shard_iterator, limit })?;
            next = page.next_shard_iterator.filter(|_| !page.records.is_empty());
            let page = page.records.into_iter().map(|record| serde_json::to_value(record).unwrap_or_default());
            records.extend(page.map(|record| with_source(record, &arn)));
        }
        Ok(records)
    }
}

/// Makes the index in a file whose tables are there.
pub(super) fn index(path: &Path) -> Result<(), EmbeddedError> {
    Connection::open(path).and_then(|file| file.execute_batch(INDEX)).map_err(|e| file_error(&e))
}

fn file_error(error: &rusqlite::Error) -> EmbeddedError {
    EmbeddedError::File(error.to_string())
}

/// What an event says of a record beyond the stream itself.
fn with_source(mut record: Value, arn: &str) -> Value {
    if let Some(members) = record.as_object_mut() {
        members.insert("eventSourceARN".to_owned(), arn.into());
    }
    record
}

#[async_trait]
impl Streams for FileStreams {
    async fn read(&self, table: Table, limit: usize) -> Result<Vec<Value>, StreamError> {
        let failed = |e: dynoxide::DynoxideError| StreamError { table: table.as_str(), why: e.to_string() };
        self.records(self.names.of(table), limit).map_err(failed)
    }

    async fn acknowledge(&self, table: Table, records: &[Value]) -> Result<(), StreamError> {
        let Some(last) = records.last().and_then(|record| record.get("eventID")?.as_str()) else { return Ok(()) };
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let deleted = file.execute(DELETE, params![self.names.of(table), last]);
        deleted.map(|_| ()).map_err(|e| StreamError { table: table.as_str(), why: e.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        durable::{Durability, tables::EmbeddedDynamo},
        streams::{Streams, sequence},
    };
    use harmonia_ports::{Expect, Item, Key, Stamp, Table, Tables, Write};
    use serde_json::{Value, json};

    fn put(n: u64) -> Write {
        let Value::Object(body) = json!({ "n": n, "l": [1, "a", null, true] }) else { panic!("an object") };
        let stamp = Stamp { by: "test".into(), on: "2026-11-22T10:00:00Z".parse().unwrap() };
        let item = Item { key: Key::new("S#m#1", "S"), version: 0, stamp, work: None, ttl: None, body };
        let expect = if n == 1 { Expect::Absent } else { Expect::Version(n - 1) };
        Write::Put { table: Table::Book, item, expect }
    }

    async fn numbers(streams: &dyn Streams) -> Vec<String> {
        let records = streams.read(Table::Book, 1000).await.unwrap();
        let number =
            |r: &Value| r.pointer("/dynamodb/NewImage/n/N").and_then(Value::as_str).unwrap_or("gone").to_owned();
        records.iter().map(number).collect()
    }

    /// Design §4, invariant 8: what changed stays in the stream until it is acknowledged, whoever is killed meanwhile.
    #[tokio::test]
    async fn records_stay_until_they_are_acknowledged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tables.sqlite");
        let first = EmbeddedDynamo::open(&path, Durability::Kill).await.unwrap();
        for n in 1..=3 {
            first.tables().write(put(n)).await.unwrap();
        }
        first.tables().delete(Table::Book, &Key::new("S#m#1", "S")).await.unwrap();
        let streams = first.streams(&path).unwrap();
        assert_eq!(numbers(&streams).await, ["1", "2", "3", "gone"]);
        let two = streams.read(Table::Book, 2).await.unwrap();
        assert!(two.iter().all(|record| sequence(record).is_some_and(|s| s.len() == 21)));
        streams.acknowledge(Table::Book, &two).await.unwrap();
        streams.acknowledge(Table::Book, &[]).await.unwrap();
        assert_eq!(streams.read(Table::Ledger, 9).await.unwrap(), Vec::<Value>::new());
        drop(streams);
        first.shutdown().await.unwrap();

        let second = EmbeddedDynamo::open(&path, Durability::Kill).await.unwrap();
        let streams = second.streams(&path).unwrap();
        assert_eq!(numbers(&streams).await, ["3", "gone"]);
        let rest = streams.read(Table::Book, 1000).await.unwrap();
        streams.acknowledge(Table::Book, &rest).await.unwrap();
        second.tables().write(put(1)).await.unwrap();
        assert_eq!(numbers(&streams).await, ["1"]);
    }
}
