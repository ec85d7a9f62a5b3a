//! What the service answers, as errors of the port.

use super::item::{Attributes, decode, invalid};
use crate::failure::{status, why};
use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        delete_item::DeleteItemError, put_item::PutItemError, transact_write_items::TransactWriteItemsError,
        update_item::UpdateItemError,
    },
    types::CancellationReason,
};
use harmonia_ports::{Found, StoreError, WriteError};
use std::error::Error;

/// A call that failed, other than by its conditions.
pub(super) fn store<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> StoreError {
    let why = why(error);
    match error {
        SdkError::ConstructionFailure(_) => StoreError::Invalid { why },
        SdkError::ServiceError(answer) => by_code(answer.err().code(), status(error), why),
        // no answer, or none that can be read: maybe applied
        _ => StoreError::Unknown { why },
    }
}

fn by_code(code: Option<&str>, status: Option<u16>, why: String) -> StoreError {
    match code {
        Some("ThrottlingException" | "ProvisionedThroughputExceededException" | "RequestLimitExceeded") => {
            StoreError::Throttled
        }
        Some("TransactionConflictException" | "ReplicatedWriteConflictException") => StoreError::Conflict,
        // Our own transaction, sent before by the SDK, is still at work and may come to be applied. So it is no
        // conflict, which never applies.
        Some("TransactionInProgressException") => StoreError::Unknown { why },
        Some(_) if status.is_some_and(|s| s < 500) => StoreError::Invalid { why },
        _ => StoreError::Unknown { why },
    }
}

/// A put that failed.
pub(super) fn put(error: &SdkError<PutItemError>) -> WriteError {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(told)) => refused([(0, told.item())]),
        _ => store(error).into(),
    }
}

/// An update that failed.
pub(super) fn update(error: &SdkError<UpdateItemError>) -> WriteError {
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(told)) => refused([(0, told.item())]),
        _ => store(error).into(),
    }
}

/// A delete that failed.
pub(super) fn delete(error: &SdkError<DeleteItemError>) -> WriteError {
    match error.as_service_error() {
        Some(DeleteItemError::ConditionalCheckFailedException(told)) => refused([(0, told.item())]),
        _ => store(error).into(),
    }
}

/// A transaction that failed.
pub(super) fn transaction(error: &SdkError<TransactWriteItemsError>) -> WriteError {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(told)) => cancelled(told.cancellation_reasons()),
        _ => store(error).into(),
    }
}

/// Conditions that did not hold.
fn refused<'a>(at: impl IntoIterator<Item = (usize, Option<&'a Attributes>)>) -> WriteError {
    let found = at.into_iter().map(|(index, item)| {
        // some services tell nothing as an empty item
        let item = item.filter(|all| !all.is_empty()).cloned().map(decode).transpose()?;
        Ok(Found { index, item })
    });
    match found.collect::<Result<Vec<Found>, StoreError>>() {
        Ok(found) => WriteError::Condition(found),
        Err(error) => error.into(),
    }
}

/// Why a transaction was cancelled: one reason for each write, `None` where a write was not in the way.
///
/// A conflict comes first, because the other items were looked at while somebody changed them: asked again, the
/// conditions may be judged otherwise. Then conditions, then what no repetition cures, then throttling.
fn cancelled(reasons: &[CancellationReason]) -> WriteError {
    let with = |codes: &[&str]| reasons.iter().any(|reason| reason.code().is_some_and(|code| codes.contains(&code)));
    let is_condition = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    if with(&["TransactionConflict"]) {
        return StoreError::Conflict.into();
    }
    let failed = reasons.iter().enumerate().filter(|(_, reason)| is_condition(reason));
    let failed: Vec<_> = failed.map(|(index, reason)| (index, reason.item())).collect();
    if !failed.is_empty() {
        return refused(failed);
    }
    if with(&["ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied"]) {
        return invalid(in_words(reasons)).into();
    }
    if with(&["ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"]) {
        return StoreError::Throttled.into();
    }
    StoreError::Unknown { why: format!("transaction cancelled: {}", in_words(reasons)) }.into()
}

