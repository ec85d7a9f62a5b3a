//! The plan pass: reads a file once, in order, in pieces, and says in which ranges it is to be imported. So nothing
//! larger than a piece is ever in memory, and a file that cannot be read at all is known before anything of it is
//! stored (D2).
//!
//! A small file's text is kept for the import that follows. A large one's plan is put into the work bucket, and its
//! text too if the raw bytes are packed or no plain UTF-8: the ranges then read that.

use super::payment::too_old_for_its_feed;
use crate::{Harmonia, StageError};
use harmonia_domain::{
    feed::{Feed, Transport},
    ids::{Id, Sha256Stream},
};
use harmonia_feeds::{Decoder, FileFormat, Plan, PlannedRange, Planner, RangeLimits, Record, Unreadable};
use harmonia_ports::{Bucket, ObjectError};
use jiff::Timestamp;

/// Bytes asked for at once: few requests for a large file, little memory.
const PIECE_BYTES: u64 = 8 * 1024 * 1024;

/// How files are cut up. A simulator's are smaller, so that small files have several ranges and a stored plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimits {
    /// Most raw bytes and bytes of text of a file that is planned from memory.
    pub at_once_bytes: u64,
    /// How large a range may be.
    pub range: RangeLimits,
}

impl FileLimits {
    /// What the import function has room and time for (state.md, import file step 4).
    pub const FUNCTION: Self = Self { at_once_bytes: 8 * 1024 * 1024, range: RangeLimits::FUNCTION };
}

/// The bytes of a delivery.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) feed: &'a Feed,
    pub(super) key: &'a str,
    pub(super) version: &'a str,
    pub(super) bytes: u64,
    /// When it came: older lines than a certain age are rejected.
    pub(super) arrived: Timestamp,
}

/// What the plan pass found.
pub(super) struct Planned {
    /// Hex SHA-256 of the raw bytes.
    pub(super) sha256: String,
    /// The ranges, or why the file cannot be read at all.
    pub(super) plan: Result<Plan, String>,
    /// Where the ranges find their text.
    pub(super) text: Text,
}

/// Where a file's text is.
pub(super) enum Text {
    /// Here: the file is small.
    Here(String),
    /// The raw bytes are the text. The plan is this object of the work bucket.
    Raw { plan: String },
    /// One object a range, beside the plan.
    Copied { plan: String },
}

/// A plan as it is kept in the work bucket.
#[derive(serde::Serialize, serde::Deserialize)]
struct StoredPlan {
    sha256: String,
    as_is: bool,
    plan: Plan,
}

impl StoredPlan {
    fn planned(self, object: String) -> Planned {
        let text = if self.as_is { Text::Raw { plan: object } } else { Text::Copied { plan: object } };
        Planned { sha256: self.sha256, plan: Ok(self.plan), text }
    }
}

/// What a pass over the bytes brought.
struct Pass {
    sha256: String,
    /// None: nobody knows how to read it.
    plan: Option<Result<Plan, Unreadable>>,
    /// The whole text, if it is small.
    text: Option<String>,
    as_is: bool,
}

