//! Which keys a folder can hold. Keys come from partners, so nothing in them may lead out of the bucket.

/// As in S3.
const KEY_BYTES_MAX: usize = 1024;
/// As on every usual file system.
const SEGMENT_BYTES_MAX: usize = 255;
/// The archive puts a file's id before its name and `.rejects.csv` behind it; both have to fit.
const DROPPED_BYTES_MAX: usize = 200;

/// Why a key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is empty, or a part of it is: it begins or ends with a slash, or has two in a row.
    #[error("an empty part")]
    EmptyPart,
    /// A part begins with a dot: `..`, or a name that is kept from view.
    #[error("a part begins with a dot")]
    Dot,
    /// A control character, or one that separates folders on some system.
    #[error("a character that no name may have")]
    Character,
    /// It, or a part of it, is longer than a name may be.
    #[error("too long")]
    TooLong,
}

/// A key that a folder can hold.
pub(super) fn check(key: &str) -> Result<(), KeyError> {
    parts(key, SEGMENT_BYTES_MAX)
}

/// A key that a partner may choose.
pub(super) fn check_dropped(key: &str) -> Result<(), KeyError> {
    parts(key, DROPPED_BYTES_MAX)
}

fn parts(key: &str, bytes_max: usize) -> Result<(), KeyError> {
    if key.len() > KEY_BYTES_MAX {
        return Err(KeyError::TooLong);
    }
    key.split('/').try_for_each(|part| match part {
        "" => Err(KeyError::EmptyPart),
        _ if part.starts_with('.') => Err(KeyError::Dot),
        _ if part.contains(|c: char| c.is_control() || c == '\\') => Err(KeyError::Character),
        // a drive of Windows would make the path absolute
        _ if cfg!(windows) && part.contains(':') => Err(KeyError::Character),
        _ if part.len() > bytes_max => Err(KeyError::TooLong),
        _ => Ok(()),
    })
}
