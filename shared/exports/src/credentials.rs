//! A member's credentials at a merchant, as the user directory encrypts them (spec match §12.2): AES-256-CBC under
//! SHA-256 of a shared text, base64 of IV and ciphertext, JSON inside. Opened only while a request is built; what was
//! opened is wiped.

use crate::build::Fault;
use aes::Aes256;
use base64::{Engine, engine::general_purpose::STANDARD};
use cbc::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::NoPadding};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

/// Why credentials do not open. Carries nothing of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Not base64 of an IV and whole blocks.
    #[error("not an encrypted text")]
    Encoding,
    /// The wrong key, or damaged.
    #[error("they do not decrypt to a JSON object")]
    Content,
}

/// Opened credentials.
pub struct Credentials(Map<String, Value>);

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        self.0.values_mut().for_each(wipe);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Credentials {
    /// Opens an encrypted text. A space stands for a plus sign, as in texts that went through a form.
    pub fn open(aes_key: &SecretString, encrypted: &str) -> Result<Self, CredentialsError> {
        let bytes = STANDARD.decode(encrypted.replace(' ', "+")).map_err(|_| CredentialsError::Encoding)?;
        let (iv, blocks) = bytes.split_first_chunk::<16>().ok_or(CredentialsError::Encoding)?;
        let mut key = Zeroizing::new([0_u8; 32]);
        key.copy_from_slice(&Sha256::digest(aes_key.expose_secret().as_bytes()));
        let mut plain = Zeroizing::new(blocks.to_vec());
        let cipher = cbc::Decryptor::<Aes256>::new((&*key).into(), iv.into());
        cipher.decrypt_padded::<NoPadding>(&mut plain).map_err(|_| CredentialsError::Encoding)?;
        match serde_json::from_slice(unpadded(&plain)?) {
            Ok(Value::Object(members)) => Ok(Self(members)),
            _ => Err(CredentialsError::Content),
        }
    }

    /// A member that is a text.
    pub fn text(&self, member: &str) -> Option<&str> {
        self.0.get(member).and_then(Value::as_str)
    }
}

impl Credentials {
    /// A member that the protocol tells.
    pub(crate) fn told(&self, member: &'static str) -> Result<&str, Fault> {
        self.text(member).ok_or(Fault::NoCredential { member: member.into() })
    }
}

/// Without as many bytes as the last one says: padded to multiples of 32, which the usual check for 16 would refuse.
fn unpadded(plain: &[u8]) -> Result<&[u8], CredentialsError> {
    let padding = plain.last().copied().map_or(0, usize::from);
    let length = plain.len().checked_sub(padding).filter(|_| padding > 0);
    length.and_then(|length| plain.get(..length)).ok_or(CredentialsError::Content)
}
