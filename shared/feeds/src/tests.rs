//! Tests of the crate as its users see it.

mod files;
mod messages;
mod payments;
mod properties;
