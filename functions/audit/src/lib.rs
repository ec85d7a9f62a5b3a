//! The audit function: what the tables' streams tell becomes entries of the audit log, and events for others.

mod stream;

use harmonia_audit::Auditor;
use harmonia_ports::Class;
use harmonia_runtime::InvocationError;
use serde_json::{Value, json};
use stream::StreamRecord;

/// Handles one event: the whole batch is recorded, or the record is named from which on it was not.
///
/// A stream is read in order, and what is named comes back with everything after it. A record that cannot be read is
/// named alone, after those before it: the mapping cuts the batch there, tries it a few times, and puts its place in
/// the stream into the queue of failures.
pub async fn handle(auditor: &Auditor, event: Value) -> Result<Value, InvocationError> {
    let records = stream::records(event)?;
    let mut changes = Vec::with_capacity(records.len());
    let mut unread = None;
    for record in &records {
        match record.change() {
            Ok(change) => changes.push(change),
            Err(why) => {
                tracing::error!(sequence = record.sequence(), why, "a change cannot be read");
                unread = Some(record);
                break;
            }
        }
    }
    let failed = match auditor.record(&changes).await {
        Ok(entries) => {
            tracing::debug!(changes = changes.len(), entries, "audited");
            unread
        }
        Err(error) => {
            if error.class() == Class::Retry {
                tracing::warn!(%error, "not audited; it comes back");
            } else {
                tracing::error!(%error, "not audited");
            }
            records.first()
        }
    };
    let failures: Vec<Value> = failed.map(StreamRecord::failure).into_iter().collect();
    Ok(json!({ "batchItemFailures": failures }))
}

#[cfg(test)]
mod tests;
