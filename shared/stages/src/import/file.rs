//! A file, from its announcement to `forwarded` (state.md "import file"). Every step finds what an earlier try left:
//! the object's version, the content hash, the lines by their source, the range result, the closed file.

use super::{
    lines::Origin,
    report::{RangeReport, reject_csv},
};
use crate::{
    Harmonia, StageError,
    message::{self, Body},
};
use harmonia_domain::{
    feed::Feed,
    file::{File, FileState, RangeResult},
    ids::{Id, sha256_hex},
    time::sortable,
};
use harmonia_feeds::{FileFormat, Unreadable, read_file};
use harmonia_ports::{Bucket, Expect, Query, Queue, Read, Table, WriteError};
use harmonia_state::{FileHash, Range, Row, Stored, file_key, put_write};
use jiff::Timestamp;

/// Largest file that is read in one go; a larger one is refused whole with this reason until files are cut into
/// ranges. 64 MiB fits a function of 512 MB with the file, its lines and their outcomes in memory.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Where partners drop files.
const PREFIX: &str = "imports/";

/// An object was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its key, decoded.
    pub key: String,
    /// Its version, if the bucket is versioned.
    pub version: Option<String>,
    /// When (the notification's own time: the same in every delivery of it).
    pub at: Timestamp,
}

/// The feed that an object key belongs to: `imports/<feed>/…`.
pub(crate) fn feed_of(key: &str) -> Result<Feed, StageError> {
    let no_feed = || StageError::NoFeed { key: key.chars().take(200).collect() };
    let (feed, name) = key.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/')).ok_or_else(no_feed)?;
    if name.is_empty() {
        return Err(no_feed());
    }
    feed.parse().map_err(|_| no_feed())
}

/// The last part of an object key.
pub fn file_name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// `prefix/<feed>/yyyy/mm/dd/<file id>-<name>`: an archive name that exists is that very file.
fn archive_name(prefix: &str, file: &File) -> String {
    let at = sortable(file.arrived);
    let day = at.get(..10).unwrap_or_default().replace('-', "/");
    format!("{prefix}/{}/{day}/{}-{}", file.feed, file.id, file_name(&file.object))
}

impl Harmonia {
    /// Imports the file that a notice announces; returns it as it is afterwards.
    pub async fn import_file(&self, notice: &Notice) -> Result<File, StageError> {
        let feed = feed_of(&notice.key)?;
        let info = self.ports.objects.head(Bucket::Imports, &notice.key, notice.version.as_deref()).await?;
        let bytes = if info.bytes > FILE_BYTES_MAX {
            None
        } else {
            Some(self.ports.objects.get(Bucket::Imports, &notice.key, Some(&info.version)).await?)
        };
        let sha256 = bytes.as_deref().map_or_else(|| format!("unread-{}", info.version), sha256_hex);
        let file = File {
            id: File::id_of(&feed, &notice.key, &info.version, &sha256),
            feed,
            bucket: Bucket::Imports.as_str().to_owned(),
            object: notice.key.clone(),
            version: info.version,
            sha256,
            bytes: info.bytes,
            arrived: notice.at,
            totals: harmonia_domain::outcome::Totals::default(),
            dates: None,
            state: FileState::Importing,
        };
        let first = self.admit(&file).await?;
        let done = if first.row.finished() {
            first.row
        } else {
            let bytes = self.bytes_of(&first.row, bytes).await?;
            self.carry_on(first, bytes.as_deref()).await?
        };
        self.write_seen().await;
        if done.id == file.id { Ok(done) } else { self.repeat_of(&done, file).await }
    }

