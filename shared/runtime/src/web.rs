//! HTTP to the user directory and the merchants. No redirects, no repeats, a deadline on the whole call, a limit on
//! the answer (D8). What an error means for the merchant is told apart here: nothing sent, or unknown.

use async_trait::async_trait;
use harmonia_ports::{Call, Web, WebAnswer};
use secrecy::ExposeSecret;
use std::time::Duration;

/// Largest answer that is read: merchants answer with a few hundred bytes.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// A partner that cannot be reached by then is down.
const CONNECT_MS: u64 = 3_000;

/// The HTTP client of one process.
pub struct HttpWeb(reqwest::Client);

/// The client could not be built: the machine has no usable TLS set-up.
#[derive(Debug, thiserror::Error)]
#[error("HTTP client: {0}")]
pub struct WebError(#[from] reqwest::Error);

impl HttpWeb {
    /// A client.
    pub fn new() -> Result<Self, WebError> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_millis(CONNECT_MS))
            .no_proxy()
            .build()?;
        Ok(Self(client))
    }

    async fn exchange(&self, call: Call) -> WebAnswer {
        let Ok(method) = reqwest::Method::from_bytes(call.method.as_bytes()) else {
            return WebAnswer::NotSent { why: "the request cannot be built" };
        };
        let mut request = self.0.request(method, &call.url).body(call.body);
        for (name, value) in &call.headers {
            request = request.header(name.as_ref(), value.expose_secret());
        }
        match request.send().await {
            Err(e) if e.is_builder() => WebAnswer::NotSent { why: "the request cannot be built" },
            Err(e) if e.is_connect() => WebAnswer::NotSent { why: "no connection" },
            Err(_) => WebAnswer::Unknown { why: "connection lost" },
            Ok(response) => read(response).await,
        }
    }
}

async fn read(mut response: reqwest::Response) -> WebAnswer {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(reqwest::header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return WebAnswer::Response { status, retry_after, body },
            Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_BYTES_MAX => {
                return WebAnswer::Unknown { why: "answer too large" };
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Err(_) => return WebAnswer::Unknown { why: "answer cut off" },
        }
    }
}

#[async_trait]
impl Web for HttpWeb {
    async fn send(&self, call: Call) -> WebAnswer {
        let deadline = Duration::from_millis(u64::from(call.deadline_ms));
        // a call that ran out of time may have reached the partner
        let timed = tokio::time::timeout(deadline, self.exchange(call)).await;
        timed.unwrap_or(WebAnswer::Unknown { why: "timeout" })
    }
}
