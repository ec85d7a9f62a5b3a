//! Objects in a folder: what is to be seen lies at `<root>/<bucket>/<key>`, where a person can look at it and drop
//! files; every version that anyone knows the name of is kept under `<root>/.versions`.
//!
//! A version's name is derived from its bytes. So a name stands for bytes, not for a place: the same bytes dropped
//! twice have the same version, and a version is found under any key that is allowed.
//!
//! Files are small (a feed's file is a few megabytes) and the disk is near, so calls are made where they are.

mod key;

pub use key::KeyError;

use async_trait::async_trait;
use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{GeneralPurpose, general_purpose::NO_PAD},
};
use harmonia_domain::ids::sha256_hex;
use harmonia_ports::{Bucket, ObjectError, ObjectInfo, Objects, Put};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Dots keep these out of every bucket's names, and of a person's eyes.
const VERSIONS: &str = ".versions";
const TEMPORARY: &str = ".temporary";
const VERSION_CHARS: usize = 22;
/// 22 characters are 132 bits, and so the last one says four bits more than whole bytes.
const BASE64: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// A partner's upload that did not work.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The key is not allowed.
    #[error("object key: {0}")]
    Key(#[from] KeyError),
    /// The disk.
    #[error("object folder: {0}")]
    Disk(#[from] io::Error),
}

/// Objects in a folder.
#[derive(Debug)]
pub struct FolderObjects {
    root: PathBuf,
    temporary: AtomicU64,
}

impl FolderObjects {
    /// Opens the folder, or makes it with a folder for each bucket.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, FolderError> {
        let root = root.into();
        for name in Bucket::ALL.into_iter().map(Bucket::as_str).chain([VERSIONS, TEMPORARY]) {
            fs::create_dir_all(root.join(name))?;
        }
        Ok(Self { root, temporary: AtomicU64::new(0) })
    }

    /// Uploads as a partner does, over whatever was there; whoever reads meanwhile sees the old bytes or the new ones.
    /// Returns the version.
    pub fn upload(&self, bucket: Bucket, key: &str, bytes: &[u8]) -> Result<String, FolderError> {
        key::check_dropped(key)?;
        let visible = self.visible(bucket, key)?;
        let version = self.keep(bytes)?;
        self.place(bytes, &visible)?;
        Ok(version)
    }

    /// The keys of a bucket in their order; files that no key can name (such as `.DS_Store`) are left out.
    pub fn keys(&self, bucket: Bucket) -> Result<Vec<String>, FolderError> {
        let mut keys = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(self.root.join(bucket.as_str()).join(&folder))? {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let key = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                if key::check(&key).is_err() {
                    continue;
                }
                if entry.file_type()?.is_dir() {
                    folders.push(key);
                } else {
                    keys.push(key);
                }
            }
        }
        keys.sort();
        Ok(keys)
    }

    fn visible(&self, bucket: Bucket, key: &str) -> Result<PathBuf, KeyError> {
        key::check(key)?;
        Ok(key.split('/').fold(self.root.join(bucket.as_str()), |path, segment| path.join(segment)))
    }

    /// Keeps bytes under their version.
    fn keep(&self, bytes: &[u8]) -> io::Result<String> {
        let hash = sha256_hex(bytes);
        let path = self.folder_of(&hash).join(&hash);
        if !path.exists() {
            self.place(bytes, &path)?;
        }
        version_of(&hash).ok_or_else(|| io::Error::other("no version follows from the hash"))
    }

    fn folder_of(&self, hash: &str) -> PathBuf {
        let part = |from: usize, to: usize| hash.get(from..to).unwrap_or_default();
        self.root.join(VERSIONS).join(part(0, 2)).join(part(2, 4))
    }

    /// Writes a file of which nobody ever sees a part.
    fn place(&self, bytes: &[u8], path: &Path) -> io::Result<()> {
        make_parent(path)?;
        let temporary = self.write_temporary(bytes)?;
        fs::rename(&temporary, path).inspect_err(|_| discard(&temporary))
    }

    /// The same, unless the file exists: of two processes one wins, because a second link to a name fails.
    fn place_new(&self, bytes: &[u8], path: &Path) -> io::Result<Put> {
        make_parent(path)?;
        let temporary = self.write_temporary(bytes)?;
        let linked = fs::hard_link(&temporary, path);
        discard(&temporary);
        match linked {
            Ok(()) => Ok(Put::Created),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(Put::Exists),
            Err(e) => Err(e),
        }
    }

    fn write_temporary(&self, bytes: &[u8]) -> io::Result<PathBuf> {
        loop {
            let number = self.temporary.fetch_add(1, Ordering::Relaxed);
            let path = self.root.join(TEMPORARY).join(format!("{}-{number}", std::process::id()));
            // a name may be taken: by another handle of this process, or by one that was killed and had the same number
            match fs::File::create_new(&path).and_then(|mut file| io::Write::write_all(&mut file, bytes)) {
                Ok(()) => return Ok(path),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => {
                    discard(&path);
                    return Err(e);
                }
            }
        }
    }

    /// Where a version is kept, and the hash of its bytes.
    fn kept(&self, version: &str) -> io::Result<(PathBuf, String)> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let bytes = BASE64.decode(version).map_err(|_| missing())?;
        let &[first, second, ..] = bytes.as_slice() else { return Err(missing()) };
        let prefix = format!("{first:02x}{second:02x}");
        for entry in fs::read_dir(self.folder_of(&prefix))? {
            let Ok(hash) = entry?.file_name().into_string() else { continue };
            if version_of(&hash).as_deref() == Some(version) {
                return Ok((self.folder_of(&hash).join(&hash), hash));
            }
        }
        Err(missing())
    }

    fn read_version(&self, version: &str) -> io::Result<Vec<u8>> {
        let (path, hash) = self.kept(version)?;
        let bytes = fs::read(path)?;
        if sha256_hex(&bytes) == hash { Ok(bytes) } else { Err(io::Error::other("the kept bytes have changed")) }
    }

    fn read_part(&self, version: &str, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let (path, _) = self.kept(version)?;
        let mut file = fs::File::open(path)?;
        io::Seek::seek(&mut file, io::SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(file, to.saturating_sub(from)), &mut bytes)?;
        Ok(bytes)
    }

    /// A copy, not a second link: whoever edits the one must not change the other.
    fn copy_kept(&self, kept: &Path, visible: &Path) -> io::Result<Put> {
        if visible.exists() {
            return Ok(Put::Exists);
        }
        make_parent(visible)?;
        let temporary = self.write_temporary(&[])?;
        let linked = fs::copy(kept, &temporary).and_then(|_| fs::hard_link(&temporary, visible));
        discard(&temporary);
        match linked {
            Ok(()) => Ok(Put::Created),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(Put::Exists),
            Err(e) => Err(e),
        }
    }

    fn info(&self, visible: &Path, version: Option<&str>) -> io::Result<ObjectInfo> {
        if let Some(version) = version {
            let bytes = fs::metadata(self.kept(version)?.0)?.len();
            return Ok(ObjectInfo { version: version.to_owned(), bytes });
        }
        // a person may have copied the file here: whoever learns its version has to find it again
        let bytes = fs::read(visible)?;
        let version = self.keep(&bytes)?;
        Ok(ObjectInfo { version, bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX) })
    }
}