    /// The bytes of the file that is to be carried on: these, unless an earlier delivery of them is.
    async fn bytes_of(&self, file: &File, bytes: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, StageError> {
        match bytes {
            Some(bytes) if sha256_hex(&bytes) == file.sha256 => Ok(Some(bytes)),
            _ if file.bytes > FILE_BYTES_MAX => Ok(None),
            _ => Ok(Some(self.ports.objects.get(Bucket::Imports, &file.object, Some(&file.version)).await?)),
        }
    }

    /// Makes the file's row together with the mark of its bytes, or finds the first file with these bytes: the same
    /// delivery again, or another one of the same content, which is carried on first if it is not finished.
    async fn admit(&self, file: &File) -> Result<Stored<File>, StageError> {
        let stamp = self.stamp(format!("import {}", file.id));
        let own = file_key(&file.feed, file.arrived, &file.id);
        let hash = FileHash { feed: file.feed.clone(), sha256: file.sha256.clone(), file: own, arrived: file.arrived };
        let both = vec![put_write(&hash, Expect::Absent, &stamp), put_write(file, Expect::Absent, &stamp)];
        match self.store().transact(both).await {
            Ok(()) => return Ok(Stored { row: file.clone(), version: 1 }),
            Err(WriteError::Store(e)) => return Err(e.into()),
            Err(WriteError::Condition(_)) => {}
        }
        let missing = || StageError::Missing { what: "file with the content of", name: file.id.to_string() };
        let first: Option<Stored<FileHash>> = self.store().get(&hash.key(), Read::Consistent).await?;
        let first = first.ok_or_else(missing)?.row.file;
        self.store().get(&first.key(), Read::Consistent).await?.ok_or_else(missing)
    }

    /// Logs a delivery of known bytes (invariant 1: its lines are duplicates).
    async fn repeat_of(&self, first: &File, file: File) -> Result<File, StageError> {
        let state = match &first.state {
            FileState::Unreadable { .. } => first.state.clone(),
            _ => FileState::Repeated { of: first.id.clone() },
        };
        let file = File { totals: first.totals_if_repeated(), dates: first.dates, state, ..file };
        self.store().insert(&file, &self.stamp(format!("import {}", file.id))).await?;
        Ok(file)
    }

    /// From wherever an earlier try stopped to the end.
    async fn carry_on(&self, mut stored: Stored<File>, bytes: Option<&[u8]>) -> Result<File, StageError> {
        if stored.row.state == FileState::Importing {
            stored = match self.read_range(&stored.row, bytes).await? {
                Ok(()) => self.close(&stored).await?,
                Err(why) => {
                    let state = FileState::Unreadable { why: why.to_string(), forwarded: false };
                    self.change(&stored, File { state, ..stored.row.clone() }).await?
                }
            };
        }
        if stored.row.finished() {
            return Ok(stored.row);
        }
        match stored.row.state {
            FileState::Unreadable { .. } => self.archive(&stored.row, "rejected", bytes, None).await?,
            _ => self.forward(&stored.row, bytes).await?,
        }
        let done = stored.row.forwarded()?;
        Ok(self.change(&stored, done).await?.row)
    }

    /// Replaces the row that was read; a lost race reads what the winner wrote.
    async fn change(&self, seen: &Stored<File>, next: File) -> Result<Stored<File>, StageError> {
        let stamp = self.stamp(format!("import {}", next.id));
        if self.store().replace(seen, &next, &stamp).await? {
            return Ok(Stored { row: next, version: seen.version + 1 });
        }
        let found = self.store().get(&seen.row.key(), Read::Consistent).await?;
        found.ok_or_else(|| StageError::Missing { what: "file", name: seen.row.id.to_string() })
    }

    fn format(&self, feed: &Feed) -> Result<FileFormat<'_>, String> {
        match feed {
            Feed::Payment(feed) if feed.transport() == harmonia_domain::feed::Transport::File => {
                Ok(FileFormat::Tgx2(*feed))
            }
            Feed::Payment(feed) => Err(format!("{feed} comes as messages, not as files")),
            Feed::Merchant(slug) => {
                let definition = self.definitions.get(slug);
                definition.map(FileFormat::Csv).ok_or_else(|| format!("no definition for feed {slug}"))
            }
        }
    }

