//! The clients of a deployed function: configured by its environment and role, with the limits of [`crate::config`].

use crate::config::{retries, timeouts};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;

/// One client for each service.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The buckets.
    pub s3: aws_sdk_s3::Client,
    /// The queues.
    pub sqs: aws_sdk_sqs::Client,
    /// The state machines.
    pub sfn: aws_sdk_sfn::Client,
    /// The event bus.
    pub events: aws_sdk_eventbridge::Client,
    /// The secrets.
    pub secrets: aws_sdk_secretsmanager::Client,
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

impl Clients {
    /// The text of a secret.
    pub async fn secret(&self, name: &str) -> Result<String, SecretError> {
        let error = |why: &str| SecretError { name: name.to_owned(), why: why.to_owned() };
        let got = self.secrets.get_secret_value().secret_id(name).send().await;
        let value = got.map_err(|e| error(e.code().unwrap_or("no answer")))?;
        value.secret_string().map(str::to_owned).ok_or_else(|| error("it has no text: fill it first"))
    }
}

/// What all clients share. `endpoint`: where AWS is, if it is not the region's; empty: not given here.
pub async fn sdk_config(endpoint: &str) -> SdkConfig {
    let loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts()).retry_config(retries());
    if endpoint.is_empty() { loader.load().await } else { loader.endpoint_url(endpoint).load().await }
}

/// Makes the clients; once in the life of a function's process.
pub async fn clients(endpoint: &str) -> Clients {
    let config = sdk_config(endpoint).await;
    // an endpoint of one's own is an emulator, which has no host name for each bucket
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(config.endpoint_url().is_some()).build();
    Clients {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        s3: aws_sdk_s3::Client::from_conf(s3),
        sqs: aws_sdk_sqs::Client::new(&config),
        sfn: aws_sdk_sfn::Client::new(&config),
        events: aws_sdk_eventbridge::Client::new(&config),
        secrets: aws_sdk_secretsmanager::Client::new(&config),
    }
}
