//! Whose card it was, as the user directory answers (spec import §9).

use crate::{
    card::{MemberHash, TokenHash},
    feed::Slug,
    ids::Id,
};

/// The directory's answer for one card at one merchant. `credentials` stay encrypted (spec match §12.2).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// The merchant asked about.
    #[serde(rename = "m")]
    pub merchant: Slug,
    /// The card asked about.
    #[serde(rename = "th")]
    pub token: TokenHash,
    /// The member's loyalty id.
    #[serde(rename = "lid")]
    pub loyalty_id: String,
    /// The member's account at the merchant.
    #[serde(rename = "said")]
    pub scheme_account_id: i64,
    /// The member.
    #[serde(rename = "uid")]
    pub user_id: i64,
    /// Encrypted, opened only while a request to the merchant is built.
    #[serde(rename = "cred")]
    pub credentials: String,
    /// The card as the directory knows it.
    #[serde(rename = "f6")]
    pub first_six: String,
    /// The card as the directory knows it.
    #[serde(rename = "l4")]
    pub last_four: String,
    /// The card's account, if known.
    #[serde(rename = "pcid", skip_serializing_if = "Option::is_none", default)]
    pub payment_card_account_id: Option<i64>,
    /// Month of expiry.
    #[serde(rename = "em", skip_serializing_if = "Option::is_none", default)]
    pub expiry_month: Option<i64>,
    /// Year of expiry.
    #[serde(rename = "ey", skip_serializing_if = "Option::is_none", default)]
    pub expiry_year: Option<i64>,
}

impl Identity {
    /// The id of this answer: the same answer has the same id.
    pub fn id(&self) -> Id {
        let text = serde_json::to_string(self).unwrap_or_default();
        Id::derive("identity", &[&text])
    }

    /// The pointer that messages, book entries and exports carry.
    pub fn pointer(&self, member: MemberHash) -> IdentityRef {
        IdentityRef {
            id: self.id(),
            token: self.token.clone(),
            member,
            first_six: self.first_six.clone(),
            last_four: self.last_four.clone(),
        }
    }
}

/// Names an [`Identity`] and carries what matching needs of it. No card data beyond first six and last four.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IdentityRef {
    /// Which answer.
    #[serde(rename = "i")]
    pub id: Id,
    /// Whose partition it is in.
    #[serde(rename = "th")]
    pub token: TokenHash,
    /// Where the member's exports are.
    #[serde(rename = "mb")]
    pub member: MemberHash,
    /// The card's first six digits.
    #[serde(rename = "f6")]
    pub first_six: String,
    /// The card's last four digits.
    #[serde(rename = "l4")]
    pub last_four: String,
}
