//! How long things may be, and who says so. A longer value is rejected, never cut: a cut id would join strangers.

use harmonia_domain::{
    card::TOKEN_BYTES_MAX,
    money::{AmountError, Currency, MinorUnits},
    outcome::{Reject, RejectReason, ValueClass},
};
use secrecy::SecretString;

/// Longest message: what SQS carries.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Deepest message: what is kept of one becomes part of a row, a row has 32 levels at most (DynamoDB), and the row
/// itself and its change take a few.
pub const JSON_DEPTH_MAX: usize = 24;
/// Longest line of a file. A message carries one line, so a line of a file may be as long as one.
pub const LINE_BYTES_MAX: usize = MESSAGE_BYTES_MAX;
/// Longest field that is looked at: far above any till's, far below a line.
pub const FIELD_BYTES_MAX: usize = 64 * 1024;
/// Longest transaction id (spec import §2.1: varchar(100)).
pub const ID_CHARS_MAX: usize = 100;
/// Longest MID (spec import §2.3: varchar(50)).
pub const MID_CHARS_MAX: usize = 50;
/// Longest auth or approval code (spec import §2.3: varchar(20)).
pub const CODE_CHARS_MAX: usize = 20;
/// Longest currency (spec import §2.3: varchar(3)).
pub const CURRENCY_CHARS_MAX: usize = 3;
/// First digits of a card that may be kept (design §4, invariant 7).
pub const FIRST_DIGITS_MAX: usize = 6;
/// Last digits of a card that may be kept (design §4, invariant 7).
pub const LAST_DIGITS_MAX: usize = 4;

fn at_most(field: &str, text: &str, chars: usize, reason: RejectReason) -> Result<String, Reject> {
    // most texts have no more bytes than they may have characters
    let long = text.len() > chars && text.chars().count() > chars;
    if long { Err(Reject::value(field, reason, text)) } else { Ok(text.to_owned()) }
}

/// A transaction id or a part of one.
pub(crate) fn id(field: &str, text: &str) -> Result<String, Reject> {
    at_most(field, text, ID_CHARS_MAX, RejectReason::TooLong)
}

/// A payment's id: a blank one would make strangers duplicates of each other (D6 helps Mastercard's only).
pub(crate) fn payment_id(field: &str, text: &str) -> Result<String, Reject> {
    if text.trim().is_empty() {
        return Err(Reject::value(field, RejectReason::MissingField, text));
    }
    id(field, text)
}

/// An identifier text.
pub(crate) fn mid(field: &str, text: &str) -> Result<String, Reject> {
    at_most(field, text, MID_CHARS_MAX, RejectReason::TooLong)
}

/// An identifier text that counts only if it is not empty (spec import §6).
pub(crate) fn optional_mid(field: &str, text: &str) -> Result<Option<String>, Reject> {
    if text.is_empty() { Ok(None) } else { mid(field, text).map(Some) }
}

/// An auth or approval code.
pub(crate) fn code(field: &str, text: &str) -> Result<String, Reject> {
    at_most(field, text, CODE_CHARS_MAX, RejectReason::TooLong)
}

/// First six digits. A longer text may be a whole card number, which must go no further.
pub(crate) fn first_six(field: &str, text: &str) -> Result<String, Reject> {
    at_most(field, text, FIRST_DIGITS_MAX, RejectReason::BadCardDigits)
}

/// Last four digits.
pub(crate) fn last_four(field: &str, text: &str) -> Result<String, Reject> {
    at_most(field, text, LAST_DIGITS_MAX, RejectReason::BadCardDigits)
}

/// A card token. A blank one names no card.
pub(crate) fn token(field: &str, text: &str) -> Result<SecretString, Reject> {
    let reason = match text.len() {
        _ if text.trim().is_empty() => RejectReason::BadCardToken,
        long if long > TOKEN_BYTES_MAX => RejectReason::TooLong,
        _ => return Ok(SecretString::from(text)),
    };
    Err(Reject::value(field, reason, text))
}

/// A currency, normalised (D23).
pub(crate) fn currency(field: &str, text: &str) -> Result<Currency, Reject> {
    let short = at_most(field, text.trim(), CURRENCY_CHARS_MAX, RejectReason::TooLong)?;
    Currency::parse(&short).map_err(|_| Reject::value(field, RejectReason::BadCurrency, text))
}

/// An amount, read by one of the readers of [`MinorUnits`]; the class of the value is given by its source.
pub(crate) fn amount(
    field: &str,
    read: Result<MinorUnits, AmountError>,
    class: ValueClass,
) -> Result<MinorUnits, Reject> {
    read.map_err(|error| {
        let reason = match error {
            AmountError::TooLarge => RejectReason::AmountTooLarge,
            AmountError::Empty | AmountError::Malformed => RejectReason::BadAmount,
        };
        Reject { field: field.to_owned(), reason, class }
    })
}
