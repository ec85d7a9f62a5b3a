//! Executions of the stack's state machines.

use crate::failure::why;
use async_trait::async_trait;
use aws_sdk_sfn::{Client, operation::start_execution::StartExecutionError};
use harmonia_ports::{Execution, MachineError, Machines};

/// The state machines of the stack.
#[derive(Debug, Clone)]
pub struct StateMachines {
    client: Client,
    arns_begin: String,
}

impl StateMachines {
    /// Over a client from [`crate::deployed::clients`]. `arns_begin`: what the machines' ARNs begin with; their names
    /// follow.
    pub fn new(client: Client, arns_begin: String) -> Self {
        Self { client, arns_begin }
    }
}

#[async_trait]
impl Machines for StateMachines {
    fn run(&self) -> bool {
        true
    }

    /// A name is used once in 90 days: whoever comes second is told so, and the execution is there.
    async fn ensure(&self, execution: &Execution) -> Result<(), MachineError> {
        let name = execution.name();
        let arn = format!("{}{}", self.arns_begin, execution.machine().as_str());
        let input = execution.event().to_string();
        let start = self.client.start_execution().state_machine_arn(arn).name(&name).input(input);
        match start.send().await {
            Ok(_) => Ok(()),
            Err(e) if e.as_service_error().is_some_and(StartExecutionError::is_execution_already_exists) => Ok(()),
            Err(e) => Err(MachineError { name, why: why(&e) }),
        }
    }
}
