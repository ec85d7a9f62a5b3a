//! Late link (D7) on whole days in memory: lines are parked because nobody knows the MID or the card; what comes later
//! sets them free, each once, also when it comes while lines are being imported.

use harmonia_domain::{
    export::ExportState,
    feed::{Feed, Scheme, Slug},
    identifier::{Identifier, IdentifierType},
    outcome::ParkReason,
    purchase::{Purchase, PurchaseState},
};
use harmonia_gen::{Day, Plan, generate};
use harmonia_local::{
    invariants::{check, check_told, score},
    memory_cloud::MemoryCloud,
    partners::Faults,
    state::Rows,
    world::World,
};
use harmonia_ports::Clock;
use harmonia_stages::{
    Directory, Settings,
    registry::{Change, Offboard, Reopened, Triple, UserRows, read_users},
};
use jiff::SignedDuration;
use serde_json::json;
use std::{fmt::Write, sync::Arc};

/// Days that are played with an interleaving of their own.
const SEEDS: u64 = 6;
/// Of a thousand table calls so many fail (as in the simulation).
const FAILING_PER_MILLE: u64 = 10;

fn day(seed: u64) -> Day {
    generate(&Plan { seed, payments: 120, sales: 160, ..Plan::default() })
}

fn parked(rows: &Rows, wanted: &[ParkReason]) -> usize {
    let lines = rows.purchases.iter().flat_map(|p| p.kinds().filter_map(|k| p.line(k)));
    lines.filter(|l| l.parked.is_some_and(|why| wanted.contains(&why))).count()
}

async fn deliver(cloud: &MemoryCloud, day: &Day, from: usize, to: usize) {
    for delivery in &day.drops[from..to] {
        cloud.clock.set(delivery.at.max(cloud.clock.now()));
        let feed: Feed = delivery.feed.parse().unwrap();
        cloud.deliver(&feed, &delivery.name, &delivery.bytes).await.unwrap();
    }
}

fn assert_good(seed: u64, day: &Day, cloud: &MemoryCloud, rows: &Rows) {
    let broken: Vec<String> = check(rows).into_iter().map(|v| format!("{}: {}", v.invariant, v.what)).collect();
    assert!(broken.is_empty(), "seed {seed}: {broken:#?}");
    let score = score(rows, &day.truth);
    assert!(score.wrong.is_empty() && score.missing.is_empty(), "seed {seed}: {score:#?}");
    assert!(score.expected > 20, "seed {seed}: a day without matches proves nothing");
    let wrong: Vec<String> = check_told(rows, &cloud.partners.report()).into_iter().map(|v| v.what).collect();
    assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
    let rests = |state: &ExportState| {
        // a lost verdict of a merchant that must not be told twice is a person's
        let names = ["delivered", "skipped", "unconfirmed"];
        names.contains(&state.name())
    };
    assert!(rows.exports.iter().all(|x| rests(&x.state)), "seed {seed}: each purchase is told once");
}

/// Calls again what failed as any call may.
macro_rules! insist {
    ($call:expr) => {{
        let mut result = $call.await;
        for _ in 0..20 {
            if result.is_ok() {
                break;
            }
            result = $call.await;
        }
        result.unwrap()
    }};
}

