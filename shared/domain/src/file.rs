//! A file and its life (state.md item F): received, importing, closed; nothing of it is visible before it closes.

use crate::{Refused, feed::Feed, ids::Id, outcome::Totals};
use jiff::Timestamp;

/// Where a file stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "st", rename_all = "lowercase")]
pub enum FileState {
    /// Planned; its ranges are being imported.
    Importing,
    /// Ranges are still missing after all rounds: a person has to look, then `files retry` it.
    Stuck,
    /// Every line has its outcome and the totals balance: its sales are visible.
    Closed {
        /// Every book key it touched has been sent to matching, and the raw file is archived.
        forwarded: bool,
    },
    /// Its bytes are those of a file that was closed before.
    Repeated {
        /// That file's id.
        of: Id,
    },
    /// It could not be read at all (D2): nothing imported.
    Unreadable {
        /// Why, in words.
        why: String,
        /// It has been moved to `rejected/`.
        forwarded: bool,
    },
}

/// A file as it was delivered: same bytes under another name or version are another delivery.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct File {
    /// Derived from feed, object key, version and content hash.
    pub id: Id,
    /// The feed it belongs to.
    pub feed: Feed,
    /// Bucket of the raw object.
    pub bucket: String,
    /// Key of the raw object.
    pub object: String,
    /// Version id of the raw object.
    pub version: String,
    /// Hex SHA-256 of the bytes.
    pub sha256: String,
    /// Size of the raw object.
    pub bytes: u64,
    /// When it was announced.
    pub arrived: Timestamp,
    /// In how many ranges it is imported.
    #[serde(default)]
    pub ranges: u64,
    /// How many records the plan counted in them.
    #[serde(default)]
    pub records: u64,
    /// The plan's object in the work bucket; a small file is planned anew whenever that is needed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plan: Option<String>,
    /// The version of the merchant's definition that it was planned by.
    #[serde(rename = "dv", skip_serializing_if = "Option::is_none", default)]
    pub definition: Option<String>,
    /// When its import began.
    pub started: Timestamp,
    /// When it was closed, or found unreadable.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub done: Option<Timestamp>,
    /// How often its missing ranges have been sent again.
    #[serde(default)]
    pub round: u32,
    /// Which execution of the state machine `import-file` imports it: each but the first was asked for by a person, or
    /// by the sweep because the one before it has not come back.
    #[serde(rename = "gen", default)]
    pub generation: u32,
    /// When its ranges were last sent.
    pub sent: Timestamp,
    /// Outcomes; final once closed.
    #[serde(default)]
    pub totals: Totals,
    /// Earliest and latest instant over accepted, duplicate and parked lines.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dates: Option<(Timestamp, Timestamp)>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: FileState,
}

/// Rounds in which missing ranges are sent again, before the file is stuck (design §4).
pub const ROUNDS_MAX: u32 = 3;

/// What came out of reading a range of a file (state.md item FR).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RangeResult {
    /// Outcomes of the range's lines.
    pub totals: Totals,
    /// Earliest and latest instant of its counted lines.
    pub dates: Option<(Timestamp, Timestamp)>,
}

/// Why a file stays open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotClosed {
    /// Ranges are missing, or somebody else has closed it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Every range is there, and lines have no outcome or two: a bug.
    #[error("{planned} records were planned, and their outcomes do not balance: {totals:?}")]
    Unbalanced {
        /// Records of the plan.
        planned: u64,
        /// What the ranges say.
        totals: Totals,
    },
}

impl File {
    /// The id of a delivery.
    pub fn id_of(feed: &Feed, object: &str, version: &str, sha256: &str) -> Id {
        Id::derive("file", &[feed.as_str(), object, version, sha256])
    }

