//! Over HTTP, with the client that the functions use.

mod merchants;

use super::*;
use harmonia_ports::{Call, Web, WebAnswer, memory::SetClock};
use harmonia_runtime::web::HttpWeb;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

const KEY: &str = desk::DIRECTORY_KEY;
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn once(told: u64) -> Told {
    Told { counted: 1, again: told - 1 }
}

async fn start(faults: Faults) -> Partners {
    let user = |token: &str, scheme: &str| User {
        token: token.into(),
        scheme: scheme.into(),
        identity: json!({"loyalty_id": format!("{scheme} {token}"), "scheme_account_id": 1}),
    };
    let users = [user("tok-1", "wasabi-club"), user("tok-1", "iceland-bonus-card"), user("tok-2", "wasabi-club")];
    let clock = Arc::new(SetClock::new("2024-06-03T12:00:00Z".parse().unwrap()));
    Partners::start(&users, faults, clock).await.unwrap()
}

async fn send(method: &'static str, url: String, headers: &[(&'static str, &str)], body: String) -> (u16, Value) {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), SecretString::from(*value))).collect();
    let call = Call { method, url, headers, body: body.into_bytes(), tells: false, deadline_ms: 5_000 };
    match HttpWeb::new().unwrap().send(call).await {
        WebAnswer::Response { status, body, .. } => (status, serde_json::from_slice(&body).unwrap()),
        other => panic!("{other:?}"),
    }
}

async fn look_up(partners: &Partners, merchant: &str, key: &str, token: &str) -> (u16, Value) {
    let url = format!("{}/payment_cards/accounts/payment_card_user_info/{merchant}", partners.outside().directory_url);
    let authorization = format!("Token {key}");
    send("POST", url, &[("Authorization", &authorization)], json!({ "payment_cards": [token] }).to_string()).await
}

async fn tell_wasabi(partners: &Partners, receipt: &str) -> (u16, Value) {
    let url = format!("{}/PostMatchedTransaction", partners.outside().base_urls[&"wasabi-club".parse().unwrap()]);
    send("POST", url, &[JSON], json!({ "origin_id": "f2fb", "ReceiptNo": receipt }).to_string()).await
}

async fn tell_iceland(partners: &Partners, bearer: &str, uid: &str, ids: &[&str]) -> u16 {
    let transactions: Vec<Value> = ids.iter().map(|id| json!({ "record_uid": "r", "transaction_id": id })).collect();
    let body = json!({ "message_uid": uid, "transactions": transactions }).to_string();
    let authorization = format!("Bearer {bearer}");
    send(
        "POST",
        partners.outside().base_urls[&"iceland-bonus-card".parse().unwrap()].clone(),
        &[JSON, ("Authorization", &authorization)],
        body,
    )
    .await
    .0
}

