//! Where the tests end: tolerance, UTC day, matching window, and the ranges that queries use.

use super::{CARD, Expect, NOON, at, outcome, paid, payment, sale, shipped};
use crate::{Candidate, Decision, decide, in_window, sale_times};
use harmonia_domain::{
    feed::Scheme::{Amex, Mastercard, Visa},
    purchase::Current,
};
use jiff::{SignedDuration, Timestamp};

fn micros_after_noon(micros: i64) -> Candidate {
    let at = at(NOON).checked_add(SignedDuration::from_micros(micros)).unwrap();
    Candidate { at, ..sale(0, "", CARD) }
}

/// §4.8: both ends inclusive, full precision.
#[test]
fn the_tolerance_includes_both_ends() {
    for (merchant, limit_s) in [("wasabi-club", 180), ("iceland-bonus-card", 60)] {
        let limit = limit_s * 1_000_000;
        for (micros, fits) in [
            (limit, true),
            (-limit, true),
            (limit - 1, true),
            (-limit + 1, true),
            (limit + 1, false),
            (-limit - 1, false),
        ] {
            for scheme in [Visa, Mastercard, Amex] {
                let sales = [micros_after_noon(micros)];
                let verdict = decide(&shipped(merchant), scheme, &payment(), CARD.0, CARD.1, &sales);
                let expect = if fits { Expect::Match(0) } else { Expect::None };
                assert_eq!(outcome(&verdict), expect, "{merchant} {scheme} {micros}");
            }
        }
    }
}

#[test]
fn evidence_and_reasons_keep_the_precision() {
    let matching = shipped("wasabi-club");
    let tell = |micros| decide(&matching, Visa, &payment(), CARD.0, CARD.1, &[micros_after_noon(micros)]);
    assert_eq!(tell(180_000_001).reasons[0].to_string(), "+180.000001s from the payment, limit 180s");
    for (micros, code) in [(-500_000, "time:-0.5s"), (0, "time:+0s"), (-19_000_000, "time:-19s")] {
        let Decision::Match { evidence, .. } = tell(micros).decision else { panic!("{micros}") };
        let codes: Vec<String> = evidence.iter().map(ToString::to_string).collect();
        assert_eq!(codes, [code]);
    }
}

/// D15: UTC days, even in British summer time, and whatever the distance.
#[test]
fn the_same_day_is_a_utc_day() {
    let matching = shipped("wasabi-club");
    for (paid_at, sold_at, fits) in [
        ("2024-06-03T00:00:00Z", "2024-06-03T23:59:59.999999Z", true),
        ("2024-06-03T23:59:59.999999Z", "2024-06-04T00:00:00Z", false),
        ("2024-06-03T00:00:00Z", "2024-06-02T23:59:59.999999Z", false),
        // 23:45 and 00:15 in London: two local days, one UTC day
        ("2024-06-03T22:45:00Z", "2024-06-03T23:15:00Z", true),
        // 00:59 and 01:01 in London: one local day, two UTC days
        ("2024-06-03T23:59:00Z", "2024-06-04T00:01:00Z", false),
        // the autumn hour that London has twice
        ("2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z", true),
    ] {
        let pay = Current { at: at(paid_at), ..paid("7", None, None) };
        let sales = [Candidate { at: at(sold_at), ..sale(0, "7", CARD) }];
        let verdict = decide(&matching, Visa, &pay, CARD.0, CARD.1, &sales);
        assert_eq!(outcome(&verdict) == Expect::Match(0), fits, "{paid_at} {sold_at}");
    }
}

/// Design §4: the UTC day of the later arrival less 14 days is not after the earlier arrival.
#[test]
fn the_window_is_between_arrivals() {
    for (later, earlier, fits) in [
        ("2024-06-17T00:00:00Z", "2024-06-03T00:00:00Z", true),
        ("2024-06-17T23:59:59.999999Z", "2024-06-03T00:00:00Z", true),
        ("2024-06-17T23:59:59.999999Z", "2024-06-02T23:59:59.999999Z", false),
        ("2024-06-17T00:00:00Z", "2024-06-02T23:59:59.999999Z", false),
        ("2024-06-18T00:00:00Z", "2024-06-03T23:59:59Z", false),
        ("2024-06-03T12:00:00Z", "2024-06-03T12:00:00Z", true),
    ] {
        assert_eq!(in_window(14, at(later), at(earlier)), fits, "{later} {earlier}");
        assert_eq!(in_window(14, at(earlier), at(later)), fits, "{earlier} {later}");
    }
    assert!(in_window(u16::MAX, Timestamp::MIN, Timestamp::MIN) && !in_window(0, Timestamp::MIN, Timestamp::MAX));
}

#[test]
fn the_ranges_hold_all_that_a_policy_accepts() {
    let wasabi = shipped("wasabi-club");
    let coded = paid("7", None, None);
    assert_eq!(
        sale_times(&wasabi, Visa, &coded),
        Some((at("2024-06-03T00:00:00Z"), at("2024-06-03T23:59:59.999999999Z")))
    );
    let early = Current { at: at("2024-06-03T00:01:00Z"), ..coded };
    assert_eq!(sale_times(&wasabi, Visa, &early).unwrap().0, at("2024-06-02T23:58:00Z"));
    assert_eq!(sale_times(&wasabi, Amex, &early).unwrap().1, at("2024-06-03T00:04:00Z"));
    let exact = (at("2024-06-03T11:57:00Z"), at("2024-06-03T12:03:00Z"));
    assert_eq!(sale_times(&wasabi, Visa, &payment()), Some(exact));
    for end in [Timestamp::MIN, Timestamp::MAX] {
        let (from, to) = sale_times(&wasabi, Visa, &Current { at: end, ..payment() }).unwrap();
        assert!(from <= end && end <= to);
    }
}
