//! Tokens: how one is got, and what its answer says (spec match §9.4, §12.4; RFC 6749 §5.1).

use crate::{
    answer::{Answer, Finding, success, unreadable},
    build::is_visible,
    conversation::{Request, Token},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// Where a token is had, and how it is shown.
pub(crate) struct Login {
    /// The request that gets one.
    pub(crate) request: Request,
    /// What stands before the token in the header, e.g. `Bearer`.
    pub(crate) scheme: SecretString,
    /// How long a token is good for if the answer does not say; `None`: then it is used once.
    pub(crate) good_for_s: Option<u32>,
}

/// The `Authorization` header with a token.
pub(crate) fn authorization(scheme: &SecretString, token: &SecretString) -> SecretString {
    SecretString::from(format!("{} {}", scheme.expose_secret(), token.expose_secret()))
}

/// What can stand in a header; everything else is no token.
pub(crate) fn is_token(text: &str) -> bool {
    is_visible(text) && !text.contains(' ')
}

/// The token of a login's answer, good for 0 s if nobody knows how long. Every failure is transient: nothing was told,
/// and a person may mend the secret while the schedule goes on.
pub(crate) fn token(answer: Option<Answer>, good_for_s: Option<u32>) -> Result<Token, Finding> {
    let heard = success(answer).map_err(|failure| failure.at("token"))?;
    let members = heard.object().unwrap_or_default();
    let token = members.get("access_token").and_then(Value::as_str).unwrap_or_default();
    if !is_token(token) {
        return Err(unreadable().at("token"));
    }
    let good_for_s = members.get("expires_in").and_then(seconds).or(good_for_s).unwrap_or(0);
    Ok(Token { value: token.into(), good_for_s })
}

/// A number, or a number as a text, as some servers write it.
fn seconds(value: &Value) -> Option<u32> {
    let seconds = match value {
        Value::String(text) => text.trim().parse::<u64>().ok()?,
        other => other.as_u64()?,
    };
    Some(u32::try_from(seconds).unwrap_or(u32::MAX))
}
