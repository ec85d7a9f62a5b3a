//! What a handler that comes late does to the book.

use crate::twins::twins;
use harmonia_domain::{
    card::{MemberHash, TokenHash},
    export::BookKey,
    feed::{Kind, Scheme},
    identity::IdentityRef,
    ids::Id,
    money::{Currency, MinorUnits},
    purchase::{PurchaseKey, Slot},
};
use harmonia_ports::Read;
use harmonia_state::{BookedPayment, Row};

/// Invariant 4: a handler that is about to finish off a match, which is undone meanwhile, leaves the entry of the
/// payment that is open again; a later sale would not find it otherwise.
#[tokio::test]
async fn an_entry_of_a_later_generation_stays() {
    let harmonia = twins().harmonia;
    let at = harmonia.now();
    let who = IdentityRef {
        id: Id::derive("identity", &["1"]),
        token: TokenHash("t".into()),
        member: MemberHash("m".into()),
        first_six: "424242".into(),
        last_four: "4242".into(),
    };
    let before = BookedPayment {
        merchant: "wasabi-club".parse().unwrap(),
        bk: BookKey { scheme: Scheme::Visa, mid: "1".into(), currency: Currency::GBP, minor: MinorUnits(1) },
        at,
        p: PurchaseKey { scheme: Scheme::Visa, id: "1".into(), slot: Slot::P },
        kind: Kind::Auth,
        who,
        changed: (at, 1),
        arrived: at,
        code: String::new(),
        first_six: None,
        last_four: None,
        generation: 0,
    };
    let after = BookedPayment { generation: 1, ..before.clone() };
    harmonia.store().put(&after, &harmonia.stamp("test")).await.unwrap();
    let there = async || harmonia.store().get::<BookedPayment>(&after.key(), Read::Consistent).await.unwrap();
    harmonia.delete_entry(Some(&before)).await.unwrap();
    assert_eq!(there().await.map(|found| found.row), Some(after.clone()));
    harmonia.delete_entry(Some(&after)).await.unwrap();
    assert!(there().await.is_none());
    harmonia.delete_entry(Some(&after)).await.unwrap();
}
