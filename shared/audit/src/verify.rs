//! Walking the chain: every hash, every count, every seal, from the beginning or from a day's seal that one trusts.

use crate::{
    chain::{Fault, Head, Seal, Segment, day, seal_key, segment_key},
    entry::Entry,
    log::exists,
};
use harmonia_domain::ids::{Id, sha256_hex};
use harmonia_ports::{Bucket, ObjectError, Objects};
use jiff::{Timestamp, ToSpan, civil::Date};
use std::{collections::HashSet, fmt};

/// Where the log seems to end, so many numbers are looked at beyond: what somebody removed has successors.
const LOOK_AHEAD: u64 = 16;

/// The first thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// Which segment.
    pub segment: u64,
    /// Which line of it, from 1; of what concerns the whole segment, the header.
    pub line: usize,
    /// What.
    pub fault: Fault,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {}, line {}: {}", self.segment, self.line, self.fault)
    }
}

/// What a walk has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Segments read.
    pub segments: u64,
    /// Entries read.
    pub entries: u64,
    /// Entries whose id had come before: changes that were delivered twice. No fault.
    pub repeats: u64,
    /// Seals checked.
    pub seals: u64,
    /// When the segment was written behind which the walk begins, if it does not begin at the beginning.
    pub behind: Option<Timestamp>,
    /// The last segment's hash: written down elsewhere, it holds everything up to it.
    pub last: Option<(u64, String)>,
    /// The newest seal.
    pub sealed: Option<Seal>,
    /// The first break; the walk ends there.
    pub broken: Option<Break>,
}

/// Walks the log. `from`: begins at the segment that this day's seal names and takes the seal's word for all before it.
/// `today`: seals of days up to this one are looked for. `entry` hears every entry.
pub async fn verify(
    objects: &dyn Objects,
    from: Option<Date>,
    today: Date,
    mut entry: impl FnMut(&Entry),
) -> Result<Report, ObjectError> {
    let mut walk =
        Walk { objects, report: Report::default(), ids: HashSet::new(), head: Head::none(), day: Vec::new() };
    if let Some(date) = from
        && let Err(broken) = walk.begin(date).await?
    {
        walk.report.broken = Some(broken);
        return Ok(walk.report);
    }
    loop {
        let seq = walk.head.seq + 1;
        let Some(bytes) = found(objects, &segment_key(seq)).await? else { break };
        match walk.step(&bytes).await? {
            Ok(segment) => segment.entries.iter().for_each(&mut entry),
            Err((line, fault)) => {
                walk.report.broken = Some(Break { segment: seq, line, fault });
                return Ok(walk.report);
            }
        }
    }
    walk.report.broken = walk.beyond(today).await?;
    Ok(walk.report)
}

/// Every entry of the log in its order, as far as it can be read.
pub async fn entries(objects: &dyn Objects) -> Result<Vec<Entry>, ObjectError> {
    let mut all = Vec::new();
    for seq in 1.. {
        let Some(bytes) = found(objects, &segment_key(seq)).await? else { break };
        let Ok(segment) = Segment::read(&bytes) else { break };
        all.extend(segment.entries);
    }
    Ok(all)
}

async fn found(objects: &dyn Objects, key: &str) -> Result<Option<Vec<u8>>, ObjectError> {
    match objects.get(Bucket::Audit, key, None).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ObjectError::Missing { .. }) => Ok(None),
        Err(e) => Err(e),
    }
}

struct Walk<'a> {
    objects: &'a dyn Objects,
    report: Report,
    ids: HashSet<Id>,
    head: Head,
    /// The segments of the head's day: its seal names one of them.
    day: Vec<Head>,
}

