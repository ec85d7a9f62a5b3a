//! What each partner answers (spec import §9; spec match §9.3, §9.11, §12.4), without any transport.

use super::{
    faults::{Fate, Faults},
    ledger::{Ledger, PartnerReport},
};
use harmonia_domain::ids::sha256_hex;
use harmonia_gen::User;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(super) const ICELAND_TOKEN: &str = "/iceland/oauth/token";
pub(super) const ICELAND_BATCH: &str = "/iceland/transactions";
const WASABI: &str = "/wasabi/PostMatchedTransaction";
const DIRECTORY: &str = "/payment_cards/accounts/payment_card_user_info/";
/// Under which requests to anywhere else are counted: their paths are whatever somebody sends.
const ELSEWHERE: &str = "elsewhere";
/// What Iceland's OAuth gives out.
const BEARER: &str = "iceland-bearer-of-the-local-cloud";

/// A request, taken apart.
pub(super) struct Asked<'a> {
    pub(super) post: bool,
    pub(super) path: &'a str,
    pub(super) authorization: &'a str,
    pub(super) content_type: &'a str,
    pub(super) body: &'a [u8],
}

pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) slow: Option<Duration>,
}

impl Answered {
    fn new(status: u16, body: Value) -> Self {
        Self { status, body, slow: None }
    }

    fn bad(why: &str) -> Self {
        Self::new(400, json!({ "error": why }))
    }
}

#[derive(Deserialize)]
struct Cards {
    payment_cards: Vec<String>,
}

#[derive(Deserialize)]
struct Matched {
    origin_id: String,
    #[serde(rename = "ReceiptNo")]
    receipt_no: String,
}

#[derive(Deserialize)]
struct Batch {
    message_uid: String,
    transactions: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Transaction {
    transaction_id: String,
}

/// Where all partners sit.
pub(super) struct Desk {
    /// By merchant and token.
    users: Mutex<BTreeMap<(String, String), Value>>,
    directory_key: SecretString,
    faults: Faults,
    ledger: Mutex<Ledger>,
}

impl Desk {
    pub(super) fn new(users: &[User], directory_key: SecretString, faults: Faults) -> Self {
        let users = users.iter().map(|u| ((u.scheme.clone(), u.token.clone()), u.identity.clone())).collect();
        Self { users: Mutex::new(users), directory_key, faults, ledger: Mutex::default() }
    }

    /// From now on the directory knows this user.
    pub(super) fn learn(&self, user: &User) {
        self.users().insert((user.scheme.clone(), user.token.clone()), user.identity.clone());
    }

    fn users(&self) -> MutexGuard<'_, BTreeMap<(String, String), Value>> {
        // nothing panics while holding it
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn report(&self) -> PartnerReport {
        self.ledger().report()
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // nothing panics while holding it
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn answer(&self, asked: &Asked<'_>) -> Answered {
        let ledger = &mut *self.ledger();
        let merchant = asked.path.strip_prefix(DIRECTORY).filter(|slug| !slug.is_empty() && !slug.contains('/'));
        let known = matches!(asked.path, WASABI | ICELAND_TOKEN | ICELAND_BATCH)
            || merchant.is_some_and(|slug| self.users().keys().any(|(merchant, _)| merchant == slug));
        let answered = match (asked.path, merchant) {
            _ if !asked.post => Answered::new(405, json!({ "error": "POST only" })),
            (_, Some(merchant)) => self.directory(ledger, merchant, asked),
            (WASABI, None) => self.wasabi(ledger, asked),
            (ICELAND_TOKEN, None) => token(asked),
            (ICELAND_BATCH, None) => self.iceland(ledger, asked),
            _ => Answered::new(404, json!({ "error": "nothing here" })),
        };
        ledger.request(if known { asked.path } else { ELSEWHERE }, answered.status);
        answered
    }

    fn directory(&self, ledger: &mut Ledger, merchant: &str, asked: &Asked<'_>) -> Answered {
        if asked.authorization.strip_prefix("Token ") != Some(self.directory_key.expose_secret()) {
            return Answered::new(401, json!({ "error": "unauthorized" }));
        }
        let Ok(cards) = serde_json::from_slice::<Cards>(asked.body) else { return Answered::bad("payment_cards") };
        let about = format!("{merchant} {}", cards.payment_cards.join(" "));
        let attempt = ledger.attempt("directory", &about);
        let slow = self.faults.slow(&about, attempt);
        if self.faults.directory(&about, attempt) != Fate::Well {
            return Answered { slow, ..Answered::new(503, json!({ "error": "unavailable" })) };
        }
        let users = self.users();
        let found = cards.payment_cards.into_iter().filter_map(|token| {
            let identity = users.get(&(merchant.to_owned(), token.clone()))?;
            Some((token, identity.clone()))
        });
        Answered { slow, ..Answered::new(200, Value::Object(found.collect::<Map<_, _>>())) }
    }

    fn wasabi(&self, ledger: &mut Ledger, asked: &Asked<'_>) -> Answered {
        let matched = serde_json::from_slice::<Matched>(asked.body).ok();
        let Some(matched) = matched.filter(|m| !m.origin_id.is_empty() && !m.receipt_no.is_empty()) else {
            return Answered::new(400, json!({ "Error": "Bad Request", "Message": "origin_id and ReceiptNo" }));
        };
        let attempt = ledger.attempt("wasabi", &matched.receipt_no);
        let slow = self.faults.slow(&matched.receipt_no, attempt);
        let (status, error, message) = match self.faults.wasabi(&matched.receipt_no, attempt) {
            Fate::Well => {
                ledger.wasabi(&matched.receipt_no);
                (200, None, None)
            }
            Fate::NotYet => (200, None, Some("Receipt No not found")),
            Fate::Error => (500, Some("Internal Error"), None),
        };
        Answered { slow, ..Answered::new(status, json!({ "Error": error, "Message": message })) }
    }

    fn iceland(&self, ledger: &mut Ledger, asked: &Asked<'_>) -> Answered {
        if asked.authorization.strip_prefix("Bearer ") != Some(BEARER) {
            return Answered::new(401, json!({ "error": "invalid_token" }));
        }
        let batch = serde_json::from_slice::<Batch>(asked.body).ok();
        let Some(batch) = batch.filter(|b| !b.message_uid.is_empty() && !b.transactions.is_empty()) else {
            return Answered::bad("message_uid and transactions");
        };
        let attempt = ledger.attempt("iceland", &batch.message_uid);
        let slow = self.faults.slow(&batch.message_uid, attempt);
        ledger.iceland_body(&batch.message_uid, sha256_hex(asked.body));
        if self.faults.iceland(&batch.message_uid, attempt) != Fate::Well {
            return Answered { slow, ..Answered::new(500, json!({ "error": "internal error" })) };
        }
        for transaction in &batch.transactions {
            ledger.iceland(&batch.message_uid, &transaction.transaction_id);
        }
        Answered { slow, ..Answered::new(200, json!({})) }
    }
}

/// OAuth's client credentials; which ones is not looked at.
fn token(asked: &Asked<'_>) -> Answered {
    let form = asked.content_type.starts_with("application/x-www-form-urlencoded");
    if !form || asked.body.is_empty() {
        return Answered::bad("invalid_request");
    }
    Answered::new(200, json!({ "access_token": BEARER, "token_type": "Bearer", "expires_in": 3600 }))
}
