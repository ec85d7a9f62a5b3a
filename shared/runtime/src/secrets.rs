//! Secrets that change while a function runs: believed for a while, and read again at once when a merchant did not
//! take them. So a rotation needs no deployment.

use crate::config;
use async_trait::async_trait;
use harmonia_ports::{ExportSecrets, Secrets, SecretsError};
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// How long secrets are believed.
#[derive(Debug, Clone, Copy)]
pub struct Belief {
    /// By an attempt that has no reason to doubt them.
    keep: Duration,
    /// By one that a merchant did not let in: those that do not take good secrets do not make us ask more often.
    ask_again: Duration,
}

impl Belief {
    /// From Secrets Manager: a busy function asks 288 times a day ($0.0014).
    pub const STORE: Self = Self { keep: Duration::from_mins(5), ask_again: Duration::from_secs(10) };
    /// From a file of this machine, which costs nothing to read.
    pub const FILE: Self = Self { keep: Duration::from_secs(5), ask_again: Duration::ZERO };
}

/// The secrets, or why they cannot be read, without content.
pub type Reading = Pin<Box<dyn Future<Output = Result<ExportSecrets, String>> + Send>>;
type Load = dyn Fn() -> Reading + Send + Sync;

/// The secrets of a document that somebody else may replace.
pub struct KeptSecrets {
    load: Box<Load>,
    belief: Belief,
    kept: Mutex<(Arc<ExportSecrets>, Instant)>,
}

impl KeptSecrets {
    /// `first`: as the document says now.
    pub fn new(first: ExportSecrets, belief: Belief, load: Box<Load>) -> Self {
        Self { load, belief, kept: Mutex::new((Arc::new(first), Instant::now())) }
    }
}

/// The secrets of a document as [`config`] has it.
pub fn of_document(text: &str) -> Result<ExportSecrets, String> {
    config::Secrets::parse(text).map(|secrets| secrets.settings(String::new()).2).map_err(|e| e.to_string())
}

#[async_trait]
impl Secrets for KeptSecrets {
    async fn current(&self, fresh: bool) -> Result<Arc<ExportSecrets>, SecretsError> {
        let mut kept = self.kept.lock().await;
        let believed = if fresh { self.belief.ask_again } else { self.belief.keep };
        if kept.1.elapsed() < believed {
            return Ok(Arc::clone(&kept.0));
        }
        match (self.load)().await {
            Ok(secrets) => kept.0 = Arc::new(secrets),
            // those of a while ago are most likely still good
            Err(why) => tracing::warn!(why, "the secrets cannot be read again"),
        }
        kept.1 = Instant::now();
        Ok(Arc::clone(&kept.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn document(aes_key: &str) -> String {
        format!(r#"{{"card_key":"0123456789abcdef0123456789abcdef","directory_key":"d","aes_key":"{aes_key}"}}"#)
    }

    /// A rotated secret is seen; one that cannot be read leaves the old one in place.
    #[tokio::test]
    async fn secrets_are_read_again() {
        let first = of_document(&document("a0")).unwrap();
        let reads = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&reads);
        let load = move || -> Reading {
            let n = count.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                if n == 1 { Err("no answer".to_owned()) } else { of_document(&document(&format!("a{}", n + 1))) }
            })
        };
        let secrets = KeptSecrets::new(first, Belief::STORE, Box::new(load));
        let now = async |fresh| secrets.current(fresh).await.unwrap().aes_key.expose_secret().to_owned();
        assert_eq!((now(false).await, now(true).await), ("a0".into(), "a0".into()), "just read");
        let age = async |by: Duration| secrets.kept.lock().await.1 = Instant::now().checked_sub(by).unwrap();
        age(Duration::from_secs(11)).await;
        assert_eq!(now(false).await, "a0");
        assert_eq!(now(true).await, "a1");
        age(Duration::from_secs(301)).await;
        assert_eq!(now(false).await, "a1", "it could not be read");
        age(Duration::from_secs(301)).await;
        assert_eq!(now(false).await, "a3");
        assert_eq!(reads.load(Ordering::SeqCst), 3);
    }
}
