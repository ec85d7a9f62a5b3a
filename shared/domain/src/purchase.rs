//! A purchase as the payment scheme saw it: auth and settlement joined by their settlement key (state.md item P).
//!
//! The rules are the original's (spec match §4.3), made independent of crashes and redelivery:
//! * the first line that counts is the *base*; a line counts once its card is known, a parked one does not (D5);
//! * a settlement that becomes known after the auth *overrides* it: amount and id from the settlement; digits and
//!   auth code only where the auth had none; date, MID and token stay;
//! * an auth that becomes known after the settlement changes nothing.
//!
//! A refund is an item of its own beside the purchase that has its id (state.md item R): the same states and lines,
//! with nothing to join.

use crate::{
    Refused, Source,
    card::{SealedToken, TokenHash},
    export::BookKey,
    feed::{Kind, Scheme, Slug},
    identifier::{Identifier, IdentifierType, MidTexts},
    ids::Id,
    money::{Currency, MinorUnits},
    outcome::ParkReason,
};
use jiff::{Timestamp, civil};

/// A purchase is unmatched so often at most: nobody errs more, and its item stays small (state.md: 1,000 bytes).
pub const BARS_MAX: usize = 3;

/// A match that was undone.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Bar {
    /// The sale.
    #[serde(rename = "s")]
    pub sale: String,
    /// The export of that match.
    pub x: ExportKey,
}

/// Names an export in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ExportKey {
    /// Partition: merchant and member.
    pub pk: String,
    /// Sort key: instant and id.
    pub sk: String,
}

/// Names a purchase in the book. Two purchases share a provider's id only if one is an auth and the other a
/// settlement of another settlement key (Mastercard); the second of them has slot `P2`. A refund has slot `R`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct PurchaseKey {
    /// Whose id.
    #[serde(rename = "scheme")]
    pub scheme: Scheme,
    /// The provider's transaction id.
    pub id: String,
    /// Which of the items with this id.
    pub slot: Slot,
}

/// See [`PurchaseKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, reason = "first, second, refund")]
pub enum Slot {
    P,
    P2,
    R,
}

impl Slot {
    /// As in keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P => "P",
            Self::P2 => "P2",
            Self::R => "R",
        }
    }
}

/// The merchant that a payment line belongs to, and by which identifier.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MatchedIdentifier {
    /// The merchant.
    #[serde(rename = "m")]
    pub merchant: Slug,
    /// The best type present.
    #[serde(rename = "ty")]
    pub kind: IdentifierType,
    /// Its text.
    #[serde(rename = "t")]
    pub text: String,
    /// The merchant's name of the place.
    #[serde(rename = "loc", skip_serializing_if = "Option::is_none", default)]
    pub location_id: Option<String>,
    /// The merchant's own id.
    #[serde(rename = "mii", skip_serializing_if = "Option::is_none", default)]
    pub merchant_internal_id: Option<String>,
}

impl From<Identifier> for MatchedIdentifier {
    fn from(i: Identifier) -> Self {
        Self {
            merchant: i.merchant,
            kind: i.kind,
            text: i.text,
            location_id: i.location_id,
            merchant_internal_id: i.merchant_internal_id,
        }
    }
}

/// One payment line as stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PaymentFacts {
    /// When it happened.
    pub at: Timestamp,
    /// How much, signed.
    #[serde(rename = "amt")]
    pub amount: MinorUnits,
    /// In what.
    #[serde(rename = "cur")]
    pub currency: Currency,
    /// Empty if there is none.
    #[serde(rename = "code")]
    pub auth_code: String,
    /// Empty if there is none.
    #[serde(rename = "appr")]
    pub approval_code: String,
    /// If the feed gives them.
    #[serde(rename = "f6", skip_serializing_if = "Option::is_none", default)]
    pub first_six: Option<String>,
    /// If the feed gives them.
    #[serde(rename = "l4", skip_serializing_if = "Option::is_none", default)]
    pub last_four: Option<String>,
    /// The primary MID text: what sales are compared with, even if another identifier named the merchant.
    pub mid: String,
    /// The other identifier texts, kept only while the MID is unknown or disputed.
    #[serde(rename = "mids", skip_serializing_if = "Vec::is_empty", default)]
    pub other_mids: Vec<(IdentifierType, String)>,
    /// The wall-clock time of a feed whose zone depends on the merchant (spec import §3.2), kept only while the MID is
    /// unknown or disputed; `at` then reads it in the zone of that table's default.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wall: Option<civil::DateTime>,
    /// None while the MID is unknown or disputed.
    #[serde(rename = "idn", skip_serializing_if = "Option::is_none", default)]
    pub identifier: Option<MatchedIdentifier>,
    /// The card, to compare and find.
    #[serde(rename = "th")]
    pub token: TokenHash,
    /// The card, sealed.
    #[serde(rename = "ts")]
    pub sealed: SealedToken,
    /// Where the line came from.
    pub src: Source,
    /// When it was imported.
    #[serde(rename = "arr")]
    pub arrived: Timestamp,
    /// Set while nobody can act on it.
    #[serde(rename = "why", skip_serializing_if = "Option::is_none", default)]
    pub parked: Option<ParkReason>,
    /// When a line parked for the directory is to be tried again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due: Option<Timestamp>,
    /// The export that told a merchant of this line by itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub told: Option<ExportKey>,
}

