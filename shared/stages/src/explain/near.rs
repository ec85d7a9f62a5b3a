//! Lines of the other side that could come near: a book key by itself is one range; a whole till is a query for each
//! part of the merchant's book, because amount and currency are in the part's hash. Entries are read eventually and
//! within limits; what is told of the nearest ones is read consistently, from the sales themselves.

use super::facts::{NearSale, Note, SaleTold};
use crate::{Harmonia, StageError, matches::candidate};
use futures::{StreamExt, TryStreamExt, stream};
use harmonia_definitions::Matching;
use harmonia_domain::{
    export::{BookKey, Export},
    feed::{Scheme, Slug},
    file::File,
    identifier::LocationIdentifier,
    purchase::ExportKey,
    sale::{Sale, SaleState},
    time::sortable,
};
use harmonia_matching::{AnySale, Decision, Difference, NEAREST_MAX, Nearest, Paid, Standing, nearest_sales};
use harmonia_ports::{Query, Read, Table};
use harmonia_state::{
    BookedPayment, BookedSale, FileKey, Row, Stored, book_partitions, book_prefix, export_row_key, locations_pk,
    sale_key,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Entries of one till that are read in each of the 64 parts of a book: together as many as a busy till has in two
/// months, about 10 MB.
const EACH_MAX: usize = 400;
/// Entries of one book key: a popular price of one till in two months.
const KEY_MAX: usize = 1_000;
/// Other tills of the merchant that are asked for the payment's amount, one range each.
const TILLS_MAX: usize = 200;
/// At other tills only sales within a day and a half are looked for, as the ranking has it.
const OTHER_TILLS_H: i64 = 36;
/// Queries under way at once.
const AT_ONCE: usize = 16;
/// Times that the nearest are read and ranked again; each reads at most [`NEAREST_MAX`] sales.
const ROUNDS_MAX: usize = 8;

/// What came near, and where the search ended early.
pub(super) struct Found<T> {
    pub(super) rows: Vec<T>,
    pub(super) notes: Vec<Note>,
}

impl<T> Found<T> {
    fn note(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// The nearest sales of a payment.
pub(super) struct NearestSales {
    pub(super) decision: Decision,
    pub(super) nearest: Vec<NearSale>,
    pub(super) notes: Vec<Note>,
}

impl NearestSales {
    /// Fallbacks were barred because the payment shows its own digits.
    pub(super) fn barred(&self) -> bool {
        let differences = self.nearest.iter().flat_map(|near| &near.near.differences);
        differences.into_iter().any(|d| matches!(d, Difference::Tied { barred: true, .. }))
    }

    /// What is said of one sale.
    pub(super) fn of(&self, sale: &str) -> Option<String> {
        self.nearest.iter().find(|near| near.sale.id == sale).map(|near| near.says.clone())
    }
}

/// A key prefix as a range of one partition, eventually consistent.
fn prefix(pk: String, prefix: &str, limit: usize) -> Query {
    Query { read: Read::Eventual, limit, ..Query::prefix(Table::Book, pk, prefix) }
}

/// An entry of the book under its key.
pub(super) trait Entry: Row {
    /// `BP` or `BS`.
    const SIDE: &'static str;
    /// The key it is under.
    fn key_in_book(&self) -> &BookKey;
}

impl Entry for BookedSale {
    const SIDE: &'static str = "BS";
    fn key_in_book(&self) -> &BookKey {
        &self.bk
    }
}

impl Entry for BookedPayment {
    const SIDE: &'static str = "BP";
    fn key_in_book(&self) -> &BookKey {
        &self.bk
    }
}

impl Harmonia {
    /// Entries of one till, whatever amount and currency, and of its key under the other payment schemes.
    pub(super) async fn entries_of_till<E: Entry>(
        &self,
        merchant: &Slug,
        key: &BookKey,
    ) -> Result<Found<E>, StageError> {
        let till = format!("{}#", key.mid);
        let parts = book_partitions(E::SIDE, merchant, key.scheme).map(|pk| prefix(pk, &till, EACH_MAX));
        let others = Scheme::ALL.into_iter().filter(|scheme| *scheme != key.scheme).map(|scheme| {
            let (pk, sk) = book_prefix(E::SIDE, merchant, &BookKey { scheme, ..key.clone() });
            prefix(pk, &sk, EACH_MAX)
        });
        // its own key once more, so that the limit of the parts does not hide a candidate
        let (pk, sk) = book_prefix(E::SIDE, merchant, key);
        let queries: Vec<Query> = std::iter::once(Query { read: Read::Consistent, ..prefix(pk, &sk, KEY_MAX) })
            .chain(others)
            .chain(parts)
            .collect();
        let mut found = self.pages(queries).await?;
        // a MID may contain the separator: the entry itself says which key it is under
        found.rows.retain(|entry: &E| entry.key_in_book().mid == key.mid);
        Ok(found)
    }

    async fn pages<E: Entry>(&self, queries: Vec<Query>) -> Result<Found<E>, StageError> {
        let page = |query: Query| async move {
            let (rows, next) = self.store().page::<E>(&query).await?;
            Ok::<_, StageError>((rows, next.map(|_| query.limit)))
        };
        let pages: Vec<(Vec<Stored<E>>, Option<usize>)> =
            stream::iter(queries).map(page).buffered(AT_ONCE).try_collect().await?;
        let mut found = Found { rows: Vec::new(), notes: Vec::new() };
        let mut seen = BTreeSet::new();
        for (rows, cut) in pages {
            if let Some(each_max) = cut {
                found.note(Note::NotAllCompared { each_max });
            }
            for row in rows.into_iter().map(|stored| stored.row) {
                if seen.insert(row.key()) {
                    found.rows.push(row);
                }
            }
        }
        Ok(found)
    }

    /// Sales of other tills with the same amount at about the same time: of the merchant's own tills, and under the
    /// keys that its files of the day name, whosoever tills those are.
    async fn sales_elsewhere(
        &self,
        merchant: &Slug,
        key: &BookKey,
        named: &BTreeSet<BookKey>,
        at: Timestamp,
    ) -> Result<Found<BookedSale>, StageError> {
        let limit = TILLS_MAX * 3;
        let listing =
            Query { read: Read::Eventual, limit, ..Query::prefix(Table::Registry, locations_pk(merchant), "") };
        let (tills, next) = self.store().page::<LocationIdentifier>(&listing).await?;
        let own = tills.into_iter().map(|till| BookKey { mid: till.row.text, ..key.clone() });
        let own: BTreeSet<BookKey> = own.filter(|other| other.mid != key.mid && !named.contains(other)).collect();
        let cut = next.is_some() || named.len() + own.len() > TILLS_MAX;
        let around = SignedDuration::from_hours(OTHER_TILLS_H);
        let from = sortable(at.saturating_sub(around).unwrap_or(Timestamp::MIN));
        let to = sortable(at.saturating_add(around).unwrap_or(Timestamp::MAX));
        let queries = named.iter().chain(&own).take(TILLS_MAX).map(|other| {
            let (pk, sk) = book_prefix("BS", merchant, other);
            Query { from: format!("{sk}{from}"), to: format!("{sk}{to}#\u{10ffff}"), ..prefix(pk, "", EACH_MAX) }
        });
        let mut found = self.pages(queries.collect()).await?;
        if cut {
            found.note(Note::NotAllTills { tills_max: TILLS_MAX });
        }
        Ok(found)
    }

    /// What comes nearest to a payment among its merchant's sales. `elsewhere`: keys of other tills to look under.
    pub(super) async fn nearest_sales_of(
        &self,
        merchant: &Slug,
        matching: &Matching,
        paid: &Paid<'_>,
        elsewhere: &BTreeSet<BookKey>,
    ) -> Result<NearestSales, StageError> {
        let now = paid.now;
        let key = BookKey { scheme: paid.scheme, mid: now.mid.clone(), currency: now.currency, minor: now.amount };
        let mut found = self.entries_of_till::<BookedSale>(merchant, &key).await?;
        let elsewhere = self.sales_elsewhere(merchant, &key, elsewhere, now.at).await?;
        found.rows.extend(elsewhere.rows);
        elsewhere.notes.into_iter().for_each(|note| found.note(note));
        let mut sales = any_sales(found.rows);
        let mut told: BTreeMap<String, Option<SaleTold>> = BTreeMap::new();
        let mut ranked = nearest_sales(matching, paid, &sales);
        for _ in 0..ROUNDS_MAX {
            let unread = unread(&ranked, &sales, &told);
            if unread.is_empty() {
                break;
            }
            for (index, id) in unread {
                let (standing, sale) = self.standing(merchant, &id).await?;
                if let Some(any) = sales.get_mut(index) {
                    any.standing = standing;
                }
                told.insert(id, sale);
            }
            ranked = nearest_sales(matching, paid, &sales);
        }
        let nearest = ranked.near.into_iter().filter_map(|near| {
            let sale = told.get(&sales.get(near.index)?.facts.id)?.clone()?;
            Some(NearSale { sale, says: near.to_string(), near })
        });
        Ok(NearestSales { decision: ranked.decision, nearest: nearest.collect(), notes: found.notes })
    }

    /// Whether a sale can be taken, and its facts: from the sale itself, consistently.
    async fn standing(&self, merchant: &Slug, id: &str) -> Result<(Standing, Option<SaleTold>), StageError> {
        let found: Option<Stored<Sale>> = self.store().get(&sale_key(merchant, id), Read::Consistent).await?;
        let Some(sale) = found.map(|stored| stored.row) else { return Ok((Standing::Hidden, None)) };
        let told = SaleTold::from(&sale);
        let standing = match &sale.state {
            SaleState::Claimed { x } => Standing::Claimed { by: self.payment_of(x).await? },
            SaleState::Parked { .. } => Standing::Hidden,
            SaleState::Live => match self.file_of(&sale).await? {
                Some(file) if !file.visible() => Standing::Hidden,
                _ => Standing::Open,
            },
        };
        Ok((standing, Some(told)))
    }

    /// The payment of an export, as it is asked for.
    async fn payment_of(&self, x: &ExportKey) -> Result<String, StageError> {
        let found: Option<Stored<Export>> = self.store().find(&export_row_key(x)).await?;
        let name = |export: Export| format!("{} {}", export.purchase.scheme, export.purchase.id);
        Ok(found.map_or_else(|| "not found".to_owned(), |stored| name(stored.row)))
    }

    /// The file that a sale came in; none if it came alone.
    pub(super) async fn file_of(&self, sale: &Sale) -> Result<Option<File>, StageError> {
        let Some(key) = sale.group.as_deref().and_then(FileKey::of_group) else { return Ok(None) };
        Ok(self.store().get::<File>(&key.key(), Read::Consistent).await?.map(|stored| stored.row))
    }
}

/// Which of the nearest have not been read yet, and of the candidates that still tie.
fn unread(ranked: &Nearest, sales: &[AnySale], told: &BTreeMap<String, Option<SaleTold>>) -> Vec<(usize, String)> {
    let ids = ranked.near.iter().take(NEAREST_MAX).filter_map(|near| Some((near.index, sales.get(near.index)?)));
    ids.filter(|(_, sale)| !told.contains_key(&sale.facts.id)).map(|(i, sale)| (i, sale.facts.id.clone())).collect()
}

/// A sale has an entry for each of its MIDs: here it is one.
fn any_sales(entries: Vec<BookedSale>) -> Vec<AnySale> {
    let mut sales: BTreeMap<String, AnySale> = BTreeMap::new();
    for entry in entries {
        let sale = sales.entry(entry.id.clone()).or_insert_with(|| AnySale {
            scheme: entry.bk.scheme,
            mids: Vec::new(),
            currency: entry.bk.currency,
            amount: entry.bk.minor,
            facts: candidate(&entry),
            standing: Standing::Open,
        });
        if !sale.mids.contains(&entry.bk.mid) {
            sale.mids.push(entry.bk.mid);
        }
    }
    sales.into_values().collect()
}
