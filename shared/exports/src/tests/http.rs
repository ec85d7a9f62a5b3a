//! Requests that definitions describe (design §5): exact requests for each way to show who we are, what answers mean,
//! and that attempts do not differ (invariant 3, D13).

use super::{
    AES_KEY, Try, body, credentials_of_e, done, encrypt, export, header, identity, refused, response, sent, transient,
};
use crate::{Answer, BuildError, Fault, Finding, Purpose, Request};
use harmonia_definitions::{Definition, Export};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// The id of the baseline record, as a UUID. Computed with Python's hashlib.
const ID: &str = "21e19d6d-d27f-8434-ba34-2106bebd6bf1";
const BODY: &str = r#"
[export.protocol.http.body]
id = { fact = "id" }
member = { fact = "loyalty-id" }
amount = { fact = "amount", as = "major-number" }
"#;

/// The `[export]` part with this request.
fn described(http: &str) -> Export {
    let text = format!(
        "merchant = \"linde\"\nversion = \"1\"\n[export]\nbase_url = \"https://linde.test/v1/\"\n\
        repeat = \"never\"\n[export.protocol.http]\n{http}"
    );
    Definition::from_toml(&text, "linde.toml").unwrap_or_else(|e| panic!("{e}")).export.unwrap()
}

fn attempt(http: &str, secrets: Value) -> Try {
    let telling = (export("582228491099278"), identity(42, 1001, &credentials_of_e()), json!({}));
    Try {
        merchant: "linde",
        definition: described(http),
        secrets,
        tellings: vec![telling],
        uid: None,
        before: 0,
        unsure: false,
        now: "2022-10-26T16:20:00Z",
        token: None,
    }
}

/// With the small body.
fn small(http: &str, secrets: Value) -> Try {
    attempt(&format!("{http}\n{BODY}"), secrets)
}

