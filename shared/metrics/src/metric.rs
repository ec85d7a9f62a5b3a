//! The table of metrics: writer, docs/metrics.md, dashboard and alarms all follow from it.

use crate::values;

/// What a metric is told apart by. Every combination of values is a metric that is paid for by the month, so the values
/// are closed lists or things that have a definition; never an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "`values` says what each one is")]
pub enum Dimension {
    Age,
    Answer,
    Class,
    Event,
    Feed,
    Function,
    Merchant,
    Outcome,
    Table,
    Type,
    Verdict,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Age,
        Self::Answer,
        Self::Class,
        Self::Event,
        Self::Feed,
        Self::Function,
        Self::Merchant,
        Self::Outcome,
        Self::Table,
        Self::Type,
        Self::Verdict,
    ];

    /// Its name in `CloudWatch`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Age => "Age",
            Self::Answer => "Answer",
            Self::Class => "Class",
            Self::Event => "Event",
            Self::Feed => "Feed",
            Self::Function => "Function",
            Self::Merchant => "Merchant",
            Self::Outcome => "Outcome",
            Self::Table => "Table",
            Self::Type => "Type",
            Self::Verdict => "Verdict",
        }
    }

    /// All it may say; none where that follows from what is defined and deployed: feeds, merchants, functions.
    pub const fn known(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Age => Some(values::Age::TEXTS),
            Self::Answer => Some(values::Answer::TEXTS),
            Self::Class => Some(values::CLASSES),
            Self::Event => Some(values::FileEvent::TEXTS),
            Self::Outcome => Some(values::Outcome::TEXTS),
            Self::Table => Some(values::TABLES),
            Self::Type => Some(values::TYPES),
            Self::Verdict => Some(values::VERDICTS),
            Self::Feed | Self::Function | Self::Merchant => None,
        }
    }

    /// May it say this?
    pub fn may_be(self, value: &str) -> bool {
        self.known().is_none_or(|known| known.contains(&value))
    }

    /// Its values, in words.
    pub const fn values(self) -> &'static str {
        match self {
            Self::Age => {
                "time since the payment's last change: `day` (up to 24 hours), `window` (up to 14 days), `older`"
            }
            Self::Answer => "`known`, `card-not-known`, `no-card-information`, `directory-unavailable`",
            Self::Class => "`retry` (it may pass), `reject` (it cannot be read), `bug` (our own fault)",
            Self::Event => "`closed`, `repeated`, `unreadable`, `empty` (where it may not be), `unbalanced`, `stuck`",
            Self::Feed => "the feeds of the payment schemes, and one per merchant that has one",
            Self::Function => "the Lambda functions",
            Self::Merchant => "the merchants that have a definition",
            Self::Outcome => "`accepted`, `duplicate`, `skipped`, `rejected`, `parked`",
            Self::Table => "`book`, `ledger`, `registry`",
            Self::Type => "`loyalty`, `spotted`, `streamed`, `forced`, `unmatched`",
            Self::Verdict => "`delivered`, `retry`, `skipped`, `failed`, `unconfirmed`",
        }
    }
}

/// `CloudWatch`'s name of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Unit {
    Count,
    Milliseconds,
    None,
}

impl Unit {
    /// As `CloudWatch` spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::None => "None",
        }
    }
}

/// What becomes of several notes of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// They are added; read it with the statistic Sum.
    Sum,
    /// The last one counts, zero included; read it with Maximum.
    Level,
    /// Each counts by itself; read it with percentiles.
    Each,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// Its name in `CloudWatch`.
    pub name: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// What becomes of several notes.
    pub kind: Kind,
    /// What is noted is so many times what is told: tables tell tenths of units.
    pub scale: u32,
    /// By what it is told: the first set is what is noted; the others leave some of it out, because an alarm reads one
    /// metric and cannot add up all merchants.
    pub sets: &'static [&'static [Dimension]],
    /// What it means.
    pub meaning: &'static str,
}

/// The metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "`about` says what each one is")]
pub enum Metric {
    Lines,
    Files,
    FilesStuck,
    Identified,
    Matches,
    Open,
    LeftOpen,
    Deliveries,
    Lag,
    RecordsFailed,
    DeadLettered,
    ReadUnits,
    WriteUnits,
    Work,
}

