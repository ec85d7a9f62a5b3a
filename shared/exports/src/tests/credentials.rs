//! Spec match §12.2 and §18: AES vectors, and texts that do not open.

use super::{AES_KEY, encrypt};
use crate::{Credentials, CredentialsError};
use proptest::prelude::*;
use secrecy::SecretString;

const PLAIN: &str =
    r#"{"card_number": "loyalty-123", "merchant_identifier": "88899966", "email": "test-123@testbink.com"}"#;
const VECTOR: &str = concat!(
    "AAECAwQFBgcICQoLDA0OD+pbu1SmQ/V8D9gcv5aPKCk4RVUy/S+Tz4KEHYtnA+jeuEjOoGoz2eyZa7WuT0CCf6ERbk6vTm8ScNVumjhKVOki",
    "t5vP1PdSsEkrPl5zppG4GuXQ+lqE1lsH1YnFlLCfkKYqULKTDPaJYpyFizS6Navk8B3/q4nmTYCYbD3EX0vd"
);

fn open(key: &str, text: &str) -> Result<Credentials, CredentialsError> {
    Credentials::open(&SecretString::from(key), text)
}

fn is_e(credentials: &Credentials) -> bool {
    credentials.text("email") == Some("test-123@testbink.com")
        && credentials.text("merchant_identifier") == Some("88899966")
        && credentials.text("card_number") == Some("loyalty-123")
}

#[test]
fn vectors() {
    assert!(is_e(&open(AES_KEY, VECTOR).unwrap()));
    assert_eq!(encrypt(AES_KEY, PLAIN), VECTOR);
    let second = encrypt("fake-123", PLAIN);
    assert!(second.starts_with("AAECAwQFBgcICQoLDA0OD3VKbIBEOE9H"), "{second}");
    // the specification's excerpt has one more letter, which OpenSSL does not confirm
    assert!(second.ends_with("wymR8DUxfXHmmvJJVx+/31lQzpvI/cmg6LPO1"), "{second}");
    assert!(is_e(&open("fake-123", &second).unwrap()));
}

/// Spaces that were plus signs, and a text whose padding is a whole 32.
#[test]
fn spaces_and_full_padding() {
    assert!(VECTOR.contains('+') && is_e(&open(AES_KEY, &VECTOR.replace('+', " ")).unwrap()));
    let exact = format!("{{\"email\": \"{}\"}}", "x".repeat(19));
    assert_eq!(exact.len(), 32);
    assert_eq!(open(AES_KEY, &encrypt(AES_KEY, &exact)).unwrap().text("email").unwrap().len(), 19);
}

#[test]
fn what_does_not_open() {
    let error = |key, text: &str| open(key, text).unwrap_err();
    for text in ["", "AAECAwQFBgcICQoLDA0O", "not base64!", &VECTOR[..VECTOR.len() - 1], &VECTOR[4..]] {
        assert_eq!(error(AES_KEY, text), CredentialsError::Encoding, "{text}");
    }
    assert_eq!(error(AES_KEY, "AAECAwQFBgcICQoLDA0ODw=="), CredentialsError::Content, "an IV and nothing else");
    assert_eq!(error("another", VECTOR), CredentialsError::Content);
    for plain in ["", "[]", "\"text\"", "{", "\u{0}"] {
        assert_eq!(error(AES_KEY, &encrypt(AES_KEY, plain)), CredentialsError::Content, "{plain}");
    }
}

/// Invariant 7.
#[test]
fn nothing_shows() {
    let opened = open(AES_KEY, VECTOR).unwrap();
    assert_eq!(format!("{opened:?}"), "Credentials(…)");
}

proptest! {
    #[test]
    fn no_text_panics(text in ".*", key in ".*") {
        let _ = open(&key, &text);
    }

    #[test]
    fn no_damage_panics(at in 0..VECTOR.len(), byte in "[A-Za-z0-9+/= ]") {
        let mut damaged = VECTOR.to_owned();
        damaged.replace_range(at..=at, &byte);
        let _ = open(AES_KEY, &damaged);
    }
}
