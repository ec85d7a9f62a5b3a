//! An HTTP request described as data, for merchants that need no code of their own (design §5).

use super::{AnswerRule, BodyField, Template};
use std::collections::BTreeMap;

/// A request for each export, and what its answers mean.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpExport {
    /// How it is sent; POST unless given.
    #[serde(default)]
    pub method: Method,
    /// Added to the base URL; `{id}` and other facts by their names are filled in, e.g. `/members/{loyalty-id}`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub path: Template,
    /// Headers by name; facts are filled in as in the path. `Content-Type: application/json` is there already.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub headers: BTreeMap<String, Template>,
    /// How we show who we are.
    #[serde(default)]
    pub auth: Auth,
    /// The JSON body: constants, nested tables, lists and facts, e.g. `{ fact = "amount", as = "major-text" }`.
    pub body: BodyField,
    /// What an answer means: the first rule that fits. Without one that fits a 2xx is delivered, any 4xx but 429 is
    /// failed, and everything else is not now (D8).
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

impl Method {
    /// HTTP's own name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }
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
    /// A header of the merchant's own, e.g. `X-Api-Key`.
    Header {
        /// The header.
        name: String,
        /// Member that holds its value.
        key: String,
    },
    /// OAuth 2.0 client credentials (RFC 6749 §4.4): a token is fetched, kept while it is good, and fetched again once
    /// after a 401.
    ClientCredentials {
        /// Where tokens are had.
        token_url: String,
        /// Member that holds the client's id.
        client_id: String,
        /// Member that holds the client's secret.
        client_secret: String,
        /// The scope to ask for.
        scope: Option<String>,
        /// Where id and secret stand; in the form unless given.
        #[serde(default)]
        client_in: ClientIn,
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

/// Where a request for a token says who asks (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientIn {
    /// In the body, as `client_id` and `client_secret`.
    #[default]
    Form,
    /// In the header `Authorization: Basic`, each encoded as in a form.
    Basic,
}