/// D7: a whole day of unknown MIDs; onboarding them while lines are imported, with failing calls, loses no line, and
/// re-opening again finds nothing.
#[tokio::test]
async fn onboarding_during_the_day_loses_nothing() {
    for seed in 1..=SEEDS {
        let day = day(seed);
        let blank = Day { identifiers: Vec::new(), ..day.clone() };
        let cloud = MemoryCloud::new(&blank, &Faults::none(), seed, FAILING_PER_MILLE).await.unwrap();
        let identifiers = World::of(&day).onboarded().unwrap();
        let (third, all) = (day.drops.len() / 3, day.drops.len());
        deliver(&cloud, &day, 0, third).await;
        while cloud.cloud.round().await.unwrap() > 0 {}
        let before = cloud.rows().unwrap();
        let located = before.sales.iter().filter(|sale| sale.waits_for_location()).count();
        let waiting = parked(&before, &[ParkReason::UnknownMid]) + located;
        assert!(waiting > 0 && before.exports.is_empty(), "seed {seed}: nobody's payments are parked");
        let change = Change::onboarding(identifiers.clone());
        let listed = insist!(cloud.cloud.app.harmonia.reopenable(&change));
        let unchanged = cloud.rows().unwrap();
        assert_eq!(unchanged.purchases, before.purchases, "seed {seed}: a dry run changes nothing");
        assert!(!listed.is_empty() && listed.len() <= waiting, "seed {seed}");
        // the rest of the day, and the onboarding, at the same time
        deliver(&cloud, &day, third, all).await;
        let onboarding = async {
            let done = insist!(cloud.cloud.app.harmonia.onboard(&identifiers));
            insist!(cloud.cloud.app.harmonia.reopen(&done.change))
        };
        let serving = async {
            for _ in 0..4 {
                cloud.cloud.round().await.unwrap();
            }
        };
        let (_, ()) = tokio::join!(onboarding, serving);
        cloud.until_quiet().await.unwrap();
        let rows = cloud.rows().unwrap();
        assert_good(seed, &day, &cloud, &rows);
        let still = insist!(cloud.cloud.app.harmonia.reopenable(&change));
        assert_eq!(still, [], "seed {seed}: a line was parked and nobody looked again");
        let again = insist!(cloud.cloud.app.harmonia.reopen(&change));
        assert_eq!((again.payments, again.sales), (0, 0), "seed {seed}: each once");
        cloud.until_quiet().await.unwrap();
        assert_eq!(cloud.rows().unwrap().exports, rows.exports, "seed {seed}");
        // redelivery of the whole day after the re-opening changes nothing
        for delivery in &day.drops {
            let feed: Feed = delivery.feed.parse().unwrap();
            cloud.deliver(&feed, &format!("again-{}", delivery.name), &delivery.bytes).await.unwrap();
        }
        cloud.until_quiet().await.unwrap();
        let twice = cloud.rows().unwrap();
        assert_eq!((&twice.purchases, &twice.exports), (&rows.purchases, &rows.exports), "seed {seed}");
    }
}

/// The users of a day as a file for the second directory.
fn users(day: &Day) -> UserRows {
    let mut csv = "merchant,token,loyalty_id,scheme_account_id,user_id,credentials,first_six,last_four\n".to_owned();
    for user in &day.users {
        let of = |field: &str| user.identity[field].as_str().map_or(user.identity[field].to_string(), str::to_owned);
        let card = |field: &str| user.identity["card_information"][field].as_str().unwrap_or_default().to_owned();
        let row = [
            user.scheme.clone(),
            user.token.clone(),
            of("loyalty_id"),
            of("scheme_account_id"),
            of("user_id"),
            of("credentials"),
            card("first_six"),
            card("last_four"),
        ];
        writeln!(csv, "{}", row.join(",")).unwrap();
    }
    read_users(csv.as_bytes())
}

/// The cloud of a day with the table as its user directory.
async fn with_table(day: &Day, seed: u64, per_mille: u64) -> MemoryCloud {
    let mut cloud = MemoryCloud::new(day, &Faults::none(), seed, per_mille).await.unwrap();
    let harmonia = &mut cloud.cloud.app.harmonia;
    harmonia.settings = Arc::new(Settings { directory: Directory::Table });
    cloud
}

