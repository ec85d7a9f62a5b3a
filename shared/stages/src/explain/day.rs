//! Whether a merchant's sales of a day have come at all: by the file log, which says of each file from when to when its
//! lines are.

use super::facts::{DayTold, FileTold, Note};
use crate::{Harmonia, StageError, import::RangeReport};
use harmonia_definitions::{Definition, Matching};
use harmonia_domain::{
    feed::Feed,
    file::{File, FileState},
    ids::Id,
    time::utc_day,
};
use harmonia_ports::{Bucket, ObjectError, Query, Read, Table};
use harmonia_state::{Range, Stored};
use jiff::{Timestamp, ToSpan, civil::Date};
use std::collections::BTreeMap;

/// Entries of the file log that are read for one month: a file an hour, or so many batches of messages.
const FILES_MAX: usize = 750;
/// Covering files whose reports are read for their counts.
const REPORTS_MAX: usize = 4;
/// Months before the payment's that are looked through for the latest sale.
const MONTHS_BEFORE: i32 = 1;
/// Ranges of one file whose reports are read: 16 ranges are a file of about 128 MB.
pub(super) const RANGES_MAX: usize = 16;

/// What the reports of a file say, added up.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) report: RangeReport,
    pub(super) there: Vec<u64>,
    /// Not all ranges are in it.
    pub(super) cut: bool,
}

impl Harmonia {
    /// The merchant's files around an instant.
    pub(super) async fn day(
        &self,
        definition: &Definition,
        matching: &Matching,
        at: Timestamp,
    ) -> Result<(DayTold, Vec<Note>), StageError> {
        let feed = Feed::Merchant(definition.merchant.clone());
        let day = utc_day(at);
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
            covering: brief(&|f| closed(f) && covers(f)),
            open: brief(&|f| of_those_days(f) && matches!(f.state, FileState::Importing | FileState::Stuck)),
            refused: brief(&|f| of_those_days(f) && matches!(f.state, FileState::Unreadable { .. })),
            latest: files.iter().filter(|f| closed(f)).filter_map(|f| f.dates).map(|(_, to)| to).max(),
            skipped: BTreeMap::new(),
            rejected: 0,
        };
        let covering: Vec<&File> = files.iter().filter(|f| closed(f) && covers(f)).collect();
        for file in covering.iter().take(REPORTS_MAX) {
            told.rejected += file.totals.rejected;
            for (filter, count) in self.counts(&file.id).await?.report.skipped {
                *told.skipped.entry(filter).or_default() += count;
            }
        }
        let notes = if cut { vec![Note::NotAllFiles { files_max: FILES_MAX }] } else { Vec::new() };
        Ok((told, notes))
    }

    /// A feed's files that came between two days, both included, oldest first, and whether there are more.
    pub(super) async fn files_between(
        &self,
        feed: &Feed,
        first: Date,
        last: Date,
    ) -> Result<(Vec<File>, bool), StageError> {
        let last = last.min(utc_day(self.now()));
        let (mut files, mut cut) = (Vec::new(), false);
        let mut month = first.first_of_month();
        while month <= last {
            let pk = format!("F#{feed}#{}", month.strftime("%Y-%m"));
            let query = Query {
                from: first.to_string(),
                to: format!("{last}~"),
                read: Read::Eventual,
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

    /// The reports of a file's ranges, added up: as far as they are there, and at most [`RANGES_MAX`].
    pub(super) async fn counts(&self, file: &Id) -> Result<Counts, StageError> {
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
            for (sum, part) in
                [(&mut counts.report.skipped, report.skipped), (&mut counts.report.parked, report.parked)]
            {
                for (reason, count) in part {
                    *sum.entry(reason).or_default() += count;
                }
            }
        }
        Ok(counts)
    }
}
