//! What an entry says of a change, and what it must not say.

use super::{entry_of, evening, item};
use crate::{Auditor, Entry, Kind, Log, Seen, What};
use futures::executor::block_on;
use harmonia_definitions::Definitions;
use harmonia_domain::export::{Batch, LastAttempt, Verdict};
use harmonia_ports::{
    Change, Expect, Item, Stamp, Table, Tables, Write,
    memory::{MemoryEvents, MemoryObjects, MemoryTables, SetClock},
};
use harmonia_state::{Row, parse};
use serde_json::{Value, json};
use std::sync::Arc;

fn export(version: u64, state: Value) -> Item {
    let mut body = json!({
        "id": "ZGVsaXZlcmVkIHR3aWNlIQ", "m": "wasabi-club", "created": "2026-11-22T10:00:00Z", "ord": "a",
        "type": "LOYALTY", "p": {"scheme": "visa", "id": "42", "slot": "P"}, "kind": "auth", "s": "R1",
        "who": {"i": "aWRlbnRpdHkgYSBoYXNoIQ", "th": "dG9rZW4taGFzaA", "mb": "bWVtYmVy", "f6": "411111", "l4": "1111"},
        "ev": ["same-auth-code"], "bk": {"scheme": "visa", "mid": "m1", "currency": "GBP", "minor": 1234}, "dv": "3",
        "fx": {"tx": "42", "at": "2026-11-22T10:00:00Z", "amt": 1234, "cur": "GBP", "mid": "m1", "skey": "k",
            "code": "444444", "appr": ""},
        "gen": 0, "n": 0,
    });
    let Value::Object(state) = state else { panic!("a state is an object") };
    body.as_object_mut().unwrap().extend(state);
    let key = parse::<harmonia_domain::export::Export>(item("", "", 1, body.clone())).unwrap().row.key();
    item(&key.pk, &key.sk, version, body)
}

/// Design §4: who, what, when, policy version, and how far the delivery has come.
#[test]
fn a_delivery_is_told() {
    let old = export(1, json!({"st": "ready"}));
    let last = json!({"at": "2026-11-22T10:00:03Z", "status": 503, "verdict": "HTTP 503 for 4111 1111 1111 1111"});
    let new = export(2, json!({"st": "waiting", "due": "2026-11-22T10:05:00Z", "n": 1, "last": last}));
    let entry = entry_of(Some(old), Some(new)).unwrap();
    assert_eq!(
        (entry.kind, entry.what, entry.v, entry.by.as_str(), entry.on),
        (Kind::Export, What::Changed, 2, "test", evening())
    );
    assert_eq!((entry.from.as_deref(), entry.to.as_deref()), (Some("ready"), Some("waiting")));
    assert_eq!(entry.fields, ["due", "last", "n", "st"]);
    assert_eq!((entry.merchant.as_deref(), entry.definition.as_deref()), (Some("wasabi-club"), Some("3")));
    let delivery = entry.delivery.unwrap();
    assert_eq!((delivery.attempts, delivery.id.as_str()), (1, "ZGVsaXZlcmVkIHR3aWNlIQ"));
    let last = delivery.last.unwrap();
    assert_eq!((last.status, last.verdict.as_str()), (Some(503), "HTTP 503 for [digits]"));
}

/// D18: a failed one says so, and why.
#[test]
fn a_failure_is_told() {
    let new = export(3, json!({"st": "failed", "why": "the merchant does not know the card 4111111111111111"}));
    let entry = entry_of(None, Some(new)).unwrap();
    assert_eq!(entry.to.as_deref(), Some("failed"));
    assert_eq!(entry.delivery.unwrap().why.as_deref(), Some("the merchant does not know the card [digits]"));
}

/// The member of [`export`] at a merchant.
fn remember(merchant: &str, tables: &MemoryTables) {
    let identity = json!({"m": merchant, "th": "dG9rZW4taGFzaA", "lid": "L1", "said": 42, "uid": 8, "cred": "AAEC",
        "f6": "411111", "l4": "1111"});
    let identity = item(&format!("I#{merchant}#dG9rZW4taGFzaA"), "aWRlbnRpdHkgYSBoYXNoIQ", 1, identity);
    let write = Write::Put { table: Table::Registry, item: identity, expect: Expect::Absent };
    block_on(tables.write(write)).unwrap();
}

