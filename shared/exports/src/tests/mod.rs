//! The worked examples of spec match §9, §12.2 and §18 to the byte, and what each answer means.

mod answers;
mod bodies;
mod bpl;
mod costa;
mod credentials;
mod decimals;
mod documented;
mod file;
mod http;
mod iceland;
mod itsu;
mod login;
mod schedule;
mod slim_chickens;
mod squaremeal;
mod stonegate;
mod tgi_fridays;
mod the_works;
mod wasabi;

use crate::{
    Answer, Attempt, BatchRun, BuildError, Conversation, Fault, Finding, Purpose, Request, Step, Target, Telling, begin,
};
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
        paid: None,
        forced: None,
        unsure: false,
        adjusts: None,
        answer: None,
        state: ExportState::Ready,
    }
}

/// The `[export]` of a shipped definition.
pub(super) fn shipped(merchant: &str) -> harmonia_definitions::Export {
    let definitions = harmonia_definitions::Definitions::shipped().unwrap();
    definitions.get(&merchant.parse().unwrap()).unwrap().export.clone().unwrap()
}

/// Every merchant with a protocol of its own.
pub(super) const MERCHANTS: [&str; 12] = [
    "bpl-cortado",
    "bpl-trenette",
    "bpl-viator",
    "costa",
    "iceland-bonus-card",
    "itsu",
    "slim-chickens",
    "squaremeal",
    "stonegate",
    "tgi-fridays",
    "the-works",
    "wasabi-club",
];

/// An attempt at a merchant, to be changed at will.
pub(super) struct Try {
    pub(super) merchant: &'static str,
    pub(super) definition: harmonia_definitions::Export,
    pub(super) secrets: Value,
    pub(super) tellings: Vec<(Export, Identity, Value)>,
    pub(super) uid: Option<&'static str>,
    pub(super) before: u32,
    pub(super) unsure: bool,
    pub(super) now: &'static str,
    pub(super) token: Option<&'static str>,
}

impl Try {
    /// About the baseline record E, by the shipped definition.
    pub(super) fn of(merchant: &'static str, secrets: Value) -> Self {
        let telling = (export("582228491099278"), identity(42, 1001, &credentials_of_e()), json!({}));
        let (definition, now) = (shipped(merchant), "2022-10-26T16:20:00Z");
        let tellings = vec![telling];
        Self { merchant, definition, secrets, tellings, uid: None, before: 0, unsure: false, now, token: None }
    }

    /// The worked example of spec match §9.
    pub(super) fn example(merchant: &'static str) -> Self {
        let secrets = match merchant {
            "iceland-bonus-card" => json!({"service": "oauth", "url": "http://oauth.test/token?key=hush-url",
                "prefix": "Bearer", "payload": {"client_secret": "hush-payload"}}),
            "itsu" => json!({"username": "u@x y", "password": "p&w"}),
            "slim-chickens" => {
                json!({"channel_key": "test", "client_secret": "test-secret", "client_id": "test-client"})
            }
            "tgi-fridays" => json!({"admin_key": "hush-key\r\n"}),
            "the-works" => json!({"user_id": "gx-user", "password": "gx-pass"}),
            bpl if bpl.starts_with("bpl-") => json!({"token": "hush token"}),
            _ => Value::Null,
        };
        let mut attempt = Self::of(merchant, secrets);
        let (export, identity, extra) = &mut attempt.tellings[0];
        match merchant {
            "costa" => *extra = json!({"metadata": {"basket": 7}, "items_ordered": "[]"}),
            "iceland-bonus-card" => attempt.uid = Some("c3cb6bf3-46a2-4d2c-a77c-e06ac9981f0f"),
            "itsu" => export.facts.location_id = Some("55".into()),
            "slim-chickens" => {
                let credentials = json!({"email": "email@test.com", "password": "passpass"});
                identity.credentials = encrypt(AES_KEY, &credentials.to_string());
            }
            "squaremeal" => export.kind = Kind::Settled,
            "stonegate" => *extra = json!({"account_id": "ACC-1", "transaction_id": "T-77"}),
            "tgi-fridays" => {
                export.facts.location_id = Some("55".into());
                *extra = json!({"amount": "50.60"});
            }
            "the-works" => identity.loyalty_id = "6338849346110000002989".into(),
            "wasabi-club" => export.facts.transaction_id = "0000A12345".into(),
            _ => {}
        }
        attempt
    }

    /// What is told.
    pub(super) fn export(&mut self) -> &mut Export {
        &mut self.tellings[0].0
    }

    /// The sale's extra fields.
    pub(super) fn with_extra(mut self, extra: Value) -> Self {
        self.tellings[0].2 = extra;
        self
    }

    /// With another amount.
    pub(super) fn of_minor(mut self, minor: i64) -> Self {
        self.export().facts.amount = MinorUnits(minor);
        self
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
        let (before, unsure) = (self.before, self.unsure);
        begin(&Attempt { target, tellings: &tellings, batch, before, unsure, now, token: token.as_ref() })
    }

    /// Why it cannot be built.
    pub(super) fn fault(&self) -> Fault {
        self.begin().unwrap_err().fault
    }

    /// The first request.
    pub(super) fn first(&self) -> Request {
        sent(self.begin().unwrap().next(None))
    }

    /// The conversation up to the request that tells, everything before it having gone well.
    pub(super) fn tells(&self) -> (Conversation, Request) {
        let mut talk = self.begin().unwrap();
        let mut request = sent(talk.next(None));
        while request.purpose != Purpose::Tell {
            let good = match (request.purpose, self.merchant) {
                (Purpose::Authenticate, _) => r#"{"access_token": "a_token"}"#,
                (_, "slim-chickens") => r#"{"wallet": [{"voucherCode": "inprogress_voucher", "cardPoints": 3}]}"#,
                (_, "tgi-fridays") => r#"{"checkins": []}"#,
                _ => r#"{"jsonrpc": "2.0", "id": 1, "result": ["code", "0", "", "", "", [], "iso", "serial"]}"#,
            };
            request = sent(talk.next(Some(response(200, good))));
        }
        (talk, request)
    }

    /// The request that tells.
    pub(super) fn told(&self) -> Request {
        self.tells().1
    }

    /// What the answer to the request that tells comes to; the same answer is given as often as we ask.
    pub(super) fn heard(&self, answer: &Answer) -> Finding {
        let (mut talk, _) = self.tells();
        loop {
            match talk.next(Some(answer.clone())) {
                Step::Done(finding) => return finding,
                step => assert_eq!(sent(step).purpose, Purpose::Tell),
            }
        }
    }

    /// What the answer to the first request comes to; `None`: it goes on.
    pub(super) fn began(&self, answer: Answer) -> Option<Finding> {
        let mut talk = self.begin().unwrap();
        sent(talk.next(None));
        match talk.next(Some(answer)) {
            Step::Done(finding) => Some(finding),
            _ => None,
        }
    }
}

/// The exact bytes of a worked example.
pub(super) fn assert_exact(body: &str, text: &str, len: usize, sha256: &str) {
    assert_eq!((body, body.len()), (text, len));
    assert_eq!(harmonia_domain::ids::sha256_hex(body.as_bytes()), sha256);
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
