//! The invariants of design §4, checked on every row of a store at rest: for simulations, `bench` and tests. What a
//! payment may match is decided here by [`brute`], which shares no code with the engine, so that one mistake cannot
//! hide in both. Invariant 5 (replay) and 8 (audit) compare two stores or read the log and are not questions to rows.

pub mod brute;
mod card_data;
mod claims;
mod conservation;
mod explained;
mod rest;
mod told;
mod truth;

#[cfg(test)]
mod brute_tests;
#[cfg(test)]
mod fixtures;

pub use card_data::check_card_data;
pub use told::check_told;
pub use truth::{Fault, MatchName, Score, With, Wrong, check_truth, feed_totals, score};

use crate::state::Rows;
use harmonia_domain::{
    export::{BookKey, Export},
    feed::Slug,
    purchase::{Current, ExportKey, Purchase, PurchaseKey},
    sale::Sale,
};
use std::{collections::HashMap, fmt};

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its number in design §4.
    pub invariant: u8,
    /// What is wrong: ids, never card tokens.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invariant {}: {}", self.invariant, self.what)
    }
}

/// Checks invariants 1, 2, 3, 4 and 6 on a store at rest: queues empty, nothing under way. Linear in the rows as long
/// as few lines share one book key.
pub fn check(rows: &Rows) -> Vec<Violation> {
    let index = Index::of(rows);
    let mut found = conservation::check(rows);
    found.extend(claims::one_claim(rows, &index));
    found.extend(claims::one_export(rows, &index));
    found.extend(rest::check(rows, &index));
    found.extend(explained::check(rows, &index));
    found
}

/// The rows by their names.
struct Index<'a> {
    purchases: HashMap<&'a PurchaseKey, &'a Purchase>,
    sales: HashMap<(&'a Slug, &'a str), &'a Sale>,
    exports: HashMap<ExportKey, &'a Export>,
}

impl<'a> Index<'a> {
    fn of(rows: &'a Rows) -> Self {
        Self {
            purchases: rows.purchases.iter().map(|p| (&p.key, p)).collect(),
            sales: rows.sales.iter().map(|s| ((&s.merchant, s.id.as_str()), s)).collect(),
            exports: rows.exports.iter().map(|x| (x.key(), x)).collect(),
        }
    }
}

/// The book key of a purchase as it is now (D23).
fn book_key(purchase: &Purchase, now: &Current) -> BookKey {
    BookKey { scheme: purchase.key.scheme, mid: now.mid.clone(), currency: now.currency, minor: now.amount }
}

fn purchase_name(key: &PurchaseKey) -> String {
    format!("purchase {} {} {}", key.scheme, key.id, key.slot.as_str())
}

fn sale_name(merchant: &Slug, id: &str) -> String {
    format!("sale {merchant} {id}")
}

fn export_name(export: &Export) -> String {
    format!("export {} of {}", export.id, export.merchant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_store_and_a_matched_pair_are_fine() {
        assert_eq!(check(&Rows::default()), []);
        assert_eq!(check(&fixtures::pair().rows()), []);
    }

    /// Under a second in release; the limit here is for a debug build on a busy machine.
    #[test]
    fn ten_thousand_of_each_are_no_matter() {
        let rows = fixtures::many(10_000);
        let start = std::time::Instant::now();
        assert_eq!(check(&rows), []);
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }

    /// The number of the invariant comes first, so that a list of them sorts and reads by it.
    #[test]
    fn a_violation_reads_by_its_number() {
        let violation = Violation { invariant: 4, what: "purchase visa 1 P is open".into() };
        assert_eq!(violation.to_string(), "invariant 4: purchase visa 1 P is open");
    }
}
