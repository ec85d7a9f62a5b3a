//! The event bus as a file: JSON lines, for whoever wants to read along.

use async_trait::async_trait;
use harmonia_ports::{EventError, Events, OutEvent};
use serde_json::{Value, json};
use std::{fs::OpenOptions, io::Write, path::PathBuf};

/// Events in a file, one a line.
pub struct FileEvents(PathBuf);

impl FileEvents {
    /// Appends to a file, which is made when something happens.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

fn line(event: &OutEvent) -> String {
    let detail: Value = serde_json::from_str(&event.detail).unwrap_or_default();
    // as EventBridge delivers it
    format!("{}\n", json!({ "detail-type": event.kind, "source": "harmonia", "time": event.at, "detail": detail }))
}

#[async_trait]
impl Events for FileEvents {
    async fn publish(&self, events: Vec<OutEvent>) -> Result<(), EventError> {
        let text: String = events.iter().map(line).collect();
        let written = OpenOptions::new().create(true).append(true).open(&self.0);
        written.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| EventError { why: e.to_string() })
    }
}
