//! A sale: who has it, or why nobody does. The sale itself and its file are read consistently; of open payments only
//! the nearest are read, from the purchases themselves.

use super::{
    export::{any_sale, authorised},
    facts::{Because, Explanation, FileTold, NearPayment, Note, SaleExplained, other_definition},
};
use crate::{Harmonia, StageError};
use futures::{StreamExt, TryStreamExt, stream};
use harmonia_definitions::{Definition, Matching};
use harmonia_domain::{
    export::BookKey,
    feed::{Kind, Slug},
    file::File,
    identifier::IdentifierType,
    outcome::ParkReason,
    purchase::{Current, MatchedIdentifier, Purchase, PurchaseKey},
    sale::{Sale, SaleState},
};
use harmonia_matching::{Decision, Near, OpenReason, Paid, nearest_payments};
use harmonia_ports::{Query, Read, Table};
use harmonia_state::{BookedPayment, ParkedLine, ParkedName, Stored, WaitsFor, purchase_key, sale_key};
use std::collections::{BTreeMap, BTreeSet};

/// Of a till's identifiers so many are looked for among open payments: those of its payment scheme first, of which a
/// location has three and seldom more.
const MIDS_MAX: usize = 4;
/// Open payments that are read to be compared: those of the sale's own key first, then the nearest in time.
const PAYMENTS_MAX: usize = 60;
/// Payments that wait for one of the sale's identifiers and are compared.
const PARKED_MAX: usize = 60;
/// Reads under way at once.
const AT_ONCE: usize = 16;

/// A payment to be compared, with what is known of its card.
struct Other {
    purchase: Purchase,
    now: Current,
    first_six: String,
    last_four: String,
    parked: Option<ParkReason>,
}

impl Other {
    fn paid(&self) -> Paid<'_> {
        let (scheme, now) = (self.purchase.key.scheme, &self.now);
        let authorised = authorised(&self.purchase, now.amount);
        Paid {
            scheme,
            now,
            authorised,
            first_six: &self.first_six,
            last_four: &self.last_four,
            bars: &self.purchase.bars,
        }
    }
}

