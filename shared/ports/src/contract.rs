//! What every implementation of [`Tables`] keeps, as tests that take one. Each test works on keys of its own, so that
//! they can run one after the other against one store. They panic when the contract is broken: test code.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::missing_panics_doc)]

use crate::{Expect, Item, Key, OneOf, Query, Read, Stamp, StoreError, Table, Tables, Work, Write, WriteError};
use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

/// How many claim at once (issue: 32 concurrent claimers).
const CLAIMERS: usize = 32;

fn stamp(by: &str) -> Stamp {
    Stamp { by: by.to_owned(), on: Timestamp::from_second(1_700_000_000).unwrap() }
}

fn item(pk: &str, sk: &str, body: &Value) -> Item {
    Item {
        key: Key::new(pk, sk),
        version: 0,
        stamp: stamp("contract"),
        work: None,
        ttl: None,
        body: body.as_object().unwrap().clone(),
    }
}

fn put(item: Item, expect: Expect) -> Write {
    Write::Put { table: Table::Book, item, expect }
}

async fn read(tables: &dyn Tables, pk: &str, sk: &str) -> Option<Item> {
    tables.get(Table::Book, &Key::new(pk, sk), Read::Consistent).await.unwrap()
}

/// Runs all of them.
pub async fn all(tables: &dyn Tables) {
    what_is_written_is_read(tables).await;
    insert_is_conditional(tables).await;
    versions_guard_replacement(tables).await;
    patches_set_fields_and_keep_the_rest(tables).await;
    transactions_are_all_or_nothing(tables).await;
    a_transaction_may_move_an_item(tables).await;
    one_of_many_claimers_wins(tables).await;
    overlapping_claims_never_share(tables).await;
    queries_page_in_order(tables).await;
    queries_leave_out_what_is_not_so(tables).await;
    the_index_lists_what_is_due(tables).await;
    batches_and_deletes_repeat(tables).await;
    tables_are_separate(tables).await;
    reserved_names_are_refused(tables).await;
}

/// Consistent read after write, with every kind of value.
pub async fn what_is_written_is_read(tables: &dyn Tables) {
    let body = json!({"s": "text £", "n": -12, "big": 9_007_199_254_740_993_i64, "b": true, "z": null,
        "list": ["a", 1], "map": {"inner": {"deep": ""}}, "empty": {}});
    let mut written = item("C1", "a", &body);
    written.work = Some(Work { wk: "W1".into(), ws: "1".into() });
    written.ttl = Some(1_800_000_000);
    tables.write(put(written.clone(), Expect::Absent)).await.unwrap();
    let found = read(tables, "C1", "a").await.unwrap();
    assert_eq!(found, Item { version: 1, ..written });
    assert_eq!(read(tables, "C1", "b").await, None);
}

/// Conditional insert: the second finds the first (duplicate by the same and by another source is told from it).
pub async fn insert_is_conditional(tables: &dyn Tables) {
    let first = item("C2", "a", &json!({"src": "file-1"}));
    tables.write(put(first.clone(), Expect::Absent)).await.unwrap();
    for source in ["file-1", "file-2"] {
        let again = item("C2", "a", &json!({"src": source}));
        let Err(WriteError::Condition(found)) = tables.write(put(again, Expect::Absent)).await else {
            panic!("a second insert has to fail");
        };
        assert_eq!(found[0].item.as_ref().unwrap().body["src"], json!("file-1"));
    }
    assert_eq!(read(tables, "C2", "a").await.unwrap().version, 1);
}

/// A replacement names the version it has seen.
pub async fn versions_guard_replacement(tables: &dyn Tables) {
    tables.write(put(item("C3", "a", &json!({"n": 1})), Expect::Absent)).await.unwrap();
    tables.write(put(item("C3", "a", &json!({"n": 2})), Expect::Version(1))).await.unwrap();
    let stale = tables.write(put(item("C3", "a", &json!({"n": 3})), Expect::Version(1))).await;
    assert!(matches!(stale, Err(WriteError::Condition(_))));
    let missing = tables.write(put(item("C3", "b", &json!({})), Expect::Version(1))).await;
    assert!(matches!(missing, Err(WriteError::Condition(f)) if f[0].item.is_none()));
    let found = read(tables, "C3", "a").await.unwrap();
    assert_eq!((found.version, &found.body["n"]), (2, &json!(2)));
    tables.write(put(item("C3", "a", &json!({"n": 4})), Expect::Any)).await.unwrap();
    assert_eq!(read(tables, "C3", "a").await.unwrap().version, 3);
}

