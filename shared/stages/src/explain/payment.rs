//! A payment: what it is now and why, from the purchase itself (read consistently), its export, and, while it is open,
//! what comes near it.

use super::{
    day::Day,
    export::authorised,
    facts::{
        Because, CardTold, DayTold, Explanation, ExportTold, NearSale, Note, PaymentExplained, PaymentLine,
        other_definition,
    },
};
use crate::{Harmonia, StageError};
use harmonia_definitions::{Definition, MatchedAs};
use harmonia_domain::{
    export::MatchType,
    feed::{Kind, Scheme, Slug},
    identifier::{Attribution, MidTexts, attribute},
    outcome::ParkReason,
    purchase::{Current, ExportKey, PaymentFacts, Purchase, PurchaseKey, PurchaseState, Slot},
};
use harmonia_matching::{Card, Decision, OpenReason, Paid};
use harmonia_ports::{Query, Read, Table};
use harmonia_state::{BookedPayment, DifferingLine, NewestIdentity, Stored, StoredIdentity, purchase_key, purchase_pk};
use jiff::{SignedDuration, Timestamp};

/// A payment without an entry in the book that came less than this ago is still under way: the queues' usual back-off.
const UNDER_WAY_S: i64 = 3_600;

/// What was found out about a payment that is open.
struct Open {
    because: Because,
    nearest: Vec<NearSale>,
    day: Option<DayTold>,
    notes: Vec<Note>,
}

impl Open {
    fn plainly(because: Because) -> Self {
        Self { because, nearest: Vec::new(), day: None, notes: Vec::new() }
    }
}

impl Harmonia {
    /// The purchases with a provider's id.
    pub(super) async fn explain_payments(&self, scheme: Scheme, id: &str) -> Result<Vec<Explanation>, StageError> {
        let mut found = Vec::new();
        for slot in [Slot::P, Slot::P2, Slot::R] {
            let key = PurchaseKey { scheme, id: id.to_owned(), slot };
            let purchase: Option<Stored<Purchase>> = self.store().get(&purchase_key(&key), Read::Consistent).await?;
            found.extend(purchase.map(|stored| stored.row));
        }
        let beside = Query::prefix(Table::Book, purchase_pk(scheme, id), DifferingLine::PREFIX);
        let differing: Vec<PaymentLine> = if found.is_empty() {
            Vec::new()
        } else {
            self.store().list(&beside).await?.iter().map(|one| differing(&one.row)).collect()
        };
        let refund = found.iter().position(|p| p.key.slot == Slot::R).map(|at| found.remove(at));
        let mut told = Vec::new();
        for purchase in &found {
            told.push(self.explain_purchase(purchase, refund.as_ref(), &differing).await?);
        }
        if let Some(refund) = refund.filter(|_| found.is_empty()) {
            told.push(self.explain_purchase(&refund, None, &differing).await?);
        }
        Ok(told)
    }

    async fn explain_purchase(
        &self,
        purchase: &Purchase,
        refund: Option<&Purchase>,
        differing: &[PaymentLine],
    ) -> Result<Explanation, StageError> {
        let base = purchase.line(purchase.base);
        let identifier = base.and_then(|line| line.identifier.clone());
        let definition = identifier.as_ref().and_then(|i| self.definitions.get(&i.merchant));
        let card = match (&identifier, base) {
            (Some(i), Some(line)) => Some(self.card(&i.merchant, line).await?),
            _ => None,
        };
        let keys = exports_of(purchase).into_iter().chain(refund.map(exports_of).unwrap_or_default());
        let exports = self.exports_told(keys.collect()).await?;
        let open = self.why(purchase, base, definition, card.as_ref(), &exports).await?;
        let notes = open.notes.into_iter().chain(other_definition(&exports, definition)).collect();
        Ok(Explanation::Payment(Box::new(PaymentExplained {
            scheme: purchase.key.scheme,
            id: purchase.key.id.clone(),
            slot: purchase.key.slot.as_str(),
            because: open.because,
            lines: lines(purchase),
            refunds: refund.map(lines).unwrap_or_default(),
            differing: differing.to_vec(),
            merchant: identifier,
            definition: definition.map(|d| d.version.clone()),
            card,
            exports,
            nearest: open.nearest,
            day: open.day,
            notes,
        })))
    }

