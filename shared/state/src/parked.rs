//! Entries of parked lines in the book: one for each thing that could set a line free. They are rows and not entries
//! of the index `work` for two reasons: whoever onboards or links lists them *consistently* after writing ("park, then
//! look again", design §4; an index may lag behind), and one line can wait for several identifier texts at once.
//! An index entry: the truth is on the purchase or the sale.

use crate::store::{Row, days_after};
use harmonia_domain::{
    card::TokenHash,
    feed::{Kind, Scheme, Slug},
    purchase::{PaymentFacts, Purchase, PurchaseKey},
    sale::Sale,
    time::sortable,
};
use harmonia_ports::{Key, Table};
use jiff::Timestamp;

/// Parked lines can be re-opened so long (state.md TTL).
const PARKED_DAYS: i64 = 120;

/// What a parked line waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WaitsFor {
    /// An identifier text of a payment scheme, of whatever type.
    Mid {
        /// Whose text.
        scheme: Scheme,
        /// The text.
        text: String,
    },
    /// A card at a merchant.
    Card {
        /// The merchant.
        merchant: Slug,
        /// The card.
        token: TokenHash,
    },
    /// A merchant's location.
    Location {
        /// The merchant.
        merchant: Slug,
        /// Its name of the place.
        location: String,
    },
}

impl WaitsFor {
    /// The partition of everything that waits for it.
    pub fn pk(&self) -> String {
        match self {
            Self::Mid { scheme, text } => format!("K#mid#{scheme}#{text}"),
            Self::Card { merchant, token } => format!("K#card#{merchant}#{}", token.0),
            Self::Location { merchant, location } => format!("K#loc#{merchant}#{location}"),
        }
    }
}

/// Which line is parked.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParkedName {
    /// A line of a purchase.
    Payment {
        /// The purchase.
        p: PurchaseKey,
        /// Which of its lines.
        kind: Kind,
    },
    /// A sale.
    Sale {
        /// Whose.
        merchant: Slug,
        /// The merchant's id of it.
        id: String,
    },
}

/// A parked line under one thing that it waits for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ParkedLine {
    /// What it waits for.
    #[serde(rename = "for")]
    pub waits_for: WaitsFor,
    /// Which line.
    pub line: ParkedName,
    /// When it was imported: the order of the list.
    #[serde(rename = "arr")]
    pub arrived: Timestamp,
    /// The version of the item with which it was parked. A line that is re-opened and parked again has another entry,
    /// so that whoever re-opened it first cannot delete the second one's.
    #[serde(rename = "pv")]
    pub parked_at_version: u64,
}

impl ParkedLine {
    /// The entries of a payment line, as it is parked in the purchase's version.
    pub fn of_payment(purchase: &Purchase, kind: Kind, version: u64) -> Vec<Self> {
        let Some(facts) = purchase.line(kind) else { return Vec::new() };
        let entry = |waits_for| Self {
            waits_for,
            line: ParkedName::Payment { p: purchase.key.clone(), kind },
            arrived: facts.arrived,
            parked_at_version: version,
        };
        waits_for(purchase.key.scheme, facts).into_iter().map(entry).collect()
    }

    /// The entry of a sale whose location is not known.
    pub fn of_sale(sale: &Sale, version: u64) -> Option<Self> {
        let location = sale.location.clone().filter(|_| sale.waits_for_location())?;
        Some(Self {
            waits_for: WaitsFor::Location { merchant: sale.merchant.clone(), location },
            line: ParkedName::Sale { merchant: sale.merchant.clone(), id: sale.id.clone() },
            arrived: sale.arrived,
            parked_at_version: version,
        })
    }
}

fn waits_for(scheme: Scheme, facts: &PaymentFacts) -> Vec<WaitsFor> {
    if facts.waits_for_mid() {
        let mids = facts.mids();
        let mut texts: Vec<&str> = mids.pairs().map(|(_, text)| text).collect();
        texts.sort_unstable();
        texts.dedup();
        return texts.into_iter().map(|text| WaitsFor::Mid { scheme, text: text.to_owned() }).collect();
    }
    let merchant = facts.identifier.as_ref().map(|i| i.merchant.clone()).filter(|_| facts.waits_for_card());
    merchant.map(|merchant| WaitsFor::Card { merchant, token: facts.token.clone() }).into_iter().collect()
}

impl Row for ParkedLine {
    const TABLE: Table = Table::Book;

    fn key(&self) -> Key {
        let line = match &self.line {
            ParkedName::Payment { p, kind } => format!("{}#{}#{kind}", p.id, p.slot.as_str()),
            ParkedName::Sale { id, .. } => id.clone(),
        };
        let sk = format!("{}#{line}#{:06}", sortable(self.arrived), self.parked_at_version);
        Key::new(self.waits_for.pk(), sk)
    }

    fn expires(&self) -> Timestamp {
        days_after(self.arrived, PARKED_DAYS)
    }
}
