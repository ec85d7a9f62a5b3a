//! A file for a merchant, described as data (spec match §8.8, §9.8): the rows of one batch under a name that is that
//! batch's alone. All attempts write the same bytes, so it does not matter which of them arrived.

use crate::{
    answer::{Answer, Finding, judged},
    build::{Attempt, BatchRun, BuildError, Fault},
    conversation::{File, Step, Talks},
    facts::{Facts, Json},
};
use harmonia_definitions::{FileExport, FileFormat};

/// The conversation: the file, once.
pub(crate) struct Talk(Option<File>);

impl Talk {
    pub(crate) fn begin(attempt: &Attempt<'_>, wanted: &FileExport) -> Result<Self, BuildError> {
        let batch = attempt.batch.ok_or(Fault::NoBatchUid)?;
        if attempt.tellings.is_empty() {
            return Err(Fault::Number { told: 0 }.into());
        }
        let rows = attempt.tellings.iter().enumerate();
        let rows: Vec<_> =
            rows.map(|(i, _)| row(attempt, wanted, i).map_err(BuildError::of(i))).collect::<Result<_, _>>()?;
        let bytes = match wanted.format {
            FileFormat::Csv => csv(wanted, &rows)?,
            FileFormat::JsonLines => json_lines(wanted, rows)?,
        };
        Ok(Self(Some(File { name: name(attempt, wanted, batch)?, bytes })))
    }
}

impl Talks for Talk {
    fn next(&mut self, answer: Option<Answer>) -> Step {
        match self.0.take() {
            Some(file) => Step::Put(file),
            None => Step::Done(read(answer)),
        }
    }
}

/// Whatever is not stored is written again, under the same name.
fn read(answer: Option<Answer>) -> Finding {
    match answer {
        Some(Answer::Stored) => Finding::Delivered,
        other => judged(other, |heard| Finding::transient(format!("HTTP {}", heard.status))),
    }
}

fn row<'a>(attempt: &'a Attempt<'a>, wanted: &FileExport, index: usize) -> Result<Vec<Json<'a>>, Fault> {
    let telling = *attempt.tellings.get(index).ok_or(Fault::Number { told: index })?;
    let facts = Facts { telling, target: &attempt.target };
    wanted.columns.iter().map(|column| facts.fact(&column.value)).collect()
}

fn csv(wanted: &FileExport, rows: &[Vec<Json<'_>>]) -> Result<Vec<u8>, Fault> {
    let fault = |_| Fault::Encoding { what: "the file" };
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(wanted.columns.iter().map(|column| &column.name)).map_err(fault)?;
    for row in rows {
        for value in row {
            writer.write_field(value.plain()?.as_ref()).map_err(fault)?;
        }
        writer.write_record(None::<&[u8]>).map_err(fault)?;
    }
    writer.into_inner().map_err(|_| Fault::Encoding { what: "the file" })
}

fn json_lines(wanted: &FileExport, rows: Vec<Vec<Json<'_>>>) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    for row in rows {
        let names = wanted.columns.iter().map(|column| column.name.as_str());
        let line = Json::Object(names.zip(row).collect());
        serde_json::to_writer(&mut bytes, &line).map_err(|_| Fault::Encoding { what: "the file" })?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

fn name(attempt: &Attempt<'_>, wanted: &FileExport, batch: BatchRun<'_>) -> Result<String, Fault> {
    let run = wanted.zone.to_datetime(batch.run).strftime("%Y%m%dT%H%M%S").to_string();
    let part = match batch.number {
        0 => String::new(),
        number => format!("-{}", u64::from(number) + 1),
    };
    let mut name = wanted.name.clone();
    if name.contains("{sequence}") {
        let sequence = batch.sequence.ok_or(Fault::NoSequence)?;
        name = name.replace("{sequence}", &format!("{sequence:06}"));
    }
    let name = name.replace("{merchant}", attempt.target.merchant.as_str()).replace("{run}", &run);
    Ok(name.replace("{rows}", &attempt.tellings.len().to_string()).replace("{part}", &part))
}