    /// Whose card a line was paid with, as far as that is stored.
    async fn card(&self, merchant: &Slug, line: &PaymentFacts) -> Result<CardTold, StageError> {
        let key = NewestIdentity::key_of(merchant, &line.token);
        let newest: Option<Stored<NewestIdentity>> = self.store().get(&key, Read::Consistent).await?;
        let (newest, linked_at) = newest.map_or((None, None), |n| (n.row.newest, n.row.linked_at));
        let mut digits = Card { first_six: None, last_four: None };
        let mut known = false;
        if let Some(id) = newest {
            let key = StoredIdentity::key_of(merchant, &line.token, &id);
            let answer: Option<Stored<StoredIdentity>> = self.store().find(&key).await?;
            if let Some(StoredIdentity(identity)) = answer.map(|stored| stored.row) {
                known = true;
                digits = Card { first_six: Some(identity.first_six), last_four: Some(identity.last_four) };
            }
        }
        Ok(CardTold { known, digits, linked_at })
    }

    async fn why(
        &self,
        purchase: &Purchase,
        base: Option<&PaymentFacts>,
        definition: Option<&Definition>,
        card: Option<&CardTold>,
        exports: &[ExportTold],
    ) -> Result<Open, StageError> {
        let Some(base) = base else { return Ok(Open::plainly(Because::Stored)) };
        let linked_at = card.and_then(|card| card.linked_at);
        match purchase.state {
            PurchaseState::Claimed { .. } => {
                let export = exports.first();
                let by = export.map_or(MatchType::Loyalty, |x| x.match_type);
                let with = export.and_then(|x| x.sale.as_ref()).map(|id| format!("sale {id}"));
                let linked_later = linked_at.filter(|at| *at > base.arrived);
                return Ok(Open::plainly(Because::Matched { by, with, linked_later }));
            }
            PurchaseState::Streamed => return Ok(Open::plainly(Because::Streamed)),
            PurchaseState::Stored => return Ok(Open::plainly(Because::Stored)),
            PurchaseState::Live => {}
        }
        if let Some(why) = base.parked {
            return self.parked(purchase.key.scheme, base, why, linked_at).await;
        }
        let Some(now) = purchase.current() else { return Ok(Open::plainly(Because::UnderWay)) };
        let merchant = now.identifier.merchant.clone();
        let Some(definition) = definition else { return Ok(Open::plainly(Because::NoDefinition { merchant })) };
        if definition.route.matched(now.identity_of) != Some(MatchedAs::Loyalty) {
            return Ok(Open::plainly(Because::UnderWay));
        }
        self.open(purchase, &now, definition).await
    }

    async fn parked(
        &self,
        scheme: Scheme,
        line: &PaymentFacts,
        why: ParkReason,
        linked_at: Option<Timestamp>,
    ) -> Result<Open, StageError> {
        let since = line.arrived;
        let texts = || line.mids().pairs().map(|(kind, text)| (kind, text.to_owned())).collect::<Vec<_>>();
        Ok(match why {
            ParkReason::UnknownMid | ParkReason::DisputedMid | ParkReason::UnknownLocation => {
                let (because, notes) = match self.attribution(scheme, &line.mids()).await? {
                    Attribution::Unknown => (Because::UnknownMid { scheme, texts: texts(), since }, Vec::new()),
                    Attribution::Disputed(merchants) => {
                        (Because::DisputedMid { scheme, texts: texts(), merchants, since }, Vec::new())
                    }
                    Attribution::Known(_) => {
                        (Because::UnknownMid { scheme, texts: texts(), since }, vec![Note::OnboardedByNow])
                    }
                };
                Open { notes, ..Open::plainly(because) }
            }
            ParkReason::CardNotKnown => Open::plainly(Because::CardNotKnown { member_known: false, since, linked_at }),
            ParkReason::NoCardInformation => {
                Open::plainly(Because::CardNotKnown { member_known: true, since, linked_at })
            }
            ParkReason::DirectoryUnavailable => Open::plainly(Because::DirectoryUnavailable { since, due: line.due }),
        })
    }

    /// Whose a line would be by the identifiers as they are now.
    pub(super) async fn attribution(&self, scheme: Scheme, mids: &MidTexts) -> Result<Attribution, StageError> {
        let mut onboarded = Vec::new();
        for (_, text) in mids.pairs() {
            onboarded.extend(self.identifiers_of_record(scheme, text).await?);
        }
        Ok(attribute(mids, &onboarded))
    }

