//! What Mastercard's feeds share (spec import §7.6, §7.7): ids, the settlement key, and ids for lines without one (D6).

use harmonia_domain::ids::sha256_hex;
use jiff::civil::Date;
use secrecy::{ExposeSecret, SecretString};

/// The content that stands for a missing id (D6): trailing blanks and CR do not count.
pub(crate) fn content_hash(record: &[u8]) -> String {
    sha256_hex(record.trim_ascii_end())
}

/// The content of a line without an id, as it is counted (D6): the first 16 bytes of its [`content_hash`], in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Content(u128);

const CONTENT_DIGITS: usize = 32;

impl Content {
    pub(crate) fn of(content_hash: &str) -> Self {
        let digits = content_hash.get(..CONTENT_DIGITS).unwrap_or_default();
        Self(u128::from_str_radix(digits, 16).unwrap_or_default())
    }
}

impl From<Content> for String {
    fn from(content: Content) -> Self {
        format!("{:0CONTENT_DIGITS$x}", content.0)
    }
}

impl TryFrom<String> for Content {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u128::from_str_radix(&text, 16).map(Self)
    }
}

/// The id of a line without one (D6): its content and its position among equal lines of the file.
pub(crate) fn derived_id(content_hash: &str, position: u64) -> String {
    format!("{content_hash}.{position}")
}

/// Joins auth and settlement if they agree in all of these. `third_party_id` is the derived id where there is none
/// (D6); `date` is the wall-clock date as the text says it.
pub(crate) fn settlement_key(third_party_id: &str, date: Date, mid: &str, token: &SecretString) -> String {
    sha256_hex(format!("mastercard.{third_party_id}.{date}.{mid}.{}", token.expose_secret()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spec import §14.2: vectors published with the original's tests.
    #[test]
    fn published_settlement_keys() {
        for (id, date, mid, token, key) in [
            (
                "NTI4QjdBN",
                "2022-10-14",
                "test_primary_mid_1",
                "test_card_token_1",
                "3464063f0ca6d51ca718d5634d5956985ff920d477bc69866535e9f53749e468",
            ),
            (
                "48156a45-",
                "2020-10-27",
                "test-mid-123",
                "token-123",
                "fa912d5e0751841ff24f028100de1234046f9c71377759eb8f4ea95cc845eae0",
            ),
        ] {
            let token = SecretString::from(token);
            assert_eq!(settlement_key(id, date.parse().unwrap(), mid, &token), key);
        }
    }
}
