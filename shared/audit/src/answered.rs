//! What the original told its audit service and data warehouse of each row of a result file (spec match §10.2), as an
//! event. Told when an answer has been kept, so once for each answer, not for each time that a file is read (Q-R2).
//!
//! Different on purpose: the amount is a whole number as in every other event (Q-R3), and the row is written anew from
//! what was told, which an accepted row has to agree with, under the original's names of the columns.

use crate::{delivered::plain_iso, mask::mask};
use harmonia_domain::{export::Export, feed::Feed, file::File, identity::Identity, ids::Id};
use harmonia_ports::{Change, OutEvent, Read, Table};
use harmonia_state::{Store, StoredError, StoredIdentity, file_key, parse};
use serde::Serialize;
use serde_json::{Value, json, ser::PrettyFormatter};

/// The kind of these events.
pub const RESULT: &str = "export result";

/// The row, in the original's order.
#[derive(Serialize)]
struct Row<'a> {
    transaction_id: &'a str,
    member_number: Option<&'a str>,
    retailer_location_id: Option<&'a str>,
    transaction_amount: String,
    transaction_date: String,
    uid: &'a str,
    result: String,
}

/// The event of a change, if it gives an export an answer.
pub(crate) async fn answered(store: &Store<'_>, change: &Change) -> Result<Option<OutEvent>, StoredError> {
    let Change { table: Table::Ledger, old, new: Some(new) } = change else { return Ok(None) };
    if !new.key.pk.starts_with("X#") || !new.body.contains_key("ans") {
        return Ok(None);
    }
    if old.as_ref().is_some_and(|old| old.body.get("ans") == new.body.get("ans")) {
        return Ok(None);
    }
    let export = parse::<Export>(new.clone())?.row;
    let Some(answer) = &export.answer else { return Ok(None) };
    let who = &export.identity;
    let key = StoredIdentity::key_of(export.member_of(), &who.token, &who.id);
    let identity = store.get::<StoredIdentity>(&key, Read::Eventual).await?.map(|stored| stored.row.0);
    let from: Option<Id> = serde_json::from_value(json!(answer.src.from)).ok();
    let file = match from.map(|id| file_key(&Feed::Merchant(export.merchant.clone()), answer.arrived, &id)) {
        Some(key) => store.get::<File>(&key.key(), Read::Eventual).await?.map(|stored| stored.row),
        None => None,
    };
    let at = new.stamp.on;
    let on = at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string();
    let detail = message(&export, identity.as_ref(), file.as_ref(), &mask(&answer.result), &on).to_string();
    Ok(Some(OutEvent { kind: RESULT, at, detail }))
}

fn message(export: &Export, identity: Option<&Identity>, file: Option<&File>, result: &str, on: &str) -> Value {
    let (facts, uid) = (&export.facts, export.id.as_uuid());
    // a member who was forgotten is told of without the id
    let member = identity.map(|identity| identity.loyalty_id.as_str());
    let row = Row {
        transaction_id: &facts.transaction_id,
        member_number: member,
        retailer_location_id: facts.location_id.as_deref(),
        transaction_amount: facts.amount.0.to_string(),
        transaction_date: plain_iso(facts.at),
        uid: &uid,
        result: result.to_owned(),
    };
    json!({
        "provider_slug": export.merchant,
        "transactions": [{
            "event_date_time": on, "user_id": "", "transaction_id": row.transaction_id,
            "transaction_date": row.transaction_date, "spend_amount": facts.amount.0,
            "spend_currency": facts.currency.as_str(), "loyalty_id": null, "mid": null, "scheme_account_id": null,
            "encrypted_credentials": null, "status": "EXPORTED", "feed_type": null, "location_id": facts.location_id,
            "merchant_internal_id": null, "payment_card_account_id": null, "settlement_key": null,
            "authorisation_code": null, "approval_code": null, "loyalty_identifier": member, "record_uid": null,
            "export_uid": uid,
        }],
        "audit_data": {
            "response": { "body": indented(&row), "status_code": 200, "timestamp": on },
            "file_names": file.map(|file| format!("{}/{}", file.bucket, file.object)),
        },
        "retry_count": 0,
    })
}

/// JSON text with four blanks a level.
fn indented(row: &Row<'_>) -> String {
    let mut bytes = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
    // writing texts to memory cannot fail
    let _ = row.serialize(&mut writer);
    String::from_utf8(bytes).unwrap_or_default()
}
