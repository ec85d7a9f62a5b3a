//! Configuration from outside: one document of secrets. Addresses come from the function's environment
//! ([`crate::deployed`]) or from the local cloud.

use harmonia_domain::{card::CardKeys, feed::Slug};
use harmonia_ports::ExportSecrets;
use harmonia_stages::{Directory, Settings};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Shortest acceptable card key: 256 bits as text.
const CARD_KEY_CHARS_MIN: usize = 32;

/// The secrets document: JSON, from Secrets Manager or a local file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// Keys for card tokens are derived from this; it must never change within the horizon of the tables.
    card_key: SecretString,
    /// The user directory's service key.
    directory_key: SecretString,
    /// Members' credentials are encrypted with this (spec match §12.2).
    aes_key: SecretString,
    /// Each merchant's own secret.
    #[serde(default)]
    merchants: BTreeMap<Slug, serde_json::Value>,
}

/// A secrets document that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Not the JSON that is asked for. Names the place, never the content.
    #[error("secrets document: {why} at line {line} column {column}")]
    Unreadable {
        /// syntax, data or end of file
        why: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// The card key is too short to be one.
    #[error("secrets document: card_key has fewer than {CARD_KEY_CHARS_MIN} characters")]
    ShortCardKey,
}

impl Secrets {
    /// No secrets: for a function that opens no token and tells nobody (match).
    pub fn none() -> Self {
        let empty = || SecretString::from("");
        Self { card_key: empty(), directory_key: empty(), aes_key: empty(), merchants: BTreeMap::new() }
    }

    /// Reads the document.
    pub fn parse(text: &str) -> Result<Self, SecretsError> {
        let secrets: Self = serde_json::from_str(text).map_err(|e| SecretsError::Unreadable {
            why: format!("{:?}", e.classify()),
            line: e.line(),
            column: e.column(),
        })?;
        if secrets.card_key.expose_secret().len() < CARD_KEY_CHARS_MIN {
            return Err(SecretsError::ShortCardKey);
        }
        Ok(secrets)
    }

    /// What the stages need of it. Without a URL the user directory is the table.
    pub fn settings(self, directory_url: String) -> (CardKeys, Settings, ExportSecrets) {
        let keys = CardKeys::from_secret(&self.card_key);
        let settings = Settings { directory: Directory::at(directory_url, self.directory_key) };
        (keys, settings, ExportSecrets { aes_key: self.aes_key, merchants: self.merchants })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secrets_document_is_checked_and_never_quoted() {
        let good = r#"{"card_key":"0123456789abcdef0123456789abcdef","directory_key":"d","aes_key":"a"}"#;
        assert!(Secrets::parse(good).is_ok());
        for bad in [good.replace("0123", ""), good.replace("aes_key", "aeskey"), "{\"card_key\": \"s3cret".into()] {
            let error = Secrets::parse(&bad).err().unwrap().to_string();
            assert!(!error.contains("cdef") && !error.contains("s3cret"), "{error}");
        }
    }
}