/// The version of bytes with this hash.
fn version_of(hash: &str) -> Option<String> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = hash.as_bytes().chunks(2).map(byte).collect();
    BASE64.encode(bytes?).get(..VERSION_CHARS).map(str::to_owned)
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

fn discard(temporary: &Path) {
    if let Err(error) = fs::remove_file(temporary) {
        tracing::debug!(%error, "a temporary file stays behind");
    }
}

/// What cannot be there is not there: a key that is not allowed, a folder, something below a file.
fn lost(key: &str, error: &io::Error) -> ObjectError {
    use io::ErrorKind::{InvalidFilename, IsADirectory, NotADirectory, NotFound};
    if matches!(error.kind(), NotFound | IsADirectory | NotADirectory | InvalidFilename) {
        ObjectError::Missing { key: key.to_owned() }
    } else {
        unavailable(key, error)
    }
}

fn unavailable(key: &str, why: &dyn std::fmt::Display) -> ObjectError {
    ObjectError::Unavailable { key: key.to_owned(), why: why.to_string() }
}

#[async_trait]
impl Objects for FolderObjects {
    async fn head(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<ObjectInfo, ObjectError> {
        let visible = self.visible(bucket, key).map_err(|_| ObjectError::Missing { key: key.to_owned() })?;
        self.info(&visible, version).map_err(|e| lost(key, &e))
    }

    async fn get(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<Vec<u8>, ObjectError> {
        let visible = self.visible(bucket, key).map_err(|_| ObjectError::Missing { key: key.to_owned() })?;
        let read = version.map_or_else(|| fs::read(&visible), |version| self.read_version(version));
        read.map_err(|e| lost(key, &e))
    }

    /// A part is not held against the version's hash: that would read the whole object for each part.
    async fn get_part(
        &self,
        bucket: Bucket,
        key: &str,
        version: &str,
        from: u64,
        to: u64,
    ) -> Result<Vec<u8>, ObjectError> {
        self.visible(bucket, key).map_err(|_| ObjectError::Missing { key: key.to_owned() })?;
        self.read_part(version, from, to).map_err(|e| lost(key, &e))
    }

    async fn copy_new(&self, from: (Bucket, &str, &str), to: (Bucket, &str)) -> Result<Put, ObjectError> {
        let visible = self.visible(to.0, to.1).map_err(|e| unavailable(to.1, &e))?;
        let (kept, _) = self.kept(from.2).map_err(|e| lost(from.1, &e))?;
        self.copy_kept(&kept, &visible).map_err(|e| lost(from.1, &e))
    }

    /// The version is kept when somebody asks for it ([`Objects::head`]): nobody can know its name before.
    async fn put_new(&self, bucket: Bucket, key: &str, bytes: Vec<u8>) -> Result<Put, ObjectError> {
        let visible = self.visible(bucket, key).map_err(|e| unavailable(key, &e))?;
        self.place_new(&bytes, &visible).map_err(|e| unavailable(key, &e))
    }
}

#[cfg(test)]
mod tests;
