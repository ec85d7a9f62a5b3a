//! The lines of one file range or one message, from parsed record to outcome. Lines are stored several at a time, but
//! duplicates inside the input are told apart in its own order first, so the outcome does not depend on who is
//! quicker.

use super::{
    payment::Prepared,
    report::{RangeReport, RejectRow},
    result::PreparedResult,
    sale::PreparedSale,
};
use crate::{Harmonia, StageError, message::LineName};
use futures::{StreamExt, TryStreamExt, stream};
use harmonia_domain::{
    Source,
    export::BookKey,
    feed::{Feed, Kind},
    line::{ContentKey, IdKey},
    outcome::{Outcome, ParkReason, Reject},
    purchase::{PurchaseKey, Slot},
    sale::Sale,
};
use harmonia_feeds::{Numbered, Record};
use harmonia_ports::Stamp;
use harmonia_state::BookedSale;
use jiff::Timestamp;
use std::collections::{HashMap, hash_map::Entry};

/// So many lines are stored at once: enough to hide the round trips of one function, few enough for its memory.
const STORED_AT_ONCE: usize = 16;

/// What storing a line found.
pub(super) enum StoredAs {
    /// Nothing of that id: it is new.
    New { slot: Slot },
    /// The very same line, delivered again.
    Same { slot: Slot },
    /// Another line of that id; to be forwarded once more if `forward` names where.
    Duplicate { differs: bool, forward: Option<Slot> },
}

/// Where lines come from.
pub(super) struct Origin<'a> {
    pub(super) feed: &'a Feed,
    /// File id or message id.
    pub(super) from: &'a str,
    pub(super) arrived: Timestamp,
    /// The file whose closing makes sales visible.
    pub(super) group: Option<&'a str>,
    /// The lines are of the past.
    pub(super) backfill: bool,
}

/// What came out of some lines.
#[derive(Default)]
pub(super) struct Imported {
    pub(super) report: RangeReport,
    /// Payment lines to be identified.
    pub(super) lines: Vec<LineName>,
    /// The outcomes in order.
    pub(super) outcomes: Vec<Outcome>,
}

enum Work {
    Payment(Box<Prepared>),
    /// Another line of this input has its id and says something else.
    Differs(Box<Prepared>),
    Sale(Box<PreparedSale>),
    Result(Box<PreparedResult>),
    Done(Outcome),
}

impl Work {
    /// The provider's id, if it is a payment's.
    fn payment(&self) -> Option<&str> {
        match self {
            Self::Payment(prepared) | Self::Differs(prepared) => Some(&prepared.line.id),
            Self::Sale(_) | Self::Result(_) | Self::Done(_) => None,
        }
    }

    /// The merchant's id, if it is a sale's.
    fn sale(&self) -> Option<&str> {
        if let Self::Sale(prepared) = self { Some(&prepared.sale.id) } else { None }
    }
}

struct Line {
    number: u64,
    at: Option<Timestamp>,
    work: Work,
}

impl Imported {
    fn add(&mut self, number: u64, at: Option<Timestamp>, outcome: Outcome) {
        self.report.totals.count(&outcome);
        let counted = !matches!(outcome, Outcome::Skipped(_) | Outcome::Rejected(_));
        if let Some(at) = at.filter(|_| counted) {
            self.report.dates = Some(self.report.dates.map_or((at, at), |(a, b)| (a.min(at), b.max(at))));
        }
        match &outcome {
            Outcome::Rejected(reject) => {
                self.report.rejects.push(RejectRow { line: number, reject: reject.clone() });
            }
            Outcome::Skipped(reason) => *self.report.skipped.entry(reason.0.clone()).or_default() += 1,
            Outcome::Parked(why) => *self.report.parked.entry(format!("{why:?}")).or_default() += 1,
            _ => {}
        }
        self.outcomes.push(outcome);
    }
}

