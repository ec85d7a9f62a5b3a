//! Which merchant a payment line belongs to, and which tills a sale's location has. Positive look-ups are kept for a
//! minute; a missing identifier is asked for each time, so that an onboarded one works at once.

use crate::{Harmonia, StageError};
use harmonia_domain::{
    feed::{Scheme, Slug},
    identifier::{Attribution, Identifier, LocationIdentifier, MidTexts, Tills, attribute},
};
use harmonia_ports::{Query, Read, Table};
use harmonia_state::{Row, identifier_pk, locations_pk};
use jiff::Timestamp;
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

/// How long a found identifier is believed (issue "every feed": 60 s).
const KEEP_S: i64 = 60;
/// At most so many texts are kept; then all are forgotten. A merchant has some thousand tills.
const TEXTS_MAX: usize = 50_000;

/// What was found in the last minute.
#[derive(Default)]
pub struct IdentifierCache {
    texts: Kept<(Scheme, String), Identifier>,
    locations: Kept<(Slug, String), LocationIdentifier>,
}

/// Rows by what was asked for.
struct Kept<K, V> {
    found: Mutex<HashMap<K, (Timestamp, Vec<V>)>>,
    /// Held while something is asked for, so that a batch of lines of one till asks once.
    asking: futures::lock::Mutex<()>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self { found: Mutex::default(), asking: futures::lock::Mutex::default() }
    }
}

impl<K: Hash + Eq, V: Clone> Kept<K, V> {
    fn get(&self, key: &K, now: Timestamp) -> Option<Vec<V>> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, rows) = found.get(key)?;
        (now.duration_since(*since).as_secs() < KEEP_S).then(|| rows.clone())
    }

    fn put(&self, key: K, now: Timestamp, rows: &[V]) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= TEXTS_MAX {
            found.clear();
        }
        found.insert(key, (now, rows.to_vec()));
    }
}

impl Harmonia {
    /// Who owns these identifier texts (spec import §6).
    pub(super) async fn attribute(&self, scheme: Scheme, mids: &MidTexts) -> Result<Attribution, StageError> {
        let mut texts: Vec<&str> = mids.pairs().map(|(_, text)| text).collect();
        texts.sort_unstable();
        texts.dedup();
        let mut onboarded = Vec::new();
        for text in texts {
            let query = Query::prefix(Table::Registry, identifier_pk(scheme, text), "");
            onboarded.extend(self.kept(&self.identifiers.texts, (scheme, text.to_owned()), query, |_| true).await?);
        }
        let attribution = attribute(mids, &onboarded);
        self.seen.note(scheme, mids, &attribution, self.now());
        Ok(attribution)
    }

    /// The tills of a location, of every payment scheme and type (spec import §6).
    pub(super) async fn tills_at(&self, merchant: &Slug, location: &str) -> Result<Tills, StageError> {
        let query = Query::prefix(Table::Registry, locations_pk(merchant), &format!("{location}#"));
        let key = (merchant.clone(), location.to_owned());
        // a name may contain the separator: the entry itself says which location it is of
        let exact = |entry: &LocationIdentifier| entry.location_id == location;
        let found = self.kept(&self.identifiers.locations, key, query, exact).await?;
        Ok(found.into_iter().map(|entry| (entry.scheme, entry.text)).collect())
    }

    async fn kept<K: Hash + Eq, V: Row + Clone>(
        &self,
        kept: &Kept<K, V>,
        key: K,
        query: Query,
        wanted: impl Fn(&V) -> bool,
    ) -> Result<Vec<V>, StageError> {
        let now = self.now();
        if let Some(known) = kept.get(&key, now) {
            return Ok(known);
        }
        let _asking = kept.asking.lock().await;
        if let Some(known) = kept.get(&key, now) {
            return Ok(known);
        }
        let query = Query { read: Read::Eventual, ..query };
        let rows = self.store().list::<V>(&query).await?;
        let rows: Vec<V> = rows.into_iter().map(|s| s.row).filter(wanted).collect();
        if !rows.is_empty() {
            kept.put(key, now, &rows);
        }
        Ok(rows)
    }
}
