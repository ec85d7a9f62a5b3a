//! What has been noted since somebody last took it.

use crate::metric::{Kind, Metric};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Series that a tally holds at most: the table's dimensions give some hundreds. What would be one more is not noted,
/// so that a mistake costs a figure and no memory.
pub const SERIES_MAX: usize = 2_000;
/// Single values of one series that are kept: ten documents. A batch has at most 100 records.
const KEPT_MAX: usize = 1_000;

/// One metric by the values of its dimensions, and what was noted: one number, or each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// The metric.
    pub metric: Metric,
    /// The values of the dimensions it is noted by, in their order.
    pub by: Vec<String>,
    /// In the metric's scale.
    pub values: Vec<u64>,
}

/// Facts of an invocation, summed up.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<Series, Vec<u64>>>);

/// A metric by the values of its dimensions.
type Series = (Metric, Vec<String>);

impl Tally {
    /// Notes a fact. `by`: the values of the metric's dimensions, in their order. Zeros are told as well: a share of
    /// two metrics needs both at the same time.
    pub fn note(&self, metric: Metric, by: &[&str], value: u64) {
        debug_assert_eq!(by.len(), metric.noted_by().len(), "{metric:?} by {by:?}");
        let known = || metric.noted_by().iter().zip(by).all(|(dimension, value)| dimension.may_be(value));
        debug_assert!(known(), "{metric:?} by {by:?}, which nobody knows");
        let kind = metric.about().kind;
        let mut series = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (metric, by.iter().map(|text| (*text).to_owned()).collect());
        if series.len() >= SERIES_MAX && !series.contains_key(&key) {
            return;
        }
        let values = series.entry(key).or_default();
        match kind {
            Kind::Each if values.len() < KEPT_MAX => values.push(value),
            Kind::Each => {}
            Kind::Sum => {
                let sum = values.first().copied().unwrap_or_default();
                *values = vec![sum.saturating_add(value)];
            }
            Kind::Level => *values = vec![value],
        }
    }

    /// Everything noted so far, in the order of the table; the tally is empty afterwards.
    pub fn take(&self) -> Vec<Noted> {
        let series = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        series.into_iter().map(|((metric, by), values)| Noted { metric, by, values }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_added_levels_replaced_and_others_kept() {
        let tally = Tally::default();
        for value in [2, 0, 3] {
            tally.note(Metric::Lines, &["itsu", "accepted"], value);
            tally.note(Metric::Open, &["itsu", "day"], value);
            tally.note(Metric::Lag, &["match"], value);
        }
        tally.note(Metric::LeftOpen, &["itsu"], 0);
        let noted = |metric, by: &[&str], values: &[u64]| Noted {
            metric,
            by: by.iter().map(|text| (*text).to_owned()).collect(),
            values: values.to_vec(),
        };
        let expected = [
            noted(Metric::Lines, &["itsu", "accepted"], &[5]),
            noted(Metric::Open, &["itsu", "day"], &[3]),
            noted(Metric::LeftOpen, &["itsu"], &[0]),
            noted(Metric::Lag, &["match"], &[2, 0, 3]),
        ];
        assert_eq!(tally.take(), expected);
        assert_eq!(tally.take(), []);
    }

    /// What nobody listens to is a mistake, where mistakes are looked for.
    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "which nobody knows")]
    fn a_value_of_a_closed_list_is_in_it() {
        Tally::default().note(Metric::Files, &["itsu", "unballanced"], 1);
    }

    #[test]
    fn a_tally_does_not_grow_without_end() {
        let tally = Tally::default();
        for n in 0..SERIES_MAX + 5 {
            tally.note(Metric::DeadLettered, &[&n.to_string()], 1);
        }
        assert_eq!(tally.take().len(), SERIES_MAX);
        for _ in 0..KEPT_MAX + 5 {
            tally.note(Metric::Lag, &["match"], 1);
        }
        assert_eq!(tally.take()[0].values.len(), KEPT_MAX);
    }
}
