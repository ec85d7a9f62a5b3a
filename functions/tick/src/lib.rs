//! The tick function: what the clock brings. Its schedules are `tick`, every minute, and `sweep`, every five minutes,
//! which on full hours also examines every open payment once more.

use harmonia_domain::feed::Slug;
use harmonia_runtime::{App, InvocationError};
use serde_json::{Map, Value, json};

/// The walk through the book is done by the sweep that comes within so many seconds after a full hour: one of twelve.
const HOURLY_WITHIN_S: i64 = 300;

/// Handles one event. `book`, `retries` and `unmatched` are parts of the schedules, for operators and for `replay`; a
/// sweep with `"book": false` leaves the book alone at any hour.
pub async fn handle(app: &App, event: Value) -> Result<Value, InvocationError> {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    match text("k") {
        Some("tick") => app.harmonia.tick().await?,
        Some("sweep") => return sweep(app, event.get("book").and_then(Value::as_bool)).await,
        Some("book") => return walk_book(app, text("merchant")).await,
        Some("retries") => app.harmonia.retry_due().await?,
        Some("unmatched") => {
            let merchant = text("merchant").unwrap_or_default().parse::<Slug>();
            let merchant = merchant.map_err(|e| InvocationError::Event { why: format!("{e}") })?;
            app.harmonia.collect_unmatched(&merchant).await?;
        }
        _ => return Err(InvocationError::Event { why: "no schedule".to_owned() }),
    }
    Ok(Value::Null)
}

async fn sweep(app: &App, book: Option<bool>) -> Result<Value, InvocationError> {
    let hourly = app.harmonia.ports.clock.now().as_second().rem_euclid(3_600) < HOURLY_WITHIN_S;
    let stuck = app.harmonia.sweep().await;
    // a train that cannot be made sure of is no reason to leave the book alone, and neither one to be silent
    let book = if book.unwrap_or(hourly) { walk_book(app, None).await } else { Ok(Value::Null) };
    for file in stuck? {
        tracing::error!(feed = %file.feed, file = %file.id, object = %file.object, "file is stuck");
    }
    book
}

/// Examines every open payment: `merchant`'s, else those of all that match payments with sales.
async fn walk_book(app: &App, only: Option<&str>) -> Result<Value, InvocationError> {
    let definitions = app.harmonia.definitions.iter().filter(|definition| definition.matching.is_some());
    let (mut all, mut result) = (Map::new(), Ok(()));
    for merchant in definitions.map(|definition| &definition.merchant) {
        if only.is_some_and(|wanted| wanted != merchant.as_str()) {
            continue;
        }
        // each merchant's book stands for itself
        let swept = match app.harmonia.sweep_book(merchant).await {
            Ok(swept) => swept,
            Err(e) => {
                result = result.and(Err(e));
                continue;
            }
        };
        if swept.matched > 0 {
            tracing::error!(%merchant, swept.open, swept.matched, "the sweep found payments that had been left open");
        }
        all.insert(merchant.to_string(), json!(swept));
    }
    result?;
    Ok(Value::Object(all))
}
