//! Which lines may meet at all: by arrival (the window) and by instant (the range of the book query).

use crate::Candidate;
use harmonia_definitions::{Key, Matching, Policy};
use harmonia_domain::{feed::Scheme, purchase::Current, time::utc_day};
use jiff::{SignedDuration, Timestamp, civil::Date, tz::Offset};

/// Seconds of a UTC day: Unix time has no leap seconds.
const DAY_S: i64 = 86_400;

/// The UTC day of an instant, counted from 1970.
pub(crate) fn day_number(at: Timestamp) -> i64 {
    // seconds are cut towards 1970
    let second = at.as_second() - i64::from(at.subsec_nanosecond() < 0);
    second.div_euclid(DAY_S)
}

/// Design §4: two lines may meet if midnight UTC of the later arrival's day, `days` earlier, is not after the earlier
/// arrival. Depends on the two arrivals only, never on the clock; both orders give the same answer.
pub fn in_window(days: u16, one_arrived: Timestamp, other_arrived: Timestamp) -> bool {
    let (one, other) = (day_number(one_arrived), day_number(other_arrived));
    // an instant is not before a midnight if and only if its day is not
    one.abs_diff(other) <= u64::from(days)
}

/// The widest range of sale instants, both ends included, that the policy could accept for this payment: the range of
/// the book query. With an auth code it is the payment's UTC day (D15) joined with the tolerance, so that `explain`
/// also sees the sale just across midnight. Without one, a policy that tests nothing else has no end either way (D15):
/// the window bounds it. `None`: no policy, nothing to look for.
pub fn sale_times(matching: &Matching, scheme: Scheme, payment: &Current) -> Option<(Timestamp, Timestamp)> {
    let policy = matching.policy(scheme)?;
    Some(match (policy.key, payment.auth_code.is_empty()) {
        (Key::AuthCode, true) | (Key::Any, _) => (Timestamp::MIN, Timestamp::MAX),
        (key, no_code) => around(policy, payment.at, key != Key::Time && !no_code),
    })
}

/// The auth code of every sale that the policy could accept for this payment; `None`: it may be any.
pub fn sale_code<'a>(matching: &Matching, scheme: Scheme, payment: &'a Current) -> Option<&'a str> {
    let code = payment.auth_code.as_str();
    (compares_codes(matching, scheme) && !code.is_empty()).then_some(code)
}

/// The auth codes of every payment that could accept this sale (one without a code is judged by something else);
/// `None`: they may be any.
pub fn payment_codes<'a>(matching: &Matching, scheme: Scheme, sale: &'a Candidate) -> Option<[&'a str; 2]> {
    compares_codes(matching, scheme).then_some([sale.auth_code.as_str(), ""])
}

fn compares_codes(matching: &Matching, scheme: Scheme) -> bool {
    matching.policy(scheme).is_some_and(|policy| matches!(policy.key, Key::AuthCodeOrTime | Key::AuthCode))
}

fn around(policy: &Policy, at: Timestamp, by_day: bool) -> (Timestamp, Timestamp) {
    let tolerance = SignedDuration::from_secs(i64::from(policy.within_s));
    let from = at.checked_sub(tolerance).unwrap_or(Timestamp::MIN);
    let to = at.checked_add(tolerance).unwrap_or(Timestamp::MAX);
    if !by_day {
        return (from, to);
    }
    let day = utc_day(at);
    let last = day.tomorrow().map_or(Timestamp::MAX, midnight).checked_sub(SignedDuration::from_nanos(1));
    (from.min(midnight(day)), to.max(last.unwrap_or(Timestamp::MAX)))
}

fn midnight(day: Date) -> Timestamp {
    Offset::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).unwrap_or(Timestamp::MIN)
}
