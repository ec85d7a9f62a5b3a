//! Spec match §9.2, with D1.

use super::{Try, assert_exact, body, response, transient};
use crate::{Finding, Purpose};
use serde_json::json;

/// §9.2, worked example.
#[test]
fn the_request_to_the_byte() {
    let request = Try::example("costa").told();
    let text = r#"{"payload": {"basket": 7}, "ExternalCustomerID": "loyalty-123"}"#;
    assert_exact(body(&request), text, 63, "1f151239ab53ebb0251da86544abcde8c8ef2cfee8dfa62fcd412073bb2e8109");
    assert_eq!((request.purpose, request.method), (Purpose::Tell, "POST"));
    assert_eq!(request.url, "https://reflector.staging.gb.bink.com/mock//costa/transactions");
    assert_eq!(request.headers.len(), 1);
}

/// §9.2: without metadata, or with metadata of nothing, the payload is empty.
#[test]
fn without_metadata() {
    for extra in [json!({}), json!({"metadata": null}), json!({"metadata": {}}), json!({"metadata": ""})] {
        let request = Try::example("costa").with_extra(extra).told();
        assert_eq!(body(&request), r#"{"payload": {}, "ExternalCustomerID": "loyalty-123"}"#);
    }
}

/// §8.4: below 400 is success, everything else follows the schedule.
#[test]
fn what_an_answer_means() {
    let attempt = Try::example("costa");
    for (status, text) in [(200, "{}"), (200, "<html>"), (204, "")] {
        assert_eq!(attempt.heard(&response(status, text)), Finding::Delivered);
    }
    for status in [400, 401, 404, 422] {
        assert_eq!(attempt.heard(&response(status, "{}")), transient(&format!("HTTP {status}")));
    }
}
