//! Invariant 6, explained, in the ten situations that people ask about: each is planted end to end, feeds in and
//! `explain` asked, and the reason that comes first is the true one, as data and as the sentence.

use harmonia_domain::{
    feed::{Feed, Scheme},
    identifier::{Identifier, IdentifierType},
    money::{Currency, MinorUnits},
    outcome::ParkReason,
};
use harmonia_gen::{Day, Plan, generate};
use harmonia_local::{memory_cloud::MemoryCloud, partners::Faults};
use harmonia_matching::{Difference, Field};
use harmonia_stages::{
    Directory, Settings,
    explain::{Because, Explained, Explanation, PaymentExplained, Question, SaleExplained},
    registry::read_users,
};
use jiff::SignedDuration;
use serde_json::json;
use std::sync::Arc;

/// Members: token, merchant, first six, last four.
const MEMBERS: [(&str, &str, &str, &str); 5] = [
    ("VisTok88aa", "wasabi-club", "424242", "4242"),
    ("AmxTok1005", "wasabi-club", "374245", "1005"),
    ("VisTok88aa", "iceland-bonus-card", "424242", "4242"),
    ("VisTok88aa", "itsu", "424242", "4242"),
    ("MCTok5512", "wasabi-club", "522222", "5512"),
];
/// Tills: payment scheme, MID, merchant, location.
const TILLS: [(Scheme, &str, &str, Option<&str>); 4] = [
    (Scheme::Visa, "40417722", "wasabi-club", None),
    (Scheme::Amex, "9445909831", "wasabi-club", None),
    (Scheme::Visa, "02894843", "iceland-bonus-card", None),
    (Scheme::Visa, "40417799", "itsu", Some("L1")),
];

/// A cloud with these members and tills, in the night after the 18th of June.
struct Asked(MemoryCloud);

impl Asked {
    async fn new() -> Self {
        Self::with(&MEMBERS).await
    }

    async fn with(members: &[(&str, &str, &str, &str)]) -> Self {
        let empty = generate(&Plan { payments: 1, sales: 1, ..Plan::default() });
        let day = Day { identifiers: Vec::new(), users: Vec::new(), drops: Vec::new(), ..empty };
        let mut cloud = MemoryCloud::new(&day, &Faults::none(), 1, 0).await.unwrap();
        cloud.clock.set("2026-06-19T03:00:00Z".parse().unwrap());
        let harmonia = &mut cloud.cloud.app.harmonia;
        harmonia.settings = Arc::new(Settings { directory: Directory::Table });
        let asked = Self(cloud);
        asked.onboard(&TILLS).await;
        asked.link(members).await;
        asked
    }

    async fn onboard(&self, tills: &[(Scheme, &str, &str, Option<&str>)]) {
        let till = |(scheme, text, merchant, location): &(Scheme, &str, &str, Option<&str>)| Identifier {
            scheme: *scheme,
            kind: IdentifierType::Primary,
            text: (*text).to_owned(),
            merchant: merchant.parse().unwrap(),
            location_id: location.map(str::to_owned),
            merchant_internal_id: None,
            location: None,
            postcode: None,
        };
        let tills: Vec<Identifier> = tills.iter().map(till).collect();
        let done = self.0.cloud.app.harmonia.onboard(&tills).await.unwrap();
        self.0.cloud.app.harmonia.reopen(&done.change).await.unwrap();
        self.quiet().await;
    }

    /// The cards become members', and what waited for them is re-opened.
    async fn link(&self, members: &[(&str, &str, &str, &str)]) {
        let header = "merchant,token,loyalty_id,scheme_account_id,user_id,credentials,first_six,last_four\n";
        let row = |(token, merchant, six, four): &(&str, &str, &str, &str)| {
            format!("{merchant},{token},L-{token},1,2,,{six},{four}\n")
        };
        let rows: String = members.iter().map(row).collect();
        let users = read_users(format!("{header}{rows}").as_bytes());
        assert!(users.rejected.is_empty(), "{:?}", users.rejected);
        let harmonia = &self.0.cloud.app.harmonia;
        let done = harmonia.import_users(&users.users, true).await.unwrap();
        harmonia.reopen(&done.change).await.unwrap();
        self.quiet().await;
    }

