//! Every row of a store, for reports and tests: what `replay` prints and what the invariants are checked on. Stages
//! never see all rows at once.

use harmonia_domain::{
    export::{Batch, Export},
    file::File,
    identity::Identity,
    purchase::Purchase,
    sale::Sale,
};
use harmonia_ports::Item;
use harmonia_state::{
    BookedPayment, BookedSale, DifferingLine, NewestIdentity, ParkedLine, Range, StoredError, StoredIdentity, parse,
};

/// The rows, each kind in the order of its keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// P
    pub purchases: Vec<Purchase>,
    /// D: payment lines whose id another line has with other content.
    pub differing: Vec<DifferingLine>,
    /// S
    pub sales: Vec<Sale>,
    /// BP
    pub open_payments: Vec<BookedPayment>,
    /// BS
    pub booked_sales: Vec<BookedSale>,
    /// K
    pub parked: Vec<ParkedLine>,
    /// X
    pub exports: Vec<Export>,
    /// BT
    pub batches: Vec<Batch>,
    /// F
    pub files: Vec<File>,
    /// FR
    pub ranges: Vec<Range>,
    /// I
    pub identities: Vec<Identity>,
}

impl Rows {
    /// Sorts items into kinds by the prefix of their partition key.
    pub fn from_items(items: impl IntoIterator<Item = Item>) -> Result<Self, StoredError> {
        let mut rows = Self::default();
        for item in items {
            match item.key.pk.split('#').next().unwrap_or_default() {
                "P" if item.key.sk.starts_with(DifferingLine::PREFIX) => {
                    rows.differing.push(parse::<DifferingLine>(item)?.row);
                }
                "P" => rows.purchases.push(parse::<Purchase>(item)?.row),
                "S" => rows.sales.push(parse::<Sale>(item)?.row),
                "BP" => rows.open_payments.push(parse::<BookedPayment>(item)?.row),
                "BS" => rows.booked_sales.push(parse::<BookedSale>(item)?.row),
                "K" => rows.parked.push(parse::<ParkedLine>(item)?.row),
                "X" => rows.exports.push(parse::<Export>(item)?.row),
                "BT" => rows.batches.push(parse::<Batch>(item)?.row),
                "F" => rows.files.push(parse::<File>(item)?.row),
                "FR" => rows.ranges.push(parse::<Range>(item)?.row),
                "I" if !NewestIdentity::is_key(&item.key) => rows.identities.push(parse::<StoredIdentity>(item)?.row.0),
                _ => {}
            }
        }
        Ok(rows)
    }
}
