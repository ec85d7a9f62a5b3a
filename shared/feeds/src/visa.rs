//! What Visa's feeds share (spec import §7.3-7.5): the envelope, the identifiers and the settlement key.

use crate::{json, json::Object, limits};
use harmonia_domain::{
    feed::PaymentFeed,
    identifier::MidTexts,
    ids::sha256_hex,
    line::{LineTime, PaymentLine},
    money::Currency,
    outcome::Reject,
};
use serde_json::Value;

/// A message: the card token beside a list of keys and values.
pub(crate) struct Envelope<'a> {
    token: &'a str,
    elements: &'a [Value],
}

/// What a feed calls its elements.
pub(crate) struct Keys {
    pub(crate) id: &'static str,
    pub(crate) primary: &'static str,
    pub(crate) secondary: &'static str,
    pub(crate) psimi: &'static str,
    pub(crate) amount: &'static str,
    pub(crate) auth_code: &'static str,
}

impl Keys {
    /// Auths and settlements differ in the amount only.
    pub(crate) const fn transaction(amount: &'static str) -> Self {
        Self {
            id: "Transaction.VipTransactionId",
            primary: "Transaction.MerchantCardAcceptorId",
            secondary: "Transaction.VisaStoreId",
            psimi: "Transaction.VisaMerchantId",
            amount,
            auth_code: "Transaction.AuthCode",
        }
    }
}

impl<'a> Envelope<'a> {
    pub(crate) fn open(message: &'a Object) -> Result<Self, Reject> {
        const ELEMENTS: &str = "MessageElementsCollection";
        let token = json::text("ExternalUserId", message.get("ExternalUserId"))?;
        match message.get(ELEMENTS) {
            Some(Value::Array(elements)) => Ok(Self { token, elements }),
            None | Some(Value::Null) => Err(Reject::missing(ELEMENTS)),
            Some(other) => Err(json::wrong_type(ELEMENTS, other)),
        }
    }

    /// The value of the first element with exactly this key.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        let has_key = |element: &&Value| element.get("Key").and_then(Value::as_str) == Some(key);
        self.elements.iter().find(has_key).and_then(|element| element.get("Value"))
    }

    /// The line; how its time is written differs from feed to feed.
    pub(crate) fn line(
        &self,
        feed: PaymentFeed,
        keys: &Keys,
        time: impl FnOnce() -> Result<LineTime, Reject>,
    ) -> Result<PaymentLine, Reject> {
        let needed = |key| json::text(key, self.get(key));
        let optional = |key| limits::optional_mid(key, json::text_or_null(key, self.get(key))?);
        let id = limits::payment_id(keys.id, needed(keys.id)?)?;
        let mids = MidTexts {
            primary: limits::mid(keys.primary, needed(keys.primary)?)?,
            secondary: optional(keys.secondary)?,
            psimi: optional(keys.psimi)?,
        };
        Ok(PaymentLine {
            scheme: feed.scheme(),
            kind: feed.kind(),
            settlement_key: sha256_hex(format!("visa.{id}").as_bytes()),
            id,
            mids,
            amount: json::amount(keys.amount, self.get(keys.amount))?,
            time: time()?,
            // the messages carry numeric codes that the original never read (Q23)
            currency: Currency::GBP,
            token: limits::token("ExternalUserId", self.token)?,
            first_six: None,
            last_four: None,
            auth_code: limits::code(keys.auth_code, json::text_or_empty(keys.auth_code, self.get(keys.auth_code))?)?,
            approval_code: String::new(),
        })
    }
}
