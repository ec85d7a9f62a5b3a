//! What the stages note in the tally: facts that have just been written, once each unless a handler comes again between
//! the write and the note's invocation ending.

use crate::Harmonia;
use harmonia_domain::{
    export::{Export, MatchType, Verdict},
    feed::{Feed, Slug},
    outcome::{ParkReason, Totals},
};
use harmonia_metrics::{Metric, Tally};
use jiff::SignedDuration;
use std::sync::Arc;

/// Open for longer than the widest window that a policy has without a person asking for more (design §4).
const WINDOW_DAYS: i64 = 14;

/// Classes of [`Metric::Open`]: how old at most, and what it is called. What is older than all is `older`.
const AGES: [(SignedDuration, &str); 2] =
    [(SignedDuration::from_hours(24), "day"), (SignedDuration::from_hours(24 * WINDOW_DAYS), "window")];
const OLDER: &str = "older";
/// What the user directory may say.
const ANSWERS: [&str; 4] = ["known", "card-not-known", "no-card-information", "directory-unavailable"];
/// What an attempt may lead to: [`Verdict::name`].
const VERDICTS: [&str; 5] = ["delivered", "retry", "failed", "skipped", "unconfirmed"];

impl Harmonia {
    /// What has been noted by everything that shares this process' memory.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    pub(crate) fn note_lines(&self, feed: &Feed, totals: &Totals) {
        let Totals { accepted, duplicate, skipped, rejected, parked, .. } = *totals;
        let outcomes = [
            ("accepted", accepted),
            ("duplicate", duplicate),
            ("skipped", skipped),
            ("rejected", rejected),
            ("parked", parked),
        ];
        for (outcome, lines) in outcomes {
            self.tally.note(Metric::Lines, &[feed.as_str(), outcome], lines);
        }
    }

    pub(crate) fn note_file(&self, feed: &Feed, event: &str) {
        self.tally.note(Metric::Files, &[feed.as_str(), event], 1);
    }

    /// `parked`: why the lines wait; none if their card is known.
    pub(crate) fn note_identified(&self, merchant: &Slug, parked: Option<ParkReason>, lines: usize) {
        let came = match parked {
            None => "known",
            Some(ParkReason::CardNotKnown) => "card-not-known",
            Some(ParkReason::NoCardInformation) => "no-card-information",
            Some(_) => "directory-unavailable",
        };
        self.note_one_of(Metric::Identified, merchant, &ANSWERS, came, lines);
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
        self.note_one_of(Metric::Deliveries, merchant, &VERDICTS, verdict.name(), exports);
    }

    /// One of several things happened, and the others did not.
    fn note_one_of(&self, metric: Metric, merchant: &Slug, all: &[&str], came: &str, times: usize) {
        let times = u64::try_from(times).unwrap_or(u64::MAX);
        for one in all {
            self.tally.note(metric, &[merchant.as_str(), one], if *one == came { times } else { 0 });
        }
    }

    /// How many payments of a merchant are open, by how long they have been so, zeros included.
    pub(crate) fn note_open(&self, merchant: &Slug, ages: &[SignedDuration]) {
        let class = |age: SignedDuration| AGES.iter().find(|(most, _)| age <= *most).map_or(OLDER, |(_, name)| *name);
        for name in AGES.iter().map(|(_, name)| *name).chain([OLDER]) {
            let open = ages.iter().filter(|age| class(**age) == name).count();
            let open = u64::try_from(open).unwrap_or(u64::MAX);
            self.tally.note(Metric::Open, &[merchant.as_str(), name], open);
        }
    }
}