impl Walk<'_> {
    /// Takes a seal's word.
    async fn begin(&mut self, date: Date) -> Result<Result<(), Break>, ObjectError> {
        let broken = |segment, line, fault| Ok(Err(Break { segment, line, fault }));
        let Some(bytes) = found(self.objects, &seal_key(date)).await? else {
            return broken(0, 1, Fault::NoSeal(date));
        };
        let Some(seal) = Seal::read(&bytes) else { return broken(0, 1, Fault::SealChanged(date)) };
        let Some(bytes) = found(self.objects, &segment_key(seal.seq)).await? else {
            return broken(seal.seq, 1, Fault::CutOff(date));
        };
        let segment = match Segment::read(&bytes) {
            Ok(segment) => segment,
            Err((line, fault)) => return broken(seal.seq, line, fault),
        };
        if Seal::of(&segment.head()) != seal {
            return broken(seal.seq, 1, Fault::SealWrong(date));
        }
        self.head = segment.head();
        self.day.push(self.head.clone());
        self.report.behind = Some(self.head.at);
        Ok(Ok(()))
    }

    async fn step(&mut self, bytes: &[u8]) -> Result<Result<Segment, (usize, Fault)>, ObjectError> {
        let segment = match Segment::read(bytes) {
            Ok(segment) => segment,
            Err(fault) => return Ok(Err(fault)),
        };
        let checked = match segment.follows(&self.head) {
            Ok(()) => self.sealed(&segment).await?,
            Err(fault) => Err(fault),
        };
        if let Err(fault) = checked {
            return Ok(Err((1, fault)));
        }
        if day(segment.at()) != day(self.head.at) {
            self.day.clear();
        }
        self.head = segment.head();
        self.day.push(self.head.clone());
        self.report.segments += 1;
        self.report.last = Some((self.head.seq, self.head.sha256.clone()));
        for entry in &segment.entries {
            self.report.entries += 1;
            self.report.repeats += u64::from(!self.ids.insert(entry.id.clone()));
        }
        Ok(Ok(segment))
    }

    /// A segment that begins a day carries the seal of the one before; the others carry what their predecessor does.
    async fn sealed(&mut self, segment: &Segment) -> Result<Result<(), Fault>, ObjectError> {
        let carried = segment.head().seal;
        if !self.head.to_be_sealed(segment.at()) {
            return Ok(if carried == self.head.seal { Ok(()) } else { Err(Fault::OtherSeal) });
        }
        let date = day(self.head.at);
        let Some(carried) = carried.filter(|carried| carried.date == date) else { return Ok(Err(Fault::OtherSeal)) };
        let Some(bytes) = found(self.objects, &seal_key(date)).await? else { return Ok(Err(Fault::NoSeal(date))) };
        if sha256_hex(&bytes) != carried.sha256 {
            return Ok(Err(Fault::SealChanged(date)));
        }
        Ok(self.names_the_day(date, &bytes))
    }

    fn names_the_day(&mut self, date: Date, bytes: &[u8]) -> Result<(), Fault> {
        let seal = Seal::read(bytes).ok_or(Fault::SealChanged(date))?;
        if !self.day.iter().any(|head| Seal::of(head) == seal) {
            return Err(Fault::SealWrong(date));
        }
        self.report.seals += 1;
        self.report.sealed = Some(seal);
        Ok(())
    }

    /// Where the log ends: no segment and no seal may be from later.
    async fn beyond(&mut self, today: Date) -> Result<Option<Break>, ObjectError> {
        let (seq, end) = (self.head.seq, day(self.head.at));
        let broken = |fault| Some(Break { segment: seq + 1, line: 1, fault });
        for later in seq + 2..=seq + LOOK_AHEAD {
            if exists(self.objects, later).await? {
                return Ok(broken(Fault::Missing { later }));
            }
        }
        if seq == 0 {
            return Ok(None);
        }
        // its own day may be sealed already by a writer that got no further
        if let Some(bytes) = found(self.objects, &seal_key(end)).await?
            && let Err(fault) = self.names_the_day(end, &bytes)
        {
            return Ok(broken(if Seal::read(&bytes).is_some_and(|s| s.seq > seq) {
                Fault::CutOff(end)
            } else {
                fault
            }));
        }
        let mut date = end;
        while date < today {
            date = date.saturating_add(1.day());
            if found(self.objects, &seal_key(date)).await?.is_some() {
                return Ok(broken(Fault::CutOff(date)));
            }
        }
        Ok(None)
    }
}
