//! Whom to tell, checked.

use super::{Checked, ensure, zone};
use crate::export::{
    AnswerRule, Auth, BatchPlan, Export, FileExport, FirstAttempt, HttpExport, Promotion, Protocol, Repeat, RetryStep,
};
use jiff::civil::Time;

/// Longest single wait before a repeat: a week.
const AFTER_S_MAX: u32 = 7 * 86_400;
/// Seconds of a day: batch runs are counted from midnight.
const DAY_S: u32 = 86_400;
/// Batch runs happen on full minutes.
const MINUTE_S: u32 = 60;
/// Longest wait for an answer: the function has 60 s for two requests one after the other.
const DEADLINE_S_MAX: u16 = 25;
/// Most requests at once by one function: as many as a message has exports.
const AT_ONCE_MAX: u16 = 100;

pub(super) fn export(export: &Export) -> Checked {
    let file = matches!(export.protocol, Protocol::File(_));
    if file {
        ensure(export.base_url.is_empty(), "export.base_url", "a file has no address")?;
    } else {
        address("export.base_url", &export.base_url)?;
    }
    protocol(&export.protocol)?;
    let together = file || matches!(export.protocol, Protocol::IcelandBonusCard);
    ensure(together == export.batch.is_some(), "export.batch", "files and batches need it, nothing else can use it")?;
    ensure(!file || export.repeat == Repeat::SameKey, "export.repeat", "the same file may be written again: same-key")?;
    export.batch.as_ref().map_or(Ok(()), batch)?;
    first(export.first.as_ref())?;
    let deadline = (1..=DEADLINE_S_MAX).contains(&export.deadline_s);
    ensure(deadline, "export.deadline_s", format!("not between 1 and {DEADLINE_S_MAX}"))?;
    let at_once = export.at_once.is_none_or(|n| (1..=AT_ONCE_MAX).contains(&n));
    ensure(at_once, "export.at_once", format!("not between 1 and {AT_ONCE_MAX}"))?;
    ensure(export.per_minute != Some(0), "export.per_minute", "none a minute")?;
    export.retry.iter().enumerate().try_for_each(|(index, step)| retry(&format!("export.retry.{index}"), step))
}

fn address(key: &str, url: &str) -> Checked {
    let host = ["https://", "http://"].into_iter().find_map(|start| url.strip_prefix(start));
    let good = host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'));
    ensure(good, key, "not an http or https address")
}

fn protocol(protocol: &Protocol) -> Checked {
    match protocol {
        Protocol::SlimChickens(slim) => address("export.protocol.slim-chickens.auth_url", &slim.auth_url),
        Protocol::TheWorks(works) => {
            address("export.protocol.the-works.failover_url", &works.failover_url)?;
            works.promotion.as_ref().map_or(Ok(()), promotion)
        }
        Protocol::Http(request) => http(request),
        Protocol::File(wanted) => file(wanted),
        _ => Ok(()),
    }
}

fn promotion(promotion: &Promotion) -> Checked {
    let key = "export.protocol.the-works.promotion";
    ensure(promotion.from <= promotion.to, format!("{key}.to"), "the last day is before the first")?;
    zone(&format!("{key}.zone"), &promotion.zone)
}

fn http(request: &HttpExport) -> Checked {
    let key = |name: &str| format!("export.protocol.http.{name}");
    let path = request.path.is_empty() || request.path.starts_with('/');
    ensure(path, key("path"), "a path begins with a slash")?;
    let token = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let visible = |text: &str| text.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    for (name, value) in &request.headers {
        ensure(token(name) && visible(value), key("headers"), format!("{name:?} cannot stand in a header"))?;
    }
    match &request.auth {
        Auth::ClientCredentials { token_url, .. } => address(&key("auth.client-credentials.token_url"), token_url)?,
        Auth::Hmac { signature_header, timestamp_header, .. } => {
            let good = token(signature_header) && token(timestamp_header);
            ensure(good, key("auth.hmac"), "not the names of headers")?;
        }
        Auth::None | Auth::Basic { .. } | Auth::Bearer { .. } => {}
    }
    ensure(!request.body.is_empty(), key("body"), "an empty body tells nothing")?;
    request.answers.iter().try_for_each(|rule| answer(&key("answers"), rule))
}

