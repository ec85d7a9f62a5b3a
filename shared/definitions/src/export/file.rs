//! A file for a merchant: rows of one batch, written once (spec match §9.8).

use super::http::Fact;

/// A file per batch, put into the bucket of exports.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileExport {
    /// How rows are written.
    pub format: FileFormat,
    /// The object's name: `{merchant}`, `{run}` (as `20240603T153000`, on the clock of `zone`), `{rows}`, `{sequence}` (from 1,
    /// six digits, none used twice) and `{part}` (empty for the first file of a run, then `-2`, …) are filled in. Names
    /// without a sequence need `{run}` and `{part}`: no two files may have one name.
    pub name: String,
    /// Whose clock a run is told by.
    #[serde(default = "utc")]
    pub zone: String,
    /// The columns, in order.
    pub columns: Vec<Column>,
}

impl FileExport {
    /// Do its names carry a number of their own?
    pub fn numbered(&self) -> bool {
        self.name.contains("{sequence}")
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileFormat {
    /// Commas, a header, CRLF, quotes only where needed.
    Csv,
    /// One JSON object a line.
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
