//! Payments that found no sale in time, told to another receiver (spec match §10.1).

use harmonia_domain::feed::{Scheme, Slug};

/// Which payments are collected for this receiver.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unmatched {
    /// The merchant that was paid.
    #[schemars(schema_with = "crate::schema::slug")]
    pub of: Slug,
    /// Payments of days that ended at least so many whole days ago.
    pub after_days: u16,
    /// Whose days.
    #[serde(default = "crate::utc")]
    pub zone: String,
    /// Of these payment schemes only what has been settled.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub settled_only: Vec<Scheme>,
    /// The collector runs every so many seconds, counted from midnight UTC; full minutes.
    pub every_s: u32,
}
