//! Rows of the table `book`: purchases, sales and their index entries (state.md items P, S, BP, BS).

use crate::{
    store::{Row, days_after},
    work,
};
use harmonia_domain::{
    export::BookKey,
    feed::{Kind, Scheme, Slug},
    identity::IdentityRef,
    ids::Id,
    outcome::ParkReason,
    purchase::{Purchase, PurchaseKey},
    sale::Sale,
    time::sortable,
};
use harmonia_ports::{Key, Table, Work};
use jiff::Timestamp;

/// Payments live so long (design §4, horizon).
const PURCHASE_DAYS: i64 = 400;
/// Sales live so long (design §4, horizon).
const SALE_DAYS: i64 = 120;
/// Book entries outlive the matching window by so much (state.md TTL); the window itself is at most 60 days.
const ENTRY_DAYS: i64 = 63;
/// A merchant's book is split so many ways: listing it costs that many queries per payment scheme (state.md).
const BOOK_SHARDS: u64 = 64;

/// The key of a purchase.
pub fn purchase_key(key: &PurchaseKey) -> Key {
    Key::new(format!("P#{}#{}", key.scheme, key.id), key.slot.as_str())
}

/// The key of a sale.
pub fn sale_key(merchant: &Slug, id: &str) -> Key {
    Key::new(format!("S#{merchant}#{id}"), "S")
}

impl Row for Purchase {
    const TABLE: Table = Table::Book;

    fn key(&self) -> Key {
        purchase_key(&self.key)
    }

    /// Only what a clock takes up: lines that wait for the directory. Those that wait for a person stand in entries of
    /// their own ([`crate::ParkedLine`]).
    fn work(&self) -> Option<Work> {
        let mut lines = self.kinds().filter_map(|kind| self.line(kind).map(|line| (kind, line)));
        let (kind, line) = lines.find(|(_, line)| line.parked == Some(ParkReason::DirectoryUnavailable))?;
        let ws = work::at(line.due.unwrap_or(line.arrived), &format!("{}#{kind}", self.key.id));
        self.takes_identities().then(|| Work { wk: work::directory_shard_of(&self.key.id), ws })
    }

    fn expires(&self) -> Timestamp {
        let latest = self.kinds().filter_map(|k| self.line(k).map(|l| l.arrived)).max();
        days_after(latest.unwrap_or_default(), PURCHASE_DAYS)
    }
}

impl Row for Sale {
    const TABLE: Table = Table::Book;

    fn key(&self) -> Key {
        sale_key(&self.merchant, &self.id)
    }

    fn expires(&self) -> Timestamp {
        days_after(self.arrived, SALE_DAYS)
    }
}

fn shard(key: &BookKey) -> u64 {
    let text = format!("{}#{}#{}", key.mid, key.currency, key.minor.0);
    let id = Id::derive("book", &[&text]);
    let sum = id.as_str().bytes().fold(0_u64, |sum, b| sum.wrapping_mul(31).wrapping_add(u64::from(b)));
    sum % BOOK_SHARDS
}

/// Partition and sort-key prefix of a book key; `side` is `BP` (payments) or `BS` (sales).
pub fn book_prefix(side: &str, merchant: &Slug, key: &BookKey) -> (String, String) {
    let pk = format!("{side}#{merchant}#{}#{}", key.scheme, shard(key));
    (pk, format!("{}#{}#{}#", key.mid, key.currency, key.minor.0))
}

/// The partitions of one side of a merchant's book, `BP` or `BS`, for one payment scheme: a MID's entries are in all of
/// them.
pub fn book_partitions(side: &str, merchant: &Slug, scheme: Scheme) -> impl Iterator<Item = String> {
    let part = format!("{side}#{merchant}#{scheme}");
    (0..BOOK_SHARDS).map(move |shard| format!("{part}#{shard}"))
}

/// An open payment in the book. An index entry: the truth is on the purchase.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BookedPayment {
    /// Whose book.
    #[serde(rename = "m")]
    pub merchant: Slug,
    /// Under which key.
    pub bk: BookKey,
    /// When the payment happened.
    pub at: Timestamp,
    /// Which purchase.
    pub p: PurchaseKey,
    /// The line whose identity this is.
    pub kind: Kind,
    /// Whose card.
    pub who: IdentityRef,
    /// Arrival and line number of the last change: the order of examination (D24).
    pub changed: (Timestamp, u64),
}

impl Row for BookedPayment {
    const TABLE: Table = Table::Book;

    fn key(&self) -> Key {
        let (pk, prefix) = book_prefix("BP", &self.merchant, &self.bk);
        // the kind is part of the key: a late entry of an auth does not overwrite its settlement's
        Key::new(pk, format!("{prefix}{}#{}#{}#{}", sortable(self.at), self.p.id, self.p.slot.as_str(), self.kind))
    }

    fn expires(&self) -> Timestamp {
        days_after(self.changed.0, ENTRY_DAYS)
    }
}

/// A sale in the book, one entry for each of its MIDs. An index entry: the truth is on the sale.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BookedSale {
    /// Whose book.
    #[serde(rename = "m")]
    pub merchant: Slug,
    /// Under which key.
    pub bk: BookKey,
    /// The sale's id.
    pub id: String,
    /// When the sale happened.
    pub at: Timestamp,
    /// When it was imported.
    #[serde(rename = "arr")]
    pub arrived: Timestamp,
    /// The file that has to be closed before anybody may see it.
    #[serde(rename = "grp", skip_serializing_if = "Option::is_none", default)]
    pub group: Option<String>,
    /// Empty if there is none.
    pub code: String,
    /// As the till wrote it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub f6: Option<String>,
    /// As the till wrote it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub l4: Option<String>,
}

impl BookedSale {
    /// The entries of a sale; none while it waits for its location.
    pub fn of(sale: &Sale) -> Vec<Self> {
        if sale.waits_for_location() {
            return Vec::new();
        }
        let entry = |mid: &String| Self {
            merchant: sale.merchant.clone(),
            bk: BookKey { scheme: sale.scheme, mid: mid.clone(), currency: sale.currency, minor: sale.amount },
            id: sale.id.clone(),
            at: sale.at,
            arrived: sale.arrived,
            group: sale.group.clone(),
            code: sale.auth_code.clone(),
            f6: sale.first_six.clone(),
            l4: sale.last_four.clone(),
        };
        sale.mids.iter().map(entry).collect()
    }
}

impl Row for BookedSale {
    const TABLE: Table = Table::Book;

    fn key(&self) -> Key {
        let (pk, prefix) = book_prefix("BS", &self.merchant, &self.bk);
        Key::new(pk, format!("{prefix}{}#{}", sortable(self.at), self.id))
    }

    fn expires(&self) -> Timestamp {
        days_after(self.arrived, ENTRY_DAYS)
    }
}
