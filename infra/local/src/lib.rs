//! The local cloud (design §6): plays AWS in one process, with the real handlers and the real event JSON. No Docker,
//! no account. DynamoDB is an embedded engine behind the real SDK, S3 a folder, SQS durable queues in a file.

pub mod around;
pub mod audit;
pub mod aws_events;
pub mod cloud;
pub mod demo;
pub mod durable;
pub mod effects;
pub mod invariants;
pub mod local;
pub mod mailbox;
pub mod memory_cloud;
pub mod memory_mailbox;
pub mod partners;
pub mod reasons;
pub mod registry;
pub mod replay;
pub mod run;
pub mod state;
pub mod streams;
pub mod world;
