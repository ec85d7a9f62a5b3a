//! What the types of a definition cannot say: values that are well formed but make no sense together.

mod export;
mod feed;
mod results;

use crate::{
    Definition,
    policy::{Matching, Policy},
    route::MatchedAs,
    unmatched::Unmatched,
};
use harmonia_domain::feed::{Feed, Kind, Scheme};
use jiff::tz::TimeZoneDatabase;

/// Longest tolerance of a time test: a day. The auth-code test looks no further either (D15).
const WITHIN_S_MAX: u32 = 86_400;
/// Longest matching window; beyond it the horizon of sales (120 days, design §4) would come into sight.
const WINDOW_DAYS_MAX: u16 = 60;

/// Longest wait before a payment counts as unmatched: the book keeps payments for 63 days (state.md).
const UNMATCHED_DAYS_MAX: u16 = 60;

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
    definition.unmatched.as_ref().map_or(Ok(()), |unmatched| collector(definition, unmatched))?;
    definition.results.as_ref().map_or(Ok(()), |results| results::results(definition, results))?;
    definition.export.as_ref().map_or(Ok(()), export::export)
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

fn collector(definition: &Definition, unmatched: &Unmatched) -> Checked {
    ensure(unmatched.of != definition.merchant, "unmatched.of", "a merchant hears of its own payments by its route")?;
    let days = (1..=UNMATCHED_DAYS_MAX).contains(&unmatched.after_days);
    ensure(days, "unmatched.after_days", format!("not between 1 and {UNMATCHED_DAYS_MAX}"))?;
    export::full_minutes("unmatched.every_s", unmatched.every_s)?;
    ensure(definition.export.is_some(), "unmatched", "whom it is told to needs an [export] part")
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
