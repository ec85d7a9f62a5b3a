//! What the original told its audit service and data warehouse of each attempt (spec match §11.1), as an event.
//!
//! Different on purpose: `status` says what happened (D18); `encrypted_credentials` and the bodies of request and
//! answer are left out (invariant 7), digests stand for the bodies; a `loyalty_identifier` that stands in the member's
//! credentials is left out with them.

use crate::mask::mask;
use harmonia_definitions::Definitions;
use harmonia_domain::{
    export::{Export, ExportState, LastAttempt, MatchType},
    feed::Kind,
};
use harmonia_exports::{loyalty_identifier, record_uid};
use harmonia_ports::{Change, OutEvent, Read, Table};
use harmonia_state::{Store, StoredError, StoredIdentity, parse};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

/// The kind of these events.
pub const DELIVERY: &str = "export delivery";

#[derive(Serialize)]
struct Message {
    provider_slug: String,
    transactions: [Transaction; 1],
    audit_data: AuditData,
    retry_count: u32,
}

#[derive(Serialize)]
#[allow(clippy::struct_field_names, reason = "the original's names")]
struct Transaction {
    event_date_time: String,
    user_id: Option<i64>,
    transaction_id: String,
    transaction_date: String,
    spend_amount: i64,
    spend_currency: String,
    loyalty_id: Option<String>,
    mid: String,
    scheme_account_id: Option<i64>,
    status: &'static str,
    feed_type: Option<&'static str>,
    location_id: Option<String>,
    merchant_internal_id: Option<String>,
    payment_card_account_id: Option<i64>,
    settlement_key: String,
    authorisation_code: String,
    approval_code: String,
    loyalty_identifier: Option<String>,
    record_uid: Option<String>,
    export_uid: String,
}

#[derive(Serialize)]
struct AuditData {
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Half>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Half>,
    verdict: Option<String>,
}

#[derive(Serialize)]
struct Half {
    digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    timestamp: String,
}

/// The event of a change, if it is one of a delivery: an attempt has had its verdict, or none is going to follow.
pub(crate) async fn delivered(
    store: &Store<'_>,
    definitions: &Definitions,
    change: &Change,
) -> Result<Option<OutEvent>, StoredError> {
    let Change { table: Table::Ledger, old, new: Some(new) } = change else { return Ok(None) };
    if !new.key.pk.starts_with("X#") {
        return Ok(None);
    }
    let export = parse::<Export>(new.clone())?.row;
    let old = old.clone().map(parse::<Export>).transpose()?.map(|old| old.row);
    if !is_told(old.as_ref(), &export) {
        return Ok(None);
    }
    let who = &export.identity;
    let key = StoredIdentity::key_of(export.member_of(), &who.token, &who.id);
    // forgotten members are told of without their ids
    let identity = store.get::<StoredIdentity>(&key, Read::Eventual).await?.map(|stored| stored.row.0);
    let protocol = definitions.get(&export.merchant).and_then(|d| d.export.as_ref()).map(|target| &target.protocol);
    let told = protocol.zip(identity.as_ref());
    let on = new.stamp.on;
    let message = Message {
        provider_slug: export.merchant.to_string(),
        audit_data: AuditData::of(export.last.as_ref()),
        retry_count: export.attempts.saturating_sub(1),
        transactions: [Transaction {
            event_date_time: on.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string(),
            loyalty_identifier: told.and_then(|(protocol, i)| loyalty_identifier(protocol, i)).map(str::to_owned),
            record_uid: told.and_then(|(protocol, i)| record_uid(protocol, i)),
            user_id: identity.as_ref().map(|i| i.user_id),
            loyalty_id: identity.as_ref().map(|i| i.loyalty_id.clone()),
            scheme_account_id: identity.as_ref().map(|i| i.scheme_account_id),
            payment_card_account_id: identity.as_ref().and_then(|i| i.payment_card_account_id),
            transaction_date: plain(export.facts.at),
            spend_amount: export.facts.amount.0,
            spend_currency: export.facts.currency.to_string(),
            status: status(&export.state),
            feed_type: (export.match_type == MatchType::Streamed).then(|| feed_type(export.kind)),
            transaction_id: export.facts.transaction_id,
            mid: export.facts.mid,
            location_id: export.facts.location_id,
            merchant_internal_id: export.facts.merchant_internal_id,
            settlement_key: export.facts.settlement_key,
            authorisation_code: export.facts.auth_code,
            approval_code: export.facts.approval_code,
            export_uid: export.id.as_uuid(),
        }],
    };
    let detail = serde_json::to_string(&message).unwrap_or_default();
    Ok(Some(OutEvent { kind: DELIVERY, at: on, detail }))
}

/// Once for each verdict, and for each end that is reached without one.
fn is_told(old: Option<&Export>, new: &Export) -> bool {
    let changed = old.is_none_or(|old| old.state.name() != new.state.name());
    let attempted = old.map_or(0, |old| old.attempts) < new.attempts;
    let over = matches!(
        new.state,
        ExportState::Delivered { .. }
            | ExportState::Failed { .. }
            | ExportState::Skipped { .. }
            | ExportState::Unconfirmed { .. }
            | ExportState::Reversed { .. }
    );
    attempted || (changed && over)
}

/// D18, in the original's capitals: `EXPORTED` is said of what the merchant has, and of nothing else.
fn status(state: &ExportState) -> &'static str {
    match state {
        ExportState::Delivered { .. } => "EXPORTED",
        ExportState::Failed { .. } => "EXPORT_FAILED",
        ExportState::Skipped { .. } => "SKIPPED",
        ExportState::Unconfirmed { .. } => "UNCONFIRMED",
        ExportState::Reversed { .. } => "REVERSED",
        ExportState::Ready
        | ExportState::Held
        | ExportState::Collecting
        | ExportState::Batched { .. }
        | ExportState::Waiting { .. }
        | ExportState::Attempting { .. } => "PENDING",
    }
}

fn feed_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Auth => "AUTH",
        Kind::Settled => "SETTLED",
        Kind::Refund => "REFUND",
        Kind::Merchant => "MERCHANT",
    }
}

fn plain(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// As the original writes instants of result files.
pub(crate) fn plain_iso(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

impl AuditData {
    fn of(last: Option<&LastAttempt>) -> Self {
        let Some(last) = last else { return Self { request: None, response: None, verdict: None } };
        let half = |digest: &Option<String>, status_code| Half {
            digest: digest.clone(),
            status_code,
            timestamp: plain(last.at),
        };
        Self {
            request: last.request.is_some().then(|| half(&last.request, None)),
            response: last.status.map(|status| half(&last.answer, Some(status))),
            verdict: Some(mask(&last.verdict)),
        }
    }
}