fn answer(key: &str, rule: &AnswerRule) -> Checked {
    let some = !rule.status.is_empty() || rule.member.is_some();
    ensure(some, key, "a rule needs a status or a member")?;
    ensure(rule.is.is_empty() || rule.member.is_some(), key, "`is` needs a member")?;
    let pointer = rule.member.as_ref().is_none_or(|member| member.starts_with('/'));
    ensure(pointer, key, "a member is named as in /error/code")?;
    let status = |text: &String| {
        let mut letters = text.chars();
        let class = letters.next().is_some_and(|c| ('2'..='5').contains(&c));
        let rest = letters.as_str();
        class && rest.len() == 2 && (rest == "xx" || rest.bytes().all(|b| b.is_ascii_digit()))
    };
    ensure(rule.status.iter().all(status), key, "a status is one such as 404 or 4xx")
}

fn file(file: &FileExport) -> Checked {
    let key = |name: &str| format!("export.protocol.file.{name}");
    zone(&key("zone"), &file.zone)?;
    ensure(!file.columns.is_empty(), key("columns"), "a file without columns")?;
    let unique = file.name.contains("{sequence}") || (file.name.contains("{run}") && file.name.contains("{part}"));
    ensure(unique, key("name"), "needs {sequence}, or {run} and {part}: no two files may have one name")?;
    let mut rest = file.name.clone();
    for known in ["{merchant}", "{run}", "{rows}", "{sequence}", "{part}"] {
        rest = rest.replace(known, "");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let good = rest.chars().all(plain) && !rest.starts_with('/') && !rest.contains("..");
    ensure(good, key("name"), "letters, digits, - _ . / and the names in braces only")
}

fn batch(batch: &BatchPlan) -> Checked {
    ensure(batch.size > 0, "export.batch.size", "a batch of none")?;
    match (batch.every_s, &batch.at, &batch.zone) {
        (Some(every), None, None) => full_minutes("export.batch.every_s", every),
        (None, Some(at), Some(name)) => {
            time_of_day("export.batch.at", at)?;
            zone("export.batch.zone", name)
        }
        _ => ensure(false, "export.batch", "needs either every_s or at with zone"),
    }
}

pub(super) fn full_minutes(key: &str, every_s: u32) -> Checked {
    let sane = (MINUTE_S..=DAY_S).contains(&every_s) && every_s.is_multiple_of(MINUTE_S);
    ensure(sane, key, format!("not full minutes between {MINUTE_S} and {DAY_S}"))
}

fn first(first: Option<&FirstAttempt>) -> Checked {
    match first {
        None => Ok(()),
        Some(FirstAttempt::AfterPurchaseS(wait) | FirstAttempt::AfterMatchS(wait)) => {
            ensure((1..=AFTER_S_MAX).contains(wait), "export.first", format!("not between 1 and {AFTER_S_MAX}"))
        }
        Some(FirstAttempt::TimeOfDay { at, zone: name }) => {
            time_of_day("export.first.time-of-day.at", at)?;
            zone("export.first.time-of-day.zone", name)
        }
    }
}

fn time_of_day(key: &str, text: &str) -> Checked {
    ensure(text.len() == 5 && Time::strptime("%H:%M", text).is_ok(), key, "not a time of day such as 10:00")
}

/// A step waits either for a while or for a time of day in a zone.
fn retry(key: &str, step: &RetryStep) -> Checked {
    ensure(step.attempts > 0, format!("{key}.attempts"), "a step for no attempt")?;
    match (step.after_s, &step.at, &step.zone) {
        (Some(wait), None, None) => {
            let sane = (1..=AFTER_S_MAX).contains(&wait);
            ensure(sane, format!("{key}.after_s"), format!("not between 1 and {AFTER_S_MAX}"))
        }
        (None, Some(at), Some(name)) => {
            time_of_day(&format!("{key}.at"), at)?;
            zone(&format!("{key}.zone"), name)
        }
        _ => ensure(false, key, "needs either after_s or at with zone"),
    }
}
