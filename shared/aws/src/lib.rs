//! AWS adapters of the ports. Thin: no decisions.
//!
//! [`dynamodb`] serves the local stack too, which embeds a DynamoDB of its own; what only a deployed function needs
//! (S3, SQS, `EventBridge`, the account's configuration) is behind the feature `deployed`.

pub mod config;
pub mod dynamodb;
mod failure;

#[cfg(feature = "deployed")]
pub mod deployed;
#[cfg(feature = "deployed")]
pub mod eventbridge;
#[cfg(feature = "deployed")]
pub mod s3;
#[cfg(feature = "deployed")]
pub mod sfn;
#[cfg(feature = "deployed")]
pub mod sqs;

pub use dynamodb::{Capacity, DynamoTables, TableNames, Units, create_tables};
