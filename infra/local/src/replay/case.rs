//! A conformance case as it is written (cases/README.md).

use harmonia_gen::Identifier;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One case.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// What to leave out of the comparison.
    #[serde(default)]
    pub unchecked: Vec<String>,
    /// What surrounds it.
    pub world: World,
    /// What happens.
    pub steps: Vec<Step>,
    /// What comes of it.
    #[serde(default)]
    pub expect: Map<String, Value>,
}

/// What surrounds a case.
#[derive(Debug, Clone, Deserialize)]
pub struct World {
    /// Onboarded identifiers.
    pub identifiers: Vec<Identifier>,
    /// What the user directory knows.
    pub users: Vec<User>,
    /// The original's runtime configuration, key without prefix.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Rules for outgoing HTTP.
    #[serde(default)]
    pub responses: Vec<Rule>,
    /// Key text of the members' credentials.
    pub aes_key: String,
}

/// A card that the directory knows.
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    /// The card.
    pub token: String,
    /// Only at this merchant, if given.
    pub scheme: Option<String>,
    /// The directory's answer.
    pub identity: Value,
}

/// A rule for outgoing HTTP: how the world answers.
#[derive(Debug, Clone, Deserialize)]
pub struct Rule {
    /// The URL has to contain this.
    pub url_contains: Option<String>,
    /// The URL has to end like this.
    pub url_ends: Option<String>,
    /// The body has to contain this.
    pub body_contains: Option<String>,
    /// The body's `method` has to be this; a star at the end stands for anything.
    pub body_method: Option<String>,
    /// Fits everything.
    #[serde(default)]
    pub otherwise: bool,
    /// How often; for ever if not given.
    pub times: Option<u32>,
    /// A status, or `connection_error`.
    pub status: Value,
    /// The body as JSON.
    pub json: Option<Value>,
    /// The body as text.
    pub text: Option<String>,
}

/// `world.json`: what surrounds every case.
#[derive(Debug, Clone, Deserialize)]
pub struct Surroundings {
    /// Secrets by merchant.
    pub secrets: BTreeMap<String, Value>,
    /// How the world answers unless a case says otherwise.
    pub answers: Vec<Rule>,
}

/// One step.
#[derive(Debug, Clone, Deserialize)]
pub struct Step {
    /// The clock stands here.
    pub at: Timestamp,
    /// What happens.
    #[serde(flatten)]
    pub action: Action,
}

/// What happens in a step.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Raw feed bytes arrive.
    Import {
        /// The feed.
        feed: String,
        /// base64 of the bytes.
        data: String,
        /// The file's name.
        source: Option<String>,
    },
    /// What is due to be repeated is repeated.
    RetryExports,
    /// A merchant's batch run.
    BatchExport {
        /// The merchant.
        agent: String,
    },
    /// The unmatched collector.
    Unmatched {
        /// The merchant.
        agent: String,
    },
}