    /// Reads the whole file as one range: store, forward, then say so.
    async fn read_range(&self, file: &File, bytes: Option<&[u8]>) -> Result<Result<(), Whole>, StageError> {
        let Some(bytes) = bytes else { return Ok(Err(Whole::TooLarge(file.bytes))) };
        let format = match self.format(&file.feed) {
            Ok(format) => format,
            Err(why) => return Ok(Err(Whole::NoFormat(why))),
        };
        let records = match read_file(format, bytes) {
            Ok(records) => records,
            Err(unreadable) => return Ok(Err(Whole::Unreadable(unreadable))),
        };
        let range_key = harmonia_ports::Key::new(Range::pk(&file.id), format!("{:06}", 0));
        if self.store().get::<Range>(&range_key, Read::Consistent).await?.is_some() {
            return Ok(Ok(()));
        }
        let stamp = self.stamp(format!("import {}", file.id));
        let group = file_key(&file.feed, file.arrived, &file.id).group();
        let origin = Origin { feed: &file.feed, from: file.id.as_str(), arrived: file.arrived, group: Some(&group) };
        let imported = self.import_lines(&origin, records, &stamp).await?;
        let trace = file.id.as_str();
        let queues = self.ports.queues.as_ref();
        message::send(queues, Queue::Identify, trace, (None, 0), &imported.lines, |items| Body::Lines {
            tries: 0,
            items,
        })
        .await?;
        let object = format!("ranges/{}/{:06}.json", file.id, 0);
        let report = serde_json::to_vec(&imported.report).unwrap_or_default();
        self.ports.objects.put_new(Bucket::Archive, &object, report).await?;
        let result = RangeResult { totals: imported.report.totals, dates: imported.report.dates };
        let range = Range { file: file.id.clone(), number: 0, object, result, arrived: file.arrived };
        self.store().insert(&range, &stamp).await?;
        Ok(Ok(()))
    }

    async fn ranges(&self, file: &Id) -> Result<Vec<Range>, StageError> {
        let query = Query::prefix(Table::Ledger, Range::pk(file), "");
        Ok(self.store().list(&query).await?.into_iter().map(|s| s.row).collect())
    }

    /// Closes the file: from here on its sales are visible.
    async fn close(&self, stored: &Stored<File>) -> Result<Stored<File>, StageError> {
        let ranges = self.ranges(&stored.row.id).await?;
        if ranges.is_empty() {
            return Err(StageError::Missing { what: "range result of file", name: stored.row.id.to_string() });
        }
        let results: Vec<RangeResult> = ranges.into_iter().map(|r| r.result).collect();
        let closed = stored.row.closed(&results)?;
        self.change(stored, closed).await
    }

    /// Archive copy, reject report, then one message per hundred distinct book keys.
    async fn forward(&self, file: &File, bytes: Option<&[u8]>) -> Result<(), StageError> {
        let mut rejects = Vec::new();
        let mut keys = std::collections::BTreeSet::new();
        for range in self.ranges(&file.id).await? {
            let object = self.ports.objects.get(Bucket::Archive, &range.object, None).await?;
            let report: RangeReport = serde_json::from_slice(&object)
                .map_err(|e| StageError::Message { why: format!("range result: {:?}", e.classify()) })?;
            rejects.extend(report.rejects);
            keys.extend(report.keys);
        }
        let csv = (!rejects.is_empty()).then(|| reject_csv(rejects.iter()));
        self.archive(file, "archive", bytes, csv).await?;
        let Feed::Merchant(merchant) = &file.feed else { return Ok(()) };
        let keys: Vec<_> = keys.into_iter().collect();
        let group = file_key(&file.feed, file.arrived, &file.id).group();
        let body = |keys| Body::Keys { merchant: merchant.clone(), file: Some(group.clone()), keys, from: None };
        message::send(self.ports.queues.as_ref(), Queue::Match, file.id.as_str(), (Some(merchant), 0), &keys, body)
            .await
    }

    async fn archive(
        &self,
        file: &File,
        prefix: &str,
        bytes: Option<&[u8]>,
        rejects: Option<String>,
    ) -> Result<(), StageError> {
        let name = archive_name(prefix, file);
        if let Some(bytes) = bytes {
            self.ports.objects.put_new(Bucket::Archive, &name, bytes.to_vec()).await?;
        }
        if let Some(csv) = rejects {
            let name = format!("{name}.rejects.csv");
            self.ports.objects.put_new(Bucket::Archive, &name, csv.into_bytes()).await?;
        }
        Ok(())
    }
}

/// Why a whole file is refused.
#[derive(Debug, thiserror::Error)]
enum Whole {
    #[error(transparent)]
    Unreadable(Unreadable),
    #[error("{0}")]
    NoFormat(String),
    #[error("{0} bytes, more than {FILE_BYTES_MAX}")]
    TooLarge(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_are_read_from_keys() {
        assert_eq!(feed_of("imports/wasabi-club/2024/a b.csv").unwrap().as_str(), "wasabi-club");
        for bad in ["imports/", "imports/a", "imports/wasabi-club/", "other/wasabi-club/a.csv", "imports/A B/x"] {
            assert!(matches!(feed_of(bad), Err(StageError::NoFeed { .. })), "{bad}");
        }
    }
}
