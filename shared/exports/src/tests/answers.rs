//! Whatever a merchant answers: a conversation ends, never panics, and never prints or repeats what it heard.

use super::{MERCHANTS, Try, done, response, sent, transient};
use crate::{Answer, Finding, Purpose, Step};
use proptest::prelude::*;
use serde_json::json;

const TOKEN: &str = "tok-8d1f";
/// The most requests of one attempt: history and award of The Works, each at two addresses.
const REQUESTS_MAX: usize = 4;

/// Everything that must not be printed: secrets, credentials, what is told, what was answered.
const HIDDEN: [&str; 14] = [
    TOKEN,
    "hush",
    "88899966",
    "loyalty-123",
    "test-123@",
    "email@test",
    "passpass",
    "test-secret",
    "gx-user",
    "gx-pass",
    "p%26w",
    "p&w",
    "6338849346110000002989",
    "transactions\"",
];

fn a_body() -> impl Strategy<Value = Vec<u8>> {
    let values = prop_oneof![
        Just(json!(null)),
        Just(json!(TOKEN)),
        Just(json!(0)),
        Just(json!([1])),
        Just(json!("Receipt No not found")),
        Just(json!("Member Number: tok-8d1f was not found")),
        Just(json!("Internal Error")),
        Just(json!([{"ErrorDescription": TOKEN}])),
        Just(json!([{"voucherCode": TOKEN, "cardPoints": 1}])),
        Just(json!([{"receipt_amount": "50.60", "receipt_date": "2022-10-26T16:14:08Z"}])),
        Just(json!(["c", "0", "", "", "", [["2022-10-26", "", "", "60"]]])),
        Just(json!(["c", "0", "", "", "", [[TOKEN, "", "", TOKEN]]])),
        ".*".prop_map(|t| json!(t)),
    ];
    let members = vec!["Message", "Error", "access_token", "ResponseStatus", "Errors", "wallet", "checkins", "result"];
    let object = prop::collection::hash_map(prop::sample::select(members), values, 0..6);
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..40),
        4 => object.prop_map(|members| serde_json::to_vec(&members).unwrap()),
    ]
}

fn an_answer() -> impl Strategy<Value = Option<Answer>> {
    let status = prop_oneof![Just(200), Just(200), Just(204), Just(401), Just(404), Just(500), any::<u16>()];
    prop_oneof![
        12 => (status, a_body()).prop_map(|(status, body)| Some(Answer::Response { status, body })),
        1 => Just(Some(Answer::NotSent { why: "refused" })),
        1 => Just(Some(Answer::Unknown { why: "timeout" })),
        1 => Just(Some(Answer::Stored)),
        1 => Just(None),
    ]
}

