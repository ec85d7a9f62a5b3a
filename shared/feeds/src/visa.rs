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

const ID: &str = "Transaction.VipTransactionId";
const PRIMARY: &str = "Transaction.MerchantCardAcceptorId";
const SECONDARY: &str = "Transaction.VisaStoreId";
const PSIMI: &str = "Transaction.VisaMerchantId";
const AUTH_CODE: &str = "Transaction.AuthCode";

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

    /// The line, given the two elements in which the feeds differ.
    pub(crate) fn line(
        &self,
        feed: PaymentFeed,
        amount_key: &str,
        time: impl FnOnce() -> Result<LineTime, Reject>,
    ) -> Result<PaymentLine, Reject> {
        let id = limits::payment_id(ID, json::text(ID, self.get(ID))?)?;
        let mids = MidTexts {
            primary: limits::mid(PRIMARY, json::text(PRIMARY, self.get(PRIMARY))?)?,
            secondary: limits::optional_mid(SECONDARY, json::text_or_null(SECONDARY, self.get(SECONDARY))?)?,
            psimi: limits::optional_mid(PSIMI, json::text_or_null(PSIMI, self.get(PSIMI))?)?,
        };
        Ok(PaymentLine {
            scheme: feed.scheme(),
            kind: feed.kind(),
            settlement_key: sha256_hex(format!("visa.{id}").as_bytes()),
            id,
            mids,
            amount: json::amount(amount_key, self.get(amount_key))?,
            time: time()?,
            // the messages carry numeric codes that the original never read (Q23)
            currency: Currency::GBP,
            token: limits::token("ExternalUserId", self.token)?,
            first_six: None,
            last_four: None,
            auth_code: limits::code(AUTH_CODE, json::text_or_empty(AUTH_CODE, self.get(AUTH_CODE))?)?,
            approval_code: String::new(),
        })
    }
}
