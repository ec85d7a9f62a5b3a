//! Queues in one SQLite file. A second process may use the same file at the same time: `harmonia drop` posts while
//! `harmonia up` receives.
//!
//! Calls to SQLite are short, so they are made where they are, under a lock, and block their thread meanwhile.

use super::Durability;
use crate::{
    mailbox::{Mailbox, Received, Sight, name_of},
    memory_mailbox::{
        after_seconds, burial_of, failure, instant_of, is_dead, message_id, micros, number_of, receipt_of,
    },
};
use async_trait::async_trait;
use harmonia_ports::{Clock, OutMessage, Queue, QueueError, Queues};
use harmonia_runtime::batch::Visibility;
use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};
use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long one process waits for the other's write, which takes milliseconds.
const BUSY: Duration = Duration::from_secs(10);
/// Of the file's tables; raised when they change.
const SCHEMA: i64 = 1;
/// Numbers are never used again (`AUTOINCREMENT`), so an id names one message for ever. Instants are microseconds of
/// the Unix epoch.
const TABLES: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS message (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        queue TEXT NOT NULL,
        dead INTEGER NOT NULL,
        body TEXT NOT NULL,
        sent INTEGER NOT NULL,
        visible INTEGER NOT NULL,
        receives INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX IF NOT EXISTS message_by_age ON message (queue, sent, n);
    CREATE INDEX IF NOT EXISTS message_by_sight ON message (dead, visible);
    PRAGMA user_version = 1;
    COMMIT;";

/// What has to be on the disk itself when a call returns. A process that is killed loses neither.
#[derive(Debug, Clone, Copy)]
enum Sync {
    /// A lost message would be a lost line.
    Sent,
    /// A lost receive or delete is one more delivery, which every stage bears.
    Progress,
}

impl Sync {
    fn pragma(self, durability: Durability) -> &'static str {
        match (self, durability) {
            (Self::Sent, Durability::PowerCut) => "FULL",
            _ => "NORMAL",
        }
    }
}

/// Queues that outlive their process.
pub struct DurableQueues {
    connection: Mutex<Connection>,
    clock: Arc<dyn Clock>,
    durability: Durability,
}

