//! Spec match §8.4 and §18 (retry times), D8, D9, D14, D20.

use super::{refused, shipped, transient};
use crate::{Finding, Outcome, before, first_due, next_batch_run, verdict};
use harmonia_definitions::{BatchPlan, Export, FirstAttempt, Repeat, RetryStep};
use harmonia_domain::export::Verdict;
use jiff::Timestamp;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn came(finding: &Finding) -> Outcome<'_> {
    Outcome { finding, unknown: false, unsure: false, retry_after: None }
}

fn retry(target: &Export, before: u32, now: &str) -> Option<Timestamp> {
    match verdict(target, before, &came(&transient("x")), at(now)) {
        Verdict::Retry { due, why } => {
            assert_eq!(why, "x");
            Some(due)
        }
        Verdict::Failed { why } => {
            assert_eq!(why, "x");
            None
        }
        other => panic!("{other:?}"),
    }
}

/// How a transient failure goes on: the last rc that waits 20 minutes, the last one that waits for 10:00 UTC.
const TABLE: [(&str, u32, u32); 11] = [
    ("bpl-cortado", 3, 3),
    ("bpl-trenette", 3, 3),
    ("bpl-viator", 3, 3),
    ("costa", 3, 3),
    ("itsu", 3, 3),
    ("slim-chickens", 3, 3),
    ("squaremeal", 3, 3),
    ("stonegate", 1, 32),
    ("tgi-fridays", 1, 8),
    ("the-works", 4, 4),
    ("wasabi-club", 0, 6),
];

/// §8.4, all merchants that are told one by one; D20: what is used up is final.
#[test]
fn retry_times() {
    for (merchant, last_soon, last_at_ten) in TABLE {
        let target = shipped(merchant);
        for rc in (0..50).chain([u32::MAX]) {
            let due = match rc {
                soon if soon <= last_soon => Some(at("2024-06-03T11:20:00Z")),
                at_ten if at_ten <= last_at_ten => Some(at("2024-06-04T10:00:00Z")),
                _ => None,
            };
            assert_eq!(retry(&target, rc, "2024-06-03T11:00:00Z"), due, "{merchant} {rc}");
        }
    }
}

/// §18, retry-time vectors, and the edges of 10:00.
#[test]
fn retry_time_vectors() {
    for (merchant, rc, now, due) in [
        ("costa", 3, "2024-06-03T09:00:00Z", Some("2024-06-03T09:20:00Z")),
        ("costa", 4, "2024-06-03T09:00:00Z", None),
        ("stonegate", 1, "2024-06-03T11:00:00Z", Some("2024-06-03T11:20:00Z")),
        ("stonegate", 2, "2024-06-03T11:00:00Z", Some("2024-06-04T10:00:00Z")),
        ("stonegate", 2, "2024-06-03T09:00:00Z", Some("2024-06-03T10:00:00Z")),
        ("stonegate", 40, "2024-06-03T11:00:00Z", None),
        ("the-works", 5, "2024-06-03T11:00:00Z", None),
        ("wasabi-club", 1, "2024-06-03T11:00:00Z", Some("2024-06-04T10:00:00Z")),
        ("wasabi-club", 1, "2024-06-03T10:00:00Z", Some("2024-06-04T10:00:00Z")),
        ("wasabi-club", 1, "2024-06-03T09:59:59.999999Z", Some("2024-06-03T10:00:00Z")),
        ("wasabi-club", 6, "2024-12-31T11:00:00Z", Some("2025-01-01T10:00:00Z")),
        ("wasabi-club", 0, "2024-06-03T23:50:00.25Z", Some("2024-06-04T00:10:00.25Z")),
    ] {
        assert_eq!(retry(&shipped(merchant), rc, now), due.map(at), "{merchant} {rc} {now}");
    }
}

/// §9.7, §9.9, §9.10, §18: which merchants' first attempts wait, and until when; the rc that they then have (§8.4).
#[test]
fn first_attempts_of_the_merchants() {
    let purchased = "2024-06-03T12:00:00Z";
    for (merchant, matched, due) in [
        ("stonegate", "2024-06-04T09:15:42.5Z", Some("2024-06-04T10:30:42.5Z")),
        ("stonegate", "2024-06-04T10:30:00Z", None),
        ("tgi-fridays", "2024-06-03T12:10:00Z", Some("2024-06-04T12:00:00Z")),
        ("tgi-fridays", "2024-06-04T12:00:01Z", None),
        ("the-works", "2024-06-04T12:00:00Z", Some("2024-06-04T12:00:05Z")),
    ] {
        let target = shipped(merchant);
        let (purchased, matched) = (at(purchased), at(matched));
        assert_eq!(first_due(&target, purchased, matched), due.map(at), "{merchant}");
        assert_eq!(before(&target, 0, purchased, matched), u32::from(due.is_some()), "{merchant}");
    }
    for (merchant, _, _) in TABLE {
        let waits = ["stonegate", "tgi-fridays", "the-works"].contains(&merchant);
        assert_eq!(shipped(merchant).first.is_some(), waits, "{merchant}");
    }
}

