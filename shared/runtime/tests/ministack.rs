//! A rotation of secrets as a function sees it, against ministack's Secrets Manager (`tests/deployed/run`). Without
//! `HARMONIA_MINISTACK`, its endpoint, this is skipped and says so.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::print_stdout, clippy::unwrap_used, reason = "test code")]
#![cfg(feature = "deployed")]

use harmonia_aws::deployed::{Clients, of_function};
use harmonia_ports::Secrets;
use harmonia_runtime::secrets::{Belief, KeptSecrets, Reading, of_document};
use secrecy::ExposeSecret;
use std::{env, time::Duration};

fn document(aes_key: &str) -> String {
    format!(r#"{{"card_key":"0123456789abcdef0123456789abcdef","directory_key":"d","aes_key":"{aes_key}"}}"#)
}

/// After a 401 a function asks again, at most every ten seconds; a rotation needs no new process.
#[tokio::test]
async fn a_rotated_secret_is_seen() {
    let Ok(endpoint) = env::var("HARMONIA_MINISTACK") else {
        println!("skipped: HARMONIA_MINISTACK is not set");
        return;
    };
    let clients = Clients::new(&of_function("us-east-1".into(), Some(endpoint)));
    let name = format!("harmonia-{}-rotated", std::process::id());
    clients.vault.0.create_secret().name(&name).secret_string(document("old")).send().await.unwrap();
    let read = clients.vault.read(&name).await.unwrap();
    let first = of_document(&read).unwrap();
    let (vault, secret) = (clients.vault.clone(), name.clone());
    let load = move || -> Reading {
        let (vault, name) = (vault.clone(), secret.clone());
        Box::pin(async move { of_document(&vault.read(&name).await.map_err(|e| e.to_string())?) })
    };
    let kept = KeptSecrets::new(first, Belief::STORE, Box::new(load));
    let now = async |fresh| kept.current(fresh).await.unwrap().aes_key.expose_secret().to_owned();
    clients.vault.0.put_secret_value().secret_id(&name).secret_string(document("new")).send().await.unwrap();
    assert_eq!((now(false).await, now(true).await), ("old".into(), "old".into()), "read a moment ago");
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    assert_eq!(now(false).await, "old", "believed for five minutes");
    assert_eq!(now(true).await, "new");
    assert_eq!(now(false).await, "new");
}
