//! Whatever a merchant answers: a conversation ends, never panics, and never prints or repeats what it heard.

use super::{credentials_of_e, export, identity, talk};
use crate::{Answer, Conversation, Finding, Step};
use proptest::prelude::*;
use serde_json::{Value, json};

const TOKEN: &str = "tok-8d1f";

fn conversation(merchant: &'static str) -> Conversation {
    let secrets = match merchant {
        "wasabi-club" => Value::Null,
        _ => {
            json!({"service": "oauth", "url": "http://oauth.test/?key=hush-1", "prefix": "Bearer",
                "payload": {"s": "hush-2"}})
        }
    };
    let uid = (merchant != "wasabi-club").then_some("uid");
    talk(merchant, &secrets, &[(export("t"), identity(1, 1, &credentials_of_e()))], uid).unwrap()
}

fn a_body() -> impl Strategy<Value = Vec<u8>> {
    let values = prop_oneof![
        Just(json!(null)),
        Just(json!("Receipt No not found")),
        Just(json!("Internal Error")),
        Just(json!(TOKEN)),
        Just(json!(0)),
        Just(json!([1])),
        ".*".prop_map(|t| json!(t)),
    ];
    let object =
        prop::collection::hash_map(prop::sample::select(vec!["Message", "Error", "access_token"]), values, 0..4);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        object.prop_map(|members| serde_json::to_vec(&members).unwrap()),
    ]
}

fn an_answer() -> impl Strategy<Value = Option<Answer>> {
    let status = prop_oneof![Just(200), Just(204), Just(404), Just(500), any::<u16>()];
    prop_oneof![
        6 => (status, a_body()).prop_map(|(status, body)| Some(Answer::Response { status, body })),
        1 => Just(Some(Answer::NotSent { why: "refused" })),
        1 => Just(Some(Answer::Unknown { why: "timeout" })),
        1 => Just(None),
    ]
}

proptest! {
    #[test]
    fn every_conversation_ends(
        merchant in prop::sample::select(vec!["wasabi-club", "iceland-bonus-card"]),
        answers in prop::collection::vec(an_answer(), 3),
    ) {
        let mut talk = conversation(merchant);
        let mut step = talk.next(None);
        for answer in &answers {
            match step {
                Step::Send(_) | Step::Put(_) => step = talk.next(answer.clone()),
                Step::Done(_) => break,
            }
        }
        let Step::Done(finding) = step else { panic!("still talking") };
        if let Finding::Transient { why } | Finding::Refused { why } = finding {
            prop_assert!(why.len() < 60 && why.is_ascii() && !why.contains(TOKEN), "{}", why);
        }
    }
}

/// Invariant 7: neither requests nor answers nor conversations show what is in them.
#[test]
fn nothing_shows() {
    let mut talk = conversation("iceland-bonus-card");
    let login = talk.next(None);
    let answer = Answer::Response { status: 200, body: json!({"access_token": TOKEN}).to_string().into_bytes() };
    let heard = format!("{answer:?}");
    let tell = talk.next(Some(answer));
    let shown = format!("{login:?} {heard} {tell:?} {talk:?}");
    assert!(shown.contains("Authorization") && shown.contains("http://oauth.test/"), "{shown}");
    for secret in [TOKEN, "hush", "88899966", "transactions"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
