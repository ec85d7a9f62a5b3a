//! The clients of a deployed function: configured by its environment and role, with the limits of [`crate::config`].
//! Each is made by itself, because what a function does not make is not linked into it.

use crate::config::{retries, timeouts};
pub use aws_config::SdkConfig;
use aws_config::{BehaviorVersion, Region, environment::EnvironmentVariableCredentialsProvider};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;

/// What the clients of a function share: region and keys are in its environment (Lambda puts them there, and lasts no
/// longer than they do). Nothing else is looked for: no profile, no metadata service, no role to assume.
pub fn of_function(region: String, endpoint: Option<String>) -> SdkConfig {
    let keys = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
    let builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(keys)
        .timeout_config(timeouts())
        .retry_config(retries());
    match endpoint {
        Some(url) => builder.endpoint_url(url).build(),
        None => builder.build(),
    }
}

/// What the clients of a person share: wherever the AWS command looks for regions and keys, these do too. `endpoint`:
/// where AWS is, if it is not the region's.
pub async fn of_person(endpoint: Option<String>) -> SdkConfig {
    let loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts()).retry_config(retries());
    match endpoint {
        Some(url) => loader.endpoint_url(url).load().await,
        None => loader.load().await,
    }
}

/// The tables.
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(config)
}

/// The buckets.
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    // an endpoint of one's own is an emulator, which has no host name for each bucket
    let own = config.endpoint_url().is_some();
    aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(own).build())
}

/// The queues.
pub fn sqs(config: &SdkConfig) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(config)
}

/// The state machines.
pub fn sfn(config: &SdkConfig) -> aws_sdk_sfn::Client {
    aws_sdk_sfn::Client::new(config)
}

/// The event bus.
pub fn events(config: &SdkConfig) -> aws_sdk_eventbridge::Client {
    aws_sdk_eventbridge::Client::new(config)
}

/// Clients for whoever does with a stack what its partners and its operators do.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The buckets.
    pub s3: aws_sdk_s3::Client,
    /// The queues.
    pub sqs: aws_sdk_sqs::Client,
    /// The state machines.
    pub sfn: aws_sdk_sfn::Client,
    /// The secrets.
    pub vault: Vault,
}

impl Clients {
    /// One of each.
    pub fn new(config: &SdkConfig) -> Self {
        Self { s3: s3(config), sqs: sqs(config), sfn: sfn(config), vault: Vault::new(config) }
    }
}

/// A secret that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("secret {name}: {why}")]
pub struct SecretError {
    /// Its name or ARN.
    pub name: String,
    /// The service's error code, or that it is empty.
    pub why: String,
}

/// The secrets.
#[derive(Debug, Clone)]
pub struct Vault(pub aws_sdk_secretsmanager::Client);

impl Vault {
    /// Secrets Manager.
    pub fn new(config: &SdkConfig) -> Self {
        Self(aws_sdk_secretsmanager::Client::new(config))
    }

    /// The text of a secret.
    pub async fn read(&self, name: &str) -> Result<String, SecretError> {
        let error = |why: &str| SecretError { name: name.to_owned(), why: why.to_owned() };
        let got = self.0.get_secret_value().secret_id(name).send().await;
        let value = got.map_err(|e| error(e.code().unwrap_or("no answer")))?;
        value.secret_string().map(str::to_owned).ok_or_else(|| error("it has no text: fill it first"))
    }
}
