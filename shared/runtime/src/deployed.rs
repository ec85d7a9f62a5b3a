//! Wiring of a function on Lambda: ports from its environment, one client of each kind per process, JSON logs, and
//! what was counted at the end of each invocation.

mod meter;

use crate::{
    App, InvocationError, SystemClock,
    batch::Visibility,
    config,
    definitions::{self, FoundError},
    logs,
    secrets::{Belief, KeptSecrets, Reading, of_document},
    web,
};
use async_trait::async_trait;
use harmonia_audit::{Auditor, Log};
use harmonia_aws::{
    Capacity, DynamoTables, TableNames,
    deployed::{self, Clients, SecretError},
    eventbridge::EventBus,
    s3::{BucketNames, S3Objects},
    sfn::StateMachines,
    sqs::{QueueUrls, SqsQueues},
};
use harmonia_definitions::Definitions;
use harmonia_metrics::Tally;
use harmonia_ports::{Ports, QueueError};
use harmonia_stages::Harmonia;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use meter::Meter;
use serde_json::Value;
use std::{env, io, path::Path, sync::Arc, time::Instant};
use tracing::Instrument;
use tracing_subscriber::prelude::*;

/// The folder beside the bootstrap with definitions that are not shipped with the product.
const OWN_DEFINITIONS: &str = "definitions";

