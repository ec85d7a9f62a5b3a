//! Spec match §9.10 and §18, with D8, D10 and D13.

use super::{Try, assert_exact, body, done, refused, response, sent, transient};
use crate::{Answer, Fault, Finding, Purpose};
use harmonia_definitions::{Promotion, Protocol};
use harmonia_domain::ids::sha256_hex;
use serde_json::{Value, json};

const CODE: &str = "0c7e9a34-6f9e-4a34-9f5e-1a2b3c4d5e6f";

/// §9.10, worked examples; the codes are derived from the export's id (D13), so the example's stand in for them.
#[test]
fn the_requests_to_the_byte() {
    let mut attempt = Try::example("the-works");
    let code = attempt.export().id.as_uuid();
    let request = attempt.told();
    let text = concat!(
        r#"{"jsonrpc": "2.0", "method": "dc_911", "id": 1, "params": ["en", "0c7e9a34-6f9e-4a34-9f5e-1a2b3c4d5e6f", "#,
        r#""gx-user", "gx-pass", "6338849346110000002989", "12.34"]}"#
    );
    let sha256 = "98b2d6225937db1b0867c9334c9945fc7d99d2312d57a5ee148f3eca9409892b";
    assert_exact(&body(&request).replace(&code, CODE), text, 162, sha256);
    assert_eq!((request.purpose, request.method), (Purpose::Tell, "POST"));
    assert_eq!(request.url, "https://reflector.staging.gb.bink.com/mock/");
    assert_eq!(body(&attempt.told()), body(&request), "D13: every attempt has the same code");
    let refund = attempt.of_minor(-1250).told();
    let sha256 = "fde672eec58c129ec198c663e8f1d796f311a6090cb7fd05516929fc7dbe6ad3";
    assert_eq!(sha256_hex(body(&refund).replace(&code, CODE).as_bytes()), sha256);
}

#[test]
fn the_history_to_the_byte() {
    let request = Try::example("the-works").first();
    assert_eq!((request.purpose, request.method), (Purpose::LookUp, "POST"));
    let asked: Value = serde_json::from_str(body(&request)).unwrap();
    let code = asked["params"][1].as_str().unwrap();
    let text = body(&request).replace(code, "5d1f3c20-7d8c-4f2e-8b8a-9b8c7d6e5f40");
    assert_eq!(text.len(), 171);
    assert_eq!(sha256_hex(text.as_bytes()), "933a75f2ef5059d58e0f6cd2ea6ea70a66db6bb15c1babec19028f95503b2ae8");
    assert_eq!(body(&Try::example("the-works").first()), body(&request), "D13");
    assert!(!body(&Try::example("the-works").told()).contains(code), "another call, another code");
}

/// §9.10, §18: what is not above zero is taken; pounds are written as short as can be.
#[test]
fn what_is_given_and_taken() {
    for (minor, method, pounds) in [
        (5566, "dc_911", "55.66"),
        (5500, "dc_911", "55"),
        (1, "dc_911", "0.01"),
        (0, "dc_945", "0"),
        (-500, "dc_945", "5"),
    ] {
        let told: Value = serde_json::from_str(body(&Try::example("the-works").of_minor(minor).told())).unwrap();
        assert_eq!((&told["method"], &told["params"][5]), (&json!(method), &json!(pounds)));
    }
}

fn history(rows: &Value) -> String {
    json!({"result": ["c", "0", "", "", "", rows, "i", "s"]}).to_string()
}

fn asked(attempt: &Try, rows: &Value) -> Option<Finding> {
    attempt.began(response(200, &history(rows)))
}

fn there() -> Finding {
    Finding::AlreadyThere { why: "the history has these points".into() }
}

