//! What each merchant checks, and by what it knows a purchase.

use super::*;

/// One request to a played merchant.
async fn ask(partners: &PlayedPartners, path: &str, headers: &[(&'static str, &str)], body: &Value) -> (u16, Value) {
    let method = if body.is_null() { "GET" } else { "POST" };
    let headers = headers.iter().map(|(name, value)| ((*name).into(), SecretString::from(*value))).collect();
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let url = format!("{}{path}", PlayedPartners::BASE);
    match partners.send(Call { method, url, headers, body, tells: false, deadline_ms: 1_000 }).await {
        WebAnswer::Response { status, body, .. } => (status, serde_json::from_slice(&body).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn played(faults: Faults) -> PlayedPartners {
    PlayedPartners::new(&[], faults, Arc::new(SetClock::new("2024-06-03T12:00:00Z".parse().unwrap())))
}

async fn form(partners: &PlayedPartners, path: &str, form: &str) -> (u16, Value) {
    let headers = vec![("Content-Type".into(), SecretString::from("application/x-www-form-urlencoded"))];
    let url = format!("{}{path}", PlayedPartners::BASE);
    let call = Call { method: "POST", url, headers, body: form.into(), tells: false, deadline_ms: 1_000 };
    match partners.send(call).await {
        WebAnswer::Response { status, body, .. } => (status, serde_json::from_slice(&body).unwrap()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn bpl_knows_its_ids() {
    let partners = played(Faults::none());
    let body = json!({
        "id": "bpl-viator-1", "transaction_total": 100, "datetime": 1, "MID": "m", "loyalty_id": "l",
        "transaction_id": "t",
    });
    let path = "/bpl/viator/transaction";
    assert_eq!(ask(&partners, path, &[JSON, ("Authorization", "Token guessed")], &body).await.0, 401);
    let door = [JSON, ("Authorization", "Token played-bpl")];
    for _ in 0..2 {
        assert_eq!(ask(&partners, path, &door, &body).await.0, 200);
    }
    assert_eq!(ask(&partners, "/bpl/cortado/transaction", &door, &body).await.0, 400, "another merchant's id");
    assert_eq!(ask(&partners, "/bpl/nobody/transaction", &door, &body).await.0, 404);
    assert_eq!(ask(&partners, path, &door, &json!({ "id": "bpl-viator-2" })).await.0, 400);
    let report = partners.report();
    assert_eq!(report.told["bpl-viator"], BTreeMap::from([("bpl-viator-1".to_owned(), once(2))]));
    assert!(report.irregular().is_empty());
    let mut other = body;
    other["transaction_total"] = json!(200);
    ask(&partners, path, &door, &other).await;
    assert_eq!(partners.report().irregular(), ["bpl-viator got bpl-viator-1 with 2 different bodies"]);
}

/// What cannot be told apart is counted every time.
#[tokio::test]
async fn costa_counts_everything() {
    let partners = played(Faults::none());
    let body = json!({ "payload": { "a": 1 }, "ExternalCustomerID": "l" });
    for _ in 0..2 {
        assert_eq!(ask(&partners, "/costa//costa/transactions", &[JSON], &body).await.0, 200);
    }
    assert_eq!(ask(&partners, "/costa//costa/transactions", &[JSON], &json!({ "payload": {} })).await.0, 400);
    let report = partners.report();
    assert_eq!((report.rewarded(), report.recognised(), report.irregular().len()), (2, 0, 0));
}

#[tokio::test]
async fn itsu_wants_a_token_and_knows_its_orders() {
    let partners = played(Faults::none());
    assert_eq!(form(&partners, "/itsu/token", "username=played&password=guessed&grant_type=password").await.0, 400);
    let (_, token) = form(&partners, "/itsu/token", "username=played&password=played-itsu&grant_type=password").await;
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let order = json!({
        "OrderID": "o1", "OrderDate": "2024-06-03T12:00:00",
        "SubTransactions": [{ "CustomerDetails": { "MemberNumber": "m" }, "TotalAmount": 1.5 }],
    });
    let path = "/itsu/api/Transaction/PostOrder";
    assert_eq!(ask(&partners, path, &[JSON], &order).await.0, 401);
    for _ in 0..2 {
        let (status, said) = ask(&partners, path, &[JSON, ("Authorization", &bearer)], &order).await;
        assert_eq!((status, said["ResponseStatus"].clone()), (200, json!(true)));
    }
    assert_eq!(partners.report().told["itsu"], BTreeMap::from([("o1".to_owned(), once(2))]));
}

#[tokio::test]
async fn slim_chickens_checks_the_signature() {
    let partners = played(Faults::none());
    let search = json!({ "channelKeys": ["played"], "types": ["wallet"] });
    // a@b-played:pw
    let basic = [JSON, ("Authorization", "Basic YUBiLXBsYXllZDpwdw==")];
    assert_eq!(ask(&partners, "/slim-chickens/search", &[JSON], &search).await.0, 401);
    let (_, wallet) = ask(&partners, "/slim-chickens/search", &basic, &search).await;
    let voucher = wallet["wallet"][1]["voucherCode"].as_str().unwrap();
    let body = json!({ "token": voucher, "location": { "incomingIdentifier": "store" } });
    let signed = format!("/2.0/connect/account/redeem{body}{}", slim_chickens::CLIENT_SECRET);
    let hash = harmonia_domain::ids::sha256_hex(signed.as_bytes());
    let signed = [JSON, ("X-EES-AUTH-CLIENT-ID", "harmonia"), ("X-EES-AUTH-HASH", &hash)];
    for _ in 0..2 {
        assert_eq!(ask(&partners, "/2.0/connect/account/redeem", &signed, &body).await.0, 200);
    }
    let other = json!({ "token": voucher, "location": {} });
    assert_eq!(ask(&partners, "/2.0/connect/account/redeem", &signed, &other).await.0, 401);
    assert_eq!(partners.report().rewarded_by("slim-chickens"), 2);
}

/// The lines of one purchase share an id.
#[tokio::test]
async fn squaremeal_knows_lines() {
    let partners = played(Faults::none());
    let line = |auth: bool, amount: i64| {
        json!({
            "transaction_id": "t", "loyalty_id": "l", "auth": auth, "cleared": !auth, "mid": "m",
            "transaction_date": "d", "transaction_amount": amount,
        })
    };
    for body in [line(true, 100), line(false, 100), line(false, -100), line(false, 100)] {
        assert_eq!(ask(&partners, "/squaremeal/api/BinkTransactions", &[JSON], &body).await.0, 200);
    }
    let told = [("t auth", once(1)), ("t refund", once(1)), ("t settled", once(2))];
    assert_eq!(partners.report().told["squaremeal"], told.map(|(name, told)| (name.to_owned(), told)).into());
}

/// Q-E2 and spec match §9.7: what has not arrived yet is said in words.
#[tokio::test]
async fn stonegate_knows_accounts_and_transactions() {
    let partners = played(Faults { not_yet: 1000, ..Faults::none() });
    let body = json!({ "MemberNumber": "m", "AccountID": "a", "TransactionID": 7 });
    let mut said = Vec::new();
    for _ in 0..2 {
        said.push(ask(&partners, "/stonegate/PostMatchedTransaction", &[JSON], &body).await.1["Message"].clone());
    }
    assert_eq!(said, [json!("Transaction with this account was not found"), Value::Null]);
    assert_eq!(partners.report().told["stonegate"], BTreeMap::from([("a 7".to_owned(), once(1))]));
}

/// The history shows bills of which points were given.
#[tokio::test]
async fn tgi_fridays_shows_what_it_gave() {
    let partners = played(Faults::none());
    let bill = |minor, member: Option<&str>| Bill {
        minor,
        at: "2024-06-02T12:00:00Z".parse().unwrap(),
        member: member.map(str::to_owned),
    };
    partners.print(&[bill(2_549, None), bill(3_000, None), bill(2_500, Some("another"))]);
    let door = [JSON, ("Authorization", "Bearer played-tgi-fridays")];
    let users = "/tgi-fridays/api2/dashboard/users";
    let history = format!("{users}/extensive_timeline?user_id=l");
    assert_eq!(ask(&partners, &history, &[], &Value::Null).await.0, 401);
    assert_eq!(ask(&partners, &history, &door, &Value::Null).await, (200, json!({ "checkins": [] })));
    let gift = json!({ "user_id": "u", "message": "thanks", "gift_count": 25, "location_id": "55" });
    assert_eq!(ask(&partners, &format!("{users}/support"), &door, &gift).await.0, 200);
    let (_, shown) = ask(&partners, &history, &door, &Value::Null).await;
    assert_eq!(shown["checkins"], json!([{ "receipt_amount": "25.49", "receipt_date": "2024-06-02T12:00:00Z" }]));
    assert_eq!(partners.report().rewarded_by("tgi-fridays"), 1);
}

/// One call at both addresses is one reward, and the card shows it by its day.
#[tokio::test]
async fn the_works_shows_what_it_gave() {
    let partners = played(Faults::none());
    let call = |method: &str, rest: &[&str]| {
        let params = [&["en", "code-1", "harmonia", "played-the-works", "card"], rest].concat();
        json!({ "jsonrpc": "2.0", "method": method, "id": 1, "params": params })
    };
    for path in ["/the-works/", "/the-works-failover/"] {
        let (status, said) = ask(&partners, path, &[JSON], &call("dc_911", &["12.34"])).await;
        assert_eq!((status, said["result"][1].clone()), (200, json!("0")));
    }
    let (_, history) = ask(&partners, "/the-works/", &[JSON], &call("dc_995", &["", "", "Points"])).await;
    assert_eq!(history["result"][5], json!([["2024-06-03", "12:00:00", "Points", "60.00"]]));
    assert_eq!(partners.report().told["the-works"], BTreeMap::from([("code-1".to_owned(), once(2))]));
    let mut other = call("dc_911", &["1"]);
    other["params"][3] = json!("guessed");
    assert_eq!(ask(&partners, "/the-works/", &[JSON], &other).await.0, 401);
    assert_eq!(ask(&partners, "/the-works/", &[JSON], &call("dc_1", &["1"])).await.0, 400);
}

/// A merchant that knows the key answers that it does.
#[tokio::test]
async fn described_merchants_know_their_keys() {
    let partners = played(Faults::none());
    let wanted = "grant_type=client_credentials&client_id=harmonia&client_secret=played-described";
    let (_, token) = form(&partners, "/described-tokens/linde", wanted).await;
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    let door = [JSON, ("Authorization", &bearer), ("Idempotency-Key", "k")];
    let mut statuses = Vec::new();
    for _ in 0..2 {
        statuses.push(ask(&partners, "/described/linde/x", &door, &json!({ "a": 1 })).await.0);
    }
    assert_eq!(statuses, [200, 409]);
    assert_eq!(partners.report().told["linde"], BTreeMap::from([("k".to_owned(), once(2))]));
}
