//! What came back, and what it means before any protocol looks at it (D8).

use serde_json::{Map, Value};
use std::fmt;

/// What came of a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// A complete answer. Redirects are not followed.
    Response {
        /// HTTP status.
        status: u16,
        /// As it came.
        body: Vec<u8>,
    },
    /// The merchant cannot have seen the request: refused, no such name, TLS, breaker open (design §4).
    NotSent {
        /// Fixed words, e.g. `connection refused`.
        why: &'static str,
    },
    /// The file is there, under its name.
    Stored,
    /// Bytes were written, and no complete answer came back: the merchant may have acted (design §4).
    Unknown {
        /// Fixed words, e.g. `timeout`.
        why: &'static str,
    },
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Response { status, body } => write!(f, "Response({status}, {} bytes)", body.len()),
            Self::NotSent { why } => write!(f, "NotSent({why})"),
            Self::Stored => f.write_str("Stored"),
            Self::Unknown { why } => write!(f, "Unknown({why})"),
        }
    }
}

/// What a conversation came to. `why` is made of fixed words, a status or a known message; never the answer's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The merchant has it.
    Delivered,
    /// Not now: the schedule goes on.
    Transient {
        /// Why.
        why: String,
    },
    /// The merchant had it before this attempt: delivered if an earlier attempt may have told it, else skipped (D10).
    AlreadyThere {
        /// Why.
        why: String,
    },
    /// Not at all: a repeat would get the same answer.
    Refused {
        /// Why.
        why: String,
    },
}

impl Finding {
    pub(crate) fn transient(why: impl Into<String>) -> Self {
        Self::Transient { why: why.into() }
    }

    /// The same, with the part of the conversation that it happened in.
    pub(crate) fn at(self, part: &str) -> Self {
        let within = |why: String| format!("{part}: {why}");
        match self {
            Self::Delivered => Self::Delivered,
            Self::Transient { why } => Self::Transient { why: within(why) },
            Self::AlreadyThere { why } => Self::AlreadyThere { why: within(why) },
            Self::Refused { why } => Self::Refused { why: within(why) },
        }
    }

    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self::Refused { why: why.into() }
    }
}

/// An answer that is no failure by itself: a 2xx, or a 4xx other than 429.
#[derive(PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as a JSON object; `None` is an unreadable answer (D8: transient, where the protocol reads it at all).
    pub(crate) fn object(&self) -> Option<Map<String, Value>> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(members)) => Some(members),
            _ => None,
        }
    }
}

/// D8: no answer, 3xx, 429, 5xx (and statuses that HTTP does not have) are transient whatever they say.
pub(crate) fn heard(answer: Option<Answer>) -> Result<Heard, Finding> {
    match answer {
        Some(Answer::Response { status, body }) => match status {
            429 => Err(Finding::transient("HTTP 429")),
            200..=299 | 400..=499 => Ok(Heard { status, body }),
            _ => Err(Finding::transient(format!("HTTP {status}"))),
        },
        Some(Answer::NotSent { why }) => Err(Finding::transient(format!("not sent: {why}"))),
        Some(Answer::Unknown { why }) => Err(Finding::transient(format!("no answer: {why}"))),
        Some(Answer::Stored) | None => Err(Finding::transient("no answer")),
    }
}

/// What an answer comes to that a protocol reads, once it is no failure by itself.
pub(crate) fn judged(answer: Option<Answer>, read: impl FnOnce(&Heard) -> Finding) -> Finding {
    heard(answer).map_or_else(|failure| failure, |heard| read(&heard))
}

/// D8: a gateway's page instead of the merchant's answer.
pub(crate) fn unreadable() -> Finding {
    Finding::transient("unreadable answer")
}

/// As the original's language has it.
pub(crate) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// Any 2xx is success, whatever it says, and nothing is final: everything else may be better another time.
pub(crate) fn any_success(answer: Option<Answer>) -> Finding {
    success(answer).map_or_else(|failure| failure, |_| Finding::Delivered)
}

/// A 2xx; everything else is transient.
pub(crate) fn success(answer: Option<Answer>) -> Result<Heard, Finding> {
    let heard = heard(answer)?;
    if heard.is_success() { Ok(heard) } else { Err(Finding::transient(format!("HTTP {}", heard.status))) }
}
