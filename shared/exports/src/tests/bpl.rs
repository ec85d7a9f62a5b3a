//! Spec match §9.1 and §18, with D4, D8 and D11.

use super::{Try, assert_exact, body, header, refused, response};
use crate::{Fault, Finding, Purpose};
use harmonia_domain::ids::sha256_hex;
use serde_json::{Value, json};

/// §9.1, worked example.
#[test]
fn the_request_to_the_byte() {
    let request = Try::example("bpl-trenette").told();
    let text = concat!(
        r#"{"id": "bpl-trenette-cd2e0bc55a5912364df3aa34edacf06b498a30c4", "transaction_total": 1234, "#,
        r#""datetime": 1666800848, "MID": "test-mid-456", "loyalty_id": "88899966", "#,
        r#""transaction_id": "582228491099278"}"#
    );
    assert_exact(body(&request), text, 200, "93c2bb9827ebc56e4135b0f6244fc7ab4601c94ea0c3bf7c4fc843886d9c3a89");
    assert_eq!((request.purpose, request.method), (Purpose::Tell, "POST"));
    assert_eq!(request.url, "http://localhost/trenette/transaction");
    assert_eq!(header(&request, "Authorization"), Some("Token hush token"));
    assert_eq!((header(&request, "Content-Type"), request.headers.len()), (Some("application/json"), 2));
}

/// §9.1: money given back has an id of its own; the payment's id stays as it is.
#[test]
fn a_refund_to_the_byte() {
    let request = Try::example("bpl-viator").of_minor(-1234).told();
    let told: Value = serde_json::from_str(body(&request)).unwrap();
    assert_eq!(told["id"], "bpl-viator-d974b8da752b2e99a7992d3b271ed09175f40760");
    assert_eq!(told["transaction_id"], "582228491099278");
    let sha256 = "a828b843cceb3a922379692d7a7af8a31afe90a64dff8647aa92aa5c83777e89";
    assert_eq!(sha256_hex(body(&request).as_bytes()), sha256);
}

/// §9.1: the hash does not depend on the merchant; fractions of a second are dropped.
#[test]
fn ids_and_paths() {
    let mut attempt = Try::example("bpl-cortado");
    attempt.export().facts.at = "2022-10-26T16:14:08.999Z".parse().unwrap();
    let request = attempt.told();
    assert!(body(&request).contains("\"bpl-cortado-cd2e0bc55a5912364df3aa34edacf06b498a30c4\""), "{}", body(&request));
    assert_eq!(request.url, "http://localhost/cortado/transaction");
}

/// D11: a 4xx is refused, where the original took it for success.
#[test]
fn what_an_answer_means() {
    let attempt = Try::example("bpl-viator");
    for (status, text) in [(200, "{}"), (200, "<html>"), (201, ""), (204, "")] {
        assert_eq!(attempt.heard(&response(status, text)), Finding::Delivered);
    }
    for status in [400, 401, 403, 404, 409, 422, 499] {
        assert_eq!(attempt.heard(&response(status, "{}")), refused(&format!("HTTP {status}")));
    }
}

#[test]
fn what_cannot_be_built() {
    for secrets in [Value::Null, json!({}), json!({"token": 7}), json!({"token": " \n"}), json!({"token": "a\nb"})] {
        let attempt = Try { secrets, ..Try::example("bpl-viator") };
        assert_eq!(attempt.fault(), Fault::NoSecret { member: "token".into() });
    }
}