fn in_words(reasons: &[CancellationReason]) -> String {
    let told = reasons.iter().enumerate().filter(|(_, reason)| reason.code().is_some_and(|code| code != "None"));
    let told = told.map(|(index, reason)| {
        let (code, message) = (reason.code().unwrap_or_default(), reason.message().unwrap_or("no message"));
        format!("write {index}: {code}: {message}")
    });
    told.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamodb::item::{encode, text};
    use harmonia_ports::{Item, Key, Stamp, Table};
    use std::collections::HashMap;

    fn item() -> Item {
        let stamp = Stamp { by: "other".into(), on: "2026-11-22T10:00:00Z".parse().unwrap() };
        Item { key: Key::new("p", "s"), version: 5, stamp, work: None, ttl: None, body: serde_json::Map::new() }
    }

    fn reason(code: &str) -> CancellationReason {
        let builder = CancellationReason::builder().code(code);
        match code {
            "ConditionalCheckFailed" => builder.set_item(Some(encode(Table::Book, &item(), 5).unwrap())).build(),
            "None" => builder.build(),
            _ => builder.message("because").build(),
        }
    }

    fn answer(codes: &[&str]) -> WriteError {
        cancelled(&codes.iter().map(|code| reason(code)).collect::<Vec<_>>())
    }

    #[test]
    fn every_cancellation_reason_has_its_error() {
        let cases = [
            ("TransactionConflict", StoreError::Conflict),
            ("ThrottlingError", StoreError::Throttled),
            ("ProvisionedThroughputExceeded", StoreError::Throttled),
            ("RequestLimitExceeded", StoreError::Throttled),
            ("ValidationError", invalid("write 1: ValidationError: because")),
            ("ItemCollectionSizeLimitExceeded", invalid("write 1: ItemCollectionSizeLimitExceeded: because")),
            ("AccessDenied", invalid("write 1: AccessDenied: because")),
            (
                "SomethingNew",
                StoreError::Unknown { why: "transaction cancelled: write 1: SomethingNew: because".into() },
            ),
        ];
        for (code, expected) in cases {
            assert_eq!(answer(&["None", code]), WriteError::Store(expected), "{code}");
        }
        let found = |index| Found { index, item: Some(item()) };
        let failed = answer(&["ConditionalCheckFailed", "None", "ConditionalCheckFailed"]);
        assert_eq!(failed, WriteError::Condition(vec![found(0), found(2)]));
    }

    #[test]
    fn mixed_reasons_have_an_order() {
        let order = ["TransactionConflict", "ConditionalCheckFailed", "ValidationError", "ThrottlingError"];
        for (first, code) in order.into_iter().enumerate() {
            for other in order.into_iter().skip(first + 1) {
                let (before, after) = (answer(&[code, other]), answer(&[other, code]));
                match code {
                    "TransactionConflict" => assert_eq!((&before, &after), (&StoreError::Conflict.into(), &before)),
                    "ConditionalCheckFailed" => {
                        assert!(matches!(before, WriteError::Condition(f) if f.len() == 1 && f[0].index == 0));
                        assert!(matches!(after, WriteError::Condition(f) if f.len() == 1 && f[0].index == 1));
                    }
                    _ => assert!(matches!(after, WriteError::Store(StoreError::Invalid { .. }))),
                }
            }
        }
    }

    #[test]
    fn nothing_found_is_nothing_and_nonsense_is_an_error() {
        let absent = WriteError::Condition(vec![Found { index: 0, item: None }]);
        assert_eq!(refused([(0, None)]), absent);
        assert_eq!(refused([(0, Some(&HashMap::new()))]), absent);
        let foreign = HashMap::from([("pk".to_owned(), text("x"))]);
        assert!(matches!(refused([(0, Some(&foreign))]), WriteError::Store(StoreError::Invalid { .. })));
    }

    #[test]
    fn codes_of_whole_calls_have_their_errors() {
        let unknown = StoreError::Unknown { why: "w".into() };
        let cases = [
            (Some("ThrottlingException"), 400, StoreError::Throttled),
            (Some("ProvisionedThroughputExceededException"), 400, StoreError::Throttled),
            (Some("RequestLimitExceeded"), 400, StoreError::Throttled),
            (Some("TransactionConflictException"), 400, StoreError::Conflict),
            (Some("ReplicatedWriteConflictException"), 400, StoreError::Conflict),
            (Some("TransactionInProgressException"), 400, unknown.clone()),
            (Some("ValidationException"), 400, invalid("w")),
            (Some("ResourceNotFoundException"), 400, invalid("w")),
            (Some("ItemCollectionSizeLimitExceededException"), 400, invalid("w")),
            (Some("InternalServerError"), 500, unknown.clone()),
            (None, 400, unknown.clone()),
            (None, 503, unknown),
        ];
        for (code, status, expected) in cases {
            assert_eq!(by_code(code, Some(status), "w".into()), expected, "{code:?} {status}");
        }
    }

    #[test]
    fn calls_without_answer_are_unknown() {
        let lost: SdkError<PutItemError> = SdkError::timeout_error("slow");
        assert!(matches!(put(&lost), WriteError::Store(StoreError::Unknown { .. })));
        let wrong: SdkError<UpdateItemError> = SdkError::construction_failure("no such thing");
        assert!(matches!(update(&wrong), WriteError::Store(StoreError::Invalid { .. })));
    }
}
