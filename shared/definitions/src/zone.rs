//! Zones of the time zone database that is built in, whatever the machine has.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Deserializer, de::Error};

/// A zone by its name, such as `Europe/London`.
pub(crate) fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
    let name = String::deserialize(deserializer)?;
    TimeZoneDatabase::bundled().get(&name).map_err(|_| D::Error::custom(format!("no time zone is called {name:?}")))
}

/// The zone where none is given.
pub(crate) fn utc() -> TimeZone {
    TimeZone::UTC
}
