//! Spec match §8.4 and §18 (retry times), D8, D9, D14, D20.

use super::{refused, shipped, transient};
use crate::{Finding, next_batch_run, verdict};
use harmonia_definitions::{BatchPlan, RetryStep};
use harmonia_domain::export::Verdict;
use jiff::Timestamp;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn retry(steps: &[RetryStep], attempts_before: u32, now: &str) -> Option<Timestamp> {
    match verdict(steps, attempts_before, &transient("x"), at(now)) {
        Verdict::Retry { due, why } => {
            assert_eq!(why, "x");
            Some(due)
        }
        Verdict::Failed { why } => {
            assert_eq!(why, "x");
            None
        }
        Verdict::Delivered => panic!("delivered"),
    }
}

/// §8.4: rc 0 +20 min, rc 1 to 6 next 10:00; D20: the eighth attempt (rc 7) is the last.
#[test]
fn wasabi_retry_times() {
    let steps = shipped("wasabi-club").retry;
    for (attempts_before, now, due) in [
        (0, "2024-06-03T11:00:00Z", Some("2024-06-03T11:20:00Z")),
        (0, "2024-06-03T23:50:00.25Z", Some("2024-06-04T00:10:00.25Z")),
        // §18
        (1, "2024-06-03T11:00:00Z", Some("2024-06-04T10:00:00Z")),
        (1, "2024-06-03T09:00:00Z", Some("2024-06-03T10:00:00Z")),
        (1, "2024-06-03T10:00:00Z", Some("2024-06-04T10:00:00Z")),
        (1, "2024-06-03T09:59:59.999999Z", Some("2024-06-03T10:00:00Z")),
        (6, "2024-12-31T11:00:00Z", Some("2025-01-01T10:00:00Z")),
        (7, "2024-06-03T11:00:00Z", None),
        (8, "2024-06-03T11:00:00Z", None),
        (u32::MAX, "2024-06-03T11:00:00Z", None),
    ] {
        assert_eq!(retry(&steps, attempts_before, now), due.map(at), "{attempts_before} {now}");
    }
}

/// D9: the same batch, with a back-off.
#[test]
fn iceland_retry_times() {
    let steps = shipped("iceland-bonus-card").retry;
    let now = "2024-06-03T13:30:00Z";
    assert_eq!(retry(&steps, 0, now), Some(at("2024-06-03T13:40:00Z")));
    assert_eq!(retry(&steps, 1, now), Some(at("2024-06-03T14:00:00Z")));
    assert_eq!(retry(&steps, 12, now), Some(at("2024-06-03T14:00:00Z")));
    assert_eq!(retry(&steps, 13, now), Some(at("2024-06-03T14:30:00Z")));
    assert_eq!(retry(&steps, 36, now), Some(at("2024-06-03T14:30:00Z")));
    assert_eq!(retry(&steps, 37, now), None);
}

/// Only a transient failure follows the schedule.
#[test]
fn refused_and_delivered_are_final() {
    let steps = shipped("wasabi-club").retry;
    let now = at("2024-06-03T11:00:00Z");
    assert_eq!(verdict(&steps, 0, &Finding::Delivered, now), Verdict::Delivered);
    assert_eq!(verdict(&steps, 0, &refused("no"), now), Verdict::Failed { why: "no".into() });
    assert_eq!(verdict(&[], 0, &transient("no"), now), Verdict::Failed { why: "no".into() });
}

fn daily(time: &str, zone: Option<&str>) -> [RetryStep; 1] {
    [RetryStep { attempts: 1, after_s: None, at: Some(time.into()), zone: zone.map(Into::into) }]
}

/// D14: the zone is a field; 10:00 in London is 09:00 UTC in summer.
#[test]
fn times_of_day_have_a_zone() {
    let london = daily("10:00", Some("Europe/London"));
    assert_eq!(retry(&london, 0, "2024-06-03T08:59:00Z"), Some(at("2024-06-03T09:00:00Z")));
    assert_eq!(retry(&london, 0, "2024-06-03T09:00:00Z"), Some(at("2024-06-04T09:00:00Z")));
    assert_eq!(retry(&london, 0, "2024-10-26T09:30:00Z"), Some(at("2024-10-27T10:00:00Z")), "the clocks change");
    let skipped = daily("01:30", Some("Europe/London"));
    assert_eq!(retry(&skipped, 0, "2024-03-31T00:00:00Z"), Some(at("2024-03-31T01:30:00Z")), "moves forward");
    let twice = daily("01:30", Some("Europe/London"));
    assert_eq!(retry(&twice, 0, "2024-10-27T00:00:00Z"), Some(at("2024-10-27T00:30:00Z")), "the first");
    assert_eq!(retry(&twice, 0, "2024-10-27T00:45:00Z"), Some(at("2024-10-28T01:30:00Z")));
    assert_eq!(retry(&daily("10:00", None), 0, "2024-06-03T09:30:00Z"), Some(at("2024-06-03T10:00:00Z")), "UTC");
    for (time, zone) in [("25:00", None), ("10:00", Some("Nowhere/Else"))] {
        assert_eq!(retry(&daily(time, zone), 0, "2024-06-03T09:30:00Z"), None);
    }
    assert_eq!(retry(&daily("10:00", None), 0, "9999-12-30T20:00:00Z"), None);
}

#[test]
fn batches_run_by_the_clock() {
    let next = |every_s, now: &str| next_batch_run(&BatchPlan { size: 200, every_s }, at(now)).to_string();
    assert_eq!(next(60, "2024-06-03T13:30:00Z"), "2024-06-03T13:31:00Z");
    assert_eq!(next(60, "2024-06-03T13:30:59.999999Z"), "2024-06-03T13:31:00Z");
    assert_eq!(next(86_400, "2024-06-03T00:00:00Z"), "2024-06-04T00:00:00Z");
    assert_eq!(next(50_000, "2024-06-03T23:00:00Z"), "2024-06-04T00:00:00Z", "counted from midnight anew");
    assert_eq!(next(0, "2024-06-03T00:00:00Z"), "2024-06-03T00:00:01Z");
    assert_eq!(next(60, "1969-12-31T23:59:30Z"), "1970-01-01T00:00:00Z");
    let _ = next_batch_run(&BatchPlan { size: 1, every_s: u32::MAX }, Timestamp::MAX);
    let _ = next_batch_run(&BatchPlan { size: 1, every_s: u32::MAX }, Timestamp::MIN);
}