/// Design §4: what an unknown answer leads to, merchant by merchant.
#[test]
fn repeats_of_the_merchants() {
    let lost = transient("no answer: timeout");
    let lost = Outcome { unknown: true, ..came(&lost) };
    for (merchant, _, _) in TABLE {
        let target = shipped(merchant);
        let repeat = match merchant {
            "costa" | "slim-chickens" => Repeat::Never,
            "tgi-fridays" | "the-works" => Repeat::AskFirst,
            _ => Repeat::SameKey,
        };
        assert_eq!(target.repeat, repeat, "{merchant}");
        let verdict = verdict(&target, 0, &lost, at("2024-06-03T11:00:00Z"));
        let goes_on = matches!(verdict, Verdict::Retry { .. });
        assert_eq!((goes_on, matches!(verdict, Verdict::Unconfirmed { .. })), (repeat != Repeat::Never, !goes_on));
    }
}

/// D9: the same batch, with a back-off.
#[test]
fn iceland_retry_times() {
    let steps = shipped("iceland-bonus-card");
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
    let steps = shipped("wasabi-club");
    let now = at("2024-06-03T11:00:00Z");
    assert_eq!(verdict(&steps, 0, &came(&Finding::Delivered), now), Verdict::Delivered);
    assert_eq!(verdict(&steps, 0, &came(&refused("no")), now), Verdict::Failed { why: "no".into() });
    let never_again = Export { retry: Vec::new(), ..steps };
    assert_eq!(verdict(&never_again, 0, &came(&transient("no")), now), Verdict::Failed { why: "no".into() });
}

/// D10 and design §4, unknown answers: what the history says, and what may not be repeated.
#[test]
fn what_an_unknown_answer_leads_to() {
    let now = at("2024-06-03T11:00:00Z");
    let there = Finding::AlreadyThere { why: "had it".into() };
    let same_key = shipped("wasabi-club");
    assert_eq!(verdict(&same_key, 0, &came(&there), now), Verdict::Skipped { why: "had it".into() });
    let unsure = Outcome { unsure: true, ..came(&there) };
    assert_eq!(verdict(&same_key, 0, &unsure, now), Verdict::Delivered, "an earlier attempt arrived");
    let lost = transient("no answer: timeout");
    let lost = Outcome { unknown: true, ..came(&lost) };
    let never = Export { repeat: Repeat::Never, ..same_key.clone() };
    assert_eq!(verdict(&never, 0, &lost, now), Verdict::Unconfirmed { why: "no answer: timeout".into() });
    let ask_first = Export { repeat: Repeat::AskFirst, ..same_key.clone() };
    for target in [same_key, ask_first] {
        assert!(matches!(verdict(&target, 0, &lost, now), Verdict::Retry { .. }));
    }
    let said_no = transient("HTTP 500");
    assert!(matches!(verdict(&never, 0, &came(&said_no), now), Verdict::Retry { .. }), "it answered");
}

/// `Retry-After`: seconds or a date, never earlier than the schedule, at most a day.
#[test]
fn merchants_may_ask_for_more_time() {
    let (target, now) = (shipped("wasabi-club"), at("2024-06-03T11:00:00Z"));
    let busy = transient("HTTP 429");
    for (asked, due) in [
        ("60", "2024-06-03T11:20:00Z"),
        (" 3600 ", "2024-06-03T12:00:00Z"),
        ("4000000000", "2024-06-04T11:00:00Z"),
        ("Mon, 03 Jun 2024 11:45:00 GMT", "2024-06-03T11:45:00Z"),
        ("Sun, 02 Jun 2024 11:45:00 GMT", "2024-06-03T11:20:00Z"),
        ("-5", "2024-06-03T11:20:00Z"),
        ("soon", "2024-06-03T11:20:00Z"),
        ("", "2024-06-03T11:20:00Z"),
    ] {
        let outcome = Outcome { retry_after: Some(asked), ..came(&busy) };
        let expected = Verdict::Retry { due: at(due), why: "HTTP 429".into() };
        assert_eq!(verdict(&target, 0, &outcome, now), expected, "{asked:?}");
    }
}