impl Harmonia {
    /// Imports records in order.
    pub(super) async fn import_lines(
        &self,
        origin: &Origin<'_>,
        records: impl Iterator<Item = Numbered>,
        stamp: &Stamp,
    ) -> Result<Imported, StageError> {
        let mut imported = Imported::default();
        let mut payments_seen = HashMap::new();
        let mut sales_seen = HashMap::new();
        let mut results_seen = HashMap::new();
        let mut ready = Vec::new();
        for Numbered { line, offset, record } in records {
            let src = Source { from: origin.from.to_owned(), offset, line, backfill: origin.backfill };
            let prepared = match record {
                Record::Skipped(reason) => Line { number: line, at: None, work: Work::Done(Outcome::Skipped(reason)) },
                Record::Rejected(reject) => rejected(line, reject),
                Record::Repeated { differs, at, payment: None } => repeated(line, differs, at),
                Record::Repeated { at, payment: Some(payment), .. } => {
                    match self.prepare(*payment, src, origin.arrived).await? {
                        Err(_) => repeated(line, true, at),
                        Ok(p) => Line { number: line, at, work: Work::Differs(Box::new(p)) },
                    }
                }
                Record::Payment(payment) => match self.prepare(*payment, src, origin.arrived).await? {
                    Err(outcome) => Line { number: line, at: None, work: Work::Done(outcome) },
                    Ok(p) => first_of_its_id(&mut payments_seen, line, p),
                },
                Record::Sale(sale) => match self.prepare_sale(*sale, src, origin).await? {
                    Err(reject) => rejected(line, reject),
                    Ok(s) => first_sale_of_its_id(&mut sales_seen, line, s),
                },
                Record::Result(result) => match self.prepare_result(*result, src, origin) {
                    Err(reject) => rejected(line, reject),
                    Ok(r) => first_result_of_its_uid(&mut results_seen, line, r),
                },
            };
            ready.push(prepared);
        }
        let stored: Vec<(u64, Option<Timestamp>, Finished)> =
            stream::iter(ready).map(|line| self.finish(line, stamp)).buffered(STORED_AT_ONCE).try_collect().await?;
        // the sales are there: their entries follow in batches, again after a crash between the two
        let entries: Vec<BookedSale> = stored.iter().flat_map(|(_, _, finished)| finished.entries.clone()).collect();
        self.store().put_all(&entries, stamp).await?;
        for (number, at, finished) in stored {
            imported.lines.extend(finished.line);
            for key in finished.keys {
                imported.report.keys.insert(key);
            }
            if let Some(result) = finished.result {
                *imported.report.results.entry(result).or_default() += 1;
            }
            imported.add(number, at, finished.outcome);
        }
        Ok(imported)
    }

    #[tracing::instrument(
        level = "error",
        skip_all,
        fields(line = line.number, payment = line.work.payment(), sale = line.work.sale())
    )]
    async fn finish(&self, line: Line, stamp: &Stamp) -> Result<(u64, Option<Timestamp>, Finished), StageError> {
        let finished = match line.work {
            Work::Done(outcome) => Finished::only(outcome),
            Work::Differs(prepared) => {
                self.keep_beside(&prepared, stamp).await?;
                Finished::payment(&prepared, &StoredAs::Duplicate { differs: true, forward: None }, None)
            }
            Work::Payment(prepared) => {
                let stored = self.store_payment(&prepared, stamp).await?;
                if matches!(stored, StoredAs::Duplicate { differs: true, .. }) {
                    self.keep_beside(&prepared, stamp).await?;
                }
                let waits = self.look_again(&prepared, &stored, stamp).await?;
                Finished::payment(&prepared, &stored, waits)
            }
            Work::Sale(prepared) => self.finish_sale(&prepared, stamp).await?,
            Work::Result(prepared) => self.finish_result(&prepared, stamp).await?,
        };
        match &finished.outcome {
            Outcome::Rejected(reject) => tracing::debug!(%reject, "rejected"),
            outcome => tracing::debug!(?outcome, "imported"),
        }
        Ok((line.number, line.at, finished))
    }
}

/// A line with its outcome and what follows from it.
pub(super) struct Finished {
    pub(super) outcome: Outcome,
    pub(super) line: Option<LineName>,
    pub(super) keys: Vec<BookKey>,
    /// What the book has to say about a sale.
    pub(super) entries: Vec<BookedSale>,
    /// What a receiver's accepted line says.
    pub(super) result: Option<String>,
}

impl Finished {
    /// Nothing follows from it.
    pub(super) fn only(outcome: Outcome) -> Self {
        Self { outcome, line: None, keys: Vec::new(), entries: Vec::new(), result: None }
    }

