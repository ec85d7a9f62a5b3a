//! The registry: whose tills (identifiers) and whose cards (the second user directory, links) there are, and what
//! becomes of lines that were parked because of them (D7). The commands and the management API are thin edges over
//! this module; what they take is read and checked here.

mod csv;
mod identifiers;
mod parked;
mod reopen;
mod reopening;
mod request;
mod seen;
mod users;

pub use csv::{CSV_BYTES_MAX, CsvReject, IdentifierRows, RowProblem, UserRow, UserRows, read_identifiers, read_users};
pub use identifiers::{Known, Listed, Offboarded, Onboarded};
pub use reopen::{Change, Reopenable, Reopened};
pub use reopening::{REOPEN_ROUNDS_MAX, ReopenStep};
pub use request::{
    FieldError, Invalid, Offboard, Patch, Problem, Triple, read_offboard, read_onboard, read_patch, read_triple,
};
pub use seen::SeenIdentifiers;
pub use users::UsersImported;

#[cfg(test)]
mod tests;
