//! Whom to tell about a match, how, and how often (spec match §8, §9).

mod answers;
mod body;
mod fact;
mod file;
mod http;
mod template;

pub use answers::{AnswerRule, AnswerStatus, Meaning};
pub use body::BodyField;
pub use fact::{Fact, FactTime, NumberText};
pub use file::{Column, FileExport, FileFormat};
pub use http::{Auth, ClientIn, HttpExport, Method};
pub use template::{Template, TemplatePart};

use harmonia_domain::money::MinorUnits;
use jiff::civil::Date;

/// The export target of a merchant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The conversation, one source file each in `exports`.
    pub protocol: Protocol,
    /// Where the merchant listens; an environment may name another address. Files have none.
    #[serde(default)]
    pub base_url: String,
    /// What an unknown answer leads to (design §4).
    pub repeat: Repeat,
    /// The first attempt is not made before this.
    pub first: Option<FirstAttempt>,
    /// Purchases below this amount (refunds too) are not told: skipped.
    pub skip_below_minor: Option<i64>,
    /// Exports of this merchant travel in batches.
    pub batch: Option<BatchPlan>,
    /// A settlement that names another amount after the match is told in an export of its own (D12: not by default).
    pub corrections: Option<Corrections>,
    /// A match that is undone after it was told is taken back by an export of its own, with the negative amount.
    #[serde(default)]
    pub reversals: bool,
    /// A merchant that does not answer by then has not answered.
    #[serde(default = "deadline_s")]
    pub deadline_s: u16,
    /// At most so many requests at once by one function; 50 unless given.
    pub at_once: Option<u16>,
    /// At most so many exports a minute, for merchants that ask for a limit.
    pub per_minute: Option<u32>,
    /// When a transient failure is tried again; after the last step it is given up.
    #[serde(default)]
    pub retry: Vec<RetryStep>,
}

/// Half of the function's time.
const fn deadline_s() -> u16 {
    20
}

impl Export {
    /// Is an amount too small to be told?
    pub fn skips(&self, amount: MinorUnits) -> bool {
        self.skip_below_minor.is_some_and(|least| amount.0 < least)
    }
}

/// How a merchant is told: a protocol that is built in, or one described as data.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Bink's own loyalty platform, for Trenette, Viator and Cortado (spec match §9.1).
    Bpl,
    /// §9.2.
    Costa,
    /// §9.3.
    IcelandBonusCard,
    /// §9.4.
    Itsu,
    /// §9.5.
    SlimChickens(SlimChickens),
    /// §9.6.
    Squaremeal,
    /// §9.7.
    Stonegate,
    /// §9.9.
    TgiFridays(TgiFridays),
    /// §9.10.
    TheWorks(TheWorks),
    /// §9.11.
    WasabiClub,
    /// A request described here, no code.
    Http(Box<HttpExport>),
    /// A file for the merchant, written once a batch.
    File(FileExport),
}

impl Protocol {
    /// Does it tell what the feed keeps of a sale beyond the common fields?
    pub fn reads_sale(&self) -> bool {
        match self {
            Self::Costa | Self::Stonegate | Self::TgiFridays(_) => true,
            Self::Http(request) => request.body.reads_sale(),
            Self::File(file) => file.columns.iter().any(|column| column.value.reads_sale()),
            Self::Bpl
            | Self::IcelandBonusCard
            | Self::Itsu
            | Self::SlimChickens(_)
            | Self::Squaremeal
            | Self::TheWorks(_)
            | Self::WasabiClub => false,
        }
    }
}

impl Protocol {
    /// The other address of a protocol that has two.
    pub(crate) fn second_url(&mut self) -> Option<&mut String> {
        match self {
            Self::SlimChickens(slim) => Some(&mut slim.auth_url),
            Self::TheWorks(works) => Some(&mut works.failover_url),
            Self::Http(request) => match &mut request.auth {
                Auth::ClientCredentials { token_url, .. } => Some(token_url),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Spec match §9.5.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlimChickens {
    /// Where wallets are looked up.
    pub auth_url: String,
}

/// Spec match §9.9.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TgiFridays {
    /// Points for a pound.
    pub points_per_major: u32,
}

/// Spec match §9.10.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TheWorks {
    /// Asked once more when the first address answers 400 or above.
    pub failover_url: String,
    /// Points for a pound.
    pub points_per_major: u32,
    /// Another rate for some days.
    pub promotion: Option<Promotion>,
}

/// Days with another rate of points: those of the attempt, not of the purchase (spec match §9.10).
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// Points for a pound.
    pub points_per_major: u32,
    /// The first day.
    #[schemars(with = "String")]
    pub from: Date,
    /// The last day.
    #[schemars(with = "String")]
    pub to: Date,
    /// Whose days.
    pub zone: String,
}

/// The first attempt is not made before an instant that is known when the export is made (design §3).
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum FirstAttempt {
    /// So many seconds after the purchase; at least a minute from now, if it is not over yet (spec match §9.9).
    AfterPurchaseS(u32),
    /// So many seconds after the match (spec match §9.10).
    AfterMatchS(u32),
    /// On the day of the match, not before a time of day (spec match §9.7).
    TimeOfDay {
        /// Such as 10:30.
        at: String,
        /// In this zone (D14).
        zone: String,
    },
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

/// What may be done after an attempt whose answer is unknown (design §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Repeat {
    /// The merchant recognises the key: the schedule goes on.
    SameKey,
    /// Every attempt looks into the merchant's history first: the schedule goes on.
    AskFirst,
    /// A person decides: unconfirmed.
    Never,
}

/// How batches are made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchPlan {
    /// At most so many exports in one request or file.
    pub size: u16,
    /// A run every so many seconds, counted from midnight UTC; full minutes …
    pub every_s: Option<u32>,
    /// … or once a day, at this time …
    pub at: Option<String>,
    /// … in this zone.
    pub zone: Option<String>,
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
