//! When a transient failure is tried again (spec match §8.4, decisions D8, D14, D20) and when batches run. Pure: the
//! caller says what time it is. Due instants are exact; the train rounds them (design §3).

use crate::answer::Finding;
use harmonia_definitions::{BatchPlan, Export, FirstAttempt, Repeat, RetryStep};
use harmonia_domain::export::Verdict;
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Time, tz::TimeZone};

/// Longest wait that a merchant may ask for with `Retry-After`: a day.
const RETRY_AFTER_S_MAX: i64 = 86_400;

/// Shortest wait for a first attempt that has to wait (spec match §9.9).
const FIRST_WAIT_S_MIN: i64 = 60;

/// What came of an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    /// What the conversation came to.
    pub finding: &'a Finding,
    /// A request that tells was sent, and its answer is not known (design §4).
    pub unknown: bool,
    /// An earlier attempt may have told the merchant.
    pub unsure: bool,
    /// The merchant's `Retry-After`, as it came.
    pub retry_after: Option<&'a str>,
}

/// What an attempt leads to. `before`: the original's rc, see [`before`]. Each step of the schedule is good for some
/// attempts, and once all are used up a transient failure is final (D20).
pub fn verdict(target: &Export, before: u32, outcome: &Outcome<'_>, now: Timestamp) -> Verdict {
    match outcome.finding {
        Finding::Delivered => Verdict::Delivered,
        Finding::AlreadyThere { .. } if outcome.unsure => Verdict::Delivered,
        Finding::AlreadyThere { why } => Verdict::Skipped { why: why.clone() },
        Finding::Refused { why } => Verdict::Failed { why: why.clone() },
        Finding::Transient { why } if outcome.unknown && target.repeat == Repeat::Never => {
            Verdict::Unconfirmed { why: why.clone() }
        }
        Finding::Transient { why } => match step(&target.retry, before).and_then(|step| due(step, now)) {
            Some(due) => {
                let asked = outcome.retry_after.and_then(|text| retry_after(text, now));
                Verdict::Retry { due: asked.map_or(due, |asked| asked.max(due)), why: why.clone() }
            }
            None => Verdict::Failed { why: why.clone() },
        },
    }
}

/// How many attempts came before in the original's count: one that had to wait for its first instant counts there
/// (spec match §8.4: rc).
pub fn before(target: &Export, attempts: u32, purchased: Timestamp, matched: Timestamp) -> u32 {
    attempts.saturating_add(u32::from(first_due(target, purchased, matched).is_some()))
}

/// Not before this, if the first attempt has to wait (spec match §9.7, §9.9, §9.10).
pub fn first_due(target: &Export, purchased: Timestamp, matched: Timestamp) -> Option<Timestamp> {
    let later = |from: Timestamp, s: i64| from.checked_add(SignedDuration::from_secs(s)).ok();
    match target.first.as_ref()? {
        FirstAttempt::AfterMatchS(wait) => later(matched, i64::from(*wait)),
        FirstAttempt::AfterPurchaseS(wait) => {
            // the original compares the distance: a purchase of tomorrow waits as well (Q-E15)
            let left = SignedDuration::from_secs(i64::from(*wait)) - matched.duration_since(purchased).abs();
            (!left.is_negative())
                .then(|| matched.checked_add(left.max(SignedDuration::from_secs(FIRST_WAIT_S_MIN))).ok())?
        }
        FirstAttempt::TimeOfDay { at, zone } => {
            let local = TimeZone::get(zone).ok()?.to_datetime(matched);
            let time: Time = at.parse().ok()?;
            // at that time, keeping the seconds (Q-E16): a morning's matches do not all go out at once
            let kept = time.with().second(local.second()).subsec_nanosecond(local.subsec_nanosecond()).build().ok()?;
            let due = TimeZone::get(zone).ok()?.to_timestamp(local.date().to_datetime(kept)).ok()?;
            (local.time() < time).then_some(due)
        }
    }
}

/// Seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(text: &str, now: Timestamp) -> Option<Timestamp> {
    let asked = match text.trim().parse::<u32>() {
        Ok(seconds) => now.checked_add(SignedDuration::from_secs(i64::from(seconds))).ok()?,
        Err(_) => jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp(),
    };
    let most = now.checked_add(SignedDuration::from_secs(RETRY_AFTER_S_MAX)).ok()?;
    Some(asked.clamp(now, most))
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

/// The first run of a merchant's batches after `now`: every so many seconds, counted from midnight UTC of each day, or
/// at a time of day.
pub fn next_batch_run(plan: &BatchPlan, now: Timestamp) -> Timestamp {
    if let (Some(at), Some(zone)) = (&plan.at, &plan.zone) {
        let next = || next_at(at.parse().ok()?, &TimeZone::get(zone).ok()?, now);
        return next().unwrap_or(Timestamp::MAX);
    }
    let every = i64::from(plan.every_s.unwrap_or(DAY_S).max(1));
    let second = now.as_second();
    let into_day = second.rem_euclid(i64::from(DAY_S));
    let next = (into_day / every + 1).saturating_mul(every).min(i64::from(DAY_S));
    Timestamp::from_second(second - into_day + next).unwrap_or(Timestamp::MAX)
}

/// A day without leap seconds, as POSIX counts.
const DAY_S: u32 = 86_400;
