//! The registry over the in-memory twins: identifiers with their mirrors, sales that wait for their location, counts.

use super::*;
use crate::{
    Harmonia,
    message::Message,
    twins::{Sent, Twins, twins},
};
use harmonia_domain::{
    Source,
    export::BookKey,
    feed::{Kind, Scheme, Slug},
    identifier::{Attribution, Identifier, IdentifierType, MidTexts, Tills},
    line::{SaleLine, Till},
    money::{Currency, MinorUnits},
    outcome::ParkReason,
    purchase::{PaymentFacts, Purchase, PurchaseKey, Slot},
    sale::{Sale, SaleState},
};
use harmonia_ports::{Query, Read, Table, memory::SetClock};
use harmonia_state::{BookedSale, ParkedLine, Stored, book_prefix, sale_key};
use jiff::SignedDuration;
use secrecy::SecretString;
use std::sync::Arc;

fn harmonia() -> (Harmonia, Arc<Sent>, Arc<SetClock>) {
    let Twins { harmonia, sent, clock, .. } = twins();
    (harmonia, sent, clock)
}

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

fn identifier(text: &str, merchant: &str, location: Option<&str>) -> Identifier {
    Identifier {
        scheme: Scheme::Visa,
        kind: IdentifierType::Primary,
        text: text.into(),
        merchant: slug(merchant),
        location_id: location.map(str::to_owned),
        merchant_internal_id: None,
        location: None,
        postcode: None,
    }
}

fn offboard(identifiers: &[Identifier], locations: &[(&str, &str)]) -> Offboard {
    Offboard {
        identifiers: identifiers.iter().map(Triple::of).collect(),
        locations: locations.iter().map(|(m, l)| (slug(m), (*l).to_owned())).collect(),
    }
}

/// Spec import §10.1: an existing identifier is left as it is; here it is also reported, with its owner.
#[tokio::test]
async fn an_identifier_has_one_owner() {
    let (harmonia, _, _) = harmonia();
    let ours = identifier("1", "wasabi-club", Some("L1"));
    let first = harmonia.onboard(&[ours.clone(), identifier("2", "nobody-we-know", None)]).await.unwrap();
    assert_eq!((first.total, first.onboarded, first.known.len()), (2, 2, 0));
    assert_eq!(first.undefined.into_iter().collect::<Vec<_>>(), [slug("nobody-we-know")]);
    let theirs = identifier("1", "iceland-bonus-card", Some("L9"));
    for dry in [true, false] {
        let wanted = std::slice::from_ref(&theirs);
        let again = if dry { harmonia.onboarding(wanted).await } else { harmonia.onboard(wanted).await }.unwrap();
        assert_eq!((again.onboarded, again.known.len(), again.disputed.len()), (0, 1, 0));
        let known = &again.known[0];
        assert_eq!((known.owner.as_str(), known.wanted.as_str()), ("wasabi-club", "iceland-bonus-card"));
    }
    assert_eq!(harmonia.identifiers_of(&slug("iceland-bonus-card")).await.unwrap(), []);
    // another type of the same text is another identifier, and a dispute (D5)
    let psimi = Identifier { kind: IdentifierType::Psimi, ..theirs };
    let disputed = harmonia.onboard(&[psimi]).await.unwrap();
    assert_eq!((disputed.onboarded, disputed.disputed.len()), (1, 1));
    assert_eq!(harmonia.identifiers_of_record(Scheme::Visa, "1").await.unwrap().len(), 2);
}

