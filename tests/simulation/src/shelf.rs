//! The bucket of exports as its merchants' receivers see it: what was put under which name, and puts that fail.

use crate::outside::{Odd, Script};
use async_trait::async_trait;
use harmonia_ports::{Bucket, ObjectError, ObjectInfo, Objects, Put, memory::MemoryObjects};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Contents by name, those that failed included.
type Files = BTreeMap<String, BTreeSet<Vec<u8>>>;

/// Objects, with the bucket of exports watched.
pub(crate) struct Shelf {
    inner: Arc<MemoryObjects>,
    files: Mutex<Files>,
    script: Arc<Script>,
}

impl Shelf {
    pub(crate) fn new(inner: Arc<MemoryObjects>, script: Arc<Script>) -> Self {
        Self { inner, files: Mutex::default(), script }
    }

    fn files_mut(&self) -> MutexGuard<'_, Files> {
        // a panic while holding it is a failing seed anyway
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was to be put, by name.
    pub(crate) fn files(&self) -> Files {
        self.files_mut().clone()
    }

    /// What is there, by name.
    pub(crate) fn stored(&self) -> BTreeMap<String, String> {
        let names = self.inner.keys(Bucket::Exports);
        let text = |name: &String| {
            let bytes = futures::executor::block_on(self.inner.get(Bucket::Exports, name, None)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        names.into_iter().map(|name| (name.clone(), text(&name))).collect()
    }
}

#[async_trait]
impl Objects for Shelf {
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
        self.files_mut().entry(key.to_owned()).or_default().insert(bytes.clone());
        let failure = || ObjectError::Unavailable { key: key.to_owned(), why: "slow down (injected)".to_owned() };
        match self.script.next() {
            None => self.inner.put_new(bucket, key, bytes).await,
            Some(Odd::AnswerLost) => {
                self.inner.put_new(bucket, key, bytes).await?;
                Err(failure())
            }
            Some(_) => Err(failure()),
        }
    }
}