impl Harmonia {
    /// How files of a feed are read; an error says why they are not.
    pub(super) fn format(&self, feed: &Feed) -> Result<FileFormat<'_>, String> {
        match feed {
            Feed::Payment(feed) if feed.transport() == Transport::File => Ok(FileFormat::Tgx2(*feed)),
            Feed::Payment(feed) => Err(format!("{feed} comes as messages, not as files")),
            Feed::Merchant(slug) => match self.definitions.get(slug) {
                Some(definition) if self.definitions.transport(feed) == Transport::File => {
                    Ok(FileFormat::Merchant(definition))
                }
                Some(_) => Err(format!("{slug} comes as messages, not as files")),
                None => Err(format!("no definition for feed {slug}")),
            },
        }
    }

    /// Plans a delivery, or finds its plan.
    pub(super) async fn plan(&self, raw: Raw<'_>) -> Result<Planned, StageError> {
        let format = self.format(raw.feed);
        let object = self.plan_object(raw);
        if raw.bytes > self.file_limits.at_once_bytes
            && let Some(stored) = self.stored_plan(&object).await?
        {
            return Ok(stored.planned(object));
        }
        let pass = self.pass(raw, format.as_ref().ok().copied()).await?;
        let plan = match (pass.plan, format) {
            (Some(plan), _) => plan.map_err(|unreadable| unreadable.to_string()),
            (None, format) => Err(format.err().unwrap_or_default()),
        };
        let (plan, text) = match (plan, pass.text) {
            (Ok(plan), None) => {
                if !pass.as_is {
                    self.copy_text(raw, &plan, &object).await?;
                }
                let stored = StoredPlan { sha256: pass.sha256, as_is: pass.as_is, plan };
                let json = serde_json::to_vec(&stored).map_err(|e| StageError::Message { why: e.to_string() })?;
                self.ports.objects.put_new(Bucket::Work, &object, json).await?;
                return Ok(stored.planned(object));
            }
            (plan, text) => (plan, text.unwrap_or_default()),
        };
        Ok(Planned { sha256: pass.sha256, plan, text: Text::Here(text) })
    }

    /// The plan's name follows from the delivery and from what it was planned by.
    fn plan_object(&self, raw: Raw<'_>) -> String {
        let definition = self.definition_version(raw.feed).unwrap_or_default();
        let id = Id::derive("plan", &[raw.feed.as_str(), raw.key, raw.version, &definition]);
        format!("plans/{id}/plan.json")
    }

    /// The version of the merchant's definition that reads a feed.
    pub(crate) fn definition_version(&self, feed: &Feed) -> Option<String> {
        match feed {
            Feed::Payment(_) => None,
            Feed::Merchant(slug) => self.definitions.get(slug).map(|definition| definition.version.clone()),
        }
    }

    /// The plan in the work bucket, if it is still kept.
    pub(super) async fn kept_plan(&self, object: &str) -> Result<Option<Planned>, StageError> {
        Ok(self.stored_plan(object).await?.map(|stored| stored.planned(object.to_owned())))
    }

    async fn stored_plan(&self, object: &str) -> Result<Option<StoredPlan>, StageError> {
        match self.ports.objects.get(Bucket::Work, object, None).await {
            Ok(json) => {
                let unreadable = |e: serde_json::Error| StageError::Message { why: format!("plan {object}: {e}") };
                Ok(Some(serde_json::from_slice(&json).map_err(unreadable)?))
            }
            Err(ObjectError::Missing { .. }) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Reads the bytes once. Without a format only their hash is wanted.
    async fn pass(&self, raw: Raw<'_>, format: Option<FileFormat<'_>>) -> Result<Pass, StageError> {
        let mut hash = Sha256Stream::default();
        let counts = |record: &Record| !too_old_for_its_feed(record, raw.arrived);
        let mut reading = format.map(|format| Reading::new(format, counts, self.file_limits));
        let mut at = 0;
        while at < raw.bytes {
            let piece = self.piece(raw, at).await?;
            hash.update(&piece);
            if let Some(open) = reading.as_mut() {
                open.take(&piece);
            }
            at += PIECE_BYTES;
        }
        let sha256 = hash.finish();
        let Some(reading) = reading else {
            return Ok(Pass { sha256, plan: None, text: Some(String::new()), as_is: true });
        };
        Ok(reading.finish(sha256))
    }

    async fn piece(&self, raw: Raw<'_>, at: u64) -> Result<Vec<u8>, StageError> {
        let to = raw.bytes.min(at.saturating_add(PIECE_BYTES));
        let piece = self.ports.objects.get_part(Bucket::Imports, raw.key, raw.version, at, to).await?;
        if u64::try_from(piece.len()) == Ok(to - at) {
            return Ok(piece);
        }
        let why = format!("{} of {} bytes from byte {at} arrived", piece.len(), to - at);
        Err(ObjectError::Unavailable { key: raw.key.to_owned(), why }.into())
    }

    /// Writes the text of each range beside the plan: a second pass, which only packed files and those in another
    /// encoding need.
    async fn copy_text(&self, raw: Raw<'_>, plan: &Plan, object: &str) -> Result<(), StageError> {
        let format = self.format(raw.feed).map_err(|why| StageError::Message { why })?;
        let mut decoder = Decoder::new(format.encoding());
        let mut cut = Cut { text: String::new(), start: 0, ranges: plan.ranges.iter() };
        let mut at = 0;
        while at < raw.bytes {
            let piece = self.piece(raw, at).await?;
            let mut rest = piece.as_slice();
            while !rest.is_empty() {
                cut.text.push_str(decoder.decode(&mut rest).map_err(changed)?);
                self.put_texts(&mut cut, object).await?;
            }
            at += PIECE_BYTES;
        }
        cut.text.push_str(decoder.finish().map_err(changed)?);
        self.put_texts(&mut cut, object).await
    }

    async fn put_texts(&self, cut: &mut Cut<'_>, object: &str) -> Result<(), StageError> {
        while let Some((range, text)) = cut.next() {
            self.ports.objects.put_new(Bucket::Work, &text_object(object, range), text.into_bytes()).await?;
        }
        Ok(())
    }

    /// The text of one range.
    pub(super) async fn range_text(
        &self,
        raw: Raw<'_>,
        text: &Text,
        range: &PlannedRange,
    ) -> Result<String, StageError> {
        let bytes = match text {
            Text::Here(text) => return Ok(range.text_of(text).to_owned()),
            Text::Raw { .. } => {
                let part = self.ports.objects.get_part(Bucket::Imports, raw.key, raw.version, range.from, range.to);
                part.await?
            }
            Text::Copied { plan } => {
                self.ports.objects.get(Bucket::Work, &text_object(plan, range.number), None).await?
            }
        };
        String::from_utf8(bytes).map_err(|e| changed(e.utf8_error()))
    }
}

/// The bytes of a version are not what they were: nothing that a line could do.
fn changed(why: impl std::fmt::Display) -> StageError {
    StageError::Message { why: format!("a file's bytes have changed since it was planned: {why}") }
}

fn text_object(plan: &str, range: u64) -> String {
    let folder = plan.strip_suffix("plan.json").unwrap_or(plan);
    format!("{folder}{range:06}.txt")
}

/// Text that is being cut into ranges.
struct Cut<'a> {
    text: String,
    /// Where in the file `text` starts.
    start: u64,
    ranges: std::slice::Iter<'a, PlannedRange>,
}

