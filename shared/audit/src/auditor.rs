//! From changes to the log and to the bus.

use crate::{
    delivered::delivered,
    entry::{Entry, Seen},
    log::{Log, LogError},
};
use futures::future::try_join_all;
use harmonia_ports::{Change, Class, EventError, Events, Tables};
use harmonia_state::{Store, StoredError};
use std::sync::Arc;

/// Changes that could not be audited; the caller gives them again.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// See [`LogError`].
    #[error(transparent)]
    Log(#[from] LogError),
    /// Whose delivery it was cannot be read.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// See [`EventError`].
    #[error(transparent)]
    Event(#[from] EventError),
}

impl AuditError {
    /// What it leads to.
    pub fn class(&self) -> Class {
        match self {
            Self::Log(e) => e.class(),
            Self::Stored(e) => e.class(),
            Self::Event(_) => Class::Retry,
        }
    }
}

/// What the audit works with.
pub struct Auditor {
    log: Log,
    tables: Arc<dyn Tables>,
    events: Arc<dyn Events>,
}

impl Auditor {
    /// Over its log; `tables` say whose card a delivery was about, `events` takes what others want to hear.
    pub fn new(log: Log, tables: Arc<dyn Tables>, events: Arc<dyn Events>) -> Self {
        Self { log, tables, events }
    }

    /// Appends the entries of changes, then tells others of deliveries: the log first, because it must not know less
    /// than they do. Safe to repeat. Returns how many entries there were.
    pub async fn record(&self, changes: &[(Change, Seen)]) -> Result<usize, AuditError> {
        let entries: Vec<Entry> = changes.iter().filter_map(|(change, seen)| Entry::of(change, *seen)).collect();
        self.log.append(&entries).await?;
        let store = Store::new(self.tables.as_ref());
        let events = try_join_all(changes.iter().map(|(change, _)| delivered(&store, change))).await?;
        let events: Vec<_> = events.into_iter().flatten().collect();
        if !events.is_empty() {
            self.events.publish(events).await?;
        }
        Ok(entries.len())
    }
}
