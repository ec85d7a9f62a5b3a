//! Spec match §9.4, with D8 and D13.

use super::{Try, assert_exact, body, done, header, response, sent, transient};
use crate::{Fault, Finding, Purpose};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// §9.4, worked example; the order's id is the export's (D13), so the example's stands in for it.
#[test]
fn the_request_to_the_byte() {
    let mut attempt = Try::example("itsu");
    let order_id = attempt.export().id.as_uuid();
    let request = attempt.told();
    let text = concat!(
        r#"{"OrderID": "9f0e4a52-0a0e-4d6a-8a39-0d3a2f5b8c11", "SubTransactions": [{"CustomerDetails": "#,
        r#"{"MemberNumber": "loyalty-123", "ExternalIdentifier": {"ExternalID": "", "ExternalSource": ""}}, "#,
        r#""TotalAmount": 12.34, "PaidAmount": 12.34, "OrderStatusID": 1, "OrderTypeID": 1, "OrderChannelID": 1, "#,
        r#""OrderItems": [{"ItemID": "1", "ItemName": "Bink Transaction", "ItemPrice": 12.34}]}], "#,
        r#""OrderDate": "2022-10-26T17:14:08", "Location": {"ActeolSiteID": "55"}, "Source": "BINK"}"#
    );
    let sha256 = "c9cb5892074138ac03352840ef37152d41166bd7df02fed1b9bfb9c2e7a39ed3";
    let told = body(&request).replace(&order_id, "9f0e4a52-0a0e-4d6a-8a39-0d3a2f5b8c11");
    assert_exact(&told, text, 467, sha256);
    assert_eq!((request.purpose, request.method), (Purpose::Tell, "POST"));
    assert_eq!(request.url, "http://localhost/api/Transaction/PostOrder");
    assert_eq!(header(&request, "Authorization"), Some("Bearer a_token"));
    assert_eq!(body(&attempt.told()), body(&request), "D13: every attempt has the same id");
}

/// §9.4, §17.3: whole pounds are floats, money given back is negative, a sale without a location has none.
#[test]
fn amounts_and_places() {
    for (minor, text) in [(5500, "55.0"), (5566, "55.66"), (-1234, "-12.34")] {
        let mut attempt = Try::example("itsu").of_minor(minor);
        attempt.export().facts.location_id = None;
        let request = attempt.told();
        for name in ["TotalAmount", "PaidAmount", "ItemPrice"] {
            assert!(body(&request).contains(&format!("\"{name}\": {text}")), "{}", body(&request));
        }
        assert!(body(&request).contains(r#""Location": {"ActeolSiteID": null}"#), "{}", body(&request));
    }
}

/// §9.4: the password grant; a token is kept for 259198 s unless its answer says otherwise.
#[test]
fn a_token_comes_first() {
    let mut talk = Try::example("itsu").begin().unwrap();
    let login = sent(talk.next(None));
    assert_eq!(
        (login.purpose, login.method, login.url.as_str()),
        (Purpose::Authenticate, "POST", "http://localhost/token")
    );
    assert_eq!(body(&login), "username=u%40x+y&password=p%26w&grant_type=password");
    assert_eq!(header(&login, "Content-Type"), Some("application/x-www-form-urlencoded"));
    sent(talk.next(Some(response(200, r#"{"access_token": "new"}"#))));
    let token = talk.token().unwrap();
    assert_eq!((token.value.expose_secret(), token.good_for_s), ("new", 259_198));
    let began = |status, text| Try::example("itsu").began(response(status, text));
    assert_eq!(began(400, "{}"), Some(transient("token: HTTP 400")));
    assert_eq!(began(200, "[]"), Some(transient("token: unreadable answer")));
}

/// Q-E8: a kept token that is not good any more costs one request, not the export.
#[test]
fn a_kept_token() {
    let attempt = Try { token: Some("kept"), ..Try::example("itsu") };
    let (mut talk, tell) = attempt.tells();
    assert_eq!(header(&tell, "Authorization"), Some("Bearer kept"));
    assert_eq!(sent(talk.next(Some(response(401, "")))).purpose, Purpose::Authenticate);
    let again = sent(talk.next(Some(response(200, r#"{"access_token": "new", "expires_in": 60}"#))));
    assert_eq!(header(&again, "Authorization"), Some("Bearer new"));
    assert_eq!(talk.token().unwrap().good_for_s, 60);
    assert_eq!(done(talk.next(Some(response(200, r#"{"ResponseStatus": true}"#)))), Finding::Delivered);
}

/// §9.4, §8.4: only "Internal Error" is a failure among the answers that say no; D8: unreadable is transient.
#[test]
fn what_an_answer_means() {
    let attempt = Try::example("itsu");
    let heard = |status, text: &str| attempt.heard(&response(status, text));
    let no = |why: &str| json!({"ResponseStatus": false, "Errors": [{"ErrorDescription": why}]}).to_string();
    for text in [
        r#"{"ResponseStatus": true, "Errors": []}"#,
        r#"{"ResponseStatus": 1}"#,
        &no("Member not found"),
        &no("internal error"),
        r#"{"ResponseStatus": false, "Errors": [{"ErrorDescription": null}]}"#,
    ] {
        assert_eq!(heard(200, text), Finding::Delivered, "{text}");
    }
    assert_eq!(heard(200, &no("Internal Error")), transient("internal error"));
    for text in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"{"ResponseStatus": false}"#,
        r#"{"ResponseStatus": null, "Errors": []}"#,
        r#"{"ResponseStatus": false, "Errors": [{}]}"#,
    ] {
        assert_eq!(heard(200, text), transient("unreadable answer"), "{text}");
    }
    for status in [400, 401, 404] {
        assert_eq!(heard(status, r#"{"ResponseStatus": true}"#), transient(&format!("HTTP {status}")));
    }
}

#[test]
fn what_cannot_be_built() {
    for member in ["username", "password"] {
        let mut attempt = Try::example("itsu");
        attempt.secrets[member] = Value::Null;
        assert_eq!(attempt.fault(), Fault::NoSecret { member: member.into() });
    }
}
