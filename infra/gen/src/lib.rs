//! Seeded feeds with known truth.
//!
//! [`generate`] writes one trading day of raw feed bytes in the partners' wire formats. It contains no matching engine:
//! it knows which sale belongs to which payment because it writes both halves of every purchase itself, and it makes
//! the answer certain by never letting two purchases share shop and amount unless that is the point.

mod alone;
mod amex;
mod clock;
mod dice;
mod drops;
mod ledger;
mod lines;
mod lone;
mod mastercard;
mod members;
mod merchants;
mod near;
mod purchases;
#[cfg(test)]
mod tests;
mod tills;
mod truth;
mod vault;
mod visa;
mod world;

use serde::{Deserialize, Serialize};

pub use crate::truth::{Alone, FeedTruth, FileTruth, NearMiss, Pair, Truth, Why};

/// How much to generate, and from which seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// At least this many lines over the feeds of the payment schemes.
    pub payments: usize,
    /// At least this many lines over the merchants' till feeds.
    pub sales: usize,
    /// The trading day, in London.
    pub day: jiff::civil::Date,
}

impl Default for Plan {
    fn default() -> Self {
        Self { seed: 1, payments: 2_000, sales: 3_000, day: jiff::civil::date(2026, 3, 17) }
    }
}

/// One trading day: the world it happens in, what the partners deliver, and what is true about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Day {
    /// The seed it was made from.
    pub seed: u64,
    /// The key text the members' credentials are encrypted with.
    pub aes_key: String,
    /// The onboarded identifiers.
    pub identifiers: Vec<Identifier>,
    /// What the user directory knows: one entry per card and merchant.
    pub users: Vec<User>,
    /// What the partners deliver, in the order of delivery.
    pub drops: Vec<Drop>,
    /// What should come of it.
    pub truth: Truth,
}

/// One onboarded identifier, with the field names of the conformance cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifier {
    /// The merchant's slug.
    pub scheme: String,
    /// The payment scheme: visa, mastercard or amex.
    pub provider: String,
    /// What the payment scheme calls the till.
    pub identifier: String,
    /// PRIMARY, SECONDARY or PSIMI.
    #[serde(rename = "type")]
    pub kind: String,
    /// The merchant's name of the place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_id: Option<String>,
    /// The merchant's own number of the brand or company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_internal_id: Option<String>,
}

/// A card that one merchant's loyalty scheme knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The payment scheme's token of the card.
    pub token: String,
    /// The merchant's slug.
    pub scheme: String,
    /// What the directory answers for this token and merchant.
    pub identity: serde_json::Value,
}

/// A message or a file?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropKind {
    /// A whole file.
    File,
    /// One message of a queue.
    Message,
}

/// One delivery of a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    /// When the partner delivers it.
    pub at: jiff::Timestamp,
    /// The feed it belongs to.
    pub feed: String,
    /// The file's name, or a name for the message.
    pub name: String,
    /// Message or file.
    pub kind: DropKind,
    /// The bytes as they come.
    pub bytes: Vec<u8>,
}

/// One trading day from a plan; a pure function of the plan.
pub fn generate(plan: &Plan) -> Day {
    let mut dice = dice::Dice::new(plan.seed);
    let clock = clock::Clock::new(plan.day);
    let aes_key = format!("gen-{}", dice.lower(16));
    let world = world::World::build(&mut dice, &aes_key, plan);
    let mut ledger = ledger::Ledger::new(dice, &world, &clock);
    // Everything with a fixed share first; then ordinary lines until the plan is reached.
    purchases::write(&mut ledger, plan);
    near::write(&mut ledger, plan);
    alone::write(&mut ledger, plan);
    lone::write(&mut ledger, plan);
    let (payments, sales, mut truth, mut dice) = ledger.close();
    let drafts = drops::drafts(&payments, &sales, &clock, &mut dice);
    truth.tally(&drafts);
    Day {
        seed: plan.seed,
        aes_key,
        identifiers: world.identifiers,
        users: world.users,
        drops: drops::deliver(drafts),
        truth,
    }
}
