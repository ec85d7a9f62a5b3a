//! Spec match §9.6 and §18, with D4.

use super::{Try, assert_exact, body, response, transient};
use crate::{Fault, Finding, Purpose};
use harmonia_domain::feed::Kind;
use serde_json::{Value, json};

/// §9.6, worked example.
#[test]
fn the_request_to_the_byte() {
    let request = Try::example("squaremeal").told();
    let text = concat!(
        r#"{"transaction_id": "0113b3d3648486018332f099bf0107bdd004441580a0fb977087962ceb40e5aa", "#,
        r#""loyalty_id": "loyalty-123", "auth": false, "cleared": true, "mid": "test-mid-456", "#,
        r#""transaction_date": "2022-10-26T17:14:08", "transaction_amount": 1234, "transaction_currency": "GBP", "#,
        r#""payment_card_account_id": 9, "store_id": "store_1a", "brand_id": "77", "payment_card_last_four": "7890", "#,
        r#""payment_scheme": {"slug": "visa", "auth_code": "444444", "approval_code": ""}, "#,
        r#""payment_card_expiry_month": 12, "payment_card_expiry_year": 2027}"#
    );
    assert_exact(body(&request), text, 525, "ac4a32976410b47d5f4e9a5d6a20d3c7557f2c4d79f555e284f967b2e01a7e3e");
    assert_eq!((request.purpose, request.method), (Purpose::Tell, "POST"));
    assert_eq!(request.url, "https://uk-bink-transactions-dev.azurewebsites.net/api/BinkTransactions");
    assert_eq!(request.headers.len(), 1);
}

/// §9.6: the lines of one purchase share its id; what is not known is null; §18: the second vector.
#[test]
fn lines_of_a_purchase() {
    for (kind, auth, cleared) in [(Kind::Auth, true, false), (Kind::Settled, false, true), (Kind::Refund, false, true)]
    {
        let mut attempt = Try::example("squaremeal").of_minor(if kind == Kind::Refund { -1234 } else { 1234 });
        attempt.export().kind = kind;
        attempt.export().facts.settlement_key = "123456".into();
        attempt.export().facts.location_id = None;
        attempt.export().facts.merchant_internal_id = None;
        attempt.tellings[0].1.payment_card_account_id = None;
        attempt.tellings[0].1.expiry_month = None;
        let told: Value = serde_json::from_str(body(&attempt.told())).unwrap();
        assert_eq!(told["transaction_id"], "8d969eef6ecad3c29a3a629280e686cf0c3f5d5a86aff3ca12020c923adc6c92");
        assert_eq!((&told["auth"], &told["cleared"]), (&json!(auth), &json!(cleared)));
        assert_eq!(told["transaction_amount"], if kind == Kind::Refund { -1234 } else { 1234 });
        for unknown in ["store_id", "brand_id", "payment_card_account_id", "payment_card_expiry_month"] {
            assert_eq!(told[unknown], Value::Null, "{unknown}");
        }
    }
}

/// §8.4: below 400 is success, everything else follows the schedule.
#[test]
fn what_an_answer_means() {
    let attempt = Try::example("squaremeal");
    assert_eq!(attempt.heard(&response(200, "no JSON")), Finding::Delivered);
    for status in [400, 401, 404] {
        assert_eq!(attempt.heard(&response(status, "{}")), transient(&format!("HTTP {status}")));
    }
}

/// Q-E18: without a settlement key there is no id.
#[test]
fn what_cannot_be_built() {
    let mut attempt = Try::example("squaremeal");
    attempt.export().facts.settlement_key = String::new();
    assert_eq!(attempt.fault(), Fault::Encoding { what: "an empty settlement key" });
}
