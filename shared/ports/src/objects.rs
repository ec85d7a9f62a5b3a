//! Objects (S3): raw files, archives, reports and manifests. Nothing that exists is ever overwritten.

use crate::ObjectError;
use async_trait::async_trait;

/// The buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// Where partners drop files: `imports/<feed>/…`.
    Imports,
    /// Archived raw files and messages, reject reports, results, manifests.
    Archive,
    /// Plans of large files, and their text where the raw bytes are packed or not UTF-8. Short-lived.
    Work,
    /// Files for merchants.
    Exports,
    /// The audit log: segments and seals. Nothing in it is ever changed or removed.
    Audit,
}

impl Bucket {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Imports, Self::Archive, Self::Work, Self::Exports, Self::Audit];
}

impl Bucket {
    /// Its short name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Imports => "imports",
            Self::Archive => "archive",
            Self::Work => "work",
            Self::Exports => "exports",
            Self::Audit => "audit",
        }
    }
}

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The version that was found.
    pub version: String,
    /// Its size.
    pub bytes: u64,
}

/// What a put did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Written.
    Created,
    /// An object of that name was there; left as it was.
    Exists,
}

/// S3 as the stages use it.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Size and version of an object, of one version if given.
    async fn head(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<ObjectInfo, ObjectError>;
    /// The bytes of one version (the newest if none is given).
    async fn get(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<Vec<u8>, ObjectError>;
    /// The bytes from `from` up to, not including, `to` of one version; fewer if it ends before.
    async fn get_part(
        &self,
        bucket: Bucket,
        key: &str,
        version: &str,
        from: u64,
        to: u64,
    ) -> Result<Vec<u8>, ObjectError>;
    /// Copies one version to a name of another bucket, unless an object of that name exists. At most 5 GiB (S3).
    async fn copy_new(&self, from: (Bucket, &str, &str), to: (Bucket, &str)) -> Result<Put, ObjectError>;
    /// Writes an object unless one of that name exists.
    async fn put_new(&self, bucket: Bucket, key: &str, bytes: Vec<u8>) -> Result<Put, ObjectError>;
}
