//! A file for a merchant: rows of one batch, written once (spec match §9.8).

use super::Fact;
use jiff::tz::TimeZone;

/// A file per batch, put into the bucket of exports.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileExport {
    /// How rows are written.
    pub format: FileFormat,
    /// The object's name. Filled in are `{merchant}`, `{run}` (as `20240603T153000`, on the clock of `zone`), `{rows}`
    /// (how many), `{sequence}` (from 1, six digits, none used twice) and `{part}` (empty for the first file of a run,
    /// then `-2`, `-3`, …). No two files may have one name: it needs `{sequence}`, or `{run}` and `{part}`.
    pub name: String,
    /// Whose clock a run is told by; UTC unless given.
    #[serde(default = "crate::zone::utc", deserialize_with = "crate::zone::named")]
    #[schemars(with = "String")]
    pub zone: TimeZone,
    /// The columns, in order.
    pub columns: Vec<Column>,
}

impl FileExport {
    /// Do its names carry a number of their own?
    pub fn numbered(&self) -> bool {
        self.name.contains("{sequence}")
    }
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileFormat {
    /// Commas, a header, every line ends with CRLF, quotes only where needed.
    Csv,
    /// One JSON object a line, without a header.
    JsonLines,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub value: Fact,
}