fn why(finding: &Finding) -> &str {
    match finding {
        Finding::Delivered => "",
        Finding::Transient { why } | Finding::Refused { why } | Finding::AlreadyThere { why } => why,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_conversation_ends(
        merchant in prop::sample::select(MERCHANTS.to_vec()),
        token in prop::option::of(Just(TOKEN)),
        before in 0_u32..40,
        answers in prop::collection::vec(an_answer(), REQUESTS_MAX),
    ) {
        let mut talk = Try { before, token, ..Try::example(merchant) }.begin().unwrap();
        let mut step = talk.next(None);
        let mut shown = format!("{step:?}");
        for answer in &answers {
            match step {
                Step::Send(_) | Step::Put(_) => step = talk.next(answer.clone()),
                Step::Done(_) => break,
            }
            shown.extend([format!("{step:?} {talk:?} {answer:?}")]);
        }
        shown.extend([format!("{:?}", talk.token())]);
        let Step::Done(finding) = step else { panic!("still talking") };
        let why = why(&finding);
        prop_assert!(why.len() < 60 && why.is_ascii(), "{}", why);
        for hidden in HIDDEN {
            prop_assert!(!shown.contains(hidden), "{} in {}", hidden, shown);
        }
    }
}

/// D8, at the request that tells: redirects, throttling, failures and lost answers are transient whatever they say.
#[test]
fn what_is_transient_for_everyone() {
    for merchant in MERCHANTS {
        let attempt = Try::example(merchant);
        for status in [100, 301, 302, 304, 429, 500, 502, 503, 504, 599, 999] {
            for text in ["", r#"{"Message": "Origin ID not found", "ResponseStatus": true}"#] {
                let expected = transient(&format!("HTTP {status}"));
                assert_eq!(attempt.heard(&response(status, text)), expected, "{merchant} {text}");
            }
        }
        let lost = [
            (Answer::NotSent { why: "tls" }, "not sent: tls"),
            (Answer::Unknown { why: "timeout" }, "no answer: timeout"),
            (Answer::Stored, "no answer"),
        ];
        for (answer, why) in lost {
            assert_eq!(attempt.heard(&answer), transient(why), "{merchant}");
        }
    }
}

/// D8: a look-up or a login without an answer tells nothing and ends nothing.
#[test]
fn what_comes_before_telling_may_fail() {
    for (merchant, part) in [
        ("iceland-bonus-card", "token"),
        ("itsu", "token"),
        ("slim-chickens", "wallet"),
        ("tgi-fridays", "history"),
        ("the-works", "history"),
    ] {
        let attempt = Try::example(merchant);
        assert_ne!(attempt.first().purpose, Purpose::Tell);
        let lost = attempt.began(Answer::Unknown { why: "timeout" });
        assert_eq!(lost, Some(transient(&format!("{part}: no answer: timeout"))));
    }
}

/// Invariant 3, D13: every attempt tells the same, whenever it is made, however many came before.
#[test]
fn every_attempt_tells_the_same() {
    for merchant in MERCHANTS {
        let first = Try::example(merchant).told();
        let later = Try { before: 3, now: "2022-12-24T18:00:00Z", token: Some(TOKEN), ..Try::example(merchant) }.told();
        assert_eq!((super::body(&first), &first.url), (super::body(&later), &later.url), "{merchant}");
    }
}

/// Design §4: another export is told in other words where the merchant is to recognise a repeat.
#[test]
fn another_export_tells_something_else() {
    for merchant in MERCHANTS {
        let mut other = Try::example(merchant);
        if other.definition.repeat != harmonia_definitions::Repeat::SameKey {
            continue;
        }
        let facts = &mut other.tellings[0].0.facts;
        facts.transaction_id += "1";
        facts.settlement_key += "1";
        other.tellings[0].0.id = harmonia_domain::ids::Id::derive("export", &["other"]);
        if merchant == "stonegate" {
            other = other.with_extra(json!({"account_id": "ACC-1", "transaction_id": "T-78"}));
        }
        assert_ne!(super::body(&Try::example(merchant).told()), super::body(&other.told()), "{merchant}");
    }
}

/// D12, undone matches: what changes an amount is told as something else than the purchase, or not at all.
#[test]
fn adjustments_are_no_repeats() {
    use harmonia_domain::{export::MatchType, money::MinorUnits};
    for merchant in MERCHANTS {
        let mut told = vec![];
        for match_type in [MatchType::Spotted, MatchType::Correction, MatchType::Reversal] {
            let mut attempt = Try::example(merchant);
            let export = attempt.export();
            let state = export.state.clone();
            if match_type.adjusts() {
                *export = export.adjustment(match_type, MinorUnits(-100), export.created, state);
            }
            match attempt.begin() {
                Ok(_) => told.push(super::body(&attempt.told()).to_owned()),
                Err(error) => {
                    assert_eq!((error.telling, error.fault), (Some(0), crate::Fault::NoAmounts), "{merchant}");
                }
            }
        }
        told.dedup();
        let tells_amounts = merchant.starts_with("bpl-") || ["itsu", "squaremeal", "the-works"].contains(&merchant);
        // SquareMeal is told of lines, which have no match to be undone
        let different = if merchant == "squaremeal" { 2 } else { 3 };
        assert_eq!(told.len(), if tells_amounts { different } else { 1 }, "{merchant}");
    }
}

/// Protocols that tell one by one take exactly one.
#[test]
fn one_by_one() {
    for merchant in MERCHANTS.into_iter().filter(|merchant| *merchant != "iceland-bonus-card") {
        for copies in [0, 2] {
            let mut attempt = Try::example(merchant);
            let telling = attempt.tellings.remove(0);
            attempt.tellings = vec![telling; copies];
            assert_eq!(attempt.fault(), crate::Fault::Number { told: copies }, "{merchant}");
        }
    }
}

/// Credentials that lack what is told, or do not open, are a fault of that purchase, not of the merchant's secret.
#[test]
fn credentials_that_do_not_open() {
    for merchant in MERCHANTS {
        let needs_none = ["costa", "squaremeal", "the-works"].contains(&merchant);
        for credentials in [super::encrypt(super::AES_KEY, "{}"), String::new()] {
            let mut attempt = Try::example(merchant);
            attempt.tellings[0].1.credentials = credentials;
            match attempt.begin() {
                Ok(_) => assert!(needs_none, "{merchant}"),
                Err(error) => assert!(!needs_none && error.telling == Some(0), "{merchant} {error}"),
            }
        }
    }
}

/// Invariant 7: neither requests nor answers nor conversations show what is in them.
#[test]
fn nothing_shows() {
    let mut talk = Try::example("iceland-bonus-card").begin().unwrap();
    let login = talk.next(None);
    let answer = response(200, &json!({"access_token": TOKEN, "expires_in": 9}).to_string());
    let heard = format!("{answer:?}");
    let tell = talk.next(Some(answer));
    let shown = format!("{login:?} {heard} {tell:?} {talk:?} {:?}", talk.token());
    assert!(shown.contains("Authorization") && shown.contains("http://oauth.test/"), "{shown}");
    for hidden in HIDDEN {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

/// What is over stays over.
#[test]
fn a_finding_is_final() {
    for merchant in MERCHANTS {
        let (mut talk, _) = Try::example(merchant).tells();
        assert_eq!(done(talk.next(None)), transient("no answer"), "{merchant}");
        assert_eq!(done(talk.next(Some(response(200, "{}")))), transient("no answer"), "{merchant}");
    }
    let (mut talk, _) = Try { token: Some(TOKEN), ..Try::example("itsu") }.tells();
    sent(talk.next(Some(response(401, ""))));
    assert_eq!(done(talk.next(None)), transient("token: no answer"));
}
