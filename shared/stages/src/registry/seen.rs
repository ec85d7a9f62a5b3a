//! Which identifiers payment lines carry: first seen, last seen, how many lines; and those that nobody has onboarded.
//! Counted in memory line by line, written at the end of a file or of a batch of messages, and for one identifier at
//! most once an hour and process: so it costs nothing per line. Exact are an identifier's first sight and that it was
//! seen at all; `last` is at most an hour old; `lines` lacks what a process had not written when it ended, and counts
//! redelivered lines again.

use crate::Harmonia;
use futures::{StreamExt, stream};
use harmonia_domain::{
    feed::Scheme,
    identifier::{Attribution, IdentifierType, MidTexts},
};
use harmonia_ports::{Read, Stamp};
use harmonia_state::{IdentifierSeen, Row, Stored, StoredError, UnknownIdentifier};
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Between two writes of one identifier by one process.
const WRITTEN_EVERY_S: i64 = 3_600;
/// At most so many identifiers are counted at a time, then all are forgotten: some thousand tills a merchant, and a
/// hostile feed may invent more.
const IDENTIFIERS_MAX: usize = 50_000;
/// Written at once: as many as lines (import).
const WRITTEN_AT_ONCE: usize = 16;
/// Lost races after which a count is given up.
const TRIES_MAX: u32 = 5;

type Name = (Scheme, IdentifierType, String);

#[derive(Debug, Clone)]
struct Count {
    /// Nobody has onboarded it.
    unknown: bool,
    first: Timestamp,
    last: Timestamp,
    lines: u64,
    written: Option<Timestamp>,
}

/// What this process has seen and not yet written.
#[derive(Default)]
pub struct SeenIdentifiers(Mutex<HashMap<Name, Count>>);

impl SeenIdentifiers {
    /// A line carries these identifiers and belongs to that merchant, or to nobody.
    pub(crate) fn note(&self, scheme: Scheme, mids: &MidTexts, attribution: &Attribution, now: Timestamp) {
        match attribution {
            Attribution::Known(best) => self.count((scheme, best.kind, best.text.clone()), false, now),
            Attribution::Unknown => {
                for (kind, text) in mids.pairs().filter(|(_, text)| !text.is_empty()) {
                    self.count((scheme, kind, text.to_owned()), true, now);
                }
            }
            // two merchants' identifiers are onboarded: no count would be of one of them
            Attribution::Disputed(_) => {}
        }
    }

    fn count(&self, name: Name, unknown: bool, now: Timestamp) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= IDENTIFIERS_MAX && !counts.contains_key(&name) {
            counts.clear();
        }
        let new = || Count { unknown, first: now, last: now, lines: 0, written: None };
        let count = counts.entry(name).or_insert_with(new);
        if count.unknown != unknown {
            *count = new();
        }
        if count.lines == 0 {
            count.first = now;
        }
        count.last = count.last.max(now);
        count.lines += 1;
    }

    /// Takes what is to be written now.
    fn due(&self, now: Timestamp) -> Vec<(Name, Count)> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Vec::new();
        for (name, count) in counts.iter_mut() {
            let since = count.written.map(|at| now.duration_since(at).as_secs());
            if count.lines > 0 && since.is_none_or(|since| since >= WRITTEN_EVERY_S) {
                due.push((name.clone(), count.clone()));
                (count.lines, count.written) = (0, Some(now));
            }
        }
        due.sort_by(|(a, _), (b, _)| a.cmp(b));
        due
    }
}

impl Harmonia {
    /// Writes what is due. A count that cannot be written is lost: no line has to wait for it.
    pub(crate) async fn write_seen(&self) {
        let due = self.seen.due(self.now());
        let stamp = self.stamp("import");
        let written = stream::iter(due).map(|(name, count)| {
            let stamp = stamp.clone();
            async move {
                if count.unknown {
                    self.write_unknown(name, &count, &stamp).await
                } else {
                    self.add(name, &count, &stamp).await
                }
            }
        });
        let _lost: Vec<Result<(), StoredError>> = written.buffer_unordered(WRITTEN_AT_ONCE).collect().await;
    }

    async fn write_unknown(&self, (scheme, kind, text): Name, count: &Count, stamp: &Stamp) -> Result<(), StoredError> {
        let unknown = UnknownIdentifier { scheme, kind, text, first: count.first };
        self.store().insert(&unknown, stamp).await.map(drop)
    }

    async fn add(&self, (scheme, kind, text): Name, count: &Count, stamp: &Stamp) -> Result<(), StoredError> {
        let new = IdentifierSeen { scheme, kind, text, first: count.first, last: count.last, lines: count.lines };
        let mut read = Read::Eventual;
        for _ in 0..TRIES_MAX {
            let found: Option<Stored<IdentifierSeen>> = self.store().get(&new.key(), read).await?;
            read = Read::Consistent;
            let done = match found {
                None => self.store().insert(&new, stamp).await?.is_none(),
                Some(there) => {
                    let sum = IdentifierSeen {
                        first: there.row.first.min(new.first),
                        last: there.row.last.max(new.last),
                        lines: there.row.lines.saturating_add(new.lines),
                        ..new.clone()
                    };
                    self.store().replace(&there, &sum, stamp).await?
                }
            };
            if done {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn mids(primary: &str) -> MidTexts {
        MidTexts { primary: primary.into(), secondary: Some("s".into()), psimi: None }
    }

    /// An identifier is written once an hour, with everything that was counted since.
    #[test]
    fn counts_are_written_once_an_hour() {
        let seen = SeenIdentifiers::default();
        let note = |second| seen.note(Scheme::Visa, &mids("m"), &Attribution::Unknown, at(second));
        note(10);
        note(20);
        let due = seen.due(at(30));
        assert_eq!(due.iter().map(|(name, c)| (name.2.as_str(), c.lines)).collect::<Vec<_>>(), [("m", 2), ("s", 2)]);
        assert_eq!((due[0].1.first, due[0].1.last), (at(10), at(20)));
        assert!(seen.due(at(40)).is_empty());
        note(50);
        assert!(seen.due(at(3_629)).is_empty(), "an hour since the last write");
        let again = seen.due(at(3_630));
        assert_eq!((again.len(), again[0].1.lines, again[0].1.first), (2, 1, at(50)));
    }

    /// A feed full of invented identifiers does not fill the memory.
    #[test]
    fn there_is_a_limit() {
        let seen = SeenIdentifiers::default();
        for n in 0..IDENTIFIERS_MAX + 10 {
            let mids = MidTexts { primary: n.to_string(), secondary: None, psimi: None };
            seen.note(Scheme::Amex, &mids, &Attribution::Unknown, at(0));
        }
        assert_eq!(seen.due(at(1)).len(), 10);
    }
}
