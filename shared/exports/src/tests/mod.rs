//! The worked examples of spec match §9.3, §9.11, §12.2 and §18 to the byte, and what each answer means.

mod answers;
mod bodies;
mod credentials;
mod documented;
mod file;
mod http;
mod iceland;
mod login;
mod schedule;
mod wasabi;

use crate::{Answer, Attempt, BatchRun, BuildError, Conversation, Finding, Request, Step, Target, Telling, begin};
use harmonia_domain::{
    card::{MemberHash, TokenHash},
    export::{BookKey, Export, ExportFacts, ExportState, MatchType},
    feed::{Kind, Scheme},
    identity::Identity,
    ids::Id,
    money::{Currency, MinorUnits},
    purchase::{PurchaseKey, Slot},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// §12.2: the text of the key.
pub(super) const AES_KEY: &str = "value-123";

/// The credentials of the baseline record E (§9).
pub(super) fn credentials_of_e() -> Value {
    json!({"card_number": "loyalty-123", "merchant_identifier": "88899966", "email": "test-123@testbink.com"})
}

/// §12.2 the other way round.
pub(super) fn encrypt(aes_key: &str, plain: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use cbc::cipher::{BlockModeEncrypt, KeyIvInit, block_padding::NoPadding};
    use sha2::{Digest, Sha256};
    let iv: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap());
    let mut padded = plain.as_bytes().to_vec();
    let padding = 32 - padded.len() % 32;
    padded.extend(std::iter::repeat_n(u8::try_from(padding).unwrap(), padding));
    let key: [u8; 32] = Sha256::digest(aes_key.as_bytes()).into();
    let cipher = cbc::Encryptor::<aes::Aes256>::new((&key).into(), (&iv).into());
    STANDARD.encode([&iv[..], &cipher.encrypt_padded_vec::<NoPadding>(&padded)].concat())
}

pub(super) fn identity(account: i64, user: i64, credentials: &Value) -> Identity {
    Identity {
        merchant: "wasabi-club".parse().unwrap(),
        token: TokenHash("th".into()),
        loyalty_id: "loyalty-123".into(),
        scheme_account_id: account,
        user_id: user,
        credentials: encrypt(AES_KEY, &credentials.to_string()),
        first_six: "400000".into(),
        last_four: "7890".into(),
        payment_card_account_id: Some(9),
        expiry_month: Some(12),
        expiry_year: Some(2027),
    }
}

/// The baseline record E with another transaction id.
pub(super) fn export(transaction_id: &str) -> Export {
    let at = "2022-10-26T16:14:08Z".parse().unwrap();
    Export {
        id: Id::derive("export", &["e"]),
        merchant: "wasabi-club".parse().unwrap(),
        created: at,
        order: "1".into(),
        match_type: MatchType::Loyalty,
        purchase: PurchaseKey { scheme: Scheme::Visa, id: "582228491099278".into(), slot: Slot::P },
        kind: Kind::Auth,
        sale: Some(transaction_id.into()),
        identity: identity(42, 1001, &credentials_of_e()).pointer(MemberHash("mb".into())),
        evidence: vec![],
        book_key: BookKey {
            scheme: Scheme::Visa,
            mid: "test-mid-456".into(),
            currency: Currency::GBP,
            minor: MinorUnits(1234),
        },
        definition: "1".into(),
        facts: ExportFacts {
            transaction_id: transaction_id.into(),
            at,
            amount: MinorUnits(1234),
            currency: Currency::GBP,
            mid: "test-mid-456".into(),
            location_id: Some("store_1a".into()),
            merchant_internal_id: Some("77".into()),
            settlement_key: "0dd2a9204cf6fca3a8955029f71a41284debe63e34f873ab0b9396f460dbf13e".into(),
            auth_code: "444444".into(),
            approval_code: String::new(),
        },
        generation: 0,
        attempts: 0,
        last: None,
        corrected: None,
        forced: None,
        unsure: false,
        adjusts: None,
        state: ExportState::Ready,
    }
}

/// The `[export]` of a shipped definition.
pub(super) fn shipped(merchant: &str) -> harmonia_definitions::Export {
    let definitions = harmonia_definitions::Definitions::shipped().unwrap();
    definitions.get(&merchant.parse().unwrap()).unwrap().export.clone().unwrap()
}

/// An attempt at the shipped definition's merchant, to be changed at will.
pub(super) struct Try {
    pub(super) merchant: &'static str,
    pub(super) definition: harmonia_definitions::Export,
    pub(super) secrets: Value,
    pub(super) tellings: Vec<(Export, Identity, Value)>,
    pub(super) uid: Option<&'static str>,
    pub(super) before: u32,
    pub(super) now: &'static str,
    pub(super) token: Option<&'static str>,
}

impl Try {
    /// About the baseline record E.
    pub(super) fn of(merchant: &'static str, secrets: Value) -> Self {
        let telling = (export("582228491099278"), identity(42, 1001, &credentials_of_e()), json!({}));
        let (definition, now) = (shipped(merchant), "2022-10-26T16:20:00Z");
        Self { merchant, definition, secrets, tellings: vec![telling], uid: None, before: 0, now, token: None }
    }

    pub(super) fn begin(&self) -> Result<Conversation, BuildError> {
        let aes_key = SecretString::from(AES_KEY);
        let merchant = self.merchant.parse().unwrap();
        let target =
            Target { merchant: &merchant, definition: &self.definition, aes_key: &aes_key, secrets: &self.secrets };
        let tellings: Vec<_> = self
            .tellings
            .iter()
            .map(|(export, identity, extra)| Telling { export, identity, extra: extra.as_object().unwrap() })
            .collect();
        let now = self.now.parse().unwrap();
        let batch = self.uid.map(|uid| BatchRun { uid, run: now, number: 0, sequence: None });
        let token = self.token.map(SecretString::from);
        begin(&Attempt { target, tellings: &tellings, batch, before: self.before, now, token: token.as_ref() })
    }

    /// The first request.
    pub(super) fn first(&self) -> Request {
        sent(self.begin().unwrap().next(None))
    }

    /// What the answer to the first request comes to.
    pub(super) fn heard(&self, answer: Option<Answer>) -> Finding {
        let mut talk = self.begin().unwrap();
        sent(talk.next(None));
        done(talk.next(answer))
    }
}

/// `begin` with a shipped definition.
pub(super) fn talk(
    merchant: &'static str,
    secrets: &Value,
    tellings: &[(Export, Identity)],
    uid: Option<&'static str>,
) -> Result<Conversation, BuildError> {
    let tellings = tellings.iter().map(|(export, identity)| (export.clone(), identity.clone(), json!({}))).collect();
    Try { tellings, uid, ..Try::of(merchant, secrets.clone()) }.begin()
}

pub(super) fn sent(step: Step) -> Request {
    match step {
        Step::Send(request) => request,
        other => panic!("{other:?}"),
    }
}

pub(super) fn done(step: Step) -> Finding {
    match step {
        Step::Done(finding) => finding,
        other => panic!("{other:?}"),
    }
}

pub(super) fn body(request: &Request) -> &str {
    std::str::from_utf8(request.body.expose_secret()).unwrap()
}

pub(super) fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.expose_secret())
}

pub(super) fn response(status: u16, body: &str) -> Answer {
    let body = body.as_bytes().to_vec();
    Answer::Response { status, body }
}

pub(super) fn transient(why: &str) -> Finding {
    Finding::Transient { why: why.into() }
}

pub(super) fn refused(why: &str) -> Finding {
    Finding::Refused { why: why.into() }
}
