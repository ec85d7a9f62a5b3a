//! HTTP/1.1 by hand, because no server library lets itself be misused like this. Behind it are the played partners.

use super::situation::{Plan, Situation};
use harmonia_domain::ids::sha256_hex;
use harmonia_local::partners::PlayedPartners;
use harmonia_ports::{Call, Clock, Web, WebAnswer, memory::SetClock};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use secrecy::SecretString;
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What a busy merchant asks for: more than any first step of a schedule.
const BUSY_S: i64 = 5_400;
/// More than any client reads.
const HUGE_BYTES: usize = 10 * 1024 * 1024;

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Came {
    /// It tells about a purchase.
    pub(super) tells: bool,
    /// Hash of what it says.
    pub(super) about: String,
    pub(super) path: String,
    pub(super) situation: Situation,
}

#[derive(Default)]
struct Seen {
    came: Vec<Came>,
    times: BTreeMap<String, usize>,
    not_before: BTreeMap<String, Timestamp>,
    too_early: Vec<String>,
}

/// The server. It ends with the test's runtime.
pub(super) struct Server {
    pub(super) addr: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    played: Arc<PlayedPartners>,
    clock: Arc<SetClock>,
    plan: Plan,
    /// A second address of the same merchant is asked at once, whatever the first one says.
    has_second: bool,
    seen: Mutex<Seen>,
}

impl Server {
    pub(super) async fn start(played: Arc<PlayedPartners>, clock: Arc<SetClock>, plan: Plan, has_second: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let inner = Arc::new(Inner { played, clock, plan, has_second, seen: Mutex::default() });
        let serving = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inner = Arc::clone(&serving);
                // a client that hangs up is no matter
                tokio::spawn(async move { drop(inner.serve(stream).await) });
            }
        });
        Self { addr, inner }
    }

    pub(super) fn came(&self) -> Vec<Came> {
        self.inner.seen.lock().unwrap().came.clone()
    }

    pub(super) fn too_early(&self) -> Vec<String> {
        self.inner.seen.lock().unwrap().too_early.clone()
    }
}

/// A request as it was read.
struct Request {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// What it says, wherever it is sent.
    fn about(&self) -> String {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let member = self.header("Authorization").filter(|value| value.starts_with("Basic ")).unwrap_or_default();
        sha256_hex(&[query.as_bytes(), member.as_bytes(), &self.body].concat())
    }

    /// Tokens, wallets and histories are asked for.
    fn tells(&self) -> bool {
        let asks = ["token", "described-tokens", "search", "extensive_timeline"];
        let path = self.target.split('?').next().unwrap_or_default();
        let asks = path.split('/').any(|part| asks.contains(&part));
        !asks && !String::from_utf8_lossy(&self.body).contains("dc_995")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    async fn read(stream: &mut TcpStream) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
        let mut lines = text.split("\r\n");
        let mut first = lines.next().unwrap().split(' ');
        let method = if first.next() == Some("GET") { "GET" } else { "POST" };
        let target = first.next().unwrap().to_owned();
        let headers = lines.filter_map(|line| line.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned()));
        let mut request = Self { method, target, headers: headers.collect(), body: bytes[head + 4..].to_vec() };
        let length = request.header("Content-Length").map_or(0, |text| text.parse().unwrap());
        while request.body.len() < length {
            if stream.read_buf(&mut request.body).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(request)
    }
}