impl Metric {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 14] = [
        Self::Lines,
        Self::Files,
        Self::FilesStuck,
        Self::Identified,
        Self::Matches,
        Self::Open,
        Self::LeftOpen,
        Self::Deliveries,
        Self::Lag,
        Self::RecordsFailed,
        Self::DeadLettered,
        Self::ReadUnits,
        Self::WriteUnits,
        Self::Work,
    ];

    /// Its row of the table.
    pub const fn about(self) -> About {
        use Dimension::{Age, Answer, Class, Event, Feed, Function, Merchant, Outcome, Table, Type, Verdict};
        use Kind::{Each, Level, Sum};
        let (name, kind, sets, meaning): (_, _, &[&[Dimension]], _) = match self {
            Self::Lines => (
                "Lines",
                Sum,
                &[&[Feed, Outcome], &[Feed], &[Outcome], &[]],
                "lines of files that were closed and of messages that were logged, by what import says about them",
            ),
            Self::Files => (
                "Files",
                Sum,
                &[&[Feed, Event], &[Event]],
                "what happened to files; an unbalanced one is counted at each try to close it",
            ),
            Self::FilesStuck => (
                "FilesStuck",
                Level,
                &[&[]],
                "files that are stuck, as the sweep finds them every five minutes; it looks at 100 open files at most",
            ),
            Self::Identified => (
                "Identified",
                Sum,
                &[&[Merchant, Answer], &[Answer], &[Merchant]],
                "payment lines by what the user directory says about their card, each time it is asked",
            ),
            Self::Matches => (
                "Matches",
                Sum,
                &[&[Merchant, Type], &[Type], &[Merchant]],
                "claims: each makes one match with its export",
            ),
            Self::Open => {
                ("Open", Level, &[&[Merchant, Age]], "payments without a sale, as the walk over the book found them")
            }
            Self::LeftOpen => (
                "LeftOpen",
                Sum,
                &[&[Merchant], &[]],
                "payments that the walk over the book could match: 0 in a healthy system (invariant 4)",
            ),
            Self::Deliveries => (
                "Deliveries",
                Sum,
                &[&[Merchant, Verdict], &[Verdict], &[Merchant]],
                "attempts to tell a merchant, by what came of them; each member of a batch counts",
            ),
            Self::Lag => {
                ("Lag", Each, &[&[Function]], "from the sending of a record to the end of the function's work on it")
            }
            Self::RecordsFailed => {
                ("RecordsFailed", Sum, &[&[Function, Class], &[Class]], "records of queues that were given back")
            }
            Self::DeadLettered => (
                "DeadLettered",
                Sum,
                &[&[Function], &[]],
                "of these, those that had been received as often as their queue allows: they go to the dead letters",
            ),
            Self::ReadUnits => (
                "ReadUnits",
                Sum,
                &[&[Function, Table], &[Function], &[]],
                "consumed read units, from the tables' own answers",
            ),
            Self::WriteUnits => (
                "WriteUnits",
                Sum,
                &[&[Function, Table], &[Function], &[]],
                "consumed write units, those of indexes included; what a refused write costs is not told",
            ),
            Self::Work => (
                "Work",
                Sum,
                &[&[Function], &[]],
                "megabyte-seconds: the function's memory times the time of its invocations, which is what Lambda bills",
            ),
        };
        let unit = match self {
            Self::Lag => Unit::Milliseconds,
            Self::Work => Unit::None,
            _ => Unit::Count,
        };
        let scale = match self {
            Self::ReadUnits | Self::WriteUnits => 10,
            Self::Work => 1_000,
            _ => 1,
        };
        About { name, unit, kind, scale, sets, meaning }
    }

    /// By what it is noted.
    pub fn noted_by(self) -> &'static [Dimension] {
        self.about().sets.first().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// A set that is no part of the first one could not be told; a level or a distribution cannot be added up.
    #[test]
    fn the_table_is_consistent() {
        let mut names = BTreeSet::new();
        for metric in Metric::ALL {
            let About { name, kind, sets, .. } = metric.about();
            assert!(names.insert(name), "{name}");
            assert!(!sets.is_empty() && (kind == Kind::Sum || sets.len() == 1), "{name}");
            for set in sets {
                assert!(set.iter().all(|dimension| metric.noted_by().contains(dimension)), "{name} {set:?}");
            }
        }
        for dimension in Dimension::ALL {
            let listed = dimension.known().unwrap_or_default();
            let in_words: Vec<&str> = dimension.values().split('`').skip(1).step_by(2).collect();
            assert_eq!(in_words, listed, "{dimension:?}");
        }
        let used = |dimension| Metric::ALL.iter().any(|metric| metric.noted_by().contains(dimension));
        assert!(Dimension::ALL.iter().all(used), "a dimension that nothing is told by");
    }
}