/// Spec match §9, §11.1: by what its merchant knows a member, unless that stands in the credentials.
#[test]
fn others_hear_by_what_a_merchant_knows_its_member() {
    for (merchant, loyalty_identifier, record_uid) in [
        ("costa", json!("L1"), Value::Null),
        ("stonegate-unmatched", json!("L1"), Value::Null),
        ("itsu", Value::Null, Value::Null),
        // the worked example of §9.3: account 42
        ("iceland-bonus-card", Value::Null, json!("me25vrke74gx9mwq23wpjy38zo1dq0lz")),
    ] {
        let (events, tables) = (Arc::new(MemoryEvents::default()), Arc::new(MemoryTables::default()));
        let log = Log::new(Arc::new(MemoryObjects::default()), Arc::new(SetClock::new(evening())));
        let auditor = Auditor::new(log, tables.clone(), events.clone(), Arc::new(Definitions::shipped().unwrap()));
        remember(merchant, &tables);
        let new = export(2, json!({"st": "delivered", "done": "2026-11-22T10:05:00Z", "n": 1, "m": merchant}));
        let change = Change { table: Table::Ledger, old: None, new: Some(new) };
        block_on(auditor.record(&[(change, Seen { at: evening(), expired: false })])).unwrap();
        let told: Value = serde_json::from_str(&events.published()[0].detail).unwrap();
        let names = &told["transactions"][0];
        assert_eq!(
            (&names["loyalty_identifier"], &names["record_uid"]),
            (&loyalty_identifier, &record_uid),
            "{merchant}"
        );
    }
}

/// Spec match §11.1, D18, invariant 7: every attempt is told once, with what came of it, without body or credentials.
#[test]
fn others_hear_of_every_attempt() {
    let objects = Arc::new(MemoryObjects::default());
    let events = Arc::new(MemoryEvents::default());
    let tables = Arc::new(MemoryTables::default());
    let log = Log::new(objects, Arc::new(SetClock::new(evening())));
    let auditor = Auditor::new(log, tables.clone(), events.clone(), Arc::new(Definitions::shipped().unwrap()));
    remember("wasabi-club", &tables);
    let last =
        |status| json!({"at": "2026-11-22T10:00:03Z", "status": status, "verdict": "x", "req": "0123456789abcdef"});
    let states = [
        export(1, json!({"st": "ready"})),
        export(2, json!({"st": "attempting", "until": "2026-11-22T10:05:00Z"})),
        export(3, json!({"st": "waiting", "due": "2026-11-22T10:05:00Z", "n": 1, "last": last(503)})),
        export(4, json!({"st": "delivered", "done": "2026-11-22T10:05:00Z", "n": 2, "last": last(200)})),
        export(5, json!({"st": "delivered", "done": "2026-11-22T10:05:00Z", "n": 2, "corr": {"amt": 9}})),
    ];
    let olds = std::iter::once(None).chain(states.iter().cloned().map(Some));
    let seen = Seen { at: evening(), expired: false };
    let changes: Vec<(Change, Seen)> = olds
        .zip(&states)
        .map(|(old, new)| (Change { table: Table::Ledger, old, new: Some(new.clone()) }, seen))
        .collect();
    assert_eq!(block_on(auditor.record(&changes)).unwrap(), 5);
    let told: Vec<Value> = events.published().iter().map(|e| serde_json::from_str(&e.detail).unwrap()).collect();
    let of = |path: &str| -> Vec<Value> { told.iter().map(|t| t.pointer(path).unwrap().clone()).collect() };
    assert_eq!(of("/transactions/0/status"), ["PENDING", "EXPORTED"]);
    assert_eq!(of("/retry_count"), [0, 1]);
    assert_eq!(of("/audit_data/response/status_code"), [503, 200]);
    assert_eq!(of("/audit_data/request/digest"), ["0123456789abcdef"; 2]);
    let transaction = json!({
        "event_date_time": "2026-11-22T23:30:00.000000+00:00", "user_id": 8, "transaction_id": "42",
        "transaction_date": "2026-11-22 10:00:00", "spend_amount": 1234, "spend_currency": "GBP", "loyalty_id": "L1",
        "mid": "m1", "scheme_account_id": 42, "status": "EXPORTED", "feed_type": null, "location_id": null,
        "merchant_internal_id": null, "payment_card_account_id": null, "settlement_key": "k",
        "authorisation_code": "444444", "approval_code": "", "loyalty_identifier": null, "record_uid": null,
        "export_uid": "65656c69-7665-8265-a420-747769636521",
    });
    let mut first = told[1]["transactions"][0].clone();
    assert!(first["export_uid"].as_str().unwrap().len() == 36);
    first["export_uid"] = transaction["export_uid"].clone();
    assert_eq!(first, transaction);
}