impl Inner {
    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        if self.resets_unread() {
            stream.set_zero_linger()?;
            return Ok(());
        }
        let request = Request::read(&mut stream).await?;
        let situation = self.note(&request);
        let (status, body) = if situation.is_done() { self.pass_on(request).await } else { (0, Vec::new()) };
        match situation {
            Situation::Well => answer(&mut stream, status, "application/json", "", &body).await,
            Situation::WrongType => answer(&mut stream, status, "text/html", "", &body).await,
            Situation::Error => answer(&mut stream, 500, "application/json", "", b"{}").await,
            Situation::BusyFor => answer(&mut stream, 429, "text/plain", &retry_after(BUSY_S), b"").await,
            Situation::BusyUntil => {
                let until = self.clock.now() + SignedDuration::from_secs(BUSY_S);
                let until = until.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT");
                answer(&mut stream, 429, "text/plain", &retry_after(until), b"").await
            }
            Situation::Redirect => {
                let to = format!("Location: http://{}/\r\n", stream.local_addr()?);
                answer(&mut stream, 307, "text/plain", &to, b"").await
            }
            Situation::Page => answer(&mut stream, 200, "text/html", "", b"<html>It works</html>").await,
            Situation::ResetRead | Situation::ResetUnread => stream.set_zero_linger(),
            Situation::Lost => Ok(()),
            Situation::Half => {
                let half = &body[..body.len() / 2];
                let head = head(status, "application/json", "", body.len());
                stream.write_all(&[head.as_bytes(), half].concat()).await
            }
            Situation::Silence => stream.read(&mut [0]).await.map(drop),
            Situation::Huge => {
                stream.write_all(head(status, "application/json", "", HUGE_BYTES).as_bytes()).await?;
                let blanks = vec![b' '; 64 * 1024];
                for _ in 0..HUGE_BYTES / blanks.len() {
                    stream.write_all(&blanks).await?;
                }
                Ok(())
            }
        }
    }

    /// The very first connection, if that is the plan: a merchant that tells at once has nothing to ask before.
    fn resets_unread(&self) -> bool {
        let seen = &mut *self.seen.lock().unwrap();
        let now = matches!(self.plan, Plan::First(Situation::ResetUnread)) && seen.came.is_empty();
        if now {
            let (about, path) = (String::new(), String::new());
            seen.came.push(Came { tells: false, about, path, situation: Situation::ResetUnread });
        }
        now
    }

    fn note(&self, request: &Request) -> Situation {
        let (tells, about) = (request.tells(), request.about());
        let path = request.target.split('?').next().unwrap_or_default().to_owned();
        let seen = &mut *self.seen.lock().unwrap();
        let told = seen.came.iter().filter(|came| came.tells).count();
        let times = seen.times.entry(about.clone()).or_default();
        let situation = self.plan.situation(tells, &about, *times, told);
        *times += 1;
        let now = self.clock.now();
        if tells && seen.not_before.get(&about).is_some_and(|not_before| now < *not_before) {
            seen.too_early.push(format!("{path} at {now}"));
        }
        if tells && !self.has_second && matches!(situation, Situation::BusyFor | Situation::BusyUntil) {
            // a date has no fractions of a second
            seen.not_before.insert(about.clone(), now + SignedDuration::from_secs(BUSY_S - 1));
        }
        seen.came.push(Came { tells, about, path, situation });
        situation
    }

    async fn pass_on(&self, request: Request) -> (u16, Vec<u8>) {
        let Request { method, target, headers, body } = request;
        let headers = headers.into_iter().map(|(name, value)| (name.into(), SecretString::from(value))).collect();
        let url = format!("{}{target}", PlayedPartners::BASE);
        match self.played.send(Call { method, url, headers, body, tells: false, deadline_ms: 0 }).await {
            WebAnswer::Response { status, body, .. } => (status, body),
            other => panic!("{other:?}"),
        }
    }
}

fn retry_after(when: impl std::fmt::Display) -> String {
    format!("Retry-After: {when}\r\n")
}

fn head(status: u16, content_type: &str, more: &str, bytes: usize) -> String {
    let what = format!("Content-Type: {content_type}\r\nContent-Length: {bytes}\r\n{more}");
    format!("HTTP/1.1 {status} Said\r\n{what}Connection: close\r\n\r\n")
}

async fn answer(stream: &mut TcpStream, status: u16, content_type: &str, more: &str, body: &[u8]) -> io::Result<()> {
    stream.write_all(&[head(status, content_type, more, body.len()).as_bytes(), body].concat()).await?;
    stream.shutdown().await
}
