//! The outside world of a case: the user directory and scripted answers, and the log of what was told.

use super::case::{Rule, User};
use async_trait::async_trait;
use harmonia_ports::{Call, Clock, Web, WebAnswer};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// Where the user directory is in every case.
pub(super) const DIRECTORY: &str = "http://hermes";

/// The world.
pub(super) struct CaseWeb {
    users: Vec<User>,
    rules: Mutex<Vec<Rule>>,
    requests: Mutex<Vec<Value>>,
    clock: Arc<dyn Clock>,
}

impl Rule {
    fn fits(&self, url: &str, body: &str) -> bool {
        let used_up = self.times == Some(0);
        let contains = |wanted: &Option<String>, text: &str| wanted.as_ref().is_none_or(|w| text.contains(w.as_str()));
        let named = self.otherwise
            || self.url_contains.is_some()
            || self.url_ends.is_some()
            || self.body_contains.is_some()
            || self.body_method.is_some();
        named
            && !used_up
            && contains(&self.url_contains, url)
            && contains(&self.body_contains, body)
            && self.url_ends.as_ref().is_none_or(|end| url.ends_with(end.as_str()))
            && self.body_method.as_ref().is_none_or(|method| has_method(body, method))
    }

    fn answer(&self) -> WebAnswer {
        let Some(status) = self.status.as_u64().and_then(|s| u16::try_from(s).ok()) else {
            return WebAnswer::NotSent { why: "no connection" };
        };
        let body = match (&self.text, &self.json) {
            (Some(text), _) => text.clone(),
            (None, Some(json)) => json.to_string(),
            (None, None) => String::new(),
        };
        WebAnswer::Response { status, retry_after: None, body: body.into_bytes() }
    }
}

fn has_method(body: &str, wanted: &str) -> bool {
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    let method = parsed.as_ref().and_then(|v| v.get("method")).and_then(Value::as_str).unwrap_or_default();
    match wanted.strip_suffix('*') {
        Some(start) => method.starts_with(start),
        None => method == wanted,
    }
}

impl CaseWeb {
    /// The case's rules go before the surroundings'.
    pub(super) fn new(users: Vec<User>, rules: Vec<Rule>, clock: Arc<dyn Clock>) -> Self {
        Self { users, rules: Mutex::new(rules), requests: Mutex::default(), clock }
    }

    /// Everything that merchants were told, in order.
    pub(super) fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn directory(&self, url: &str, body: &str) -> WebAnswer {
        let merchant = url.rsplit('/').next().unwrap_or_default();
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let token = body.pointer("/payment_cards/0").and_then(Value::as_str).unwrap_or_default();
        let known =
            self.users.iter().find(|u| u.token == token && u.scheme.as_ref().is_none_or(|scheme| scheme == merchant));
        let answer = known.map_or_else(|| json!({}), |user| json!({ token: user.identity }));
        WebAnswer::Response { status: 200, retry_after: None, body: answer.to_string().into_bytes() }
    }

    /// The first rule that fits; used once.
    fn scripted(&self, url: &str, body: &str) -> Option<(WebAnswer, Value)> {
        let directory = url.starts_with(DIRECTORY);
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let about_directory = |r: &Rule| r.url_contains.as_ref().is_some_and(|u| u.contains(DIRECTORY));
        let rule = rules.iter_mut().find(|r| (!directory || about_directory(r)) && r.fits(url, body))?;
        rule.times = rule.times.map(|left| left.saturating_sub(1));
        Some((rule.answer(), rule.status.clone()))
    }
}

#[async_trait]
impl Web for CaseWeb {
    async fn send(&self, call: Call) -> WebAnswer {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let Some((answer, status)) = self.scripted(&call.url, &body) else {
            return self.directory(&call.url, &body);
        };
        if call.tells {
            // a case's secrets are invented, and some of its headers are what it is about
            let headers: serde_json::Map<String, Value> =
                call.headers.iter().map(|(name, value)| (name.to_string(), json!(value.expose_secret()))).collect();
            let request = json!({
                "at": self.clock.now(),
                "method": call.method,
                "url": call.url,
                "headers": headers,
                "body": serde_json::from_str(&body).unwrap_or(Value::String(body)),
                "status": status,
            });
            self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        }
        answer
    }
}
