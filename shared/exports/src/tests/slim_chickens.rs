//! Spec match §9.5 and §18, with D8.

use super::{Try, body, done, header, response, sent, transient};
use crate::{Fault, Finding, Purpose};
use harmonia_domain::money::MinorUnits;
use serde_json::Value;

/// §9.5, worked example: the wallet.
#[test]
fn the_look_up_to_the_byte() {
    let request = Try::example("slim-chickens").first();
    assert_eq!((request.purpose, request.method), (Purpose::LookUp, "POST"));
    assert_eq!(request.url, "https://localhost-auth/search");
    assert_eq!(body(&request), r#"{"channelKeys": ["test"], "types": ["wallet"]}"#);
    assert_eq!(header(&request, "Authorization"), Some("Basic ZW1haWxAdGVzdC5jb20tdGVzdDpwYXNzcGFzcw=="));
}

/// §9.5, §18, worked example: the voucher.
#[test]
fn the_request_to_the_byte() {
    let request = Try::example("slim-chickens").told();
    let text = concat!(
        r#"{"token": "inprogress_voucher", "location": {"incomingIdentifier": "store_1a", "#,
        r#""parentIncomingIdentifier": "slimchickens"}}"#
    );
    assert_eq!((body(&request), body(&request).len()), (text, 123));
    assert_eq!((request.purpose, request.method), (Purpose::Tell, "POST"));
    assert_eq!(request.url, "https://localhost/2.0/connect/account/redeem");
    let hash = "9431455e4cc495bfd3ad07a7066992af090f45c4a126b44592c5f00d9a414557";
    assert_eq!(header(&request, "X-EES-AUTH-HASH"), Some(hash));
    assert_eq!(header(&request, "X-EES-AUTH-CLIENT-ID"), Some("test-client"));
    assert_eq!(header(&request, "Authorization"), None, "only the wallet is behind it");
}

/// §9.5, second vector: no voucher, no place.
#[test]
fn without_a_voucher_to_the_byte() {
    let mut attempt = Try::example("slim-chickens");
    attempt.export().facts.location_id = None;
    let mut talk = attempt.begin().unwrap();
    sent(talk.next(None));
    let request = sent(talk.next(Some(response(200, r#"{"wallet": [{"voucherCode": "V"}]}"#))));
    let text = concat!(
        r#"{"token": "", "location": {"incomingIdentifier": null, "#,
        r#""parentIncomingIdentifier": "slimchickens"}}"#
    );
    assert_eq!(body(&request), text);
    let hash = "86c5e2700a32c9ba8a7717a3cf6a64074684ffcf3248af01b6390d411d1c4c23";
    assert_eq!(header(&request, "X-EES-AUTH-HASH"), Some(hash));
}

/// §9.5, §17.3: the first entry that has the key, whatever is in it.
#[test]
fn the_voucher_with_points() {
    for (wallet, token) in [
        (
            r#"[{"voucherCode": "A"}, {"voucherCode": "B", "cardPoints": "0"}, {"voucherCode": "C", "cardPoints": 1}]"#,
            "B",
        ),
        (r#"[{"voucherCode": "A", "cardPoints": null}]"#, "A"),
        ("[]", ""),
    ] {
        let mut talk = Try::example("slim-chickens").begin().unwrap();
        sent(talk.next(None));
        let request = sent(talk.next(Some(response(200, &format!("{{\"wallet\": {wallet}}}")))));
        assert!(body(&request).starts_with(&format!("{{\"token\": \"{token}\"")), "{}", body(&request));
    }
}

/// D8: without the wallet nothing is told.
#[test]
fn what_the_wallet_answers() {
    let attempt = Try::example("slim-chickens");
    for text in ["", "[]", "{}", r#"{"wallet": null}"#, r#"{"wallet": [{"cardPoints": 1}]}"#] {
        assert_eq!(attempt.began(response(200, text)), Some(transient("wallet: unreadable answer")), "{text}");
    }
    for status in [302, 401, 404, 429, 500] {
        let expected = Some(transient(&format!("wallet: HTTP {status}")));
        assert_eq!(attempt.began(response(status, r#"{"wallet": []}"#)), expected);
    }
}

/// §8.4: below 400 is success, everything else follows the schedule.
#[test]
fn what_an_answer_means() {
    let (mut talk, _) = Try::example("slim-chickens").tells();
    assert_eq!(done(talk.next(Some(response(200, "no JSON")))), Finding::Delivered);
    for status in [400, 401, 404] {
        let heard = Try::example("slim-chickens").heard(&response(status, "{}"));
        assert_eq!(heard, transient(&format!("HTTP {status}")));
    }
}

/// §9.5: below £7.50, and money given back, is not told.
#[test]
fn small_purchases_are_skipped() {
    let definition = Try::example("slim-chickens").definition;
    for (minor, skipped) in [(749, true), (750, false), (-1234, true), (0, true)] {
        assert_eq!(definition.skips(MinorUnits(minor)), skipped);
    }
}

#[test]
fn what_cannot_be_built() {
    for member in ["channel_key", "client_secret", "client_id"] {
        let mut attempt = Try::example("slim-chickens");
        attempt.secrets[member] = Value::Null;
        assert_eq!(attempt.fault(), Fault::NoSecret { member: member.into() });
    }
    let attempt = Try { secrets: Try::example("slim-chickens").secrets, ..Try::of("slim-chickens", Value::Null) };
    assert_eq!(attempt.fault(), Fault::NoCredential { member: "password".into() });
}
