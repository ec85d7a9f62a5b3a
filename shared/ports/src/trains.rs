//! Trains (design §3): what a merchant is to be told later waits for a minute, and that minute's train takes it along.

use async_trait::async_trait;
use harmonia_domain::feed::Slug;
use jiff::Timestamp;

/// A merchant's exports that are due in one minute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Train {
    /// Who is told.
    pub merchant: Slug,
    /// A full minute.
    pub minute: Timestamp,
}

impl Train {
    /// Its name, used once: letters, digits and dashes, as a state machine's execution wants it.
    pub fn name(&self) -> String {
        format!("deliver-{}-{}", self.merchant, self.minute.strftime("%Y%m%dT%H%M"))
    }
}

/// The train cannot be made sure of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("train {name}: {why}")]
pub struct TrainError {
    /// Its name.
    pub name: String,
    /// In the service's words.
    pub why: String,
}

/// Step Functions as the stages use it.
#[async_trait]
pub trait Trains: Send + Sync {
    /// Makes sure that a train leaves. One that has left, or that is there, is fine.
    async fn ensure(&self, train: &Train) -> Result<(), TrainError>;

    /// Do they leave by themselves? Else whatever is due is looked for each minute.
    fn leave(&self) -> bool;
}

/// For clouds whose own clock looks after everything that is due, once a minute.
pub struct NoTrains;

#[async_trait]
impl Trains for NoTrains {
    async fn ensure(&self, _train: &Train) -> Result<(), TrainError> {
        Ok(())
    }

    fn leave(&self) -> bool {
        false
    }
}
