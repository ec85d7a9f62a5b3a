//! A file: by its object's key, its feed and name, its id, or its bare name among the files of the last months. What
//! became of its lines is in its row and in the reports of its ranges.

use super::{
    day::RANGES_MAX,
    facts::{Explanation, FileTold, Note},
};
use crate::{Harmonia, StageError, import::file_name};
use harmonia_domain::{
    feed::{Feed, Slug},
    file::{File, FileState},
    ids::Id,
    outcome::Reject,
    time::utc_day,
};
use harmonia_ports::{Query, Table};
use harmonia_state::{Range, Stored};
use jiff::{Timestamp, ToSpan, civil::Date};
use serde::Serialize;
use std::collections::BTreeMap;

/// A name is looked for month by month, the latest first, as long as files are kept: 400 days (design §4, horizon).
const MONTHS_BACK: i32 = 14;
/// Files of one name that are told, newest first.
const TOLD_MAX: usize = 10;
/// Rejected lines of a file that are told; all of them are in its reject report.
const REJECTS_MAX: usize = 20;
/// Missing ranges that are told.
const MISSING_MAX: usize = 20;
/// Characters of a derived id.
const ID_CHARS: usize = 22;

/// A file, whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileExplained {
    /// In few words.
    pub file: FileTold,
    /// Size.
    pub bytes: u64,
    /// When it was closed or found unreadable.
    pub done: Option<Timestamp>,
    /// Version of the merchant's definition that it was read by.
    pub definition: Option<String>,
    /// In how many ranges it is imported.
    pub ranges: u64,
    /// Those that are missing, the first of them.
    pub missing: Vec<u64>,
    /// How often the missing ones were sent again.
    pub round: u32,
    /// Left out, by filter.
    pub skipped: BTreeMap<String, u64>,
    /// Parked when it was imported, by reason.
    pub parked: BTreeMap<String, u64>,
    /// Accepted lines of a result file, by result.
    pub results: BTreeMap<String, u64>,
    /// The first rejected lines.
    pub rejects: Vec<RejectTold>,
    /// The definition says that it may not be empty, and it is (D22).
    pub wrongly_empty: bool,
    /// What else has to be known.
    pub notes: Vec<Note>,
}

/// A rejected line: never the value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectTold {
    /// Its number.
    pub line: u64,
    /// Field, reason, class of the value.
    #[serde(flatten)]
    pub reject: Reject,
}

/// How a file was named.
enum Named {
    /// The whole key of its object.
    Object(String),
    /// The last part of its key, or its id.
    Bare(String),
}

impl Named {
    fn is(&self, file: &File) -> bool {
        match self {
            Self::Object(key) => file.object == *key,
            Self::Bare(name) => file_name(&file.object) == name || file.id.as_str() == name,
        }
    }
}

impl Harmonia {
    /// The files of a name; else the line that the name's end asks for.
    pub(super) async fn explain_file(
        &self,
        what: &str,
        merchant: Option<&Slug>,
        looked: &mut Vec<String>,
    ) -> Result<Vec<Explanation>, StageError> {
        let mut told = Vec::new();
        for file in self.files_named(what, merchant, looked).await? {
            told.push(Explanation::File(Box::new(self.file_explained(&file).await?)));
        }
        if !told.is_empty() {
            return Ok(told);
        }
        let Some((name, line)) = what.rsplit_once(':').and_then(|(name, n)| Some((name, n.parse::<u64>().ok()?)))
        else {
            return Ok(told);
        };
        for file in self.files_named(name, merchant, looked).await? {
            told.push(Explanation::Line(Box::new(self.explain_line(&file, line).await?)));
        }
        Ok(told)
    }

