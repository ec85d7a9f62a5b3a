//! The match function: payments whose card is known, and book keys under which sales have become visible.

use harmonia_runtime::{
    App, InvocationError,
    batch::{self, RecordError},
    events::{self, SqsRecord},
};
use harmonia_stages::{
    StageError,
    message::{Body, Message},
};
use serde_json::Value;

/// Handles one event.
pub async fn handle(app: &App, event: Value) -> Result<Value, InvocationError> {
    let event = events::sqs(event)?;
    Ok(batch::run(&event, &app.invocation("match"), |record| one(app, record)).await)
}

async fn one(app: &App, record: SqsRecord) -> Result<(), RecordError> {
    let message = Message::parse(&record.body)?;
    tracing::Span::current().record("trace", message.t.as_str());
    match message.body {
        Body::Payments { items } => Ok(app.harmonia.match_payments(&message.t, &items).await?),
        Body::Keys { merchant, keys, from, lost, .. } => {
            Ok(app.harmonia.match_keys(&message.t, &merchant, &keys, from, &lost).await?)
        }
        _ => Err(StageError::Message { why: "a message of another stage".to_owned() }.into()),
    }
}
