//! Onboarding, changing and offboarding identifiers: each with its entry in the list of its merchant's locations, in
//! one transaction. What follows for parked lines is a [`Change`], listed or done by [`super::reopen`].

use super::{Change, Offboard, Patch, Triple};
use crate::{Harmonia, StageError};
use futures::{StreamExt, TryStreamExt, stream};
use harmonia_domain::{
    feed::{Scheme, Slug},
    identifier::{Identifier, LocationIdentifier},
};
use harmonia_ports::{Expect, Key, Query, Read, Stamp, Table, Write, WriteError};
use harmonia_state::{IdentifierSeen, Row, Stored, UnknownIdentifier, identifier_pk, locations_pk, put_write};
use std::collections::{BTreeMap, BTreeSet};

/// How often a lost race is looked at again.
const TRIES_MAX: u32 = 5;
/// Identifiers read or written at once: as many as lines (import).
const AT_ONCE: usize = 16;

/// An identifier that was there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Which.
    pub identifier: Triple,
    /// Whose it is.
    pub owner: Slug,
    /// Whose it was to be. If that is somebody else, nothing has changed: offboard it first.
    pub wanted: Slug,
}

/// What onboarding did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Onboarded {
    /// Asked for.
    pub total: usize,
    /// New ones.
    pub onboarded: usize,
    /// Those that were there before and were left as they are.
    pub known: Vec<Known>,
    /// Texts that two merchants claim by now, under different types: lines that carry them are parked (D5).
    pub disputed: BTreeMap<(Scheme, String), BTreeSet<Slug>>,
    /// Merchants that have no definition: their lines wait for one.
    pub undefined: BTreeSet<Slug>,
    /// What may set parked lines free.
    pub change: Change,
}

/// What offboarding did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offboarded {
    /// Identifiers that are gone.
    pub deleted: usize,
    /// Identifiers that were asked for and not there.
    pub missing: Vec<Triple>,
    /// What may set parked lines free: a dispute may be over.
    pub change: Change,
}

/// An identifier and how often it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The identifier.
    pub identifier: Identifier,
    /// Seen on payment lines, if ever.
    pub seen: Option<IdentifierSeen>,
}

fn key_of(triple: &Triple) -> Key {
    Key::new(identifier_pk(triple.scheme, &triple.text), triple.kind.as_str())
}

fn gone<R: Row>(row: &R, expect: Expect) -> Write {
    Write::Delete { table: R::TABLE, key: row.key(), expect }
}

impl Harmonia {
    /// Onboards identifiers. One that exists is left as it is and reported with its owner.
    pub async fn onboard(&self, identifiers: &[Identifier]) -> Result<Onboarded, StageError> {
        let stamp = self.stamp("onboard");
        let one = |identifier| self.onboard_one(identifier, &stamp);
        let known: Vec<Option<Known>> = stream::iter(identifiers).map(one).buffered(AT_ONCE).try_collect().await?;
        self.outcome(identifiers, known.into_iter().flatten().collect()).await
    }

    /// What [`Harmonia::onboard`] would do.
    pub async fn onboarding(&self, identifiers: &[Identifier]) -> Result<Onboarded, StageError> {
        let known = |identifier: &Identifier| {
            let (key, wanted) = (identifier.key(), identifier.merchant.clone());
            let name = Triple::of(identifier);
            async move {
                let there: Option<Stored<Identifier>> = self.store().get(&key, Read::Consistent).await?;
                Ok::<_, StageError>(there.map(|s| Known { identifier: name, owner: s.row.merchant, wanted }))
            }
        };
        let known: Vec<Option<Known>> = stream::iter(identifiers).map(known).buffered(AT_ONCE).try_collect().await?;
        self.outcome(identifiers, known.into_iter().flatten().collect()).await
    }

    async fn outcome(&self, identifiers: &[Identifier], known: Vec<Known>) -> Result<Onboarded, StageError> {
        let merchants: BTreeSet<&Slug> = identifiers.iter().map(|i| &i.merchant).collect();
        let change = Change::onboarding(identifiers.to_vec());
        Ok(Onboarded {
            total: identifiers.len(),
            onboarded: identifiers.len() - known.len(),
            known,
            disputed: self.disputed(identifiers, &change).await?,
            undefined: merchants.into_iter().filter(|m| self.definitions.get(m).is_none()).cloned().collect(),
            change,
        })
    }

