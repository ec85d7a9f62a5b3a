//! What a range leaves beside its file: totals, rejects, and the book keys that matching has to hear of.

use harmonia_domain::{
    export::BookKey,
    outcome::{Reject, Totals},
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A rejected line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RejectRow {
    /// Line number in the file, from 1.
    pub line: u64,
    /// Field, reason, class of the value.
    #[serde(flatten)]
    pub reject: Reject,
}

/// What came out of a range. Stored as an object; its totals also in the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RangeReport {
    /// Outcomes.
    pub totals: Totals,
    /// Earliest and latest instant of counted lines.
    pub dates: Option<(Timestamp, Timestamp)>,
    /// Rejected lines.
    pub rejects: Vec<RejectRow>,
    /// Skipped lines by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Parked lines by reason.
    pub parked: BTreeMap<String, u64>,
    /// A receiver's accepted lines by their result.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub results: BTreeMap<String, u64>,
    /// Book keys of its sales.
    pub keys: BTreeSet<BookKey>,
}

/// The reject report that partners read: CSV, one line each. Values are never in it.
pub(super) fn reject_csv<'a>(rejects: impl Iterator<Item = &'a RejectRow>) -> String {
    let row = |row: &RejectRow| {
        let reason = serde_json::to_value(row.reject.reason).unwrap_or_default();
        let class = serde_json::to_value(row.reject.class).unwrap_or_default();
        let field = row.reject.field.replace('"', "\"\"");
        let plain = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
        format!("{},\"{field}\",{},{}\r\n", row.line, plain(&reason), plain(&class))
    };
    std::iter::once("line,field,reason,value\r\n".to_owned()).chain(rejects.map(row)).collect()
}

/// Reads a reject report again; `None` if it is none.
pub(crate) fn read_reject_csv(bytes: &[u8]) -> Option<Vec<RejectRow>> {
    let known = |name: &str| serde_json::Value::String(name.to_owned());
    let row = |row: csv::Result<csv::StringRecord>| {
        let row = row.ok()?;
        let (reason, class) = (serde_json::from_value(known(row.get(2)?)), serde_json::from_value(known(row.get(3)?)));
        let reject = Reject { field: row.get(1)?.to_owned(), reason: reason.ok()?, class: class.ok()? };
        Some(RejectRow { line: row.get(0)?.parse().ok()?, reject })
    };
    csv::Reader::from_reader(bytes).into_records().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use harmonia_domain::outcome::RejectReason;

    /// D2: the report names line, field, reason and class of the value, never the value.
    #[test]
    fn the_reject_report_is_csv() {
        let row = RejectRow { line: 7, reject: Reject::value("Amount", RejectReason::BadAmount, "1,234.50") };
        let text = reject_csv([&row].into_iter());
        assert_eq!(text, "line,field,reason,value\r\n7,\"Amount\",bad-amount,number\r\n");
        let quoted = RejectRow { line: 8, reject: Reject::missing("a \"b\", c") };
        let text = reject_csv([&row, &quoted].into_iter());
        assert_eq!(read_reject_csv(text.as_bytes()), Some(vec![row, quoted]));
        assert_eq!(read_reject_csv(b"line,field,reason,value\r\nx,y\r\n"), None);
    }
}