/// A patch needs the item and its fields as expected.
pub async fn patches_set_fields_and_keep_the_rest(tables: &dyn Tables) {
    let patch = |sk: &str, from: &str, to: &str| Write::Patch {
        table: Table::Book,
        key: Key::new("C4", sk),
        set: json!({"st": to, "x": {"pk": "p"}}).as_object().unwrap().clone(),
        stamp: stamp("patcher"),
        expect: Expect::Fields(vec![("st".into(), json!(from))]),
    };
    tables.write(put(item("C4", "a", &json!({"st": "live", "amt": 5})), Expect::Absent)).await.unwrap();
    tables.write(patch("a", "live", "claimed")).await.unwrap();
    assert!(matches!(tables.write(patch("a", "live", "claimed")).await, Err(WriteError::Condition(_))));
    assert!(matches!(tables.write(patch("b", "live", "claimed")).await, Err(WriteError::Condition(_))));
    let found = read(tables, "C4", "a").await.unwrap();
    assert_eq!((found.version, found.stamp.by.as_str()), (2, "patcher"));
    assert_eq!(Value::Object(found.body), json!({"st": "claimed", "amt": 5, "x": {"pk": "p"}}));
}

/// Delete and put in one transaction: the item is never at both places, and never at none.
pub async fn a_transaction_may_move_an_item(tables: &dyn Tables) {
    let mut old = item("C11", "old", &json!({"n": 1}));
    old.work = Some(Work { wk: "W11".into(), ws: "1".into() });
    tables.write(put(old, Expect::Absent)).await.unwrap();
    let moved = |version| {
        let key = Key::new("C11", "old");
        let delete = Write::Delete { table: Table::Book, key, expect: Expect::Version(version) };
        vec![delete, put(item("C11", "new", &json!({"n": 1})), Expect::Absent)]
    };
    let Err(WriteError::Condition(found)) = tables.transact(moved(2)).await else { panic!("has to fail") };
    assert_eq!((found.len(), found[0].index), (1, 0));
    assert!(read(tables, "C11", "old").await.is_some() && read(tables, "C11", "new").await.is_none());
    tables.transact(moved(1)).await.unwrap();
    assert!(read(tables, "C11", "old").await.is_none() && read(tables, "C11", "new").await.is_some());
    assert_eq!(tables.work(Table::Book, "W11", "9", 10).await.unwrap().entries, []);
    let gone = Write::Delete { table: Table::Book, key: Key::new("C11", "old"), expect: Expect::Any };
    tables.transact(vec![gone.clone(), put(item("C11", "third", &json!({})), Expect::Absent)]).await.unwrap();
    tables.write(gone).await.unwrap();
}

/// One failing condition undoes everything and is named by its position.
pub async fn transactions_are_all_or_nothing(tables: &dyn Tables) {
    tables.write(put(item("C5", "there", &json!({"n": 1})), Expect::Absent)).await.unwrap();
    let writes = vec![
        put(item("C5", "new", &json!({})), Expect::Absent),
        Write::Check { table: Table::Book, key: Key::new("C5", "there"), expect: Expect::Version(7) },
        put(item("C5", "there2", &json!({})), Expect::Version(1)),
    ];
    let Err(WriteError::Condition(found)) = tables.transact(writes).await else { panic!("has to fail") };
    assert_eq!(found.iter().map(|f| f.index).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(read(tables, "C5", "new").await, None);
    let writes = vec![
        put(item("C5", "new", &json!({})), Expect::Absent),
        Write::Check { table: Table::Book, key: Key::new("C5", "there"), expect: Expect::Version(1) },
    ];
    tables.transact(writes).await.unwrap();
    assert_eq!(read(tables, "C5", "there").await.unwrap().version, 1, "a check changes nothing");
    let many = (0..101).map(|n| put(item("C5", &format!("m{n}"), &json!({})), Expect::Any)).collect();
    assert!(matches!(tables.transact(many).await, Err(WriteError::Store(StoreError::Invalid { .. }))));
}

fn claim(pair: &str, claimer: usize) -> Vec<Write> {
    let by = json!({"st": "claimed", "x": claimer});
    let patch = |key: String| Write::Patch {
        table: Table::Book,
        key: Key::new(key, "S"),
        set: by.as_object().unwrap().clone(),
        stamp: stamp("claimer"),
        expect: Expect::Fields(vec![("st".into(), json!("live"))]),
    };
    vec![
        patch(format!("C6#sale#{pair}")),
        patch(format!("C6#payment#{claimer}")),
        put(item("C6#X", &format!("{pair}#{claimer}"), &json!({})), Expect::Absent),
    ]
}

/// Repeats while another transaction is in the way, as every caller does.
async fn insist(tables: &dyn Tables, writes: impl Fn() -> Vec<Write>) -> Result<(), WriteError> {
    loop {
        match tables.transact(writes()).await {
            Err(WriteError::Store(e)) if e.class() == crate::Class::Retry => {}
            other => return other,
        }
    }
}

/// Invariant 2: of 32 claimers of one sale one wins.
pub async fn one_of_many_claimers_wins(tables: &dyn Tables) {
    tables.write(put(item("C6#sale#one", "S", &json!({"st": "live"})), Expect::Absent)).await.unwrap();
    for n in 0..CLAIMERS {
        let payment = item(&format!("C6#payment#{n}"), "S", &json!({"st": "live"}));
        tables.write(put(payment, Expect::Absent)).await.unwrap();
    }
    let results = join_all((0..CLAIMERS).map(|n| insist(tables, move || claim("one", n)))).await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1);
    let page = tables.query(&Query::prefix(Table::Book, "C6#X", "one#")).await.unwrap();
    assert_eq!(page.items.len(), 1, "one claim, one export");
    let winner = results.iter().position(Result::is_ok).unwrap();
    assert_eq!(read(tables, "C6#sale#one", "S").await.unwrap().body["x"], json!(winner));
    let open =
        join_all((0..CLAIMERS).map(|n| async move { read(tables, &format!("C6#payment#{n}"), "S").await })).await;
    assert_eq!(open.iter().flatten().filter(|i| i.body["st"] == json!("live")).count(), CLAIMERS - 1);
}