    async fn onboard_one(&self, identifier: &Identifier, stamp: &Stamp) -> Result<Option<Known>, StageError> {
        let both = vec![
            put_write(identifier, Expect::Absent, stamp),
            put_write(&identifier.at_location(), Expect::Any, stamp),
        ];
        let known = match self.store().transact(both).await {
            Ok(()) => None,
            Err(WriteError::Store(e)) => return Err(e.into()),
            Err(WriteError::Condition(_)) => {
                let there: Option<Stored<Identifier>> = self.store().get(&identifier.key(), Read::Consistent).await?;
                let owner = there.map_or_else(|| identifier.merchant.clone(), |s| s.row.merchant);
                Some(Known { identifier: Triple::of(identifier), owner, wanted: identifier.merchant.clone() })
            }
        };
        // it is not unknown any more
        let unknown = UnknownIdentifier::key_of(identifier.scheme, identifier.kind, &identifier.text);
        self.store().delete::<UnknownIdentifier>(&unknown).await?;
        Ok(known)
    }

    /// Of these identifiers' texts, those that several merchants claim.
    async fn disputed(
        &self,
        identifiers: &[Identifier],
        change: &Change,
    ) -> Result<BTreeMap<(Scheme, String), BTreeSet<Slug>>, StageError> {
        let texts: BTreeSet<(Scheme, String)> = identifiers.iter().map(|i| (i.scheme, i.text.clone())).collect();
        let owners = |(scheme, text): (Scheme, String)| async move {
            let of_text = change.applied(self.identifiers_of_record(scheme, &text).await?, scheme, &text);
            let owners: BTreeSet<Slug> = of_text.into_iter().map(|i| i.merchant).collect();
            Ok::<_, StageError>(((scheme, text), owners))
        };
        let all: Vec<_> = stream::iter(texts).map(owners).buffered(AT_ONCE).try_collect().await?;
        Ok(all.into_iter().filter(|(_, owners)| owners.len() > 1).collect())
    }

    /// Changes an identifier; `None`: it is not onboarded. The change may set sales free that wait for its location.
    pub async fn patch(&self, name: &Triple, patch: &Patch) -> Result<Option<(Identifier, Change)>, StageError> {
        let stamp = self.stamp("patch");
        for _ in 0..TRIES_MAX {
            let found: Option<Stored<Identifier>> = self.store().get(&key_of(name), Read::Consistent).await?;
            let Some(found) = found else { return Ok(None) };
            let next = patched(&found.row, patch);
            let (old, new) = (found.row.at_location(), next.at_location());
            let mut writes = vec![put_write(&next, Expect::Version(found.version), &stamp)];
            if old != new {
                writes.extend([gone(&old, Expect::Any), put_write(&new, Expect::Any, &stamp)]);
            }
            match self.store().transact(writes).await {
                Ok(()) => return Ok(Some((next.clone(), Change::onboarding(vec![next])))),
                Err(WriteError::Condition(_)) => {}
                Err(WriteError::Store(e)) => return Err(e.into()),
            }
        }
        Err(StageError::Unsettled { what: "an identifier", tries: TRIES_MAX })
    }

    /// What an identifier would be: for a dry run.
    pub async fn patched(&self, name: &Triple, patch: &Patch) -> Result<Option<(Identifier, Change)>, StageError> {
        let found: Option<Stored<Identifier>> = self.store().get(&key_of(name), Read::Consistent).await?;
        let next = found.map(|found| patched(&found.row, patch));
        Ok(next.map(|next| (next.clone(), Change::onboarding(vec![next]))))
    }

    /// The identifiers that a request names, and those it names in vain.
    pub async fn offboarding(&self, offboard: &Offboard) -> Result<(Vec<Identifier>, Vec<Triple>), StageError> {
        let mut names: BTreeSet<Triple> = offboard.identifiers.iter().cloned().collect();
        for (merchant, location) in &offboard.locations {
            names.extend(self.tills_of(merchant, location).await?.into_iter().map(|entry| Triple {
                scheme: entry.scheme,
                kind: entry.kind,
                text: entry.text,
            }));
        }
        let (mut there, mut missing) = (Vec::new(), Vec::new());
        for name in names {
            match self.store().get::<Identifier>(&key_of(&name), Read::Consistent).await? {
                Some(found) => there.push(found.row),
                None => missing.push(name),
            }
        }
        Ok((there, missing))
    }

