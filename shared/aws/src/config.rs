//! How long the SDK's clients wait and how often they try: the same for all of them, because the SDK itself has no
//! default for three of the four time limits and would wait for ever.

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Config, Credentials, ProvideCredentials, Region, retry::RetryConfig, timeout::TimeoutConfig,
};
use std::time::Duration;

/// A connection inside a region stands after a few milliseconds; one that needs a second is not coming.
const CONNECT: Duration = Duration::from_secs(1);
/// From the request to the first byte of the answer. A transaction under contention takes some 100 ms; below one
/// second DynamoDB would answer repeats with `TransactionInProgress`.
const READ: Duration = Duration::from_secs(5);
/// One attempt: connecting, TLS, sending up to 8 MB, waiting.
const ATTEMPT: Duration = Duration::from_secs(8);
/// All attempts with the pauses between them; well inside a function's own limit, so that the stage still has the time
/// to give its records back.
const OPERATION: Duration = Duration::from_secs(20);
/// One call and two repeats. What lasts longer is left to the redelivery of the record, which costs nobody's time.
const ATTEMPTS: u32 = 3;

/// The four time limits.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(READ)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build()
}

/// Bounded repeats with back-off and jitter.
///
/// The SDK may repeat a write whose answer was lost. A transaction carries a token that makes its own repeats safe; a
/// single write may then meet its own condition and find what it wrote itself, as after any redelivery.
pub fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS)
}

/// The configuration of a DynamoDB client, at an `endpoint` of its own or at the region's.
pub fn client_config(endpoint: Option<&str>, region: &str, credentials: impl ProvideCredentials + 'static) -> Config {
    let builder = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(credentials)
        .timeout_config(timeouts())
        .retry_config(retries());
    match endpoint {
        Some(url) => builder.endpoint_url(url).build(),
        None => builder.build(),
    }
}

/// What an embedded DynamoDB is told: it asks for a signature and does not check it.
pub fn local_credentials() -> Credentials {
    Credentials::new("local", "local", None, None, "harmonia-local")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_limit_is_set_and_attempts_are_bounded() {
        let config = client_config(Some("http://127.0.0.1:1"), "eu-west-2", local_credentials());
        let limits = config.timeout_config().expect("time limits");
        assert_eq!(limits.connect_timeout(), Some(CONNECT));
        assert_eq!(limits.read_timeout(), Some(READ));
        assert_eq!(limits.operation_attempt_timeout(), Some(ATTEMPT));
        assert_eq!(limits.operation_timeout(), Some(OPERATION));
        assert_eq!(config.retry_config().expect("retries").max_attempts(), ATTEMPTS);
        assert!(CONNECT + READ < ATTEMPT && ATTEMPT * 2 < OPERATION, "each limit leaves room for what it holds");
    }
}
