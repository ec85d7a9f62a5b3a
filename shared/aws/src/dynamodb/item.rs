//! Items as attributes and back.

use aws_sdk_dynamodb::types::AttributeValue;
use harmonia_ports::{Item, Key, Stamp, StoreError, Table, Work};
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_attribute_value, to_item};
use serde_json::{Map, Value};
use std::{collections::HashMap, str::FromStr};

/// Attributes by name.
pub(super) type Attributes = HashMap<String, AttributeValue>;

pub(super) const PK: &str = "pk";
pub(super) const SK: &str = "sk";
pub(super) const VERSION: &str = "v";
pub(super) const BY: &str = "by";
pub(super) const ON: &str = "on";
pub(super) const WK: &str = "wk";
pub(super) const WS: &str = "ws";
const TTL: &str = "ttl";
const RESERVED: [&str; 8] = [PK, SK, VERSION, BY, ON, WK, WS, TTL];

pub(super) fn invalid(why: impl Into<String>) -> StoreError {
    StoreError::Invalid { why: why.into() }
}

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// A body must not write what the adapter writes.
pub(super) fn check_name(name: &str) -> Result<(), StoreError> {
    if RESERVED.contains(&name) { Err(invalid(format!("the attribute name {name} is reserved"))) } else { Ok(()) }
}

/// The index `work` exists where work is done; an entry elsewhere would be lost without a word.
pub(super) fn check_work(table: Table, work: Option<&Work>) -> Result<(), StoreError> {
    match (table, work) {
        (Table::Registry, Some(_)) => Err(invalid("the registry has no index of work")),
        _ => Ok(()),
    }
}

/// One field of a body.
pub(super) fn field(value: &Value) -> Result<AttributeValue, StoreError> {
    to_attribute_value(value).map_err(|e| invalid(format!("a field is no attribute: {e}")))
}

/// A key as attributes.
pub(super) fn key_of(key: &Key) -> Attributes {
    HashMap::from([(PK.to_owned(), text(&key.pk)), (SK.to_owned(), text(&key.sk))])
}

/// An item as attributes, at the version it gets.
pub(super) fn encode(table: Table, item: &Item, version: u64) -> Result<Attributes, StoreError> {
    check_work(table, item.work.as_ref())?;
    item.body.keys().try_for_each(|name| check_name(name))?;
    let mut all: Attributes = to_item(&item.body).map_err(|e| invalid(format!("a body is no item: {e}")))?;
    all.extend(key_of(&item.key));
    all.insert(VERSION.to_owned(), AttributeValue::N(version.to_string()));
    all.insert(BY.to_owned(), text(&item.stamp.by));
    all.insert(ON.to_owned(), AttributeValue::S(item.stamp.on.to_string()));
    if let Some(work) = &item.work {
        all.insert(WK.to_owned(), text(&work.wk));
        all.insert(WS.to_owned(), text(&work.ws));
    }
    if let Some(ttl) = item.ttl {
        all.insert(TTL.to_owned(), AttributeValue::N(ttl.to_string()));
    }
    Ok(all)
}

fn take(all: &mut Attributes, name: &str) -> Option<String> {
    match all.remove(name)? {
        AttributeValue::S(value) | AttributeValue::N(value) => Some(value),
        _ => None,
    }
}

/// An attribute that an item of ours always has.
fn required<T: FromStr>(all: &mut Attributes, name: &str) -> Result<T, StoreError> {
    let value = take(all, name).and_then(|value| value.parse().ok());
    value.ok_or_else(|| invalid(format!("an item on disk has no proper {name}")))
}

/// The key of an item, also as the index shows it.
pub(super) fn decode_key(all: &mut Attributes) -> Result<Key, StoreError> {
    Ok(Key { pk: required(all, PK)?, sk: required(all, SK)? })
}

/// The entry in the index.
pub(super) fn decode_work(all: &mut Attributes) -> Option<Work> {
    let (wk, ws) = (take(all, WK), take(all, WS));
    Some(Work { wk: wk?, ws: ws? })
}

