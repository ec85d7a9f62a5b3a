//! A token that is kept, one that is not good any more, and none at all, at a merchant behind a login (§9.3, §12.4).

use super::{Try, body, done, header, response, sent, transient};
use crate::{Finding, Purpose, Request};
use secrecy::ExposeSecret;
use serde_json::json;

const UID: &str = "c3cb6bf3-46a2-4d2c-a77c-e06ac9981f0f";

fn attempt(token: Option<&'static str>) -> Try {
    let secrets = json!({"service": 2, "url": "http://oauth.test/token", "prefix": "Bearer\n", "payload": {"a": 1}});
    Try { uid: Some(UID), token, ..Try::of("iceland-bonus-card", secrets) }
}

fn shows(request: &Request) -> (Purpose, Option<&str>) {
    (request.purpose, header(request, "Authorization"))
}

const GIVEN: &str = r#"{"access_token": "new", "expires_in": 3600}"#;

#[test]
fn a_kept_token_is_used() {
    let mut talk = attempt(Some("kept")).begin().unwrap();
    assert_eq!(shows(&sent(talk.next(None))), (Purpose::Tell, Some("Bearer kept")));
    assert_eq!(done(talk.next(Some(response(200, "")))), Finding::Delivered);
    assert!(talk.token().is_none(), "no new one");
}

/// Q-E8: a kept token that is refused is replaced, once, and the same is told again.
#[test]
fn a_kept_token_may_be_bad() {
    let mut talk = attempt(Some("kept")).begin().unwrap();
    let first = sent(talk.next(None));
    let login = sent(talk.next(Some(response(401, ""))));
    assert_eq!((shows(&login), body(&login)), ((Purpose::Authenticate, None), "a=1"));
    let second = sent(talk.next(Some(response(200, GIVEN))));
    assert_eq!(shows(&second), (Purpose::Tell, Some("Bearer new")));
    assert_eq!(body(&first), body(&second));
    let token = talk.token().unwrap();
    assert_eq!((token.value.expose_secret(), token.good_for_s), ("new", 3600));
    assert!(talk.token().is_none(), "once");
    assert_eq!(done(talk.next(Some(response(401, "")))), transient("HTTP 401"));
}

/// A new token is not replaced, and not handed on either.
#[test]
fn a_new_token_may_be_bad() {
    let mut talk = attempt(None).begin().unwrap();
    assert_eq!(sent(talk.next(None)).purpose, Purpose::Authenticate);
    assert_eq!(shows(&sent(talk.next(Some(response(200, GIVEN))))), (Purpose::Tell, Some("Bearer new")));
    assert_eq!(done(talk.next(Some(response(401, "")))), transient("HTTP 401"));
    assert!(talk.token().is_none());
}

/// What cannot stand in a header is no token.
#[test]
fn a_kept_token_that_is_none() {
    for token in ["", "a b", "a\nb", "é"] {
        assert_eq!(attempt(Some(token)).first().purpose, Purpose::Authenticate, "{token:?}");
    }
}

/// Kept for as long as the answer says; Iceland's is used once if it does not say.
#[test]
fn how_long_a_token_is_good() {
    for (expires_in, good_for_s) in [
        ("60", Some(60)),
        ("\" 60 \"", Some(60)),
        ("99999999999", Some(u32::MAX)),
        ("0", None),
        ("-1", None),
        ("1.5", None),
        ("null", None),
        ("[]", None),
        ("\"soon\"", None),
    ] {
        let mut talk = attempt(None).begin().unwrap();
        sent(talk.next(None));
        let answer = format!(r#"{{"access_token": "new", "expires_in": {expires_in}}}"#);
        assert_eq!(sent(talk.next(Some(response(200, &answer)))).purpose, Purpose::Tell);
        assert_eq!(talk.token().map(|token| token.good_for_s), good_for_s, "{expires_in}");
    }
}