    /// A payment that waits for its sale.
    async fn open(&self, purchase: &Purchase, now: &Current, definition: &Definition) -> Result<Open, StageError> {
        let (merchant, scheme) = (&definition.merchant, purchase.key.scheme);
        let no_policy = || Because::NoPolicy { merchant: merchant.clone(), scheme };
        let Some(matching) = definition.matching.as_ref().filter(|m| m.policy(scheme).is_some()) else {
            return Ok(Open::plainly(no_policy()));
        };
        let booked = self.booked(purchase, now).await?;
        let digits = booked.as_ref().map(|b| (b.who.first_six.clone(), b.who.last_four.clone())).unwrap_or_default();
        let authorised = authorised(purchase, now.amount);
        let paid = Paid { scheme, now, authorised, first_six: &digits.0, last_four: &digits.1, bars: &purchase.bars };
        let Day { told: day, keys, mut notes } = self.day(definition, matching, now).await?;
        let near = self.nearest_sales_of(merchant, matching, &paid, &keys).await?;
        let barred = near.barred();
        notes.extend(near.notes);
        if booked.is_none() {
            notes.push(Note::NotInBook);
        }
        let age = self.now().duration_since(now.changed.0);
        let under_way = booked.is_none() && age < SignedDuration::from_secs(UNDER_WAY_S);
        let because = match near.decision {
            _ if under_way => Because::UnderWay,
            Decision::Match { .. } => Because::UnderWay,
            Decision::Open { why: OpenReason::NoPolicy } => no_policy(),
            Decision::Open { why: OpenReason::Ambiguous { left } } => Because::Tied { left, barred },
            Decision::Open { why: OpenReason::NoCandidate | OpenReason::NoneLeft } => {
                because(definition, now, &near.nearest, &day)
            }
        };
        Ok(Open { because, nearest: near.nearest, day: Some(day), notes })
    }

    /// Its entry in the book: whoever waits there has been examined.
    pub(super) async fn booked(&self, purchase: &Purchase, now: &Current) -> Result<Option<BookedPayment>, StageError> {
        let entry = self.store().get(&BookedPayment::key_of(purchase, now), Read::Consistent).await?;
        Ok(entry.map(|stored| stored.row))
    }
}

/// The exports that a purchase names.
fn exports_of(purchase: &Purchase) -> Vec<ExportKey> {
    let claimed = match &purchase.state {
        PurchaseState::Claimed { x } => Some(x.clone()),
        _ => None,
    };
    let told = purchase.kinds().filter_map(|kind| purchase.line(kind)?.told.clone());
    let undone = purchase.bars.iter().map(|bar| bar.x.clone());
    claimed.into_iter().chain(told).chain(undone).collect()
}

fn differing(beside: &DifferingLine) -> PaymentLine {
    PaymentLine::of(beside.kind, &beside.line, false)
}

fn lines(purchase: &Purchase) -> Vec<PaymentLine> {
    let counts = |kind: Kind| kind == purchase.base || (purchase.second_known && kind == Kind::Settled);
    let one = |kind| Some(PaymentLine::of(kind, purchase.line(kind)?, counts(kind)));
    purchase.kinds().filter_map(one).collect()
}

/// What counts most: a sale that is nearly it; a filter that leaves such sales out; a file that is not there (yet); a
/// sale that is something like it.
fn because(definition: &Definition, now: &Current, nearest: &[NearSale], day: &DayTold) -> Because {
    let by_nearest = |near: &NearSale| Because::Nearest { says: near.says.clone() };
    if let Some(near) = nearest.first().filter(|near| near.near.convinces()) {
        return by_nearest(near);
    }
    let filters = definition.feed.iter().flat_map(|feed| &feed.skip);
    let below = filters.filter_map(|skip| Some((skip, skip.amount_below.filter(|below| now.amount.0 < *below)?)));
    if let Some((skip, below)) = below.into_iter().next() {
        return Because::BelowMinimum {
            merchant: definition.merchant.clone(),
            filter: skip.reason.clone(),
            below: harmonia_domain::money::MinorUnits(below),
            currency: now.currency,
        };
    }
    if day.covering == 0 {
        if let Some(file) = day.open.first() {
            return Because::FileNotClosed { file: file.clone() };
        }
        if let Some(file) = day.refused.first() {
            return Because::FileRefused { file: file.clone() };
        }
        if let Some(transport) = definition.feed.as_ref().map(|feed| feed.transport) {
            let merchant = definition.merchant.clone();
            return Because::NoFile { merchant, day: day.day, latest: day.latest, transport };
        }
    }
    nearest.first().map_or(Because::NothingNear, by_nearest)
}
