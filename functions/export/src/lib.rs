//! The export function: exports to be sent, and what the clock brings (`tick`: repeats that are due, batch runs).

use harmonia_ports::Train;
use harmonia_runtime::{
    App, InvocationError,
    batch::{self, RecordError},
    events::{self, SqsRecord},
};
use harmonia_stages::{
    StageError,
    message::{Body, Message},
};
use serde_json::{Value, json};

/// Handles one event.
pub async fn handle(app: &App, event: Value) -> Result<Value, InvocationError> {
    if event.get("Records").is_none() {
        return by_the_clock(app, &event).await;
    }
    let event = events::sqs(event)?;
    Ok(batch::run(&event, &app.invocation("export"), |record| one(app, record)).await)
}

async fn one(app: &App, record: SqsRecord) -> Result<(), RecordError> {
    let message = Message::parse(&record.body)?;
    tracing::Span::current().record("trace", message.t.as_str());
    match message.body {
        Body::Exports { items } => Ok(app.harmonia.export(&items).await?),
        _ => Err(StageError::Message { why: "a message of another stage".to_owned() }.into()),
    }
}

/// Schedules: `tick` once a minute; `train` by the state machine `deliver`, which gives its answer back until there is
/// no more; `retries`, `batch` and `unmatched` are parts of it, for operators and for `replay`.
async fn by_the_clock(app: &App, event: &Value) -> Result<Value, InvocationError> {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let merchant = || {
        let name = text("merchant").unwrap_or_default().parse();
        name.map_err(|e| InvocationError::Event { why: format!("{e}") })
    };
    match text("k") {
        Some("tick") => {
            for file in app.harmonia.tick().await? {
                tracing::error!(feed = %file.feed, file = %file.id, object = %file.object, "file is stuck");
            }
        }
        Some("retries") => app.harmonia.retry_due().await?,
        Some("batch") => app.harmonia.run_batches(&merchant()?, true).await?,
        Some("unmatched") => _ = app.harmonia.collect_unmatched(&merchant()?).await?,
        Some("train") => {
            let train = serde_json::from_value::<Train>(event.clone());
            let train = train.map_err(|e| InvocationError::Event { why: format!("a train: {:?}", e.classify()) })?;
            let round = event.get("round").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
            let group = app.harmonia.deliver(&train, round).await?;
            return Ok(json!({ "v": 1, "k": "train", "merchant": train.merchant, "minute": train.minute,
                "more": group.more, "round": group.round }));
        }
        _ => return Err(InvocationError::Event { why: "neither records nor a schedule".to_owned() }),
    }
    Ok(Value::Null)
}
