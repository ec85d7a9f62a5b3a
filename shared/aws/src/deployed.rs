//! The clients of a deployed function: configured by its environment and role, with the limits of [`crate::config`].

use crate::config::{retries, timeouts};
use aws_config::{BehaviorVersion, SdkConfig};

/// One client for each service.
#[derive(Debug, Clone)]
pub struct Clients {
    /// The tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The buckets.
    pub s3: aws_sdk_s3::Client,
    /// The queues.
    pub sqs: aws_sdk_sqs::Client,
}

/// What all clients share.
pub async fn sdk_config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts()).retry_config(retries()).load().await
}

/// Makes the clients; once in the life of a function's process.
pub async fn clients() -> Clients {
    let config = sdk_config().await;
    // an endpoint of one's own is an emulator, which has no host name for each bucket
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(config.endpoint_url().is_some()).build();
    Clients {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        s3: aws_sdk_s3::Client::from_conf(s3),
        sqs: aws_sdk_sqs::Client::new(&config),
    }
}
