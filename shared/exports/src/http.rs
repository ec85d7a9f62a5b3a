//! A merchant whose request is described as data (design §5): one purchase a request, and what the answer means by the
//! definition's rules, else by D8. What is told is the same in every attempt; only a signature knows the time.

use crate::{
    answer::{Finding, Heard, judged, unreadable},
    build::{Attempt, BuildError, Fault, is_visible},
    conversation::{Purpose, Request},
    facts::Facts,
    form,
    login::Login,
    one_request::OneRequest,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use harmonia_definitions::{AnswerRule, Auth, ClientIn, HttpExport, Meaning};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;
use serde_json::Value;
use sha2::Sha256;
use std::borrow::Cow;

/// What may stand in a segment of a path as it is (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The conversation: the request, behind a login if the merchant has one.
pub(crate) fn begin(attempt: &Attempt<'_>, wanted: &HttpExport) -> Result<OneRequest, BuildError> {
    let facts = Facts { telling: *attempt.one()?, target: &attempt.target };
    let body = body(&facts, wanted).map_err(BuildError::of(0))?;
    let of_auth = auth_headers(attempt, &wanted.auth, &body)?;
    let path = facts.fill(&wanted.path, |text| utf8_percent_encode(text, ESCAPED).into());
    let path = path.map_err(BuildError::of(0))?;
    let base = &attempt.target.definition.base_url;
    let base = if path.is_empty() { base } else { base.trim_end_matches('/') };
    let mut tell = Request::post(Purpose::Tell, format!("{base}{path}"), "application/json", body);
    tell.method = wanted.method.as_str();
    tell.headers.extend(own_headers(&facts, wanted).map_err(BuildError::of(0))?);
    tell.headers.extend(of_auth);
    let rules = wanted.answers.clone();
    let read = move |answer| judged(answer, |heard| read(&rules, heard));
    Ok(match login(attempt, &wanted.auth)? {
        None => OneRequest::open(tell, read),
        Some(login) => OneRequest::behind(login, attempt, tell, read),
    })
}

type Headers = Vec<(Cow<'static, str>, SecretString)>;

fn body(facts: &Facts<'_>, wanted: &HttpExport) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(&facts.body(&wanted.body)?).map_err(|_| Fault::Encoding { what: "the body" })
}

fn own_headers(facts: &Facts<'_>, wanted: &HttpExport) -> Result<Headers, Fault> {
    let headers = wanted.headers.iter().map(|(name, value)| {
        let value = facts.fill(value, |text| Cow::Borrowed(text))?;
        if !is_visible(&value) {
            return Err(Fault::Encoding { what: "the value of a header" });
        }
        Ok((Cow::Owned(name.clone()), value.into()))
    });
    headers.collect()
}

fn auth_headers(attempt: &Attempt<'_>, auth: &Auth, body: &[u8]) -> Result<Headers, Fault> {
    let authorization = |value: String| vec![("Authorization".into(), value.into())];
    Ok(match auth {
        Auth::None | Auth::ClientCredentials { .. } => vec![],
        Auth::Bearer { token } => authorization(format!("Bearer {}", attempt.header_secret(token)?)),
        Auth::Header { name, key } => vec![(name.clone().into(), attempt.header_secret(key)?.into())],
        Auth::Basic { username, password } => {
            let (user, password) = (text(attempt, username)?, text(attempt, password)?);
            // the first colon ends the name (RFC 7617 §2)
            if user.contains(':') {
                return Err(Fault::NoSecret { member: username.clone().into() });
            }
            authorization(basic(user, password))
        }
        Auth::Hmac { key, signature_header, timestamp_header } => {
            let now = attempt.now.as_second().to_string();
            let signature = signature(text(attempt, key)?, &now, body)?;
            vec![(timestamp_header.clone().into(), now.into()), (signature_header.clone().into(), signature.into())]
        }
    })
}

/// A member of the secret; blanks and line ends at its end are the editor's, not the merchant's.
fn text<'a>(attempt: &Attempt<'a>, member: &str) -> Result<&'a str, Fault> {
    let text = attempt.secret(member)?.trim_end();
    if text.is_empty() { Err(Fault::NoSecret { member: member.to_owned().into() }) } else { Ok(text) }
}

fn signature(key: &str, timestamp: &str, body: &[u8]) -> Result<String, Fault> {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes());
    let mut mac = mac.map_err(|_| Fault::Encoding { what: "the signature" })?;
    for part in [timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Ok(hex::encode(mac.finalize().into_bytes()))
}

fn login(attempt: &Attempt<'_>, auth: &Auth) -> Result<Option<Login>, Fault> {
    let Auth::ClientCredentials { token_url, client_id, client_secret, scope, client_in } = auth else {
        return Ok(None);
    };
    let (id, secret) = (text(attempt, client_id)?, text(attempt, client_secret)?);
    let mut pairs = vec![("grant_type", "client_credentials")];
    if *client_in == ClientIn::Form {
        pairs.extend([("client_id", id), ("client_secret", secret)]);
    }
    pairs.extend(scope.as_deref().map(|scope| ("scope", scope)));
    let request = Request::log_in(token_url.clone(), form::of(&pairs));
    let request = match client_in {
        ClientIn::Form => request,
        ClientIn::Basic => request.with("Authorization", basic(&form::quoted(id), &form::quoted(secret))),
    };
    // a server that does not say how long a token is good means something that we do not know (RFC 6749 §5.1)
    Ok(Some(Login { request, scheme: "Bearer".into(), good_for_s: None }))
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The first rule that fits, else D8. What a rule would read and cannot is unreadable, whatever later rules say.
fn read(rules: &[AnswerRule], heard: &Heard) -> Finding {
    let said: Option<Value> = serde_json::from_slice(&heard.body).ok();
    for (rule, number) in rules.iter().zip(1..) {
        if !rule.status.is_empty() && !rule.status.iter().any(|status| status.fits(heard.status)) {
            continue;
        }
        if let Some(member) = &rule.member {
            let Some(said) = &said else { return unreadable() };
            if !says(said.pointer(member), &rule.is) {
                continue;
            }
        }
        return finding(rule.means, format!("HTTP {}, by answer rule {number}", heard.status));
    }
    if heard.is_success() { Finding::Delivered } else { Finding::refused(format!("HTTP {}", heard.status)) }
}

fn says(member: Option<&Value>, wanted: &[String]) -> bool {
    let text = match member {
        None | Some(Value::Null) => return false,
        Some(_) if wanted.is_empty() => return true,
        Some(Value::String(text)) => text.to_lowercase(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        Some(Value::Array(_) | Value::Object(_)) => return false,
    };
    wanted.iter().any(|one| one.to_lowercase() == text)
}

fn finding(means: Meaning, why: String) -> Finding {
    match means {
        Meaning::Delivered => Finding::Delivered,
        Meaning::AlreadyKnown => Finding::AlreadyThere { why },
        Meaning::NotNow => Finding::Transient { why },
        Meaning::Failed => Finding::Refused { why },
    }
}
