//! Failed SDK calls in words.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use std::error::Error;

/// Why a call failed: the service's code and message, or the client's chain of causes. Never the SDK's debug output:
/// it holds the answer as received, and with it items.
pub(crate) fn why<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> String {
    if let Some(told) = error.as_service_error() {
        return format!("{}: {}", told.code().unwrap_or("no code"), told.message().unwrap_or("no message"));
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// The HTTP status of the answer, if there was one.
pub(crate) fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|answer| answer.status().as_u16())
}
