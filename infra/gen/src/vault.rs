//! Credentials as the user directory hands them out.

use aes::Aes256;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cbc::Encryptor;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use sha2::{Digest, Sha256};

/// The padding fills blocks of 32 bytes although the cipher's are 16.
const BLOCK: usize = 32;

/// base64(iv ‖ AES-256-CBC), with the key text's SHA-256 as the key.
pub(crate) fn seal(aes_key: &str, iv: [u8; 16], plain: &str) -> String {
    let mut padded = plain.as_bytes().to_vec();
    let missing = BLOCK - padded.len() % BLOCK;
    padded.resize(padded.len() + missing, u8::try_from(missing).unwrap_or(0));
    let key = Sha256::digest(aes_key.as_bytes());
    let cipher = Encryptor::<Aes256>::new(&key, &iv.into());
    let mut sealed = iv.to_vec();
    sealed.extend(cipher.encrypt_padded_vec::<NoPadding>(&padded));
    BASE64_STANDARD.encode(sealed)
}