/// A function that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An environment variable is missing.
    #[error("environment variable {0} is not set")]
    Missing(&'static str),
    /// See [`SecretError`].
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// See [`config::SecretsError`].
    #[error(transparent)]
    Secrets(#[from] config::SecretsError),
    /// See [`FoundError`].
    #[error(transparent)]
    Definition(#[from] FoundError),
    /// See [`web::WebError`].
    #[error(transparent)]
    Web(#[from] web::WebError),
}

fn needed(name: &'static str) -> Result<String, StartError> {
    env::var(name).map_err(|_| StartError::Missing(name))
}

/// A function has only what it uses (least privilege); what it lacks it does not call.
fn optional(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// The clients; where AWS is not the region's (`sam local invoke`), the environment says where.
pub async fn clients() -> Clients {
    deployed::clients(&optional("HARMONIA_ENDPOINT_URL")).await
}

/// Hides messages by the ARN of their queue.
struct SqsVisibility(Arc<SqsQueues>);

/// The URL of a queue from its ARN: `arn:aws:sqs:<region>:<account>:<name>`.
fn queue_url(arn: &str) -> String {
    let mut parts = arn.split(':').skip(3);
    let mut part = || parts.next().unwrap_or_default();
    let (region, account, name) = (part(), part(), part());
    format!("https://sqs.{region}.amazonaws.com/{account}/{name}")
}

#[async_trait]
impl Visibility for SqsVisibility {
    async fn hide(&self, queue_arn: &str, receipt_handle: &str, seconds: u32) -> Result<(), QueueError> {
        let seconds = u16::try_from(seconds).unwrap_or(u16::MAX);
        self.0.hide(&queue_url(queue_arn), receipt_handle, seconds).await
    }
}

/// The tables, by the names in the environment.
pub fn tables(clients: &Clients) -> Result<DynamoTables, StartError> {
    let names = TableNames {
        book: needed("HARMONIA_TABLE_BOOK")?,
        ledger: needed("HARMONIA_TABLE_LEDGER")?,
        registry: needed("HARMONIA_TABLE_REGISTRY")?,
    };
    Ok(DynamoTables::new(clients.dynamodb.clone(), names))
}

fn objects(clients: &Clients) -> S3Objects {
    let buckets = BucketNames {
        imports: optional("HARMONIA_BUCKET_IMPORTS"),
        archive: optional("HARMONIA_BUCKET_ARCHIVE"),
        work: optional("HARMONIA_BUCKET_WORK"),
        exports: optional("HARMONIA_BUCKET_EXPORTS"),
        audit: optional("HARMONIA_BUCKET_AUDIT"),
    };
    S3Objects::new(clients.s3.clone(), buckets)
}

/// The shipped definitions with those of the function's package.
fn own_definitions() -> Result<Definitions, FoundError> {
    definitions::in_folder(&Path::new(&optional("LAMBDA_TASK_ROOT")).join(OWN_DEFINITIONS))
}

/// Everything a function works with, from its environment; also for whoever does by hand what the function would.
pub async fn app() -> Result<App, StartError> {
    Ok(counted().await?.0)
}

/// The same, and what its tables count.
async fn counted() -> Result<(App, Arc<Capacity>), StartError> {
    let clients = clients().await;
    let (tables, objects) = (tables(&clients)?, objects(&clients));
    let capacity = tables.capacity();
    let urls = QueueUrls {
        ranges: optional("HARMONIA_QUEUE_RANGES_URL"),
        identify: optional("HARMONIA_QUEUE_IDENTIFY_URL"),
        matching: optional("HARMONIA_QUEUE_MATCH_URL"),
        export: optional("HARMONIA_QUEUE_EXPORT_URL"),
    };
    let name = optional("HARMONIA_SECRETS");
    let secrets = match name.as_str() {
        "" => config::Secrets::none(),
        name => config::Secrets::parse(&clients.secret(name).await?)?,
    };
    let (keys, settings, secrets) = secrets.settings(optional("HARMONIA_DIRECTORY_URL"));
    let vault = clients.clone();
    let read = move || -> Reading {
        let (vault, name) = (vault.clone(), name.clone());
        Box::pin(async move { of_document(&vault.secret(&name).await.map_err(|e| e.to_string())?) })
    };
    let queues = Arc::new(SqsQueues::new(clients.sqs, urls));
    let ports = Ports {
        tables: Arc::new(tables),
        objects: Arc::new(objects),
        queues: queues.clone(),
        web: Arc::new(web::HttpWeb::new()?),
        machines: Arc::new(StateMachines::new(clients.sfn, optional("HARMONIA_MACHINES"))),
        secrets: Arc::new(KeptSecrets::new(secrets, Belief::STORE, Box::new(read))),
        clock: Arc::new(SystemClock),
    };
    let definitions = Arc::new(definitions::addressed(own_definitions()?, &optional("HARMONIA_BASE_URLS"))?);
    let harmonia = Harmonia::new(ports, definitions, keys, Arc::new(settings));
    Ok((App { harmonia, visibility: Arc::new(SqsVisibility(queues)) }, capacity))
}

/// What the audit function works with: neither stages nor secrets.
async fn auditor() -> Result<(Auditor, Arc<Capacity>), StartError> {
    let clients = clients().await;
    let log = Log::new(Arc::new(objects(&clients)), Arc::new(SystemClock));
    let tables = tables(&clients)?;
    let bus = EventBus::new(clients.events, needed("HARMONIA_EVENT_BUS")?);
    let capacity = tables.capacity();
    let definitions = Arc::new(own_definitions()?);
    Ok((Auditor::new(log, Arc::new(tables), Arc::new(bus), definitions), capacity))
}

/// An error with the name that state machines and alarms know it by.
#[derive(Debug)]
struct Named(InvocationError);

impl From<Named> for Diagnostic {
    fn from(error: Named) -> Self {
        Self { error_type: error.0.name().as_str().to_owned(), error_message: error.0.to_string() }
    }
}

/// Runs a function until Lambda ends it.
pub async fn run<H>(handler: H) -> Result<(), lambda_runtime::Error>
where
    H: AsyncFn(&App, Value) -> Result<Value, InvocationError>,
{
    init_logs();
    let (app, capacity) = counted().await?;
    let meter = meter(Arc::clone(app.harmonia.tally()), capacity);
    serve(&app, &meter, &handler).await
}

/// The same for the audit function.
pub async fn run_audit<H>(handler: H) -> Result<(), lambda_runtime::Error>
where
    H: AsyncFn(&Auditor, Value) -> Result<Value, InvocationError>,
{
    init_logs();
    let (auditor, capacity) = auditor().await?;
    serve(&auditor, &meter(Arc::default(), capacity), &handler).await
}

fn init_logs() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::registry().with(filter).with(logs::JsonLines(io::stdout)).init();
}

/// What this function counts, by what Lambda and the stack say about it.
fn meter(tally: Arc<Tally>, capacity: Arc<Capacity>) -> Meter {
    Meter {
        namespace: optional("HARMONIA_METRICS_NAMESPACE"),
        function: function_of(&optional("AWS_LAMBDA_FUNCTION_NAME")).to_owned(),
        memory: optional("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").parse().unwrap_or_default(),
        tally,
        capacity,
    }
}

/// The function's own name: `harmonia-<environment>-<name>`, and an environment has no hyphen.
fn function_of(name: &str) -> &str {
    name.splitn(3, '-').last().unwrap_or_default()
}

async fn serve<A, H>(app: &A, meter: &Meter, handler: &H) -> Result<(), lambda_runtime::Error>
where
    H: AsyncFn(&A, Value) -> Result<Value, InvocationError>,
{
    let invoke = service_fn(async move |event: LambdaEvent<Value>| {
        let LambdaEvent { payload, context } = event;
        let began = Instant::now();
        // on the heap: what a handler does is large, and would be part of every future around it
        let work = Box::pin(handler(app, payload));
        let answer = work.instrument(logs::invocation(&meter.function, &context.request_id)).await;
        meter.tell(&context.request_id, began.elapsed());
        answer.map_err(Named)
    });
    lambda_runtime::run(invoke).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_know_their_names() {
        assert_eq!(function_of("harmonia-dev-import"), "import");
        assert_eq!(function_of("harmonia-prod-import-range"), "import-range");
        assert_eq!(function_of(""), "");
    }

    #[test]
    fn queues_are_found_by_their_arn() {
        let arn = "arn:aws:sqs:eu-west-2:123456789012:harmonia-dev-identify";
        assert_eq!(queue_url(arn), "https://sqs.eu-west-2.amazonaws.com/123456789012/harmonia-dev-identify");
    }
}
