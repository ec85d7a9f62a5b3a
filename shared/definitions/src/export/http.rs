//! An HTTP request described as data, for merchants that need no code of their own (design §5).

use crate::TimeFormat;
use serde::{Deserialize, Deserializer, de::Error};
use std::collections::BTreeMap;

/// A request for each export, and what its answers mean.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpExport {
    /// How it is sent.
    #[serde(default)]
    pub method: Method,
    /// Added to the base URL; `{id}` is the export's id.
    #[serde(default)]
    pub path: String,
    /// Headers by name; `{id}` in a value is the export's id. `Content-Type` is there already.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How we show who we are.
    #[serde(default)]
    pub auth: Auth,
    /// The JSON body: constants, nested tables and facts.
    pub body: BTreeMap<String, BodyField>,
    /// What an answer means, the first that fits. Without one that fits: a 2xx is delivered, any other 4xx than 429
    /// is refused, everything else is not now (D8).
    #[serde(default)]
    pub answers: Vec<AnswerRule>,
}

/// HTTP methods that tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "HTTP's own names")]
pub enum Method {
    #[default]
    Post,
    Put,
    Patch,
}

/// How we show who we are. All secrets are members of the merchant's secret, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// `Authorization: Basic`.
    Basic {
        /// Member that holds the user's name.
        username: String,
        /// Member that holds the password.
        password: String,
    },
    /// `Authorization: Bearer` with a token that does not change.
    Bearer {
        /// Member that holds the token.
        token: String,
    },
    /// OAuth 2.0 client credentials (RFC 6749 §4.4): a token is fetched, kept while it is good, and fetched again
    /// once after a 401.
    ClientCredentials {
        /// Where tokens are had.
        token_url: String,
        /// Member that holds the client's id.
        client_id: String,
        /// Member that holds the client's secret.
        client_secret: String,
        /// The scope to ask for.
        scope: Option<String>,
    },
    /// A signature over timestamp and body: lower-case hex of HMAC-SHA-256(key, `<unix seconds>.<body>`).
    Hmac {
        /// Member that holds the key.
        key: String,
        /// The header of the signature.
        signature_header: String,
        /// The header of the timestamp.
        timestamp_header: String,
    },
}

/// A part of the body.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum BodyField {
    /// Something that is known of the export.
    Fact(Fact),
    /// An object.
    Object(BTreeMap<String, BodyField>),
    /// A list.
    List(Vec<BodyField>),
    /// A constant text.
    Text(String),
    /// A constant number.
    Number(i64),
    /// A constant.
    Bool(bool),
}

/// Something that is known of an export, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(tag = "fact", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fact {
    /// The export's id: the idempotency key, a UUID.
    Id {},
    /// The sale's id, or the payment's where there is no sale.
    TransactionId {},
    /// Who earns: the member's id at the merchant.
    LoyaltyId {},
    /// A member of the credentials that the user directory has for the member.
    Credential {
        /// Its name.
        name: String,
    },
    /// How much.
    Amount {
        /// As what.
        #[serde(default, rename = "as")]
        text: NumberText,
    },
    /// ISO letters.
    Currency {},
    /// When it happened.
    Time {
        /// As what; RFC 3339 with offset unless given.
        #[serde(default, rename = "as")]
        text: TimeText,
        /// On whose clock; UTC unless given.
        zone: Option<String>,
    },
    /// The matched identifier's text.
    Mid {},
    /// The merchant's name of the place; null if there is none.
    LocationId {},
    /// The merchant's own id; null if there is none.
    MerchantInternalId {},
    /// visa, mastercard or amex.
    PaymentScheme {},
    /// Of the payment.
    AuthCode {},
    /// Of the card.
    LastFour {},
    /// A column that the feed keeps under `extra`; null if the sale has none.
    Extra {
        /// Its name.
        name: String,
    },
}

impl BodyField {
    pub(super) fn reads_sale(&self) -> bool {
        match self {
            Self::Fact(fact) => fact.reads_sale(),
            Self::Object(members) => members.values().any(Self::reads_sale),
            Self::List(items) => items.iter().any(Self::reads_sale),
            Self::Text(_) | Self::Number(_) | Self::Bool(_) => false,
        }
    }
}

impl Fact {
    pub(super) fn reads_sale(&self) -> bool {
        matches!(self, Self::Extra { .. })
    }
}

/// How an amount is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NumberText {
    /// 1234
    #[default]
    Minor,
    /// 12.34 as a JSON number
    MajorNumber,
    /// "12.34"
    MajorText,
}

/// How an instant is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimeText {
    /// `2024-06-03T12:42:00+01:00`
    #[default]
    Rfc3339,
    /// Whole seconds since 1970, a number.
    UnixSeconds,
    /// With these letters, e.g. `YYYY-MM-DD HH:mm:ss`, as in a feed's time formats.
    Format(
        #[serde(deserialize_with = "format")]
        #[schemars(with = "String")]
        TimeFormat,
    ),
}

/// What an answer means. All that is given has to fit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerRule {
    /// Statuses, `404`, or classes, `4xx`; any unless given.
    #[serde(default)]
    pub status: Vec<String>,
    /// A JSON pointer into the answer, e.g. `/error/code` …
    pub member: Option<String>,
    /// … whose text (numbers in decimal) is one of these, letters in any case. Without: it is there and not null.
    #[serde(default)]
    pub is: Vec<String>,
    /// What it means.
    pub means: Meaning,
}

/// What an answer may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// The merchant has it.
    Delivered,
    /// The merchant had it before: delivered if we told it, else skipped.
    AlreadyKnown,
    /// The schedule goes on.
    NotNow,
    /// Given up, listed.
    Failed,
}

fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeFormat, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}