    /// Closes the file: every planned range has its result, the totals balance and no record is missing (invariant 1).
    pub fn closed(&self, ranges: &[RangeResult], now: Timestamp) -> Result<Self, NotClosed> {
        let refused = |from: String| Err(Refused { what: "file", from, to: "be closed" }.into());
        if !matches!(self.state, FileState::Importing | FileState::Stuck) {
            return refused(format!("{:?}", self.state));
        }
        if u64::try_from(ranges.len()) != Ok(self.ranges) {
            return refused(format!("{} of {} ranges", ranges.len(), self.ranges));
        }
        let mut totals = Totals::default();
        let mut dates: Option<(Timestamp, Timestamp)> = None;
        for range in ranges {
            totals.add(&range.totals);
            dates = match (dates, range.dates) {
                (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                (a, b) => a.or(b),
            };
        }
        if !totals.balance() || totals.read != self.records {
            return Err(NotClosed::Unbalanced { planned: self.records, totals });
        }
        Ok(Self { totals, dates, done: Some(now), state: FileState::Closed { forwarded: false }, ..self.clone() })
    }

    /// Its missing ranges are imported in their first round (0), or once more; after the last round it is stuck
    /// instead.
    #[must_use]
    pub fn in_round(&self, round: u32, now: Timestamp) -> Self {
        let state = if round <= ROUNDS_MAX { FileState::Importing } else { FileState::Stuck };
        Self { round: round.min(ROUNDS_MAX), sent: now, state, ..self.clone() }
    }

    /// Nobody works on its missing ranges any more: another execution takes up their next round.
    #[must_use]
    pub fn taken_up(&self, now: Timestamp) -> Self {
        Self { generation: self.generation.saturating_add(1), ..self.in_round(self.round.saturating_add(1), now) }
    }

    /// A person has looked: its missing ranges are sent again, with as many rounds as a new file has.
    pub fn retried(&self, now: Timestamp) -> Result<Self, Refused> {
        match self.state {
            FileState::Stuck | FileState::Importing => {
                let generation = self.generation.saturating_add(1);
                Ok(Self { round: 0, generation, sent: now, state: FileState::Importing, ..self.clone() })
            }
            ref other => Err(Refused { what: "file", from: format!("{other:?}"), to: "be tried again" }),
        }
    }

    /// Marks that everything that follows from the file has been sent and archived.
    pub fn forwarded(&self) -> Result<Self, Refused> {
        let state = match &self.state {
            FileState::Closed { .. } => FileState::Closed { forwarded: true },
            FileState::Unreadable { why, .. } => FileState::Unreadable { why: why.clone(), forwarded: true },
            other => return Err(Refused { what: "file", from: format!("{other:?}"), to: "be forwarded" }),
        };
        Ok(Self { state, ..self.clone() })
    }

    /// Nothing more has to happen to it.
    pub fn finished(&self) -> bool {
        matches!(
            self.state,
            FileState::Closed { forwarded: true }
                | FileState::Repeated { .. }
                | FileState::Unreadable { forwarded: true, .. }
        )
    }

    /// Its sales may be seen by matching (design §4: a file's sales appear together).
    pub fn visible(&self) -> bool {
        matches!(self.state, FileState::Closed { .. })
    }

    /// The totals of a second delivery of the same bytes: what was new then is a duplicate now.
    pub fn totals_if_repeated(&self) -> Totals {
        let t = self.totals;
        Totals { accepted: 0, parked: 0, duplicate: t.accepted + t.duplicate + t.parked, ..t }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> File {
        let feed: Feed = "wasabi-club".parse().unwrap();
        File {
            id: File::id_of(&feed, "imports/wasabi-club/a.csv", "1", "00"),
            feed,
            bucket: "b".into(),
            object: "imports/wasabi-club/a.csv".into(),
            version: "1".into(),
            sha256: "00".into(),
            bytes: 1,
            arrived: Timestamp::UNIX_EPOCH,
            ranges: 1,
            records: 2,
            plan: None,
            definition: None,
            started: Timestamp::UNIX_EPOCH,
            done: None,
            round: 0,
            generation: 1,
            sent: Timestamp::UNIX_EPOCH,
            totals: Totals::default(),
            dates: None,
            state: FileState::Importing,
        }
    }

    /// Invariant 1: an unbalanced file does not close.
    #[test]
    fn only_a_balanced_file_closes() {
        let good =
            RangeResult { totals: Totals { read: 2, accepted: 1, rejected: 1, ..Totals::default() }, dates: None };
        let bad = RangeResult { totals: Totals { read: 2, ..Totals::default() }, dates: None };
        let now = Timestamp::UNIX_EPOCH;
        assert!(matches!(file().closed(&[bad], now), Err(NotClosed::Unbalanced { planned: 2, .. })));
        assert!(matches!(file().closed(&[], now), Err(NotClosed::Refused(_))));
        assert!(matches!(file().closed(&[good.clone(), good.clone()], now), Err(NotClosed::Refused(_))));
        let lost = RangeResult { totals: Totals { read: 1, accepted: 1, ..Totals::default() }, dates: None };
        let lost = file().closed(&[lost], now);
        assert!(matches!(lost, Err(NotClosed::Unbalanced { .. })), "the plan counted two records");
        let closed = file().closed(&[good], now).unwrap();
        assert!(closed.visible() && !closed.finished());
        assert!(closed.closed(&[], now).is_err() && closed.retried(now).is_err());
        assert!(closed.forwarded().unwrap().finished());
        assert!(file().forwarded().is_err());
        assert_eq!(closed.totals_if_repeated(), Totals { read: 2, duplicate: 1, rejected: 1, ..Totals::default() });
    }

    /// Design §4: three rounds, then stuck, until a person tries again.
    #[test]
    fn a_file_whose_ranges_do_not_come_is_stuck() {
        let now = Timestamp::UNIX_EPOCH;
        let mut open = file();
        for round in 0..=ROUNDS_MAX {
            open = open.in_round(round, now);
            assert_eq!(open.state, FileState::Importing);
        }
        let stuck = open.in_round(ROUNDS_MAX + 1, now);
        assert_eq!((&stuck.state, stuck.finished()), (&FileState::Stuck, false));
        assert_eq!(open.taken_up(now).state, FileState::Stuck, "who takes it up does not begin anew");
        let again = stuck.retried(now).unwrap();
        assert_eq!((again.round, again.generation), (0, open.generation + 1));
    }
}