/// D7 and the second directory: the members become known while their payments are identified; none stays parked.
#[tokio::test]
async fn linking_during_the_day_loses_nothing() {
    for seed in 1..=SEEDS {
        let day = day(seed);
        let cloud = with_table(&day, seed, FAILING_PER_MILLE).await;
        let (half, all) = (day.drops.len() / 2, day.drops.len());
        deliver(&cloud, &day, 0, half).await;
        while cloud.cloud.round().await.unwrap() > 0 {}
        assert!(parked(&cloud.rows().unwrap(), &[ParkReason::CardNotKnown]) > 0, "seed {seed}");
        let users = users(&day);
        assert_eq!((users.users.len(), users.rejected.len()), (day.users.len(), 0));
        deliver(&cloud, &day, half, all).await;
        let linking = async {
            let done = insist!(cloud.cloud.app.harmonia.import_users(&users.users, true));
            // a call that failed half-way is repeated and finds some just so: all cards are re-opened by their names
            let cards = users.users.iter().map(|u| (u.merchant.clone(), cloud.cloud.app.harmonia.cards.hash(&u.token)));
            let change = Change::linking(cards.collect());
            insist!(cloud.cloud.app.harmonia.reopen(&change));
            (done, change)
        };
        let serving = async {
            for _ in 0..6 {
                cloud.cloud.round().await.unwrap();
            }
        };
        let ((_, change), ()) = tokio::join!(linking, serving);
        cloud.until_quiet().await.unwrap();
        let rows = cloud.rows().unwrap();
        assert_good(seed, &day, &cloud, &rows);
        let still = insist!(cloud.cloud.app.harmonia.reopenable(&change));
        assert_eq!(still, [], "seed {seed}: a line was parked and nobody looked again");
        let again = insist!(cloud.cloud.app.harmonia.import_users(&users.users, true));
        assert_eq!((again.added, again.changed, again.unchanged), (0, 0, day.users.len()));
        let again = insist!(cloud.cloud.app.harmonia.reopen(&again.change));
        assert_eq!((again.payments, again.sales), (0, 0), "seed {seed}: each once");
    }
}

fn identifier(kind: IdentifierType, text: &str, merchant: &str) -> Identifier {
    Identifier {
        scheme: Scheme::Visa,
        kind,
        text: text.into(),
        merchant: merchant.parse().unwrap(),
        location_id: None,
        merchant_internal_id: None,
        location: None,
        postcode: None,
    }
}

fn auth(id: &str, primary: &str, secondary: &str) -> String {
    let element = |key: &str, value: &str| json!({ "Key": format!("Transaction.{key}"), "Value": value });
    json!({ "ExternalUserId": "VisTok88aa", "MessageElementsCollection": [
        element("MerchantCardAcceptorId", primary),
        element("VisaStoreId", secondary),
        element("VisaMerchantId", ""),
        element("TransactionAmount", "23.45"),
        element("VipTransactionId", id),
        element("TimeStampYYMMDD", "2026-06-18T13:41:07"),
        element("AuthCode", "390211"),
    ]})
    .to_string()
}

/// A cloud that knows no identifier and one member, at half past two of a summer's day.
async fn alone() -> MemoryCloud {
    let user = harmonia_gen::User {
        token: "VisTok88aa".into(),
        scheme: "wasabi-club".into(),
        identity: json!({ "loyalty_id": "L1", "scheme_account_id": 1, "user_id": 2, "credentials": "",
            "card_information": { "first_six": "424242", "last_four": "4242" } }),
    };
    let empty = generate(&Plan { payments: 1, sales: 1, ..Plan::default() });
    let day = Day { identifiers: Vec::new(), users: vec![user], drops: Vec::new(), ..empty };
    let cloud = MemoryCloud::new(&day, &Faults::none(), 1, 0).await.unwrap();
    cloud.clock.set("2026-06-18T13:30:00Z".parse().unwrap());
    cloud
}

async fn say(cloud: &MemoryCloud, message: String) {
    cloud.deliver(&"visa-auth".parse().unwrap(), "", message.as_bytes()).await.unwrap();
    while cloud.cloud.round().await.unwrap() > 0 {}
}

fn only(cloud: &MemoryCloud) -> Purchase {
    let rows = cloud.rows().unwrap();
    assert_eq!(rows.purchases.len(), 1);
    rows.purchases[0].clone()
}

fn why(purchase: &Purchase) -> Option<ParkReason> {
    purchase.auth.as_ref().unwrap().parked
}

