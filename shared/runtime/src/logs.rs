//! Logs as JSON, one flat object a line: what is told, and the fields of every span around it. So each line of an
//! invocation carries its request, and whatever is known by then of feed, file, range, line, payment and export; a
//! search for one of them finds everything that was said about it (docs/runbooks.md lists the names).

use serde_json::{Map, Value};
use std::{env, fmt, io::Write};
use tracing::{
    Event, Span, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, filter::Targets, fmt::MakeWriter, layer::Context, registry::LookupSpan};

/// Longest text of one field, in bytes: names and reasons are shorter, and a line stays far below the 256 KB that are
/// kept of one.
const FIELD_BYTES_MAX: usize = 2_000;

/// What is told: as `RUST_LOG` says (levels by target, `info,hyper=warn`), or as `default` does where it says nothing
/// that can be read.
pub fn filter(default: &str) -> Targets {
    chosen(env::var("RUST_LOG").ok().as_deref(), default)
}

fn chosen(asked: Option<&str>, default: &str) -> Targets {
    let read = |text: &str| text.parse::<Targets>().ok();
    asked.filter(|text| !text.is_empty()).and_then(read).or_else(|| read(default)).unwrap_or_default()
}

/// The span of one invocation: at the level of errors, so that no filter takes the ids from a line that is told.
pub fn invocation(function: &str, request: &str) -> Span {
    tracing::error_span!("invocation", function, requestId = request)
}

/// Writes the lines.
pub struct JsonLines<W>(pub W);

/// The fields of a span or an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }

    fn put_text(&mut self, field: &Field, text: &str) {
        let end = text.floor_char_boundary(FIELD_BYTES_MAX);
        self.put(field, text.get(..end).unwrap_or_default().into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    /// Fields of inner spans, and of the event itself, stand in the place of equally named ones further out.
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(Fields(fields)) = span.extensions().get::<Fields>() {
                line.0.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
        }
        event.record(&mut line);
        let told = event.metadata();
        line.0.insert("level".to_owned(), told.level().as_str().into());
        line.0.insert("target".to_owned(), told.target().into());
        let text = format!("{}\n", Value::Object(line.0));
        // a log that cannot be written is no reason to fail
        let _ = self.0.make_writer_for(told).write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io,
        sync::{Arc, Mutex},
    };
    use tracing_subscriber::prelude::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(work: impl FnOnce()) -> Vec<Value> {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::registry().with(JsonLines(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, work);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn what_is_told_is_what_was_asked_for() {
        use tracing::Level;
        for asked in [None, Some(""), Some("hyper=loud")] {
            let told = chosen(asked, "info,dynoxide=off");
            assert!(told.would_enable("harmonia", &Level::INFO) && !told.would_enable("harmonia", &Level::DEBUG));
            assert!(!told.would_enable("dynoxide", &Level::ERROR));
        }
        assert!(!chosen(None, "off").would_enable("harmonia", &Level::ERROR));
        let told = chosen(Some("debug,hyper=warn"), "off");
        assert!(told.would_enable("harmonia", &Level::DEBUG) && !told.would_enable("hyper", &Level::INFO));
    }

    #[test]
    fn every_line_of_an_invocation_has_its_request_and_what_is_known() {
        let lines = lines(|| {
            invocation("import", "r-1").in_scope(|| {
                tracing::info!("begins");
                let file = tracing::error_span!("file", feed = "itsu", file = tracing::field::Empty);
                file.in_scope(|| {
                    file.record("file", "f1");
                    tracing::error_span!("line", line = 7_u64).in_scope(|| tracing::warn!(ok = false, "rejected"));
                    tracing::warn!(feed = %"other", why = "é".repeat(2_000), "long");
                });
            });
            tracing::error!("outside");
        });
        assert!(lines[..3].iter().all(|line| line["requestId"] == "r-1" && line["function"] == "import"), "{lines:?}");
        let expected = serde_json::json!({
            "feed": "itsu", "file": "f1", "function": "import", "level": "WARN", "line": 7, "message": "rejected",
            "ok": false, "requestId": "r-1", "target": lines[1]["target"],
        });
        assert_eq!(lines[1], expected);
        assert_eq!(lines[2]["feed"], "other", "the innermost says it");
        assert_eq!(lines[2]["why"].as_str().unwrap().len(), FIELD_BYTES_MAX);
        assert!(lines[3].get("requestId").is_none());
    }
}