/// Spec import §10.2, §10.3: a changed location moves the mirror with it; a location is one merchant's.
#[tokio::test]
async fn the_mirror_follows() {
    let (harmonia, _, _) = harmonia();
    let (a, b) = (identifier("1", "wasabi-club", Some("L1")), identifier("2", "wasabi-club", Some("L1")));
    let other = identifier("3", "iceland-bonus-card", Some("L1"));
    harmonia.onboard(&[a.clone(), b.clone(), other]).await.unwrap();
    let tills = async |merchant: &str, location: &str| {
        let found = harmonia.tills_of(&slug(merchant), location).await.unwrap();
        found.into_iter().map(|entry| entry.text).collect::<Vec<_>>()
    };
    assert_eq!(tills("wasabi-club", "L1").await, ["1", "2"]);
    let patch = Patch { location_id: Some("L2".into()), merchant_internal_id: None };
    let (changed, _) = harmonia.patch(&Triple::of(&a), &patch).await.unwrap().unwrap();
    assert_eq!(changed.location_id.as_deref(), Some("L2"));
    assert_eq!(
        (tills("wasabi-club", "L1").await, tills("wasabi-club", "L2").await),
        (vec!["2".into()], vec!["1".into()])
    );
    let (same, _) = harmonia.patch(&Triple::of(&a), &Patch::default()).await.unwrap().unwrap();
    assert_eq!(same, changed);
    assert_eq!(harmonia.patch(&Triple { text: "9".into(), ..Triple::of(&a) }, &patch).await.unwrap(), None);
    let done = harmonia.offboard(&offboard(std::slice::from_ref(&a), &[("wasabi-club", "L1")])).await.unwrap();
    assert_eq!((done.deleted, done.missing.len()), (2, 0));
    assert_eq!((tills("wasabi-club", "L2").await.len(), tills("iceland-bonus-card", "L1").await.len()), (0, 1));
    assert_eq!(harmonia.offboard(&offboard(std::slice::from_ref(&b), &[])).await.unwrap().missing, [Triple::of(&b)]);
}

fn sale(harmonia: &Harmonia) -> Sale {
    let line = SaleLine {
        scheme: Scheme::Visa,
        id: "R1".into(),
        till: Till::Location("L1".into()),
        at: harmonia.now(),
        amount: MinorUnits(1_250),
        currency: Currency::GBP,
        auth_code: String::new(),
        first_six: None,
        last_four: None,
        extra: None,
    };
    let src = Source { from: "message".into(), offset: 0, line: 1, backfill: false };
    Sale::new(slug("wasabi-club"), line, &Tills::new(), src, harmonia.now(), None)
}

async fn booked(harmonia: &Harmonia) -> usize {
    let key = BookKey { scheme: Scheme::Visa, mid: "1".into(), currency: Currency::GBP, minor: MinorUnits(1_250) };
    let (pk, prefix) = book_prefix("BS", &slug("wasabi-club"), &key);
    harmonia.store().list::<BookedSale>(&Query::prefix(Table::Book, pk, &prefix)).await.unwrap().len()
}

/// D7: a sale waits for its location, and is in the book once the location has an identifier; once.
#[tokio::test]
async fn a_sale_waits_for_its_location() {
    let (harmonia, sent, _) = harmonia();
    let (stamp, sale) = (harmonia.stamp("test"), sale(&harmonia));
    harmonia.store().insert(&sale, &stamp).await.unwrap();
    let looked = harmonia.look_again_at_sale(&sale, &stamp).await.unwrap();
    assert!(looked.waits_for_location());
    let onboarded = [identifier("1", "wasabi-club", Some("L1"))];
    let listed = harmonia.reopenable(&Change::onboarding(onboarded.to_vec())).await.unwrap();
    assert_eq!((listed.len(), booked(&harmonia).await), (1, 0));
    let done = harmonia.onboard(&onboarded).await.unwrap();
    let reopened = harmonia.reopen(&done.change).await.unwrap();
    assert_eq!(reopened, Reopened { sales: 1, ..Reopened::default() });
    let found: Stored<Sale> =
        harmonia.store().get(&sale_key(&sale.merchant, &sale.id), Read::Consistent).await.unwrap().unwrap();
    assert_eq!((&found.row.state, found.row.mids.as_slice()), (&SaleState::Live, ["1".to_owned()].as_slice()));
    assert_eq!((booked(&harmonia).await, sent.0.lock().unwrap().len()), (1, 1));
    let message = sent.0.lock().unwrap()[0].1.body.clone();
    assert!(
        matches!(Message::parse(&message).unwrap().body, crate::message::Body::Keys { keys, .. } if keys.len() == 1)
    );
    assert_eq!(harmonia.reopen(&done.change).await.unwrap(), Reopened::default());
    // whoever died between the sale's own write and its entry's end is made up for
    let entry = ParkedLine::of_sale(&looked, 1).unwrap();
    harmonia.store().put(&entry, &stamp).await.unwrap();
    assert_eq!(harmonia.reopen(&done.change).await.unwrap(), Reopened::default());
    assert_eq!(sent.0.lock().unwrap().len(), 2, "forwarded again");
}

