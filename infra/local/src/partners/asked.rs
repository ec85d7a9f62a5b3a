//! A request that a partner got, and what it says to it.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// A request, taken apart.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    /// By name in any case; empty if it is not there.
    pub(super) header: &'a (dyn Fn(&str) -> String + 'a),
    pub(super) body: &'a [u8],
}

impl Asked<'_> {
    /// The body, if it is JSON with the members that the merchant needs.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        let is_json = (self.header)("Content-Type").starts_with("application/json");
        is_json.then(|| serde_json::from_slice(self.body).ok())?
    }

    pub(super) fn is_authorized(&self, scheme: &str, by: &str) -> bool {
        (self.header)("Authorization").strip_prefix(scheme).is_some_and(|rest| rest.strip_prefix(' ') == Some(by))
    }

    /// A filled form, as tokens are asked for.
    pub(super) fn form(&self) -> Option<&str> {
        let is_form = (self.header)("Content-Type").starts_with("application/x-www-form-urlencoded");
        is_form.then(|| std::str::from_utf8(self.body).ok())?.filter(|text| !text.is_empty())
    }

    /// A form or a query with all of these.
    pub(super) fn says(text: &str, wanted: &[(&str, &str)]) -> bool {
        let said: Vec<&str> = text.split('&').collect();
        wanted.iter().all(|(name, value)| said.contains(&format!("{name}={value}").as_str()))
    }
}

#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) slow: Option<Duration>,
}

impl Answered {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self { status, body, slow: None }
    }

    pub(super) fn bad(what: &str) -> Self {
        Self::new(400, json!({ "error": what }))
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, json!({ "error": "unauthorized" }))
    }

    /// A token for whoever may have one.
    pub(super) fn token(token: &str) -> Self {
        Self::new(200, json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }))
    }
}
