//! What makes a merchant work, as data (design §1 "merchant definition"): feed format, matching policy, export target
//! and retry schedule. One TOML file a merchant; the ones shipped with the product are in `merchants/`.
//!
//! A definition is checked when it is loaded: unknown keys, unknown zones, formats that cannot be read and policies
//! that cannot decide are refused with line and key.

mod export;
mod feed;
mod load;
mod policy;
mod results;
mod route;
mod schema;
mod unmatched;
mod zone;

pub use export::{
    AnswerRule, AnswerStatus, Auth, BatchPlan, BodyField, ClientIn, Column, Corrections, Export, Fact, FactTime,
    FileExport, FileFormat, FirstAttempt, HttpExport, Meaning, Method, NumberText, Promotion, Protocol, Repeat,
    RetryStep, SlimChickens, Template, TemplatePart, TgiFridays, TheWorks,
};
pub use feed::{
    AmountField, AmountUnit, CellCheck, Check, Compare, Csv, CurrencyField, Encoding, Fields, FixedColumn, FixedWidth,
    Format, HashPart, HashedParts, IdField, MerchantFeed, PartText, SchemeRule, Skip, TextField, TillField, TimeField,
    TimeFormat, TimeFormatError, TimePart, TimeText,
};
pub use load::{AddressError, DEFINITION_BYTES_MAX, DefinitionError, Definitions};
pub use policy::{Digits, Fallback, Key, Matching, PaymentDigits, Policy};
pub use results::{ResultFeed, ResultFields};
pub use route::{MatchedAs, Route};
pub use schema::schema;
pub use unmatched::Unmatched;

use harmonia_domain::feed::Slug;

/// Everything that makes one merchant work.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The merchant's slug, also the name of its feed.
    #[schemars(schema_with = "schema::slug")]
    pub merchant: Slug,
    /// Stored with every match it decides.
    pub version: String,
    /// What happens to its payment lines.
    #[serde(default)]
    pub route: Route,
    /// How its till lines look; none for merchants that only see payments.
    pub feed: Option<MerchantFeed>,
    /// Which payment and sale belong together; needed for the route `loyalty`.
    #[serde(rename = "match")]
    pub matching: Option<Matching>,
    /// Whom to tell, how, and how often; without it exports are kept and wait for one.
    pub export: Option<Export>,
    /// Which payments of another merchant it is told about that found no sale in time.
    pub unmatched: Option<Unmatched>,
    /// How it says what came of what it was told; in the place of a feed.
    pub results: Option<ResultFeed>,
    /// The zone of visa-auth wall-clock times at this merchant (spec import §3.2); GMT unless given.
    #[serde(default = "utc")]
    pub visa_auth_zone: String,
}

impl Definition {
    /// How exports of this merchant travel together, if they do.
    pub fn batch(&self) -> Option<&BatchPlan> {
        self.export.as_ref().and_then(|export| export.batch.as_ref())
    }
}

fn utc() -> String {
    "UTC".to_owned()
}
