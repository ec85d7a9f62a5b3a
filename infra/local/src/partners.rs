//! The outside world on a port of this machine: the user directory, Wasabi's Acteol API, and Iceland's OAuth and batch
//! endpoints. They fail by plan ([`Faults`]) and keep a ledger of every reward they counted ([`PartnerReport`]), which
//! is how a run shows that each purchase was told once.

mod answers;
mod faults;
mod ledger;

pub use faults::Faults;
pub use ledger::PartnerReport;

use crate::world::Outside;
use answers::{Answered, Asked, Desk};
use async_trait::async_trait;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use harmonia_gen::User;
use harmonia_ports::{Call, Web, WebAnswer};
use secrecy::{ExposeSecret, SecretString};
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, sync::oneshot};

/// The directory's service key: both sides of it are played.
const DIRECTORY_KEY: &str = "played-directory";

/// The partners could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the partners' port: {0}")]
pub struct PartnersError(#[from] std::io::Error);

/// The running partners. Dropped, they finish the requests under way and stop.
pub struct Partners {
    /// Where they listen.
    pub addr: SocketAddr,
    desk: Arc<Desk>,
    _stop: oneshot::Sender<()>,
}

impl Partners {
    /// Starts them. The directory knows `users`.
    pub async fn start(users: &[User], faults: Faults) -> Result<Self, PartnersError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let desk = Arc::new(Desk::new(users, SecretString::from(DIRECTORY_KEY), faults));
        let (stop, stopped) = oneshot::channel::<()>();
        let router = Router::new().fallback(serve).with_state(Arc::clone(&desk));
        tokio::spawn(async move {
            let stopped = async move {
                // the sender says nothing, it is only ever dropped
                let _ = stopped.await;
            };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
                tracing::warn!(%error, "the partners stopped");
            }
        });
        Ok(Self { addr, desk, _stop: stop })
    }

    /// Where they are, and how they know us.
    pub fn outside(&self) -> Outside {
        outside_at(&format!("http://{}", self.addr))
    }

    /// What they saw until now.
    pub fn report(&self) -> PartnerReport {
        self.desk.report()
    }
}

/// Where partners that listen under `base` are, and how they know us.
fn outside_at(base: &str) -> Outside {
    let slug = |text: &str| text.parse().ok();
    let urls = [
        ("wasabi-club", format!("{base}/wasabi")),
        ("iceland-bonus-card", format!("{base}{}", answers::ICELAND_BATCH)),
    ];
    let secret = serde_json::json!({
        "service": "oauth", "url": format!("{base}{}", answers::ICELAND_TOKEN), "prefix": "Bearer",
        "payload": { "grant_type": "client_credentials", "client_id": "harmonia", "client_secret": "played" },
    });
    Outside {
        directory_url: base.to_owned(),
        directory_key: DIRECTORY_KEY.to_owned(),
        base_urls: urls.into_iter().filter_map(|(name, url)| Some((slug(name)?, url))).collect(),
        secrets: slug("iceland-bonus-card").map(|name| BTreeMap::from([(name, secret)])).unwrap_or_default(),
    }
}

/// The same partners without a network: each call is answered at once.
pub struct PlayedPartners(Desk);

impl PlayedPartners {
    /// Where they pretend to be.
    const BASE: &str = "http://partners.invalid";

    /// Partners that know these users.
    pub fn new(users: &[User], faults: Faults) -> Self {
        Self(Desk::new(users, SecretString::from(DIRECTORY_KEY), faults))
    }

    /// From now on the directory knows this user.
    pub fn learn(&self, user: &User) {
        self.0.learn(user);
    }

    /// Where they are.
    pub fn outside() -> Outside {
        outside_at(Self::BASE)
    }

    /// What they saw until now.
    pub fn report(&self) -> PartnerReport {
        self.0.report()
    }
}

#[async_trait]
impl Web for PlayedPartners {
    async fn send(&self, call: Call) -> WebAnswer {
        let header = |name: &str| {
            let found = call.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            found.map_or("", |(_, value)| value.expose_secret())
        };
        let asked = Asked {
            post: call.method == "POST",
            path: call.url.strip_prefix(Self::BASE).unwrap_or(&call.url),
            authorization: header("Authorization"),
            content_type: header("Content-Type"),
            body: &call.body,
        };
        let Answered { status, body, .. } = self.0.answer(&asked);
        WebAnswer::Response { status, retry_after: None, body: body.to_string().into_bytes() }
    }
}

async fn serve(State(desk): State<Arc<Desk>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let asked = Asked {
        post: method == Method::POST,
        path: uri.path(),
        authorization: text(header::AUTHORIZATION),
        content_type: text(header::CONTENT_TYPE),
        body: &body,
    };
    let Answered { status, body, slow } = desk.answer(&asked);
    if let Some(pause) = slow {
        tokio::time::sleep(pause).await;
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests;