/// 32 claimers of 8 sales: 8 claims, no payment in two.
pub async fn overlapping_claims_never_share(tables: &dyn Tables) {
    for n in 0..8 {
        let sale = item(&format!("C6#sale#many{n}"), "S", &json!({"st": "live"}));
        tables.write(put(sale, Expect::Absent)).await.unwrap();
    }
    for n in 0..CLAIMERS {
        let payment = item(&format!("C6#payment#{n}"), "S", &json!({"st": "live"}));
        tables.write(put(payment, Expect::Any)).await.unwrap();
    }
    let tries = (0..CLAIMERS).flat_map(|n| (0..8).map(move |s| (n, (s + n) % 8)));
    join_all(tries.map(|(n, s)| async move { insist(tables, || claim(&format!("many{s}"), n)).await.is_ok() })).await;
    let page = tables.query(&Query::prefix(Table::Book, "C6#X", "many")).await.unwrap();
    assert_eq!(page.items.len(), 8);
    let mut payments: Vec<&str> = page.items.iter().filter_map(|i| i.key.sk.split('#').nth(1)).collect();
    payments.sort_unstable();
    payments.dedup();
    assert_eq!(payments.len(), 8);
}

/// Pages come in the order of sort keys, without gaps or repeats.
pub async fn queries_page_in_order(tables: &dyn Tables) {
    for n in 0..57 {
        tables.write(put(item("C7", &format!("k{n:03}"), &json!({"n": n})), Expect::Absent)).await.unwrap();
    }
    tables.write(put(item("C7", "other", &json!({})), Expect::Absent)).await.unwrap();
    let mut query = Query { limit: 10, ..Query::prefix(Table::Book, "C7", "k") };
    let mut seen = Vec::new();
    loop {
        let page = tables.query(&query).await.unwrap();
        assert!(page.items.len() <= 10);
        seen.extend(page.items.into_iter().map(|i| i.key.sk));
        match page.next {
            Some(after) => query.after = Some(after),
            None => break,
        }
    }
    assert_eq!(seen, (0..57).map(|n| format!("k{n:03}")).collect::<Vec<_>>());
    let range = Query { from: "k010".into(), to: "k012".into(), ..Query::prefix(Table::Book, "C7", "") };
    assert_eq!(tables.query(&range).await.unwrap().items.len(), 3);
    let nothing = Query { from: "z".into(), to: "a".into(), ..range };
    assert_eq!(tables.query(&nothing).await.unwrap().items.len(), 0);
}

