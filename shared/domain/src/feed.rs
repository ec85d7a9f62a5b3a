//! Feeds, payment schemes and kinds of lines (design §1, spec import §1).

use std::{fmt, str::FromStr};

/// A payment scheme: who saw the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Scheme {
    Visa,
    Mastercard,
    Amex,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Visa, Self::Mastercard, Self::Amex];

    /// The slug used in every feed, message and key.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Visa => "visa",
            Self::Mastercard => "mastercard",
            Self::Amex => "amex",
        }
    }
}

/// What a line says: spec import §1 "feed type". Definitions may write it in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    /// The moment of payment.
    #[serde(alias = "auth")]
    Auth,
    /// What was finally booked.
    #[serde(alias = "settled")]
    Settled,
    /// Money given back.
    #[serde(alias = "refund")]
    Refund,
    /// A sale from a merchant's till.
    Merchant,
}

impl Kind {
    /// As written in cases, keys and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "AUTH",
            Self::Settled => "SETTLED",
            Self::Refund => "REFUND",
            Self::Merchant => "MERCHANT",
        }
    }
}

/// A merchant's slug: lower-case letters and digits in groups joined by single hyphens (spec import §10.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

/// Longest slug: the original's column (spec import §2.4).
pub const SLUG_CHARS_MAX: usize = 50;

/// A text that is no slug, no scheme or no feed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a known {what}: {text:?}")]
pub struct NameError {
    /// slug, payment scheme or feed
    pub what: &'static str,
    /// The text, cut to 60 characters.
    pub text: String,
}

fn unknown(what: &'static str, text: &str) -> NameError {
    NameError { what, text: text.chars().take(60).collect() }
}

impl Slug {
    /// The text of the slug.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let group = |g: &str| !g.is_empty() && g.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if text.len() <= SLUG_CHARS_MAX && text.split('-').all(group) {
            Ok(Self(text.to_owned()))
        } else {
            Err(unknown("slug", text))
        }
    }
}

impl TryFrom<String> for Slug {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

impl FromStr for Scheme {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| unknown("payment scheme", text))
    }
}

/// The feeds of the payment schemes that are built in, one source file each in `feeds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum PaymentFeed {
    VisaAuth,
    VisaSettlement,
    VisaRefund,
    MastercardAuth,
    MastercardSettled,
    MastercardRefund,
    AmexAuth,
    AmexSettlement,
}

/// How a feed arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Files in the import bucket under `imports/<feed>/`.
    File,
    /// One line per message on the feed's queue.
    Message,
}

impl PaymentFeed {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::VisaAuth,
        Self::VisaSettlement,
        Self::VisaRefund,
        Self::MastercardAuth,
        Self::MastercardSettled,
        Self::MastercardRefund,
        Self::AmexAuth,
        Self::AmexSettlement,
    ];

    /// The feed's name (design §1).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VisaAuth => "visa-auth",
            Self::VisaSettlement => "visa-settlement",
            Self::VisaRefund => "visa-refund",
            Self::MastercardAuth => "mastercard-auth",
            Self::MastercardSettled => "mastercard-settled",
            Self::MastercardRefund => "mastercard-refund",
            Self::AmexAuth => "amex-auth",
            Self::AmexSettlement => "amex-settlement",
        }
    }

    /// Whose feed it is.
    pub fn scheme(self) -> Scheme {
        match self {
            Self::VisaAuth | Self::VisaSettlement | Self::VisaRefund => Scheme::Visa,
            Self::MastercardAuth | Self::MastercardSettled | Self::MastercardRefund => Scheme::Mastercard,
            Self::AmexAuth | Self::AmexSettlement => Scheme::Amex,
        }
    }

    /// What its lines say.
    pub fn kind(self) -> Kind {
        match self {
            Self::VisaAuth | Self::MastercardAuth | Self::AmexAuth => Kind::Auth,
            Self::VisaSettlement | Self::MastercardSettled | Self::AmexSettlement => Kind::Settled,
            Self::VisaRefund | Self::MastercardRefund => Kind::Refund,
        }
    }

    /// How it arrives (spec import §15).
    pub fn transport(self) -> Transport {
        match self {
            Self::MastercardSettled | Self::MastercardRefund => Transport::File,
            _ => Transport::Message,
        }
    }
}

/// A feed: one source of lines in one format.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Feed {
    /// A payment scheme's feed.
    Payment(PaymentFeed),
    /// A merchant's till feed; its format is in the merchant's definition.
    Merchant(Slug),
}

impl Feed {
    /// The feed's name as in bucket prefixes and queue names.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Payment(feed) => feed.as_str(),
            Self::Merchant(slug) => slug.as_str(),
        }
    }

    /// What its lines say.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Payment(feed) => feed.kind(),
            Self::Merchant(_) => Kind::Merchant,
        }
    }

    /// The original's "provider slug": the payment scheme, or the merchant (spec import §1).
    pub fn provider(&self) -> &str {
        match self {
            Self::Payment(feed) => feed.scheme().as_str(),
            Self::Merchant(slug) => slug.as_str(),
        }
    }
}

impl FromStr for Feed {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let payment = PaymentFeed::ALL.into_iter().find(|f| f.as_str() == text);
        payment.map_or_else(
            || text.parse().map(Self::Merchant).map_err(|_| unknown("feed", text)),
            |f| Ok(Self::Payment(f)),
        )
    }
}

impl TryFrom<String> for Feed {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Feed> for String {
    fn from(feed: Feed) -> Self {
        feed.as_str().to_owned()
    }
}

macro_rules! display_as_str {
    ($($t:ty),*) => { $(impl fmt::Display for $t {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
    })* };
}
display_as_str!(Scheme, Kind, Slug, PaymentFeed, Feed);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feed_names_read_back() {
        for feed in PaymentFeed::ALL {
            assert_eq!(feed.as_str().parse(), Ok(Feed::Payment(feed)));
            let json = serde_json::to_string(&feed).unwrap();
            assert_eq!(json, format!("\"{feed}\""));
        }
        assert_eq!("wasabi-club".parse(), Ok(Feed::Merchant("wasabi-club".parse().unwrap())));
        for bad in ["", "-", "a--b", "Visa", "a_b", "../x"] {
            assert!(bad.parse::<Feed>().is_err(), "{bad}");
        }
    }
}
