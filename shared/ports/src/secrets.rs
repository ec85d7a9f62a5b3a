//! What merchants' doors are opened with. Secrets change while functions run, so each attempt asks for them.

use async_trait::async_trait;
use harmonia_domain::feed::Slug;
use secrecy::SecretString;
use serde_json::Value;
use std::{collections::BTreeMap, fmt, sync::Arc};

/// Everything secret that an attempt may need.
#[derive(Clone)]
pub struct ExportSecrets {
    /// The key text that members' credentials are encrypted with (spec match §12.2).
    pub aes_key: SecretString,
    /// Each merchant's secret.
    pub merchants: BTreeMap<Slug, Value>,
}

impl fmt::Debug for ExportSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secrets of {:?}", self.merchants.keys().map(Slug::as_str).collect::<Vec<_>>())
    }
}

impl ExportSecrets {
    /// A merchant's secret; `null` if it has none.
    pub fn of(&self, merchant: &Slug) -> &Value {
        self.merchants.get(merchant).unwrap_or(&Value::Null)
    }
}

/// The secrets cannot be had now. No content, no names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secrets cannot be had: {why}")]
pub struct SecretsError {
    /// In the store's words.
    pub why: String,
}

/// Secrets Manager as the stages use it.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secrets. They may be minutes old, unless they have to be `fresh`: a merchant did not take the old ones.
    async fn current(&self, fresh: bool) -> Result<Arc<ExportSecrets>, SecretsError>;
}

/// Secrets that do not change while the process runs.
pub struct FixedSecrets(Arc<ExportSecrets>);

impl FixedSecrets {
    /// These.
    pub fn new(secrets: ExportSecrets) -> Self {
        Self(Arc::new(secrets))
    }

    /// None: for functions that tell nobody.
    pub fn none() -> Self {
        Self::new(ExportSecrets { aes_key: SecretString::from(""), merchants: BTreeMap::new() })
    }
}

#[async_trait]
impl Secrets for FixedSecrets {
    async fn current(&self, _fresh: bool) -> Result<Arc<ExportSecrets>, SecretsError> {
        Ok(Arc::clone(&self.0))
    }
}
