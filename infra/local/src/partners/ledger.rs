//! What the partners remember.

use super::tgi_fridays::Bill;
use harmonia_domain::ids::sha256_hex;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What the partners saw in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PartnerReport {
    /// Requests by path and status of the answer.
    pub requests: BTreeMap<String, BTreeMap<u16, u64>>,
    /// What was told successfully: by merchant and by what it knows the purchase by. Where nothing in a request tells
    /// one purchase from another, by what is said.
    pub told: BTreeMap<String, BTreeMap<String, Told>>,
    /// How many different bodies came under each name that a merchant recognises, failed attempts included.
    pub bodies: BTreeMap<String, BTreeMap<String, usize>>,
}

/// How often something was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Rewards that were counted.
    pub counted: u64,
    /// Told once more and recognised by its key: no reward.
    pub again: u64,
}

impl PartnerReport {
    /// How many rewards were counted.
    pub fn rewarded(&self) -> u64 {
        self.told.values().flat_map(BTreeMap::values).map(|told| told.counted).sum()
    }

    /// How many of one merchant.
    pub fn rewarded_by(&self, merchant: &str) -> u64 {
        self.told.get(merchant).into_iter().flat_map(BTreeMap::values).map(|told| told.counted).sum()
    }

    /// How often something was told that the merchant had already: recognised by its key, rewarded once (`same-key`).
    pub fn recognised(&self) -> u64 {
        self.told.values().flat_map(BTreeMap::values).map(|told| told.again).sum()
    }

    /// How often one merchant was told what it had already.
    pub fn recognised_by(&self, merchant: &str) -> u64 {
        self.told.get(merchant).into_iter().flat_map(BTreeMap::values).map(|told| told.again).sum()
    }

    /// How many bodies came under the names of one merchant.
    pub fn bodies_of(&self, merchant: &str) -> usize {
        self.bodies.get(merchant).map_or(0, BTreeMap::len)
    }

    /// Whatever must not be, in words: a purchase rewarded twice under one name, two bodies under one key.
    pub fn irregular(&self) -> Vec<String> {
        let mut irregular = Vec::new();
        for (merchant, told) in self.told.iter().filter(|(merchant, _)| self.bodies.contains_key(*merchant)) {
            let twice = told.iter().filter(|(_, told)| told.counted > 1);
            irregular.extend(twice.map(|(name, told)| format!("{merchant} rewarded {name} {} times", told.counted)));
        }
        for (merchant, bodies) in &self.bodies {
            let several = bodies.iter().filter(|(_, n)| **n > 1);
            irregular.extend(several.map(|(name, n)| format!("{merchant} got {name} with {n} different bodies")));
        }
        irregular
    }
}

/// What a request tells, as the merchant sees it.
pub(super) enum Reward<'a> {
    /// One purchase, which it knows by this name.
    Known(&'a str),
    /// One purchase. Nothing in the request tells it from another that says the same.
    Unknown(&'a str),
    /// Purchases that it knows by their names, in a batch that it knows by its name.
    Batch { name: &'a str, members: Vec<&'a str> },
}

impl Reward<'_> {
    /// What the request is about.
    pub(super) fn about(&self) -> &str {
        match self {
            Self::Known(name) | Self::Unknown(name) | Self::Batch { name, .. } => name,
        }
    }
}

#[derive(Default)]
pub(super) struct Ledger {
    requests: BTreeMap<String, BTreeMap<u16, u64>>,
    /// By whom and what the request is about.
    attempts: BTreeMap<(String, String), u32>,
    told: BTreeMap<String, BTreeMap<String, Told>>,
    /// Hashes of the bodies: what is in them is the members' business.
    bodies: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// Batches that were taken, by merchant and name.
    batches: BTreeSet<(String, String)>,
    /// What TGI Fridays' tills printed.
    pub(super) bills: Vec<Bill>,
    /// Members whose points TGI Fridays gave: by points.
    pub(super) gifts: BTreeSet<i64>,
    /// What The Works' cards show: by card.
    pub(super) cards: BTreeMap<String, Vec<(String, i64)>>,
}

impl Ledger {
    pub(super) fn request(&mut self, path: &str, status: u16) {
        let count = self.requests.entry(path.to_owned()).or_default().entry(status).or_default();
        *count = count.saturating_add(1);
    }

    /// Counts an attempt; the first is 1.
    pub(super) fn attempt(&mut self, whom: &str, about: &str) -> u32 {
        let count = self.attempts.entry((whom.to_owned(), about.to_owned())).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// A request that tells came, whatever becomes of it.
    pub(super) fn came(&mut self, merchant: &str, reward: &Reward<'_>, body: &[u8]) {
        let (Reward::Known(name) | Reward::Batch { name, .. }) = reward else { return };
        let bodies = self.bodies.entry(merchant.to_owned()).or_default();
        bodies.entry((*name).to_owned()).or_default().insert(sha256_hex(body));
    }

    /// Has the merchant counted this already?
    pub(super) fn has(&self, merchant: &str, name: &str) -> bool {
        self.told.get(merchant).is_some_and(|told| told.contains_key(name))
    }

    /// The merchant took it.
    pub(super) fn count(&mut self, merchant: &str, reward: &Reward<'_>) {
        let (members, known) = match reward {
            Reward::Known(name) => (vec![*name], self.has(merchant, name)),
            Reward::Unknown(what) => (vec![*what], false),
            Reward::Batch { name, members } => {
                (members.clone(), !self.batches.insert((merchant.to_owned(), (*name).to_owned())))
            }
        };
        let told = self.told.entry(merchant.to_owned()).or_default();
        for member in members {
            let told = told.entry(member.to_owned()).or_default();
            let count = if known && told.counted > 0 { &mut told.again } else { &mut told.counted };
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn report(&self) -> PartnerReport {
        let sizes = |sets: &BTreeMap<String, BTreeSet<String>>| {
            sets.iter().map(|(name, set)| (name.clone(), set.len())).collect::<BTreeMap<_, _>>()
        };
        PartnerReport {
            requests: self.requests.clone(),
            told: self.told.clone(),
            bodies: self.bodies.iter().map(|(merchant, sets)| (merchant.clone(), sizes(sets))).collect(),
        }
    }
}
