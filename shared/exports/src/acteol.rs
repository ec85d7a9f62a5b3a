//! Acteol's API, which Wasabi Club and Stonegate share (spec match §9.7, §9.11): one request without authentication,
//! and an answer whose message decides.

use crate::{
    answer::{Finding, Heard, is_truthy, unreadable},
    build::{Attempt, Fault},
    conversation::{Purpose, Request},
};
use serde_json::Value;

/// Acteol does not know the member.
pub(crate) const ORIGIN_NOT_FOUND: &str = "origin id not found";

/// The request that tells.
pub(crate) fn matched(attempt: &Attempt<'_>, body: &impl serde::Serialize) -> Result<Request, Fault> {
    let url = format!("{}/PostMatchedTransaction", attempt.target.definition.base_url);
    Request::post_json(Purpose::Tell, url, body)
}

/// What Acteol said, in a 2xx or a 4xx: the original reads both (§9.11, Q-E2).
pub(crate) struct Reply {
    /// `None`: a 2xx; else the finding for this status.
    pub(crate) failure: Option<Finding>,
    /// In lower case.
    pub(crate) message: Option<String>,
    /// It says that it could not do it, and no more.
    pub(crate) is_internal_error: bool,
}

/// Reads the answer; what cannot be read is transient (D8).
pub(crate) fn read(heard: &Heard) -> Result<Reply, Finding> {
    let members = heard.object().ok_or_else(unreadable)?;
    let message = match members.get("Message").filter(|m| is_truthy(m)) {
        None => None,
        Some(Value::String(text)) => Some(text.to_lowercase()),
        Some(_) => return Err(unreadable()),
    };
    let said_error = members.get("Error").and_then(Value::as_str) == Some("Internal Error");
    let failure = (!heard.is_success()).then(|| Finding::refused(format!("HTTP {}", heard.status)));
    Ok(Reply { failure, is_internal_error: said_error && message.is_none(), message })
}