/// D5: a text that two merchants claim parks the line; offboarding one of them, whichever text it is under, ends it.
#[tokio::test]
async fn a_dispute_ends_when_one_merchant_leaves() {
    let cloud = alone().await;
    let harmonia = &cloud.cloud.app.harmonia;
    let ours = identifier(IdentifierType::Primary, "P1", "wasabi-club");
    let theirs = identifier(IdentifierType::Secondary, "S1", "itsu");
    harmonia.onboard(&[ours, theirs.clone()]).await.unwrap();
    say(&cloud, auth("1", "P1", "S1")).await;
    assert_eq!(why(&only(&cloud)), Some(ParkReason::DisputedMid));
    let request = Offboard { identifiers: vec![Triple::of(&theirs)], locations: Vec::new() };
    let (there, missing) = harmonia.offboarding(&request).await.unwrap();
    let listed = harmonia.reopenable(&Change::offboarding(there, &missing)).await.unwrap();
    assert_eq!((listed.len(), listed[0].merchant.as_str(), missing.len()), (1, "wasabi-club", 0));
    assert_eq!(why(&only(&cloud)), Some(ParkReason::DisputedMid), "a dry run changes nothing");
    let done = harmonia.offboard(&request).await.unwrap();
    let reopened = harmonia.reopen(&done.change).await.unwrap();
    assert_eq!((done.deleted, reopened.payments), (1, 1));
    while cloud.cloud.round().await.unwrap() > 0 {}
    let rows = cloud.rows().unwrap();
    assert_eq!((why(&rows.purchases[0]), rows.open_payments.len(), rows.parked.len()), (None, 1, 0));
    assert_eq!(harmonia.offboard(&request).await.unwrap().missing, request.identifiers);
}

/// D7: whoever dies between offboarding and re-opening asks again; nothing is deleted then, but the lines come free.
#[tokio::test]
async fn an_offboarding_that_is_repeated_ends_the_dispute_too() {
    let cloud = alone().await;
    let harmonia = &cloud.cloud.app.harmonia;
    let ours = identifier(IdentifierType::Primary, "P1", "wasabi-club");
    let theirs = identifier(IdentifierType::Psimi, "P1", "itsu");
    harmonia.onboard(&[ours, theirs.clone()]).await.unwrap();
    say(&cloud, auth("1", "P1", "S1")).await;
    assert_eq!(why(&only(&cloud)), Some(ParkReason::DisputedMid));
    let request = Offboard { identifiers: vec![Triple::of(&theirs)], locations: Vec::new() };
    assert_eq!(harmonia.offboard(&request).await.unwrap().deleted, 1);
    let again = harmonia.offboard(&request).await.unwrap();
    assert_eq!((again.deleted, &again.missing), (0, &request.identifiers));
    assert_eq!(harmonia.reopenable(&again.change).await.unwrap().len(), 1);
    assert_eq!(harmonia.reopen(&again.change).await.unwrap().payments, 1);
    assert_eq!(why(&only(&cloud)), None);
}

/// A line waits for each of its texts: the secondary one sets it free too. One text of two lines frees both.
#[tokio::test]
async fn a_secondary_identifier_sets_lines_free() {
    let cloud = alone().await;
    let harmonia = &cloud.cloud.app.harmonia;
    say(&cloud, auth("1", "P1", "S1")).await;
    say(&cloud, auth("2", "P2", "S1")).await;
    assert_eq!(cloud.rows().unwrap().parked.len(), 4);
    let unknown = harmonia.unknown_identifiers(Scheme::Visa).await.unwrap();
    assert_eq!(unknown.iter().map(|u| u.text.as_str()).collect::<Vec<_>>(), ["P1", "P2", "S1"]);
    let done = harmonia.onboard(&[identifier(IdentifierType::Secondary, "S1", "wasabi-club")]).await.unwrap();
    let reopened = harmonia.reopen(&done.change).await.unwrap();
    assert_eq!(reopened, Reopened { payments: 2, ..Reopened::default() });
    assert_eq!(cloud.rows().unwrap().parked.len(), 0, "also under the primary texts");
    assert_eq!(harmonia.unknown_identifiers(Scheme::Visa).await.unwrap().len(), 2);
    while cloud.cloud.round().await.unwrap() > 0 {}
    assert_eq!(cloud.rows().unwrap().open_payments.len(), 2);
}

