//! Records of a table's stream in the JSON that AWS sends.

use harmonia_audit::Seen;
use harmonia_ports::{Change, Item, Key, Stamp, Table};
use harmonia_runtime::InvocationError;
use jiff::Timestamp;
use serde::Deserialize;
use serde_dynamo::AttributeValue;
use serde_json::{Value, json};
use std::{collections::HashMap, str::FromStr};

/// Who removes what has expired (documentation of DynamoDB's time to live).
const BROOM: &str = "dynamodb.amazonaws.com";

#[derive(Deserialize)]
struct StreamEvent {
    #[serde(rename = "Records")]
    records: Vec<StreamRecord>,
}

/// One record.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StreamRecord {
    dynamodb: Images,
    #[serde(rename = "eventSourceARN")]
    source: String,
    #[serde(default)]
    user_identity: Option<UserIdentity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserIdentity {
    principal_id: String,
}

type Attributes = HashMap<String, AttributeValue>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Images {
    sequence_number: String,
    /// Epoch seconds, with or without a fraction.
    approximate_creation_date_time: serde_json::Number,
    #[serde(default)]
    old_image: Option<Attributes>,
    #[serde(default)]
    new_image: Option<Attributes>,
}

/// The records of an event, in the order of the stream.
pub(crate) fn records(event: Value) -> Result<Vec<StreamRecord>, InvocationError> {
    // serde's words could quote what they did not expect
    let read = serde_json::from_value::<StreamEvent>(event);
    let event =
        read.map_err(|e| InvocationError::Event { why: format!("no records of a stream: {:?}", e.classify()) })?;
    if event.records.iter().any(|record| record.sequence().is_empty()) {
        // an empty identifier in the answer would bring the whole batch back
        return Err(InvocationError::Event { why: "a record without a sequence number".to_owned() });
    }
    Ok(event.records)
}

impl StreamRecord {
    /// Its place in the stream.
    pub(crate) fn sequence(&self) -> &str {
        &self.dynamodb.sequence_number
    }

    /// As an answer names it.
    pub(crate) fn failure(&self) -> Value {
        json!({ "itemIdentifier": self.sequence() })
    }

    /// What it says; errors name fields, never values.
    pub(crate) fn change(&self) -> Result<(Change, Seen), &'static str> {
        let Images { old_image, new_image, approximate_creation_date_time: at, .. } = &self.dynamodb;
        let second = at.to_string().split('.').next().and_then(|whole| whole.parse().ok());
        let at = second.and_then(|second| Timestamp::from_second(second).ok()).ok_or("no instant")?;
        let expired = self.user_identity.as_ref().is_some_and(|who| who.principal_id == BROOM);
        let image = |image: &Option<Attributes>| image.clone().map(item).transpose();
        let change = Change { table: table(&self.source)?, old: image(old_image)?, new: image(new_image)? };
        Ok((change, Seen { at, expired }))
    }
}

/// The table of a stream's ARN, `arn:aws:dynamodb:<region>:<account>:table/<name>/stream/<label>`: the last word of its
/// name, which begins with the stack's.
fn table(arn: &str) -> Result<Table, &'static str> {
    let name = arn.split('/').nth(1).unwrap_or_default();
    let last = name.rsplit('-').next().unwrap_or_default();
    Table::ALL.into_iter().find(|table| table.as_str() == last).ok_or("no table of ours")
}

fn item(mut image: Attributes) -> Result<Item, &'static str> {
    let mut take = |name: &str| match image.remove(name)? {
        AttributeValue::S(text) | AttributeValue::N(text) => Some(text),
        _ => None,
    };
    let key = Key { pk: take("pk").ok_or("no pk")?, sk: take("sk").ok_or("no sk")? };
    let version = parsed(take("v")).ok_or("no version")?;
    let stamp = Stamp { by: take("by").ok_or("no actor")?, on: parsed(take("on")).ok_or("no instant of the change")? };
    // what they say is for the tables alone
    let (_, _, ttl) = (take("wk"), take("ws"), parsed(take("ttl")));
    let body = serde_dynamo::from_item(serde_dynamo::Item::from(image)).map_err(|_| "no body")?;
    Ok(Item { key, version, stamp, work: None, ttl, body })
}

fn parsed<T: FromStr>(text: Option<String>) -> Option<T> {
    text?.parse().ok()
}