/// §9.7, §9.9, §9.10: first attempts that wait, and that they count (§8.4: rc).
#[test]
fn first_attempts() {
    let matched = "2024-06-03T12:10:00.25Z";
    let due = |first: FirstAttempt, purchased: &str, matched: &str| {
        let target = Export { first: Some(first), ..shipped("wasabi-club") };
        let due = first_due(&target, at(purchased), at(matched));
        assert_eq!(before(&target, 3, at(purchased), at(matched)), 3 + u32::from(due.is_some()));
        due
    };
    let day = || FirstAttempt::AfterPurchaseS(86_400);
    // §9.9, worked example: bought at 12:00, looked at at 12:10
    assert_eq!(due(day(), "2024-06-03T12:00:00Z", "2024-06-03T12:10:00Z"), Some(at("2024-06-04T12:00:00Z")));
    assert_eq!(
        due(day(), "2024-06-02T12:10:30.25Z", matched),
        Some(at("2024-06-03T12:11:00.25Z")),
        "a minute at least"
    );
    assert_eq!(due(day(), "2024-06-02T12:10:00.25Z", matched), Some(at("2024-06-03T12:11:00.25Z")), "inclusive");
    assert_eq!(due(day(), "2024-06-02T12:10:00Z", matched), None);
    assert_eq!(due(day(), "2024-06-03T13:10:00.25Z", matched), Some(at("2024-06-04T11:10:00.25Z")), "Q-E15");
    assert_eq!(due(FirstAttempt::AfterMatchS(5), "2020-01-01T00:00:00Z", matched), Some(at("2024-06-03T12:10:05.25Z")));
    let gate = |zone: &str| FirstAttempt::TimeOfDay { at: "10:30".into(), zone: zone.into() };
    let purchased = "2024-06-01T00:00:00Z";
    assert_eq!(due(gate("UTC"), purchased, "2024-06-03T08:40:12.5Z"), Some(at("2024-06-03T10:30:12.5Z")), "Q-E16");
    assert_eq!(due(gate("UTC"), purchased, "2024-06-03T10:29:59.9Z"), Some(at("2024-06-03T10:30:59.9Z")));
    assert_eq!(due(gate("UTC"), purchased, "2024-06-03T10:30:00Z"), None);
    assert_eq!(due(gate("Europe/London"), purchased, "2024-06-03T09:20:00Z"), Some(at("2024-06-03T09:30:00Z")), "D14");
    assert_eq!(before(&shipped("wasabi-club"), 3, at(purchased), at(matched)), 3);
}

fn daily(time: &str, zone: Option<&str>) -> Export {
    let step = RetryStep { attempts: 1, after_s: None, at: Some(time.into()), zone: zone.map(Into::into) };
    Export { retry: vec![step], ..shipped("wasabi-club") }
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
    let plan = |every_s| BatchPlan { size: 200, every_s: Some(every_s), at: None, zone: None };
    let next = |every_s, now: &str| next_batch_run(&plan(every_s), at(now)).to_string();
    assert_eq!(next(60, "2024-06-03T13:30:00Z"), "2024-06-03T13:31:00Z");
    assert_eq!(next(60, "2024-06-03T13:30:59.999999Z"), "2024-06-03T13:31:00Z");
    assert_eq!(next(86_400, "2024-06-03T00:00:00Z"), "2024-06-04T00:00:00Z");
    assert_eq!(next(50_000, "2024-06-03T23:00:00Z"), "2024-06-04T00:00:00Z", "counted from midnight anew");
    assert_eq!(next(0, "2024-06-03T00:00:00Z"), "2024-06-03T00:00:01Z");
    assert_eq!(next(60, "1969-12-31T23:59:30Z"), "1970-01-01T00:00:00Z");
    let _ = next_batch_run(&plan(u32::MAX), Timestamp::MAX);
    let _ = next_batch_run(&plan(u32::MAX), Timestamp::MIN);
    let daily = BatchPlan { size: 1, every_s: None, at: Some("10:00".into()), zone: Some("Europe/London".into()) };
    assert_eq!(next_batch_run(&daily, at("2024-06-03T09:00:00Z")), at("2024-06-04T09:00:00Z"));
}
