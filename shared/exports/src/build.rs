//! What a conversation is built from, and why it cannot be (D8: such a failure is classified like any other).

use crate::{answer::Finding, credentials::CredentialsError};
use harmonia_domain::{export::Export, identity::Identity};
use secrecy::SecretString;

/// One purchase to tell about.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    /// The match.
    pub export: &'a Export,
    /// Whose card it was: the answer that the export points to.
    pub identity: &'a Identity,
}

/// Whom to tell, and with which keys.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The merchant's export target.
    pub definition: &'a harmonia_definitions::Export,
    /// Where the merchant listens in this environment.
    pub base_url: &'a str,
    /// The text of the environment's AES key for members' credentials (spec match §12.2).
    pub aes_key: &'a SecretString,
    /// The merchant's own secret, e.g. Iceland's `{service, url, prefix, payload}`; `null` if it has none.
    pub secrets: &'a serde_json::Value,
}

impl std::fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({:?} at {})", self.definition.protocol, self.base_url)
    }
}

/// Why no request could be built. Carries no values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The member's credentials do not open.
    #[error("credentials: {0}")]
    Credentials(#[from] CredentialsError),
    /// The member's credentials lack what the protocol tells.
    #[error("the credentials have no text {member:?}")]
    NoCredential {
        /// Its name.
        member: &'static str,
    },
    /// The merchant's secret lacks a member, or it has the wrong type.
    #[error("the merchant's secret has no usable {member:?}")]
    NoSecret {
        /// Its name.
        member: &'static str,
    },
    /// The merchant's secret asks for a way to authenticate that is not built.
    #[error("authentication by {service} is not supported")]
    Unsupported {
        /// Its name in spec match §12.4.
        service: &'static str,
    },
    /// The protocol tells another number of purchases in one request.
    #[error("{told} purchases do not fit into one request")]
    Number {
        /// How many were given.
        told: usize,
    },
    /// A batch without its id.
    #[error("the batch has no uid")]
    NoBatchUid,
    /// A number that the protocol cannot encode.
    #[error("{what} cannot be encoded")]
    Encoding {
        /// What.
        what: &'static str,
    },
}

/// Why no request could be built, and about which purchase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot be told: {fault}")]
pub struct BuildError {
    /// The place of the telling at fault; `None`: the fault lies with the merchant's configuration or the caller. A
    /// batch can be built without it, so that one member's broken credentials hold nobody else back.
    pub telling: Option<usize>,
    /// What is wrong.
    pub fault: Fault,
}

impl BuildError {
    /// What it leads to: refused. A person mends the secret or the credentials and redrives.
    pub fn finding(&self) -> Finding {
        Finding::refused(self.to_string())
    }

    pub(crate) fn of(telling: usize) -> impl Fn(Fault) -> Self {
        move |fault| Self { telling: Some(telling), fault }
    }
}

impl From<Fault> for BuildError {
    fn from(fault: Fault) -> Self {
        Self { telling: None, fault }
    }
}