    /// Newest first.
    async fn files_named(
        &self,
        name: &str,
        merchant: Option<&Slug>,
        looked: &mut Vec<String>,
    ) -> Result<Vec<File>, StageError> {
        let (named, feeds, day) = match place(name) {
            Some((named, feed, day)) => (named, vec![feed], day),
            None => (Named::Bare(name.to_owned()), self.file_feeds(merchant), self.arrival_of(name).await?),
        };
        let months = match day {
            Some(day) => vec![(day, day)],
            None => latest_months(utc_day(self.now())),
        };
        let mut found = Vec::new();
        for (first, last) in months {
            for feed in &feeds {
                let (files, _) = self.files_between(feed, first, last).await?;
                found.extend(files.into_iter().filter(|file| named.is(file)));
            }
            if !found.is_empty() {
                break;
            }
        }
        for place in feeds.iter().map(|feed| format!("files of {feed}")) {
            if !looked.contains(&place) {
                looked.push(place);
            }
        }
        found.sort_by_key(|file| std::cmp::Reverse(file.arrived));
        found.truncate(TOLD_MAX);
        Ok(found)
    }

    fn file_feeds(&self, merchant: Option<&Slug>) -> Vec<Feed> {
        match merchant {
            Some(merchant) => vec![Feed::Merchant(merchant.clone())],
            None => self.definitions.file_feeds().collect(),
        }
    }

    /// The day on which a file came, if its id is given: one of its ranges says so.
    async fn arrival_of(&self, id: &str) -> Result<Option<Date>, StageError> {
        if id.len() != ID_CHARS {
            return Ok(None);
        }
        let query = Query { limit: 1, ..Query::prefix(Table::Ledger, format!("FR#{id}"), "") };
        let (rows, _): (Vec<Stored<Range>>, _) = self.store().page(&query).await?;
        Ok(rows.first().map(|stored| utc_day(stored.row.arrived)))
    }

    async fn file_explained(&self, file: &File) -> Result<FileExplained, StageError> {
        let repeats: Option<&Id> = match &file.state {
            FileState::Repeated { of } => Some(of),
            _ => None,
        };
        let counts = match repeats {
            Some(first) => self.counts_of(first, |_| false).await?,
            None => self.counts(file, |_| false).await?,
        };
        let missing = (0..file.ranges).filter(|number| repeats.is_none() && !counts.there.contains(number));
        let rejects = counts.report.rejects.into_iter().take(REJECTS_MAX);
        let notes = if counts.cut { vec![Note::NotAllRanges { ranges_max: RANGES_MAX }] } else { Vec::new() };
        Ok(FileExplained {
            file: file.into(),
            bytes: file.bytes,
            done: file.done,
            definition: file.definition.clone(),
            ranges: file.ranges,
            missing: missing.take(MISSING_MAX).collect(),
            round: file.round,
            skipped: counts.report.skipped,
            parked: counts.report.parked,
            results: counts.report.results,
            rejects: rejects.map(|row| RejectTold { line: row.line, reject: row.reject }).collect(),
            wrongly_empty: self.wrongly_empty(file),
            notes,
        })
    }
}

/// First and last day of each month, the latest first.
fn latest_months(today: Date) -> Vec<(Date, Date)> {
    let back = |months: i32| today.first_of_month().saturating_sub(months.months());
    (0..MONTHS_BACK).map(|months| (back(months), back(months).last_of_month())).collect()
}

/// `imports/<feed>/<name>`, `<feed>/<name>`, and the archived `archive|rejected/<feed>/<yyyy/mm/dd>/<id>-<name>`.
fn place(name: &str) -> Option<(Named, Feed, Option<Date>)> {
    let known = |feed: &str| feed.parse::<Feed>().ok();
    let parts: Vec<&str> = name.splitn(6, '/').collect();
    match parts[..] {
        ["archive" | "rejected", feed, y, m, d, rest] => {
            let day = format!("{y}-{m}-{d}").parse().ok()?;
            let id = rest.get(..ID_CHARS).filter(|_| rest.get(ID_CHARS..).is_some_and(|more| more.starts_with('-')));
            let named = id.map_or_else(|| Named::Object(name.to_owned()), |id| Named::Bare(id.to_owned()));
            Some((named, known(feed)?, Some(day)))
        }
        ["imports", feed, _, ..] => Some((Named::Object(name.to_owned()), known(feed)?, None)),
        [feed, _, ..] => Some((Named::Object(format!("imports/{name}")), known(feed)?, None)),
        _ => None,
    }
}
