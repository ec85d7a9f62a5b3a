//! Calls to the user directory and to merchants. One call is one request: no redirects, no repeats (D8).

use async_trait::async_trait;
use secrecy::SecretString;
use std::borrow::Cow;

/// A request. Header values may be secrets.
pub struct Call {
    /// HTTP method.
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// In order.
    pub headers: Vec<(Cow<'static, str>, SecretString)>,
    /// As sent.
    pub body: Vec<u8>,
    /// It tells a merchant about a purchase (others authenticate or look something up).
    pub tells: bool,
    /// The whole call has to end by then, in milliseconds from its start.
    pub deadline_ms: u32,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.url, self.body.len())
    }
}

/// What came of a call (design §4, unknown answers).
#[derive(Clone, PartialEq, Eq)]
pub enum WebAnswer {
    /// A complete answer.
    Response {
        /// HTTP status.
        status: u16,
        /// The header `Retry-After`, as it came.
        retry_after: Option<String>,
        /// At most `ANSWER_BYTES_MAX` of the adapter.
        body: Vec<u8>,
    },
    /// Nothing left this machine: refused, DNS, TLS.
    NotSent {
        /// Fixed words.
        why: &'static str,
    },
    /// Bytes were written, no complete answer came.
    Unknown {
        /// Fixed words.
        why: &'static str,
    },
}

impl std::fmt::Debug for WebAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Response { status, body, .. } => write!(f, "Response({status}, {} bytes)", body.len()),
            Self::NotSent { why } => write!(f, "NotSent({why})"),
            Self::Unknown { why } => write!(f, "Unknown({why})"),
        }
    }
}

/// HTTP as the stages use it.
#[async_trait]
pub trait Web: Send + Sync {
    /// Sends one request.
    async fn send(&self, call: Call) -> WebAnswer;
}
