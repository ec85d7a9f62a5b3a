//! Requests described as data.

use super::{
    super::{Checked, ensure},
    address,
};
use crate::export::{AnswerRule, Auth, BodyField, Fact, HttpExport, Repeat, Template, TemplatePart};
use std::collections::BTreeSet;

/// Headers that are there already, or that the connection needs for itself.
const RESERVED: [&str; 5] = ["content-type", "content-length", "host", "transfer-encoding", "connection"];

pub(super) fn request(request: &HttpExport) -> Checked {
    path(&key("path"), &request.path)?;
    headers(request)?;
    auth(&request.auth)?;
    let filled = match &request.body {
        BodyField::Object(members) => !members.is_empty(),
        BodyField::List(items) => !items.is_empty(),
        _ => false,
    };
    ensure(filled, key("body"), "a body is a table or a list that tells something")?;
    let rules = request.answers.iter().enumerate();
    rules.map(|(index, rule)| (key(&format!("answers.{index}")), rule)).try_for_each(|(key, rule)| answer(&key, rule))
}

/// What is promised about repeated requests has to be true.
pub(super) fn repeat(repeat: Repeat, request: &HttpExport) -> Checked {
    let key = "export.repeat";
    match repeat {
        Repeat::Never => Ok(()),
        Repeat::AskFirst => ensure(false, key, "a request described as data cannot look into the merchant's history"),
        Repeat::SameKey => {
            let mut filled = std::iter::once(&request.path).chain(request.headers.values()).flat_map(Template::facts);
            let says = filled.any(is_key) || has_key(&request.body);
            ensure(says, key, "same-key: path, headers or body have to say `id` or `transaction-id`")
        }
    }
}

/// What a merchant can know a purchase by.
fn is_key(fact: &Fact) -> bool {
    matches!(fact, Fact::Id {} | Fact::TransactionId {})
}

fn has_key(field: &BodyField) -> bool {
    match field {
        BodyField::Fact(fact) => is_key(fact),
        BodyField::Object(members) => members.values().any(has_key),
        BodyField::List(items) => items.iter().any(has_key),
        BodyField::Text(_) | BodyField::Number(_) | BodyField::Bool(_) => false,
    }
}

fn key(name: &str) -> String {
    format!("export.protocol.http.{name}")
}

fn path(key: &str, path: &Template) -> Checked {
    let slash = match path.parts() {
        [] => true,
        [TemplatePart::Text(text), ..] => text.starts_with('/'),
        [TemplatePart::Fact { .. }, ..] => false,
    };
    ensure(slash, key, "a path begins with a slash")?;
    let plain = path.texts().all(|text| text.bytes().all(|b| b.is_ascii_graphic() && !b"\"#<>\\^`|".contains(&b)));
    ensure(plain, key, "a path has no blanks, no fragment and no other letters than those of an address")
}

/// No header twice, in whatever case, and none that is written by others.
fn headers(request: &HttpExport) -> Checked {
    let of_auth = match &request.auth {
        Auth::None => vec![],
        Auth::Basic { .. } | Auth::Bearer { .. } | Auth::ClientCredentials { .. } => vec!["authorization"],
        Auth::Header { name, .. } => vec![name.as_str()],
        Auth::Hmac { signature_header, timestamp_header, .. } => {
            vec![signature_header.as_str(), timestamp_header.as_str()]
        }
    };
    let mut taken: BTreeSet<String> = RESERVED.into_iter().map(str::to_owned).collect();
    for name in of_auth {
        let free = taken.insert(name.to_ascii_lowercase());
        ensure(free && is_token(name), key("auth"), format!("{name:?} is no free name of a header"))?;
    }
    for (name, value) in &request.headers {
        let key = key(&format!("headers.{name}"));
        let free = taken.insert(name.to_ascii_lowercase());
        ensure(free && is_token(name), key.clone(), "no name of a header, or one that is written already")?;
        let visible = value.texts().all(|text| text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()));
        ensure(visible && !value.parts().is_empty(), key, "not a text that can stand in a header")?;
    }
    Ok(())
}

/// RFC 9110 §5.6.2, as far as headers use it.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn auth(auth: &Auth) -> Checked {
    match auth {
        Auth::ClientCredentials { token_url, .. } => address(&key("auth.client-credentials.token_url"), token_url),
        Auth::None | Auth::Basic { .. } | Auth::Bearer { .. } | Auth::Header { .. } | Auth::Hmac { .. } => Ok(()),
    }
}

fn answer(key: &str, rule: &AnswerRule) -> Checked {
    let some = !rule.status.is_empty() || rule.member.is_some();
    ensure(some, key, "a rule needs a status or a member")?;
    ensure(rule.is.is_empty() || rule.member.is_some(), format!("{key}.is"), "`is` needs a member")?;
    let pointer = rule.member.as_ref().is_none_or(|member| member.starts_with('/'));
    ensure(pointer, format!("{key}.member"), "a member is named as in /error/code")
}