/// Spec import §3.2: a wall-clock time is read as GMT while the merchant is unknown, in the merchant's zone when the
/// line is re-opened.
#[tokio::test]
async fn a_reopened_line_is_read_in_its_merchants_zone() {
    let mut cloud = alone().await;
    let harmonia = &mut cloud.cloud.app.harmonia;
    let merchant: Slug = "wasabi-club".parse().unwrap();
    let mut london = harmonia.definitions.get(&merchant).unwrap().clone();
    london.visa_auth_zone = "Europe/London".into();
    harmonia.definitions = Arc::new(harmonia_definitions::Definitions::shipped().unwrap().with(london));
    say(&cloud, auth("1", "P1", "")).await;
    let parked = only(&cloud).auth.unwrap();
    assert_eq!((parked.at.to_string().as_str(), parked.wall.is_some()), ("2026-06-18T13:41:07Z", true));
    let harmonia = &cloud.cloud.app.harmonia;
    let onboarded = [identifier(IdentifierType::Primary, "P1", "wasabi-club")];
    let listed = harmonia.reopenable(&Change::onboarding(onboarded.to_vec())).await.unwrap();
    assert_eq!(listed[0].at.to_string(), "2026-06-18T12:41:07Z");
    let done = harmonia.onboard(&onboarded).await.unwrap();
    harmonia.reopen(&done.change).await.unwrap();
    while cloud.cloud.round().await.unwrap() > 0 {}
    let open = only(&cloud).auth.unwrap();
    assert_eq!((open.at.to_string().as_str(), open.wall), ("2026-06-18T12:41:07Z", None));
    // the same line from another source is no other line
    say(&cloud, auth("1", "P1", "")).await;
    let files = cloud.rows().unwrap().files;
    assert_eq!(files.iter().map(|f| (f.totals.duplicate, f.totals.differs)).max(), Some((1, 0)));
}

fn asked(cloud: &MemoryCloud) -> u64 {
    let report = cloud.partners.report();
    let of = report.requests.iter().filter(|(path, _)| path.contains("payment_card_user_info"));
    of.flat_map(|(_, by_status)| by_status.values()).sum()
}

/// Issue: an answer is believed for ten minutes; a link or an unlink clears it.
#[tokio::test]
async fn links_and_unlinks_clear_what_was_answered() {
    let cloud = alone().await;
    let harmonia = &cloud.cloud.app.harmonia;
    let merchant: Slug = "wasabi-club".parse().unwrap();
    let token = secrecy::SecretString::from("VisTok88aa");
    harmonia.onboard(&[identifier(IdentifierType::Primary, "P1", "wasabi-club")]).await.unwrap();
    say(&cloud, auth("1", "P1", "")).await;
    say(&cloud, auth("2", "P1", "")).await;
    assert_eq!(asked(&cloud), 1);
    harmonia.unlink(&merchant, &token).await.unwrap();
    say(&cloud, auth("3", "P1", "")).await;
    assert_eq!(asked(&cloud), 2);
    harmonia.link(&merchant, &token).await.unwrap();
    say(&cloud, auth("4", "P1", "")).await;
    say(&cloud, auth("5", "P1", "")).await;
    assert_eq!(asked(&cloud), 3);
    cloud.clock.advance(SignedDuration::from_mins(10));
    say(&cloud, auth("6", "P1", "")).await;
    assert_eq!(asked(&cloud), 4);
    let rows = cloud.rows().unwrap();
    assert_eq!((rows.identities.len(), rows.open_payments.len()), (1, 6), "one answer, kept once");
}

