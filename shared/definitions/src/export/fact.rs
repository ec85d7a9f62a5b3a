//! What a definition can say about one export, and how it is written.

use crate::{TimeFormat, TimeFormatError};
use jiff::tz::TimeZone;

/// Something that is known of an export, and how it is written. It is the same in every attempt.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(tag = "fact", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fact {
    /// The export's id, a UUID: what a merchant knows a repeated request by.
    Id {},
    /// The sale's id, or the payment's where there is no sale.
    TransactionId {},
    /// Who earns: the member's id at the merchant.
    LoyaltyId {},
    /// A text of the credentials that the user directory has for the member.
    Credential {
        /// Its name.
        name: String,
    },
    /// How much; negative for money given back.
    Amount {
        /// As what; minor unless given.
        #[serde(default, rename = "as")]
        text: NumberText,
    },
    /// ISO letters.
    Currency {},
    /// When it happened.
    Time {
        /// How: `rfc3339` (unless given; with the zone's offset), `unix-seconds` (a number), or a format made of YYYY,
        /// MM, DD, HH, mm, ss, with other letters and digits in brackets, e.g. `YYYY-MM-DD[T]HH:mm:ss`.
        #[serde(default)]
        #[schemars(with = "String")]
        format: FactTime,
        /// On whose clock, e.g. `Europe/London`; UTC unless given.
        #[serde(default = "crate::zone::utc", deserialize_with = "crate::zone::named")]
        #[schemars(with = "String")]
        zone: TimeZone,
    },
    /// The matched identifier's text.
    Mid {},
    /// The merchant's name of the place; null if there is none.
    LocationId {},
    /// The merchant's own id; null if there is none.
    MerchantInternalId {},
    /// visa, mastercard or amex.
    PaymentScheme {},
    /// Of the payment; null if it has none.
    AuthCode {},
    /// Of the card.
    LastFour {},
    /// A column that the feed keeps under `extra`, as it is; null if the sale has none.
    Extra {
        /// Its name there.
        name: String,
    },
}

impl Fact {
    /// Is it part of what the feed keeps of a sale beyond the common fields?
    pub(super) fn reads_sale(&self) -> bool {
        matches!(self, Self::Extra { .. })
    }
}

/// How an amount is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NumberText {
    /// Pence, cents, as a number: 1250.
    #[default]
    Minor,
    /// Pounds, euros, as an exact number, as short as possible: 12.5.
    MajorNumber,
    /// Pounds, euros, as a text with two decimals: "12.50".
    MajorText,
}

/// How an instant is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub enum FactTime {
    /// `2024-06-03T12:42:00+01:00`
    #[default]
    Rfc3339,
    /// Whole seconds since 1970, a number.
    UnixSeconds,
    /// The zone's wall clock by a format.
    Format(TimeFormat),
}

impl TryFrom<String> for FactTime {
    type Error = TimeFormatError;

    fn try_from(text: String) -> Result<Self, TimeFormatError> {
        match text.as_str() {
            "rfc3339" => Ok(Self::Rfc3339),
            "unix-seconds" => Ok(Self::UnixSeconds),
            format => TimeFormat::to_write(format).map(Self::Format),
        }
    }
}
