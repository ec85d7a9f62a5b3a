//! The user directory's HTTP contract (spec import §9): one POST per card and merchant, 404 and a missing token mean
//! "not known", everything else that is not a good answer means "unavailable" (D21).

use crate::Harmonia;
use harmonia_domain::{card::TokenHash, feed::Slug, identity::Identity};
use harmonia_ports::{Call, WebAnswer};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The directory answers in milliseconds; a function that waits longer holds up a whole batch.
const DEADLINE_MS: u32 = 5_000;

/// What the directory said.
pub(super) enum Lookup {
    Found(Box<Identity>),
    NotKnown,
    NoCardInformation,
    Unavailable,
}

#[derive(Deserialize)]
struct CardInformation {
    first_six: String,
    last_four: String,
    expiry_month: Option<i64>,
    expiry_year: Option<i64>,
}

#[derive(Deserialize)]
struct Entry {
    scheme_account_id: Option<i64>,
    loyalty_id: Option<String>,
    user_id: Option<i64>,
    credentials: Option<String>,
    payment_card_account_id: Option<i64>,
    card_information: Option<CardInformation>,
}

impl Harmonia {
    /// Asks for one card.
    pub(super) async fn look_up(
        &self,
        url: &str,
        key: &SecretString,
        merchant: &Slug,
        hash: &TokenHash,
        token: &SecretString,
    ) -> Lookup {
        let base = url.trim_end_matches('/');
        let body = serde_json::json!({ "payment_cards": [token.expose_secret()] }).to_string();
        let authorization = SecretString::from(format!("Token {}", key.expose_secret()));
        let call = Call {
            method: "POST",
            url: format!("{base}/payment_cards/accounts/payment_card_user_info/{merchant}"),
            headers: vec![
                ("Authorization".into(), authorization),
                ("Content-Type".into(), SecretString::from("application/json")),
            ],
            body: body.into_bytes(),
            tells: false,
            deadline_ms: DEADLINE_MS,
        };
        match self.ports.web.send(call).await {
            WebAnswer::Response { status: 200..=299, body, .. } => read(merchant, hash, token, &body),
            WebAnswer::Response { status: 404, .. } => Lookup::NotKnown,
            WebAnswer::Response { .. } | WebAnswer::NotSent { .. } | WebAnswer::Unknown { .. } => Lookup::Unavailable,
        }
    }
}

fn read(merchant: &Slug, hash: &TokenHash, token: &SecretString, body: &[u8]) -> Lookup {
    let Ok(mut answer) = serde_json::from_slice::<BTreeMap<String, serde_json::Value>>(body) else {
        return Lookup::Unavailable;
    };
    let Some(entry) = answer.remove(token.expose_secret()) else { return Lookup::NotKnown };
    let Ok(entry) = serde_json::from_value::<Entry>(entry) else { return Lookup::Unavailable };
    let Some(scheme_account_id) = entry.scheme_account_id else { return Lookup::NotKnown };
    let Some(card) = entry.card_information else { return Lookup::NoCardInformation };
    // these three are required: an answer without them is no answer
    let (Some(loyalty_id), Some(user_id), Some(credentials)) = (entry.loyalty_id, entry.user_id, entry.credentials)
    else {
        return Lookup::Unavailable;
    };
    Lookup::Found(Box::new(Identity {
        merchant: merchant.clone(),
        token: hash.clone(),
        loyalty_id,
        scheme_account_id,
        user_id,
        credentials,
        first_six: card.first_six,
        last_four: card.last_four,
        payment_card_account_id: entry.payment_card_account_id,
        expiry_month: card.expiry_month,
        expiry_year: card.expiry_year,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: &str) -> Lookup {
        let merchant = "wasabi-club".parse().unwrap();
        read(&merchant, &TokenHash("h".into()), &SecretString::from("MCTok5512"), body.as_bytes())
    }

    /// Spec import §9: the example and every way of not being an answer.
    #[test]
    fn answers_of_the_directory() {
        let good = r#"{"MCTok5512": {"loyalty_id": "76320001", "scheme_account_id": 0, "payment_card_account_id": 977,
            "user_id": 0, "credentials": "x", "card_information": {"first_six": "522222", "last_four": "8841"}}}"#;
        assert!(matches!(ask(good), Lookup::Found(i) if i.user_id == 0 && i.expiry_month.is_none()));
        assert!(matches!(ask("{}"), Lookup::NotKnown));
        assert!(matches!(ask(r#"{"MCTok5512": {"scheme_account_id": null}}"#), Lookup::NotKnown));
        assert!(matches!(ask(r#"{"MCTok5512": {"scheme_account_id": 1}}"#), Lookup::NoCardInformation));
        let partial = r#"{"MCTok5512": {"scheme_account_id": 1,
            "card_information": {"first_six": "1", "last_four": "2"}}}"#;
        assert!(matches!(ask(partial), Lookup::Unavailable));
        for bad in ["", "[]", "<html>", r#"{"MCTok5512": 7}"#] {
            assert!(matches!(ask(bad), Lookup::Unavailable), "{bad}");
        }
    }
}