    /// Serves what is there; waits for nothing that is due later.
    async fn quiet(&self) {
        while self.0.cloud.round().await.unwrap() > 0 {}
    }

    async fn deliver(&self, feed: &str, name: &str, text: &str) {
        let feed: Feed = feed.parse().unwrap();
        self.0.deliver(&feed, name, text.as_bytes()).await.unwrap();
        self.quiet().await;
    }

    async fn wasabi(&self, name: &str, rows: &[&str]) {
        let header = "Amount,Card Number,Card Type Name,Auth_code,Date,Time,EFT Merchant No_,Receipt No_";
        self.deliver("wasabi-club", name, &format!("{header}\n{}\n", rows.join("\n"))).await;
    }

    async fn ask(&self, what: &str) -> Explained {
        let question = Question { what: what.to_owned(), scheme: None, merchant: None };
        let explained = self.0.cloud.app.harmonia.explain(&question).await.unwrap();
        // invariant 7: whatever is explained, no token and no card number is shown
        let shown = [explained.to_string(), serde_json::to_string(&explained.answers).unwrap()];
        let tokens: Vec<String> = MEMBERS.iter().map(|(token, ..)| (*token).to_owned()).collect();
        let found = harmonia_local::invariants::check_card_data(shown.iter().map(String::as_str), &tokens);
        assert!(found.is_empty(), "{found:?} in {explained}");
        explained
    }

    async fn payment(&self, id: &str) -> (PaymentExplained, String) {
        let explained = self.ask(id).await;
        let [Explanation::Payment(payment)] = &explained.answers[..] else { panic!("{explained}") };
        (PaymentExplained::clone(payment), explained.to_string())
    }

    async fn sale(&self, id: &str) -> (SaleExplained, String) {
        let explained = self.ask(id).await;
        let [Explanation::Sale(sale)] = &explained.answers[..] else { panic!("{explained}") };
        (SaleExplained::clone(sale), explained.to_string())
    }
}

/// A Visa message of the 18th: id, MID, amount, auth code, time in the feed's own zone.
fn visa(amount_key: &str, time_key: &str, [id, mid, amount, code, time]: [&str; 5]) -> String {
    let element = |key: &str, value: &str| json!({ "Key": format!("Transaction.{key}"), "Value": value });
    json!({ "ExternalUserId": "VisTok88aa", "MessageElementsCollection": [
        element("VipTransactionId", id), element("MerchantCardAcceptorId", mid), element("VisaStoreId", ""),
        element("VisaMerchantId", ""), element(amount_key, amount), element(time_key, time), element("AuthCode", code),
    ]})
    .to_string()
}

/// An auth; wasabi-club's and iceland's are in UTC, itsu's in London.
fn auth(values: [&str; 5]) -> String {
    visa("TransactionAmount", "TimeStampYYMMDD", values)
}

fn settled(values: [&str; 5]) -> String {
    visa("SettlementAmount", "MerchantDateTimeGMT", values)
}

/// An Amex auth: no auth code, times seven hours behind UTC.
fn amex(id: &str, amount: &str, time: &str) -> String {
    json!({ "transaction_id": id, "transaction_time": time, "transaction_amount": amount, "cm_alias": "AmxTok1005",
        "merchant_number": "9445909831", "approval_code": "390211" })
    .to_string()
}

fn headline(text: &str) -> &str {
    text.lines().next().unwrap()
}

/// The differences of the nearest sale.
fn differences(payment: &PaymentExplained) -> &[Difference] {
    assert!(matches!(&payment.because, Because::Nearest { says } if *says == payment.nearest[0].says), "{payment}");
    &payment.nearest[0].near.differences
}

