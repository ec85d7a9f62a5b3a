//! The few traits the stages need (design §2): tables, objects, queues, the web and a clock. Each has an in-memory
//! twin in [`memory`]; [`contract`] holds the tests that every implementation of [`Tables`] passes.
//!
//! Every effect of a stage is one call of a port. So the simulator and the kill test decide between any two effects
//! what happens next.

mod error;
mod events;
mod machines;
mod objects;
mod queues;
mod secrets;
mod tables;
mod web;

#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod memory;

pub use error::{Class, ObjectError, QueueError, StoreError, WriteError};
pub use events::{EventError, Events, OutEvent};
pub use machines::{
    BatchMinute, EVENT_VERSION, Execution, FileRounds, Machine, MachineError, Machines, NoMachines, Reopening, Train,
};
pub use objects::{Bucket, ObjectInfo, Objects, Put};
pub use queues::{OutMessage, Queue, Queues};
pub use secrets::{ExportSecrets, FixedSecrets, Secrets, SecretsError};
pub use tables::{
    Change, Expect, Found, Item, Key, OneOf, Page, Query, Read, Stamp, Table, Tables, Work, WorkPage, Write,
};
pub use web::{Call, Web, WebAnswer};

use jiff::Timestamp;
use std::sync::Arc;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Everything a stage may touch.
#[derive(Clone)]
pub struct Ports {
    /// DynamoDB.
    pub tables: Arc<dyn Tables>,
    /// S3.
    pub objects: Arc<dyn Objects>,
    /// SQS.
    pub queues: Arc<dyn Queues>,
    /// Step Functions: what takes long, or has to wait.
    pub machines: Arc<dyn Machines>,
    /// HTTP to the user directory and the merchants.
    pub web: Arc<dyn Web>,
    /// What merchants' doors are opened with.
    pub secrets: Arc<dyn Secrets>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}