/// Only what is one of the texts, the empty one too; pages stay full and in order.
pub async fn queries_leave_out_what_is_not_so(tables: &dyn Tables) {
    let codes = [json!("a"), json!("b"), json!(""), json!(1), Value::Null];
    for n in 0..50 {
        let body = json!({"code": codes[n % 5], "n": n});
        tables.write(put(item("C12", &format!("{n:02}"), &body), Expect::Any)).await.unwrap();
    }
    tables.write(put(item("C12", "50", &json!({"n": 50})), Expect::Any)).await.unwrap();
    let seen = async |texts: &[&str]| {
        let texts = texts.iter().map(|one| (*one).to_owned()).collect();
        let only = Some(OneOf { field: "code", texts });
        let mut query = Query { limit: 7, only, ..Query::prefix(Table::Book, "C12", "") };
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            let page = tables.query(&query).await.unwrap();
            (seen, pages) = (seen.into_iter().chain(page.items.into_iter().map(|i| i.key.sk)).collect(), pages + 1);
            match page.next {
                Some(after) => query.after = Some(after),
                None => return (seen, pages),
            }
        }
    };
    let sks = |keep: fn(&usize) -> bool| (0..50).filter(keep).map(|n| format!("{n:02}")).collect::<Vec<_>>();
    assert_eq!(seen(&["a"]).await, (sks(|n| n % 5 == 0), 2));
    assert_eq!(seen(&["a", ""]).await, (sks(|n| n % 5 == 0 || n % 5 == 2), 3));
    assert_eq!(seen(&["c"]).await, (Vec::new(), 1));
    let many: Vec<String> = (0..OneOf::TEXTS_MAX - 1).map(|n| format!("x{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).chain(["b"]).collect();
    assert_eq!(seen(&many).await, (sks(|n| n % 5 == 1), 2));
}

/// `work` holds exactly the items that ask for it, by `ws`, up to an instant.
pub async fn the_index_lists_what_is_due(tables: &dyn Tables) {
    let with = |sk: &str, ws: Option<&str>| Item {
        work: ws.map(|ws| Work { wk: "W8".into(), ws: ws.into() }),
        ..item("C8", sk, &json!({}))
    };
    for (sk, ws) in [("c", "3"), ("a", "1"), ("b", "2"), ("d", "9")] {
        tables.write(put(with(sk, Some(ws)), Expect::Absent)).await.unwrap();
    }
    tables.write(put(with("e", None), Expect::Absent)).await.unwrap();
    tables.write(put(with("b", None), Expect::Version(1))).await.unwrap();
    let due = tables.work(Table::Book, "W8", "5", 10).await.unwrap();
    let names: Vec<(&str, &str)> = due.entries.iter().map(|(w, k)| (w.ws.as_str(), k.sk.as_str())).collect();
    assert_eq!((names, due.more), (vec![("1", "a"), ("3", "c")], false));
    let first = tables.work(Table::Book, "W8", "9", 2).await.unwrap();
    assert_eq!((first.entries.len(), first.more), (2, true));
}

/// Index entries are put in batches of any size and deleted, again and again.
pub async fn batches_and_deletes_repeat(tables: &dyn Tables) {
    let items = || (0..60).map(|n| item("C9", &format!("{n:02}"), &json!({"n": n}))).collect::<Vec<_>>();
    tables.put_all(Table::Book, items()).await.unwrap();
    tables.put_all(Table::Book, items()).await.unwrap();
    tables.delete(Table::Book, &Key::new("C9", "07")).await.unwrap();
    tables.delete(Table::Book, &Key::new("C9", "07")).await.unwrap();
    let page = tables.query(&Query::prefix(Table::Book, "C9", "")).await.unwrap();
    assert_eq!(page.items.len(), 59);
}

/// The same key in two tables is two items.
pub async fn tables_are_separate(tables: &dyn Tables) {
    let write = Write::Put { table: Table::Ledger, item: item("C10", "a", &json!({})), expect: Expect::Absent };
    tables.write(write).await.unwrap();
    assert_eq!(read(tables, "C10", "a").await, None);
}

/// Adds one to a counter forty times over a store that throttles, conflicts and loses answers. Each step is named in
/// the item, so that a step whose answer was lost is recognised and not done twice.
pub async fn counting_with_lost_answers(tables: &dyn Tables) {
    for step in 1..=40_i64 {
        loop {
            let Ok(found) = tables.get(Table::Book, &Key::new("L", "n"), Read::Consistent).await else { continue };
            let (n, expect) = match &found {
                None => (0, Expect::Absent),
                Some(item) => (item.body["n"].as_i64().unwrap(), Expect::Version(item.version)),
            };
            if n == step {
                break;
            }
            assert_eq!(n, step - 1, "no step is lost or done twice");
            let _ = tables.write(put(item("L", "n", &json!({"n": step})), expect)).await;
        }
    }
}

/// A body that uses an item's own names is a bug, told as one.
pub async fn reserved_names_are_refused(tables: &dyn Tables) {
    for name in ["pk", "sk", "v", "by", "on", "wk", "ws", "ttl"] {
        let written = tables.write(put(item("C11", "a", &json!({name: 1})), Expect::Any)).await;
        assert!(matches!(written, Err(WriteError::Store(StoreError::Invalid { .. }))), "{name}: {written:?}");
    }
}