async fn a_clock_that_is_off() -> Asked {
    let asked = Asked::new().await;
    asked.deliver("amex-auth", "", &amex("A1", "23.45", "2026-06-18 05:41:07")).await;
    // the till's clock runs 4 minutes and 10 seconds fast; another sale of that till is of another price
    let rows = [
        "23.45,374245******1005,American Express,,18/06/2026,13:45:17,9445909831,R1",
        "7.10,374245******2002,American Express,,18/06/2026,13:41:10,9445909831,R2",
    ];
    asked.wasabi("day.csv", &rows).await;
    asked
}

#[tokio::test]
async fn a_till_clock_is_four_minutes_off() {
    let asked = a_clock_that_is_off().await;
    let (payment, text) = asked.payment("A1").await;
    let off_by = SignedDuration::from_secs(250);
    assert_eq!(differences(&payment), [Difference::Time { off_by, limit_s: 180 }]);
    assert_eq!(headline(&text), "payment amex A1: open: same MID, amount and last four, 4 min 10 s apart, limit 3 min");
    let (sale, text) = asked.sale("R1").await;
    assert_eq!(sale.nearest[0].near.differences, [Difference::Time { off_by, limit_s: 180 }]);
    assert_eq!(
        headline(&text),
        "sale R1 of wasabi-club: open: same MID, amount and last four, 4 min 10 s apart, limit 3 min"
    );
    let (other, text) = asked.sale("R2").await;
    assert_eq!((other.because, other.nearest.len()), (Because::NothingNear, 0), "{text}");
}

async fn an_unknown_till() -> Asked {
    let asked = Asked::new().await;
    asked.deliver("visa-auth", "", &auth(["V1", "40419999", "23.45", "390211", "2026-06-18T12:41:07"])).await;
    asked.wasabi("day.csv", &["23.45,424242******4242,Visa,390211,18/06/2026,13:41:20,40419999,R1"]).await;
    asked
}

#[tokio::test]
async fn a_mid_is_not_onboarded() {
    let asked = an_unknown_till().await;
    let (payment, text) = asked.payment("V1").await;
    let Because::UnknownMid { scheme: Scheme::Visa, texts, .. } = &payment.because else { panic!("{text}") };
    assert_eq!(texts, &[(IdentifierType::Primary, "40419999".to_owned())]);
    assert_eq!(
        headline(&text),
        "payment visa V1: parked since 2026-06-19 03:00:00 UTC: nobody has onboarded visa MID primary 40419999"
    );
    let (sale, text) = asked.sale("R1").await;
    let why = ParkReason::UnknownMid;
    assert_eq!(sale.because, Because::PaymentParked { payment: "visa V1".into(), why });
    assert_eq!(
        headline(&text),
        "sale R1 of wasabi-club: open: payment visa V1 would fit, but it is parked: nobody has onboarded its MID"
    );
    // onboarding it re-opens the one, and both match
    asked.onboard(&[(Scheme::Visa, "40419999", "wasabi-club", None)]).await;
    let (payment, text) = asked.payment("V1").await;
    assert!(matches!(payment.because, Because::Matched { with: Some(with), .. } if with == "sale R1"), "{text}");
    // a sale that no payment waits for, at a till that is nobody's
    asked.wasabi("next.csv", &["9.99,424242******4242,Visa,111111,18/06/2026,13:41:20,40419998,R2"]).await;
    let (sale, _) = asked.sale("R2").await;
    assert_eq!(sale.because, Because::MidNotOnboarded { mids: vec!["40419998".into()], scheme: Scheme::Visa });
}

