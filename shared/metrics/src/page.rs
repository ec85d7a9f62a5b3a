//! docs/metrics.md, written from the table.

use crate::metric::{Dimension, Kind, Metric};
use std::fmt::Write;

const HEAD: &str = "# Metrics

Functions print what they counted at the end of each invocation, as documents of CloudWatch's embedded metric format;
CloudWatch makes metrics of them in the namespace `Harmonia/<environment>`. What an invocation counted is lost if its
process dies (a time-out): these figures are for dashboards and alarms, the file log and the audit log are for accounts.

This page is written by a test ([shared/metrics/src/page.rs](../shared/metrics/src/page.rs)) from the table in
[metric.rs](../shared/metrics/src/metric.rs), and the test fails if they differ; `HARMONIA_WRITE_DOCS=1 cargo test -p
harmonia-metrics` writes it anew. The alarms are in [runbooks.md](runbooks.md).

A metric is told by each of its sets of dimensions: the first is the finest, `all` is the sum over everything. *Sum*,
*Maximum* and *p99* are the statistics to read it with.
";

/// The page.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for metric in Metric::ALL {
        let row = metric.about();
        let statistic = match row.kind {
            Kind::Sum => "Sum",
            Kind::Level => "Maximum",
            Kind::Each => "p50, p99",
        };
        let set = |set: &&[Dimension]| match set {
            [] => "all".to_owned(),
            set => set.iter().map(|d| d.name()).collect::<Vec<_>>().join(" + "),
        };
        let sets = row.sets.iter().map(set).collect::<Vec<_>>().join("; ");
        let text = format!("Unit {}, statistic {statistic}. By {sets}.", row.unit.name());
        let _ = write!(page, "\n## {}\n\n{}.\n{text}\n", row.name, wrapped(&capital(row.meaning)));
    }
    page.push_str("\n## Dimensions\n\n| dimension | values |\n|---|---|\n");
    for dimension in Dimension::ALL {
        let _ = writeln!(page, "| {} | {} |", dimension.name(), dimension.values());
    }
    page
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Lines of a Markdown file have at most 120 characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + word.chars().count() < 118 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn metrics_are_documented() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
        let page = page();
        if std::env::var_os("HARMONIA_WRITE_DOCS").is_some() {
            fs::write(&path, &page).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(written == page, "docs/metrics.md says something else; HARMONIA_WRITE_DOCS=1 writes:\n{page}");
        assert!(page.lines().all(|line| line.chars().count() <= 120), "a line is too long");
    }
}