/// Park, then look again: the location comes between the look-up and the entry.
#[tokio::test]
async fn a_sale_whose_location_comes_meanwhile_is_free_at_once() {
    let (harmonia, _, _) = harmonia();
    let (stamp, sale) = (harmonia.stamp("test"), sale(&harmonia));
    harmonia.store().insert(&sale, &stamp).await.unwrap();
    let done = harmonia.onboard(&[identifier("1", "wasabi-club", Some("L1"))]).await.unwrap();
    assert_eq!(
        harmonia.reopen(&done.change).await.unwrap(),
        Reopened::default(),
        "it is not among the parked lines yet"
    );
    let looked = harmonia.look_again_at_sale(&sale, &stamp).await.unwrap();
    assert_eq!((looked.state, looked.mids), (SaleState::Live, vec!["1".to_owned()]));
    assert_eq!(harmonia.reopenable(&done.change).await.unwrap(), []);
}

/// A Visa authorisation that is parked, as whoever parked it leaves it before its entries are written.
async fn parked_auth(harmonia: &Harmonia, why: ParkReason) -> PurchaseKey {
    let token = SecretString::from("VisTok88aa");
    let known = matches!(why, ParkReason::CardNotKnown);
    let facts = PaymentFacts {
        at: harmonia.now(),
        amount: MinorUnits(1_250),
        currency: Currency::GBP,
        auth_code: String::new(),
        approval_code: String::new(),
        first_six: None,
        last_four: None,
        mid: "1".into(),
        other_mids: Vec::new(),
        wall: None,
        identifier: known.then(|| identifier("1", "wasabi-club", None).into()),
        token: harmonia.cards.hash(&token),
        sealed: harmonia.cards.seal(&token).unwrap(),
        src: Source { from: "message".into(), offset: 0, line: 1, backfill: false },
        arrived: harmonia.now(),
        parked: Some(why),
        due: None,
        told: None,
    };
    let key = PurchaseKey { scheme: Scheme::Visa, id: "V1".into(), slot: Slot::P };
    let purchase = Purchase::first(key.clone(), "k".into(), Kind::Auth, facts);
    harmonia.store().insert(&purchase, &harmonia.stamp("test")).await.unwrap();
    key
}

async fn why(harmonia: &Harmonia, key: &PurchaseKey) -> Option<ParkReason> {
    let found: Option<Stored<Purchase>> =
        harmonia.store().get(&harmonia_state::purchase_key(key), Read::Consistent).await.unwrap();
    found.unwrap().row.auth.unwrap().parked
}

/// Park, then look again: the identifier comes between the parking and the entry.
#[tokio::test]
async fn a_payment_whose_identifier_comes_meanwhile_is_free_at_once() {
    let (harmonia, _, _) = harmonia();
    let (stamp, key) = (harmonia.stamp("test"), parked_auth(&harmonia, ParkReason::UnknownMid).await);
    let waits = harmonia.look_again_at_payment(&key, Kind::Auth, &stamp).await.unwrap();
    assert_eq!(waits, Some(ParkReason::UnknownMid));
    let ours = [identifier("1", "wasabi-club", None)];
    assert_eq!(harmonia.reopenable(&Change::onboarding(ours.to_vec())).await.unwrap().len(), 1);
    // whoever onboards now lists nothing, if the entry is not there yet
    let entry = &harmonia.store().page::<ParkedLine>(&Query::prefix(Table::Book, "K#mid#visa#1", "")).await.unwrap().0;
    harmonia.forget_entries(&entry.iter().map(|s| s.row.clone()).collect::<Vec<_>>()).await.unwrap();
    let done = harmonia.onboard(&ours).await.unwrap();
    assert_eq!(harmonia.reopen(&done.change).await.unwrap(), Reopened::default());
    assert_eq!(harmonia.look_again_at_payment(&key, Kind::Auth, &stamp).await.unwrap(), None);
    assert_eq!(why(&harmonia, &key).await, None);
    assert_eq!(harmonia.reopenable(&done.change).await.unwrap(), []);
}

