//! Answers that an embedded DynamoDB never gives, by script.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "test code")]

mod support;

use harmonia_aws::{DynamoTables, Units};
use harmonia_ports::{Expect, Item, Key, Query, Read, Stamp, StoreError, Table, Tables, Write, WriteError};
use serde_json::{Map, Value, json};
use support::Scripted;

fn item(sk: &str) -> Item {
    let stamp = Stamp { by: "test".into(), on: "2026-11-22T10:00:00Z".parse().unwrap() };
    Item { key: Key::new("p", sk), version: 0, stamp, work: None, ttl: None, body: Map::new() }
}

fn on_disk(sk: &str) -> Value {
    json!({"pk": {"S": "p"}, "sk": {"S": sk}, "v": {"N": "1"}, "by": {"S": "test"},
        "on": {"S": "2026-11-22T10:00:00Z"}})
}

fn put(sk: &str) -> Write {
    Write::Put { table: Table::Book, item: item(sk), expect: Expect::Absent }
}

async fn scripted(answers: Vec<(u16, Value)>) -> (Scripted, DynamoTables) {
    let service = Scripted::start(answers.into_iter().map(|(status, body)| (status, body.to_string())).collect()).await;
    let tables = DynamoTables::local(&service.endpoint);
    (service, tables)
}

fn refused(code: &str) -> Value {
    json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "told so"})
}

#[tokio::test]
async fn what_a_batch_leaves_over_is_offered_again() {
    let left = json!({"UnprocessedItems": {"book": [{"PutRequest": {"Item": on_disk("b")}}]}});
    let done = json!({"UnprocessedItems": {}, "ConsumedCapacity": [{"TableName": "book", "CapacityUnits": 2.0}]});
    let (service, tables) = scripted(vec![(200, left.clone()), (200, left), (200, done)]).await;
    tables.put_all(Table::Book, vec![item("a"), item("b"), item("b")]).await.unwrap();
    let asked = service.asked();
    let puts: Vec<usize> = asked.iter().map(|request| request.matches("PutRequest").count()).collect();
    assert_eq!(puts, [2, 1, 1]);
    assert_eq!(tables.capacity().of(Table::Book), Units { read_tenths: 0, write_tenths: 20 });
}

#[tokio::test]
async fn a_batch_is_not_offered_for_ever() {
    let left = json!({"UnprocessedItems": {"book": [{"PutRequest": {"Item": on_disk("a")}}]}});
    let (service, tables) = scripted(vec![(200, left)]).await;
    let answer = tables.put_all(Table::Book, vec![item("a")]).await;
    assert!(matches!(answer, Err(StoreError::Unknown { .. })), "{answer:?}");
    assert_eq!(service.asked().len(), 7);
}

#[tokio::test]
async fn short_pages_are_put_together() {
    let page = |sks: &[&str], more: bool| {
        let items: Vec<Value> = sks.iter().map(|sk| on_disk(sk)).collect();
        let last = json!({"pk": {"S": "p"}, "sk": {"S": "?"}});
        let mut page = json!({"Items": items});
        if more {
            page["LastEvaluatedKey"] = last;
        }
        (200, page)
    };
    let (service, tables) = scripted(vec![page(&["a"], true), page(&[], true), page(&["b", "c"], true)]).await;
    let query = Query { limit: 2, ..Query::prefix(Table::Book, "p", "") };
    let found = tables.query(&query).await.unwrap();
    assert_eq!(found.items.iter().map(|i| i.key.sk.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(found.next.as_deref(), Some("b"));
    let limits = service.asked().iter().map(|r| r.contains("\"Limit\":3")).collect::<Vec<_>>();
    assert_eq!(limits, [true, false, false]);
}

#[tokio::test]
async fn answers_of_the_service_have_their_errors() {
    let cases = [
        (400, refused("ThrottlingException"), Some(StoreError::Throttled)),
        (400, refused("TransactionConflictException"), Some(StoreError::Conflict)),
        (400, refused("ValidationException"), Some(StoreError::Invalid { why: "ValidationException: told so".into() })),
        (400, refused("TransactionInProgressException"), None),
        (500, refused("InternalServerError"), None),
        (503, json!({}), None),
    ];
    for (status, body, expected) in cases {
        let (_service, tables) = scripted(vec![(status, body.clone())]).await;
        let Err(WriteError::Store(error)) = tables.write(put("a")).await else { panic!("{body} is an error") };
        match expected {
            Some(expected) => assert_eq!(error, expected),
            None => assert!(matches!(error, StoreError::Unknown { .. }), "{body}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn a_conflict_in_a_transaction_comes_before_its_conditions() {
    let failed = json!({"Code": "ConditionalCheckFailed", "Message": "no", "Item": on_disk("a")});
    let conflict = json!({"Code": "TransactionConflict", "Message": "wait"});
    let cancelled = |reasons: [&Value; 2]| {
        let mut body = refused("TransactionCanceledException");
        body["CancellationReasons"] = json!(reasons);
        (400, body)
    };
    let (_service, tables) = scripted(vec![cancelled([&failed, &conflict])]).await;
    let answer = tables.transact(vec![put("a"), put("b")]).await;
    assert_eq!(answer, Err(StoreError::Conflict.into()));
    let (_service, tables) = scripted(vec![cancelled([&json!({"Code": "None"}), &failed])]).await;
    let answer = tables.transact(vec![put("b"), put("a")]).await;
    let Err(WriteError::Condition(found)) = answer else { panic!("a condition") };
    assert_eq!((found[0].index, found[0].item.clone()), (1, Some(Item { version: 1, ..item("a") })));
}

/// Nobody listens: the write may have been applied as far as the adapter can tell, and the error names no item.
#[tokio::test]
async fn no_answer_is_unknown() {
    let tables = DynamoTables::local("http://127.0.0.1:9");
    let read = tables.get(Table::Book, &Key::new("secret", "s"), Read::Eventual).await;
    let Err(StoreError::Unknown { why }) = read else { panic!("{read:?}") };
    assert!(!why.contains("secret"), "{why}");
    assert!(matches!(tables.write(put("a")).await, Err(WriteError::Store(StoreError::Unknown { .. }))));
}