impl Cut<'_> {
    /// The next range whose text is complete.
    fn next(&mut self) -> Option<(u64, String)> {
        let range = self.ranges.as_slice().first()?;
        let place = |at: u64| usize::try_from(at.checked_sub(self.start)?).ok();
        let (from, to) = (place(range.from)?, place(range.to)?);
        let text = self.text.get(from..to)?.to_owned();
        self.text.drain(..to);
        self.start = range.to;
        self.ranges.next();
        Some((range.number, text))
    }
}

/// A file under way through decoder and planner. Nothing is read any more after the first thing that makes it
/// unreadable.
struct Reading<'a, C> {
    decoder: Decoder,
    planner: Result<Planner<'a, C>, Unreadable>,
    text: Option<String>,
    /// Most bytes of text that are kept.
    text_bytes_max: u64,
}

impl<'a, C: Fn(&Record) -> bool> Reading<'a, C> {
    fn new(format: FileFormat<'a>, counts: C, limits: FileLimits) -> Self {
        let planner = Planner::new(format, counts, limits.range);
        let decoder = Decoder::new(format.encoding());
        Self { decoder, planner, text: Some(String::new()), text_bytes_max: limits.at_once_bytes }
    }

    fn take(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let Ok(planner) = &mut self.planner else { return };
            let pushed = self.decoder.decode(&mut piece).and_then(|text| {
                keep(&mut self.text, text, self.text_bytes_max);
                planner.push(text)
            });
            if let Err(unreadable) = pushed {
                self.planner = Err(unreadable);
            }
        }
    }

    fn finish(mut self, sha256: String) -> Pass {
        let plan = self.planner.and_then(|mut planner| {
            let text = self.decoder.finish()?;
            keep(&mut self.text, text, self.text_bytes_max);
            planner.push(text)?;
            planner.finish()
        });
        // an unreadable file's text is of no use
        let text = if plan.is_err() { Some(String::new()) } else { self.text };
        Pass { sha256, plan: Some(plan), text, as_is: self.decoder.as_is().unwrap_or(true) }
    }
}

/// Keeps the text as long as it is small.
fn keep(kept: &mut Option<String>, text: &str, bytes_max: u64) {
    let length = kept.as_ref().map_or(0, String::len).saturating_add(text.len());
    if u64::try_from(length).is_ok_and(|length| length <= bytes_max) {
        if let Some(kept) = kept {
            kept.push_str(text);
        }
    } else {
        *kept = None;
    }
}
