//! What the types of a definition cannot say: values that are well formed but make no sense together.

mod feed;

use crate::{
    Definition,
    export::{Export, RetryStep},
    policy::{Matching, Policy},
    route::MatchedAs,
};
use harmonia_domain::feed::{Feed, Kind, Scheme};
use jiff::{civil::Time, tz::TimeZoneDatabase};

/// Longest tolerance of a time test: a day. The auth-code test looks no further either (D15).
const WITHIN_S_MAX: u32 = 86_400;
/// Longest matching window; beyond it the horizon of sales (120 days, design §4) would come into sight.
const WINDOW_DAYS_MAX: u16 = 60;
/// Longest single wait before a repeat: a week.
const AFTER_S_MAX: u32 = 7 * 86_400;
/// Seconds of a day: batch runs are counted from midnight.
const DAY_S: u32 = 86_400;

/// A key and what is wrong with it.
pub(super) struct Problem {
    pub(super) key: String,
    pub(super) reason: String,
}

type Checked = Result<(), Problem>;

fn ensure(holds: bool, key: impl Into<String>, reason: impl Into<String>) -> Checked {
    if holds { Ok(()) } else { Err(Problem { key: key.into(), reason: reason.into() }) }
}

/// The first thing that is wrong with a definition.
pub(super) fn first_problem(definition: &Definition) -> Option<Problem> {
    whole(definition).err()
}

fn whole(definition: &Definition) -> Checked {
    let is_merchant = matches!(definition.merchant.as_str().parse(), Ok(Feed::Merchant(_)));
    ensure(is_merchant, "merchant", "this is the name of a payment scheme's feed")?;
    ensure(!definition.version.trim().is_empty(), "version", "the version is blank")?;
    zone("visa_auth_zone", &definition.visa_auth_zone)?;
    route(definition)?;
    definition.feed.as_ref().map_or(Ok(()), feed::feed)?;
    definition.matching.as_ref().map_or(Ok(()), matching)?;
    definition.export.as_ref().map_or(Ok(()), export)
}

fn route(definition: &Definition) -> Checked {
    let loyalty = definition.route.matched == Some(MatchedAs::Loyalty);
    ensure(!loyalty || definition.matching.is_some(), "route.match", "loyalty needs a [match] part")?;
    ensure(!loyalty || definition.feed.is_some(), "route.match", "loyalty needs a [feed] part")?;
    let streamed = |kind| definition.route.streams(kind);
    ensure(!streamed(Kind::Merchant), "route.stream", "only auth, settled and refund lines are streamed")?;
    let twice = definition.route.matched.is_some() && (streamed(Kind::Auth) || streamed(Kind::Settled));
    ensure(!twice, "route.stream", "a purchase is either matched or streamed, or its merchant hears of it twice")
}

fn zone(key: &str, name: &str) -> Checked {
    ensure(TimeZoneDatabase::bundled().get(name).is_ok(), key, format!("no time zone is called {name:?}"))
}

fn matching(matching: &Matching) -> Checked {
    let days = matching.window_days;
    ensure((1..=WINDOW_DAYS_MAX).contains(&days), "match.window_days", format!("not between 1 and {WINDOW_DAYS_MAX}"))?;
    Scheme::ALL.into_iter().try_for_each(|scheme| {
        let key = format!("match.{scheme}");
        matching.policy(scheme).map_or(Ok(()), |one| policy(&key, one))
    })
}

fn policy(key: &str, policy: &Policy) -> Checked {
    let within = format!("{key}.within_s");
    if !policy.tests_time() {
        return ensure(policy.within_s == 0, within, "no time is compared by this policy");
    }
    let sane = (1..=WITHIN_S_MAX).contains(&policy.within_s);
    ensure(sane, within, format!("not between 1 and {WITHIN_S_MAX}"))
}

fn export(export: &Export) -> Checked {
    let host = ["https://", "http://"].into_iter().find_map(|start| export.base_url.strip_prefix(start));
    let url = host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'));
    ensure(url, "export.base_url", "not an http or https address")?;
    if let Some(batch) = export.batch {
        ensure(batch.size > 0, "export.batch.size", "a batch of none")?;
        let sane = (1..=DAY_S).contains(&batch.every_s);
        ensure(sane, "export.batch.every_s", format!("not between 1 and {DAY_S}"))?;
    }
    export.retry.iter().enumerate().try_for_each(|(index, step)| retry(&format!("export.retry.{index}"), step))
}

/// A step waits either for a while or for a time of day in a zone.
fn retry(key: &str, step: &RetryStep) -> Checked {
    ensure(step.attempts > 0, format!("{key}.attempts"), "a step for no attempt")?;
    match (step.after_s, &step.at, &step.zone) {
        (Some(wait), None, None) => {
            let sane = (1..=AFTER_S_MAX).contains(&wait);
            ensure(sane, format!("{key}.after_s"), format!("not between 1 and {AFTER_S_MAX}"))
        }
        (None, Some(at), Some(name)) => {
            let time = at.len() == 5 && Time::strptime("%H:%M", at).is_ok();
            ensure(time, format!("{key}.at"), "not a time of day such as 10:00")?;
            zone(&format!("{key}.zone"), name)
        }
        _ => ensure(false, key, "needs either after_s or at with zone"),
    }
}
