//! Spec match §9.3 and §12.4, with D8 and D9.

use super::{body, done, export, header, identity, refused, response, sent, talk, transient};
use crate::{Answer, BuildError, Conversation, Fault, Finding, Purpose, Request};
use harmonia_domain::{export::Export, identity::Identity, ids::sha256_hex};
use serde_json::{Value, json};

const UID: &str = "c3cb6bf3-46a2-4d2c-a77c-e06ac9981f0f";

fn member(account: i64, user: i64, merchant_identifier: &str, transaction_id: &str) -> (Export, Identity) {
    (export(transaction_id), identity(account, user, &json!({"merchant_identifier": merchant_identifier})))
}

fn two() -> [(Export, Identity); 2] {
    [member(42, 1001, "88899966", "0000943_YF4OTBJP37"), member(43, 1002, "88899967", "0000943_YF4OTBJP38")]
}

fn oauth() -> Value {
    let payload = json!({"client_id": "cid", "client_secret": "c+s &=é~", "grant_type": "client_credentials", "n": 7,
        "none": null});
    json!({"service": "oauth", "url": "http://oauth.test/token", "prefix": "Bearer", "payload": payload})
}

fn begin(secrets: &Value) -> Result<Conversation, BuildError> {
    talk("iceland-bonus-card", secrets, &two(), Some(UID))
}

fn told(secrets: &Value) -> Request {
    sent(begin(secrets).unwrap().next(None))
}

/// §9.3, worked example: two purchases.
#[test]
fn the_request_to_the_byte() {
    let request = told(&Value::Null);
    let expected = concat!(
        r#"{"message_uid": "c3cb6bf3-46a2-4d2c-a77c-e06ac9981f0f", "transactions": ["#,
        r#"{"record_uid": "me25vrke74gx9mwq23wpjy38zo1dq0lz", "#,
        r#""merchant_scheme_id1": "gl82g4y5pvzx1wj5xxnoqrj3dke7m909", "merchant_scheme_id2": "88899966", "#,
        r#""transaction_id": "0000943_YF4OTBJP37"}, "#,
        r#"{"record_uid": "k9o8mjkedvzl93n5k0ngy74q15p2r0x7", "#,
        r#""merchant_scheme_id1": "oydgerxzp4k97w0r8mw0q2lo183j5mvj", "merchant_scheme_id2": "88899967", "#,
        r#""transaction_id": "0000943_YF4OTBJP38"}]}"#
    );
    assert_eq!(body(&request), expected);
    assert_eq!((request.purpose, request.method), (Purpose::Tell, "POST"));
    assert_eq!(request.url, "http://iceland.test/", "no path is added");
    assert_eq!(header(&request, "Content-Type"), Some("application/json"));
}

/// §9.3: the first item alone.
#[test]
fn one_purchase_to_the_byte() {
    let [first, _] = two();
    let mut talk = talk("iceland-bonus-card", &Value::Null, &[first], Some(UID)).unwrap();
    let request = sent(talk.next(None));
    assert_eq!(body(&request).len(), 259);
    let sha256 = "d8779dfdec06b0f68734a5f78983203ba950d60476f0659c53403d4a97084a2a";
    assert_eq!(sha256_hex(body(&request).as_bytes()), sha256);
}

/// §18: Hashids.
#[test]
fn hashids_vectors() {
    for (number, uid) in [
        (0, "v8vzj4ykl7g28d6mln9x05m31qpeor27"),
        (1, "7gl82g4y5pvzx1wj5noqrj3dke7m9092"),
        (2, "voydgerxzp4k97w0pn0q2lo183j5mvjx"),
        (3, "vryp7xv4l2ejg36p0nmk1qd0z5o89rlp"),
        (10, "mjjzl2gem71540ne4wyq98prdkvo3x79"),
        (42, "me25vrke74gx9mwq23wpjy38zo1dq0lz"),
        (43, "k9o8mjkedvzl93n5k0ngy74q15p2r0x7"),
        (1001, "gl82g4y5pvzx1wj5xxnoqrj3dke7m909"),
        (1002, "oydgerxzp4k97w0r8mw0q2lo183j5mvj"),
        (123_456, "0gz91ke80yxp762xdxywqj42ldomvr53"),
        (2_147_483_647, "dxz4y73lko5nvxqoodq7wpr1jm9082vq"),
    ] {
        let tellings = [member(number, number, "m", "t")];
        let request = sent(talk("iceland-bonus-card", &Value::Null, &tellings, Some(UID)).unwrap().next(None));
        let told: Value = serde_json::from_str(body(&request)).unwrap();
        assert_eq!(told["transactions"][0]["record_uid"], uid);
        assert_eq!(told["transactions"][0]["merchant_scheme_id1"], uid);
    }
}

