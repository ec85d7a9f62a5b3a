//! Card data (design §4, invariant 7): a token is kept as keyed hash (to compare and find) and sealed (to ask the
//! directory and to replay); in clear it lives only in a [`SecretString`] between reading a line and sealing it.
//!
//! Sealing is AES-256-GCM. The nonce is derived from the token by HMAC under a key of its own, so that the pure core
//! needs no randomness: equal tokens seal equally, which the keyed hash shows anyway, and no nonce ever meets two
//! different plaintexts.

use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use zeroize::ZeroizeOnDrop;

/// Longest card token (spec import §2.3: varchar(100)).
pub const TOKEN_BYTES_MAX: usize = 100;

/// HMAC-SHA-256 of a card token, first 16 bytes, base64url.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TokenHash(pub String);

/// A sealed card token, base64url of nonce and ciphertext.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct SealedToken(pub String);

impl std::fmt::Debug for SealedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedToken(…)")
    }
}

/// The member as the ledger's keys know them: HMAC of merchant and loyalty id (state.md).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct MemberHash(pub String);

/// A sealed token that these keys do not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed card token does not open with the configured card keys")]
pub struct SealError;

/// The keys of one environment, derived from one secret of at least 32 bytes.
#[derive(Clone, ZeroizeOnDrop)]
pub struct CardKeys {
    hash: [u8; 32],
    seal: [u8; 32],
    nonce: [u8; 32],
    member: [u8; 32],
}

impl std::fmt::Debug for CardKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CardKeys(…)")
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length
    let Ok(mut mac) = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn short(digest: [u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(digest.first_chunk::<16>().copied().unwrap_or_default())
}

impl CardKeys {
    /// Derives the keys from the environment's secret.
    pub fn from_secret(secret: &SecretString) -> Self {
        let key = |purpose: &str| mac(secret.expose_secret().as_bytes(), &[purpose.as_bytes()]);
        Self { hash: key("token hash"), seal: key("token seal"), nonce: key("token nonce"), member: key("member hash") }
    }

    /// The hash under which a token is compared and found.
    pub fn hash(&self, token: &SecretString) -> TokenHash {
        TokenHash(short(mac(&self.hash, &[token.expose_secret().as_bytes()])))
    }

    /// The hash under which a member's exports are found.
    pub fn member(&self, merchant: &str, loyalty_id: &str) -> MemberHash {
        MemberHash(short(mac(&self.member, &[merchant.as_bytes(), loyalty_id.as_bytes()])))
    }

    /// Seals a token; `None` only if the cipher refuses, which it does not for short texts.
    pub fn seal(&self, token: &SecretString) -> Option<SealedToken> {
        let text = token.expose_secret().as_bytes();
        let nonce_bytes: [u8; 12] = mac(&self.nonce, &[text]).first_chunk::<12>().copied()?;
        let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(self.seal));
        let sealed = cipher.encrypt(&Nonce::from(nonce_bytes), Payload { msg: text, aad: b"card token" }).ok()?;
        let mut out = nonce_bytes.to_vec();
        out.extend(sealed);
        Some(SealedToken(URL_SAFE_NO_PAD.encode(out)))
    }

    /// Opens a sealed token: identify, forced match and `replay` only.
    pub fn open(&self, sealed: &SealedToken) -> Result<SecretString, SealError> {
        let bytes = URL_SAFE_NO_PAD.decode(&sealed.0).map_err(|_| SealError)?;
        let (nonce, text) = bytes.split_first_chunk::<12>().ok_or(SealError)?;
        let cipher = Aes256Gcm::new(&Key::<Aes256Gcm>::from(self.seal));
        let plain =
            cipher.decrypt(&Nonce::from(*nonce), Payload { msg: text, aad: b"card token" }).map_err(|_| SealError)?;
        String::from_utf8(plain).map(SecretString::from).map_err(|_| SealError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: &str) -> CardKeys {
        CardKeys::from_secret(&SecretString::from(secret.to_owned()))
    }

    #[test]
    fn a_token_opens_only_with_its_keys() {
        let token = SecretString::from("VisTok88aa".to_owned());
        let sealed = keys("one").seal(&token).unwrap();
        assert_eq!(keys("one").open(&sealed).unwrap().expose_secret(), "VisTok88aa");
        assert!(keys("two").open(&sealed).is_err());
        assert!(keys("one").open(&SealedToken("AAAA".into())).is_err());
        assert_ne!(keys("one").hash(&token), keys("two").hash(&token));
    }

    /// Invariant 7: neither form shows the token.
    #[test]
    fn nothing_prints_a_token() {
        let token = SecretString::from("VisTok88aa".to_owned());
        let k = keys("one");
        let shown = format!("{:?} {:?} {:?} {:?}", k, k.hash(&token), k.seal(&token), token);
        assert!(!shown.contains("VisTok88aa"), "{shown}");
    }
}
