//! The tables' streams, as the event source mapping of the audit function reads them: in order, at least once, from
//! where it has acknowledged.

use crate::aws_events;
use async_trait::async_trait;
use harmonia_ports::{Clock, Table, memory::MemoryTables};
use serde_json::Value;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A stream that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("stream of table {table}: {why}")]
pub struct StreamError {
    /// Which table's.
    pub table: &'static str,
    /// In the engine's words.
    pub why: String,
}

/// The streams of the tables.
#[async_trait]
pub trait Streams: Send + Sync {
    /// The oldest records that are not acknowledged, at most `limit`, as an event has them.
    async fn read(&self, table: Table, limit: usize) -> Result<Vec<Value>, StreamError>;
    /// The oldest records, which have been read, are not needed any more.
    async fn acknowledge(&self, table: Table, records: &[Value]) -> Result<(), StreamError>;
}

/// The streams of tables in memory.
pub struct MemoryStreams {
    tables: Arc<MemoryTables>,
    clock: Arc<dyn Clock>,
    acknowledged: [AtomicUsize; Table::ALL.len()],
}

impl MemoryStreams {
    /// From now on the tables keep their changes.
    pub fn new(tables: Arc<MemoryTables>, clock: Arc<dyn Clock>) -> Self {
        tables.keep_changes();
        Self { tables, clock, acknowledged: Default::default() }
    }

    fn acknowledged(&self, table: Table) -> Option<&AtomicUsize> {
        let place = Table::ALL.into_iter().position(|t| t == table)?;
        self.acknowledged.get(place)
    }
}

#[async_trait]
impl Streams for MemoryStreams {
    async fn read(&self, table: Table, limit: usize) -> Result<Vec<Value>, StreamError> {
        let first = self.acknowledged(table).map_or(0, |count| count.load(Ordering::Relaxed));
        let changes = self.tables.changes(table, limit);
        Ok((first..).zip(&changes).map(|(n, change)| aws_events::stream_record(change, n, self.clock.now())).collect())
    }

    async fn acknowledge(&self, table: Table, records: &[Value]) -> Result<(), StreamError> {
        self.tables.take_changes(table, records.len());
        if let Some(count) = self.acknowledged(table) {
            count.fetch_add(records.len(), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A record's place in its stream.
pub fn sequence(record: &Value) -> Option<&str> {
    record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str)
}
