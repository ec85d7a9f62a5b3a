//! Objects on S3.

use crate::failure::{status, why};
use async_trait::async_trait;
use aws_sdk_s3::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
};
use harmonia_ports::{Bucket, ObjectError, ObjectInfo, Objects, Put};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::error::Error;

/// The version of every object in a bucket without versions.
const NO_VERSION: &str = "null";

/// What the buckets are called in the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketNames {
    /// Where partners drop files.
    pub imports: String,
    /// Archived raw files and messages, reject reports, results, manifests.
    pub archive: String,
    /// Plans and texts of large files.
    pub work: String,
    /// Files for merchants.
    pub exports: String,
    /// The audit log.
    pub audit: String,
}

impl BucketNames {
    /// The name of a bucket.
    pub fn of(&self, bucket: Bucket) -> &str {
        match bucket {
            Bucket::Imports => &self.imports,
            Bucket::Archive => &self.archive,
            Bucket::Work => &self.work,
            Bucket::Exports => &self.exports,
            Bucket::Audit => &self.audit,
        }
    }
}

/// The buckets on S3.
#[derive(Debug, Clone)]
pub struct S3Objects {
    client: Client,
    names: BucketNames,
}

impl S3Objects {
    /// Over a client from [`crate::deployed::clients`].
    pub fn new(client: Client, names: BucketNames) -> Self {
        Self { client, names }
    }
}

/// What stands in a copy's source as it is: letters, digits, the unreserved marks and the slash.
const KEPT_IN_KEYS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

impl S3Objects {
    /// The bytes, and whether they are the range alone. The SDK does not repeat what breaks while the body arrives, so
    /// its length is compared.
    async fn read(
        &self,
        bucket: Bucket,
        key: &str,
        version: Option<&str>,
        range: Option<String>,
    ) -> Result<(Vec<u8>, bool), ObjectError> {
        let call = self.client.get_object().bucket(self.names.of(bucket)).key(key).set_range(range);
        let answer = call.set_version_id(version.map(str::to_owned)).send().await.map_err(|e| failed(key, &e))?;
        let length = answer.content_length().and_then(|length| usize::try_from(length).ok());
        let ranged = answer.content_range().is_some();
        let body = answer.body.collect().await.map_err(|e| unavailable(key, format!("the body broke off: {e}")))?;
        let bytes = body.to_vec();
        match length {
            Some(told) if told != bytes.len() => {
                Err(unavailable(key, format!("{} of {told} bytes arrived", bytes.len())))
            }
            _ => Ok((bytes, ranged)),
        }
    }
}

/// The bytes from `from` up to, not including, `to`; fewer if they end before.
fn cut(bytes: &[u8], from: u64, to: u64) -> Vec<u8> {
    let place = |at: u64| usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
    bytes.get(place(from)..place(to)).unwrap_or_default().to_vec()
}

fn unavailable(key: &str, why: impl Into<String>) -> ObjectError {
    ObjectError::Unavailable { key: key.to_owned(), why: why.into() }
}

fn failed<E: ProvideErrorMetadata + Error + 'static>(key: &str, error: &SdkError<E>) -> ObjectError {
    // 405: the version asked for is a delete marker; an answer to HEAD has a status and nothing else
    let status_says_missing = matches!(status(error), Some(404 | 405));
    let code_says_missing = matches!(error.code(), Some("NoSuchKey" | "NoSuchVersion" | "NotFound"));
    // a bucket that is not there is a mistake in the configuration, not in the key
    if error.code() != Some("NoSuchBucket") && (status_says_missing || code_says_missing) {
        return ObjectError::Missing { key: key.to_owned() };
    }
    unavailable(key, why(error))
}

#[async_trait]
impl Objects for S3Objects {
    async fn head(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<ObjectInfo, ObjectError> {
        let call =
            self.client.head_object().bucket(self.names.of(bucket)).key(key).set_version_id(version.map(str::to_owned));
        let answer = call.send().await.map_err(|e| failed(key, &e))?;
        let bytes = answer.content_length().and_then(|length| u64::try_from(length).ok());
        let bytes = bytes.ok_or_else(|| unavailable(key, "an answer without a length"))?;
        Ok(ObjectInfo { version: answer.version_id.unwrap_or_else(|| NO_VERSION.to_owned()), bytes })
    }

    async fn get(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<Vec<u8>, ObjectError> {
        Ok(self.read(bucket, key, version, None).await?.0)
    }

    async fn get_part(
        &self,
        bucket: Bucket,
        key: &str,
        version: &str,
        from: u64,
        to: u64,
    ) -> Result<Vec<u8>, ObjectError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let (bytes, ranged) = self.read(bucket, key, Some(version), Some(format!("bytes={from}-{}", to - 1))).await?;
        // whoever keeps objects may ignore the range and give all of it (RFC 9110 §14.2); S3 does not, emulators do
        Ok(if ranged { bytes } else { cut(&bytes, from, to) })
    }

    /// `CopyObject` has no condition on its target, so it is looked for first. Of two copies at once both write the
    /// same bytes.
    async fn copy_new(&self, from: (Bucket, &str, &str), to: (Bucket, &str)) -> Result<Put, ObjectError> {
        match self.head(to.0, to.1, None).await {
            Ok(_) => return Ok(Put::Exists),
            Err(ObjectError::Missing { .. }) => {}
            Err(e) => return Err(e),
        }
        let (bucket, key, version) = from;
        let encoded = utf8_percent_encode(key, KEPT_IN_KEYS);
        let source = format!("{}/{encoded}?versionId={version}", self.names.of(bucket));
        let call = self.client.copy_object().copy_source(source).bucket(self.names.of(to.0)).key(to.1);
        call.send().await.map_err(|e| failed(key, &e))?;
        Ok(Put::Created)
    }

    async fn put_new(&self, bucket: Bucket, key: &str, bytes: Vec<u8>) -> Result<Put, ObjectError> {
        let call = self
            .client
            .put_object()
            .bucket(self.names.of(bucket))
            .key(key)
            .if_none_match("*")
            .body(ByteStream::from(bytes));
        match call.send().await {
            Ok(_) => Ok(Put::Created),
            Err(e) if status(&e) == Some(412) => Ok(Put::Exists),
            // 409: another put of that name is under way and may yet fail
            Err(e) => Err(unavailable(key, why(&e))),
        }
    }
}
