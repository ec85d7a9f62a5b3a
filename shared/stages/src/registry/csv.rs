//! Files that people load: identifiers (spec import §10.4) and users of the second directory. Pure: text in, rows and
//! faults out. Other than the original, quotes are read as quotes, a byte order mark is accepted, and a wrong row is
//! reported by line, field and reason and does not cost the others (D2's spirit).

use super::request::TEXT_CHARS_MAX;
use ::csv::{ByteRecord, ReaderBuilder, Trim};
use harmonia_domain::{card::TOKEN_BYTES_MAX, feed::Slug, identifier::Identifier, outcome::ValueClass};
use secrecy::SecretString;
use std::collections::HashMap;

/// Largest file that is loaded: a hundred thousand rows; the commands hold it in memory.
pub const CSV_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest location (spec import §2.4: varchar(250)).
const LOCATION_CHARS_MAX: usize = 250;
/// Longest postcode (spec import §2.4: varchar(16)).
const POSTCODE_CHARS_MAX: usize = 16;
/// Longest loyalty id (spec import §2.5: varchar(250)).
const LOYALTY_ID_CHARS_MAX: usize = 250;
/// Longest credentials: with everything else of an identity below a tenth of DynamoDB's item.
const CREDENTIALS_CHARS_MAX: usize = 20_000;
/// Columns of an identifiers file.
const COLUMNS: [&str; 10] = [
    "payment provider slug",
    "identifier",
    "identifier type",
    "loyalty scheme slug",
    "location id",
    "merchant internal id",
    "loyalty scheme name",
    "location",
    "postcode",
    "action",
];
/// Columns of a users file; these have to be there.
const USER_COLUMNS: [&str; 8] =
    ["merchant", "token", "loyalty_id", "scheme_account_id", "user_id", "credentials", "first_six", "last_four"];
/// These may be missing.
const USER_COLUMNS_OPTIONAL: [&str; 3] = ["expiry_month", "expiry_year", "payment_card_account_id"];

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum RowProblem {
    #[error("the row has {got} columns, not {wanted}")]
    Columns { got: usize, wanted: usize },
    #[error("the row has 11 columns, not 10: this is the squaremeal layout, which is another format")]
    SquaremealLayout,
    #[error("not UTF-8")]
    NotUtf8,
    #[error("needed")]
    Needed,
    #[error("longer than {max} characters")]
    TooLong { max: usize },
    #[error("not PRIMARY, SECONDARY or PSIMI")]
    NotType,
    #[error("not one of our payment schemes: visa, mastercard, amex")]
    NotScheme,
    #[error("not a slug: lower-case letters and digits in groups joined by single hyphens")]
    NotSlug,
    #[error("not a whole number")]
    NotNumber,
    #[error("not {digits} digits")]
    NotDigits { digits: usize },
    #[error("first six and last four belong together: one of them is blank")]
    HalfCard,
    #[error("the header does not name this column")]
    NoColumn,
    #[error("the file has more than {max} bytes")]
    FileTooLarge { max: usize },
}

/// A row that was not taken. Names the class of the value, never the value: it may be card data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {problem} (value: {class:?})", field.map(|f| format!(", {f}")).unwrap_or_default())]
pub struct CsvReject {
    /// Line in the file, from 1.
    pub line: u64,
    /// The column, if it is one column's fault.
    pub field: Option<&'static str>,
    /// What is wrong.
    pub problem: RowProblem,
    /// What stood there.
    pub class: ValueClass,
}

/// An identifiers file as read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct IdentifierRows {
    /// Rows to be onboarded.
    pub identifiers: Vec<Identifier>,
    /// Rows whose action is not A: left alone, as in the original.
    pub ignored: usize,
    /// Rows that are wrong.
    pub rejected: Vec<CsvReject>,
}

/// A row of a users file.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names are the columns")]
pub struct UserRow {
    pub merchant: Slug,
    pub token: SecretString,
    pub loyalty_id: String,
    pub scheme_account_id: i64,
    pub user_id: i64,
    pub credentials: String,
    pub digits: Option<(String, String)>,
    pub expiry_month: Option<i64>,
    pub expiry_year: Option<i64>,
    pub payment_card_account_id: Option<i64>,
}

