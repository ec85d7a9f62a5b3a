//! Lines as the feeds read them, before anything is stored (spec import §4 "two record shapes").

use crate::{
    feed::{Kind, Scheme},
    identifier::MidTexts,
    ids::digest,
    money::{Currency, MinorUnits},
};
use jiff::{Timestamp, civil};
use secrecy::{ExposeSecret, SecretString};

/// Tells lines apart by id without keeping them: of two lines of a file with equal keys the later is a repeat. 96 bits
/// of a digest, because a file's are all in memory at once: two of 12,000,000 ids meet with a chance of 1 in 10^15.
pub type IdKey = [u8; 12];

/// Tells whether two lines of one id say the same, without keeping what they say. 32 bits of a digest: it is only asked
/// about lines of one id.
pub type ContentKey = [u8; 4];

pub(crate) fn id_key(what: &str, parts: &[&str]) -> IdKey {
    let [key @ .., _, _, _, _] = digest(what, parts);
    key
}

pub(crate) fn content_key(what: &str, parts: &[&[u8]]) -> ContentKey {
    let [a, b, c, d, ..] = digest(what, parts);
    [a, b, c, d]
}

/// When a payment happened, as far as its feed can say before its merchant is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineTime {
    /// The feed fixes the zone, or the text carried an offset.
    Instant(Timestamp),
    /// Wall-clock time in the merchant's zone for this feed (visa-auth, spec import §3.2).
    Wall(civil::DateTime),
}

/// A payment line (auth, settled, refund), normalised.
#[derive(Debug, Clone)]
pub struct PaymentLine {
    /// Which payment scheme saw it.
    pub scheme: Scheme,
    /// What it says.
    pub kind: Kind,
    /// The provider's transaction id by the feed's recipe (spec import §7), or the derived one (D6).
    pub id: String,
    /// Joins auth, settlement and refund of one purchase.
    pub settlement_key: String,
    /// The identifier texts it carries.
    pub mids: MidTexts,
    /// When it happened.
    pub time: LineTime,
    /// How much, signed.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// The card.
    pub token: SecretString,
    /// First six digits, if the feed gives them (Amex settlements).
    pub first_six: Option<String>,
    /// Last four digits, if the feed gives them.
    pub last_four: Option<String>,
    /// Empty if there is none.
    pub auth_code: String,
    /// Empty if there is none.
    pub approval_code: String,
}

impl PaymentLine {
    /// Unique within its payment scheme by kind and id (D5).
    pub fn id_key(&self) -> IdKey {
        id_key("payment line", &[self.kind.as_str(), &self.id])
    }

    /// Equal for lines with [`same_content`](crate::purchase::PaymentFacts::same_content), the token included.
    pub fn content_key(&self) -> ContentKey {
        let wall = match self.time {
            LineTime::Instant(_) => String::new(),
            LineTime::Wall(wall) => wall.to_string(),
        };
        let ((six, first_six), (four, last_four)) =
            (optional(self.first_six.as_deref()), optional(self.last_four.as_deref()));
        content_key(
            "payment content",
            &[
                &instant_bytes(self.instant().unwrap_or_default()),
                wall.as_bytes(),
                &self.amount.0.to_be_bytes(),
                self.currency.as_str().as_bytes(),
                self.auth_code.as_bytes(),
                self.approval_code.as_bytes(),
                six,
                first_six,
                four,
                last_four,
                self.mids.primary.as_bytes(),
                self.token.expose_secret().as_bytes(),
            ],
        )
    }

    /// When it happened, if that does not depend on the merchant.
    pub fn instant(&self) -> Option<Timestamp> {
        match self.time {
            LineTime::Instant(at) => Some(at),
            LineTime::Wall(_) => None,
        }
    }
}

/// A text that may be absent, which is not the same as empty: whether it is there, and the text.
fn optional(value: Option<&str>) -> (&'static [u8], &[u8]) {
    value.map_or((b"", b""), |value| (b"=", value.as_bytes()))
}

fn instant_bytes(at: Timestamp) -> [u8; 16] {
    at.as_nanosecond().to_be_bytes()
}

/// How a sale names its till.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Till {
    /// By what the payment scheme calls it.
    Mid(String),
    /// By the merchant's own name of the place; its identifiers are looked up (spec import §6, location map).
    Location(String),
}

/// A sale from a merchant's till, normalised by the merchant's definition.
#[derive(Debug, Clone, PartialEq)]
pub struct SaleLine {
    /// The card's payment scheme.
    pub scheme: Scheme,
    /// The merchant's id of the sale by the definition's recipe; a blank id is an id (D6).
    pub id: String,
    /// Which till.
    pub till: Till,
    /// When it happened.
    pub at: Timestamp,
    /// How much, signed.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// Empty if there is none.
    pub auth_code: String,
    /// As the till wrote it, at most six characters.
    pub first_six: Option<String>,
    /// As the till wrote it, at most four characters.
    pub last_four: Option<String>,
    /// What the export needs beyond the common fields.
    pub extra: Option<serde_json::Value>,
}

