//! The adapter against an embedded DynamoDB: the contract of the tables, and what it does not cover.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code")]

mod support;

use harmonia_aws::{Units, create_tables};
use harmonia_ports::{
    Expect, Item, Key, Query, Read, Stamp, StoreError, Table, Tables, Work, Write, WriteError, contract,
};
use serde_json::{Value, json};
use support::Embedded;

fn item(pk: &str, sk: &str, body: Value) -> Item {
    let Value::Object(body) = body else { panic!("a body is an object") };
    let stamp = Stamp { by: "test".into(), on: "2026-11-22T10:00:00Z".parse().unwrap() };
    Item { key: Key::new(pk, sk), version: 0, stamp, work: None, ttl: None, body }
}

fn put(item: Item, expect: Expect) -> Write {
    Write::Put { table: Table::Book, item, expect }
}

async fn book(tables: &dyn Tables, pk: &str, sk: &str) -> Option<Item> {
    tables.get(Table::Book, &Key::new(pk, sk), Read::Consistent).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_in_memory() {
    let embedded = Embedded::memory().await;
    contract::all(&embedded.tables).await;
    embedded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_in_a_file_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tables.db");
    let path = path.to_str().unwrap();
    let embedded = Embedded::start(dynoxide::Database::new(path).unwrap()).await;
    contract::all(&embedded.tables).await;
    let written = book(&embedded.tables, "C1", "a").await;
    assert!(written.is_some());
    embedded.stop().await;
    let again = Embedded::start(dynoxide::Database::new(path).unwrap()).await;
    assert_eq!(book(&again.tables, "C1", "a").await, written);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_made_once() {
    let embedded = Embedded::memory().await;
    let tables = &embedded.tables;
    tables.write(put(item("a", "a", json!({})), Expect::Absent)).await.unwrap();
    create_tables(tables.client(), tables.names()).await.unwrap();
    assert!(book(tables, "a", "a").await.is_some());
    embedded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replacements_without_a_version_count_on() {
    let embedded = Embedded::memory().await;
    let tables = &embedded.tables;
    for version in 1..=4 {
        tables.write(put(item("r", "any", json!({"n": version, "old": version})), Expect::Any)).await.unwrap();
        assert_eq!(book(tables, "r", "any").await.unwrap().version, version);
    }
    let fields = |n: i64| Expect::Fields(vec![("n".into(), json!(n))]);
    tables.write(put(item("r", "any", json!({"n": 5})), fields(4))).await.unwrap();
    let found = book(tables, "r", "any").await.unwrap();
    assert_eq!((found.version, Value::Object(found.body)), (5, json!({"n": 5})));
    let stale = tables.write(put(item("r", "any", json!({"n": 6})), fields(4))).await;
    assert!(matches!(stale, Err(WriteError::Condition(f)) if f[0].item.as_ref().unwrap().version == 5));
    let nothing = tables.write(put(item("r", "none", json!({})), fields(4))).await;
    assert!(matches!(nothing, Err(WriteError::Condition(f)) if f[0].item.is_none()));
    // what the caller read and deleted meanwhile: the guess by its version is wrong, the put is right
    tables.delete(Table::Book, &Key::new("r", "any")).await.unwrap();
    tables.write(put(Item { version: 5, ..item("r", "any", json!({})) }, Expect::Any)).await.unwrap();
    assert_eq!(book(tables, "r", "any").await.unwrap().version, 1);
    embedded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_guess_too_and_name_only_what_failed() {
    let embedded = Embedded::memory().await;
    let tables = &embedded.tables;
    for sk in ["a", "b"] {
        tables.write(put(item("t", sk, json!({"st": "live"})), Expect::Absent)).await.unwrap();
    }
    let live = |st: &str| Expect::Fields(vec![("st".into(), json!(st))]);
    let writes = |st: &str| {
        vec![
            put(item("t", "a", json!({"st": "new"})), Expect::Any),
            put(item("t", "b", json!({"st": "new"})), live(st)),
            put(item("t", "c", json!({"st": "new"})), Expect::Absent),
        ]
    };
    let failed = tables.transact(writes("claimed")).await;
    assert!(matches!(failed, Err(WriteError::Condition(f)) if f.iter().map(|f| f.index).eq([1])));
    tables.transact(writes("live")).await.unwrap();
    for (sk, version) in [("a", 2), ("b", 2), ("c", 1)] {
        assert_eq!(book(tables, "t", sk).await.unwrap().version, version, "{sk}");
    }
    tables.transact(Vec::new()).await.unwrap();
    embedded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn null_is_the_same_as_nothing() {
    let embedded = Embedded::memory().await;
    let tables = &embedded.tables;
    tables.write(put(item("n", "null", json!({"x": null})), Expect::Absent)).await.unwrap();
    tables.write(put(item("n", "none", json!({})), Expect::Absent)).await.unwrap();
    tables.write(put(item("n", "set", json!({"x": "y"})), Expect::Absent)).await.unwrap();
    for (sk, holds) in [("null", true), ("none", true), ("set", false), ("absent", false)] {
        let expect = Expect::Fields(vec![("x".into(), Value::Null)]);
        let check = Write::Check { table: Table::Book, key: Key::new("n", sk), expect };
        assert_eq!(tables.write(check).await.is_ok(), holds, "{sk}");
    }
    for sk in ["null", "absent"] {
        let check = Write::Check { table: Table::Book, key: Key::new("n", sk), expect: Expect::Any };
        tables.write(check).await.unwrap();
    }
    let expect = Expect::Fields(vec![("m".into(), json!({"a": [1, null], "b": true}))]);
    tables.write(put(item("n", "map", json!({"m": {"b": true, "a": [1, null]}})), Expect::Absent)).await.unwrap();
    let check = Write::Check { table: Table::Book, key: Key::new("n", "map"), expect };
    tables.write(check).await.unwrap();
    embedded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn patches_of_every_expectation() {
    let embedded = Embedded::memory().await;
    let tables = &embedded.tables;
    let patch = |sk: &str, expect| Write::Patch {
        table: Table::Book,
        key: Key::new("p", sk),
        set: json!({"n": null}).as_object().unwrap().clone(),
        stamp: item("", "", json!({})).stamp,
        expect,
    };
    let work = Some(Work { wk: "W".into(), ws: "1".into() });
    let whole = Item { work, ttl: Some(7), ..item("p", "a", json!({"m": 1})) };
    tables.write(put(whole.clone(), Expect::Absent)).await.unwrap();
    for (expect, holds) in
        [(Expect::Any, true), (Expect::Version(2), true), (Expect::Version(2), false), (Expect::Absent, false)]
    {
        assert_eq!(tables.write(patch("a", expect)).await.is_ok(), holds);
    }
    assert!(matches!(tables.write(patch("none", Expect::Any)).await, Err(WriteError::Condition(_))));
    assert!(matches!(tables.write(patch("none", Expect::Absent)).await, Err(WriteError::Condition(_))));
    let expected = Item { version: 3, ..item("p", "a", json!({"m": 1, "n": null})) };
    assert_eq!(book(tables, "p", "a").await, Some(Item { work: whole.work, ttl: Some(7), ..expected }));
    embedded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_ranges_come_whole() {
    let embedded = Embedded::memory().await;
    let tables = &embedded.tables;
    let text = "x".repeat(20_000);
    let items = (0..130).map(|n| item("q", &format!("{n:03}"), json!({"t": text}))).collect();
    tables.put_all(Table::Book, items).await.unwrap();
    let query = Query { limit: 120, ..Query::prefix(Table::Book, "q", "") };
    let page = tables.query(&query).await.unwrap();
    assert_eq!((page.items.len(), page.next.as_deref()), (120, Some("119")), "2.4 MB in one page");
    let page = tables.query(&Query { after: page.next, ..query }).await.unwrap();
    assert_eq!((page.items.len(), page.next), (10, None));
    let exact = Query { limit: 130, ..Query::prefix(Table::Book, "q", "") };
    assert_eq!(tables.query(&exact).await.unwrap().next, None, "no page is empty but the only one");
    embedded.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_calls_are_invalid() {
    let embedded = Embedded::memory().await;
    let tables = &embedded.tables;
    let reserved = tables.write(put(item("i", "a", json!({"ttl": 1})), Expect::Any)).await;
    let twice = vec![put(item("i", "a", json!({})), Expect::Any), put(item("i", "a", json!({})), Expect::Any)];
    let twice = tables.transact(twice).await;
    let empty = tables.write(put(item("", "a", json!({})), Expect::Absent)).await;
    let large = tables.write(put(item("i", "l", json!({"t": "x".repeat(410_000)})), Expect::Absent)).await;
    for (what, refused) in [("reserved", reserved), ("twice", twice), ("empty", empty), ("large", large)] {
        assert!(matches!(refused, Err(WriteError::Store(StoreError::Invalid { .. }))), "{what}: {refused:?}");
    }
    let registry = tables.work(Table::Registry, "W", "1", 1).await;
    assert!(matches!(registry, Err(StoreError::Invalid { .. })));
    embedded.stop().await;
}

/// Budget of state.md: a put of 1 KB is 1 unit, an index entry 1 more, a transaction twice as much.
#[tokio::test(flavor = "multi_thread")]
async fn consumed_capacity_is_counted() {
    let embedded = Embedded::memory().await;
    let (tables, capacity) = (&embedded.tables, embedded.tables.capacity());
    let spent = || {
        let spent = capacity.total();
        capacity.reset();
        (spent.read_tenths, spent.write_tenths)
    };
    let body = || json!({"t": "x".repeat(900)});
    tables.write(put(item("c", "a", body()), Expect::Absent)).await.unwrap();
    assert_eq!(capacity.of(Table::Book), Units { read_tenths: 0, write_tenths: 10 });
    assert_eq!(spent(), (0, 10), "a put");
    let work = Some(Work { wk: "W".into(), ws: "1".into() });
    tables.write(put(Item { work, ..item("c", "w", body()) }, Expect::Absent)).await.unwrap();
    assert_eq!(spent(), (0, 20), "a put with an index entry");
    let pair = vec![put(item("c", "x", body()), Expect::Absent), put(item("c", "y", body()), Expect::Absent)];
    tables.transact(pair).await.unwrap();
    assert_eq!(spent(), (0, 40), "a transaction of two");
    tables.transact(vec![put(item("c", "z", body()), Expect::Absent)]).await.unwrap();
    assert_eq!(spent(), (0, 10), "a transaction of one is none");
    tables.put_all(Table::Book, (0..30).map(|n| item("b", &n.to_string(), body())).collect()).await.unwrap();
    assert_eq!(spent(), (0, 300), "a batch");
    book(tables, "c", "a").await;
    tables.get(Table::Book, &Key::new("c", "a"), Read::Eventual).await.unwrap();
    assert_eq!(spent(), (15, 0), "a consistent read and an eventual one");
    tables.query(&Query::prefix(Table::Book, "c", "")).await.unwrap();
    assert_eq!(spent(), (20, 0), "five items of 1 KB");
    tables.delete(Table::Book, &Key::new("c", "a")).await.unwrap();
    assert_eq!(spent(), (0, 10), "a delete");
    embedded.stop().await;
}
