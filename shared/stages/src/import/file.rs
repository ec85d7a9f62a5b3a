//! A file, from its announcement to `forwarded` (state.md "import file"). Every step finds what an earlier try left:
//! the object's version, the content hash, the lines by their source, the range results, the closed file.
//!
//! A file of one range is imported at once; the ranges of a larger one in rounds (see [`super::rounds`]). Whoever
//! finishes the last range closes the file.

use super::{
    plan::{Planned, Raw, Text},
    report::{RangeReport, reject_csv},
};
use crate::{Harmonia, StageError, message};
use futures::{StreamExt, TryStreamExt, stream};
use harmonia_domain::{
    feed::Feed,
    file::{File, FileState, NotClosed, RangeResult},
    ids::Id,
    outcome::Totals,
    time::sortable,
};
use harmonia_metrics::FileEvent;
use harmonia_ports::{Bucket, Expect, ObjectError, Query, Read, Table, WriteError};
use harmonia_state::{FileHash, FileKey, Range, Row, Stored, file_key, put_write};
use jiff::Timestamp;

/// Largest file: what S3 copies in one call, into the archive.
pub const FILE_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// Range results read at once when a file is closed.
const READ_AT_ONCE: usize = 16;
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

/// Files under `imports/<feed>/backfill/` are of the past: their purchases are matched, and nobody is told of them.
pub(super) fn is_backfill(key: &str) -> bool {
    let rest = key.strip_prefix(PREFIX).and_then(|rest| rest.split_once('/'));
    rest.is_some_and(|(_, name)| name.starts_with("backfill/"))
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

/// The bytes of a file.
pub(super) fn raw(file: &File) -> Raw<'_> {
    let File { feed, object, version, bytes, arrived, .. } = file;
    Raw { feed, key: object, version, bytes: *bytes, arrived: *arrived }
}

/// Why a delivery is refused without being read.
fn refusal(bytes: Option<u64>) -> Option<String> {
    match bytes {
        None => Some("deleted before it was read".to_owned()),
        Some(bytes) if bytes > FILE_BYTES_MAX => Some(format!("{bytes} bytes, more than {FILE_BYTES_MAX}")),
        Some(_) => None,
    }
}

impl Harmonia {
    /// Imports the file that a notice announces; returns it as it is afterwards. Its ranges may still be under way.
    #[tracing::instrument(level = "error", skip_all, fields(object = notice.key, feed, file))]
    pub async fn import_file(&self, notice: &Notice) -> Result<File, StageError> {
        let feed = feed_of(&notice.key)?;
        tracing::Span::current().record("feed", feed.as_str());
        let asked = notice.version.as_deref();
        let (version, bytes) = match self.ports.objects.head(Bucket::Imports, &notice.key, asked).await {
            Ok(info) => (info.version, Some(info.bytes)),
            Err(ObjectError::Missing { .. }) => (asked.unwrap_or_default().to_owned(), None),
            Err(e) => return Err(e.into()),
        };
        let started = self.now();
        let raw = Raw {
            feed: &feed,
            key: &notice.key,
            version: &version,
            bytes: bytes.unwrap_or_default(),
            arrived: notice.at,
        };
        let planned = match refusal(bytes) {
            // nothing is known of the bytes but where they were
            Some(why) => Planned {
                sha256: format!("unread-{}", Id::derive("unread", &[&notice.key, &version])),
                plan: Err(why),
                text: Text::Here(String::new()),
            },
            None => self.plan(raw).await?,
        };
        let file = self.delivery(raw, &planned, started);
        tracing::Span::current().record("file", file.id.as_str());
        let first = self.admit(&file).await?;
        let done = if first.row.finished() {
            first.row
        } else {
            let planned = (first.row.id == file.id).then_some(planned);
            self.carry_on(first, planned).await?
        };
        self.write_seen().await;
        if done.id == file.id { Ok(done) } else { self.repeat_of(&done, file).await }
    }