#[tokio::test]
async fn a_card_is_linked_later() {
    let asked = Asked::with(&[]).await;
    asked.wasabi("day.csv", &["23.45,424242******4242,Visa,390211,18/06/2026,13:41:20,40417722,R1"]).await;
    asked.deliver("visa-auth", "", &auth(["V1", "40417722", "23.45", "390211", "2026-06-18T12:41:07"])).await;
    let (payment, text) = asked.payment("V1").await;
    let since = "2026-06-19T03:00:00Z".parse().unwrap();
    assert_eq!(payment.because, Because::CardNotKnown { member_known: false, since, linked_at: None }, "{text}");
    assert_eq!(
        headline(&text),
        "payment visa V1: parked since 2026-06-19 03:00:00 UTC: the user directory does not know the card; it is not \
         linked yet, or nobody has told us"
    );
    asked.0.clock.advance(SignedDuration::from_hours(2));
    asked.link(&MEMBERS).await;
    let (payment, text) = asked.payment("V1").await;
    let linked_later = Some("2026-06-19T05:00:00Z".parse().unwrap());
    let Because::Matched { with, linked_later: told, .. } = &payment.because else { panic!("{text}") };
    assert_eq!((with.as_deref(), *told), (Some("sale R1"), linked_later));
    assert_eq!(
        headline(&text),
        "payment visa V1: matched with sale R1; its card was linked later, at 2026-06-19 05:00:00 UTC: it waited until \
         then"
    );
    assert_eq!(payment.exports[0].evidence_in_words, ["equal auth code", "same UTC day"]);
    let says = payment.exports[0].says.as_deref();
    assert_eq!(says, Some("same MID, amount, auth code and last four, 13 s apart"));
    let (sale, _) = asked.sale("R1").await;
    assert!(matches!(sale.because, Because::Matched { with: Some(with), .. } if with == "payment visa V1"));
}

#[tokio::test]
async fn two_sales_are_equal() {
    let asked = Asked::new().await;
    asked.deliver("visa-auth", "", &auth(["V1", "40417722", "23.45", "390211", "2026-06-18T12:41:07"])).await;
    let row = |id: &str| format!("23.45,424242******4242,Visa,390211,18/06/2026,13:41:20,40417722,{id}");
    asked.wasabi("day.csv", &[&row("R1"), &row("R2")]).await;
    let (payment, text) = asked.payment("V1").await;
    assert_eq!(payment.because, Because::Tied { left: 2, barred: false }, "{text}");
    assert_eq!(headline(&text), "payment visa V1: open: two sales fit equally; none is guessed");
    let tied: Vec<&str> = payment.nearest.iter().map(|near| near.sale.id.as_str()).collect();
    assert_eq!(tied, ["R1", "R2"]);
    let (sale, text) = asked.sale("R2").await;
    assert_eq!(sale.because, Because::Tied { left: 2, barred: false }, "{text}");
}

#[tokio::test]
async fn an_auth_code_is_typed_wrong() {
    let asked = Asked::new().await;
    asked.deliver("visa-auth", "", &auth(["V1", "40417722", "23.45", "123456", "2026-06-18T12:41:07"])).await;
    let rows = [
        "23.45,424242******4242,Visa,654321,18/06/2026,13:41:20,40417722,R1",
        "23.45,555555******7777,Visa,888000,18/06/2026,18:00:00,40417722,R2",
    ];
    asked.wasabi("day.csv", &rows).await;
    let (payment, text) = asked.payment("V1").await;
    let codes = Difference::AuthCode { payment: "123456".into(), sale: "654321".into() };
    assert_eq!(differences(&payment), [codes]);
    assert_eq!(
        headline(&text),
        "payment visa V1: open: same MID, amount and last four, auth code 123456 against 654321, 13 s apart"
    );
}

async fn a_tip() -> Asked {
    let asked = Asked::new().await;
    asked.deliver("visa-auth", "", &auth(["V1", "40417722", "23.45", "390211", "2026-06-18T12:41:07"])).await;
    asked.deliver("visa-settlement", "", &settled(["V1", "40417722", "26.45", "390211", "2026-06-18T12:41:07"])).await;
    asked.wasabi("day.csv", &["23.45,424242******4242,Visa,390211,18/06/2026,13:41:20,40417722,R1"]).await;
    asked
}

