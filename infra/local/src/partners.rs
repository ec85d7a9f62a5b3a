//! The outside world on a port of this machine: the user directory, and every merchant that is told. They check what
//! they are sent, fail by plan ([`Faults`]), and keep a ledger of every reward they counted ([`PartnerReport`]), which
//! is how a run shows that each purchase was told once.

mod acteol;
mod asked;
mod bpl;
mod costa;
mod described;
mod desk;
mod faults;
mod iceland;
mod itsu;
mod ledger;
mod places;
mod slim_chickens;
mod squaremeal;
mod tgi_fridays;
mod the_works;

pub use faults::Faults;
pub use ledger::{PartnerReport, Told};
pub use places::{add_described, outside_at};
pub use tgi_fridays::Bill;

use crate::world::Outside;
use asked::{Answered, Asked};
use async_trait::async_trait;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use desk::Desk;
use harmonia_gen::User;
use harmonia_ports::{Call, Clock, Web, WebAnswer};
use secrecy::ExposeSecret;
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
    /// Starts them. The directory knows `users`; what they note by a day, they note by the day of `clock`.
    pub async fn start(users: &[User], faults: Faults, clock: Arc<dyn Clock>) -> Result<Self, PartnersError> {
        Self::start_on(0, users, faults, clock).await
    }

    /// The same on a port that others have been told of.
    pub async fn start_on(
        port: u16,
        users: &[User],
        faults: Faults,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, PartnersError> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let addr = listener.local_addr()?;
        let desk = Arc::new(Desk::new(users, faults, clock));
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

    /// TGI Fridays' tills print bills.
    pub fn print(&self, bills: &[Bill]) {
        self.desk.print(bills);
    }

    /// What they saw until now.
    pub fn report(&self) -> PartnerReport {
        self.desk.report()
    }
}

/// The same partners without a network: each call is answered at once.
pub struct PlayedPartners(Desk);

impl PlayedPartners {
    /// Where they pretend to be.
    pub const BASE: &str = "http://partners.invalid";

    /// Partners that know these users.
    pub fn new(users: &[User], faults: Faults, clock: Arc<dyn Clock>) -> Self {
        Self(Desk::new(users, faults, clock))
    }

    /// From now on the directory knows this user.
    pub fn learn(&self, user: &User) {
        self.0.learn(user);
    }

    /// TGI Fridays' tills print bills.
    pub fn print(&self, bills: &[Bill]) {
        self.0.print(bills);
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
        let place = call.url.strip_prefix(Self::BASE).unwrap_or(&call.url);
        let (path, query) = place.split_once('?').unwrap_or((place, ""));
        let header = |name: &str| {
            let found = call.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.expose_secret().to_owned()).unwrap_or_default()
        };
        let asked = Asked { method: call.method, path, query, header: &header, body: &call.body };
        let Answered { status, body, .. } = self.0.answer(&asked);
        WebAnswer::Response { status, retry_after: None, body: body.to_string().into_bytes() }
    }
}

async fn serve(State(desk): State<Arc<Desk>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let Answered { status, body, slow } = {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let header = |name: &str| text(name).unwrap_or_default().to_owned();
        let query = uri.query().unwrap_or_default();
        desk.answer(&Asked { method: method.as_str(), path: uri.path(), query, header: &header, body: &body })
    };
    if let Some(pause) = slow {
        tokio::time::sleep(pause).await;
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests;