/// §9.10 step 3, §18 at rate 5: points and day of a purchase, points alone of a refund (Q-E14).
#[test]
fn what_was_rewarded_already() {
    let row = |day: &str, points: Value| json!([day, "10:00:00", "x", points]);
    for (minor, points) in [(5566, "275"), (5500, "275.00"), (-5566, "-275.9"), (99, "0"), (-99, "0"), (100, "5.00")] {
        let attempt = Try::example("the-works").of_minor(minor);
        assert_eq!(asked(&attempt, &json!([row("2022-10-26", json!(points))])), Some(there()), "{minor}");
        assert_eq!(asked(&attempt, &json!([row("2022-10-26", json!("7"))])), None, "{minor}");
        let another_day = asked(&attempt, &json!([row("2022-10-27", json!(points))]));
        assert_eq!(another_day, if minor < 0 { Some(there()) } else { None }, "{minor}");
    }
    let attempt = Try::example("the-works").of_minor(1735);
    assert_eq!(asked(&attempt, &json!([row("2022-10-26", json!("275"))])), None);
    let rows = json!([row("2022-10-26 17:14:08", json!(1)), row("2022-10-26 17:14:08", json!(85))]);
    assert_eq!(asked(&attempt, &rows), Some(there()), "numbers, and a time behind the day");
    let mut late = Try::example("the-works").of_minor(1735);
    late.export().facts.at = "2022-10-26T23:30:00Z".parse().unwrap();
    assert_eq!(asked(&late, &rows), Some(there()), "the day in UTC, not in London");
    assert_eq!((asked(&attempt, &json!([])), asked(&attempt, &json!(""))), (None, None));
}

/// Design §4, `ask-first`: what an attempt without an answer may have given is in the history under the day of that
/// attempt, which a purchase that settles later is told on.
#[test]
fn what_a_lost_attempt_gave() {
    let row = |day: &str| json!([[day, "10:00:00", "x", "85"]]);
    let sure = Try::example("the-works").of_minor(1735);
    let unsure = Try { unsure: true, ..Try::example("the-works").of_minor(1735) };
    for (day, after_sure, after_unsure) in [
        ("2022-10-25", None, None),
        ("2022-10-26", Some(there()), Some(there())),
        ("2022-10-27", None, Some(there())),
        ("2022-11-05", None, Some(there())),
    ] {
        assert_eq!((asked(&sure, &row(day)), asked(&unsure, &row(day))), (after_sure, after_unsure), "{day}");
    }
}

/// D10: an error of the history is no reason to skip, and none to tell.
#[test]
fn a_history_that_fails() {
    let attempt = Try::example("the-works");
    for code in [json!("2"), json!(2), json!(" 285 ")] {
        let text = json!({"result": ["c", code, "message"]}).to_string();
        assert_eq!(attempt.began(response(200, &text)), Some(transient("history: error code")));
    }
    let unreadable = Some(transient("history: unreadable answer"));
    for text in [
        "",
        "[]",
        "{}",
        r#"{"error": {"code": -32600}}"#,
        r#"{"result": null}"#,
        r#"{"result": []}"#,
        r#"{"result": ["c", ""]}"#,
    ] {
        assert_eq!(attempt.began(response(200, text)), unreadable, "{text}");
    }
    for rows in [
        json!(null),
        json!("x"),
        json!([[]]),
        json!([["2022-10-26", "", "", "many"]]),
        json!([["today", "", "", "60"]]),
    ] {
        assert_eq!(asked(&attempt, &rows), unreadable, "{rows}");
    }
    assert_eq!(attempt.began(response(302, &history(&json!([])))), Some(transient("history: HTTP 302")));
}

fn with_failover() -> Try {
    let mut attempt = Try::example("the-works");
    attempt.secrets["failover"] = json!({"user_id": "other-user", "password": "other-pass"});
    let Protocol::TheWorks(works) = &mut attempt.definition.protocol else { panic!("not The Works") };
    works.failover_url = "http://works-failover.test/".into();
    attempt
}