/// D7: a card that is linked later; what is known, what lacks digits, and what is unlinked again (second directory).
#[tokio::test]
async fn a_card_linked_later_goes_on() {
    let mut cloud = alone().await;
    let harmonia = &mut cloud.cloud.app.harmonia;
    harmonia.settings = Arc::new(Settings { directory: Directory::Table });
    let harmonia = &cloud.cloud.app.harmonia;
    harmonia.onboard(&[identifier(IdentifierType::Primary, "P1", "wasabi-club")]).await.unwrap();
    say(&cloud, auth("1", "P1", "")).await;
    assert_eq!(why(&only(&cloud)), Some(ParkReason::CardNotKnown));
    let header = "merchant,token,loyalty_id,scheme_account_id,user_id,credentials,first_six,last_four";
    let load = |digits: &str| read_users(format!("{header}\nwasabi-club,VisTok88aa,L1,1,2,,{digits}\n").as_bytes());
    let without = harmonia.import_users(&load(",").users, true).await.unwrap();
    assert_eq!(harmonia.reopenable(&without.change).await.unwrap().len(), 1);
    assert_eq!(harmonia.reopen(&without.change).await.unwrap().payments, 1);
    while cloud.cloud.round().await.unwrap() > 0 {}
    assert_eq!(why(&only(&cloud)), Some(ParkReason::NoCardInformation));
    let with = harmonia.import_users(&load("424242,4242").users, true).await.unwrap();
    assert_eq!((with.changed, harmonia.reopen(&with.change).await.unwrap().payments), (1, 1));
    while cloud.cloud.round().await.unwrap() > 0 {}
    let rows = cloud.rows().unwrap();
    assert_eq!((why(&rows.purchases[0]), rows.open_payments.len(), rows.parked.len()), (None, 1, 0));
    assert_eq!(rows.purchases[0].state, PurchaseState::Live);
    assert_eq!(harmonia.reopen(&with.change).await.unwrap(), Reopened::default());
    // unlinked: the next line of the card is nobody's
    let token = secrecy::SecretString::from("VisTok88aa");
    harmonia.unlink(&"wasabi-club".parse().unwrap(), &token).await.unwrap();
    say(&cloud, auth("2", "P1", "")).await;
    assert_eq!(parked(&cloud.rows().unwrap(), &[ParkReason::CardNotKnown]), 1);
}

fn refund(id: &str, store: &str) -> String {
    let element = |key: &str, value: &str| json!({ "Key": format!("ReturnTransaction.{key}"), "Value": value });
    json!({ "ExternalUserId": "VisTok88aa", "MessageElementsCollection": [
        element("CardAcceptorIdCode", "99999999"),
        element("VisaStoreId", store),
        element("VisaMerchantId", ""),
        element("Amount", "23.45"),
        element("VipTransactionId", id),
        element("DateTime", "6/18/2026 12:41:7 PM"),
    ]})
    .to_string()
}

/// D7, spec import §8: a refund of an unknown MID is parked; onboarded for a merchant that only matches it is stored
/// and nothing follows, for one that streams refunds it goes on to the directory.
#[tokio::test]
async fn refunds_are_parked_and_reopened_too() {
    for (merchant, state, parked) in [
        ("wasabi-club", PurchaseState::Stored, None),
        ("the-works", PurchaseState::Live, Some(ParkReason::CardNotKnown)),
    ] {
        let cloud = alone().await;
        let harmonia = &cloud.cloud.app.harmonia;
        cloud.deliver(&"visa-refund".parse().unwrap(), "", refund("R1", "S1").as_bytes()).await.unwrap();
        while cloud.cloud.round().await.unwrap() > 0 {}
        let waiting = only(&cloud);
        assert_eq!(waiting.refund.as_ref().unwrap().parked, Some(ParkReason::UnknownMid));
        let done = harmonia.onboard(&[identifier(IdentifierType::Secondary, "S1", merchant)]).await.unwrap();
        assert_eq!(harmonia.reopen(&done.change).await.unwrap().payments, 1);
        while cloud.cloud.round().await.unwrap() > 0 {}
        let refund = only(&cloud);
        assert_eq!((&refund.state, refund.refund.as_ref().unwrap().parked), (&state, parked), "{merchant}");
        assert_eq!(refund.refund.unwrap().amount.0, -2345, "D3: never positive");
    }
}