#[test]
fn a_batch_is_told() {
    let stamp = Stamp { by: "export".into(), on: evening() };
    let draft = Batch::draft("iceland-bonus-card".parse().unwrap(), evening(), 0, "m".into());
    let sealed = draft.sealed("n".into(), None).unwrap();
    let last = LastAttempt::new(evening(), Some(200), "delivered");
    let done = sealed.attempted(&Verdict::Delivered, last).unwrap();
    let item = |batch: &Batch, version| Item { version, ..harmonia_state::item(batch, &stamp) };
    let change = Change { table: Batch::TABLE, old: Some(item(&sealed, 2)), new: Some(item(&done, 3)) };
    let entry = Entry::of(&change, Seen { at: evening(), expired: false }).unwrap();
    assert_eq!(
        (entry.kind, entry.from.as_deref(), entry.to.as_deref()),
        (Kind::Batch, Some("waiting"), Some("delivered"))
    );
    assert_eq!((entry.table.as_str(), entry.delivery.unwrap().id), ("ledger", done.id));
}

/// Index entries and caches follow from rows that are audited; whatever is not known to be one is audited.
#[test]
fn every_row_of_state_has_an_entry_and_no_other() {
    let entry = |pk: &str, sk: &str| entry_of(None, Some(item(pk, sk, 1, json!({})))).map(|e| e.kind);
    for pk in ["BP#m#visa#1", "BS#m#visa#1", "K#mid#visa#1", "FH#visa#00", "ML#m", "MH#visa#1", "MU#visa", "XU#m#u"] {
        assert_eq!(entry(pk, "x"), None, "{pk}");
    }
    let kinds = [
        ("P#visa#1", "P", Kind::Payment),
        ("P#visa#1", "P2", Kind::Payment),
        ("P#visa#1", "R", Kind::Refund),
        ("P#visa#1", "D#auth#f#0", Kind::DifferingLine),
        ("S#m#1", "S", Kind::Sale),
        ("X#m#mb", "x", Kind::Export),
        ("BT#m", "x", Kind::Batch),
        ("F#visa#2026-11", "x", Kind::File),
        ("FR#f", "000000", Kind::Range),
        ("M#visa#1", "PRIMARY", Kind::Identifier),
        ("I#m#th", "id", Kind::Identity),
        ("I#m#th", "NOW", Kind::Card),
        ("U#m", "th", Kind::User),
        ("C#m", "export", Kind::Control),
        ("BQ#m", "sequence", Kind::Sequence),
        ("D#m", "000001", Kind::Other),
        ("", "", Kind::Other),
    ];
    for (pk, sk, kind) in kinds {
        assert_eq!(entry(pk, sk), Some(kind), "{pk} {sk}");
    }
}

/// A change that is delivered twice is one; another version, and the same version of a row made anew, are others.
#[test]
fn an_id_names_a_change() {
    let new = |version, n: u64| Some(item("S#m#1", "S", version, json!({"st": "live", "n": n})));
    let id = |old, new| entry_of(old, new).unwrap().id;
    assert_eq!(id(None, new(1, 1)), id(None, new(1, 1)));
    assert_ne!(id(None, new(1, 1)), id(new(1, 1), new(2, 1)));
    assert_ne!(id(None, new(1, 1)), id(new(1, 1), None));
    let mut later = new(1, 1).unwrap();
    later.stamp.on = evening() + jiff::SignedDuration::from_secs(1);
    assert_ne!(id(None, new(1, 1)), id(None, Some(later)));
}

#[test]
fn a_removal_says_who_if_anybody_knows() {
    let change = Change { table: Table::Book, old: Some(item("S#m#1", "S", 4, json!({"st": "live"}))), new: None };
    let entry = |expired| Entry::of(&change, Seen { at: evening(), expired }).unwrap();
    assert_eq!((entry(true).by.as_str(), entry(false).by.as_str()), ("time to live", ""));
    let entry = entry(true);
    assert_eq!(
        (entry.what, entry.v, entry.from.as_deref(), entry.to, entry.digest),
        (What::Removed, 4, Some("live"), None, None)
    );
}

/// Invariant 7: no content, whatever the row holds; and a row that cannot be read is audited without its details.
#[test]
fn content_stays_out() {
    let body = json!({"st": "live", "th": "hash", "ts": "sealed", "cred": "secret", "f6": "411111", "l4": "1111",
        "body": "4111111111111111", "extra": {"token": "4111111111111111"}});
    for pk in ["P#visa#1", "S#m#1", "X#m#mb", "BT#m", "I#m#th", "U#m", "Z#"] {
        let entry = entry_of(None, Some(item(pk, "x", 1, body.clone()))).unwrap();
        let text = serde_json::to_string(&entry).unwrap();
        for secret in ["4111", "1111", "sealed", "secret"] {
            assert!(!text.contains(secret), "{pk}: {text}");
        }
        assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
    }
}
