//! Import, identify, match and export as use-cases over ports (design §3). Nothing here spawns, sleeps, reads a clock
//! of its own or uses randomness: every effect is a port call, so that a simulator decides what happens next.
//!
//! Each stage persists, then forwards, then lets its caller acknowledge (design §4). All of them may be run again at
//! any point; state.md says for each crash point what the repetition finds.

mod error;
pub mod explain;
pub mod export;
pub mod identify;
pub mod import;
pub mod matches;
pub mod message;
mod noted;
pub mod redress;
pub mod registry;
#[cfg(test)]
mod twins;

pub use error::StageError;

use harmonia_definitions::Definitions;
use harmonia_domain::card::CardKeys;
use harmonia_metrics::Tally;
use harmonia_ports::{Ports, Stamp};
use harmonia_state::Store;
use jiff::Timestamp;
use secrecy::SecretString;
use std::sync::Arc;

/// What the environment gives.
#[derive(Clone)]
pub struct Settings {
    /// Who knows whose card it is.
    pub directory: Directory,
}

/// The user directory.
#[derive(Clone)]
pub enum Directory {
    /// A service with the contract of spec import §9.
    Http {
        /// Its base URL.
        url: String,
        /// Its service key.
        key: SecretString,
    },
    /// The users in the table `registry`, for those who have no such service (`harmonia users import`).
    Table,
}

impl Directory {
    /// The service at a URL; the table if there is none.
    pub fn at(url: String, key: SecretString) -> Self {
        if url.is_empty() { Self::Table } else { Self::Http { url, key } }
    }
}

/// Everything the stages work with.
#[derive(Clone)]
pub struct Harmonia {
    /// The outside.
    pub ports: Ports,
    /// The merchants.
    pub definitions: Arc<Definitions>,
    /// Keys for card tokens.
    pub cards: CardKeys,
    /// What the environment gives.
    pub settings: Arc<Settings>,
    /// How files are cut up.
    pub file_limits: import::FileLimits,
    identifiers: Arc<import::IdentifierCache>,
    closed_files: Arc<matches::ClosedFiles>,
    identities: Arc<identify::IdentityCache>,
    seen: Arc<registry::SeenIdentifiers>,
    telling: Arc<export::Memory>,
    tally: Arc<Tally>,
}

impl Harmonia {
    /// The stages over these ports.
    pub fn new(ports: Ports, definitions: Arc<Definitions>, cards: CardKeys, settings: Arc<Settings>) -> Self {
        Self {
            ports,
            definitions,
            cards,
            settings,
            file_limits: import::FileLimits::FUNCTION,
            identifiers: Arc::default(),
            closed_files: Arc::default(),
            identities: Arc::default(),
            seen: Arc::default(),
            telling: Arc::default(),
            tally: Arc::default(),
        }
    }

    pub(crate) fn store(&self) -> Store<'_> {
        Store::new(self.ports.tables.as_ref())
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// Who changes something now.
    pub(crate) fn stamp(&self, by: impl Into<String>) -> Stamp {
        Stamp { by: by.into(), on: self.now() }
    }
}
