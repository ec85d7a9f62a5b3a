//! Reading one line of an input again, for whoever asks what became of it: nothing is stored, planned anew in the work
//! bucket, or forwarded.

use super::{
    file::{is_backfill, raw},
    plan::Planned,
};
use crate::{Harmonia, StageError};
use harmonia_domain::{Source, file::File};
use harmonia_feeds::{Record, read_range};
use harmonia_ports::{Bucket, ObjectError};

/// What stands at a line.
pub(crate) enum Looked {
    /// A record begins there.
    Record(Box<Record>),
    /// No record begins there.
    Nothing,
    /// The file is large and its plan is not kept any more.
    TooLarge,
    /// The bytes are not kept any more.
    Gone,
}

/// A message of an archived batch.
#[derive(serde::Deserialize)]
struct Archived {
    id: String,
    body: String,
}

impl Harmonia {
    /// The record that begins at a line of a file, or is a message of an archived batch, and its source.
    pub(crate) async fn look_at(&self, file: &File, line: u64) -> Result<(Source, Looked), StageError> {
        if file.bucket == Bucket::Archive.as_str() {
            return self.look_at_message(file, line).await;
        }
        let source = Source { from: file.id.as_str().to_owned(), offset: 0, line, backfill: is_backfill(&file.object) };
        let looked = match self.look_into(file, line).await {
            Err(StageError::Object(ObjectError::Missing { .. })) => Looked::Gone,
            other => other?,
        };
        Ok((source, looked))
    }

    async fn look_into(&self, file: &File, line: u64) -> Result<Looked, StageError> {
        let planned: Planned = match &file.plan {
            // small enough for memory, text included
            None => self.plan(raw(file)).await?,
            Some(object) => match self.kept_plan(object).await? {
                Some(planned) => planned,
                None => return Ok(Looked::TooLarge),
            },
        };
        let Ok(plan) = &planned.plan else { return Ok(Looked::Nothing) };
        let Some(range) = plan.ranges.iter().rev().find(|range| range.first_line <= line) else {
            return Ok(Looked::Nothing);
        };
        let format = self.format(&file.feed).map_err(|why| StageError::Message { why })?;
        let text = self.range_text(raw(file), &planned.text, range).await?;
        let records = read_range(format, plan.header.as_deref(), range, &text);
        let mut records = records.map_err(|e| StageError::Message { why: format!("file {}: {e}", file.id) })?;
        let found = records.find(|numbered| numbered.line >= line).filter(|numbered| numbered.line == line);
        Ok(found.map_or(Looked::Nothing, |numbered| Looked::Record(Box::new(numbered.record))))
    }

    async fn look_at_message(&self, file: &File, number: u64) -> Result<(Source, Looked), StageError> {
        let nobody = || Source { from: file.id.as_str().to_owned(), offset: 0, line: number, backfill: false };
        let object = match self.ports.objects.get(Bucket::Archive, &file.object, None).await {
            Ok(object) => object,
            Err(ObjectError::Missing { .. }) => return Ok((nobody(), Looked::Gone)),
            Err(e) => return Err(e.into()),
        };
        let place = number.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let line =
            place.and_then(|place| object.split(|byte| *byte == b'\n').nth(place)).filter(|line| !line.is_empty());
        let Some(line) = line else { return Ok((nobody(), Looked::Nothing)) };
        let message: Archived = serde_json::from_slice(line)
            .map_err(|e| StageError::Message { why: format!("archived message: {:?}", e.classify()) })?;
        let record = self.read(&file.feed, message.body.as_bytes());
        // a message is a line of its own
        Ok((Source { from: message.id, offset: 0, line: 1, backfill: false }, Looked::Record(Box::new(record))))
    }
}
