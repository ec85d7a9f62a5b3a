//! The worked examples of spec match §9.3, §9.11, §12.2 and §18 to the byte, and what each answer means.

mod answers;
mod bodies;
mod credentials;
mod iceland;
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
    let text = match merchant {
        "iceland-bonus-card" => include_str!("../../../definitions/merchants/iceland-bonus-card.toml"),
        "wasabi-club" => include_str!("../../../definitions/merchants/wasabi-club.toml"),
        other => panic!("{other} is not shipped"),
    };
    text.parse::<toml::Table>().unwrap().remove("export").unwrap().try_into().unwrap()
}

/// `begin` with a shipped definition.
pub(super) fn talk(
    merchant: &str,
    secrets: &Value,
    tellings: &[(Export, Identity)],
    uid: Option<&str>,
) -> Result<Conversation, BuildError> {
    let definition = shipped(merchant);
    let aes_key = SecretString::from(AES_KEY);
    let merchant = merchant.parse().unwrap();
    let target = Target { merchant: &merchant, definition: &definition, aes_key: &aes_key, secrets };
    let extra = serde_json::Map::new();
    let tellings: Vec<_> =
        tellings.iter().map(|(export, identity)| Telling { export, identity, extra: &extra }).collect();
    let now = "2022-10-26T16:20:00Z".parse().unwrap();
    let batch = uid.map(|uid| BatchRun { uid, run: now, number: 0, sequence: None });
    begin(&Attempt { target, tellings: &tellings, batch, before: 0, now, token: None })
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
