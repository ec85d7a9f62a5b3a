//! What an invocation counted, as documents in the function's log (docs/metrics.md).

use harmonia_aws::{Capacity, Units};
use harmonia_metrics::{Metric, Tally, documents};
use harmonia_ports::Table;
use jiff::Timestamp;
use std::{io::Write, sync::Arc, time::Duration};

/// Who counts, and where.
pub(super) struct Meter {
    pub(super) namespace: String,
    pub(super) function: String,
    /// Megabytes of memory that the function has.
    pub(super) memory: u64,
    pub(super) tally: Arc<Tally>,
    pub(super) capacity: Arc<Capacity>,
}

impl Meter {
    /// Everything since the last time, as documents.
    fn told(&self, request: &str, took: Duration, now: Timestamp) -> Vec<String> {
        let function = self.function.as_str();
        for table in Table::ALL {
            let units = self.capacity.take(table);
            let by = [function, table.as_str()];
            if units != Units::default() {
                self.tally.note(Metric::ReadUnits, &by, units.read_tenths);
                self.tally.note(Metric::WriteUnits, &by, units.write_tenths);
            }
        }
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.tally.note(Metric::Work, &[function], milliseconds.saturating_mul(self.memory));
        documents(&self.namespace, now, &[("requestId", request)], &self.tally.take())
    }

    /// Prints what was counted. Standard output is the function's log; a line that cannot be written is lost.
    pub(super) fn tell(&self, request: &str, took: Duration) {
        let text: String =
            self.told(request, took, Timestamp::now()).into_iter().map(|document| document + "\n").collect();
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_is_told_once() {
        let tally = Arc::<Tally>::default();
        tally.note(Metric::Lines, &["itsu", "accepted"], 5);
        let meter = Meter {
            namespace: "Harmonia/dev".to_owned(),
            function: "import".to_owned(),
            memory: 512,
            tally,
            capacity: Arc::default(),
        };
        let told = |request| -> Vec<serde_json::Value> {
            let told = meter.told(request, Duration::from_millis(250), Timestamp::UNIX_EPOCH);
            told.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
        };
        let first = told("r-1");
        assert_eq!(first.len(), 2, "{first:?}");
        assert!(first.iter().all(|document| document["requestId"] == "r-1"));
        assert!(first.iter().any(|document| document["Lines"] == 5 && document["Feed"] == "itsu"));
        assert!(first.iter().any(|document| document["Work"] == 128.0 && document["Function"] == "import"));
        assert!(told("r-2").iter().all(|document| document.get("Lines").is_none()));
    }
}
