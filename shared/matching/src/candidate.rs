//! What the engine may know of a sale.

use harmonia_domain::sale::Sale;
use jiff::Timestamp;

/// A sale that could belong to the payment: the caller guarantees equal merchant, payment scheme, MID, currency and
/// amount (D23), and that the sale is visible and live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The sale's id.
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// When it was imported: one end of the matching window.
    pub arrived: Timestamp,
    /// Empty if there is none.
    pub auth_code: String,
    /// As the till wrote it.
    pub first_six: Option<String>,
    /// As the till wrote it.
    pub last_four: Option<String>,
}

impl From<&Sale> for Candidate {
    fn from(sale: &Sale) -> Self {
        Self {
            id: sale.id.clone(),
            at: sale.at,
            arrived: sale.arrived,
            auth_code: sale.auth_code.clone(),
            first_six: sale.first_six.clone(),
            last_four: sale.last_four.clone(),
        }
    }
}
