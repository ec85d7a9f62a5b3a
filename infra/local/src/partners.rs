//! The outside world on a port of this machine: the user directory, Wasabi's Acteol API, and Iceland's OAuth and batch
//! endpoints. They fail by plan ([`Faults`]) and keep a ledger of every reward they counted ([`PartnerReport`]), which is
//! how a run shows that each purchase was told once.

mod answers;
mod faults;
mod ledger;

pub use faults::Faults;
pub use ledger::PartnerReport;

use answers::{Answered, Asked, Desk};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use harmonia_gen::User;
use secrecy::SecretString;
use std::{net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, sync::oneshot};

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
    /// Starts them. The directory knows `users` and answers to whoever shows `directory_key`.
    pub async fn start(users: &[User], directory_key: SecretString, faults: Faults) -> Result<Self, PartnersError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let desk = Arc::new(Desk::new(users, directory_key, faults));
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

    /// What the user directory's URL begins with.
    pub fn directory_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The base URL of Wasabi's API.
    pub fn wasabi_url(&self) -> String {
        format!("http://{}/wasabi", self.addr)
    }

    /// Where Iceland's batches go.
    pub fn iceland_url(&self) -> String {
        format!("http://{}{}", self.addr, answers::ICELAND_BATCH)
    }

    /// Where Iceland gives out its tokens.
    pub fn iceland_token_url(&self) -> String {
        format!("http://{}{}", self.addr, answers::ICELAND_TOKEN)
    }

    /// What they saw until now.
    pub fn report(&self) -> PartnerReport {
        self.desk.report()
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