/// The same for a card that is linked between the directory's answer and the entry.
#[tokio::test]
async fn a_payment_whose_card_is_linked_meanwhile_is_free_at_once() {
    let (harmonia, sent, _) = harmonia();
    let (stamp, key) = (harmonia.stamp("test"), parked_auth(&harmonia, ParkReason::CardNotKnown).await);
    let (merchant, token) = (slug("wasabi-club"), SecretString::from("VisTok88aa"));
    assert_eq!(harmonia.link(&merchant, &token).await.unwrap(), Reopened::default(), "there is no entry yet");
    assert!(harmonia.look_again_at_card(&key, Kind::Auth, 0, &stamp).await.unwrap(), "asked before the link");
    assert_eq!(why(&harmonia, &key).await, None);
    assert_eq!(harmonia.reopenable(&harmonia.linking(&merchant, &token)).await.unwrap(), []);
    // asked after the link: parked until the next one
    parked_again(&harmonia, &key).await;
    assert!(!harmonia.look_again_at_card(&key, Kind::Auth, 1, &stamp).await.unwrap());
    assert_eq!(why(&harmonia, &key).await, Some(ParkReason::CardNotKnown));
    let reopened = harmonia.link(&merchant, &token).await.unwrap();
    assert_eq!((reopened.payments, sent.0.lock().unwrap().len()), (1, 1));
}

async fn parked_again(harmonia: &Harmonia, key: &PurchaseKey) {
    let key = harmonia_state::purchase_key(key);
    let found: Stored<Purchase> = harmonia.store().get(&key, Read::Consistent).await.unwrap().unwrap();
    let parked = found.row.park(Kind::Auth, ParkReason::CardNotKnown, None).unwrap();
    assert!(harmonia.store().replace(&found, &parked, &harmonia.stamp("test")).await.unwrap());
}

/// Health of identifiers: first and last seen, lines; unknown ones are listed until they are onboarded.
#[tokio::test]
async fn identifiers_are_seen() {
    let (harmonia, _, clock) = harmonia();
    let ours = identifier("1", "wasabi-club", None);
    harmonia.onboard(std::slice::from_ref(&ours)).await.unwrap();
    let mids = |primary: &str| MidTexts { primary: primary.into(), secondary: None, psimi: None };
    let start = harmonia.now();
    for _ in 0..3 {
        let known = Attribution::Known(Box::new(ours.clone()));
        harmonia.seen.note(Scheme::Visa, &mids("1"), &known, harmonia.now());
        harmonia.seen.note(Scheme::Visa, &mids("7"), &Attribution::Unknown, harmonia.now());
        harmonia.write_seen().await;
        clock.advance(SignedDuration::from_mins(40));
    }
    let listed = harmonia.identifiers_of(&slug("wasabi-club")).await.unwrap();
    let seen = listed[0].seen.as_ref().unwrap();
    assert_eq!((seen.first, seen.lines), (start, 3));
    assert_eq!(seen.last, start + SignedDuration::from_mins(80));
    assert_eq!(harmonia.unknown_identifiers(Scheme::Visa).await.unwrap()[0].text, "7");
    harmonia.onboard(&[identifier("7", "wasabi-club", None)]).await.unwrap();
    assert_eq!(harmonia.unknown_identifiers(Scheme::Visa).await.unwrap(), []);
}
