//! Whether a merchant's sales of a day have come at all: by the file log, which says of each file from when to when its
//! lines are.

use super::facts::{DayTold, FileTold, Note};
use crate::{
    Harmonia, StageError,
    import::{RangeReport, RejectRow, read_reject_csv},
};
use harmonia_definitions::{Definition, Matching};
use harmonia_domain::{
    export::BookKey,
    feed::Feed,
    file::{File, FileState},
    ids::Id,
    purchase::Current,
    time::utc_day,
};
use harmonia_ports::{Bucket, ObjectError, Query, Table};
use harmonia_state::{Range, Stored};
use jiff::{ToSpan, civil::Date};
use std::collections::{BTreeMap, BTreeSet};

/// Entries of the file log that are read for one month: a file an hour, or so many batches of messages.
const FILES_MAX: usize = 750;
/// Covering files whose reports are read for their counts and keys: a file an hour.
const REPORTS_MAX: usize = 24;
/// Months before the payment's that are looked through for the latest sale.
const MONTHS_BEFORE: i32 = 1;
/// Ranges of one file whose reports are read: 16 ranges are a file of about 128 MB.
pub(super) const RANGES_MAX: usize = 16;

/// What the file log says of a payment's day.
pub(super) struct Day {
    pub(super) told: DayTold,
    /// Under which keys of other tills that day's files have sales of the payment's amount.
    pub(super) keys: BTreeSet<BookKey>,
    pub(super) notes: Vec<Note>,
}

/// What the reports of a file say, added up.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) report: RangeReport,
    pub(super) there: Vec<u64>,
    /// Not all ranges are in it.
    pub(super) cut: bool,
}

impl Harmonia {
    /// The merchant's files around a payment.
    pub(super) async fn day(
        &self,
        definition: &Definition,
        matching: &Matching,
        now: &Current,
    ) -> Result<Day, StageError> {
        let feed = Feed::Merchant(definition.merchant.clone());
        let day = utc_day(now.at);
        // a file comes after its sales, and before the window closes
        let last = day.saturating_add((i64::from(matching.window_days) + 1).days());
        let first = day.first_of_month().saturating_sub(MONTHS_BEFORE.months());
        let (files, cut) = self.files_between(&feed, first, last).await?;
        let brief = |wanted: &dyn Fn(&File) -> bool| files.iter().filter(|f| wanted(f)).map(FileTold::from).collect();
        let of_those_days = |f: &File| utc_day(f.arrived) >= day;
        let covers = |f: &File| f.dates.is_some_and(|(from, to)| utc_day(from) <= day && day <= utc_day(to));
        let closed = |f: &File| matches!(f.state, FileState::Closed { .. });
        let mut told = DayTold {
            day,
            covering: files.iter().filter(|f| closed(f) && covers(f)).count(),
            open: brief(&|f| of_those_days(f) && matches!(f.state, FileState::Importing | FileState::Stuck)),
            refused: brief(&|f| of_those_days(f) && matches!(f.state, FileState::Unreadable { .. })),
            latest: files.iter().filter(|f| closed(f)).filter_map(|f| f.dates).map(|(_, to)| to).max(),
            skipped: BTreeMap::new(),
            rejected: 0,
        };
        let covering: Vec<&File> = files.iter().filter(|f| closed(f) && covers(f)).collect();
        let mut keys = BTreeSet::new();
        for file in covering.iter().take(REPORTS_MAX) {
            told.rejected += file.totals.rejected;
            let report = self.counts(file, |key| key.minor == now.amount && key.mid != now.mid).await?.report;
            keys.extend(report.keys);
            for (filter, count) in report.skipped {
                *told.skipped.entry(filter).or_default() += count;
            }
        }
        let all_files = cut.then_some(Note::NotAllFiles { files_max: FILES_MAX });
        let all_reports = (covering.len() > REPORTS_MAX).then_some(Note::NotAllReports { files_max: REPORTS_MAX });
        let notes = all_files.into_iter().chain(all_reports).collect();
        Ok(Day { told, keys, notes })
    }

    /// A feed's files that came between two days, both included, oldest first, and whether there are more.
    pub(super) async fn files_between(
        &self,
        feed: &Feed,
        first: Date,
        last: Date,
    ) -> Result<(Vec<File>, bool), StageError> {
        let (mut files, mut cut) = (Vec::new(), false);
        let mut month = first.first_of_month();
        while month <= last {
            let pk = format!("F#{feed}#{}", month.strftime("%Y-%m"));
            let query = Query {
                from: first.to_string(),
                to: format!("{last}~"),
                limit: FILES_MAX,
                ..Query::prefix(Table::Ledger, pk, "")
            };
            let (page, next): (Vec<Stored<File>>, _) = self.store().page(&query).await?;
            files.extend(page.into_iter().map(|stored| stored.row));
            cut |= next.is_some();
            month = month.saturating_add(1.month());
        }
        Ok((files, cut))
    }

    /// What the reports of a file say; of a batch of messages only its reject report is kept.
    pub(super) async fn counts(
        &self,
        file: &File,
        keep: impl Fn(&BookKey) -> bool + Send,
    ) -> Result<Counts, StageError> {
        if file.bucket == Bucket::Archive.as_str() {
            let mut counts = Counts::default();
            if file.totals.rejected > 0 {
                counts.report.rejects = self.rejects_of_batch(file).await?;
            }
            return Ok(counts);
        }
        self.counts_of(&file.id, keep).await
    }

    async fn rejects_of_batch(&self, file: &File) -> Result<Vec<RejectRow>, StageError> {
        let name = format!("{}.rejects.csv", file.object);
        match self.ports.objects.get(Bucket::Archive, &name, None).await {
            Ok(csv) => read_reject_csv(&csv).ok_or(StageError::Message { why: "reject report".to_owned() }),
            Err(ObjectError::Missing { .. }) => Ok(Vec::new()),
            Err(e) => Err(e.into()),
        }
    }

    /// The reports of a file's ranges, added up: as far as they are there, and at most [`RANGES_MAX`]. Of their book
    /// keys only those to keep: there may be one a line.
    pub(super) async fn counts_of(
        &self,
        file: &Id,
        keep: impl Fn(&BookKey) -> bool + Send,
    ) -> Result<Counts, StageError> {
        let query = Query::prefix(Table::Ledger, Range::pk(file), "");
        let ranges: Vec<Stored<Range>> = self.store().list(&query).await?;
        let mut counts = Counts { cut: ranges.len() > RANGES_MAX, ..Counts::default() };
        counts.there = ranges.iter().map(|stored| stored.row.number).collect();
        for range in ranges.iter().take(RANGES_MAX).map(|stored| &stored.row) {
            let object = match self.ports.objects.get(Bucket::Archive, &range.object, None).await {
                Ok(object) => object,
                Err(ObjectError::Missing { .. }) => {
                    counts.cut = true;
                    continue;
                }
                Err(e) => return Err(e.into()),
            };
            let report: RangeReport = serde_json::from_slice(&object)
                .map_err(|e| StageError::Message { why: format!("range result: {:?}", e.classify()) })?;
            counts.report.totals.add(&report.totals);
            counts.report.rejects.extend(report.rejects);
            counts.report.keys.extend(report.keys.into_iter().filter(&keep));
            for (sum, part) in [
                (&mut counts.report.skipped, report.skipped),
                (&mut counts.report.parked, report.parked),
                (&mut counts.report.results, report.results),
            ] {
                for (reason, count) in part {
                    *sum.entry(reason).or_default() += count;
                }
            }
        }
        Ok(counts)
    }
}
