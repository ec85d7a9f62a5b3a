//! Texts of instants in keys: RFC 3339, UTC, always six fractional digits, so that they sort as text (state.md).

use jiff::Timestamp;

/// The sortable text of an instant, e.g. `2024-06-03T11:42:00.000000Z`.
pub fn sortable(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// The UTC day of an instant, as the original's same-day rule and window use it (D15, design §4).
pub fn utc_day(at: Timestamp) -> jiff::civil::Date {
    jiff::tz::Offset::UTC.to_datetime(at).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_sort_as_text() {
        let early: Timestamp = "2024-06-03T11:42:00Z".parse().unwrap();
        let late: Timestamp = "2024-06-03T11:42:00.000001Z".parse().unwrap();
        assert_eq!(sortable(early), "2024-06-03T11:42:00.000000Z");
        assert!(sortable(early) < sortable(late));
        assert_eq!(utc_day("2024-06-02T23:59:59Z".parse().unwrap()).to_string(), "2024-06-02");
    }
}
