//! Wiring of a function on Lambda: ports from its environment, one client of each kind per process, JSON logs, and
//! what was counted at the end of each invocation.

mod lacking;
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
    deployed::{self, SdkConfig, SecretError, Vault},
    eventbridge::EventBus,
    s3::{BucketNames, S3Objects},
    sfn::StateMachines,
    sqs::{QueueUrls, SqsQueues},
};
use harmonia_definitions::Definitions;
use harmonia_domain::card::CardKeys;
use harmonia_metrics::Tally;
use harmonia_ports::{Machines, Objects, Ports, QueueError, Secrets, Web};
use harmonia_stages::{Harmonia, Settings};
use lacking::Lacking;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use meter::Meter;
use serde_json::Value;
use std::{env, fmt, io, path::Path, sync::Arc, time::Instant};
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

/// Where AWS is, if it is not the region's: the template's parameter (`sam local invoke`), or the SDK's own variable.
fn endpoint() -> Option<String> {
    let given = ["HARMONIA_ENDPOINT_URL", "AWS_ENDPOINT_URL"].map(optional);
    given.into_iter().find(|url| !url.is_empty())
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
pub fn tables(config: &SdkConfig) -> Result<DynamoTables, StartError> {
    let names = TableNames {
        book: needed("HARMONIA_TABLE_BOOK")?,
        ledger: needed("HARMONIA_TABLE_LEDGER")?,
        registry: needed("HARMONIA_TABLE_REGISTRY")?,
    };
    Ok(DynamoTables::new(deployed::dynamodb(config), names))
}

/// The buckets, by the names in the environment.
pub fn objects(config: &SdkConfig) -> S3Objects {
    let buckets = BucketNames {
        imports: optional("HARMONIA_BUCKET_IMPORTS"),
        archive: optional("HARMONIA_BUCKET_ARCHIVE"),
        work: optional("HARMONIA_BUCKET_WORK"),
        exports: optional("HARMONIA_BUCKET_EXPORTS"),
        audit: optional("HARMONIA_BUCKET_AUDIT"),
    };
    S3Objects::new(deployed::s3(config), buckets)
}

/// The shipped definitions with those of the function's package.
fn own_definitions() -> Result<Definitions, FoundError> {
    definitions::in_folder(&Path::new(&optional("LAMBDA_TASK_ROOT")).join(OWN_DEFINITIONS))
}

/// The configuration of whoever does by hand what a function would.
pub async fn by_hand() -> SdkConfig {
    deployed::of_person(endpoint()).await
}

/// Everything that functions work with, for whoever does by hand what they would.
pub async fn app() -> Result<App, StartError> {
    let wiring = Wiring::new(by_hand().await)?.objects().machines().web()?;
    let wiring = if optional("HARMONIA_SECRETS").is_empty() { wiring } else { wiring.secrets().await? };
    Ok(wiring.app()?.0)
}

/// The ports of a function, from its environment: tables and queues, and what else its `main` asks for. What nobody
/// asks for is not linked, and answers with an error that says so.
pub struct Wiring {
    config: SdkConfig,
    tables: DynamoTables,
    objects: Arc<dyn Objects>,
    machines: Arc<dyn Machines>,
    web: Arc<dyn Web>,
    kept: Arc<dyn Secrets>,
    keys: CardKeys,
    settings: Settings,
}

impl Wiring {
    /// Of a function. Its logs begin.
    pub fn of_function() -> Result<Self, StartError> {
        init_logs();
        Self::new(function_config()?)
    }

    fn new(config: SdkConfig) -> Result<Self, StartError> {
        // without secrets: for a function that opens no token and tells nobody
        let (keys, settings, _) = config::Secrets::none().settings(String::new());
        Ok(Self {
            tables: tables(&config)?,
            config,
            objects: Arc::new(Lacking),
            machines: Arc::new(Lacking),
            web: Arc::new(Lacking),
            kept: Arc::new(Lacking),
            keys,
            settings,
        })
    }

    /// With the buckets that the environment names.
    #[must_use]
    pub fn objects(self) -> Self {
        Self { objects: Arc::new(objects(&self.config)), ..self }
    }

    /// With the stack's state machines.
    #[must_use]
    pub fn machines(self) -> Self {
        let machines = StateMachines::new(deployed::sfn(&self.config), optional("HARMONIA_MACHINES"));
        Self { machines: Arc::new(machines), ..self }
    }

    /// With HTTP: to the user directory and the merchants.
    pub fn web(self) -> Result<Self, StartError> {
        Ok(Self { web: Arc::new(web::HttpWeb::new()?), ..self })
    }

    /// With the secrets, which are read now and again while the function lives.
    pub async fn secrets(self) -> Result<Self, StartError> {
        let name = needed("HARMONIA_SECRETS")?;
        let vault = Vault::new(&self.config);
        let now = config::Secrets::parse(&vault.read(&name).await?)?;
        let (keys, settings, secrets) = now.settings(optional("HARMONIA_DIRECTORY_URL"));
        let read = move || -> Reading {
            let (vault, name) = (vault.clone(), name.clone());
            Box::pin(async move { of_document(&vault.read(&name).await.map_err(|e| e.to_string())?) })
        };
        Ok(Self { kept: Arc::new(KeptSecrets::new(secrets, Belief::STORE, Box::new(read))), keys, settings, ..self })
    }

    /// What a function works with, and what its tables count.
    fn app(self) -> Result<(App, Arc<Capacity>), StartError> {
        let urls = QueueUrls {
            ranges: optional("HARMONIA_QUEUE_RANGES_URL"),
            identify: optional("HARMONIA_QUEUE_IDENTIFY_URL"),
            matching: optional("HARMONIA_QUEUE_MATCH_URL"),
            export: optional("HARMONIA_QUEUE_EXPORT_URL"),
        };
        let queues = Arc::new(SqsQueues::new(deployed::sqs(&self.config), urls));
        let capacity = self.tables.capacity();
        let ports = Ports {
            tables: Arc::new(self.tables),
            objects: self.objects,
            queues: queues.clone(),
            web: self.web,
            machines: self.machines,
            secrets: self.kept,
            clock: Arc::new(SystemClock),
        };
        let definitions = Arc::new(definitions::addressed(own_definitions()?, &optional("HARMONIA_BASE_URLS"))?);
        let harmonia = Harmonia::new(ports, definitions, self.keys, Arc::new(self.settings));
        Ok((App { harmonia, visibility: Arc::new(SqsVisibility(queues)) }, capacity))
    }

    /// Runs the function until Lambda ends it.
    pub async fn run<H>(self, handler: H) -> Result<(), lambda_runtime::Error>
    where
        H: AsyncFn(&App, Value) -> Result<Value, InvocationError>,
    {
        let (app, capacity) = self.app()?;
        let meter = meter(Arc::clone(app.harmonia.tally()), capacity);
        serve(&app, &meter, &handler).await
    }
}

fn function_config() -> Result<SdkConfig, StartError> {
    Ok(deployed::of_function(needed("AWS_REGION")?, endpoint()))
}

/// What the audit function works with: neither stages nor secrets.
fn auditor() -> Result<(Auditor, Arc<Capacity>), StartError> {
    let config = function_config()?;
    let log = Log::new(Arc::new(objects(&config)), Arc::new(SystemClock));
    let tables = tables(&config)?;
    let bus = EventBus::new(deployed::events(&config), needed("HARMONIA_EVENT_BUS")?);
    let capacity = tables.capacity();
    let definitions = Arc::new(own_definitions()?);
    Ok((Auditor::new(log, Arc::new(tables), Arc::new(bus), definitions), capacity))
}

/// An error with the name that state machines and alarms know it by.
struct Named(InvocationError);

/// As it reads: the runtime's own line about a failed invocation shows it so.
impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<Named> for Diagnostic {
    fn from(error: Named) -> Self {
        Self { error_type: error.0.name().as_str().to_owned(), error_message: error.0.to_string() }
    }
}

/// Runs the audit function until Lambda ends it.
pub async fn run_audit<H>(handler: H) -> Result<(), lambda_runtime::Error>
where
    H: AsyncFn(&Auditor, Value) -> Result<Value, InvocationError>,
{
    init_logs();
    let (auditor, capacity) = auditor()?;
    serve(&auditor, &meter(Arc::default(), capacity), &handler).await
}

fn init_logs() {
    tracing_subscriber::registry().with(logs::filter("info")).with(logs::JsonLines(io::stdout)).init();
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