/// §9.10: each call goes to the second address, with its own credentials, if the first one answers with an error.
#[test]
fn both_calls_fail_over() {
    for status in [400, 404, 429, 503] {
        let mut talk = with_failover().begin().unwrap();
        for purpose in [Purpose::LookUp, Purpose::Tell] {
            let answer = (purpose == Purpose::Tell).then(|| response(200, &history(&json!([]))));
            let first = sent(talk.next(answer));
            let second = sent(talk.next(Some(response(status, ""))));
            assert_eq!((first.purpose, second.purpose), (purpose, purpose));
            assert_eq!(second.url, "http://works-failover.test/");
            let moved = body(&first).replace("gx-user", "other-user").replace("gx-pass", "other-pass");
            assert_eq!(body(&second), moved, "the same call, the same code");
        }
        assert_eq!(done(talk.next(Some(response(200, "")))), Finding::Delivered);
    }
}

/// The second address has the first one's credentials unless it has its own.
#[test]
fn the_failovers_credentials() {
    for failover in [None, Some(Value::Null)] {
        let mut attempt = with_failover();
        attempt.secrets = json!({"user_id": "u", "password": "p"});
        if let Some(null) = failover {
            attempt.secrets["failover"] = null;
        }
        let (mut talk, first) = attempt.tells();
        let second = sent(talk.next(Some(response(500, ""))));
        assert_eq!(body(&second), body(&first));
    }
    for failover in [json!({}), json!({"user_id": "u"}), json!("text")] {
        let mut attempt = with_failover();
        attempt.secrets["failover"] = failover;
        assert_eq!(attempt.fault(), Fault::NoSecret { member: "failover".into() });
    }
}

/// §8.4: any 2xx, also one that says no; D8: no failover for a redirect or without an answer.
#[test]
fn what_an_answer_means() {
    let attempt = Try::example("the-works");
    for text in ["", "<html>", r#"{"jsonrpc": "2.0", "id": 1, "error": {"code": 1}}"#] {
        assert_eq!(attempt.heard(&response(200, text)), Finding::Delivered);
    }
    for answer in [response(302, ""), Answer::NotSent { why: "refused" }, Answer::Unknown { why: "timeout" }] {
        let (mut talk, _) = attempt.tells();
        assert!(matches!(done(talk.next(Some(answer))), Finding::Transient { .. }));
    }
    for status in [400, 404, 429, 503] {
        assert_eq!(attempt.heard(&response(status, "")), transient(&format!("HTTP {status}")));
    }
}

/// §9.10 step 3, §17.3: the rate of the attempt's day in London, not of the purchase's.
#[test]
fn promotions() {
    let day = |text: &str| text.parse().unwrap();
    let rows = json!([["2022-10-26", "", "", "120"]]);
    for (now, doubled) in [
        ("2022-10-31T23:59:59Z", false),
        ("2022-11-01T00:00:00Z", true),
        ("2022-11-30T23:59:59Z", true),
        ("2022-12-01T00:00:00Z", false),
        // summer time: the day begins an hour earlier in UTC
        ("2023-06-30T22:59:59Z", false),
    ] {
        let mut attempt = Try { now, ..Try::example("the-works") };
        let Protocol::TheWorks(works) = &mut attempt.definition.protocol else { panic!("not The Works") };
        let (from, to) = (day("2022-11-01"), day("2022-11-30"));
        works.promotion = Some(Promotion { points_per_major: 10, from, to, zone: "Europe/London".into() });
        assert_eq!(asked(&attempt, &rows), if doubled { Some(there()) } else { None }, "{now}");
    }
    let mut summer = Try { now: "2023-06-30T23:00:00Z", ..Try::example("the-works") };
    let Protocol::TheWorks(works) = &mut summer.definition.protocol else { panic!("not The Works") };
    let (from, to) = (day("2023-07-01"), day("2023-07-01"));
    works.promotion = Some(Promotion { points_per_major: 10, from, to, zone: "Europe/London".into() });
    assert_eq!(asked(&summer, &rows), Some(there()));
}

#[test]
fn what_cannot_be_built() {
    for member in ["user_id", "password"] {
        let mut attempt = Try::example("the-works");
        attempt.secrets[member] = json!(7);
        let error = attempt.begin().unwrap_err();
        assert_eq!(error.fault, Fault::NoSecret { member: member.into() });
        assert_eq!(
            error.finding(),
            refused(&format!("cannot be told: the merchant's secret has no usable {member:?}"))
        );
    }
}