    /// `waits`: why the stored line still waits for its MID.
    fn payment(prepared: &Prepared, stored: &StoredAs, waits: Option<ParkReason>) -> Self {
        let line = &prepared.line;
        let name =
            |slot| LineName { p: PurchaseKey { scheme: line.scheme, id: line.id.clone(), slot }, kind: line.kind };
        let (outcome, line) = match (stored, waits) {
            (StoredAs::New { .. } | StoredAs::Same { .. }, Some(why)) => (Outcome::Parked(why), None),
            (StoredAs::New { slot } | StoredAs::Same { slot }, None) => (Outcome::Accepted, Some(name(*slot))),
            (StoredAs::Duplicate { differs, forward }, _) => {
                (Outcome::Duplicate { differs: *differs }, forward.map(name))
            }
        };
        Self { line, ..Self::only(outcome) }
    }

    /// `sale`: as it is stored.
    pub(super) fn sale(sale: &Sale, stored: &StoredAs) -> Self {
        let entries = BookedSale::of(sale);
        let keys = || entries.iter().map(|e| e.bk.clone()).collect();
        let (outcome, keys, entries) = match stored {
            StoredAs::New { .. } | StoredAs::Same { .. } if entries.is_empty() => {
                (Outcome::Parked(ParkReason::UnknownLocation), Vec::new(), Vec::new())
            }
            StoredAs::New { .. } | StoredAs::Same { .. } => (Outcome::Accepted, keys(), entries),
            StoredAs::Duplicate { differs, forward } => {
                let keys = if forward.is_some() { keys() } else { Vec::new() };
                (Outcome::Duplicate { differs: *differs }, keys, Vec::new())
            }
        };
        Self { keys, entries, ..Self::only(outcome) }
    }
}

fn rejected(number: u64, reject: Reject) -> Line {
    Line { number, at: None, work: Work::Done(Outcome::Rejected(reject)) }
}

/// An earlier range of the file has its id: the plan has told them apart already.
fn repeated(number: u64, differs: bool, at: Option<Timestamp>) -> Line {
    Line { number, at, work: Work::Done(Outcome::Duplicate { differs }) }
}

/// The first line of an id in its input is kept, whatever comes later with that id (spec import §4).
fn first_of_its_id(
    seen: &mut HashMap<(Kind, String), harmonia_domain::purchase::PaymentFacts>,
    number: u64,
    prepared: Prepared,
) -> Line {
    let at = Some(prepared.facts.at);
    let id = (prepared.line.kind, prepared.line.id.clone());
    if let Some(first) = seen.get(&id) {
        let same = first.same_content(&prepared.facts);
        let done = || Work::Done(Outcome::Duplicate { differs: false });
        return Line { number, at, work: if same { done() } else { Work::Differs(Box::new(prepared)) } };
    }
    seen.insert(id, prepared.facts.clone());
    Line { number, at, work: Work::Payment(Box::new(prepared)) }
}

fn first_sale_of_its_id(
    seen: &mut HashMap<String, harmonia_domain::sale::Sale>,
    number: u64,
    prepared: PreparedSale,
) -> Line {
    let at = Some(prepared.sale.at);
    if let Some(first) = seen.get(&prepared.sale.id) {
        let outcome = Outcome::Duplicate { differs: !first.same_content(&prepared.sale) };
        return Line { number, at, work: Work::Done(outcome) };
    }
    seen.insert(prepared.sale.id.clone(), prepared.sale.clone());
    Line { number, at, work: Work::Sale(Box::new(prepared)) }
}

fn first_result_of_its_uid(seen: &mut HashMap<IdKey, ContentKey>, number: u64, prepared: PreparedResult) -> Line {
    let (at, content) = (prepared.line.at, prepared.line.content_key());
    match seen.entry(prepared.line.id_key()) {
        Entry::Occupied(first) => repeated(number, *first.get() != content, at),
        Entry::Vacant(free) => {
            free.insert(content);
            Line { number, at, work: Work::Result(Box::new(prepared)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spec import §4 and §2.2: a repeat is read, not imported, and its date counts.
    #[test]
    fn a_line_that_an_earlier_range_has_is_a_duplicate() {
        let mut imported = Imported::default();
        for (differs, at) in [(false, "2024-06-18T12:41:07Z"), (true, "2024-06-17T12:41:07Z")] {
            let Line { number, at, work: Work::Done(outcome) } = repeated(7, differs, at.parse().ok()) else {
                panic!("a repeat needs no work")
            };
            imported.add(number, at, outcome);
        }
        let totals = imported.report.totals;
        assert_eq!((totals.read, totals.duplicate, totals.differs), (2, 2, 1));
        let (from, to) = imported.report.dates.unwrap();
        assert_eq!((from.to_string(), to.to_string()), ("2024-06-17T12:41:07Z".into(), "2024-06-18T12:41:07Z".into()));
    }
}