/// §9.3, OAuth form of the exchange.
#[test]
fn a_token_comes_first() {
    for service in [json!("oauth"), json!(2)] {
        let mut secrets = oauth();
        secrets["service"] = service;
        let mut talk = begin(&secrets).unwrap();
        let login = sent(talk.next(None));
        assert_eq!((login.purpose, login.method), (Purpose::Authenticate, "POST"));
        assert_eq!(login.url, "http://oauth.test/token");
        assert_eq!(header(&login, "Content-Type"), Some("application/x-www-form-urlencoded"));
        let form = "client_id=cid&client_secret=c%2Bs+%26%3D%C3%A9~&grant_type=client_credentials&n=7";
        assert_eq!(body(&login), form);
        let tell = sent(talk.next(Some(response(200, r#"{"access_token": "a_token"}"#))));
        assert_eq!(tell.purpose, Purpose::Tell);
        assert_eq!(header(&tell, "Authorization"), Some("Bearer a_token"));
        assert_eq!(body(&tell), body(&told(&Value::Null)), "the same body as without a token");
        assert_eq!(done(talk.next(Some(response(200, "")))), Finding::Delivered);
    }
}

/// §12.4: open auth, or nothing said.
#[test]
fn open_auth_sends_no_token() {
    for secrets in
        [Value::Null, json!({}), json!({"service": null}), json!({"service": 1}), json!({"service": "open-auth"})]
    {
        let request = told(&secrets);
        assert_eq!((request.purpose, header(&request, "Authorization")), (Purpose::Tell, None));
    }
}

/// D9: a batch is repeated as it is, so every attempt has the same bytes, and every failure is transient.
#[test]
fn every_attempt_is_the_same() {
    assert_eq!(body(&told(&Value::Null)), body(&told(&Value::Null)));
}

fn heard(answer: Option<Answer>) -> Finding {
    let mut talk = begin(&Value::Null).unwrap();
    sent(talk.next(None));
    done(talk.next(answer))
}

/// §9.3, Q-E29: any 2xx; D9: nothing is refused.
#[test]
fn what_an_answer_means() {
    for (status, body) in [(200, r#"{"error_codes": [1]}"#), (200, "<html>"), (201, ""), (204, ""), (299, "")] {
        assert_eq!(heard(Some(response(status, body))), Finding::Delivered, "{status}");
    }
    for status in [100, 300, 302, 400, 401, 404, 422, 429, 499, 500, 503, 600] {
        assert_eq!(heard(Some(response(status, "{}"))), transient(&format!("HTTP {status}")));
    }
    assert_eq!(heard(Some(Answer::NotSent { why: "tls" })), transient("not sent: tls"));
    assert_eq!(heard(Some(Answer::Unknown { why: "timeout" })), transient("no answer: timeout"));
}

/// D9: no token, no batch, try again.
#[test]
fn without_a_token_nothing_is_told() {
    let heard = |answer| {
        let mut talk = begin(&oauth()).unwrap();
        sent(talk.next(None));
        done(talk.next(answer))
    };
    for body in ["", "[]", "{}", r#"{"access_token": null}"#, r#"{"access_token": ""}"#, r#"{"access_token": "a\nb"}"#]
    {
        assert_eq!(heard(Some(response(200, body))), transient("token: unreadable answer"), "{body}");
    }
    for status in [302, 400, 401, 403, 429, 500] {
        let expected = transient(&format!("token: HTTP {status}"));
        assert_eq!(heard(Some(response(status, r#"{"access_token": "a"}"#))), expected);
    }
    assert_eq!(heard(Some(Answer::Unknown { why: "timeout" })), transient("token: no answer: timeout"));
}

/// Which purchase is at fault is said, so that the batch can go without it.
#[test]
fn what_cannot_be_built() {
    let fault = |secrets: Value| begin(&secrets).unwrap_err().fault;
    for service in [json!(0), json!("rsa")] {
        assert_eq!(fault(json!({"service": service})), Fault::Unsupported { service: "RSA signature" });
    }
    assert_eq!(fault(json!({"service": "magic"})), Fault::NoSecret { member: "service".into() });
    for member in ["url", "prefix", "payload"] {
        let mut secrets = oauth();
        secrets[member] = Value::Null;
        assert_eq!(fault(secrets), Fault::NoSecret { member: member.into() });
    }
    let [one, mut other] = two();
    let begin = |tellings: &[_], uid| talk("iceland-bonus-card", &Value::Null, tellings, uid).unwrap_err();
    assert_eq!(begin(std::slice::from_ref(&one), None), Fault::NoBatchUid.into());
    assert_eq!(begin(&[], Some(UID)), Fault::Number { told: 0 }.into());
    other.1.user_id = -1;
    let error = begin(&[one.clone(), other], Some(UID));
    assert_eq!(error, BuildError { telling: Some(1), fault: Fault::Encoding { what: "the user id" } });
    assert_eq!(error.finding(), refused("cannot be told: the user id cannot be encoded"));
    let bare = (export("t"), identity(1, 1, &json!({})));
    let error = begin(&[one, bare], Some(UID));
    assert_eq!(
        error,
        BuildError { telling: Some(1), fault: Fault::NoCredential { member: "merchant_identifier".into() } }
    );
}
