//! Spec match §9.7, with D8 and D20.

use super::{Try, assert_exact, body, refused, response, transient};
use crate::{Fault, Finding, Purpose};
use serde_json::json;

/// §9.7, worked example.
#[test]
fn the_request_to_the_byte() {
    let request = Try::example("stonegate").told();
    let text = r#"{"MemberNumber": "loyalty-123", "AccountID": "ACC-1", "TransactionID": "T-77"}"#;
    assert_exact(body(&request), text, 78, "4a232a7d409cd0ad10d1b77eeba5749bfa36c140ceeb5bea7e43c751c11c9768");
    assert_eq!((request.purpose, request.method), (Purpose::Tell, "POST"));
    assert_eq!(request.url, "http://localhost/PostMatchedTransaction");
    assert_eq!(request.headers.len(), 1);
}

/// §9.7 and §17.3: messages of purchases that Stonegate does not know yet.
const NOT_YET: [(&str, &str); 4] = [
    ("Transaction with AccountID ACC-1 not found", "transaction not found"),
    ("Member Number: loyalty-123 was not found", "member not found"),
    ("Points are not added successfully", "points not added"),
    ("Sorry: POINTS ARE NOT ADDED SUCCESSFULLY.", "points not added"),
];

fn message(text: &str) -> String {
    json!({"Error": null, "Message": text}).to_string()
}

fn heard(before: u32, status: u16, text: &str) -> Finding {
    Try { before, ..Try::example("stonegate") }.heard(&response(status, text))
}

/// §9.7 table; D20: where the original takes "not found" for success, we give up.
#[test]
fn what_a_message_means() {
    for before in [0, 1, 31, 32, 33, u32::MAX] {
        for (text, why) in NOT_YET {
            let clean = if before >= 32 { refused(why) } else { transient(why) };
            assert_eq!(heard(before, 200, &message(text)), clean, "{before} {text}");
            assert_eq!(heard(before, 404, &message(text)), transient(why), "{before} {text}");
        }
        for text in ["success", "", "member number: 1", "was not found", "origin id not found."] {
            assert_eq!(heard(before, 200, &message(text)), Finding::Delivered, "{before} {text}");
        }
        for status in [200, 400] {
            assert_eq!(heard(before, status, &message("Origin ID not found")), refused("origin id not found"));
        }
        assert_eq!(heard(before, 200, "{}"), Finding::Delivered);
        assert_eq!(heard(before, 200, r#"{"Error": "Internal Error"}"#), transient("internal error"));
        assert_eq!(heard(before, 200, r#"{"Error": "Internal Error", "Message": "x"}"#), Finding::Delivered);
    }
}

/// §8.4: another 4xx is final, unless it cannot be read (D8).
#[test]
fn what_a_failure_means() {
    for status in [400, 401, 404] {
        for text in ["{}", &message("nope"), r#"{"Error": "Internal Error"}"#] {
            assert_eq!(heard(0, status, text), refused(&format!("HTTP {status}")), "{text}");
        }
        for text in ["", "<html>", "[]", r#"{"Message": 7}"#] {
            assert_eq!(heard(0, status, text), transient("unreadable answer"), "{text}");
            assert_eq!(heard(0, 200, text), transient("unreadable answer"), "{text}");
        }
    }
}

/// §9.7: the merchant's own ids, as they came.
#[test]
fn what_the_sale_has_to_have() {
    let odd = Try::example("stonegate").with_extra(json!({"account_id": 7, "transaction_id": null})).told();
    assert_eq!(body(&odd), r#"{"MemberNumber": "loyalty-123", "AccountID": 7, "TransactionID": null}"#);
    for (extra, member) in [(json!({}), "account_id"), (json!({"account_id": "A"}), "transaction_id")] {
        let attempt = Try::example("stonegate").with_extra(extra);
        assert_eq!(attempt.fault(), Fault::NoExtra { member: member.into() });
    }
}
