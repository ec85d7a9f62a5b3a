//! The export function: exports to be sent, and the steps of the state machines `deliver` and `batch-export`.

use harmonia_ports::Execution;
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
        return step(app, &event).await;
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

/// The machines give each answer back until there is no more. A batch run without a minute is one by hand, or of a
/// cloud without state machines: all of it at once, with batches that wait for their back-off.
async fn step(app: &App, event: &Value) -> Result<Value, InvocationError> {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    if text("k") == Some("batch") && text("minute").is_none() {
        let merchant = text("merchant").unwrap_or_default().parse();
        let merchant = merchant.map_err(|e| InvocationError::Event { why: format!("{e}") })?;
        app.harmonia.run_batches(&merchant, true).await?;
        return Ok(Value::Null);
    }
    match events::execution(event)? {
        Execution::Train(train) => {
            let step = app.harmonia.deliver(&train).await?;
            Ok(events::answer(&Execution::Train(step.execution), json!({ "more": step.more })))
        }
        Execution::Batch(run) => {
            let step = app.harmonia.batch_step(&run).await?;
            if step.execution.failed > run.failed {
                tracing::error!(merchant = %run.merchant, minute = %run.minute, at = run.at, "a batch failed");
            }
            Ok(events::answer(&Execution::Batch(step.execution), json!({ "more": step.more })))
        }
        _ => Err(InvocationError::Event { why: "a step of another function".to_owned() }),
    }
}
