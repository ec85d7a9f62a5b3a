//! How a merchant is told at present (state.md item C): paused by a person, given a rest by the breaker, or at the
//! merchant's own limit. Pure: the caller says what time it is.

use crate::{export::Redress, feed::Slug};
use jiff::{SignedDuration, Timestamp};

/// So many failures in a row and the merchant is given a rest: enough to be sure that it is not one export's fault.
pub const FAILURES_MAX: u32 = 5;
/// The first rest. Each further failure doubles it …
const REST_S: i64 = 60;
/// … up to ten minutes: half of the shortest wait of a retry schedule, so that no schedule is lost to the breaker.
const REST_S_MAX: i64 = 600;
/// A merchant that did not fail for so long starts anew: failures an hour apart are not in a row.
const FORGET_S: i64 = 900;
/// Whoever makes the trial after a rest has so long, longer than any attempt; then somebody else may.
const TRIAL_S: i64 = 90;

/// What was found wrong, and by whom it was paused.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Control {
    /// Who is told.
    #[serde(rename = "m")]
    pub merchant: Slug,
    /// Matching goes on, exports wait (who, when, why).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paused: Option<Redress>,
    /// Failures in a row that are the merchant's as a whole: not reached, no answer, 5xx.
    pub failures: u32,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failed: Option<Timestamp>,
    /// Nobody tries before this.
    #[serde(rename = "rest", skip_serializing_if = "Option::is_none", default)]
    pub rests_until: Option<Timestamp>,
    /// The minute that `used` counts, for merchants with a limit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub minute: Option<Timestamp>,
    /// Exports sent or about to be sent in that minute.
    #[serde(default)]
    pub used: u32,
}

/// May the merchant be told now?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Door {
    /// Yes.
    Open,
    /// A rest is over: one attempt, to see whether it is back.
    Trial,
    /// Not before.
    Shut(Timestamp),
    /// Not until a person says so.
    Paused,
}

fn later(now: Timestamp, s: i64) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(s)).unwrap_or(Timestamp::MAX)
}

impl Control {
    /// Nothing is wrong.
    pub fn of(merchant: Slug) -> Self {
        Self { merchant, paused: None, failures: 0, failed: None, rests_until: None, minute: None, used: 0 }
    }

    /// May it be told now?
    pub fn door(&self, now: Timestamp) -> Door {
        match self.rests_until {
            _ if self.paused.is_some() => Door::Paused,
            Some(until) if until > now => Door::Shut(until),
            Some(_) => Door::Trial,
            None => Door::Open,
        }
    }

    /// Somebody makes the trial.
    #[must_use]
    pub fn on_trial(&self, now: Timestamp) -> Self {
        Self { rests_until: Some(later(now, TRIAL_S)), ..self.clone() }
    }

    /// After attempts: how many failed in a row at the end, and whether any got an answer.
    #[must_use]
    pub fn after(&self, failures: u32, answered: bool, now: Timestamp) -> Self {
        let stale = self.failed.is_some_and(|last| now.duration_since(last).as_secs() > FORGET_S);
        let earlier = if answered || stale { 0 } else { self.failures };
        let failures = earlier.saturating_add(failures);
        let over = failures.checked_sub(FAILURES_MAX);
        let rest_s = |over: u32| (REST_S << over.min(4)).min(REST_S_MAX);
        let failed = if failures == 0 { None } else { Some(now) };
        Self { failures, failed, rests_until: over.map(|over| later(now, rest_s(over))), ..self.clone() }
    }

    /// Takes up to `wanted` of what a minute allows: what is granted, and the control after it.
    pub fn granted(&self, wanted: u32, per_minute: u32, minute: Timestamp) -> (u32, Self) {
        let used = if self.minute == Some(minute) { self.used } else { 0 };
        let granted = wanted.min(per_minute.saturating_sub(used));
        (granted, Self { minute: Some(minute), used: used + granted, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn control() -> Control {
        Control::of("wasabi-club".parse().unwrap())
    }

    #[test]
    fn a_merchant_that_fails_again_and_again_is_given_a_rest() {
        let now = at("2024-06-03T12:00:00Z");
        let four = control().after(4, false, now);
        assert_eq!(four.door(now), Door::Open);
        let five = four.after(1, false, now);
        assert_eq!(five.door(now), Door::Shut(at("2024-06-03T12:01:00Z")));
        let back = at("2024-06-03T12:01:00Z");
        assert_eq!(five.door(back), Door::Trial);
        let tried = five.on_trial(back);
        assert_eq!(tried.door(back), Door::Shut(at("2024-06-03T12:02:30Z")), "one trial at a time");
        assert_eq!(tried.door(at("2024-06-03T12:02:30Z")), Door::Trial, "who made it died");
        assert_eq!(tried.after(1, false, back).door(back), Door::Shut(at("2024-06-03T12:03:00Z")), "twice as long");
        assert_eq!(tried.after(100, false, back).door(back), Door::Shut(at("2024-06-03T12:11:00Z")), "ten minutes");
        assert_eq!(tried.after(0, true, back), control(), "it is back");
    }

    #[test]
    fn failures_far_apart_are_not_in_a_row() {
        let four = control().after(4, false, at("2024-06-03T12:00:00Z"));
        assert_eq!(four.after(1, false, at("2024-06-03T12:15:01Z")).failures, 1);
        assert_eq!(four.after(2, true, at("2024-06-03T12:00:01Z")).failures, 2, "an answer, then two failures");
    }

    #[test]
    fn a_pause_outlasts_everything() {
        let now = at("2024-06-03T12:00:00Z");
        let undo = Redress { by: "ann".into(), on: now, why: "their maintenance".into() };
        let paused = Control { paused: Some(undo), ..control() };
        assert_eq!(paused.door(now), Door::Paused);
        assert_eq!(paused.after(9, false, now).door(now), Door::Paused);
    }

    #[test]
    fn a_limit_counts_by_the_minute() {
        let minute = at("2024-06-03T12:00:00Z");
        let (granted, control) = control().granted(7, 10, minute);
        assert_eq!(granted, 7);
        let (granted, control) = control.granted(7, 10, minute);
        assert_eq!(granted, 3);
        assert_eq!(control.granted(1, 10, minute).0, 0);
        assert_eq!(control.granted(7, 10, at("2024-06-03T12:01:00Z")).0, 7);
    }
}