fn headers(request: &Request) -> Vec<(&str, &str)> {
    request.headers.iter().map(|(name, value)| (name.as_ref(), value.expose_secret())).collect()
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn the_plain_request() {
    let request = small("", Value::Null).first();
    assert_eq!(
        (request.purpose, request.method, request.url.as_str()),
        (Purpose::Tell, "POST", "https://linde.test/v1/")
    );
    assert_eq!(headers(&request), [JSON]);
    assert_eq!(body(&request), format!(r#"{{"amount":12.34,"id":"{ID}","member":"loyalty-123"}}"#));
}

/// Facts in path and headers; those in the path cannot leave their segment.
#[test]
fn templates() {
    let http = r#"
        method = "PUT"
        path = "/members/{loyalty-id}/purchases/{id}?source=card"
        headers = { Idempotency-Key = "{id}", X-Place = "place {location-id} of {payment-scheme}" }"#;
    let mut attempt = small(http, Value::Null);
    attempt.tellings[0].1.loyalty_id = "a/b?c d%é".into();
    let request = attempt.first();
    assert_eq!(request.method, "PUT");
    assert_eq!(request.url, format!("https://linde.test/v1/members/a%2Fb%3Fc%20d%25%C3%A9/purchases/{ID}?source=card"));
    assert_eq!(headers(&request), [JSON, ("Idempotency-Key", ID), ("X-Place", "place store_1a of visa")]);

    attempt.tellings[0].0.facts.location_id = None;
    let missing = Fault::NoFact { fact: "location-id".into() };
    assert_eq!(attempt.begin().unwrap_err(), BuildError { telling: Some(0), fault: missing });
    attempt.tellings[0].0.facts.location_id = Some("Köln".into());
    let unwritable = Fault::Encoding { what: "the value of a header" };
    assert_eq!(attempt.begin().unwrap_err(), BuildError { telling: Some(0), fault: unwritable });
}

/// Blanks and line ends at the end of a secret are not part of it.
#[test]
fn secrets_in_headers() {
    let secrets = json!({"user": "harmonia", "password": "pa:ss wörd\n", "token": "t0k.en \n", "key": "k-1"});
    for (auth, name, value) in [
        (
            r#"{ basic = { username = "user", password = "password" } }"#,
            "Authorization",
            "Basic aGFybW9uaWE6cGE6c3Mgd8O2cmQ=",
        ),
        (r#"{ bearer = { token = "token" } }"#, "Authorization", "Bearer t0k.en"),
        (r#"{ header = { name = "X-Api-Key", key = "key" } }"#, "X-Api-Key", "k-1"),
    ] {
        let request = small(&format!("auth = {auth}"), secrets.clone()).first();
        assert_eq!(headers(&request), [JSON, (name, value)], "{auth}");
    }
}

/// The signature is computed with Python's hmac over `1666801200.` and the body.
#[test]
fn a_signature() {
    let http = r#"auth = { hmac = { key = "key", signature_header = "X-Signature", timestamp_header = "X-Time" } }"#;
    let request = small(http, json!({"key": "hush hush"})).first();
    let signature = "978c56a79e3eb7626303e20b216a7765f8c91f8fd1fddc08a7b71706d53b8853";
    assert_eq!(headers(&request), [JSON, ("X-Time", "1666801200"), ("X-Signature", signature)]);
}

/// RFC 6749 §4.4; a kept token is used, and replaced once after a 401.
#[test]
fn client_credentials() {
    let http = r#"
        [export.protocol.http.auth.client-credentials]
        token_url = "https://login.linde.test/token"
        client_id = "id"
        client_secret = "secret"
        scope = "purchases:write loyalty""#;
    let attempt = small(http, json!({"id": "c 1", "secret": "s&=é"}));
    let mut talk = attempt.begin().unwrap();
    let login = sent(talk.next(None));
    assert_eq!((login.purpose, login.url.as_str()), (Purpose::Authenticate, "https://login.linde.test/token"));
    assert_eq!(headers(&login), [("Content-Type", "application/x-www-form-urlencoded")]);
    let form =
        "grant_type=client_credentials&client_id=c+1&client_secret=s%26%3D%C3%A9&scope=purchases%3Awrite+loyalty";
    assert_eq!(body(&login), form);
    let given = r#"{"access_token": "new", "token_type": "Bearer", "expires_in": 300}"#;
    let tell = sent(talk.next(Some(response(200, given))));
    assert_eq!((tell.purpose, headers(&tell)), (Purpose::Tell, vec![JSON, ("Authorization", "Bearer new")]));
    assert_eq!(talk.token().map(|token| token.good_for_s), Some(300));
    assert_eq!(done(talk.next(Some(response(201, "")))), Finding::Delivered);

    let basic = Try { definition: described(&format!("{http}\nclient_in = \"basic\"\n{BODY}")), ..attempt };
    let login = basic.first();
    let authorization = ("Authorization", "Basic YysxOnMlMjYlM0QlQzMlQTk=");
    assert_eq!(headers(&login), [("Content-Type", "application/x-www-form-urlencoded"), authorization]);
    assert_eq!(body(&login), "grant_type=client_credentials&scope=purchases%3Awrite+loyalty");

    let mut attempt = basic;
    attempt.token = Some("kept");
    let mut talk = attempt.begin().unwrap();
    assert_eq!(header(&sent(talk.next(None)), "Authorization"), Some("Bearer kept"));
    assert_eq!(sent(talk.next(Some(response(401, "")))).purpose, Purpose::Authenticate);
    assert_eq!(header(&sent(talk.next(Some(response(200, given)))), "Authorization"), Some("Bearer new"));
    assert_eq!(done(talk.next(Some(response(401, "")))), refused("HTTP 401"));
}

/// Every secret that is missing, empty or unusable is named.
#[test]
fn secrets_that_are_missing() {
    let hmac = r#"{ hmac = { key = "key", signature_header = "X-Signature", timestamp_header = "X-Time" } }"#;
    let client = r#"{ client-credentials = { token_url = "http://l.test", client_id = "a", client_secret = "key" } }"#;
    for (auth, secrets) in [
        (hmac, Value::Null),
        (hmac, json!({"key": 7})),
        (hmac, json!({"key": " \n"})),
        (client, json!({"a": "b"})),
        (r#"{ bearer = { token = "key" } }"#, json!({"key": "a\nb"})),
        (r#"{ bearer = { token = "key" } }"#, json!({"key": "é"})),
        (r#"{ header = { name = "X-Key", key = "key" } }"#, json!({"key": ""})),
        (r#"{ basic = { username = "key", password = "p" } }"#, json!({"key": "a:b", "p": "c"})),
        (r#"{ basic = { username = "p", password = "key" } }"#, json!({"p": "c"})),
    ] {
        let error = small(&format!("auth = {auth}"), secrets).begin().unwrap_err();
        assert_eq!(error, Fault::NoSecret { member: "key".into() }.into(), "{auth}");
    }
}

/// Constants, tables in tables, lists, and every fact.
#[test]
fn a_body_of_everything() {
    let mut attempt = attempt(
        r#"
        [export.protocol.http.body]
        source = "card \"linked\""
        version = 2
        test = false
        tags = ["a", 1, true, { fact = "payment-scheme" }, []]
        [export.protocol.http.body.member]
        loyalty = { fact = "loyalty-id" }
        email = { fact = "credential", name = "email" }
        [export.protocol.http.body.purchase]
        id = { fact = "transaction-id" }
        minor = { fact = "amount" }
        text = { fact = "amount", as = "major-text" }
        currency = { fact = "currency" }
        at = { fact = "time" }
        local = { fact = "time", zone = "Europe/Berlin" }
        day = { fact = "time", format = "DD.MM.YYYY", zone = "Europe/Berlin" }
        clock = { fact = "time", format = "HH[h]mm:ss", zone = "Europe/Berlin" }
        unix = { fact = "time", format = "unix-seconds" }
        mid = { fact = "mid" }
        place = { fact = "location-id" }
        internal = { fact = "merchant-internal-id" }
        code = { fact = "auth-code" }
        card = { fact = "last-four" }
        kept = { fact = "extra", name = "kept" }
        none = { fact = "extra", name = "none" }
        "#,
        Value::Null,
    );
    attempt.tellings[0].2 = json!({"kept": {"list": [1.5, null]}});
    let expected = json!({
        "source": "card \"linked\"", "version": 2, "test": false, "tags": ["a", 1, true, "visa", []],
        "member": {"loyalty": "loyalty-123", "email": "test-123@testbink.com"},
        "purchase": {
            "id": "582228491099278", "minor": 1234, "text": "12.34", "currency": "GBP",
            "at": "2022-10-26T16:14:08+00:00", "local": "2022-10-26T18:14:08+02:00", "day": "26.10.2022",
            "clock": "18h14:08", "unix": 1_666_800_848, "mid": "test-mid-456", "place": "store_1a", "internal": "77",
            "code": "444444", "card": "7890", "kept": {"list": [1.5, null]}, "none": null,
        },
    });
    assert_eq!(serde_json::from_str::<Value>(body(&attempt.first())).unwrap(), expected);

    let facts = &mut attempt.tellings[0].0.facts;
    (facts.location_id, facts.merchant_internal_id, facts.auth_code) = (None, None, String::new());
    let told: Value = serde_json::from_str(body(&attempt.first())).unwrap();
    for null in ["place", "internal", "code", "none"] {
        assert!(told["purchase"][null].is_null(), "{null}: {told}");
    }
}

/// Exact, no longer than needed, and never a float.
#[test]
fn amounts() {
    for (minor, number, text) in [
        (1234, "12.34", "12.34"),
        (1250, "12.5", "12.50"),
        (5500, "55", "55.00"),
        (10_000, "100", "100.00"),
        (5, "0.05", "0.05"),
        (0, "0", "0.00"),
        (-5, "-0.05", "-0.05"),
        (-120, "-1.2", "-1.20"),
        (i64::MAX, "92233720368547758.07", "92233720368547758.07"),
        (i64::MIN, "-92233720368547758.08", "-92233720368547758.08"),
    ] {
        let both = r#"body = [{ fact = "amount", as = "major-number" }, { fact = "amount", as = "major-text" }]"#;
        let mut attempt = attempt(both, Value::Null);
        attempt.tellings[0].0.facts.amount.0 = minor;
        assert_eq!(body(&attempt.first()), format!("[{number},\"{text}\"]"));
    }
}

/// Credentials that do not open matter only where something of them is told.
#[test]
fn credentials_open_only_when_asked() {
    let mut closed = small("", Value::Null);
    closed.tellings[0].1.credentials = "closed".into();
    assert_eq!(closed.first().purpose, Purpose::Tell);
    let mut asked = attempt(r#"body = [{ fact = "credential", name = "email" }]"#, Value::Null);
    assert_eq!(body(&asked.first()), r#"["test-123@testbink.com"]"#);
    asked.tellings[0].1.credentials = encrypt(AES_KEY, r#"{"email": 7}"#);
    let missing = Fault::NoCredential { member: "email".into() };
    assert_eq!(asked.begin().unwrap_err(), BuildError { telling: Some(0), fault: missing });
    asked.tellings[0].1.credentials = "closed".into();
    assert!(matches!(asked.begin().unwrap_err().fault, Fault::Credentials(_)));
}

/// One request tells of one purchase.
#[test]
fn one_by_one() {
    let mut attempt = small("", Value::Null);
    attempt.tellings.push((export("t"), identity(1, 1, &credentials_of_e()), json!({})));
    assert_eq!(attempt.begin().unwrap_err(), Fault::Number { told: 2 }.into());
}

/// D8, where no rule says otherwise.
#[test]
fn what_an_answer_means_by_itself() {
    let attempt = small("", Value::Null);
    for (status, expected) in [
        (200, Finding::Delivered),
        (204, Finding::Delivered),
        (302, transient("HTTP 302")),
        (400, refused("HTTP 400")),
        (401, refused("HTTP 401")),
        (409, refused("HTTP 409")),
        (429, transient("HTTP 429")),
        (503, transient("HTTP 503")),
    ] {
        for text in ["", "<html>", r#"{"ok": true}"#] {
            assert_eq!(attempt.heard(&response(status, text)), expected, "{status} {text}");
        }
    }
    assert_eq!(attempt.heard(&Answer::NotSent { why: "refused" }), transient("not sent: refused"));
    assert_eq!(attempt.heard(&Answer::Unknown { why: "timeout" }), transient("no answer: timeout"));
}

const RULES: &str = r#"
[[export.protocol.http.answers]]
status = [409, 410]
means = "already-known"
[[export.protocol.http.answers]]
status = ["4xx"]
member = "/error/code"
is = ["not-yet", "42", "true"]
means = "not-now"
[[export.protocol.http.answers]]
status = ["2xx"]
member = "/errors/0"
means = "failed"
[[export.protocol.http.answers]]
status = [404]
means = "delivered"
"#;

/// The first rule that fits; what a rule looks into has to be JSON; D8 stands above all rules.
#[test]
fn answer_rules() {
    let attempt = attempt(&format!("{BODY}{RULES}"), Value::Null);
    let known = Finding::AlreadyThere { why: "HTTP 409, by answer rule 1".into() };
    let code = |code: Value| json!({"error": {"code": code}}).to_string();
    let not_now = transient("HTTP 400, by answer rule 2");
    for (status, text, expected) in [
        (409, String::new(), known.clone()),
        (409, code(json!("not-yet")), known),
        (400, code(json!("NOT-YET")), not_now.clone()),
        (400, code(json!(42)), not_now.clone()),
        (400, code(json!(true)), not_now),
        (400, code(json!("never")), refused("HTTP 400")),
        (400, code(json!(["not-yet"])), refused("HTTP 400")),
        (400, code(json!(null)), refused("HTTP 400")),
        (400, "[]".into(), refused("HTTP 400")),
        (404, code(json!("not-yet")), transient("HTTP 404, by answer rule 2")),
        (404, "{}".into(), Finding::Delivered),
        (404, "<html>gateway</html>".into(), transient("unreadable answer")),
        (200, r#"{"errors": []}"#.into(), Finding::Delivered),
        (200, r#"{"errors": [null]}"#.into(), Finding::Delivered),
        (200, r#"{"errors": [{}]}"#.into(), refused("HTTP 200, by answer rule 3")),
        (204, String::new(), transient("unreadable answer")),
        (429, code(json!("never")), transient("HTTP 429")),
        (500, r#"{"errors": [1]}"#.into(), transient("HTTP 500")),
    ] {
        assert_eq!(attempt.heard(&response(status, &text)), expected, "{status} {text}");
    }
}

proptest! {
    /// Whatever a merchant answers: the conversation ends, and repeats nothing of what it heard.
    #[test]
    fn every_answer_means_something(
        status in prop_oneof![Just(200_u16), Just(404), Just(409), any::<u16>()],
        code in prop_oneof![Just(json!("not-yet")), Just(json!(42)), Just(json!("heard-hush")), Just(Value::Null)],
        bytes in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)),
    ) {
        let attempt = attempt(&format!("{BODY}{RULES}"), Value::Null);
        let text = json!({"error": {"code": code}, "errors": [code]}).to_string();
        let body = bytes.unwrap_or_else(|| text.into_bytes());
        match attempt.heard(&Answer::Response { status, body }) {
            Finding::Delivered => {}
            Finding::Transient { why } | Finding::AlreadyThere { why } | Finding::Refused { why } => {
                prop_assert!(why.len() < 60 && why.is_ascii() && !why.contains("hush"), "{}", why);
            }
        }
    }
}

fn a_fact() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        r#"{ fact = "id" }"#,
        r#"{ fact = "transaction-id" }"#,
        r#"{ fact = "loyalty-id" }"#,
        r#"{ fact = "credential", name = "email" }"#,
        r#"{ fact = "amount" }"#,
        r#"{ fact = "amount", as = "major-number" }"#,
        r#"{ fact = "amount", as = "major-text" }"#,
        r#"{ fact = "time" }"#,
        r#"{ fact = "time", zone = "Europe/London" }"#,
        r#"{ fact = "time", format = "unix-seconds" }"#,
        r#"{ fact = "time", format = "YYYY[Y]MM", zone = "Asia/Kolkata" }"#,
        r#"{ fact = "mid" }"#,
        r#"{ fact = "location-id" }"#,
        r#"{ fact = "auth-code" }"#,
        r#"{ fact = "extra", name = "x" }"#,
    ])
    .prop_map(str::to_owned)
}

/// A body of a definition, as TOML writes it in one line.
fn a_part() -> impl Strategy<Value = String> {
    let constant = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<bool>().prop_map(|b| b.to_string()),
        "[^\\p{Cc}]{0,9}".prop_map(|text| toml_text(&text)),
    ];
    prop_oneof![3 => a_fact(), 1 => constant].prop_recursive(3, 24, 4, |part| {
        let names = prop::collection::hash_map("[^\\p{Cc}]{0,5}", part.clone(), 0..4);
        let table = names.prop_map(|members| {
            let members: Vec<_> = members
                .iter()
                .filter(|(name, _)| *name != "fact")
                .map(|(name, part)| format!("{} = {part}", toml_text(name)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        });
        prop_oneof![prop::collection::vec(part, 0..4).prop_map(|items| format!("[{}]", items.join(", "))), table]
    })
}

fn toml_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

proptest! {
    /// Invariant 3, D13: whatever is told, it is JSON, and the same in every attempt.
    #[test]
    fn bodies_are_json_and_do_not_change(
        part in a_part(), texts in prop::collection::vec(".*", 4), minor in any::<i64>(), second in any::<i32>(),
        place in prop::option::of(".*"), after_s in 1_i64..1_000_000, before in any::<u32>(),
    ) {
        let hmac = r#"auth = { hmac = { key = "k", signature_header = "X-S", timestamp_header = "X-T" } }"#;
        let http = format!("{hmac}\nheaders = {{ Key = \"{{id}}\" }}\nbody = [{part}]");
        let mut attempt = attempt(&http, json!({"k": "v"}));
        let (export, identity, extra) = &mut attempt.tellings[0];
        export.facts.transaction_id.clone_from(&texts[0]);
        export.facts.auth_code.clone_from(&texts[1]);
        export.facts.location_id = place;
        export.facts.amount.0 = minor;
        export.facts.at = jiff::Timestamp::from_second(i64::from(second)).unwrap();
        identity.loyalty_id.clone_from(&texts[2]);
        identity.credentials = encrypt(AES_KEY, &json!({"email": texts[3]}).to_string());
        *extra = json!({"x": [texts[0], 0.1, null]});
        let first = attempt.first();
        prop_assert!(serde_json::from_str::<Value>(body(&first)).is_ok_and(|told| told.is_array()), "{}", body(&first));
        let later: jiff::Timestamp = attempt.now.parse().unwrap();
        let later = (later + jiff::SignedDuration::from_secs(after_s)).to_string();
        let second = Try { now: later.leak(), before, ..attempt }.first();
        prop_assert_eq!(body(&first), body(&second));
        prop_assert_eq!(&first.url, &second.url);
        prop_assert_eq!(header(&first, "Key"), header(&second, "Key"));
        prop_assert_ne!(header(&first, "X-S"), header(&second, "X-S"));
    }
}