    fn delivery(&self, raw: Raw<'_>, planned: &Planned, started: Timestamp) -> File {
        let (ranges, records, state) = match &planned.plan {
            Ok(plan) => (u64::try_from(plan.ranges.len()).unwrap_or(u64::MAX), plan.records, FileState::Importing),
            Err(why) => (0, 0, FileState::Unreadable { why: why.clone(), forwarded: false }),
        };
        File {
            id: File::id_of(raw.feed, raw.key, raw.version, &planned.sha256),
            feed: raw.feed.clone(),
            bucket: Bucket::Imports.as_str().to_owned(),
            object: raw.key.to_owned(),
            version: raw.version.to_owned(),
            sha256: planned.sha256.clone(),
            bytes: raw.bytes,
            arrived: raw.arrived,
            ranges,
            records,
            plan: match &planned.text {
                Text::Here(_) => None,
                Text::Raw { plan } | Text::Copied { plan } => Some(plan.clone()),
            },
            definition: self.definition_version(raw.feed),
            started,
            done: planned.plan.is_err().then_some(started),
            round: 0,
            generation: 1,
            sent: started,
            totals: Totals::default(),
            dates: None,
            state,
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

    /// Logs a delivery of known bytes (invariant 1: its lines are duplicates). One whose first delivery is still under
    /// way is logged by what is known then: nothing of it is imported a second time.
    async fn repeat_of(&self, first: &File, file: File) -> Result<File, StageError> {
        let under_way = matches!(first.state, FileState::Importing | FileState::Stuck);
        let totals = if under_way {
            Totals { read: first.records, duplicate: first.records, ..Totals::default() }
        } else {
            first.totals_if_repeated()
        };
        let state = match &first.state {
            FileState::Unreadable { .. } => first.state.clone(),
            _ => FileState::Repeated { of: first.id.clone() },
        };
        let done = Some(self.now());
        let file = File { totals, dates: first.dates, done, state, ..file };
        if self.store().insert(&file, &self.stamp(format!("import {}", file.id))).await?.is_none() {
            self.note_lines(&file.feed, &file.totals);
            self.note_file(&file.feed, FileEvent::Repeated);
        }
        Ok(file)
    }

    /// From wherever an earlier try stopped to the end, or to those who import the ranges.
    async fn carry_on(&self, stored: Stored<File>, planned: Option<Planned>) -> Result<File, StageError> {
        match stored.row.state {
            FileState::Importing if stored.row.ranges <= 1 => {
                let planned = match planned {
                    Some(planned) => planned,
                    None => self.plan(raw(&stored.row)).await?,
                };
                for number in 0..stored.row.ranges {
                    self.read_range(&stored.row, &planned, number).await?;
                }
                self.finish_file(stored).await
            }
            FileState::Importing => {
                self.start_ranges(&stored.row).await?;
                Ok(stored.row)
            }
            // a person has to look at it: another delivery of its bytes changes nothing
            FileState::Stuck => {
                let done = self.missing_ranges(&stored.row).await?.is_empty();
                if done { self.finish_file(stored).await } else { Ok(stored.row) }
            }
            _ => self.finish_file(stored).await,
        }
    }

    /// Imports one range; whoever finishes the last one closes the file.
    #[tracing::instrument(level = "error", skip_all, fields(feed, file, range = number))]
    pub async fn import_range(&self, key: &FileKey, number: u64) -> Result<File, StageError> {
        let missing = || StageError::Missing { what: "file", name: key.group() };
        let stored: Stored<File> = self.store().find(&key.key()).await?.ok_or_else(missing)?;
        tracing::Span::current().record("feed", stored.row.feed.as_str()).record("file", stored.row.id.as_str());
        if !matches!(stored.row.state, FileState::Importing | FileState::Stuck) {
            return if stored.row.finished() { Ok(stored.row) } else { self.finish_file(stored).await };
        }
        let planned = number < stored.row.ranges;
        if planned
            && self.store().get::<Range>(&Range::key_of(&stored.row.id, number), Read::Consistent).await?.is_none()
        {
            let planned = self.plan(raw(&stored.row)).await?;
            self.read_range(&stored.row, &planned, number).await?;
        }
        let there = self.ranges(&stored.row.id).await?;
        let all = u64::try_from(there.len()) == Ok(stored.row.ranges);
        if all { self.finish_file(stored).await } else { Ok(stored.row) }
    }

    /// Closes the file, archives it and forwards what follows from it.
    pub(super) async fn finish_file(&self, mut stored: Stored<File>) -> Result<File, StageError> {
        if matches!(stored.row.state, FileState::Importing | FileState::Stuck) {
            stored = self.close(&stored).await?;
        }
        if stored.row.finished() {
            return Ok(stored.row);
        }
        match stored.row.state {
            FileState::Unreadable { .. } => self.archive(&stored.row, "rejected").await?,
            _ => self.forward(&stored.row).await?,
        }
        let done = stored.row.forwarded()?;
        self.finished(&stored, done).await
    }

    /// Writes that nothing more has to happen to the file.
    async fn finished(&self, stored: &Stored<File>, done: File) -> Result<File, StageError> {
        let (done, ours) = self.change(stored, done).await?;
        if ours {
            let event = if done.row.visible() { FileEvent::Closed } else { FileEvent::Unreadable };
            self.note_file(&done.row.feed, event);
            if self.wrongly_empty(&done.row) {
                self.note_file(&done.row.feed, FileEvent::Empty);
            }
        }
        Ok(done.row)
    }

    /// Replaces the row that was read; a lost race reads what the winner wrote. `true`: it was not lost.
    pub(super) async fn change(&self, seen: &Stored<File>, next: File) -> Result<(Stored<File>, bool), StageError> {
        let stamp = self.stamp(format!("import {}", next.id));
        if self.store().replace(seen, &next, &stamp).await? {
            return Ok((Stored { row: next, version: seen.version + 1 }, true));
        }
        let found = self.store().get(&seen.row.key(), Read::Consistent).await?;
        let found = found.ok_or_else(|| StageError::Missing { what: "file", name: seen.row.id.to_string() })?;
        Ok((found, false))
    }

    pub(super) async fn ranges(&self, file: &Id) -> Result<Vec<Range>, StageError> {
        let query = Query::prefix(Table::Ledger, Range::pk(file), "");
        Ok(self.store().list(&query).await?.into_iter().map(|s| s.row).collect())
    }

    /// Closes the file: from here on its sales are visible.
    async fn close(&self, stored: &Stored<File>) -> Result<Stored<File>, StageError> {
        let results: Vec<RangeResult> = self.ranges(&stored.row.id).await?.into_iter().map(|r| r.result).collect();
        let closed = stored.row.closed(&results, self.now()).inspect_err(|error| {
            if let NotClosed::Unbalanced { .. } = error {
                tracing::error!(%error, "the file's totals do not balance");
                self.note_file(&stored.row.feed, FileEvent::Unbalanced);
            }
        })?;
        let (closed, ours) = self.change(stored, closed).await?;
        if ours {
            self.note_lines(&closed.row.feed, &closed.row.totals);
        }
        Ok(closed)
    }

    /// D22: an empty file is imported all the same, and told where the definition says "not empty".
    pub fn wrongly_empty(&self, file: &File) -> bool {
        let Feed::Merchant(slug) = &file.feed else { return false };
        let not_empty = self.definitions.get(slug).and_then(|d| d.feed.as_ref()).is_some_and(|feed| feed.not_empty);
        not_empty && file.totals.read == 0 && matches!(file.state, FileState::Closed { .. })
    }

    /// Archive copy, reject reports, then one message per hundred distinct book keys of a range.
    async fn forward(&self, file: &File) -> Result<(), StageError> {
        self.archive(file, "archive").await?;
        let ranges = self.ranges(&file.id).await?;
        let forwarded = stream::iter(ranges).map(|range| self.forward_range(file, range));
        forwarded.buffered(READ_AT_ONCE).try_collect().await
    }

    async fn forward_range(&self, file: &File, range: Range) -> Result<(), StageError> {
        let object = self.ports.objects.get(Bucket::Archive, &range.object, None).await?;
        let report: RangeReport = serde_json::from_slice(&object)
            .map_err(|e| StageError::Message { why: format!("range result: {:?}", e.classify()) })?;
        if !report.rejects.is_empty() {
            let part = if file.ranges == 1 { String::new() } else { format!(".{:06}", range.number) };
            let name = format!("{}.rejects{part}.csv", archive_name("archive", file));
            let csv = reject_csv(report.rejects.iter());
            self.ports.objects.put_new(Bucket::Archive, &name, csv.into_bytes()).await?;
        }
        let Feed::Merchant(merchant) = &file.feed else { return Ok(()) };
        let group = file_key(&file.feed, file.arrived, &file.id).group();
        let queues = self.ports.queues.as_ref();
        message::send_keys(queues, file.id.as_str(), (merchant, 0), Some(&group), report.keys).await
    }

    /// The raw bytes, copied where they stay. One that was deleted before it was read leaves its row only.
    async fn archive(&self, file: &File, prefix: &str) -> Result<(), StageError> {
        let from = (Bucket::Imports, file.object.as_str(), file.version.as_str());
        match self.ports.objects.copy_new(from, (Bucket::Archive, &archive_name(prefix, file))).await {
            Ok(_) => Ok(()),
            Err(ObjectError::Missing { .. }) if prefix == "rejected" => Ok(()),
            Err(e) => Err(e.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_are_read_from_keys() {
        assert_eq!(feed_of("imports/wasabi-club/2024/a b.csv").unwrap().as_str(), "wasabi-club");
        assert!(is_backfill("imports/wasabi-club/backfill/a.csv"));
        for other in ["imports/wasabi-club/a.csv", "imports/wasabi-club/backfill", "imports/backfill/a.csv"] {
            assert!(!is_backfill(other), "{other}");
        }
        for bad in ["imports/", "imports/a", "imports/wasabi-club/", "other/wasabi-club/a.csv", "imports/A B/x"] {
            assert!(matches!(feed_of(bad), Err(StageError::NoFeed { .. })), "{bad}");
        }
    }
}
