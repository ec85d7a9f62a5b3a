//! Whom to tell about a match, how, and how often (spec match §8, §9).

/// The export target of a merchant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The conversation, one source file each in `exports`.
    pub protocol: Protocol,
    /// Where the merchant listens; an environment may name another address.
    pub base_url: String,
    /// What an unknown answer leads to (design §4).
    pub repeat: Repeat,
    /// Exports of this merchant travel in batches.
    pub batch: Option<BatchPlan>,
    /// A settlement that names another amount after the match is told in an export of its own (D12: not by default).
    pub corrections: Option<Corrections>,
    /// A match that is undone after it was told is taken back by an export of its own, with the negative amount.
    #[serde(default)]
    pub reversals: bool,
    /// When a transient failure is tried again; after the last step it is given up.
    #[serde(default)]
    pub retry: Vec<RetryStep>,
}

/// The protocols that are built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "named after the merchants")]
pub enum Protocol {
    WasabiClub,
    IcelandBonusCard,
}

/// What a correction says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Corrections {
    /// The final amount less the one that was told.
    Difference,
    /// The final amount.
    FinalAmount,
}

/// What may be done after an attempt whose answer is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Repeat {
    /// The merchant recognises the key: the schedule goes on.
    SameKey,
}

/// How batches are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchPlan {
    /// At most so many exports in one request.
    pub size: u16,
    /// A run every so many seconds, counted from midnight UTC.
    pub every_s: u32,
}

/// Some attempts that wait alike.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryStep {
    /// How many repeats this step is good for.
    pub attempts: u32,
    /// Wait so many seconds …
    pub after_s: Option<u32>,
    /// … or until this time of day …
    pub at: Option<String>,
    /// … in this zone.
    pub zone: Option<String>,
}