/// Attributes as an item.
pub(super) fn decode(mut all: Attributes) -> Result<Item, StoreError> {
    let all_mut = &mut all;
    let key = decode_key(all_mut)?;
    let version = required(all_mut, VERSION)?;
    let stamp = Stamp { by: required(all_mut, BY)?, on: required(all_mut, ON)? };
    let work = decode_work(all_mut);
    let ttl = take(all_mut, TTL).and_then(|value| value.parse().ok());
    let body: Map<String, Value> = from_item(all).map_err(|e| invalid(format!("an item on disk is no body: {e}")))?;
    Ok(Item { key, version, stamp, work, ttl, body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn item(body: Value) -> Item {
        let Value::Object(body) = body else { panic!("a body is an object") };
        Item {
            key: Key::new("P#visa#1", "P"),
            version: 3,
            stamp: Stamp { by: "import:f1".into(), on: "2026-11-22T10:00:00.000001Z".parse().unwrap() },
            work: None,
            ttl: None,
            body,
        }
    }

    #[test]
    fn attributes_are_named_and_typed_as_designed() {
        let whole = Item {
            work: Some(Work { wk: "F#open".into(), ws: "2026".into() }),
            ttl: Some(1_800_000_000),
            ..item(json!({"st": "live", "amt": 1999}))
        };
        let all = encode(Table::Book, &whole, 4).unwrap();
        let number = |n: &str| AttributeValue::N(n.to_owned());
        let expected = HashMap::from([
            (PK.to_owned(), text("P#visa#1")),
            (SK.to_owned(), text("P")),
            (VERSION.to_owned(), number("4")),
            (BY.to_owned(), text("import:f1")),
            (ON.to_owned(), text("2026-11-22T10:00:00.000001Z")),
            (WK.to_owned(), text("F#open")),
            (WS.to_owned(), text("2026")),
            (TTL.to_owned(), number("1800000000")),
            ("st".to_owned(), text("live")),
            ("amt".to_owned(), number("1999")),
        ]);
        assert_eq!(all, expected);
        assert_eq!(decode(all).unwrap(), Item { version: 4, ..whole });
    }

    #[test]
    fn reserved_names_are_refused() {
        for name in RESERVED {
            let refused = encode(Table::Book, &item(json!({name: "x"})), 1);
            assert!(matches!(refused, Err(StoreError::Invalid { .. })), "{name}");
        }
    }

    #[test]
    fn the_registry_has_no_work() {
        let work = Some(Work { wk: "w".into(), ws: "1".into() });
        let refused = encode(Table::Registry, &Item { work, ..item(json!({})) }, 1);
        assert!(matches!(refused, Err(StoreError::Invalid { .. })));
    }

    #[test]
    fn strange_items_are_errors() {
        for missing in [PK, SK, VERSION, BY, ON] {
            let mut all = encode(Table::Book, &item(json!({})), 1).unwrap();
            all.remove(missing);
            assert!(matches!(decode(all), Err(StoreError::Invalid { .. })), "{missing}");
        }
        let mut all = encode(Table::Book, &item(json!({})), 1).unwrap();
        all.insert(ON.to_owned(), text("yesterday"));
        assert!(matches!(decode(all), Err(StoreError::Invalid { .. })));
    }

    /// JSON as bodies hold it: integers only (amounts are minor units).
    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z£]{1,4}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn items_survive_the_round_trip(
            body in prop::collection::btree_map("x[a-z]{0,3}", json_value(), 0..6),
            on in 0_i64..4_000_000_000_000_000,
            version in any::<u64>(),
            ttl in any::<Option<i64>>(),
            work in any::<Option<(String, String)>>(),
        ) {
            let body = Value::Object(body.into_iter().collect());
            let mut written = item(body);
            written.stamp.on = jiff::Timestamp::from_microsecond(on).unwrap();
            written.ttl = ttl;
            written.work = work.map(|(wk, ws)| Work { wk, ws });
            let read = decode(encode(Table::Book, &written, version).unwrap()).unwrap();
            prop_assert_eq!(read, Item { version, ..written });
        }
    }
}
