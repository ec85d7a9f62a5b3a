//! Rows of the table `book`: purchases, sales and their index entries (state.md items P, S, BP, BS).

use crate::{
    store::{Row, days_after},
    work,
};
use harmonia_domain::{
    export::BookKey,
    feed::{Kind, Scheme, Slug},
    identifier::IdentifierType,
    identity::IdentityRef,
    ids::Id,
    outcome::ParkReason,
    purchase::{Current, MatchedIdentifier, PaymentFacts, Purchase, PurchaseKey},
    sale::Sale,
    time::sortable,
};
use harmonia_ports::{Key, OneOf, Table, Work};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Payments live so long (design §4, horizon).
const PURCHASE_DAYS: i64 = 400;
/// Sales live so long (design §4, horizon).
const SALE_DAYS: i64 = 120;
/// Entries of payments outlive the matching window, at most 60 days, by three (state.md TTL): a sale that arrives later
/// is out of their window.
const PAYMENT_ENTRY_DAYS: i64 = 63;
/// A merchant's book is split so many ways: listing it costs that many queries per payment scheme (state.md).
const BOOK_SHARDS: u64 = 64;

/// The key of a purchase.
pub fn purchase_key(key: &PurchaseKey) -> Key {
    Key::new(purchase_pk(key.scheme, &key.id), key.slot.as_str())
}

/// The partition of everything that has a provider's id: purchases, a refund, lines that differ.
pub fn purchase_pk(scheme: Scheme, id: &str) -> String {
    format!("P#{scheme}#{id}")
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

/// A payment line whose kind and id an earlier line has taken with other content. It changes nothing and stays with
/// the purchase, to be shown and counted.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DifferingLine {
    /// The payment scheme.
    #[serde(rename = "scheme")]
    pub scheme: Scheme,
    /// The provider's id.
    pub id: String,
    /// Its kind.
    pub kind: Kind,
    /// What it says.
    pub line: PaymentFacts,
}

impl DifferingLine {
    /// One line. Why it would be parked says nothing: nothing waits for it.
    pub fn new(scheme: Scheme, id: String, kind: Kind, line: PaymentFacts) -> Self {
        Self { scheme, id, kind, line: PaymentFacts { parked: None, ..line } }
    }

    /// Its sort key begins so; those of purchases do not.
    pub const PREFIX: &str = "D#";
}

impl Row for DifferingLine {
    const TABLE: Table = Table::Book;

    fn key(&self) -> Key {
        let src = &self.line.src;
        let sk = format!("{}{}#{}#{}", Self::PREFIX, self.kind, src.from, src.offset);
        Key::new(purchase_pk(self.scheme, &self.id), sk)
    }

    fn expires(&self) -> Timestamp {
        days_after(self.line.arrived, PURCHASE_DAYS)
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

/// Only entries, of either side, with one of these auth codes; `None` if there are no codes, or too many to ask for.
pub fn booked_with<'a>(codes: impl IntoIterator<Item = &'a str>) -> Option<OneOf> {
    let codes: BTreeSet<&str> = codes.into_iter().collect();
    let texts: Vec<String> = codes.into_iter().map(str::to_owned).collect();
    (1..=OneOf::TEXTS_MAX).contains(&texts.len()).then_some(OneOf { field: "code", texts })
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
    /// When the first line arrived: one end of the matching window.
    #[serde(rename = "arr")]
    pub arrived: Timestamp,
    /// Empty if there is none.
    pub code: String,
    /// What the payment itself shows of the card.
    #[serde(rename = "f6", skip_serializing_if = "Option::is_none", default)]
    pub first_six: Option<String>,
    /// What the payment itself shows of the card.
    #[serde(rename = "l4", skip_serializing_if = "Option::is_none", default)]
    pub last_four: Option<String>,
    /// The purchase's generation when the entry was written: whoever finishes off a match that was undone meanwhile
    /// leaves the entry of the payment that is open again.
    #[serde(rename = "gen", default)]
    pub generation: u32,
}

impl BookedPayment {
    /// The entry of a purchase as it is now.
    pub fn of(purchase: &Purchase, now: &Current, who: IdentityRef) -> Self {
        Self {
            merchant: now.identifier.merchant.clone(),
            bk: purchase.book_key(now),
            at: now.at,
            p: purchase.key.clone(),
            kind: now.identity_of,
            who,
            changed: now.changed,
            arrived: now.arrived,
            code: now.auth_code.clone(),
            first_six: now.first_six.clone(),
            last_four: now.last_four.clone(),
            generation: purchase.generation,
        }
    }

    /// The payment as it was when the entry was made, for a policy's key: whoever changes it later examines it anew.
    pub fn seen(&self) -> Current {
        let identifier = MatchedIdentifier {
            merchant: self.merchant.clone(),
            kind: IdentifierType::Primary,
            text: self.bk.mid.clone(),
            location_id: None,
            merchant_internal_id: None,
        };
        Current {
            identity_of: self.kind,
            at: self.at,
            amount: self.bk.minor,
            currency: self.bk.currency,
            auth_code: self.code.clone(),
            approval_code: String::new(),
            first_six: self.first_six.clone(),
            last_four: self.last_four.clone(),
            mid: self.bk.mid.clone(),
            identifier,
            arrived: self.arrived,
            changed: self.changed,
        }
    }

    /// The key of that entry.
    pub fn key_of(purchase: &Purchase, now: &Current) -> Key {
        Self::key_at(&now.identifier.merchant, &purchase.book_key(now), now.at, &purchase.key, now.identity_of)
    }

    /// The key of an entry. The kind is part of it: a late entry of an auth does not overwrite its settlement's.
    pub fn key_at(merchant: &Slug, bk: &BookKey, at: Timestamp, p: &PurchaseKey, kind: Kind) -> Key {
        let (pk, prefix) = book_prefix("BP", merchant, bk);
        Key::new(pk, format!("{prefix}{}#{}#{}#{kind}", sortable(at), p.id, p.slot.as_str()))
    }
}

impl Row for BookedPayment {
    const TABLE: Table = Table::Book;

    fn key(&self) -> Key {
        Self::key_at(&self.merchant, &self.bk, self.at, &self.p, self.kind)
    }

    fn expires(&self) -> Timestamp {
        days_after(self.changed.0, PAYMENT_ENTRY_DAYS)
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
    /// It came in a file of the past.
    #[serde(rename = "b", default, skip_serializing_if = "std::ops::Not::not")]
    pub backfill: bool,
}

impl BookedSale {
    /// The entries of a sale; none while it waits for its location.
    pub fn of(sale: &Sale) -> Vec<Self> {
        if sale.waits_for_location() {
            return Vec::new();
        }
        let entry = |mid: &String| Self {
            merchant: sale.merchant.clone(),
            bk: sale.book_key(mid),
            id: sale.id.clone(),
            at: sale.at,
            arrived: sale.arrived,
            group: sale.group.clone(),
            code: sale.auth_code.clone(),
            backfill: sale.src.backfill,
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
        // as long as the sale itself: a payment that arrived in its window may be re-opened months later (D7)
        days_after(self.arrived, SALE_DAYS)
    }
}