impl PaymentFacts {
    /// The identifier texts it carries; all of them only while the MID is unknown or disputed.
    pub fn mids(&self) -> MidTexts {
        let other = |kind| self.other_mids.iter().find(|(k, _)| *k == kind).map(|(_, text)| text.clone());
        MidTexts {
            primary: self.mid.clone(),
            secondary: other(IdentifierType::Secondary),
            psimi: other(IdentifierType::Psimi),
        }
    }

    /// Parked until its merchant is known.
    pub fn waits_for_mid(&self) -> bool {
        matches!(self.parked, Some(ParkReason::UnknownMid | ParkReason::DisputedMid))
    }

    /// Parked until its card is linked.
    pub fn waits_for_card(&self) -> bool {
        matches!(self.parked, Some(ParkReason::CardNotKnown | ParkReason::NoCardInformation))
    }

    /// Equal in everything a partner could have changed.
    pub fn same_content(&self, other: &Self) -> bool {
        let neutral = |f: &Self| Self {
            src: Source { from: String::new(), offset: 0, line: 0, backfill: false },
            arrived: Timestamp::UNIX_EPOCH,
            parked: None,
            due: None,
            told: None,
            identifier: None,
            other_mids: Vec::new(),
            wall: None,
            ..f.clone()
        };
        neutral(self) == neutral(other)
    }
}

/// Where a purchase stands. Parked is a property of its lines.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "st", rename_all = "lowercase")]
pub enum PurchaseState {
    /// Open.
    Live,
    /// In one live match.
    Claimed {
        /// The export.
        x: ExportKey,
    },
    /// Its merchant is told of its lines one by one.
    Streamed,
    /// Nothing follows (its merchant asks for nothing).
    Stored,
}

/// A stored purchase.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Purchase {
    /// Its key.
    #[serde(flatten)]
    pub key: PurchaseKey,
    /// What joined its lines.
    #[serde(rename = "skey")]
    pub settlement_key: String,
    /// The auth line.
    #[serde(rename = "au", skip_serializing_if = "Option::is_none", default)]
    pub auth: Option<PaymentFacts>,
    /// The settlement line.
    #[serde(rename = "se", skip_serializing_if = "Option::is_none", default)]
    pub settled: Option<PaymentFacts>,
    /// The refund line; then there is no other.
    #[serde(rename = "re", skip_serializing_if = "Option::is_none", default)]
    pub refund: Option<PaymentFacts>,
    /// The line that counts first.
    pub base: Kind,
    /// The other line's card is known: it counts as well.
    #[serde(rename = "both", skip_serializing_if = "is_false", default)]
    pub second_known: bool,
    /// Which match this would be: raised by an unmatch.
    #[serde(rename = "gen")]
    pub generation: u32,
    /// Sales that a person has said it does not belong to: never matched with them again but by force.
    #[serde(rename = "not", skip_serializing_if = "Vec::is_empty", default)]
    pub bars: Vec<Bar>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: PurchaseState,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(b: &bool) -> bool {
    !b
}

/// What a purchase is now: its lines joined by the override rule. All that matching may look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// Whose card it is: the line whose identity counts (D5).
    pub identity_of: Kind,
    /// When it happened.
    pub at: Timestamp,
    /// How much.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// Empty if there is none.
    pub auth_code: String,
    /// Empty if there is none.
    pub approval_code: String,
    /// If any line gave them.
    pub first_six: Option<String>,
    /// If any line gave them.
    pub last_four: Option<String>,
    /// The primary MID text.
    pub mid: String,
    /// The merchant.
    pub identifier: MatchedIdentifier,
    /// When the first line arrived: one end of the matching window.
    pub arrived: Timestamp,
    /// Arrival and line number of the last change: the order of examination (D24).
    pub changed: (Timestamp, u64),
}

impl Purchase {
    /// A purchase of which one line has come.
    pub fn first(key: PurchaseKey, settlement_key: String, kind: Kind, facts: PaymentFacts) -> Self {
        let mut purchase = Self {
            key,
            settlement_key,
            auth: None,
            settled: None,
            refund: None,
            base: kind,
            second_known: false,
            generation: 0,
            bars: Vec::new(),
            state: PurchaseState::Live,
        };
        purchase.set_line(kind, facts);
        purchase
    }

