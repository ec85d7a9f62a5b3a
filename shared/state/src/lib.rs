//! Rows, keys and conditional writes of state.md over the [`Tables`](harmonia_ports::Tables) port: what is stored
//! where, in one place. A row is a domain value plus what only storage cares about: its key, its entry in `work` and
//! its time to live. Short names on disk, long ones here.

mod book;
mod ledger;
mod parked;
mod registry;
mod store;
pub mod work;

pub use book::{
    BookedPayment, BookedSale, DifferingLine, book_partitions, book_prefix, booked_with, purchase_key, purchase_pk,
    sale_key,
};
pub use ledger::{FileHash, FileKey, Range, Sequence, ToldUid, batch_pk, export_row_key, file_key};
pub use parked::{ParkedLine, ParkedName, WaitsFor};
pub use registry::{
    DirectoryUser, IdentifierSeen, NewestIdentity, StoredIdentity, UnknownIdentifier, control_key, identifier_pk,
    locations_pk,
};
pub use store::{Row, Store, Stored, StoredError, item, parse, put_write};
