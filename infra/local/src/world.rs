//! What surrounds a local cloud: who is onboarded, whose cards are known, and where the directory and the merchants
//! are. Written by `gen`, read by `up`.

use harmonia_definitions::Definitions;
use harmonia_domain::{
    feed::{NameError, Slug},
    identifier::Identifier,
};
use harmonia_ports::{ExportSecrets, FixedSecrets, Secrets};
use harmonia_runtime::{
    definitions::FoundError,
    secrets::{Belief, KeptSecrets, Reading},
};
use harmonia_stages::Directory;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    future::ready,
    path::{Path, PathBuf},
    sync::Arc,
};

/// `world.json`: the people and places of generated feeds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct World {
    /// Key text of the members' credentials.
    pub aes_key: String,
    /// Onboarded identifiers.
    pub identifiers: Vec<harmonia_gen::Identifier>,
    /// What the user directory knows.
    pub users: Vec<harmonia_gen::User>,
}

/// Where the directory and the merchants are, and how they know us.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outside {
    /// Base URL of the user directory; without one it is the table that `harmonia users import` fills.
    #[serde(default)]
    pub directory_url: String,
    /// Its service key.
    #[serde(default)]
    pub directory_key: String,
    /// Each merchant's base URL; the definition's where it is not given.
    #[serde(default)]
    pub base_urls: BTreeMap<Slug, String>,
    /// A merchant's second address, where its protocol has one: Slim Chickens' wallets, The Works' failover, the tokens
    /// of a merchant whose request is data.
    #[serde(default)]
    pub second_urls: BTreeMap<Slug, String>,
    /// Each merchant's secret.
    #[serde(default)]
    pub secrets: BTreeMap<Slug, serde_json::Value>,
    /// The file that says so; its secrets are read again while the cloud runs.
    #[serde(skip)]
    pub(crate) file: Option<PathBuf>,
}

/// A file of the surroundings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what it should be.
    #[error("{path}: {source}")]
    Json {
        /// Which.
        path: String,
        /// Why.
        source: serde_json::Error,
    },
}

/// Reads a JSON file of the surroundings.
pub fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, WorldError> {
    let shown = || path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| WorldError::File { path: shown(), source })?;
    serde_json::from_str(&text).map_err(|source| WorldError::Json { path: shown(), source })
}

impl World {
    /// The world of a generated day.
    pub fn of(day: &harmonia_gen::Day) -> Self {
        Self { aes_key: day.aes_key.clone(), identifiers: day.identifiers.clone(), users: day.users.clone() }
    }

    /// The identifiers as the registry keeps them.
    pub fn onboarded(&self) -> Result<Vec<Identifier>, NameError> {
        self.identifiers.iter().map(onboarded).collect()
    }
}

/// An identifier as the registry keeps it.
pub(crate) fn onboarded(i: &harmonia_gen::Identifier) -> Result<Identifier, NameError> {
    Ok(Identifier {
        scheme: i.provider.parse()?,
        kind: i.kind.parse()?,
        text: i.identifier.clone(),
        merchant: i.scheme.parse()?,
        location_id: i.location_id.clone(),
        merchant_internal_id: i.merchant_internal_id.clone(),
        location: None,
        postcode: None,
    })
}

/// The secrets of such a file as it is now. The reason never quotes it.
fn secrets_in(file: &Path, aes_key: &SecretString) -> Result<ExportSecrets, String> {
    match read::<Outside>(file) {
        Ok(outside) => Ok(ExportSecrets { aes_key: aes_key.clone(), merchants: outside.secrets }),
        Err(WorldError::File { path, source }) => Err(format!("{path}: {source}")),
        Err(WorldError::Json { path, source }) => Err(format!("{path}: {:?} error", source.classify())),
    }
}

impl Outside {
    /// As a file says. What it says of secrets may change later, as in Secrets Manager; addresses stay.
    pub fn read(file: &Path) -> Result<Self, WorldError> {
        Ok(Self { file: Some(file.to_owned()), ..read(file)? })
    }

    /// The user directory.
    pub fn directory(&self) -> Directory {
        Directory::at(self.directory_url.clone(), SecretString::from(self.directory_key.clone()))
    }

    /// What merchants' doors are opened with; `aes_key` is what the members' credentials are encrypted with.
    pub fn secrets(&self, aes_key: &str) -> Arc<dyn Secrets> {
        let secrets = ExportSecrets { aes_key: SecretString::from(aes_key), merchants: self.secrets.clone() };
        let Some(file) = self.file.clone() else { return Arc::new(FixedSecrets::new(secrets)) };
        let aes_key = secrets.aes_key.clone();
        let load = move || -> Reading { Box::pin(ready(secrets_in(&file, &aes_key))) };
        Arc::new(KeptSecrets::new(secrets, Belief::FILE, Box::new(load)))
    }

    /// The shipped definitions with this environment's addresses.
    pub fn definitions(&self) -> Result<Definitions, FoundError> {
        self.addressed(Definitions::shipped()?)
    }

    /// Definitions with this environment's addresses.
    pub fn addressed(&self, definitions: Definitions) -> Result<Definitions, FoundError> {
        Ok(definitions.addressed(&self.base_urls, &self.second_urls)?)
    }
}