#[tokio::test]
async fn a_payment_is_settled_with_a_tip() {
    let asked = a_tip().await;
    let (payment, text) = asked.payment("V1").await;
    let (more, less) = (MinorUnits(2645), MinorUnits(2345));
    let amount = Difference::Amount { payment: more, sale: less, currency: Currency::GBP, authorised: Some(less) };
    assert_eq!(differences(&payment), [amount]);
    assert_eq!(
        headline(&text),
        "payment visa V1: open: same MID, auth code and last four, 26.45 GBP against 23.45, 3.00 more than the sale \
         (the settlement changed it: the auth was equal), 13 s apart"
    );
    let (sale, _) = asked.sale("R1").await;
    assert!(matches!(sale.nearest[0].near.differences[..], [Difference::Amount { authorised: Some(_), .. }]));
}

#[tokio::test]
async fn a_sales_file_is_missing() {
    let asked = Asked::new().await;
    // the day before is there, with a sale of the same price by somebody else
    asked.wasabi("before.csv", &["23.45,555555******7777,Visa,888000,17/06/2026,21:30:00,40417722,R1"]).await;
    asked.deliver("visa-auth", "", &auth(["V1", "40417722", "23.45", "390211", "2026-06-18T12:41:07"])).await;
    let (payment, text) = asked.payment("V1").await;
    let Because::NoFile { merchant, day, latest, .. } = &payment.because else { panic!("{text}") };
    assert_eq!((merchant.as_str(), day.to_string()), ("wasabi-club", "2026-06-18".to_owned()));
    assert_eq!(*latest, Some("2026-06-17T20:30:00Z".parse().unwrap()));
    assert_eq!(
        headline(&text),
        "payment visa V1: open: no sales file of wasabi-club covers 2026-06-18; the latest covers up to 2026-06-17 \
         20:30:00 UTC"
    );
    // the file is there, and nothing in it comes near
    asked.wasabi("day.csv", &["7.10,555555******7777,Visa,888111,18/06/2026,13:30:00,40417722,R2"]).await;
    let (payment, text) = asked.payment("V1").await;
    assert!(matches!(payment.because, Because::Nearest { .. }), "{text}");
    // a file that could not be read is no file, and tells why
    let asked = Asked::new().await;
    asked.deliver("visa-auth", "", &auth(["V1", "40417722", "23.45", "390211", "2026-06-18T12:41:07"])).await;
    asked.deliver("wasabi-club", "broken.csv", "Amount\n23.45\n").await;
    let (payment, text) = asked.payment("V1").await;
    assert!(matches!(payment.because, Because::FileRefused { .. }), "{text}");
    assert!(headline(&text).contains("broken.csv was refused whole: the CSV header has no column"), "{text}");
}

#[tokio::test]
async fn midnight_lies_between_them() {
    let asked = Asked::new().await;
    asked.deliver("visa-auth", "", &auth(["V1", "40417722", "23.45", "390211", "2026-06-17T23:59:10"])).await;
    // by the till's clock it is one in the morning for both
    asked.wasabi("day.csv", &["23.45,424242******4242,Visa,390211,18/06/2026,01:01:20,40417722,R1"]).await;
    let (payment, text) = asked.payment("V1").await;
    let (paid, sold) = ("2026-06-17".parse().unwrap(), "2026-06-18".parse().unwrap());
    assert_eq!(differences(&payment), [Difference::Day { payment: paid, sale: sold }]);
    assert_eq!(
        headline(&text),
        "payment visa V1: open: same MID, amount, auth code and last four, UTC day 2026-06-17 against 2026-06-18, \
         2 min 10 s apart"
    );
}

#[tokio::test]
async fn a_sale_is_in_another_currency() {
    let asked = Asked::new().await;
    asked.deliver("visa-auth", "", &auth(["V1", "02894843", "23.45", "390211", "2026-06-18T12:41:07"])).await;
    let row = "424242,4242,01/30,2,Visa,02894843,2026-06-18 13:41:20,23.45,EUR,.00,EUR,ICE-1,390211";
    let file = format!("{}\n{row}\n", crate::sample::iceland_header());
    asked.deliver("iceland-bonus-card", "day.csv", &file).await;
    let (payment, text) = asked.payment("V1").await;
    let (gbp, eur) = (Currency::GBP, Currency::parse("EUR").unwrap());
    assert_eq!(differences(&payment), [Difference::Currency { payment: gbp, sale: eur }]);
    assert_eq!(payment.nearest[0].near.same, [Field::Mid, Field::Amount, Field::AuthCode, Field::Card]);
    assert_eq!(
        headline(&text),
        "payment visa V1: open: same MID, amount, auth code and last four, GBP against EUR, 13 s apart"
    );
}

