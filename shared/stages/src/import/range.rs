//! A range of a file: its lines are stored, then forwarded, then its result says so (state.md, import file 5-7). A
//! crash anywhere before leaves lines that the next try finds by their source.

use super::{
    file::{is_backfill, raw},
    lines::Origin,
    plan::Planned,
};
use crate::{
    Harmonia, StageError,
    message::{self, Body},
};
use harmonia_domain::file::{File, RangeResult};
use harmonia_feeds::{PlannedRange, read_range};
use harmonia_ports::{Bucket, Queue};
use harmonia_state::{Range, file_key};

impl Harmonia {
    /// Reads one planned range: store, forward, then say so.
    #[tracing::instrument(level = "error", skip_all, fields(feed = %file.feed, file = %file.id, range = number))]
    pub(super) async fn read_range(&self, file: &File, planned: &Planned, number: u64) -> Result<(), StageError> {
        let (header, range) = planned_range(file, planned, number)?;
        let format = self.format(&file.feed).map_err(|why| StageError::Message { why })?;
        let text = self.range_text(raw(file), &planned.text, range).await?;
        let records = read_range(format, header, range, &text);
        let records =
            records.map_err(|e| StageError::Message { why: format!("file {} range {number}: {e}", file.id) })?;
        let stamp = self.stamp(format!("import {}", file.id));
        let group = file_key(&file.feed, file.arrived, &file.id).group();
        let (feed, from, backfill) = (&file.feed, file.id.as_str(), is_backfill(&file.object));
        let origin = Origin { feed, from, arrived: file.arrived, group: Some(&group), backfill };
        let imported = self.import_lines(&origin, records, &stamp).await?;
        let queues = self.ports.queues.as_ref();
        let body = |items| Body::Lines { tries: 0, items };
        message::send(queues, Queue::Identify, file.id.as_str(), (None, 0), &imported.lines, body).await?;
        let object = format!("ranges/{}/{number:06}.json", file.id);
        let report = serde_json::to_vec(&imported.report).map_err(|e| StageError::Message { why: e.to_string() })?;
        self.ports.objects.put_new(Bucket::Archive, &object, report).await?;
        let result = RangeResult { totals: imported.report.totals, dates: imported.report.dates };
        let range = Range { file: file.id.clone(), number, object, result, arrived: file.arrived };
        self.store().insert(&range, &stamp).await?;
        Ok(())
    }
}

/// A range of the plan, with the header that its reader needs.
fn planned_range<'p>(
    file: &File,
    planned: &'p Planned,
    number: u64,
) -> Result<(Option<&'p str>, &'p PlannedRange), StageError> {
    let range = planned.plan.as_ref().ok().and_then(|plan| {
        let range = plan.ranges.iter().find(|range| range.number == number)?;
        Some((plan.header.as_deref(), range))
    });
    range.ok_or_else(|| StageError::Missing { what: "planned range of file", name: format!("{} {number}", file.id) })
}