async fn bearer(partners: &Partners) -> String {
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let (status, body) = send(
        "POST",
        partners.outside().secrets[&"iceland-bonus-card".parse().unwrap()]["url"].as_str().unwrap().to_owned(),
        &form,
        "client_id=a&b=c".into(),
    )
    .await;
    assert_eq!(status, 200);
    body["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_directory_knows_its_members() {
    let partners = start(Faults::none()).await;
    let (status, body) = look_up(&partners, "wasabi-club", KEY, "tok-1").await;
    assert_eq!((status, body), (200, json!({"tok-1": {"loyalty_id": "wasabi-club tok-1", "scheme_account_id": 1}})));
    let (_, body) = look_up(&partners, "iceland-bonus-card", KEY, "tok-1").await;
    assert_eq!(body["tok-1"]["loyalty_id"], "iceland-bonus-card tok-1");
    assert_eq!(look_up(&partners, "iceland-bonus-card", KEY, "tok-2").await, (200, json!({})));
    assert_eq!(look_up(&partners, "nobody", KEY, "tok-1").await, (200, json!({})));
    assert_eq!(look_up(&partners, "wasabi-club", "wrong", "tok-1").await.0, 401);
    let unsigned =
        format!("{}/payment_cards/accounts/payment_card_user_info/wasabi-club", partners.outside().directory_url);
    assert_eq!(send("POST", unsigned.clone(), &[], "{}".into()).await.0, 401);
    assert_eq!(send("GET", unsigned.clone(), &[], String::new()).await.0, 405);
    let key = format!("Token {KEY}");
    assert_eq!(send("POST", unsigned, &[("Authorization", &key)], "{}".into()).await.0, 400);
}

#[tokio::test]
async fn wasabi_counts_every_success() {
    let partners = start(Faults::none()).await;
    let good = (200, json!({"Error": null, "Message": null}));
    for receipt in ["r1", "r2", "r2"] {
        assert_eq!(tell_wasabi(&partners, receipt).await, good);
    }
    assert_eq!(tell_wasabi(&partners, "").await.0, 400);
    let report = partners.report();
    assert_eq!(report.told["wasabi-club"], BTreeMap::from([("r1".to_owned(), once(1)), ("r2".to_owned(), once(2))]));
    assert_eq!(report.requests["/wasabi/PostMatchedTransaction"], BTreeMap::from([(200, 3), (400, 1)]));
    assert_eq!(report.rewarded(), 2);
    assert!(report.irregular().is_empty());
    assert_eq!(report.recognised(), 1);
}

#[tokio::test]
async fn iceland_takes_a_repeated_batch_for_one() {
    let partners = start(Faults::none()).await;
    assert_eq!(tell_iceland(&partners, "guessed", "u1", &["t1"]).await, 401);
    let bearer = bearer(&partners).await;
    for _ in 0..2 {
        assert_eq!(tell_iceland(&partners, &bearer, "u1", &["t1", "t2"]).await, 200);
    }
    let report = partners.report();
    assert_eq!(
        report.told["iceland-bonus-card"],
        BTreeMap::from([("t1".to_owned(), once(2)), ("t2".to_owned(), once(2))])
    );
    assert_eq!(report.bodies["iceland-bonus-card"], BTreeMap::from([("u1".to_owned(), 1)]));
    assert!(report.irregular().is_empty());

    assert_eq!(tell_iceland(&partners, &bearer, "u1", &["t1"]).await, 200);
    assert_eq!(tell_iceland(&partners, &bearer, "u2", &["t2"]).await, 200);
    let irregular = partners.report().irregular();
    let expected = ["iceland-bonus-card rewarded t2 2 times", "iceland-bonus-card got u1 with 2 different bodies"];
    assert_eq!(irregular, expected);
    assert_eq!(tell_iceland(&partners, &bearer, "u3", &[]).await, 400);
    let json = [("Content-Type", "application/json")];
    assert_eq!(
        send(
            "POST",
            partners.outside().secrets[&"iceland-bonus-card".parse().unwrap()]["url"].as_str().unwrap().to_owned(),
            &json,
            "{}".into()
        )
        .await
        .0,
        400
    );
}

#[tokio::test]
async fn first_attempts_fail_and_are_not_counted() {
    let always = Faults { directory_503: 1000, merchant_500: 1000, batch_500: 1000, ..Faults::none() };
    let partners = start(always).await;
    let bearer = bearer(&partners).await;
    for expected in [500, 200] {
        assert_eq!(tell_wasabi(&partners, "r1").await.0, expected);
        assert_eq!(tell_iceland(&partners, &bearer, "u1", &["t1"]).await, expected);
    }
    let (first, second) =
        (look_up(&partners, "wasabi-club", KEY, "tok-1").await, look_up(&partners, "wasabi-club", KEY, "tok-1").await);
    assert_eq!((first.0, second.0), (503, 200));
    let report = partners.report();
    assert_eq!((report.rewarded_by("wasabi-club"), report.rewarded_by("iceland-bonus-card")), (1, 1));
    assert_eq!(report.bodies_of("iceland-bonus-card"), 1);

    let partners = start(Faults { not_yet: 1000, ..Faults::none() }).await;
    assert_eq!(tell_wasabi(&partners, "r1").await, (200, json!({"Error": null, "Message": "Receipt No not found"})));
    assert_eq!(partners.report().rewarded(), 0);
    assert_eq!(tell_wasabi(&partners, "r1").await, (200, json!({"Error": null, "Message": null})));
}

#[tokio::test]
async fn slow_answers_are_late_and_count() {
    let pause = Duration::from_millis(150);
    let partners = start(Faults { slow: 1000, pause, ..Faults::none() }).await;
    let before = std::time::Instant::now();
    assert_eq!(tell_wasabi(&partners, "r1").await.0, 200);
    assert!(before.elapsed() >= pause);
    assert_eq!(partners.report().rewarded(), 1);
}

#[tokio::test]
async fn dropped_partners_stop_and_reports_are_json() {
    let partners = start(Faults::none()).await;
    tell_wasabi(&partners, "r1").await;
    assert_eq!(send("POST", format!("{}/x/y", partners.outside().directory_url), &[], String::new()).await.0, 404);
    let report = serde_json::to_value(partners.report()).unwrap();
    assert_eq!(report["told"], json!({"wasabi-club": {"r1": {"counted": 1, "again": 0}}}));
    assert_eq!(report["requests"], json!({"/wasabi/PostMatchedTransaction": {"200": 1}, "elsewhere": {"404": 1}}));

    let addr = partners.addr;
    drop(partners);
    for _ in 0..100 {
        if tokio::net::TcpStream::connect(addr).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("still there");
}
