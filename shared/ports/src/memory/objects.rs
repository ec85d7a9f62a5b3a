//! The in-memory twin of the object store: versioned, as the import bucket is.

use super::{
    faults::{Fate, Faults},
    lock,
};
use crate::{Bucket, ObjectError, ObjectInfo, Objects, Put};
use async_trait::async_trait;
use std::{collections::BTreeMap, sync::Mutex};

type Versions = Vec<(String, Vec<u8>)>;

/// Objects in memory.
#[derive(Debug)]
pub struct MemoryObjects {
    inner: Mutex<BTreeMap<(Bucket, String), Versions>>,
    faults: Faults,
}

impl Default for MemoryObjects {
    fn default() -> Self {
        Self::with_faults(Faults::none())
    }
}

impl MemoryObjects {
    /// Objects whose calls fail by seed.
    pub fn with_faults(faults: Faults) -> Self {
        Self { inner: Mutex::default(), faults }
    }

    /// From now on no call fails.
    pub fn end_faults(&self) {
        self.faults.end();
    }

    fn readable(&self, key: &str) -> Result<(), ObjectError> {
        self.faults.read().map_err(|_| unavailable(key, "slow down (injected)"))
    }

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

fn unavailable(key: &str, why: &str) -> ObjectError {
    ObjectError::Unavailable { key: key.to_owned(), why: why.to_owned() }
}

#[async_trait]
impl Objects for MemoryObjects {
    async fn head(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<ObjectInfo, ObjectError> {
        self.readable(key)?;
        let (version, bytes) = self.find(bucket, key, version)?;
        Ok(ObjectInfo { version, bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX) })
    }

    async fn get(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<Vec<u8>, ObjectError> {
        self.readable(key)?;
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
        self.readable(key)?;
        let (_, bytes) = self.find(bucket, key, Some(version))?;
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        Ok(bytes.get(place(from)..place(to)).unwrap_or_default().to_vec())
    }

    async fn copy_new(&self, from: (Bucket, &str, &str), to: (Bucket, &str)) -> Result<Put, ObjectError> {
        let (_, bytes) = self.find(from.0, from.1, Some(from.2))?;
        self.put_new(to.0, to.1, bytes).await
    }

    async fn put_new(&self, bucket: Bucket, key: &str, bytes: Vec<u8>) -> Result<Put, ObjectError> {
        let fate = self.faults.write();
        if matches!(fate, Fate::Throttle | Fate::Conflict) {
            return Err(unavailable(key, "slow down (injected)"));
        }
        let there = self.find(bucket, key, None).is_ok();
        if !there {
            self.upload(bucket, key, bytes);
        }
        match fate {
            Fate::AnswerLost => Err(unavailable(key, "the answer was lost (injected)")),
            _ if there => Ok(Put::Exists),
            _ => Ok(Put::Created),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Design §4: nothing that exists is overwritten, whatever was answered.
    #[tokio::test]
    async fn what_was_put_stays_whatever_was_answered() {
        let objects = MemoryObjects::with_faults(Faults::new(1, 500));
        let mut fates = [0; 3];
        for n in 0..100 {
            let key = format!("k{n}");
            let first = objects.put_new(Bucket::Work, &key, b"first".to_vec()).await;
            let again = objects.put_new(Bucket::Work, &key, b"again".to_vec()).await;
            let there = loop {
                match objects.get(Bucket::Work, &key, None).await {
                    Err(ObjectError::Unavailable { .. }) => {}
                    other => break other,
                }
            };
            match (first, again) {
                (Ok(Put::Created), Ok(put)) => assert_eq!(put, Put::Exists),
                (Ok(put), _) => assert_eq!(put, Put::Created),
                (Err(_), Ok(Put::Exists)) => fates[0] += 1,
                (Err(_), Ok(Put::Created)) => fates[1] += 1,
                (Err(_), Err(_)) => fates[2] += 1,
            }
            let bytes = there.ok();
            assert!(bytes.is_none() || bytes == Some(b"first".to_vec()) || fates[1] + fates[2] > 0);
        }
        assert!(fates.iter().all(|n| *n > 0), "{fates:?}");
    }
}
