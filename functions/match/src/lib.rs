//! The match function: payments whose card is known, book keys under which sales have become visible, and the sweep of
//! what is open.

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
    if event.get("Records").is_none() {
        return sweep(app, &event).await;
    }
    let event = events::sqs(event)?;
    Ok(batch::run(&event, &app.invocation("match"), |record| one(app, record)).await)
}

/// The schedule `sweep`: `merchant` names one, else all that match payments with sales are swept.
async fn sweep(app: &App, event: &Value) -> Result<Value, InvocationError> {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    if text("k") != Some("sweep") {
        return Err(InvocationError::Event { why: "neither records nor a schedule".to_owned() });
    }
    let definitions = app.harmonia.definitions.iter().filter(|definition| definition.matching.is_some());
    let mut all = serde_json::Map::new();
    for merchant in definitions.map(|definition| &definition.merchant) {
        if text("merchant").is_some_and(|wanted| wanted != merchant.as_str()) {
            continue;
        }
        let swept = app.harmonia.sweep_book(merchant).await?;
        if swept.matched > 0 {
            tracing::error!(%merchant, swept.open, swept.matched, "the sweep found payments that had been left open");
        }
        all.insert(merchant.to_string(), serde_json::json!(swept));
    }
    Ok(Value::Object(all))
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