/// A users file as read.
#[derive(Debug, Default)]
pub struct UserRows {
    /// Rows to be loaded, in order.
    pub users: Vec<UserRow>,
    /// Rows that are wrong.
    pub rejected: Vec<CsvReject>,
}

/// One row under examination: its values, and the first fault.
struct Row<'a> {
    line: u64,
    values: Vec<&'a str>,
}

type Value<T> = Result<T, CsvReject>;

impl<'a> Row<'a> {
    fn reject(&self, field: Option<&'static str>, problem: RowProblem, value: &str) -> CsvReject {
        CsvReject { line: self.line, field, problem, class: ValueClass::of(value) }
    }

    fn at(&self, column: usize) -> &'a str {
        self.values.get(column).copied().unwrap_or_default()
    }

    fn up_to(&self, column: usize, field: &'static str, max: usize) -> Value<Option<&'a str>> {
        match self.at(column) {
            "" => Ok(None),
            long if long.chars().count() > max => Err(self.reject(Some(field), RowProblem::TooLong { max }, long)),
            text => Ok(Some(text)),
        }
    }

    fn needed(&self, column: usize, field: &'static str, max: usize) -> Value<&'a str> {
        self.up_to(column, field, max)?.ok_or_else(|| self.reject(Some(field), RowProblem::Needed, ""))
    }

    fn parsed<T: std::str::FromStr>(&self, column: usize, field: &'static str, problem: RowProblem) -> Value<T> {
        let text = self.needed(column, field, TEXT_CHARS_MAX)?;
        text.parse().map_err(|_| self.reject(Some(field), problem, text))
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Calls `row` for each record that is text.
fn rows(bytes: &[u8], rejected: &mut Vec<CsvReject>, mut row: impl FnMut(&Row<'_>) -> Value<()>) {
    if bytes.len() > CSV_BYTES_MAX {
        let problem = RowProblem::FileTooLarge { max: CSV_BYTES_MAX };
        return rejected.push(CsvReject { line: 1, field: None, problem, class: ValueClass::Long });
    }
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(without_mark(bytes));
    let mut record = ByteRecord::new();
    // reading from memory cannot fail, and a flexible reader takes any record
    while let Ok(true) = reader.read_byte_record(&mut record) {
        let line = record.position().map_or(0, ::csv::Position::line);
        let read = record.iter().map(std::str::from_utf8).collect::<Result<Vec<&str>, _>>();
        let done = match read {
            Ok(values) => row(&Row { line, values }),
            Err(_) => Err(CsvReject { line, field: None, problem: RowProblem::NotUtf8, class: ValueClass::Text }),
        };
        rejected.extend(done.err());
    }
}

/// Reads an identifiers file: no header, ten columns, blank lines skipped.
pub fn read_identifiers(bytes: &[u8]) -> IdentifierRows {
    let mut read = IdentifierRows::default();
    let mut rejected = Vec::new();
    rows(bytes, &mut rejected, |row| {
        match row.values.len() {
            10 => {}
            11 => return Err(row.reject(None, RowProblem::SquaremealLayout, row.at(0))),
            got => return Err(row.reject(None, RowProblem::Columns { got, wanted: COLUMNS.len() }, row.at(0))),
        }
        if row.at(9).eq_ignore_ascii_case("a") {
            read.identifiers.push(identifier(row)?);
        } else {
            read.ignored += 1;
        }
        Ok(())
    });
    IdentifierRows { rejected, ..read }
}

fn identifier(row: &Row<'_>) -> Value<Identifier> {
    let [provider, text, kind, merchant, location_id, internal, _, location, postcode, _] = COLUMNS;
    let owned = |value: Option<&str>| value.map(str::to_owned);
    Ok(Identifier {
        scheme: row.parsed(0, provider, RowProblem::NotScheme)?,
        text: row.needed(1, text, TEXT_CHARS_MAX)?.to_owned(),
        kind: row.parsed(2, kind, RowProblem::NotType)?,
        merchant: row.parsed(3, merchant, RowProblem::NotSlug)?,
        location_id: owned(row.up_to(4, location_id, TEXT_CHARS_MAX)?),
        merchant_internal_id: owned(row.up_to(5, internal, TEXT_CHARS_MAX)?),
        location: owned(row.up_to(7, location, LOCATION_CHARS_MAX)?),
        postcode: owned(row.up_to(8, postcode, POSTCODE_CHARS_MAX)?),
    })
}

/// Reads a users file: a header with the columns in any order, others are ignored.
pub fn read_users(bytes: &[u8]) -> UserRows {
    let mut read = UserRows::default();
    let mut rejected = Vec::new();
    let mut header: Option<HashMap<&'static str, usize>> = None;
    rows(bytes, &mut rejected, |row| {
        let Some(columns) = &header else {
            // without a usable header no row means anything: an empty one lets all others pass unread
            let found = user_header(row);
            header = Some(found.clone().unwrap_or_default());
            return found.map(drop);
        };
        if columns.is_empty() {
            return Ok(());
        }
        // the row as if it had the columns in our order
        let place = |name: &&'static str| columns.get(name).map_or("", |at| row.at(*at));
        let values = USER_COLUMNS.iter().chain(&USER_COLUMNS_OPTIONAL).map(place).collect();
        read.users.push(user(&Row { line: row.line, values })?);
        Ok(())
    });
    UserRows { rejected, ..read }
}

fn user_header(row: &Row<'_>) -> Value<HashMap<&'static str, usize>> {
    let find = |name: &'static str| row.values.iter().position(|v| *v == name).map(|at| (name, at));
    if let Some(missing) = USER_COLUMNS.into_iter().find(|name| find(name).is_none()) {
        return Err(row.reject(Some(missing), RowProblem::NoColumn, ""));
    }
    Ok(USER_COLUMNS.into_iter().chain(USER_COLUMNS_OPTIONAL).filter_map(find).collect())
}

fn user(row: &Row<'_>) -> Value<UserRow> {
    let [merchant, token, loyalty_id, account, user, credentials, six, four] = USER_COLUMNS;
    let [month, year, card_account] = USER_COLUMNS_OPTIONAL;
    let number = |column, field| row.parsed::<i64>(column, field, RowProblem::NotNumber);
    let maybe = |column, field| if row.at(column).is_empty() { Ok(None) } else { number(column, field).map(Some) };
    Ok(UserRow {
        merchant: row.parsed(0, merchant, RowProblem::NotSlug)?,
        token: SecretString::from(row.needed(1, token, TOKEN_BYTES_MAX)?),
        loyalty_id: row.needed(2, loyalty_id, LOYALTY_ID_CHARS_MAX)?.to_owned(),
        scheme_account_id: number(3, account)?,
        user_id: number(4, user)?,
        credentials: row.up_to(5, credentials, CREDENTIALS_CHARS_MAX)?.unwrap_or_default().to_owned(),
        digits: card(row, six, four)?,
        expiry_month: maybe(8, month)?,
        expiry_year: maybe(9, year)?,
        payment_card_account_id: maybe(10, card_account)?,
    })
}

/// Both digits, or neither: then the directory has "no card information" (spec import §9).
fn card(row: &Row<'_>, six: &'static str, four: &'static str) -> Value<Option<(String, String)>> {
    let digits = |column, field, digits: usize| match row.at(column) {
        "" => Ok(None),
        text if text.len() == digits && text.bytes().all(|b| b.is_ascii_digit()) => Ok(Some(text.to_owned())),
        text => Err(row.reject(Some(field), RowProblem::NotDigits { digits }, text)),
    };
    match (digits(6, six, 6)?, digits(7, four, 4)?) {
        (Some(first), Some(last)) => Ok(Some((first, last))),
        (None, None) => Ok(None),
        _ => Err(row.reject(Some(six), RowProblem::HalfCard, "")),
    }
}

#[cfg(test)]
mod tests;