    /// Offboards identifiers. Payments and sales that they named keep what they were attributed to.
    pub async fn offboard(&self, offboard: &Offboard) -> Result<Offboarded, StageError> {
        let (identifiers, missing) = self.offboarding(offboard).await?;
        let mut deleted = Vec::new();
        let mut gone = missing.clone();
        for identifier in identifiers {
            if self.offboard_one(&identifier).await? {
                deleted.push(identifier);
            } else {
                // by somebody else, or by our own write, whose answer was lost
                gone.push(Triple::of(&identifier));
            }
        }
        let (count, change) = (deleted.len(), Change::offboarding(deleted, &gone));
        Ok(Offboarded { deleted: count, missing, change })
    }

    async fn offboard_one(&self, identifier: &Identifier) -> Result<bool, StageError> {
        for _ in 0..TRIES_MAX {
            let found: Option<Stored<Identifier>> = self.store().get(&identifier.key(), Read::Consistent).await?;
            let Some(found) = found.filter(|f| f.row.merchant == identifier.merchant) else { return Ok(false) };
            let both =
                vec![gone(&found.row, Expect::Version(found.version)), gone(&found.row.at_location(), Expect::Any)];
            match self.store().transact(both).await {
                Ok(()) => return Ok(true),
                Err(WriteError::Condition(_)) => {}
                Err(WriteError::Store(e)) => return Err(e.into()),
            }
        }
        Err(StageError::Unsettled { what: "an identifier", tries: TRIES_MAX })
    }

    /// All types under one text: two merchants may be among them.
    pub async fn identifiers_of_record(&self, scheme: Scheme, text: &str) -> Result<Vec<Identifier>, StageError> {
        let query = Query::prefix(Table::Registry, identifier_pk(scheme, text), "");
        Ok(self.store().list(&query).await?.into_iter().map(|s| s.row).collect())
    }

    /// A merchant's identifiers in the order of their locations, with how often they are seen.
    pub async fn identifiers_of(&self, merchant: &Slug) -> Result<Vec<Listed>, StageError> {
        let entries: Vec<Stored<LocationIdentifier>> =
            self.store().list(&Query::prefix(Table::Registry, locations_pk(merchant), "")).await?;
        let one = |entry: Stored<LocationIdentifier>| async move {
            let name = Triple { scheme: entry.row.scheme, kind: entry.row.kind, text: entry.row.text };
            let found: Option<Stored<Identifier>> = self.store().get(&key_of(&name), Read::Eventual).await?;
            let Some(identifier) = found.map(|s| s.row) else { return Ok(None) };
            let key = Key::new(IdentifierSeen::pk(name.scheme, &name.text), name.kind.as_str());
            let seen: Option<Stored<IdentifierSeen>> = self.store().get(&key, Read::Eventual).await?;
            Ok::<_, StageError>(Some(Listed { identifier, seen: seen.map(|s| s.row) }))
        };
        let listed: Vec<Option<Listed>> = stream::iter(entries).map(one).buffered(AT_ONCE).try_collect().await?;
        Ok(listed.into_iter().flatten().collect())
    }

    /// Identifiers on payment lines that nobody has onboarded.
    pub async fn unknown_identifiers(&self, scheme: Scheme) -> Result<Vec<UnknownIdentifier>, StageError> {
        let query = Query::prefix(Table::Registry, UnknownIdentifier::pk(scheme), "");
        Ok(self.store().list(&query).await?.into_iter().map(|s| s.row).collect())
    }

    /// What the tills of a location are called, as it stands now.
    pub(crate) async fn tills_of(
        &self,
        merchant: &Slug,
        location: &str,
    ) -> Result<Vec<LocationIdentifier>, StageError> {
        let query = Query::prefix(Table::Registry, locations_pk(merchant), &format!("{location}#"));
        let rows: Vec<Stored<LocationIdentifier>> = self.store().list(&query).await?;
        // a name may contain the separator: the entry itself says which location it is of
        Ok(rows.into_iter().map(|s| s.row).filter(|entry| entry.location_id == location).collect())
    }
}

/// Spec import §10.2: what is given overwrites, what is not stays.
fn patched(identifier: &Identifier, patch: &Patch) -> Identifier {
    let over = |new: &Option<String>, old: &Option<String>| new.clone().or_else(|| old.clone());
    Identifier {
        location_id: over(&patch.location_id, &identifier.location_id),
        merchant_internal_id: over(&patch.merchant_internal_id, &identifier.merchant_internal_id),
        ..identifier.clone()
    }
}
