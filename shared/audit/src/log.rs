//! Appending. Many writers, no lock: the next number is taken by a conditional create; whoever loses it looks again.
//!
//! Nothing else is written, so there is nothing to get out of step with: the end of the log is found by asking for
//! numbers, which takes some thirty questions for a thousand million segments, once in a process' life.

use crate::{
    chain::{Fault, Head, SEGMENT_BYTES_MAX, SEGMENT_ENTRIES_MAX, Seal, SealRef, Segment, day, seal_key, segment_key},
    entry::Entry,
};
use harmonia_domain::ids::sha256_hex;
use harmonia_ports::{Bucket, Class, Clock, ObjectError, Objects, Put};
use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};

/// A number may be lost to another writer so often. Each loss is a segment of somebody else's, so a writer that loses
/// this often meets more writers than the three tables have shards.
const TRIES_MAX: u32 = 100;

/// Entries that could not be appended. Some of them may have been; the caller gives all of them again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// See [`ObjectError`].
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The end of the log is damaged: nothing can be appended before somebody has looked.
    #[error("audit segment {seq}, line {line}: {fault}")]
    Damaged {
        /// Which segment.
        seq: u64,
        /// Which line of it, from 1.
        line: usize,
        /// What is wrong.
        fault: Fault,
    },
    /// Others were always quicker.
    #[error("the next audit segment was taken by others {TRIES_MAX} times")]
    Contended,
}

impl LogError {
    /// What it leads to.
    pub fn class(&self) -> Class {
        match self {
            Self::Object(_) | Self::Contended => Class::Retry,
            Self::Damaged { .. } => Class::Bug,
        }
    }
}

/// The log, for whoever appends.
pub struct Log {
    objects: Arc<dyn Objects>,
    clock: Arc<dyn Clock>,
    /// Where it ended when this process last looked.
    last: Mutex<Head>,
}

impl Log {
    /// The log in the bucket [`Bucket::Audit`].
    pub fn new(objects: Arc<dyn Objects>, clock: Arc<dyn Clock>) -> Self {
        Self { objects, clock, last: Mutex::new(Head::none()) }
    }

    /// Appends entries, in as many segments as they need. Returns how many.
    pub async fn append(&self, entries: &[Entry]) -> Result<usize, LogError> {
        let lines: Vec<String> = entries.iter().map(|e| serde_json::to_string(e).unwrap_or_default()).collect();
        let mut segments = 0;
        let mut rest = lines.as_slice();
        while !rest.is_empty() {
            let (part, left) = rest.split_at(part(rest));
            self.append_segment(part).await?;
            segments += 1;
            rest = left;
        }
        Ok(segments)
    }

    async fn append_segment(&self, lines: &[String]) -> Result<(), LogError> {
        let mut head = self.last();
        if head.seq == 0 {
            head = self.newest(head).await?;
        }
        for _ in 0..TRIES_MAX {
            // clocks differ from machine to machine; the log's goes forward only
            let at = self.clock.now().max(head.at);
            let seal = self.seal(&head, at).await?;
            let bytes = Segment::bytes(&head, at, seal, lines);
            let (seq, key) = (head.seq + 1, segment_key(head.seq + 1));
            if self.objects.put_new(Bucket::Audit, &key, bytes.clone()).await? == Put::Created {
                self.remember(read(seq, &bytes)?.head());
                return Ok(());
            }
            let there = self.objects.get(Bucket::Audit, &key, None).await?;
            let segment = read(seq, &there)?;
            if there == bytes {
                // our own: its answer was lost on the way to a client that tried again
                self.remember(segment.head());
                return Ok(());
            }
            head = self.newest(segment.head()).await?;
        }
        Err(LogError::Contended)
    }

    /// Seals the last day if the next segment begins another one. So a day that is over and has a successor has a seal,
    /// whenever writers crash.
    async fn seal(&self, head: &Head, at: Timestamp) -> Result<Option<SealRef>, LogError> {
        if !head.to_be_sealed(at) {
            return Ok(head.seal.clone());
        }
        let date = day(head.at);
        let key = seal_key(date);
        let mut bytes = Seal::of(head).bytes();
        if self.objects.put_new(Bucket::Audit, &key, bytes.clone()).await? == Put::Exists {
            bytes = self.objects.get(Bucket::Audit, &key, None).await?;
        }
        Ok(Some(SealRef { date, sha256: sha256_hex(&bytes) }))
    }

    /// The end of the log, from a segment that is there: numbers are taken in order, so it is where they cease.
    async fn newest(&self, from: Head) -> Result<Head, LogError> {
        let (mut there, mut step) = (from.seq, 1);
        while self.exists(there + step).await? {
            there += step;
            step *= 2;
        }
        // `there + step` is not there
        while step > 1 {
            step /= 2;
            if self.exists(there + step).await? {
                there += step;
            }
        }
        if there == from.seq {
            return Ok(from);
        }
        let bytes = self.objects.get(Bucket::Audit, &segment_key(there), None).await?;
        Ok(read(there, &bytes)?.head())
    }

    async fn exists(&self, seq: u64) -> Result<bool, ObjectError> {
        exists(self.objects.as_ref(), seq).await
    }

    fn last(&self) -> Head {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, head: Head) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if head.seq > last.seq {
            *last = head;
        }
    }
}

/// Whether a segment is there.
pub(crate) async fn exists(objects: &dyn Objects, seq: u64) -> Result<bool, ObjectError> {
    match objects.head(Bucket::Audit, &segment_key(seq), None).await {
        Ok(_) => Ok(true),
        Err(ObjectError::Missing { .. }) => Ok(false),
        Err(e) => Err(e),
    }
}

fn read(seq: u64, bytes: &[u8]) -> Result<Segment, LogError> {
    Segment::read(bytes).map_err(|(line, fault)| LogError::Damaged { seq, line, fault })
}

/// How many of the lines go into one segment: at least one.
fn part(lines: &[String]) -> usize {
    let mut bytes = 0;
    let fits = lines.iter().take(SEGMENT_ENTRIES_MAX).take_while(|line| {
        bytes += line.len() + 1;
        bytes <= SEGMENT_BYTES_MAX
    });
    fits.count().max(1)
}