#[tokio::test]
async fn a_sale_is_below_the_threshold() {
    let asked = Asked::new().await;
    asked.deliver("visa-auth", "", &auth(["V1", "40417799", "4.50", "390211", "2026-06-18T13:41:07"])).await;
    let header = "transaction_id,payment_card_type,payment_card_first_six,payment_card_last_four,amount,currency_code,\
        auth_code,date,merchant_identifier,retailer_location_id,transaction_data,customer_id";
    let row = |id: &str, four: &str, amount: &str, code: &str| {
        format!("{id},visa,424242,{four},{amount},GBP,{code},2026-06-18T12:41:20,,L1,,")
    };
    let (own, other) = (row("I1", "4242", "4.50", "390211"), row("I2", "7777", "14.50", "888000"));
    let file = format!("{header}\n{own}\n{other}\n");
    asked.deliver("itsu", "day.csv", &file).await;
    let (payment, text) = asked.payment("V1").await;
    let Because::BelowMinimum { merchant, filter, below, .. } = &payment.because else { panic!("{text}") };
    assert_eq!((merchant.as_str(), filter.as_str(), *below), ("itsu", "below-minimum", MinorUnits(500)));
    assert_eq!(headline(&text), "payment visa V1: open: sales of itsu below 5.00 GBP are left out: below-minimum");
    assert_eq!(payment.day.unwrap().skipped.get("below-minimum"), Some(&1));
    // and the line itself says so
    let explained = asked.ask("itsu/day.csv:2").await;
    assert_eq!(headline(&explained.to_string()), "line 2 of imports/itsu/day.csv: left out: below-minimum");
}

/// A location has the identifiers of every payment scheme: its sale finds the payments of its own.
#[tokio::test]
async fn a_sale_at_a_location_finds_its_payments() {
    let asked = Asked::new().await;
    let others = ["1", "2", "3", "4", "5"].map(|mid| (Scheme::Mastercard, mid, "itsu", Some("L1")));
    asked.onboard(&others).await;
    asked.deliver("visa-auth", "", &auth(["V1", "40417799", "14.50", "390211", "2026-06-18T13:41:07"])).await;
    let header = "transaction_id,payment_card_type,payment_card_first_six,payment_card_last_four,amount,currency_code,\
        auth_code,date,merchant_identifier,retailer_location_id,transaction_data,customer_id";
    let row = "I1,visa,424242,4242,14.50,GBP,390212,2026-06-18T12:41:20,,L1,,";
    asked.deliver("itsu", "day.csv", &format!("{header}\n{row}\n")).await;
    let (sale, text) = asked.sale("I1").await;
    assert_eq!(sale.sale.mids.len(), 6);
    let codes = Difference::AuthCode { payment: "390211".into(), sale: "390212".into() };
    assert_eq!(sale.nearest[0].near.differences, [codes], "{text}");
}

/// docs/explain.md shows what the command prints for three of the situations, to the letter.
#[tokio::test]
async fn the_document_shows_real_output() {
    const DOCUMENT: &str = include_str!("../../docs/explain.md");
    let cases = [(a_clock_that_is_off().await, "A1"), (an_unknown_till().await, "R1"), (a_tip().await, "V1")];
    for (asked, id) in cases {
        let text = asked.ask(id).await.to_string();
        let block = format!("```console\n$ harmonia explain {id}\n{text}```\n");
        assert!(DOCUMENT.contains(&block), "docs/explain.md has to show:\n{block}");
    }
}

mod days;
mod names;