/// A location with tills of other payment schemes only is as good as unknown: the sale waits for one of its own.
#[tokio::test]
async fn a_sale_waits_for_a_till_of_its_own_scheme() {
    let cloud = alone().await;
    let harmonia = &cloud.cloud.app.harmonia;
    let here = |scheme, text: &str| Identifier {
        scheme,
        location_id: Some("SITE-0088".into()),
        ..identifier(IdentifierType::Primary, text, "stonegate")
    };
    harmonia.onboard(&[here(Scheme::Amex, "A1")]).await.unwrap();
    cloud.deliver(&"stonegate".parse().unwrap(), "", located_sale().as_bytes()).await.unwrap();
    while cloud.cloud.round().await.unwrap() > 0 {}
    let rows = cloud.rows().unwrap();
    assert_eq!((&rows.sales[0].mids[..], rows.booked_sales.len()), (&["A1".to_owned()][..], 0));
    assert!(rows.sales[0].waits_for_location());
    let done = harmonia.onboard(&[here(Scheme::Mastercard, "M1")]).await.unwrap();
    assert_eq!(harmonia.reopen(&done.change).await.unwrap().sales, 0);
    let done = harmonia.onboard(&[here(Scheme::Visa, "V1")]).await.unwrap();
    assert_eq!(harmonia.reopen(&done.change).await.unwrap().sales, 1);
    let rows = cloud.rows().unwrap();
    assert_eq!((rows.sales[0].mids.join(" ").as_str(), rows.booked_sales.len()), ("A1 M1 V1", 3));
}

/// Spec import §7.1: an amex auth that waited for its MID is not told either, if its merchant turns out to be one that
/// is spotted or streamed.
#[tokio::test]
async fn a_late_amex_auth_of_a_spotted_merchant_is_not_told() {
    let cloud = alone().await;
    let harmonia = &cloud.cloud.app.harmonia;
    let auth = json!({
        "transaction_id": "A-1", "merchant_number": "8045550172", "transaction_time": "2026-06-18 05:41:07",
        "transaction_amount": "23.45", "cm_alias": "VisTok88aa", "approval_code": "390211",
    });
    cloud.deliver(&"amex-auth".parse().unwrap(), "", auth.to_string().as_bytes()).await.unwrap();
    while cloud.cloud.round().await.unwrap() > 0 {}
    assert_eq!(why(&only(&cloud)), Some(ParkReason::UnknownMid));
    let till = Identifier { scheme: Scheme::Amex, ..identifier(IdentifierType::Primary, "8045550172", "bpl-viator") };
    let done = harmonia.onboard(&[till]).await.unwrap();
    assert_eq!(harmonia.reopen(&done.change).await.unwrap().payments, 1);
    while cloud.cloud.round().await.unwrap() > 0 {}
    assert_eq!(asked(&cloud), 0, "nobody asks whose card it was");
    assert!(cloud.rows().unwrap().exports.is_empty());
}

fn located_sale() -> String {
    json!({
        "transaction_id": "POS-881", "payment_card_type": "VISA", "payment_card_first_six": null,
        "payment_card_last_four": "8841", "amount": 23.90, "currency_code": "GBP", "auth_code": "390211",
        "date": { "__type__": "datetime", "__value__": "2026-06-18T13:41:07+01:00" },
        "retailer_location_id": "SITE-0088", "metadata": { "AccountID": "ACC-0042" },
    })
    .to_string()
}

/// D7: a sale of an unknown location is parked and stands in nobody's book; onboarding an identifier of that location
/// opens it, once.
#[tokio::test]
async fn a_sale_waits_for_its_location() {
    let cloud = alone().await;
    let harmonia = &cloud.cloud.app.harmonia;
    cloud.deliver(&"stonegate".parse().unwrap(), "", located_sale().as_bytes()).await.unwrap();
    while cloud.cloud.round().await.unwrap() > 0 {}
    let rows = cloud.rows().unwrap();
    assert_eq!((rows.sales[0].mids.len(), rows.booked_sales.len(), rows.parked.len()), (0, 0, 1));
    let till =
        Identifier { location_id: Some("SITE-0088".into()), ..identifier(IdentifierType::Primary, "P1", "stonegate") };
    let done = harmonia.onboard(&[till]).await.unwrap();
    assert_eq!(harmonia.reopen(&done.change).await.unwrap().sales, 1);
    assert_eq!(harmonia.reopen(&done.change).await.unwrap().sales, 0, "once");
    while cloud.cloud.round().await.unwrap() > 0 {}
    let rows = cloud.rows().unwrap();
    assert_eq!((&rows.sales[0].mids[..], rows.booked_sales.len()), (&["P1".to_owned()][..], 1));
    assert!(rows.parked.is_empty());
}
