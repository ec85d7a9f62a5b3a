//! Which lines of the other side come nearest to an open one, and by which fields each of them fails (invariant 6).
//!
//! Unlike [`decide`](crate::decide), this looks at lines that share *not* everything a match needs (D23): another MID,
//! currency, amount or payment scheme is a difference like any other. The tests of the policy are the engine's own, so
//! what is said here is what the engine does. Pure: the caller brings the lines.

mod difference;
mod words;

pub use difference::{Card, Difference, Field};
pub use words::{Money, Span, evidence_in_words};

use crate::{Candidate, Decision, Verdict, check, check::Side, decide};
use harmonia_definitions::Matching;
use harmonia_domain::{
    feed::Scheme,
    money::{Currency, MinorUnits},
    purchase::{Bar, Current},
};
use jiff::SignedDuration;

/// So many nearest lines are told: more than a person compares by eye.
pub const NEAREST_MAX: usize = 5;
/// A line at another till, in another currency or of another payment scheme is near only if it happened within so long:
/// a day, and what a wrong zone or a clock of the day before adds.
const NEAR_S: i64 = 36 * 3_600;
/// A line of another amount and another code is near only if it shows the same card within so long: a bill and its tip.
const CLOSE_S: i64 = 3_600;
/// A line with at most so many points is a reason by itself: one field that is a little off, or two of which the auth
/// code is not one. With more it may be just another purchase at that till.
const CONVINCING_POINTS_MAX: u32 = 60;

/// A payment as it is now, with what is known about its card.
#[derive(Debug, Clone, Copy)]
pub struct Paid<'a> {
    /// The payment scheme.
    pub scheme: Scheme,
    /// What it is now.
    pub now: &'a Current,
    /// What its auth said before the settlement changed the amount.
    pub authorised: Option<MinorUnits>,
    /// The card's first six digits as the user directory knows it; empty if it does not.
    pub first_six: &'a str,
    /// The card's last four digits as the user directory knows it; empty if it does not.
    pub last_four: &'a str,
    /// Sales that a person has said it does not belong to.
    pub bars: &'a [Bar],
}

/// Whether a sale could be taken at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It waits for a payment.
    Open,
    /// Its file is not closed: nobody may see it yet (design §4).
    Hidden,
    /// Another payment has it.
    Claimed {
        /// Which, by payment scheme and id.
        by: String,
    },
}

/// A sale of the payment's merchant, whatever it shares with the payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnySale {
    /// The card's payment scheme.
    pub scheme: Scheme,
    /// Its till's identifiers.
    pub mids: Vec<String>,
    /// In what.
    pub currency: Currency,
    /// How much.
    pub amount: MinorUnits,
    /// What the engine looks at.
    pub facts: Candidate,
    /// Could it be taken?
    pub standing: Standing,
}

/// How near a line of the other side comes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Near {
    /// Its place in the caller's list.
    #[serde(skip)]
    pub index: usize,
    /// What is equal.
    pub same: Vec<Field>,
    /// What is not, as far as the policy asks for it; the most telling first. Empty: it fits.
    pub differences: Vec<Difference>,
    /// Sale after payment; negative if before.
    pub apart: SignedDuration,
    /// Points, 0 is a perfect fit: see [`Difference::points`].
    pub points: u32,
}

/// What the engine says of a payment's own candidates, and what else comes near.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// About the open sales that share merchant, payment scheme, MID, currency and amount.
    pub decision: Decision,
    /// The nearest lines, nearest first, at most [`NEAREST_MAX`].
    pub near: Vec<Near>,
}

/// The sales nearest to a payment.
pub fn nearest_sales(matching: &Matching, paid: &Paid<'_>, sales: &[AnySale]) -> Nearest {
    let mut compared: Vec<Near> = sales.iter().enumerate().map(|(i, sale)| compare(matching, paid, sale, i)).collect();
    let candidates: Vec<usize> = compared
        .iter()
        .filter(|near| sales.get(near.index).is_some_and(|s| is_candidate(paid, s)))
        .map(|n| n.index)
        .collect();
    let facts: Vec<Candidate> = candidates.iter().filter_map(|i| sales.get(*i)).map(|s| s.facts.clone()).collect();
    let Verdict { decision, reasons, .. } =
        decide(matching, paid.scheme, paid.now, paid.first_six, paid.last_four, &facts);
    for (index, reason) in candidates.iter().zip(reasons) {
        let sale = sales.get(*index);
        if let (Some(near), Some(sale)) = (compared.iter_mut().find(|n| n.index == *index), sale) {
            // only the whole field of candidates can say this: a fallback that it fails, or a tie
            near.add(difference::of_reason(paid, sale, reason));
        }
    }
    let near = ranked(compared, |near| sales.get(near.index).is_some_and(|sale| is_near(matching, near, paid, sale)));
    Nearest { decision, near }
}

