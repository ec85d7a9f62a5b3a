//! Services for tests: an embedded DynamoDB, and one that answers by script.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use harmonia_aws::{DynamoTables, create_tables};
use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

/// dynoxide over HTTP, as the local stack embeds it.
pub struct Embedded {
    pub tables: DynamoTables,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), String>>,
}

impl Embedded {
    pub async fn start(database: dynoxide::Database) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let server = tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, shutdown));
        let tables = DynamoTables::local(&endpoint);
        create_tables(tables.client(), tables.names()).await.unwrap();
        Self { tables, stop, server }
    }

    pub async fn memory() -> Self {
        Self::start(dynoxide::Database::memory().unwrap()).await
    }

    pub async fn stop(self) {
        let Self { tables, stop, server } = self;
        drop(tables);
        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
    }
}

/// A service that gives the answers it was told, one after the other, and remembers what it was asked.
pub struct Scripted {
    pub endpoint: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Answers are an HTTP status and a body; the last one is given again and again.
    pub async fn start(answers: Vec<(u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut next = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let (status, body) = &answers[next.min(answers.len() - 1)];
                next += 1;
                let request = answer(stream, *status, body).await;
                record.lock().unwrap().push(request);
            }
        });
        Self { endpoint, asked }
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Reads one request, head and body, and answers it.
async fn answer(mut stream: TcpStream, status: u16, body: &str) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).to_lowercase();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if rest.len() >= length.unwrap_or(0) {
                break;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
    let head = format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body.as_bytes()).await;
    String::from_utf8_lossy(&request).into_owned()
}
