//! Explanations over the in-memory twins: states that only a crash, an outage or a dispute makes, limits that are told,
//! and what an explanation costs.

use super::{Because, Explained, Explanation, Note, PaymentExplained, Question, SaleExplained};
use crate::{
    Harmonia,
    twins::{Twins, twins},
};
use async_trait::async_trait;
use harmonia_domain::{
    Source,
    card::TokenHash,
    export::BookKey,
    feed::{Feed, Kind, Scheme, Slug},
    file::{File, FileState, RangeResult},
    identifier::{Identifier, IdentifierType, Tills},
    identity::IdentityRef,
    ids::Id,
    line::{SaleLine, Till},
    money::{Currency, MinorUnits},
    outcome::{ParkReason, Totals},
    purchase::{MatchedIdentifier, PaymentFacts, Purchase, PurchaseKey, Slot},
    sale::Sale,
};
use harmonia_matching::Difference;
use harmonia_ports::{Item, Key, Page, Query, Read, StoreError, Table, Tables, WorkPage, Write, WriteError};
use harmonia_state::{BookedPayment, BookedSale, Range, Row, file_key};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use secrecy::SecretString;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

const MID: &str = "40417722";

fn wasabi() -> Slug {
    "wasabi-club".parse().unwrap()
}

fn noon() -> Timestamp {
    "2026-06-18T12:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    noon() + SignedDuration::from_secs(seconds)
}

fn src(line: u64) -> Source {
    Source { from: "m".into(), offset: 0, line, backfill: false }
}

/// A Visa auth at noon, of a known merchant unless it is parked for its MID.
fn paid(harmonia: &Harmonia, id: &str, parked: Option<ParkReason>) -> Purchase {
    let token = SecretString::from(format!("tok-{id}"));
    let identifier = MatchedIdentifier {
        merchant: wasabi(),
        kind: IdentifierType::Primary,
        text: MID.into(),
        location_id: None,
        merchant_internal_id: None,
    };
    let nobodys = matches!(parked, Some(ParkReason::UnknownMid | ParkReason::DisputedMid));
    let facts = PaymentFacts {
        at: noon(),
        amount: MinorUnits(2345),
        currency: Currency::GBP,
        auth_code: "390211".into(),
        approval_code: String::new(),
        first_six: None,
        last_four: None,
        mid: MID.into(),
        other_mids: Vec::new(),
        wall: None,
        identifier: (!nobodys).then_some(identifier),
        token: harmonia.cards.hash(&token),
        sealed: harmonia.cards.seal(&token).unwrap(),
        src: src(1),
        arrived: later(60),
        parked,
        due: None,
        told: None,
    };
    let key = PurchaseKey { scheme: Scheme::Visa, id: id.into(), slot: Slot::P };
    Purchase::first(key, "k".into(), Kind::Auth, facts)
}

async fn put<R: Row>(harmonia: &Harmonia, row: &R) {
    harmonia.store().put(row, &harmonia.stamp("test")).await.unwrap();
}

/// The payment with its entry in the book.
async fn open_payment(harmonia: &Harmonia, id: &str) -> Purchase {
    let purchase = paid(harmonia, id, None);
    let who = IdentityRef {
        id: Id::derive("identity", &[id]),
        token: TokenHash("t".into()),
        member: harmonia.cards.member("wasabi-club", id),
        first_six: "424242".into(),
        last_four: "4242".into(),
    };
    let bk = BookKey { scheme: Scheme::Visa, mid: MID.into(), currency: Currency::GBP, minor: MinorUnits(2345) };
    let changed = (later(60), 1);
    let entry = BookedPayment {
        merchant: wasabi(),
        bk,
        at: noon(),
        p: purchase.key.clone(),
        kind: Kind::Auth,
        who,
        changed,
        arrived: noon(),
        code: String::new(),
        first_six: None,
        last_four: None,
        generation: 0,
    };
    put(harmonia, &purchase).await;
    put(harmonia, &entry).await;
    purchase
}

fn sold(id: &str, minor: i64, seconds: i64, group: Option<String>) -> Sale {
    let line = SaleLine {
        scheme: Scheme::Visa,
        id: id.into(),
        till: Till::Mid(MID.into()),
        at: later(seconds),
        amount: MinorUnits(minor),
        currency: Currency::GBP,
        auth_code: "390211".into(),
        first_six: Some("424242".into()),
        last_four: Some("4242".into()),
        extra: None,
    };
    Sale::new(wasabi(), line, &Tills::new(), src(2), later(120), group)
}

async fn put_sale(harmonia: &Harmonia, sale: &Sale) {
    put(harmonia, sale).await;
    for entry in BookedSale::of(sale) {
        put(harmonia, &entry).await;
    }
}

async fn ask(harmonia: &Harmonia, what: &str) -> Explained {
    harmonia.explain(&Question { what: what.into(), scheme: None, merchant: None }).await.unwrap()
}

async fn payment(harmonia: &Harmonia, id: &str) -> PaymentExplained {
    let explained = ask(harmonia, id).await;
    let [Explanation::Payment(payment)] = &explained.answers[..] else { panic!("{explained}") };
    PaymentExplained::clone(payment)
}

