//! What telling does at moments at which somebody has died, or is about to.

use super::*;
use crate::twins::{Twins, twins, twins_with};
use harmonia_definitions::{Definitions, Protocol};
use harmonia_domain::{
    card::{MemberHash, TokenHash},
    export::{BookKey, ExportFacts, MatchType},
    feed::{Kind, Scheme},
    identity::{Identity, IdentityRef},
    ids::Id,
    money::{Currency, MinorUnits},
    purchase::{PurchaseKey, Slot},
};
use harmonia_ports::{BatchMinute, Bucket, Clock, Item, Key, Queue, Tables, Train, Work};
use harmonia_state::{Sequence, control_key};

const AT: &str = "2026-06-18T11:00:00Z";

fn identity(merchant: &str) -> Identity {
    Identity {
        merchant: merchant.parse().unwrap(),
        token: TokenHash("token".into()),
        loyalty_id: "loyal".into(),
        scheme_account_id: 1,
        user_id: 1,
        credentials: String::new(),
        first_six: "424242".into(),
        last_four: "4242".into(),
        payment_card_account_id: None,
        expiry_month: None,
        expiry_year: None,
    }
}

fn export(merchant: &str, identity: IdentityRef, state: ExportState) -> Export {
    let at: Timestamp = AT.parse().unwrap();
    let (mid, currency, amount) = ("mid".to_owned(), Currency::GBP, MinorUnits(1250));
    Export {
        id: Id::derive("export", &[merchant]),
        merchant: merchant.parse().unwrap(),
        paid: None,
        created: at,
        order: "1".into(),
        match_type: MatchType::Spotted,
        purchase: PurchaseKey { scheme: Scheme::Visa, id: "P1".into(), slot: Slot::P },
        kind: Kind::Settled,
        sale: None,
        identity,
        evidence: Vec::new(),
        book_key: BookKey { scheme: Scheme::Visa, mid: mid.clone(), currency, minor: amount },
        definition: "1".into(),
        facts: ExportFacts {
            transaction_id: "P1".into(),
            at,
            amount,
            currency,
            mid,
            location_id: None,
            merchant_internal_id: None,
            settlement_key: "key".into(),
            auth_code: String::new(),
            approval_code: String::new(),
        },
        generation: 0,
        attempts: 0,
        last: None,
        corrected: None,
        forced: None,
        unsure: false,
        adjusts: None,
        answer: None,
        state,
    }
}

/// An export in the tables, and its member.
async fn stored(twins: &Twins, merchant: &str, state: ExportState) -> Export {
    let identity = identity(merchant);
    let export = export(merchant, identity.pointer(MemberHash("member".into())), state);
    let (store, stamp) = (twins.harmonia.store(), twins.harmonia.stamp("test"));
    store.put(&StoredIdentity(identity), &stamp).await.unwrap();
    store.put(&export, &stamp).await.unwrap();
    export
}

async fn found(twins: &Twins, export: &Export) -> Export {
    let found = twins.harmonia.store().get::<Export>(&export_row_key(&export.key()), Read::Consistent).await.unwrap();
    found.unwrap().row
}

/// Design §4, unknown answers: an attempt that nobody lived to note may have told the merchant. Whoever finds it while
/// the merchant is paused must not make an export of it that was never tried.
#[tokio::test]
async fn a_lost_attempt_is_not_put_off() {
    let twins = twins();
    let merchant = "costa".parse().unwrap();
    let words = crate::redress::Words::new("ann", "their maintenance").unwrap();
    twins.harmonia.pause(&merchant, &words).await.unwrap();
    let until = twins.clock.now().saturating_sub(SignedDuration::from_secs(1)).unwrap();
    let export = stored(&twins, "costa", ExportState::Attempting { until }).await;
    let name = ExportName { x: export.key(), generation: 0 };
    twins.harmonia.export(std::slice::from_ref(&name)).await.unwrap();
    assert_eq!(found(&twins, &export).await.state, export.state);
    assert!(twins.harmonia.resume(&merchant, "ann").await.unwrap());
    // twins without a merchant panic when they are asked
    twins.clock.advance(SignedDuration::from_secs(60));
    twins.harmonia.export(&[name]).await.unwrap();
    assert!(matches!(found(&twins, &export).await.state, ExportState::Unconfirmed { .. }));
}

