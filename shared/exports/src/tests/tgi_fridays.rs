//! Spec match §9.9 and §18, with D8 and D10.

use super::{Try, assert_exact, body, header, response, transient};
use crate::{Fault, Finding, Purpose};
use serde_json::{Value, json};

/// §9.9, worked example.
#[test]
fn the_request_to_the_byte() {
    let request = Try::example("tgi-fridays").told();
    let text = concat!(
        r#"{"user_id": "88899966", "message": "Thank you for your recent visit to TGI Fridays, your stripes have been "#,
        r#"added to your account.", "gift_count": 51, "location_id": "55"}"#
    );
    assert_exact(body(&request), text, 170, "02cfd0f03d428b852382c4e59e72ca714f475835b00104f168f706e0e160213f");
    assert_eq!((request.purpose, request.method), (Purpose::Tell, "POST"));
    assert_eq!(request.url, "https://reflector.staging.gb.bink.com/mock/api2/dashboard/users/support");
    assert_eq!(header(&request, "Authorization"), Some("Bearer hush-key"), "Q-E9: without the line's end");
}

/// §9.9: the history is the loyalty id's, not that of the credentials (Q-E15).
#[test]
fn the_history_to_the_byte() {
    let mut attempt = Try::example("tgi-fridays");
    attempt.tellings[0].1.loyalty_id = "a b&c".into();
    let request = attempt.first();
    assert_eq!((request.purpose, request.method, body(&request)), (Purpose::LookUp, "GET", ""));
    let base = "https://reflector.staging.gb.bink.com/mock/api2/dashboard/users/extensive_timeline";
    assert_eq!(request.url, format!("{base}?user_id=a+b%26c"));
    assert_eq!(header(&request, "Authorization"), Some("Bearer hush-key"));
    assert!(!format!("{request:?}").contains("user_id"));
}

/// §18: points for the bill without the tip.
#[test]
fn points() {
    for (amount, rate, points) in [
        (json!("50.60"), 1, 51),
        (json!("50.50"), 1, 51),
        (json!("50.49"), 1, 50),
        (json!("0.49"), 1, 0),
        (json!("0.50"), 1, 1),
        (json!("51.5"), 1, 52),
        (json!("2.5"), 1, 3),
        (json!("50.60"), 2, 102),
        (json!(2.5), 1, 3),
    ] {
        let mut attempt = Try::example("tgi-fridays").with_extra(json!({"amount": amount}));
        let rated = harmonia_definitions::TgiFridays { points_per_major: rate };
        attempt.definition.protocol = harmonia_definitions::Protocol::TgiFridays(rated);
        let told: Value = serde_json::from_str(body(&attempt.told())).unwrap();
        assert_eq!(told["gift_count"], points, "{amount}");
    }
}

fn history(checkins: &Value) -> Option<Finding> {
    Try::example("tgi-fridays").began(response(200, &json!({"checkins": checkins}).to_string()))
}

/// §9.9, gate 3: the bill of 50.60 at 16:14:08 UTC; amount to the penny, two hours either way inclusive.
#[test]
fn what_was_rewarded_already() {
    let there = || Some(Finding::AlreadyThere { why: "the history has this bill".into() });
    for (amount, date) in [
        (json!("50.60"), json!("2022-10-26T16:14:08Z")),
        (json!(50.6), json!("2022-10-26T18:14:08Z")),
        (json!("50.609"), json!("2022-10-26T14:14:08")),
        (json!("50.6"), json!("2022-10-26 14:14:08")),
        (json!("50.60"), json!("2022-10-26T19:14:08+01:00")),
    ] {
        let other = json!({"receipt_amount": "1.00", "receipt_date": "2022-10-26T16:14:08Z"});
        let visit = json!({"receipt_amount": amount, "receipt_date": date});
        assert_eq!(history(&json!([other, visit])), there(), "{visit}");
    }
    for (amount, date) in [
        (json!("50.61"), json!("2022-10-26T16:14:08Z")),
        (json!("50.60"), json!("2022-10-26T18:14:09Z")),
        (json!("50.60"), json!("2022-10-26T14:14:07Z")),
        (json!("50.60"), json!("2022-10-26")),
        (json!("1"), json!("no date, and none is needed")),
        (json!(null), json!("2022-10-26T16:14:08Z")),
        (json!("50.60"), json!(null)),
        (json!(0), json!("")),
    ] {
        let visit = json!({"receipt_amount": amount, "receipt_date": date});
        assert_eq!(history(&json!([visit, {}])), None, "{visit}");
    }
}

/// D10: a look-up that failed is no reason to skip, and none to tell.
#[test]
fn a_history_that_cannot_be_read() {
    let unreadable = Some(transient("history: unreadable answer"));
    for visits in [json!(null), json!({}), json!("")] {
        assert_eq!(history(&visits), unreadable);
    }
    for (amount, date) in
        [(json!("a lot"), json!("2022-10-26")), (json!("50.60"), json!("soon")), (json!(50.6), json!(7))]
    {
        assert_eq!(history(&json!([{"receipt_amount": amount, "receipt_date": date}])), unreadable);
    }
    for text in ["", "<html>", "[]", "{}"] {
        assert_eq!(Try::example("tgi-fridays").began(response(200, text)), unreadable, "{text}");
    }
    for status in [302, 400, 401, 404, 429, 500] {
        let heard = Try::example("tgi-fridays").began(response(status, r#"{"checkins": []}"#));
        assert_eq!(heard, Some(transient(&format!("history: HTTP {status}"))));
    }
}

/// §8.4: below 400 is success, everything else follows the schedule.
#[test]
fn what_an_answer_means() {
    let attempt = Try::example("tgi-fridays");
    assert_eq!(attempt.heard(&response(200, "no JSON")), Finding::Delivered);
    for status in [400, 401, 404] {
        assert_eq!(attempt.heard(&response(status, "{}")), transient(&format!("HTTP {status}")));
    }
}

#[test]
fn what_cannot_be_built() {
    for extra in [json!({}), json!({"amount": null}), json!({"amount": "a lot"})] {
        let attempt = Try::example("tgi-fridays").with_extra(extra);
        assert_eq!(attempt.fault(), Fault::NoExtra { member: "amount".into() });
    }
    let attempt = Try { secrets: json!({"admin_key": "\n"}), ..Try::example("tgi-fridays") };
    assert_eq!(attempt.fault(), Fault::NoSecret { member: "admin_key".into() });
}
