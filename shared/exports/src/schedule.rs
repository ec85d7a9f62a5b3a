//! When a transient failure is tried again (spec match §8.4, decisions D8, D14, D20) and when batches run. Pure: the
//! caller says what time it is. Due instants are exact; the train rounds them (design §3).

use crate::answer::Finding;
use harmonia_definitions::{BatchPlan, RetryStep};
use harmonia_domain::export::Verdict;
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Time, tz::TimeZone};

/// What an attempt leads to. `attempts_before` is the number of attempts that came before it (the original's rc): each
/// step of the schedule is good for some of them, and once all are used up a transient failure is final (D20).
pub fn verdict(steps: &[RetryStep], attempts_before: u32, finding: &Finding, now: Timestamp) -> Verdict {
    match finding {
        Finding::Delivered => Verdict::Delivered,
        Finding::Refused { why } => Verdict::Failed { why: why.clone() },
        Finding::Transient { why } => match step(steps, attempts_before).and_then(|step| due(step, now)) {
            Some(due) => Verdict::Retry { due, why: why.clone() },
            None => Verdict::Failed { why: why.clone() },
        },
    }
}

fn step(steps: &[RetryStep], attempts_before: u32) -> Option<&RetryStep> {
    let mut good_for: u32 = 0;
    steps.iter().find(|step| {
        good_for = good_for.saturating_add(step.attempts);
        attempts_before < good_for
    })
}

/// `None`: the step names no instant, which the loader does not let through.
fn due(step: &RetryStep, now: Timestamp) -> Option<Timestamp> {
    if let Some(after_s) = step.after_s {
        return now.checked_add(SignedDuration::from_secs(i64::from(after_s))).ok();
    }
    let time: Time = step.at.as_deref()?.parse().ok()?;
    let zone = TimeZone::get(step.zone.as_deref().unwrap_or("UTC")).ok()?;
    next_at(time, &zone, now)
}

/// The next time of day strictly after now. A time that the zone skips moves forward, one that it has twice is the
/// first (D16 is about feeds, not schedules).
fn next_at(time: Time, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let today = zone.to_datetime(now).date();
    let days = (0..3).filter_map(|ahead| today.checked_add(ahead.days()).ok());
    days.filter_map(|day| zone.to_timestamp(day.to_datetime(time)).ok()).find(|due| *due > now)
}

/// The first run of a merchant's batches after `now`: every so many seconds, counted from midnight UTC of each day.
pub fn next_batch_run(plan: &BatchPlan, now: Timestamp) -> Timestamp {
    let every = i64::from(plan.every_s.max(1));
    let second = now.as_second();
    let into_day = second.rem_euclid(86_400);
    let next = (into_day / every + 1).saturating_mul(every).min(86_400);
    Timestamp::from_second(second - into_day + next).unwrap_or(Timestamp::MAX)
}
