//! docs/onboarding.md, "How it is told": the request that it shows, and what it says of answers.

use super::{Try, body, done, header, refused, response, sent, transient};
use crate::{Finding, Purpose, Request};
use harmonia_definitions::Definition;
use harmonia_domain::money::{Currency, MinorUnits};
use serde_json::json;

const TOML: &str = include_str!("../../../../docs/onboarding/kaffeehaus-linde.toml");
const DOCUMENT: &str = include_str!("../../../../docs/onboarding.md");

/// The sale K-1002 of the sample.
fn attempt() -> Try {
    let definition = Definition::from_toml(TOML, "kaffeehaus-linde.toml").unwrap().export.unwrap();
    let secrets = json!({"client_id": "harmonia", "client_secret": "played"});
    let mut attempt = Try { definition, ..Try::of("wasabi-club", secrets) };
    let (export, identity, extra) = &mut attempt.tellings[0];
    export.facts.transaction_id = "K-1002".into();
    export.facts.at = "2024-12-01T08:05:00Z".parse().unwrap();
    export.facts.amount = MinorUnits(123_450);
    export.facts.currency = Currency::parse("EUR").unwrap();
    identity.loyalty_id = "linde-1".into();
    *extra = json!({"filiale": "Köln Südstadt"});
    attempt
}

fn shown(request: &Request) -> String {
    let url = request.url.strip_prefix("https://").unwrap();
    let (host, path) = url.split_at(url.find('/').unwrap());
    let headers = ["Content-Type", "Idempotency-Key", "Authorization"];
    let headers: String = headers.map(|name| format!("{name}: {}\n", header(request, name).unwrap())).concat();
    format!("```http\n{} {path} HTTP/1.1\nHost: {host}\n{headers}\n{}\n```", request.method, body(request))
}

#[test]
fn the_request_of_the_documentation() {
    let mut talk = attempt().begin().unwrap();
    let login = sent(talk.next(None));
    assert_eq!(login.purpose, Purpose::Authenticate);
    assert_eq!(body(&login), "grant_type=client_credentials&client_id=harmonia&client_secret=played&scope=belege");
    let mut tell = sent(talk.next(Some(response(200, r#"{"access_token": "t", "expires_in": 60}"#))));
    assert_eq!((header(&tell, "Authorization"), tell.headers.len()), (Some("Bearer t"), 3));
    tell.headers.pop();
    tell.headers.push(("Authorization".into(), "Bearer …".into()));
    let shown = shown(&tell);
    assert!(DOCUMENT.contains(&shown), "docs/onboarding.md does not show:\n{shown}");
}

#[test]
fn the_answers_of_the_documentation() {
    let attempt = attempt();
    for (status, text, expected) in [
        (201, "", Finding::Delivered),
        (404, r#"{"fehler": "Beleg-unbekannt"}"#, transient("HTTP 404, by answer rule 1")),
        (404, r#"{"fehler": "mitglied-unbekannt"}"#, refused("HTTP 404")),
        (409, "", Finding::AlreadyThere { why: "HTTP 409, by answer rule 2".into() }),
        (422, "", refused("HTTP 422")),
        (503, "", transient("HTTP 503")),
    ] {
        let mut talk = attempt.begin().unwrap();
        sent(talk.next(None));
        sent(talk.next(Some(response(200, r#"{"access_token": "t"}"#))));
        assert_eq!(done(talk.next(Some(response(status, text)))), expected, "{status} {text}");
    }
}
