//! What the stages note in the tally: facts that have just been written, once each unless a handler comes again between
//! the write and the note's invocation ending.

use crate::Harmonia;
use harmonia_domain::{
    export::{Export, MatchType, Verdict},
    feed::{Feed, Slug},
    outcome::{ParkReason, Totals},
};
use harmonia_metrics::{Age, Answer, Dimension, FileEvent, Metric, Outcome, Tally};
use jiff::SignedDuration;
use std::sync::Arc;

/// Open for longer than the widest window that a policy has without a person asking for more (design §4).
const WINDOW_DAYS: i64 = 14;

/// Classes of [`Metric::Open`]: how old at most. What is older than all is [`Age::Older`].
const AGES: [(SignedDuration, Age); 2] =
    [(SignedDuration::from_hours(24), Age::Day), (SignedDuration::from_hours(24 * WINDOW_DAYS), Age::Window)];

impl Harmonia {
    /// What has been noted by everything that shares this process' memory.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    pub(crate) fn note_lines(&self, feed: &Feed, totals: &Totals) {
        let Totals { accepted, duplicate, skipped, rejected, parked, .. } = *totals;
        let outcomes = [
            (Outcome::Accepted, accepted),
            (Outcome::Duplicate, duplicate),
            (Outcome::Skipped, skipped),
            (Outcome::Rejected, rejected),
            (Outcome::Parked, parked),
        ];
        for (outcome, lines) in outcomes {
            self.tally.note(Metric::Lines, &[feed.as_str(), outcome.as_str()], lines);
        }
    }

    pub(crate) fn note_file(&self, feed: &Feed, event: FileEvent) {
        self.tally.note(Metric::Files, &[feed.as_str(), event.as_str()], 1);
    }

    /// How many files are stuck, zero included.
    pub(crate) fn note_stuck(&self, files: usize) {
        self.tally.note(Metric::FilesStuck, &[], u64::try_from(files).unwrap_or(u64::MAX));
    }

    /// `parked`: why the lines wait; none if their card is known.
    pub(crate) fn note_identified(&self, merchant: &Slug, parked: Option<ParkReason>, lines: usize) {
        let came = match parked {
            None => Answer::Known,
            Some(ParkReason::CardNotKnown) => Answer::CardNotKnown,
            Some(ParkReason::NoCardInformation) => Answer::NoCardInformation,
            Some(_) => Answer::DirectoryUnavailable,
        };
        self.note_one_of(Metric::Identified, merchant, Dimension::Answer, came.as_str(), lines);
    }

    /// A claim that holds.
    pub(crate) fn note_match(&self, export: &Export) {
        let Export { id, merchant, match_type, purchase, sale, .. } = export;
        let kind = match_type.as_str();
        self.tally.note(Metric::Matches, &[merchant.as_str(), kind], 1);
        let sale = sale.as_deref();
        tracing::info!(export = %id, %merchant, payment = purchase.id, sale, kind, "matched");
    }

    /// A payment that waits for its sale: an hour without any match is told, too.
    pub(crate) fn note_no_match(&self, merchant: &Slug) {
        self.tally.note(Metric::Matches, &[merchant.as_str(), MatchType::Loyalty.as_str()], 0);
        tracing::debug!(%merchant, "waits for its sale");
    }

    /// What an attempt led to, for so many exports.
    pub(crate) fn note_delivery(&self, merchant: &Slug, verdict: &Verdict, exports: usize) {
        self.note_one_of(Metric::Deliveries, merchant, Dimension::Verdict, verdict.name(), exports);
    }

    /// One of several things happened, and the others did not.
    fn note_one_of(&self, metric: Metric, merchant: &Slug, of: Dimension, came: &str, times: usize) {
        debug_assert!(of.may_be(came), "{metric:?}: {came}");
        let times = u64::try_from(times).unwrap_or(u64::MAX);
        for one in of.known().unwrap_or_default() {
            self.tally.note(metric, &[merchant.as_str(), one], if **one == *came { times } else { 0 });
        }
    }

    /// How many payments of a merchant are open, by how long they have been so, zeros included.
    pub(crate) fn note_open(&self, merchant: &Slug, ages: &[SignedDuration]) {
        let class = |age: SignedDuration| AGES.iter().find(|(most, _)| age <= *most).map_or(Age::Older, |(_, of)| *of);
        for of in Age::ALL {
            let open = ages.iter().filter(|age| class(**age) == *of).count();
            let open = u64::try_from(open).unwrap_or(u64::MAX);
            self.tally.note(Metric::Open, &[merchant.as_str(), of.as_str()], open);
        }
    }
}
