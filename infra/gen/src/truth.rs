//! What should come of the day.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::drops::Draft;
use crate::lines::Outcome;

/// What should come of the day once everything is delivered. Nothing but `pairs` may be matched, and nothing but these
/// and `alone` told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// Every purchase of a known member whose two halves are both fed and fit each other only.
    pub pairs: Vec<Pair>,
    /// Every purchase, and every line, of a known member that its merchant is told of by itself.
    pub alone: Vec<Alone>,
    /// The outcomes of each feed's lines over the whole day.
    pub lines: BTreeMap<String, FeedTruth>,
    /// The outcomes of each file's lines that do not depend on what came before it.
    pub files: Vec<FileTruth>,
    /// Halves that look like a purchase and are none.
    pub near_misses: Vec<NearMiss>,
}

/// A payment and the sale that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The merchant's slug.
    pub merchant: String,
    /// The payment scheme.
    pub scheme: String,
    /// The ids of the payment's lines; authorisation and settlement share one in all three schemes.
    pub payment_ids: Vec<String>,
    /// The merchant's id of the sale.
    pub sale_id: String,
    /// The member's number at the merchant.
    pub loyalty_id: String,
}

/// A purchase or a line that is told by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alone {
    /// The merchant's slug.
    pub merchant: String,
    /// The payment scheme.
    pub scheme: String,
    /// The payment's id; a refund may have the same as its purchase.
    pub payment_id: String,
    /// `auth`, `settled` or `refund` for a streamed line, nothing for a purchase that is spotted whichever line came
    /// first.
    pub line: Option<String>,
    /// What is told in minor units; a refund is negative (D3).
    pub minor: i64,
    /// The member's number at the merchant.
    pub loyalty_id: String,
}

/// The outcomes of one feed: `read` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedTruth {
    /// Lines of any outcome.
    pub read: u64,
    /// New lines.
    pub accepted: u64,
    /// Lines whose id was accepted or parked before, those of a file that comes twice included.
    pub duplicate: u64,
    /// Lines the feed's filters drop.
    pub skipped: u64,
    /// Bad lines.
    pub rejected: u64,
    /// Payment lines of which no identifier is onboarded, sales of which no location is.
    pub parked: u64,
}

/// The outcomes of one file that are the same whenever it comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTruth {
    /// The feed.
    pub feed: String,
    /// The file's name.
    pub name: String,
    /// Lines of any outcome.
    pub read: u64,
    /// Lines the feed's filters drop.
    pub skipped: u64,
    /// Bad lines.
    pub rejected: u64,
    /// The other name under which the same bytes came earlier.
    pub same_bytes_as: Option<String>,
}

/// A payment and sales that must not be matched with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearMiss {
    /// The merchant's slug.
    pub merchant: String,
    /// The payment scheme.
    pub scheme: String,
    /// The ids of the payment's lines. The payment may have a pair of its own, with another sale.
    pub payment_ids: Vec<String>,
    /// The merchant's ids of the sales. They stay open (or never get in).
    pub sale_ids: Vec<String>,
    /// What keeps them apart.
    pub why: Why,
}

/// What keeps a payment and a sale apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// No code to compare, and the till's clock is off by more than the tolerance.
    TillClock,
    /// The codes differ.
    AuthCode,
    /// The amounts differ by a penny.
    Amount,
    /// The sale was at another till of the merchant.
    OtherMid,
    /// The till says the card was another scheme's.
    OtherScheme,
    /// The sale is in another currency.
    OtherCurrency,
    /// Another card's sale of the same amount at the same time; the member's own sale is the pair.
    OtherCard,
    /// Two sales fit the payment equally.
    Twins,
    /// The directory does not know the card at this merchant.
    UnknownCard,
    /// No identifier of the payment is onboarded.
    UnknownMid,
    /// The merchant's filters drop the sale.
    FilteredSale,
    /// The merchant's policy says nothing about cards of the payment scheme.
    NoPolicy,
}

impl Truth {
    /// Counts what the drafts say about their lines.
    pub(crate) fn tally(&mut self, drafts: &[Draft]) {
        for draft in drafts {
            let feed = self.lines.entry(draft.feed.to_owned()).or_default();
            for line in &draft.lines {
                feed.count(line.outcome);
            }
            if draft.is_file() {
                let mut own = FeedTruth::default();
                draft.lines.iter().for_each(|line| own.count(line.outcome));
                self.files.push(FileTruth {
                    feed: draft.feed.to_owned(),
                    name: draft.name.clone(),
                    read: own.read,
                    skipped: own.skipped,
                    rejected: own.rejected,
                    same_bytes_as: draft.same_bytes_as.clone(),
                });
            }
        }
    }
}

impl FeedTruth {
    fn count(&mut self, outcome: Outcome) {
        self.read += 1;
        *match outcome {
            Outcome::Accepted => &mut self.accepted,
            Outcome::Duplicate => &mut self.duplicate,
            Outcome::Skipped => &mut self.skipped,
            Outcome::Rejected => &mut self.rejected,
            Outcome::Parked => &mut self.parked,
        } += 1;
    }
}