impl Harmonia {
    /// The merchant's sale of this id.
    pub(super) async fn explain_sale(&self, merchant: &Slug, id: &str) -> Result<Option<Explanation>, StageError> {
        let found: Option<Stored<Sale>> = self.store().get(&sale_key(merchant, id), Read::Consistent).await?;
        let Some(sale) = found.map(|stored| stored.row) else { return Ok(None) };
        let file = self.file_of(&sale).await?;
        let definition = self.definitions.get(merchant);
        let (mut exports, mut nearest, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        let because = match &sale.state {
            SaleState::Claimed { x } => {
                exports.extend(self.export_told(x).await?);
                let (by, with) = exports.first().map(|x| (x.match_type, format!("payment {}", x.payment))).unzip();
                let by = by.unwrap_or(harmonia_domain::export::MatchType::Loyalty);
                Because::Matched { by, with, linked_later: None }
            }
            SaleState::Parked { .. } => {
                let location = sale.location.clone().unwrap_or_default();
                Because::UnknownLocation { location, since: sale.arrived }
            }
            SaleState::Live => match file.as_ref().filter(|file| !file.visible()) {
                Some(file) => Because::FileNotClosed { file: file.into() },
                None => self.open_sale(&sale, definition, &mut nearest, &mut notes).await?,
            },
        };
        notes.extend(other_definition(&exports, definition));
        Ok(Some(Explanation::Sale(Box::new(SaleExplained {
            because,
            sale: (&sale).into(),
            arrived: sale.arrived,
            source: sale.src.clone(),
            file: file.as_ref().map(|file: &File| FileTold::from(file)),
            definition: definition.map(|d| d.version.clone()),
            exports,
            nearest,
            notes,
        }))))
    }

    async fn open_sale(
        &self,
        sale: &Sale,
        definition: Option<&Definition>,
        nearest: &mut Vec<NearPayment>,
        notes: &mut Vec<Note>,
    ) -> Result<Because, StageError> {
        let merchant = sale.merchant.clone();
        let Some(definition) = definition else { return Ok(Because::NoDefinition { merchant }) };
        let Some(matching) = definition.matching.as_ref().filter(|m| m.policy(sale.scheme).is_some()) else {
            return Ok(Because::NoPolicy { merchant, scheme: sale.scheme });
        };
        let any = any_sale(sale);
        let mids = self.mids_of(sale).await?;
        let mut others = self.open_payments_near(sale, &mids, notes).await?;
        others.extend(self.payments_parked_for(sale, &mids).await?);
        let paid: Vec<Paid<'_>> = others.iter().map(Other::paid).collect();
        let near = nearest_payments(matching, &any, &paid);
        let of = |near: &Near| others.get(near.index);
        let told = near.iter().filter_map(|near| {
            let other = of(near)?;
            let key = &other.purchase.key;
            Some(NearPayment::of(key.scheme, &key.id, &other.now, other.parked, near.clone()))
        });
        nearest.extend(told);
        notes.push(Note::LinkedCardsOnly);
        let first = near.first().and_then(|near| Some((near, of(near)?)));
        self.because_of_sale(sale, matching, first).await
    }

    async fn because_of_sale(
        &self,
        sale: &Sale,
        matching: &Matching,
        first: Option<(&Near, &Other)>,
    ) -> Result<Because, StageError> {
        let parked = first.and_then(|(near, other)| Some((near, &other.purchase.key, other.parked?)));
        if let Some((near, key, why)) = parked
            && near.differences.is_empty()
        {
            return Ok(Because::PaymentParked { payment: format!("{} {}", key.scheme, key.id), why });
        }
        let convincing = first.is_some_and(|(near, other)| near.convinces() && other.parked.is_none());
        if !convincing && self.not_onboarded(sale).await? {
            return Ok(Because::MidNotOnboarded { mids: sale.mids.clone(), scheme: sale.scheme });
        }
        let Some((near, other)) = first else { return Ok(Because::NothingNear) };
        let by_nearest = Because::Nearest { says: near.to_string() };
        if !near.differences.is_empty() {
            return Ok(by_nearest);
        }
        // it fits, as far as the two alone can say: then the payment's other sales decide
        let sales = self.nearest_sales_of(&sale.merchant, matching, &other.paid(), &BTreeSet::new()).await?;
        Ok(match sales.decision {
            Decision::Open { why: OpenReason::Ambiguous { left } } => Because::Tied { left, barred: sales.barred() },
            Decision::Open { .. } => sales.of(&sale.id).map_or(by_nearest, |says| Because::Nearest { says }),
            Decision::Match { .. } => Because::UnderWay,
        })
    }

    /// Its identifiers, at most [`MIDS_MAX`]: a location has those of every payment scheme, its own come first.
    async fn mids_of(&self, sale: &Sale) -> Result<Vec<String>, StageError> {
        let mut mids = sale.mids.clone();
        if let Some(location) = &sale.location {
            let tills = self.tills_of(&sale.merchant, location).await?;
            let rank = |mid: &String| {
                let own = tills.iter().filter(|till| till.text == *mid && till.scheme == sale.scheme);
                own.map(|till| till.kind).min().map_or((true, None), |kind| (false, Some(kind)))
            };
            mids.sort_by_cached_key(rank);
        }
        mids.truncate(MIDS_MAX);
        Ok(mids)
    }

    /// None of its identifiers is the merchant's.
    async fn not_onboarded(&self, sale: &Sale) -> Result<bool, StageError> {
        for mid in sale.mids.iter().take(MIDS_MAX) {
            let of_text = self.identifiers_of_record(sale.scheme, mid).await?;
            if of_text.iter().any(|i| i.merchant == sale.merchant) {
                return Ok(false);
            }
        }
        // more than were looked at: nothing is claimed about the rest
        Ok(sale.mids.len() <= MIDS_MAX)
    }

    /// Open payments of the sale's tills.
    async fn open_payments_near(
        &self,
        sale: &Sale,
        mids: &[String],
        notes: &mut Vec<Note>,
    ) -> Result<Vec<Other>, StageError> {
        let mut entries: BTreeMap<PurchaseKey, BookedPayment> = BTreeMap::new();
        for mid in mids {
            let key = BookKey { scheme: sale.scheme, mid: mid.clone(), currency: sale.currency, minor: sale.amount };
            let found = self.entries_of_till::<BookedPayment>(&sale.merchant, &key).await?;
            entries.extend(found.rows.into_iter().map(|entry| (entry.p.clone(), entry)));
            for note in found.notes {
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
        let mut entries: Vec<BookedPayment> = entries.into_values().collect();
        let other_key = |entry: &BookedPayment| (entry.bk.minor, entry.bk.currency) != (sale.amount, sale.currency);
        entries.sort_by_key(|entry| (other_key(entry), entry.at.duration_until(sale.at).unsigned_abs()));
        if entries.len() > PAYMENTS_MAX {
            notes.push(Note::NotAllCompared { each_max: PAYMENTS_MAX });
        }
        let read = |entry: BookedPayment| async move {
            let found: Option<Stored<Purchase>> = self.store().get(&purchase_key(&entry.p), Read::Consistent).await?;
            let open = found.map(|stored| stored.row).filter(Purchase::is_live);
            let who = entry.who;
            Ok::<_, StageError>(open.and_then(|purchase| {
                let now = purchase.current()?;
                Some(Other { purchase, now, first_six: who.first_six, last_four: who.last_four, parked: None })
            }))
        };
        let found: Vec<Option<Other>> =
            stream::iter(entries.into_iter().take(PAYMENTS_MAX)).map(read).buffered(AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Payments that wait for one of the sale's identifiers: as they would be once it is the merchant's.
    async fn payments_parked_for(&self, sale: &Sale, mids: &[String]) -> Result<Vec<Other>, StageError> {
        let mut names = BTreeSet::new();
        for mid in mids {
            let waits_for = WaitsFor::Mid { scheme: sale.scheme, text: mid.clone() };
            let query = Query { limit: PARKED_MAX, ..Query::prefix(Table::Book, waits_for.pk(), "") };
            let (lines, _) = self.store().page::<ParkedLine>(&query).await?;
            names.extend(lines.into_iter().filter_map(|line| match line.row.line {
                ParkedName::Payment { p, kind } => Some((p, kind)),
                ParkedName::Sale { .. } => None,
            }));
        }
        let mut others = Vec::new();
        for (p, kind) in names.into_iter().filter(|(_, kind)| *kind != Kind::Refund).take(PARKED_MAX) {
            let found: Option<Stored<Purchase>> = self.store().get(&purchase_key(&p), Read::Consistent).await?;
            others.extend(found.and_then(|stored| supposed(stored.row, kind, sale)));
        }
        Ok(others)
    }
}

/// A payment line as it would be if its MID were the sale's merchant's.
fn supposed(purchase: Purchase, kind: Kind, sale: &Sale) -> Option<Other> {
    let line = purchase.line(kind).filter(|line| line.waits_for_mid())?;
    let parked = line.parked;
    let identifier = MatchedIdentifier {
        merchant: sale.merchant.clone(),
        kind: IdentifierType::Primary,
        text: line.mid.clone(),
        location_id: None,
        merchant_internal_id: None,
    };
    let now = purchase.attributed(kind, identifier, line.at)?.alone(kind)?;
    Some(Other { purchase, now, first_six: String::new(), last_four: String::new(), parked })
}
