//! Derived ids: 16 bytes of SHA-256 over the natural key, never random, so that redelivery finds its own traces
//! (design §4). Parts are length-prefixed, so that ("ab","c") and ("a","bc") differ.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt;

/// A derived id as it stands in keys: 22 characters of base64url.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Id(String);

impl Id {
    /// The id of a natural key. `what` keeps ids of different things apart.
    pub fn derive(what: &str, parts: &[&str]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(digest(what, parts)))
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A UUID-shaped text of the id (version 8: custom), for partners that expect one.
    pub fn as_uuid(&self) -> String {
        let mut bytes = [0u8; 16];
        if let Ok(decoded) = URL_SAFE_NO_PAD.decode(&self.0) {
            for (to, from) in bytes.iter_mut().zip(decoded) {
                *to = from;
            }
        }
        let hex: String = bytes
            .iter()
            .enumerate()
            .map(|(i, b)| match i {
                6 => format!("{:02x}", (b & 0x0f) | 0x80),
                8 => format!("{:02x}", (b & 0x3f) | 0x80),
                _ => format!("{b:02x}"),
            })
            .collect();
        let cut = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}

/// The first 16 bytes of SHA-256 over the parts of a natural key.
pub(crate) fn digest<P: AsRef<[u8]>>(what: &str, parts: &[P]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in std::iter::once(what.as_bytes()).chain(parts.iter().map(AsRef::as_ref)) {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        hash.update(length.to_be_bytes());
        hash.update(part);
    }
    hash.finalize().first_chunk().copied().unwrap_or_default()
}

/// SHA-256 of bytes that come in pieces.
#[derive(Default)]
pub struct Sha256Stream(Sha256);

impl Sha256Stream {
    /// The next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// Lower-case hex of the whole, as [`sha256_hex`].
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// Hex characters of a digest: 64 bits, enough to tell a body from another one.
const DIGEST_CHARS: usize = 16;

/// A short name of some bytes, for logs: `h` and 16 hex characters of their SHA-256. With a letter first it never reads
/// as a card number.
pub fn short_digest(bytes: &[u8]) -> String {
    std::iter::once('h').chain(sha256_hex(bytes).chars().take(DIGEST_CHARS)).collect()
}

/// Lower-case hex SHA-256 of bytes: content hashes of files and messages.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hash_as_the_whole() {
        let mut stream = Sha256Stream::default();
        stream.update(b"one ");
        stream.update(b"two");
        assert_eq!(stream.finish(), sha256_hex(b"one two"));
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(Id::derive("x", &["ab", "c"]), Id::derive("x", &["a", "bc"]));
        assert_ne!(Id::derive("x", &["a"]), Id::derive("y", &["a"]));
        assert_eq!(Id::derive("x", &["a"]).as_str().len(), 22);
    }

    #[test]
    fn an_id_reads_as_a_uuid() {
        let uuid = Id::derive("batch", &["iceland"]).as_uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'8');
    }
}
