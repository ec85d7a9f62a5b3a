//! Which merchant a payment line belongs to. Positive look-ups are kept for a minute; a missing identifier is asked
//! for each time, so that an onboarded one works at once.

use crate::{Harmonia, StageError};
use harmonia_domain::{
    feed::Scheme,
    identifier::{Attribution, Identifier, MidTexts, attribute},
};
use harmonia_ports::{Query, Read, Table};
use harmonia_state::identifier_pk;
use jiff::Timestamp;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How long a found identifier is believed (issue "every feed": 60 s).
const KEEP_S: i64 = 60;
/// At most so many texts are kept; then all are forgotten. A merchant has some thousand tills.
const TEXTS_MAX: usize = 50_000;

type Found = HashMap<(Scheme, String), (Timestamp, Vec<Identifier>)>;

/// Found identifiers of the last minute.
#[derive(Default)]
pub struct IdentifierCache {
    found: Mutex<Found>,
    /// Held while a text is asked for, so that a batch of lines of one till asks once.
    asking: futures::lock::Mutex<()>,
}

impl IdentifierCache {
    fn get(&self, scheme: Scheme, text: &str, now: Timestamp) -> Option<Vec<Identifier>> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, identifiers) = found.get(&(scheme, text.to_owned()))?;
        (now.duration_since(*since).as_secs() < KEEP_S).then(|| identifiers.clone())
    }

    fn put(&self, scheme: Scheme, text: &str, now: Timestamp, identifiers: &[Identifier]) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= TEXTS_MAX {
            found.clear();
        }
        found.insert((scheme, text.to_owned()), (now, identifiers.to_vec()));
    }
}

impl Harmonia {
    /// Who owns these identifier texts (spec import §6).
    pub(super) async fn attribute(&self, scheme: Scheme, mids: &MidTexts) -> Result<Attribution, StageError> {
        let now = self.now();
        let mut texts: Vec<&str> = mids.pairs().map(|(_, text)| text).collect();
        texts.sort_unstable();
        texts.dedup();
        let mut onboarded = Vec::new();
        for text in texts {
            if let Some(known) = self.identifiers.get(scheme, text, now) {
                onboarded.extend(known);
                continue;
            }
            let _asking = self.identifiers.asking.lock().await;
            if let Some(known) = self.identifiers.get(scheme, text, now) {
                onboarded.extend(known);
                continue;
            }
            let query =
                Query { read: Read::Eventual, ..Query::prefix(Table::Registry, identifier_pk(scheme, text), "") };
            let rows: Vec<Identifier> = self.store().list(&query).await?.into_iter().map(|s| s.row).collect();
            if !rows.is_empty() {
                self.identifiers.put(scheme, text, now, &rows);
            }
            onboarded.extend(rows);
        }
        Ok(attribute(mids, &onboarded))
    }

    /// Onboards identifiers (`harmonia identifiers`, tests, demo). One that exists already is left as it is.
    pub async fn onboard(&self, identifiers: &[Identifier]) -> Result<(), StageError> {
        let stamp = self.stamp("onboard");
        for identifier in identifiers {
            self.store().insert(identifier, &stamp).await?;
        }
        Ok(())
    }
}