/// The payments nearest to a sale.
pub fn nearest_payments(matching: &Matching, sale: &AnySale, payments: &[Paid<'_>]) -> Vec<Near> {
    let compared = payments.iter().enumerate().map(|(i, paid)| compare(matching, paid, sale, i)).collect();
    ranked(compared, |near| payments.get(near.index).is_some_and(|paid| is_near(matching, near, paid, sale)))
}

/// What the engine would look at: everything equal that a book key holds (D23), and free.
fn is_candidate(paid: &Paid<'_>, sale: &AnySale) -> bool {
    sale.standing == Standing::Open && !is_barred(paid, sale) && shares_book_key(paid, sale)
}

fn is_barred(paid: &Paid<'_>, sale: &AnySale) -> bool {
    paid.bars.iter().any(|bar| bar.sale == sale.facts.id)
}

fn shares_book_key(paid: &Paid<'_>, sale: &AnySale) -> bool {
    paid.scheme == sale.scheme
        && sale.mids.contains(&paid.now.mid)
        && paid.now.currency == sale.currency
        && paid.now.amount == sale.amount
}

fn ranked(mut compared: Vec<Near>, keep: impl Fn(&Near) -> bool) -> Vec<Near> {
    compared.retain(keep);
    // equal points: the nearer in time, then the caller's order
    compared.sort_by_key(|near| (near.points, near.apart.unsigned_abs(), near.index));
    compared.truncate(NEAREST_MAX);
    compared
}

/// Two lines have to have something in common to be called near: the auth code, the amount, or the card at about the
/// same time. Whoever shares the book key was a candidate, however long ago.
fn is_near(matching: &Matching, near: &Near, paid: &Paid<'_>, sale: &AnySale) -> bool {
    let within = |limit_s: i64| near.apart.unsigned_abs() <= SignedDuration::from_secs(limit_s).unsigned_abs();
    let window_s = i64::from(matching.window_days) * 24 * 3_600;
    let shares = |field| near.same.contains(&field);
    (within(window_s) && (shares(Field::AuthCode) || shares_book_key(paid, sale)))
        || (within(NEAR_S) && shares(Field::Amount))
        || (within(CLOSE_S) && shares(Field::Card) && shares(Field::Mid))
}

/// Every field by which the two differ, by the policy's key; fallbacks are the engine's to say.
fn compare(matching: &Matching, paid: &Paid<'_>, sale: &AnySale, index: usize) -> Near {
    let mut near = Near {
        index,
        same: Vec::new(),
        differences: Vec::new(),
        apart: paid.now.at.duration_until(sale.facts.at),
        points: 0,
    };
    let side = Side { payment: paid.now, first_six: paid.first_six, last_four: paid.last_four };
    near.differences.extend(difference::of_book_key(paid, sale));
    let window = check::Check::Window { days: matching.window_days };
    let checks = matching.policy(paid.scheme).into_iter().flat_map(|policy| check::key(policy, paid.now));
    for reason in std::iter::once(window).chain(checks).filter_map(|check| check.against(side, &sale.facts)) {
        near.differences.extend(difference::of_reason(paid, sale, reason));
    }
    near.differences.extend(difference::of_standing(sale));
    near.differences.extend(is_barred(paid, sale).then_some(Difference::Barred));
    near.same = difference::same(paid, sale);
    near.count();
    near
}

impl Near {
    /// It differs by so little that it must be the other half.
    pub fn convinces(&self) -> bool {
        self.points <= CONVINCING_POINTS_MAX
    }

    fn add(&mut self, difference: Option<Difference>) {
        if let Some(difference) = difference.filter(|d| !self.differences.contains(d)) {
            self.differences.push(difference);
            self.count();
        }
    }

    fn count(&mut self) {
        self.differences.sort_by_key(Difference::rank);
        let of_fields: u32 = self.differences.iter().map(|d| d.points(self.apart)).fold(0, u32::saturating_add);
        let fits = self.differences.is_empty() || self.same.contains(&Field::AuthCode);
        self.points = of_fields.saturating_add(if fits { 0 } else { difference::NO_CODE_POINTS });
    }
}

#[cfg(test)]
mod tests;
