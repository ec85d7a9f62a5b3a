//! In the place of ports that a function has not been given: their clients are not linked into it, and its role would
//! not let them work either. Whoever calls one has found a mistake in the function's wiring, which the error names.

use async_trait::async_trait;
use harmonia_ports::{
    Bucket, Call, Execution, ExportSecrets, MachineError, Machines, ObjectError, ObjectInfo, Objects, Put, Secrets,
    SecretsError, Web, WebAnswer,
};
use std::sync::Arc;

const WHY: &str = "this function is not wired to it";

/// See the module.
pub(super) struct Lacking;

fn no_object(key: &str) -> ObjectError {
    ObjectError::Unavailable { key: key.to_owned(), why: WHY.to_owned() }
}

#[async_trait]
impl Objects for Lacking {
    async fn head(&self, _: Bucket, key: &str, _: Option<&str>) -> Result<ObjectInfo, ObjectError> {
        Err(no_object(key))
    }

    async fn get(&self, _: Bucket, key: &str, _: Option<&str>) -> Result<Vec<u8>, ObjectError> {
        Err(no_object(key))
    }

    async fn get_part(&self, _: Bucket, key: &str, _: &str, _: u64, _: u64) -> Result<Vec<u8>, ObjectError> {
        Err(no_object(key))
    }

    async fn copy_new(&self, (_, key, _): (Bucket, &str, &str), _: (Bucket, &str)) -> Result<Put, ObjectError> {
        Err(no_object(key))
    }

    async fn put_new(&self, _: Bucket, key: &str, _: Vec<u8>) -> Result<Put, ObjectError> {
        Err(no_object(key))
    }
}

#[async_trait]
impl Machines for Lacking {
    /// There are, even if this function starts none.
    fn run(&self) -> bool {
        true
    }

    async fn ensure(&self, execution: &Execution) -> Result<(), MachineError> {
        Err(MachineError { name: execution.name(), why: WHY.to_owned() })
    }
}

#[async_trait]
impl Web for Lacking {
    async fn send(&self, _: Call) -> WebAnswer {
        WebAnswer::NotSent { why: WHY }
    }
}

#[async_trait]
impl Secrets for Lacking {
    async fn current(&self, _: bool) -> Result<Arc<ExportSecrets>, SecretsError> {
        Err(SecretsError { why: WHY.to_owned() })
    }
}