impl SaleLine {
    /// Unique within its merchant by id alone (D5).
    pub fn id_key(&self) -> IdKey {
        id_key("sale line", &[&self.id])
    }

    /// Equal for lines with [`same_content`](crate::sale::Sale::same_content).
    pub fn content_key(&self) -> ContentKey {
        let (by, till): (&[u8], _) = match &self.till {
            Till::Mid(mid) => (b"mid", mid),
            Till::Location(location) => (b"location", location),
        };
        let extra = self.extra.as_ref().map(ToString::to_string);
        let ((six, first_six), (four, last_four)) =
            (optional(self.first_six.as_deref()), optional(self.last_four.as_deref()));
        let (more, extra) = optional(extra.as_deref());
        content_key(
            "sale content",
            &[
                self.scheme.as_str().as_bytes(),
                by,
                till.as_bytes(),
                &instant_bytes(self.at),
                &self.amount.0.to_be_bytes(),
                self.currency.as_str().as_bytes(),
                self.auth_code.as_bytes(),
                six,
                first_six,
                four,
                last_four,
                more,
                extra,
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment() -> PaymentLine {
        PaymentLine {
            scheme: Scheme::Mastercard,
            kind: Kind::Settled,
            id: "a".into(),
            settlement_key: "k".into(),
            mids: MidTexts { primary: "m".into(), secondary: None, psimi: None },
            time: LineTime::Instant(Timestamp::UNIX_EPOCH),
            amount: MinorUnits(100),
            currency: Currency::GBP,
            token: SecretString::from("t"),
            first_six: None,
            last_four: None,
            auth_code: String::new(),
            approval_code: String::new(),
        }
    }

    fn sale() -> SaleLine {
        SaleLine {
            scheme: Scheme::Visa,
            id: "a".into(),
            till: Till::Mid("m".into()),
            at: Timestamp::UNIX_EPOCH,
            amount: MinorUnits(100),
            currency: Currency::GBP,
            auth_code: String::new(),
            first_six: None,
            last_four: None,
            extra: None,
        }
    }

    /// D5: the id is that of the kind.
    #[test]
    fn payment_keys() {
        let other = PaymentLine { kind: Kind::Refund, ..payment() };
        assert_ne!(payment().id_key(), other.id_key());
        assert_eq!(payment().content_key(), other.content_key());
        assert_ne!(payment().id_key(), PaymentLine { id: "b".into(), ..payment() }.id_key());
    }

    /// Every fact that a partner could have changed counts, an empty text is not an absent one.
    #[test]
    fn payment_content() {
        let later = LineTime::Instant(Timestamp::from_second(1).unwrap());
        let mids = |primary: &str| MidTexts { primary: primary.into(), secondary: None, psimi: None };
        for other in [
            PaymentLine { time: later, ..payment() },
            PaymentLine { amount: MinorUnits(-100), ..payment() },
            PaymentLine { currency: Currency::parse("EUR").unwrap(), ..payment() },
            PaymentLine { token: SecretString::from("u"), ..payment() },
            PaymentLine { mids: mids("n"), ..payment() },
            PaymentLine { first_six: Some(String::new()), ..payment() },
            PaymentLine { last_four: Some(String::new()), ..payment() },
            PaymentLine { auth_code: "1".into(), ..payment() },
            PaymentLine { approval_code: "1".into(), ..payment() },
        ] {
            assert_ne!(payment().content_key(), other.content_key(), "{other:?}");
        }
    }

    #[test]
    fn sale_content() {
        for other in [
            SaleLine { scheme: Scheme::Amex, ..sale() },
            SaleLine { till: Till::Location("m".into()), ..sale() },
            SaleLine { at: Timestamp::from_second(1).unwrap(), ..sale() },
            SaleLine { amount: MinorUnits(1), ..sale() },
            SaleLine { currency: Currency::parse("EUR").unwrap(), ..sale() },
            SaleLine { auth_code: "1".into(), ..sale() },
            SaleLine { first_six: Some(String::new()), ..sale() },
            SaleLine { last_four: Some(String::new()), ..sale() },
            SaleLine { extra: Some(serde_json::Value::Null), ..sale() },
        ] {
            assert_eq!(sale().id_key(), other.id_key());
            assert_ne!(sale().content_key(), other.content_key(), "{other:?}");
        }
        assert_eq!(sale().content_key(), SaleLine { id: "b".into(), ..sale() }.content_key());
    }
}