impl DurableQueues {
    /// Opens the file, or makes it.
    pub fn open(path: &Path, clock: Arc<dyn Clock>, durability: Durability) -> Result<Self, QueueError> {
        let connection = prepared(path).map_err(|e| failure("all", &e))?;
        let schema = schema_of(&connection).map_err(|e| failure("all", &e))?;
        if schema != SCHEMA {
            return Err(failure("all", &format!("the file's tables are of version {schema}, not {SCHEMA}")));
        }
        Ok(Self { connection: Mutex::new(connection), clock, durability })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // nothing panics while holding it
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(
        &self,
        queue: &str,
        work: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Result<T, QueueError> {
        work(&self.connection()).map_err(|e| failure(queue, &e))
    }

    /// All of `work` or nothing.
    fn write<T>(
        &self,
        queue: &str,
        sync: Sync,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, QueueError> {
        let mut connection = self.connection();
        let run = || {
            connection.pragma_update(None, "synchronous", sync.pragma(self.durability))?;
            // immediate: a transaction that reads first could not become a writer while another one writes
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        run().map_err(|e: rusqlite::Error| failure(queue, &e))
    }
}

fn prepared(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    if schema_of(&connection)? == 0 {
        connection.execute_batch(TABLES)?;
    }
    Ok(connection)
}

fn schema_of(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn insert(t: &Transaction<'_>, queue: &str, body: &str, sent: Timestamp, delay_s: u32) -> Result<i64, rusqlite::Error> {
    let visible = after_seconds(sent, delay_s);
    t.prepare_cached("INSERT INTO message (queue, dead, body, sent, visible) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![queue, is_dead(queue), body, micros(sent), visible])?;
    Ok(t.last_insert_rowid())
}

/// A message as it lies in the file.
struct Lying {
    n: i64,
    body: String,
    sent: i64,
    receives: u32,
}

impl Lying {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self { n: row.get(0)?, body: row.get(1)?, sent: row.get(2)?, receives: row.get(3)? })
    }

    fn received(self, queue: &str) -> Result<Received, rusqlite::Error> {
        // a file that something else wrote into
        let sent = instant_of(self.sent).ok_or(rusqlite::Error::IntegralValueOutOfRange(2, self.sent))?;
        let receives = self.receives.saturating_add(1);
        Ok(Received { id: message_id(queue, self.n), receipt: receipt_of(self.n), body: self.body, sent, receives })
    }
}

/// The next messages behind `(sent, n)`.
fn next(
    t: &Transaction<'_>,
    queue: &str,
    until: i64,
    behind: (i64, i64),
    max: usize,
) -> Result<Vec<Lying>, rusqlite::Error> {
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    t.prepare_cached(
        "SELECT n, body, sent, receives FROM message
         WHERE queue = ?1 AND (sent, n) > (?2, ?3) AND visible <= ?4 ORDER BY sent, n LIMIT ?5",
    )?
    .query_map(params![queue, behind.0, behind.1, until, limit], Lying::read)?
    .collect()
}

fn take(
    t: &Transaction<'_>,
    queue: &str,
    max: usize,
    sight: Sight,
    receives_max: u32,
) -> Result<Vec<Received>, rusqlite::Error> {
    let (until, hidden_until) = match sight {
        Sight::At(now, seconds) => (micros(now), Some(after_seconds(now, seconds))),
        Sight::All => (i64::MAX, None),
    };
    let mut taken = Vec::new();
    let mut behind = (i64::MIN, 0);
    while taken.len() < max {
        let found = next(t, queue, until, behind, max.saturating_sub(taken.len()))?;
        if found.is_empty() {
            break;
        }
        for message in found {
            behind = (message.sent, message.n);
            if let Some(dead) = burial_of(queue, message.receives, receives_max) {
                t.prepare_cached("UPDATE message SET queue = ?2, dead = TRUE, visible = sent WHERE n = ?1")?
                    .execute(params![message.n, dead])?;
            } else {
                t.prepare_cached(
                    "UPDATE message SET receives = receives + 1, visible = coalesce(?2, visible) WHERE n = ?1",
                )?
                .execute(params![message.n, hidden_until])?;
                taken.push(message.received(queue)?);
            }
        }
    }
    Ok(taken)
}

#[async_trait]
impl Queues for DurableQueues {
    /// All of them or none.
    async fn send(&self, queue: Queue, messages: Vec<OutMessage>) -> Result<(), QueueError> {
        let (name, now) = (queue.as_str(), self.clock.now());
        self.write(name, Sync::Sent, |t| {
            messages.iter().try_for_each(|m| insert(t, name, &m.body, now, u32::from(m.delay_s)).map(drop))
        })
    }
}

#[async_trait]
impl Visibility for DurableQueues {
    async fn hide(&self, queue_arn: &str, receipt_handle: &str, seconds: u32) -> Result<(), QueueError> {
        let queue = name_of(queue_arn);
        let n = number_of(queue, receipt_handle)?;
        let until = after_seconds(self.clock.now(), seconds);
        self.write(queue, Sync::Progress, |t| {
            t.prepare_cached("UPDATE message SET visible = ?3 WHERE n = ?1 AND queue = ?2")?
                .execute(params![n, queue, until])
                .map(drop)
        })
    }
}

#[async_trait]
impl Mailbox for DurableQueues {
    async fn post(&self, queue: &str, body: String, sent: Timestamp) -> Result<String, QueueError> {
        let n = self.write(queue, Sync::Sent, |t| insert(t, queue, &body, sent, 0))?;
        Ok(message_id(queue, n))
    }

    async fn receive(
        &self,
        queue: &str,
        max: usize,
        sight: Sight,
        receives_max: u32,
    ) -> Result<Vec<Received>, QueueError> {
        self.write(queue, Sync::Progress, |t| take(t, queue, max, sight, receives_max))
    }

    async fn delete(&self, queue: &str, receipt: &str) -> Result<(), QueueError> {
        let n = number_of(queue, receipt)?;
        self.write(queue, Sync::Progress, |t| {
            t.prepare_cached("DELETE FROM message WHERE n = ?1 AND queue = ?2")?.execute(params![n, queue]).map(drop)
        })
    }

    async fn count(&self, queue: &str) -> Result<usize, QueueError> {
        let counted: i64 = self.read(queue, |c| {
            c.prepare_cached("SELECT count(*) FROM message WHERE queue = ?")?.query_row([queue], |row| row.get(0))
        })?;
        usize::try_from(counted).map_err(|e| failure(queue, &e))
    }

    async fn next_visible(&self) -> Result<Option<Timestamp>, QueueError> {
        let next: Option<i64> = self.read("all", |c| {
            c.prepare_cached("SELECT min(visible) FROM message WHERE dead = FALSE")?.query_row([], |row| row.get(0))
        })?;
        Ok(next.map(|at| instant_of(at).unwrap_or(Timestamp::MAX)))
    }
}

#[cfg(test)]
mod tests;