async fn sale(harmonia: &Harmonia, id: &str) -> SaleExplained {
    let explained = ask(harmonia, id).await;
    let [Explanation::Sale(sale)] = &explained.answers[..] else { panic!("{explained}") };
    SaleExplained::clone(sale)
}

fn file(state: FileState) -> File {
    let feed: Feed = "wasabi-club".parse().unwrap();
    File {
        id: Id::derive("file", &["a"]),
        feed,
        bucket: "imports".into(),
        object: "imports/wasabi-club/a.csv".into(),
        version: "1".into(),
        sha256: "00".into(),
        bytes: 1,
        arrived: later(120),
        ranges: 3,
        records: 3,
        plan: None,
        definition: Some("1".into()),
        started: later(120),
        done: None,
        round: 3,
        generation: 1,
        sent: later(120),
        totals: Totals::default(),
        dates: None,
        state,
    }
}

/// Design §4: a file's sales appear together; until then each side says which file it is.
#[tokio::test]
async fn a_file_that_is_not_closed_is_the_reason() {
    let Twins { harmonia, .. } = twins();
    let stuck = file(FileState::Stuck);
    put(&harmonia, &stuck).await;
    let result = RangeResult { totals: Totals::default(), dates: None };
    let object = "ranges/none.json".to_owned();
    put(&harmonia, &Range { file: stuck.id.clone(), number: 1, object, result, arrived: stuck.arrived }).await;
    let group = file_key(&stuck.feed, stuck.arrived, &stuck.id).group();
    put_sale(&harmonia, &sold("S1", 2345, 10, Some(group))).await;
    open_payment(&harmonia, "V1").await;
    let told = payment(&harmonia, "V1").await;
    assert!(matches!(told.because, Because::Nearest { .. }), "{told}");
    assert_eq!(told.nearest[0].near.differences, [Difference::FileNotClosed]);
    assert_eq!(told.day.unwrap().open.len(), 1);
    let told = sale(&harmonia, "S1").await;
    assert!(matches!(&told.because, Because::FileNotClosed { file } if file.id == stuck.id), "{told}");
    let told = ask(&harmonia, "a.csv").await.to_string();
    assert!(told.starts_with("file imports/wasabi-club/a.csv: stuck: ranges are missing"), "{told}");
    assert!(told.contains("missing    ranges 0, 2 of 3 ranges, after 3 rounds"), "{told}");
}

/// A file of that day is under way, and nothing of it is stored yet.
#[tokio::test]
async fn a_file_under_way_is_told_before_a_missing_one() {
    let Twins { harmonia, .. } = twins();
    open_payment(&harmonia, "V1").await;
    assert!(matches!(payment(&harmonia, "V1").await.because, Because::NoFile { latest: None, .. }));
    put(&harmonia, &file(FileState::Importing)).await;
    let told = payment(&harmonia, "V1").await;
    assert!(matches!(told.because, Because::FileNotClosed { .. }), "{told}");
}

/// D5: who claims the text is told as it is now.
#[tokio::test]
async fn a_dispute_names_both_merchants() {
    let Twins { harmonia, .. } = twins();
    let till = |kind, merchant: &str| Identifier {
        scheme: Scheme::Visa,
        kind,
        text: MID.into(),
        merchant: merchant.parse().unwrap(),
        location_id: None,
        merchant_internal_id: None,
        location: None,
        postcode: None,
    };
    let disputed = paid(&harmonia, "V1", Some(ParkReason::DisputedMid));
    put(&harmonia, &disputed).await;
    harmonia.onboard(&[till(IdentifierType::Primary, "wasabi-club")]).await.unwrap();
    let told = payment(&harmonia, "V1").await;
    assert_eq!(told.notes, [Note::OnboardedByNow], "{told}");
    harmonia.onboard(&[till(IdentifierType::Psimi, "itsu")]).await.unwrap();
    let told = payment(&harmonia, "V1").await;
    let Because::DisputedMid { merchants, .. } = &told.because else { panic!("{told}") };
    assert_eq!(merchants.iter().map(Slug::as_str).collect::<Vec<_>>(), ["itsu", "wasabi-club"]);
    assert!(told.to_string().contains("itsu and wasabi-club both claim visa MID primary 40417722"), "{told}");
}

#[tokio::test]
async fn what_waits_for_the_directory_or_a_location_says_so() {
    let Twins { harmonia, .. } = twins();
    put(&harmonia, &paid(&harmonia, "V1", Some(ParkReason::DirectoryUnavailable))).await;
    put(&harmonia, &paid(&harmonia, "V2", Some(ParkReason::NoCardInformation))).await;
    assert!(matches!(payment(&harmonia, "V1").await.because, Because::DirectoryUnavailable { .. }));
    assert!(matches!(payment(&harmonia, "V2").await.because, Because::CardNotKnown { member_known: true, .. }));
    let line = SaleLine {
        scheme: Scheme::Visa,
        id: "S1".into(),
        till: Till::Location("L7".into()),
        at: noon(),
        amount: MinorUnits(2345),
        currency: Currency::GBP,
        auth_code: String::new(),
        first_six: None,
        last_four: None,
        extra: None,
    };
    put(&harmonia, &Sale::new(wasabi(), line, &Tills::new(), src(2), noon(), None)).await;
    let told = sale(&harmonia, "S1").await;
    assert!(matches!(&told.because, Because::UnknownLocation { location, .. } if location == "L7"), "{told}");
}

