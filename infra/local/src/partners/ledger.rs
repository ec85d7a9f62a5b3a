//! What the partners remember.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What the partners saw in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PartnerReport {
    /// Requests by path and status of the answer.
    pub requests: BTreeMap<String, BTreeMap<u16, u64>>,
    /// Wasabi: how often each receipt number was told successfully.
    pub wasabi_told: BTreeMap<String, u64>,
    /// Iceland: how many different bodies came under each `message_uid`, failed attempts included.
    pub iceland_bodies: BTreeMap<String, usize>,
    /// Iceland: in how many successful batches (`message_uid`s) each `transaction_id` was. A batch that is repeated is
    /// one batch.
    pub iceland_told: BTreeMap<String, usize>,
}

impl PartnerReport {
    /// How many purchases were rewarded, each counted once.
    pub fn rewarded(&self) -> usize {
        self.wasabi_told.len() + self.iceland_told.len()
    }

    /// How often something was told that the merchant had already: recognised by its key, rewarded once (`same-key`).
    pub fn recognised(&self) -> u64 {
        self.wasabi_told.values().map(|n| n.saturating_sub(1)).sum()
    }

    /// Whatever must not be, in words: a purchase in two batches, two bodies under one key.
    pub fn irregular(&self) -> Vec<String> {
        let iceland = self.iceland_told.iter().filter(|(_, n)| **n > 1);
        let iceland = iceland.map(|(id, n)| format!("iceland transaction {id} was in {n} batches"));
        let bodies = self.iceland_bodies.iter().filter(|(_, n)| **n > 1);
        let bodies = bodies.map(|(uid, n)| format!("iceland batch {uid} came with {n} different bodies"));
        iceland.chain(bodies).collect()
    }
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    requests: BTreeMap<String, BTreeMap<u16, u64>>,
    /// By kind and what the request is about.
    attempts: BTreeMap<(&'static str, String), u32>,
    wasabi: BTreeMap<String, u64>,
    /// Hashes of the bodies: what is in them is the members' business.
    iceland_bodies: BTreeMap<String, BTreeSet<String>>,
    iceland_told: BTreeMap<String, BTreeSet<String>>,
}

impl Ledger {
    pub(super) fn request(&mut self, path: &str, status: u16) {
        let count = self.requests.entry(path.to_owned()).or_default().entry(status).or_default();
        *count = count.saturating_add(1);
    }

    /// Counts an attempt; the first is 1.
    pub(super) fn attempt(&mut self, kind: &'static str, about: &str) -> u32 {
        let count = self.attempts.entry((kind, about.to_owned())).or_default();
        *count = count.saturating_add(1);
        *count
    }

    pub(super) fn wasabi(&mut self, receipt: &str) {
        let count = self.wasabi.entry(receipt.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn iceland_body(&mut self, message_uid: &str, sha256: String) {
        self.iceland_bodies.entry(message_uid.to_owned()).or_default().insert(sha256);
    }

    pub(super) fn iceland(&mut self, message_uid: &str, transaction_id: &str) {
        self.iceland_told.entry(transaction_id.to_owned()).or_default().insert(message_uid.to_owned());
    }

    pub(super) fn report(&self) -> PartnerReport {
        let sizes = |sets: &BTreeMap<String, BTreeSet<String>>| {
            sets.iter().map(|(name, set)| (name.clone(), set.len())).collect::<BTreeMap<_, _>>()
        };
        PartnerReport {
            requests: self.requests.clone(),
            wasabi_told: self.wasabi.clone(),
            iceland_bodies: sizes(&self.iceland_bodies),
            iceland_told: sizes(&self.iceland_told),
        }
    }
}
