//! The import function: S3 notifications of dropped files, ranges of large ones, and the feeds that come as messages.
//! Which of these it is follows from the queue's name: `…feed-<feed>` carries lines, any other one carries
//! notifications or ranges. What comes without a queue are the steps of the state machines `import-file` and `reopen`.

use harmonia_domain::{feed::Feed, file::File};
use harmonia_ports::Execution;
use harmonia_runtime::{
    App, InvocationError,
    batch::{self, RecordError},
    events::{self, SqsEvent, SqsRecord},
};
use harmonia_stages::{
    StageError,
    import::{FeedMessage, Next},
    message::{Body, Message},
};
use serde_json::{Value, json};

/// Its name in metrics.
const FUNCTION: &str = "import";

/// The feed whose messages a queue carries, if any: the longest name that fits, should one end in another.
fn feed_of(queue: &str, feeds: impl Iterator<Item = Feed>) -> Option<Feed> {
    let fits = |feed: &Feed| {
        let before = queue.strip_suffix(feed.as_str()).and_then(|rest| rest.strip_suffix("feed-"));
        before.is_some_and(|before| before.is_empty() || before.ends_with('-'))
    };
    feeds.filter(fits).max_by_key(|feed| feed.as_str().len())
}

/// Handles one event.
pub async fn handle(app: &App, event: Value) -> Result<Value, InvocationError> {
    if event.get("Records").is_none() {
        return step(app, &event).await;
    }
    let event = events::sqs(event)?;
    // one invocation never mixes queues
    let feeds = app.harmonia.definitions.message_feeds();
    match event.records.first().and_then(|first| feed_of(first.queue(), feeds)) {
        Some(feed) => Ok(messages(app, &feed, &event).await),
        None => Ok(batch::run(&event, &app.invocation(FUNCTION), |record| files(app, record)).await),
    }
}

/// A range is the message that clouds without state machines send; the rest is where an execution stands.
async fn step(app: &App, event: &Value) -> Result<Value, InvocationError> {
    if event.get("k").and_then(Value::as_str) == Some("range") {
        let message = Message::parse(&event.to_string()).map_err(|e| InvocationError::Event { why: e.to_string() })?;
        let Body::Range { file, number } = message.body else {
            return Err(InvocationError::Event { why: "a message of another stage".to_owned() });
        };
        tell(app, &app.harmonia.import_range(&file, number).await?);
        return Ok(json!({ "number": number }));
    }
    match events::execution(event)? {
        Execution::Round(rounds) => {
            let round = app.harmonia.import_round(&rounds).await?;
            if round.next == Next::Stuck {
                tracing::error!(file = %rounds.id, generation = rounds.generation, "file is stuck");
            }
            let with = json!({ "next": round.next, "object": round.object, "pause_s": round.pause_s });
            Ok(events::answer(&Execution::Round(round.rounds), with))
        }
        Execution::Reopen(reopening) => {
            let step = app.harmonia.reopen_step(&reopening).await?;
            tracing::info!(list = reopening.list, round = reopening.round, done = ?step.done, "lines re-opened");
            Ok(events::answer(
                &Execution::Reopen(step.execution),
                json!({ "more": step.more, "pause_s": step.pause_s }),
            ))
        }
        _ => Err(InvocationError::Event { why: "a step of another function".to_owned() }),
    }
}

/// Announcements of files, and the ranges of large ones.
async fn files(app: &App, record: SqsRecord) -> Result<(), RecordError> {
    if let Ok(message) = Message::parse(&record.body) {
        let Body::Range { file, number } = message.body else {
            return Err(StageError::Message { why: "a message of another stage".to_owned() }.into());
        };
        tell(app, &app.harmonia.import_range(&file, number).await?);
        return Ok(());
    }
    for notice in events::notices(&record.body)? {
        tell(app, &app.harmonia.import_file(&notice).await?);
    }
    Ok(())
}

fn tell(app: &App, file: &File) {
    tracing::info!(feed = %file.feed, file = %file.id, state = ?file.state, totals = ?file.totals, "file imported");
    if app.harmonia.wrongly_empty(file) {
        tracing::error!(feed = %file.feed, file = %file.id, object = %file.object, "file has no records");
    }
}

async fn messages(app: &App, feed: &Feed, event: &SqsEvent) -> Value {
    let messages: Vec<FeedMessage> = event.records.iter().map(message).collect();
    // a panic in a line is caught with the batch: its messages come back one by one through redelivery
    let work = std::panic::AssertUnwindSafe(app.harmonia.import_messages(feed, &messages));
    let results = match futures::FutureExt::catch_unwind(work).await {
        Ok(results) => results.into_iter().map(|r| r.map_err(RecordError::from)).collect(),
        Err(_) => messages.iter().map(|_| Err(RecordError::Panic)).collect(),
    };
    batch::finish(event, results, &app.invocation(FUNCTION)).await
}

fn message(record: &SqsRecord) -> FeedMessage {
    FeedMessage {
        id: record.message_id.as_str().to_owned(),
        body: record.body.clone(),
        sent: record.sent().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_name_their_feed() {
        let feeds = || ["visa-auth", "amex-settlement", "costa", "feed-costa"].map(|f| f.parse().unwrap()).into_iter();
        let feed_of = |queue| feed_of(queue, feeds()).map(|feed| feed.to_string());
        assert_eq!(feed_of("harmonia-dev-feed-visa-auth").as_deref(), Some("visa-auth"));
        assert_eq!(feed_of("feed-amex-settlement").as_deref(), Some("amex-settlement"));
        assert_eq!(feed_of("harmonia-dev-feed-costa").as_deref(), Some("costa"));
        assert_eq!(feed_of("harmonia-dev-feed-feed-costa").as_deref(), Some("feed-costa"));
        assert_eq!(feed_of("harmonia-dev-import-files"), None);
        assert_eq!(feed_of("harmonia-dev-xfeed-visa-auth"), None);
    }
}