    /// The line of a kind.
    pub fn line(&self, kind: Kind) -> Option<&PaymentFacts> {
        match kind {
            Kind::Auth => self.auth.as_ref(),
            Kind::Settled => self.settled.as_ref(),
            Kind::Refund => self.refund.as_ref(),
            Kind::Merchant => None,
        }
    }

    fn set_line(&mut self, kind: Kind, facts: PaymentFacts) {
        match kind {
            Kind::Auth => self.auth = Some(facts),
            Kind::Refund => self.refund = Some(facts),
            Kind::Settled | Kind::Merchant => self.settled = Some(facts),
        }
    }

    /// The kinds that have come.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        [Kind::Auth, Kind::Settled, Kind::Refund].into_iter().filter(|k| self.line(*k).is_some())
    }

    fn second(&self) -> Option<(Kind, &PaymentFacts)> {
        let other = match self.base {
            Kind::Auth => Kind::Settled,
            Kind::Settled => Kind::Auth,
            Kind::Refund | Kind::Merchant => return None,
        };
        self.line(other).map(|facts| (other, facts))
    }

    /// Adds the other half of the purchase. Refused if that half is there already.
    pub fn with_second(&self, kind: Kind, facts: PaymentFacts) -> Result<Self, Refused> {
        if self.line(kind).is_some() || !matches!(kind, Kind::Auth | Kind::Settled) {
            return Err(Refused { what: "purchase", from: format!("has {kind}"), to: "take a second line" });
        }
        let mut next = self.clone();
        next.set_line(kind, facts);
        Ok(next)
    }

    /// The card of `kind`'s line is known. `None`: nothing to write, it counts already (or nothing can change).
    pub fn known(&self, kind: Kind) -> Option<Self> {
        let facts = self.line(kind)?;
        if !self.takes_identities() {
            return None;
        }
        let free = PaymentFacts { parked: None, due: None, ..facts.clone() };
        let mut next = self.clone();
        next.set_line(kind, free);
        if kind == self.base {
            return facts.parked.map(|_| next);
        }
        let base_parked = self.line(self.base).is_none_or(|b| b.parked.is_some());
        if base_parked {
            next.base = kind;
            next.second_known = false;
            return Some(next);
        }
        if self.second_known {
            return None;
        }
        next.second_known = true;
        Some(next)
    }

    /// Parks `kind`'s line; if the other line counts too, it takes its place. `None`: it overrides already or is parked
    /// for the same reason, nothing to write.
    pub fn park(&self, kind: Kind, why: ParkReason, due: Option<Timestamp>) -> Option<Self> {
        let facts = self.line(kind)?;
        let counts = kind != self.base && self.second_known;
        if !self.takes_identities() || counts || (facts.parked == Some(why) && facts.due == due) {
            return None;
        }
        let mut next = self.clone();
        next.set_line(kind, PaymentFacts { parked: Some(why), due, ..facts.clone() });
        if let Some((second, _)) = self.second().filter(|_| kind == self.base && self.second_known) {
            (next.base, next.second_known) = (second, false);
        }
        Some(next)
    }

    /// `kind`'s line that was parked for its MID belongs to a merchant by now; `at` is its instant in that merchant's
    /// zone. `None`: it does not wait for that.
    pub fn attributed(&self, kind: Kind, identifier: MatchedIdentifier, at: Timestamp) -> Option<Self> {
        let facts = self.line(kind).filter(|facts| self.state != PurchaseState::Stored && facts.waits_for_mid())?;
        let (identifier, other_mids) = (Some(identifier), Vec::new());
        let open = PaymentFacts { at, identifier, other_mids, wall: None, parked: None, due: None, ..facts.clone() };
        let mut next = self.clone();
        next.set_line(kind, open);
        Some(next)
    }

    /// `kind`'s line that was parked for its card is to be asked for again. `None`: it does not wait for that.
    pub fn relinked(&self, kind: Kind) -> Option<Self> {
        let facts = self.line(kind).filter(|facts| self.state != PurchaseState::Stored && facts.waits_for_card())?;
        let mut next = self.clone();
        next.set_line(kind, PaymentFacts { parked: None, due: None, ..facts.clone() });
        Some(next)
    }

    /// Whose card it was still decides something.
    pub fn takes_identities(&self) -> bool {
        matches!(self.state, PurchaseState::Live | PurchaseState::Streamed)
    }

    /// Open: not claimed, not streamed, not stored.
    pub fn is_live(&self) -> bool {
        self.state == PurchaseState::Live
    }

    /// What the purchase is now; `None` while no line counts (parked).
    pub fn current(&self) -> Option<Current> {
        let mut now = self.alone(self.base)?;
        if let Some((Kind::Settled, settled)) = self.second().filter(|_| self.second_known) {
            override_by(&mut now, settled);
        }
        Some(now)
    }

    /// The key of the book that it stands under (D23).
    pub fn book_key(&self, now: &Current) -> BookKey {
        BookKey { scheme: self.key.scheme, mid: now.mid.clone(), currency: now.currency, minor: now.amount }
    }

    /// One line by itself; `None` while it is parked.
    pub fn alone(&self, kind: Kind) -> Option<Current> {
        let line = self.line(kind).filter(|line| line.parked.is_none())?;
        Some(Current {
            identity_of: kind,
            at: line.at,
            amount: line.amount,
            currency: line.currency,
            auth_code: line.auth_code.clone(),
            approval_code: line.approval_code.clone(),
            first_six: line.first_six.clone(),
            last_four: line.last_four.clone(),
            mid: line.mid.clone(),
            identifier: line.identifier.clone()?,
            arrived: line.arrived,
            changed: (line.arrived, line.src.line),
        })
    }

    /// A merchant has been told of this line by itself: once for each line.
    pub fn told(&self, kind: Kind, by: ExportKey) -> Result<Self, Refused> {
        match self.line(kind) {
            Some(line) if line.told.is_none() && self.takes_identities() => {
                let mut next = Self { state: PurchaseState::Streamed, ..self.clone() };
                next.set_line(kind, PaymentFacts { told: Some(by), ..line.clone() });
                Ok(next)
            }
            _ => Err(Refused { what: "purchase", from: format!("{:?}", self.state), to: "be told of" }),
        }
    }

    /// The purchase as part of a match.
    pub fn claimed(&self, by: ExportKey) -> Result<Self, Refused> {
        match self.state {
            PurchaseState::Live => Ok(Self { state: PurchaseState::Claimed { x: by }, ..self.clone() }),
            ref other => Err(Refused { what: "purchase", from: format!("{other:?}"), to: "be claimed" }),
        }
    }

    /// The match with this sale was undone: open again, as it arrived, and not for that sale.
    pub fn released(&self, sale: &str) -> Result<Self, Refused> {
        let refused = |from: String| Refused { what: "purchase", from, to: "be released" };
        let PurchaseState::Claimed { x } = &self.state else {
            return Err(refused(format!("{:?}", self.state)));
        };
        if self.bars.len() >= BARS_MAX {
            return Err(refused(format!("barred from {BARS_MAX} sales")));
        }
        let mut next = Self { state: PurchaseState::Live, generation: self.generation + 1, ..self.clone() };
        next.bars.push(Bar { sale: sale.to_owned(), x: x.clone() });
        Ok(next)
    }

    /// A person has said that it does not belong to this sale.
    pub fn is_barred_from(&self, sale: &str) -> bool {
        self.bars.iter().any(|bar| bar.sale == sale)
    }

    /// Nothing follows from it.
    pub fn stored(&self) -> Result<Self, Refused> {
        match self.state {
            PurchaseState::Live => Ok(Self { state: PurchaseState::Stored, ..self.clone() }),
            ref other => Err(Refused { what: "purchase", from: format!("{other:?}"), to: "be stored" }),
        }
    }

    /// The id of the export that a claim now would create: equal however often it is tried.
    pub fn export_id(&self) -> Id {
        let generation = self.generation.to_string();
        Id::derive("export", &[self.key.scheme.as_str(), &self.key.id, self.key.slot.as_str(), &generation])
    }

    /// The id of the export that tells of one line by itself.
    pub fn line_export_id(&self, kind: Kind) -> Id {
        let PurchaseKey { scheme, id, slot } = &self.key;
        Id::derive("line export", &[scheme.as_str(), id, slot.as_str(), kind.as_str()])
    }
}

/// Spec match §4.3: a settlement overrides an open auth.
fn override_by(now: &mut Current, settled: &PaymentFacts) {
    let fill = |old: &mut Option<String>, new: &Option<String>| {
        if old.as_deref().unwrap_or_default().is_empty() && new.as_deref().is_some_and(|t| !t.is_empty()) {
            old.clone_from(new);
        }
    };
    now.identity_of = Kind::Settled;
    now.amount = settled.amount;
    fill(&mut now.first_six, &settled.first_six);
    fill(&mut now.last_four, &settled.last_four);
    if now.auth_code.is_empty() {
        now.auth_code.clone_from(&settled.auth_code);
    }
    now.changed = (settled.arrived, settled.src.line);
}

#[cfg(test)]
mod tests;