/// A sale that another payment took is near, and says who has it; one that differs by more comes after it.
#[tokio::test]
async fn a_sale_that_is_taken_names_its_payment() {
    let Twins { harmonia, .. } = twins();
    open_payment(&harmonia, "V1").await;
    let x = harmonia_domain::purchase::ExportKey { pk: "X#wasabi-club#m".into(), sk: "gone".into() };
    put_sale(&harmonia, &sold("S1", 2345, 10, None).claimed(x).unwrap()).await;
    put_sale(&harmonia, &sold("S2", 9900, 7_000, None)).await;
    let told = payment(&harmonia, "V1").await;
    assert_eq!(told.nearest[0].near.differences, [Difference::Claimed { by: "not found".into() }]);
    assert_eq!(told.nearest.iter().map(|near| near.sale.id.as_str()).collect::<Vec<_>>(), ["S1", "S2"]);
    assert!(matches!(told.because, Because::Nearest { .. }), "{told}");
}

/// A payment that nobody has examined yet is under way; one that lost its entry long ago is told as such.
#[tokio::test]
async fn a_payment_that_is_in_no_book_says_so() {
    let Twins { harmonia, clock, .. } = twins();
    put(&harmonia, &paid(&harmonia, "V1", None)).await;
    clock.set(later(600));
    assert_eq!(payment(&harmonia, "V1").await.because, Because::UnderWay);
    clock.set(later(86_400));
    let told = payment(&harmonia, "V1").await;
    assert!(told.notes.contains(&Note::NotInBook) && matches!(told.because, Because::NoFile { .. }), "{told}");
}

/// Tables that count: calls, and items that were answered.
struct Counting {
    inner: Arc<dyn Tables>,
    calls: AtomicUsize,
    items: AtomicUsize,
}

#[async_trait]
impl Tables for Counting {
    async fn get(&self, table: Table, key: &Key, read: Read) -> Result<Option<Item>, StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.inner.get(table, key, read).await
    }
    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let page = self.inner.query(query).await?;
        self.items.fetch_add(page.items.len(), Ordering::Relaxed);
        Ok(page)
    }
    async fn work(&self, _: Table, _: &str, _: &str, _: usize) -> Result<WorkPage, StoreError> {
        panic!("an explanation needs no index")
    }
    async fn write(&self, _: Write) -> Result<(), WriteError> {
        panic!("an explanation writes nothing")
    }
    async fn transact(&self, _: Vec<Write>) -> Result<(), WriteError> {
        panic!("an explanation writes nothing")
    }
    async fn put_all(&self, _: Table, _: Vec<Item>) -> Result<(), StoreError> {
        panic!("an explanation writes nothing")
    }
    async fn delete(&self, _: Table, _: &Key) -> Result<(), StoreError> {
        panic!("an explanation writes nothing")
    }
}

/// "Cheap enough to ask for any line": about a hundred calls whatever is stored, and a till of a popular price is cut
/// off with a note, but never at the payment's own key.
#[tokio::test]
async fn an_explanation_is_bounded() {
    let Twins { mut harmonia, .. } = twins();
    open_payment(&harmonia, "V1").await;
    for number in 0..1_500 {
        put_sale(&harmonia, &sold(&format!("P{number}"), 450, number * 60, None)).await;
    }
    let near = Sale { auth_code: "390212".into(), ..sold("S1", 2345, 10, None) };
    put_sale(&harmonia, &near).await;
    let counting = Arc::new(Counting {
        inner: harmonia.ports.tables.clone(),
        calls: AtomicUsize::new(0),
        items: AtomicUsize::new(0),
    });
    harmonia.ports.tables = counting.clone();
    let told = payment(&harmonia, "V1").await;
    let (calls, items) = (counting.calls.load(Ordering::Relaxed), counting.items.load(Ordering::Relaxed));
    assert!(calls <= 120 && items <= 450, "{calls} calls, {items} items");
    assert_eq!(told.nearest[0].sale.id, "S1");
    assert!(told.notes.contains(&Note::NotAllCompared { each_max: 400 }), "{:?}", told.notes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No text that is asked for is an error or a panic.
    #[test]
    fn any_name_may_be_asked_for(name in ".{0,40}", path in "(imports|archive|wasabi-club|/|:|[0-9-]|é){0,12}") {
        let Twins { harmonia, .. } = twins();
        for what in [name, path] {
            let explained = futures::executor::block_on(ask(&harmonia, &what));
            prop_assert!(explained.answers.is_empty() && !explained.looked.is_empty());
        }
    }
}
