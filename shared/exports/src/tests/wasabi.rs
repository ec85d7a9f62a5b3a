//! Spec match §9.11 and §9.7, with D8 and D20.

use super::{body, credentials_of_e, done, export, header, identity, refused, response, sent, talk, transient};
use crate::{Answer, BuildError, Conversation, Fault, Finding, Purpose};
use harmonia_domain::ids::sha256_hex;
use serde_json::{Value, json};

fn conversation() -> Conversation {
    let telling = (export("0000A12345"), identity(42, 1001, &credentials_of_e()));
    talk("wasabi-club", &Value::Null, &[telling], None).unwrap()
}

fn heard(answer: Option<Answer>) -> Finding {
    let mut talk = conversation();
    sent(talk.next(None));
    done(talk.next(answer))
}

/// §9.11, worked example.
#[test]
fn the_request_to_the_byte() {
    let request = sent(conversation().next(None));
    let expected = r#"{"origin_id": "f2fb720e0fad8468a6334cc77b8e21065ab4e6fd", "ReceiptNo": "0000A12345"}"#;
    assert_eq!((body(&request), body(&request).len()), (expected, 84));
    let sha256 = "68291d60ede1e024abc88ca36f0397b17a1a1a525f9d2dcb7a117ba3a73bbabd";
    assert_eq!(sha256_hex(body(&request).as_bytes()), sha256);
    assert_eq!((request.purpose, request.method), (Purpose::Tell, "POST"));
    assert_eq!(request.url, "http://localhost/PostMatchedTransaction");
    assert_eq!(request.headers.len(), 1);
    assert_eq!(header(&request, "Content-Type"), Some("application/json"));
}

/// §9.11 table, §9.7 client, D8: status, body, what it means.
#[test]
fn what_an_answer_means() {
    let ok = Finding::Delivered;
    let message = |text: &str| json!({"Error": null, "Message": text}).to_string();
    let not_found = transient("receipt no not found");
    let table: Vec<(u16, String, Finding)> = vec![
        (200, r#"{"Error": null, "Message": null}"#.into(), ok.clone()),
        (200, "{}".into(), ok.clone()),
        (201, message("success"), ok.clone()),
        (200, message(""), ok.clone()),
        (200, message("Receipt No not found."), ok.clone()),
        (200, message(" Receipt No not found"), ok.clone()),
        (200, message("Receipt No not found"), not_found.clone()),
        (200, message("RECEIPT NO NOT FOUND"), not_found.clone()),
        (200, message("Origin ID not found"), refused("origin id not found")),
        (200, r#"{"Error": "Internal Error"}"#.into(), refused("internal error")),
        (200, r#"{"Error": "Internal Error", "Message": ""}"#.into(), refused("internal error")),
        (200, r#"{"Error": "Internal Error", "Message": []}"#.into(), refused("internal error")),
        (200, r#"{"Error": "Internal Error", "Message": "Receipt No not found"}"#.into(), not_found.clone()),
        (200, r#"{"Error": "Internal Error", "Message": "other"}"#.into(), ok.clone()),
        (200, r#"{"Error": "internal error"}"#.into(), ok),
        (400, message("Receipt No not found"), not_found.clone()),
        (404, message("receipt no not found"), not_found),
        (404, message("nope"), refused("HTTP 404")),
        (400, "{}".into(), refused("HTTP 400")),
        (400, r#"{"Error": "Internal Error"}"#.into(), refused("HTTP 400")),
        (401, message("Origin ID not found"), refused("origin id not found")),
    ];
    for (status, body, expected) in table {
        assert_eq!(heard(Some(response(status, &body))), expected, "{status} {body}");
    }
}

/// D8: unreadable wherever the protocol reads the answer.
#[test]
fn unreadable_answers_are_transient() {
    for status in [200, 204, 400, 404] {
        for body in ["", "<html>gateway</html>", "[]", "null", "\"success\"", "{", r#"{"Message": 7}"#] {
            assert_eq!(heard(Some(response(status, body))), transient("unreadable answer"), "{status} {body}");
        }
    }
}

/// What cannot be built is refused, with a name.
#[test]
fn what_cannot_be_built() {
    let begin = |credentials: &Value| {
        talk("wasabi-club", &Value::Null, &[(export("1"), identity(1, 1, credentials))], None).unwrap_err()
    };
    let no_email = BuildError { telling: Some(0), fault: Fault::NoCredential { member: "email".into() } };
    for credentials in [json!({}), json!({"email": null}), json!({"email": 7})] {
        assert_eq!(begin(&credentials), no_email);
    }
    assert_eq!(no_email.finding(), refused("cannot be told: the credentials have no text \"email\""));
    assert!(matches!(begin(&json!([])).fault, Fault::Credentials(_)));
}