/// One entry that cannot be read holds up nothing else, and is told of at the end.
#[tokio::test]
async fn a_train_goes_on_past_what_cannot_be_read() {
    let twins = twins();
    let identity = identity("costa");
    let until = twins.clock.now().saturating_sub(SignedDuration::from_secs(1)).unwrap();
    // nobody is asked: of what may have been told before, Costa says nothing
    let member = identity.pointer(MemberHash("member".into()));
    let mut attempted = export("costa", member, ExportState::Attempting { until });
    let (store, stamp) = (twins.harmonia.store(), twins.harmonia.stamp("test"));
    store.put(&StoredIdentity(identity), &stamp).await.unwrap();
    let mut keys = Vec::new();
    for n in 0..30 {
        attempted.purchase.id = format!("P{n}");
        attempted.id = Id::derive("export", &[&attempted.purchase.id]);
        store.put(&attempted, &stamp).await.unwrap();
        keys.push(export_row_key(&attempted.key()));
    }
    let damaged = Item {
        key: Key { pk: "X#damaged".into(), sk: "X".into() },
        version: 1,
        stamp,
        work: Some(Work { wk: work::exports(&attempted.merchant, "waiting", 0), ws: work::at(until, "0") }),
        ttl: None,
        body: serde_json::Map::new(),
    };
    twins.tables.put_all(Table::Ledger, vec![damaged]).await.unwrap();

    let train = Train::new(attempted.merchant.clone(), twins.clock.now());
    let first = twins.harmonia.deliver(&train).await.unwrap();
    assert!(first.more, "there are more than a group");
    let refused = twins.harmonia.deliver(&first.execution).await.unwrap_err();
    assert_eq!(refused.class(), harmonia_ports::Class::Bug, "{refused}");
    for key in keys {
        let export = store.get::<Export>(&key, Read::Consistent).await.unwrap().unwrap().row;
        assert!(matches!(export.state, ExportState::Unconfirmed { .. }), "{:?}", export.state);
    }
}

/// The audit log names whoever changed a row by its stamp.
#[tokio::test]
async fn whoever_pauses_is_named() {
    let twins = twins();
    let merchant = "costa".parse().unwrap();
    let stamp = async || {
        let row = twins.tables.get(Table::Registry, &control_key(&merchant), Read::Consistent).await.unwrap();
        row.unwrap().stamp.by
    };
    let words = crate::redress::Words::new("ann", "their maintenance").unwrap();
    twins.harmonia.pause(&merchant, &words).await.unwrap();
    assert_eq!(stamp().await, "pause ann");
    twins.harmonia.resume(&merchant, "bob").await.unwrap();
    assert_eq!(stamp().await, "resume bob");
}

/// Whoever redrives may die between the export and its message: the clock finds it.
#[tokio::test]
async fn a_redrive_is_found_by_the_clock() {
    let twins = twins();
    let export = stored(&twins, "wasabi-club", ExportState::Failed { why: "refused".into() }).await;
    let merchant = export.merchant.clone();
    let listing = Listing { merchant, state: Redrive::Failed, why: None, since: None, until: None };
    assert_eq!(twins.harmonia.redrive(&listing, None, "ann").await.unwrap(), (1, false));
    let redriven = found(&twins, &export).await;
    assert_eq!((redriven.id, redriven.generation), (export.id.clone(), 1));
    assert_eq!(std::mem::take(&mut *twins.sent.0.lock().unwrap()).len(), 1);
    twins.harmonia.tick().await.unwrap();
    let sent = twins.sent.0.lock().unwrap();
    let [(Queue::Export, message)] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(message.body.contains(&export.key().sk) && message.body.contains("\"tick\""), "{}", message.body);
}

/// A file with a number in its name has that number once its members are known; a draft can do without.
#[tokio::test]
async fn files_have_numbers() {
    let mut definition = Definitions::shipped().unwrap().get(&"stonegate-unmatched".parse().unwrap()).unwrap().clone();
    match &mut definition.export.as_mut().unwrap().protocol {
        Protocol::File(file) => file.name = "{merchant}/{sequence}.csv".into(),
        other => panic!("{other:?}"),
    }
    let twins = twins_with(Definitions::shipped().unwrap().with(definition));
    let export = stored(&twins, "stonegate-unmatched", ExportState::Collecting).await;
    twins.harmonia.run_batches(&export.merchant, false).await.unwrap();
    assert!(matches!(found(&twins, &export).await.state, ExportState::Delivered { .. }));
    assert_eq!(twins.objects.keys(Bucket::Exports), ["stonegate-unmatched/000001.csv"]);
    let key = Sequence::key_of(&export.merchant);
    let last = twins.harmonia.store().get::<Sequence>(&key, Read::Consistent).await.unwrap();
    assert_eq!(last.unwrap().row.number, 1);
}

/// A run has no more batches than the history of its execution bears; the next one takes the rest.
#[tokio::test]
async fn a_run_is_bounded() {
    let shipped = Definitions::shipped().unwrap();
    let mut definition = shipped.get(&"stonegate-unmatched".parse().unwrap()).unwrap().clone();
    definition.export.as_mut().unwrap().batch.as_mut().unwrap().size = 1;
    let twins = twins_with(shipped.with(definition));
    let mut collecting = stored(&twins, "stonegate-unmatched", ExportState::Collecting).await;
    let (store, stamp) = (twins.harmonia.store(), twins.harmonia.stamp("test"));
    for n in 0..RUN_BATCHES_MAX {
        collecting.purchase.id = format!("P1-{n}");
        collecting.id = Id::derive("export", &[&collecting.purchase.id]);
        store.put(&collecting, &stamp).await.unwrap();
    }
    let (merchant, minute) = (collecting.merchant.clone(), twins.clock.now());
    let run = BatchMinute { merchant, minute, at: 0, failed: 0 };
    assert!(twins.harmonia.batch_step(&run).await.unwrap().more);
    let last = u32::try_from(RUN_BATCHES_MAX).unwrap() - 1;
    assert!(!twins.harmonia.batch_step(&BatchMinute { at: last, ..run }).await.unwrap().more);
}
