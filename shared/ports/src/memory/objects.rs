//! The in-memory twin of the object store: versioned, as the import bucket is.

use super::lock;
use crate::{Bucket, ObjectError, ObjectInfo, Objects, Put};
use async_trait::async_trait;
use std::{collections::BTreeMap, sync::Mutex};

type Versions = Vec<(String, Vec<u8>)>;

/// Objects in memory.
#[derive(Debug, Default)]
pub struct MemoryObjects {
    inner: Mutex<BTreeMap<(Bucket, String), Versions>>,
}

impl MemoryObjects {
    /// Uploads as a partner does: a new version each time. Returns the version.
    pub fn upload(&self, bucket: Bucket, key: &str, bytes: Vec<u8>) -> String {
        let mut inner = lock(&self.inner);
        let versions = inner.entry((bucket, key.to_owned())).or_default();
        let version = format!("v{}", versions.len() + 1);
        versions.push((version.clone(), bytes));
        version
    }

    /// Keys of a bucket, for tests and reports.
    pub fn keys(&self, bucket: Bucket) -> Vec<String> {
        lock(&self.inner).keys().filter(|(b, _)| *b == bucket).map(|(_, k)| k.clone()).collect()
    }

    fn find(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<(String, Vec<u8>), ObjectError> {
        let inner = lock(&self.inner);
        let versions = inner.get(&(bucket, key.to_owned()));
        let found = versions.and_then(|all| match version {
            None => all.last(),
            Some(wanted) => all.iter().find(|(v, _)| v == wanted),
        });
        found.cloned().ok_or_else(|| ObjectError::Missing { key: key.to_owned() })
    }
}

#[async_trait]
impl Objects for MemoryObjects {
    async fn head(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<ObjectInfo, ObjectError> {
        let (version, bytes) = self.find(bucket, key, version)?;
        Ok(ObjectInfo { version, bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX) })
    }

    async fn get(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<Vec<u8>, ObjectError> {
        self.find(bucket, key, version).map(|(_, bytes)| bytes)
    }

    async fn get_part(
        &self,
        bucket: Bucket,
        key: &str,
        version: &str,
        from: u64,
        to: u64,
    ) -> Result<Vec<u8>, ObjectError> {
        let (_, bytes) = self.find(bucket, key, Some(version))?;
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        Ok(bytes.get(place(from)..place(to)).unwrap_or_default().to_vec())
    }

    async fn copy_new(&self, from: (Bucket, &str, &str), to: (Bucket, &str)) -> Result<Put, ObjectError> {
        let (_, bytes) = self.find(from.0, from.1, Some(from.2))?;
        self.put_new(to.0, to.1, bytes).await
    }

    async fn put_new(&self, bucket: Bucket, key: &str, bytes: Vec<u8>) -> Result<Put, ObjectError> {
        if self.find(bucket, key, None).is_ok() {
            return Ok(Put::Exists);
        }
        self.upload(bucket, key, bytes);
        Ok(Put::Created)
    }
}
