//! Trains as executions of the state machine `deliver`.

use crate::failure::why;
use async_trait::async_trait;
use aws_sdk_sfn::{Client, operation::start_execution::StartExecutionError};
use harmonia_ports::{Train, TrainError, Trains};
use serde_json::json;

/// The state machine of the stack.
#[derive(Debug, Clone)]
pub struct DeliverMachine {
    client: Client,
    arn: String,
}

impl DeliverMachine {
    /// Over a client from [`crate::deployed::clients`].
    pub fn new(client: Client, arn: String) -> Self {
        Self { client, arn }
    }
}

#[async_trait]
impl Trains for DeliverMachine {
    fn leave(&self) -> bool {
        true
    }

    /// A name is used once in 90 days: whoever comes second is told so, and the train is there.
    async fn ensure(&self, train: &Train) -> Result<(), TrainError> {
        let name = train.name();
        let input = json!({ "v": 1, "k": "train", "merchant": train.merchant, "minute": train.minute, "round": 0 });
        let start = self.client.start_execution().state_machine_arn(&self.arn).name(&name).input(input.to_string());
        match start.send().await {
            Ok(_) => Ok(()),
            Err(e) if e.as_service_error().is_some_and(StartExecutionError::is_execution_already_exists) => Ok(()),
            Err(e) => Err(TrainError { name, why: why(&e) }),
        }
    }
}
