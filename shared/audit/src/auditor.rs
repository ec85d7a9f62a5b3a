//! From changes to the log and to the bus.

use crate::{
    answered::answered,
    delivered::delivered,
    entry::{Entry, Seen},
    log::{Log, LogError},
};
use futures::future::try_join_all;
use harmonia_definitions::Definitions;
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
    definitions: Arc<Definitions>,
}

impl Auditor {
    /// Over its log; `tables` say whose card a delivery was about and `definitions` by what name its merchant knows the
    /// member, `events` takes what others want to hear.
    pub fn new(log: Log, tables: Arc<dyn Tables>, events: Arc<dyn Events>, definitions: Arc<Definitions>) -> Self {
        Self { log, tables, events, definitions }
    }

    /// Appends the entries of changes, then tells others of deliveries and of answers to them: the log first, because
    /// it must not know less than they do. Safe to repeat. Returns how many entries there were.
    pub async fn record(&self, changes: &[(Change, Seen)]) -> Result<usize, AuditError> {
        let entries: Vec<Entry> = changes.iter().filter_map(|(change, seen)| Entry::of(change, *seen)).collect();
        self.log.append(&entries).await?;
        let store = Store::new(self.tables.as_ref());
        let events = try_join_all(changes.iter().map(|(change, _)| async move {
            let told = delivered(&store, &self.definitions, change).await?;
            Ok::<_, StoredError>(told.into_iter().chain(answered(&store, change).await?))
        }));
        let events: Vec<_> = events.await?.into_iter().flatten().collect();
        if !events.is_empty() {
            self.events.publish(events).await?;
        }
        Ok(entries.len())
    }
}
