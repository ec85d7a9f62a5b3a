//! A bucket of exports that fails before it stores, or after.

use super::situation::{Plan, Situation};
use async_trait::async_trait;
use harmonia_ports::{Bucket, ObjectError, ObjectInfo, Objects, Put, memory::MemoryObjects};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// See the module. All other buckets are well.
pub(super) struct FailingBucket {
    pub(super) inner: Arc<MemoryObjects>,
    plan: Plan,
    times: Mutex<BTreeMap<String, usize>>,
    came: Mutex<Vec<(String, Vec<u8>, Situation)>>,
}

impl FailingBucket {
    pub(super) fn new(plan: Plan) -> Self {
        Self { inner: Arc::default(), plan, times: Mutex::default(), came: Mutex::default() }
    }

    /// Every file that was to be stored, by name, with its bytes.
    pub(super) fn came(&self) -> Vec<(String, Vec<u8>, Situation)> {
        self.came.lock().unwrap().clone()
    }
}

#[async_trait]
impl Objects for FailingBucket {
    async fn head(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<ObjectInfo, ObjectError> {
        self.inner.head(bucket, key, version).await
    }

    async fn get(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<Vec<u8>, ObjectError> {
        self.inner.get(bucket, key, version).await
    }

    async fn get_part(
        &self,
        bucket: Bucket,
        key: &str,
        version: &str,
        from: u64,
        to: u64,
    ) -> Result<Vec<u8>, ObjectError> {
        self.inner.get_part(bucket, key, version, from, to).await
    }

    async fn copy_new(&self, from: (Bucket, &str, &str), to: (Bucket, &str)) -> Result<Put, ObjectError> {
        self.inner.copy_new(from, to).await
    }

    async fn put_new(&self, bucket: Bucket, key: &str, bytes: Vec<u8>) -> Result<Put, ObjectError> {
        if bucket != Bucket::Exports {
            return self.inner.put_new(bucket, key, bytes).await;
        }
        let before = {
            let times = &mut *self.times.lock().unwrap();
            let times = times.entry(key.to_owned()).or_default();
            *times += 1;
            *times - 1
        };
        let told = self.came.lock().unwrap().len();
        let situation = self.plan.situation(true, key, before, told);
        self.came.lock().unwrap().push((key.to_owned(), bytes.clone(), situation));
        let failed = || ObjectError::Unavailable { key: key.to_owned(), why: "the bucket fails".to_owned() };
        let put = if situation.is_done() { self.inner.put_new(bucket, key, bytes).await } else { Err(failed()) };
        if situation == Situation::Well { put } else { Err(failed()) }
    }
}
