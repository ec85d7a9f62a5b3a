//! The sales that could fit a payment: one range of the book, read consistently, without those of files that are not
//! closed and those outside the window; claimed ones are dropped where their number matters.

use crate::{Harmonia, StageError};
use futures::{StreamExt, TryStreamExt, stream};
use harmonia_definitions::Matching;
use harmonia_domain::{
    export::BookKey,
    feed::{Scheme, Slug},
    file::File,
    identity::IdentityRef,
    purchase::{Current, Purchase},
    sale::{Sale, SaleState},
    time::sortable,
};
use harmonia_matching::{Candidate, Decision, contends, decide, in_window, payment_codes, sale_code, sale_times};
use harmonia_ports::{OneOf, Query, Read, Table};
use harmonia_state::{BookedSale, FileKey, book_prefix, booked_with, sale_key};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

/// Sales read at once when several survive.
const READ_AT_ONCE: usize = 16;

/// Files known to be closed. A closed file stays closed, so this is never wrong; it only saves reads.
#[derive(Default)]
pub struct ClosedFiles {
    known: Mutex<BTreeSet<String>>,
    /// Held while a file is looked at, so that payments that meet one file look once.
    asking: futures::lock::Mutex<()>,
}

/// At most so many files are remembered; then all are forgotten.
const CLOSED_FILES_MAX: usize = 10_000;

impl ClosedFiles {
    fn knows(&self, group: &str) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(group)
    }

    fn learn(&self, group: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CLOSED_FILES_MAX {
            known.clear();
        }
        known.insert(group.to_owned());
    }
}

impl Harmonia {
    /// Which sale belongs to the payment, by the merchant's policy. `gone`: sales that were found taken, here or by a
    /// claim.
    pub(super) async fn choose(
        &self,
        purchase: &Purchase,
        now: &Current,
        who: &IdentityRef,
        gone: &mut BTreeSet<String>,
    ) -> Result<(Decision, Option<BookedSale>), StageError> {
        let merchant = &now.identifier.merchant;
        let (matching, scheme) = (self.matching(merchant)?, purchase.key.scheme);
        let mut entries = self.booked_sales(matching, purchase, now).await?;
        entries.retain(|e| !gone.contains(&e.id) && !purchase.is_barred_from(&e.id));
        let run = |entries: &[BookedSale]| {
            let candidates: Vec<Candidate> = entries.iter().map(candidate).collect();
            decide(matching, scheme, now, &who.first_six, &who.last_four, &candidates)
        };
        let mut verdict = run(&entries);
        if verdict.contested.len() > 1 {
            // their number decides: drop those that are claimed already, then decide again
            let contested: Vec<String> =
                verdict.contested.iter().filter_map(|i| entries.get(*i)).map(|e| e.id.clone()).collect();
            let claimed = self.claimed_among(merchant, contested).await?;
            entries.retain(|e| !claimed.contains(&e.id));
            gone.extend(claimed);
            verdict = run(&entries);
        }
        let chosen = match &verdict.decision {
            Decision::Match { candidate, .. } => entries.get(*candidate).cloned(),
            Decision::Open { .. } => None,
        };
        Ok((verdict.decision, chosen))
    }

    /// Could the payment have taken one of these sales?
    pub(super) fn contends(
        &self,
        scheme: Scheme,
        now: &Current,
        sales: &[(Slug, Candidate)],
    ) -> Result<bool, StageError> {
        let merchant = &now.identifier.merchant;
        let matching = self.matching(merchant)?;
        Ok(sales.iter().any(|(of, sale)| of == merchant && contends(matching, scheme, now, sale)))
    }

    /// A filter for open payments of a key that leaves none out that could have taken one of these sales.
    pub(super) fn could_take(&self, merchant: &Slug, key: &BookKey, sales: &[(Slug, Candidate)]) -> Option<OneOf> {
        let matching = self.definitions.get(merchant)?.matching.as_ref()?;
        let sales = sales.iter().filter(|(of, _)| of == merchant);
        let codes: Option<Vec<_>> = sales.map(|(_, sale)| payment_codes(matching, key.scheme, sale)).collect();
        booked_with(codes?.into_iter().flatten())
    }

    fn matching(&self, merchant: &Slug) -> Result<&Matching, StageError> {
        let matching = self.definition(merchant)?.matching.as_ref();
        matching.ok_or_else(|| StageError::NoPolicy { merchant: merchant.clone() })
    }

    async fn booked_sales(
        &self,
        matching: &Matching,
        purchase: &Purchase,
        now: &Current,
    ) -> Result<Vec<BookedSale>, StageError> {
        let merchant = &now.identifier.merchant;
        let Some((from, to)) = sale_times(matching, purchase.key.scheme, now) else {
            return Ok(Vec::new());
        };
        let key = purchase.book_key(now);
        let (pk, prefix) = book_prefix("BS", merchant, &key);
        let only = sale_code(matching, purchase.key.scheme, now);
        let query = Query {
            only: only.and_then(|code| booked_with([code])),
            from: format!("{prefix}{}", sortable(from)),
            to: format!("{prefix}{}#\u{10ffff}", sortable(to)),
            ..Query::prefix(Table::Book, pk, "")
        };
        let rows = self.store().list::<BookedSale>(&query).await?;
        let days = matching.window_days;
        let mut files: BTreeMap<String, bool> = BTreeMap::new();
        let mut entries = Vec::new();
        for entry in rows.into_iter().map(|s| s.row) {
            if entry.bk == key
                && in_window(days, entry.arrived, now.arrived)
                && self.visible(&entry, &mut files).await?
            {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// A file's sales appear together: when it is closed (design §4).
    async fn visible(&self, entry: &BookedSale, files: &mut BTreeMap<String, bool>) -> Result<bool, StageError> {
        let Some(group) = &entry.group else { return Ok(true) };
        if let Some(known) = files.get(group) {
            return Ok(*known);
        }
        let Some(key) = FileKey::of_group(group) else { return Ok(false) };
        let _asking = self.closed_files.asking.lock().await;
        let visible = self.closed_files.knows(group)
            || self.store().get::<File>(&key.key(), Read::Consistent).await?.is_some_and(|f| f.row.visible());
        if visible {
            self.closed_files.learn(group);
        }
        files.insert(group.clone(), visible);
        Ok(visible)
    }

    async fn claimed_among(&self, merchant: &Slug, ids: Vec<String>) -> Result<BTreeSet<String>, StageError> {
        let read = |id: String| async move {
            let sale = self.store().get::<Sale>(&sale_key(merchant, &id), Read::Consistent).await?;
            let live = sale.is_some_and(|s| s.row.state == SaleState::Live);
            Ok::<_, StageError>((!live).then_some(id))
        };
        let found: Vec<Option<String>> = stream::iter(ids).map(read).buffered(READ_AT_ONCE).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }
}

pub(crate) fn candidate(entry: &BookedSale) -> Candidate {
    Candidate {
        id: entry.id.clone(),
        at: entry.at,
        arrived: entry.arrived,
        auth_code: entry.code.clone(),
        first_six: entry.f6.clone(),
        last_four: entry.l4.clone(),
    }
}
