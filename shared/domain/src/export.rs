//! What a merchant is told about one match, and its deliveries (state.md items X and BT).

use crate::{
    Refused,
    answer::ReceiverAnswer,
    feed::{Kind, Scheme, Slug},
    identity::IdentityRef,
    ids::Id,
    money::{Currency, MinorUnits},
    purchase::{ExportKey, PurchaseKey},
};
use jiff::Timestamp;

/// How a match came about (spec match §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MatchType {
    /// Payment and sale.
    Loyalty,
    /// A purchase by itself.
    Spotted,
    /// A payment line by itself; no match, in the original's words.
    Streamed,
    /// Payment and sale, because a person said so (spec match §6).
    Forced,
    /// No match of its own: a delivered one has another final amount (D12).
    Correction,
    /// No match of its own: a delivered one was undone.
    Reversal,
    /// A payment that found no sale in time, told to another receiver (spec match §10.1).
    Unmatched,
}

impl MatchType {
    /// Its name in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loyalty => "loyalty",
            Self::Spotted => "spotted",
            Self::Streamed => "streamed",
            Self::Forced => "forced",
            Self::Correction => "correction",
            Self::Reversal => "reversal",
            Self::Unmatched => "unmatched",
        }
    }

    /// Payment and sale.
    pub fn has_sale(self) -> bool {
        matches!(self, Self::Loyalty | Self::Forced)
    }

    /// Tells something about another export and claims nothing.
    pub fn adjusts(self) -> bool {
        matches!(self, Self::Correction | Self::Reversal)
    }
}

/// Longest name of a person and longest reason, in characters: a sentence, and the item stays below 1,000 bytes.
pub const REDRESS_CHARS_MAX: usize = 160;

/// Who did something by hand, when, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Redress {
    /// The person.
    pub by: String,
    /// When.
    pub on: Timestamp,
    /// In their words.
    pub why: String,
}

/// The amount that a settlement named after the match (D12).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LaterAmount {
    /// That amount.
    #[serde(rename = "amt")]
    pub amount: MinorUnits,
    /// The export that tells the merchant, if its definition asks for one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub x: Option<ExportKey>,
}

/// The lines of the book that could meet share this: merchant, payment scheme, MID, currency and amount (D23).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct BookKey {
    /// The payment scheme.
    pub scheme: Scheme,
    /// The MID text.
    pub mid: String,
    /// The currency.
    pub currency: Currency,
    /// The amount.
    pub minor: MinorUnits,
}

/// The facts of the match that a merchant may be told (spec match §4.7).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExportFacts {
    /// The sale's id for a loyalty match, the provider's id of the payment otherwise.
    #[serde(rename = "tx")]
    pub transaction_id: String,
    /// When it happened: the sale's instant for a loyalty match, else the payment's.
    pub at: Timestamp,
    /// How much: the sale's amount if there is a sale, else the payment's.
    #[serde(rename = "amt")]
    pub amount: MinorUnits,
    /// In what.
    #[serde(rename = "cur")]
    pub currency: Currency,
    /// The identifier's text; D4: told as both `mid` and `primary_identifier`.
    pub mid: String,
    /// The merchant's name of the place.
    #[serde(rename = "loc", skip_serializing_if = "Option::is_none", default)]
    pub location_id: Option<String>,
    /// The merchant's own id.
    #[serde(rename = "mii", skip_serializing_if = "Option::is_none", default)]
    pub merchant_internal_id: Option<String>,
    /// The payment's settlement key.
    #[serde(rename = "skey")]
    pub settlement_key: String,
    /// The payment's auth code.
    #[serde(rename = "code")]
    pub auth_code: String,
    /// The payment's approval code.
    #[serde(rename = "appr")]
    pub approval_code: String,
}

/// Where an export stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "st", rename_all = "lowercase")]
pub enum ExportState {
    /// To be sent at once.
    Ready,
    /// Kept until its merchant's definition says whom to tell.
    Held,
    /// To be taken by the merchant's next batch run.
    Collecting,
    /// Member of a batch.
    Batched {
        /// The batch.
        batch: Id,
    },
    /// To be tried, or tried again.
    Waiting {
        /// Not before.
        due: Timestamp,
    },
    /// A request may be on its way that must not be sent twice without asking (design §4, unknown answers).
    Attempting {
        /// Whoever finds it after this knows that the answer was lost.
        until: Timestamp,
    },
    /// The merchant has it.
    Delivered {
        /// Since when.
        #[serde(rename = "done")]
        on: Timestamp,
    },
    /// Given up; stays listed (D19).
    Failed {
        /// Why, in the protocol's words.
        why: String,
    },
    /// Not told on purpose (D10).
    Skipped {
        /// Why.
        why: String,
    },
    /// The merchant may have it or not, and its protocol does not let us ask or repeat: a person decides.
    Unconfirmed {
        /// Why.
        why: String,
    },
    /// Its match was undone by a person. If the merchant had been told, a reversal may follow.
    Reversed {
        /// Who, when, why.
        undone: Redress,
        /// Since when the merchant has it, if so.
        #[serde(rename = "done", skip_serializing_if = "Option::is_none", default)]
        told: Option<Timestamp>,
        /// The export that asks the merchant to take it back.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reversal: Option<ExportKey>,
    },
}

impl ExportState {
    /// A short name for lists and keys.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Held => "held",
            Self::Collecting => "collecting",
            Self::Batched { .. } => "batched",
            Self::Waiting { .. } => "waiting",
            Self::Delivered { .. } => "delivered",
            Self::Attempting { .. } => "attempting",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::Reversed { .. } => "reversed",
        }
    }
}

/// What the last attempt brought.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LastAttempt {
    /// When.
    pub at: Timestamp,
    /// HTTP status; none if there was no answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// The verdict in words, without the answer's content.
    pub verdict: String,
    /// `h` and the first 16 hex characters of SHA-256 of the request's body: what the audit log tells of it.
    #[serde(rename = "req", skip_serializing_if = "Option::is_none", default)]
    pub request: Option<String>,
    /// The same of the answer's body.
    #[serde(rename = "ans", skip_serializing_if = "Option::is_none", default)]
    pub answer: Option<String>,
}

impl LastAttempt {
    /// What came, without digests: nothing was sent, or nobody kept the bodies.
    pub fn new(at: Timestamp, status: Option<u16>, verdict: impl Into<String>) -> Self {
        Self { at, status, verdict: verdict.into(), request: None, answer: None }
    }
}

/// A match and its export: one item, because one never exists without the other (invariant 3).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Export {
    /// Derived from the purchase and its generation: also the idempotency key.
    pub id: Id,
    /// Whom to tell.
    #[serde(rename = "m")]
    pub merchant: Slug,
    /// The merchant that was paid, where another one is told (spec match §10.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Slug>,
    /// When the match was made.
    pub created: Timestamp,
    /// The order in which a batch takes exports made at one instant (D24).
    #[serde(rename = "ord")]
    pub order: String,
    /// How the match came about.
    #[serde(rename = "type")]
    pub match_type: MatchType,
    /// The purchase.
    #[serde(rename = "p")]
    pub purchase: PurchaseKey,
    /// The line whose identity counts.
    pub kind: Kind,
    /// The sale's id, for a loyalty match.
    #[serde(rename = "s", skip_serializing_if = "Option::is_none", default)]
    pub sale: Option<String>,
    /// Whose card it was.
    #[serde(rename = "who")]
    pub identity: IdentityRef,
    /// Why they belong together: reason codes (invariant 6).
    #[serde(rename = "ev")]
    pub evidence: Vec<String>,
    /// The book key of the claim.
    #[serde(rename = "bk")]
    pub book_key: BookKey,
    /// The version of the merchant's definition that decided.
    #[serde(rename = "dv")]
    pub definition: String,
    /// What may be told.
    #[serde(rename = "fx")]
    pub facts: ExportFacts,
    /// Raised by a person who wants it sent again.
    #[serde(rename = "gen")]
    pub generation: u32,
    /// Attempts that have had a verdict.
    #[serde(rename = "n")]
    pub attempts: u32,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last: Option<LastAttempt>,
    /// The amount that a later settlement named, if it differs (D12).
    #[serde(rename = "corr", skip_serializing_if = "Option::is_none", default)]
    pub corrected: Option<LaterAmount>,
    /// Who made a forced match.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub forced: Option<Redress>,
    /// An attempt ended without an answer: the merchant may have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsure: bool,
    /// The export that a correction or a reversal is about.
    #[serde(rename = "of", skip_serializing_if = "Option::is_none", default)]
    pub adjusts: Option<ExportKey>,
    /// What the receiver says came of it (spec match §10.2).
    #[serde(rename = "ans", skip_serializing_if = "Option::is_none", default)]
    pub answer: Option<ReceiverAnswer>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: ExportState,
}

/// What an answer means for an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// This very line is its answer already.
    Same,
    /// It has an answer; `differs` if that one says something else, and came later.
    Known {
        /// Another word.
        differs: bool,
    },
    /// The export with this answer.
    New(Box<Export>),
}

/// What an attempt leads to, as decided by protocol and schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The merchant has it.
    Delivered,
    /// Try again.
    Retry {
        /// Not before.
        due: Timestamp,
        /// Why.
        why: String,
    },
    /// Give up.
    Failed {
        /// Why.
        why: String,
    },
    /// Not told on purpose.
    Skipped {
        /// Why.
        why: String,
    },
    /// Nobody knows.
    Unconfirmed {
        /// Why.
        why: String,
    },
}

impl Verdict {
    /// Which it is, without its reason.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry { .. } => "retry",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::Unconfirmed { .. } => "unconfirmed",
        }
    }

    /// In words.
    pub fn words(&self) -> &str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry { why, .. } | Self::Failed { why } | Self::Skipped { why } | Self::Unconfirmed { why } => why,
        }
    }
}

impl Export {
    /// The export's key in the ledger.
    pub fn key(&self) -> ExportKey {
        export_key(&self.merchant, &self.identity, self.created, &self.id)
    }

    /// The merchant whose member it is about: under it stands the directory's answer.
    pub fn member_of(&self) -> &Slug {
        self.paid.as_ref().unwrap_or(&self.merchant)
    }

    /// Its payment, and its sale if it has one, are claimed by it: not one that was undone, nor one about another.
    pub fn in_force(&self) -> bool {
        !self.match_type.adjusts() && !matches!(self.state, ExportState::Reversed { .. })
    }

    /// The id of an export about this one.
    pub fn adjustment_id(&self, match_type: MatchType) -> Id {
        let name = if match_type == MatchType::Reversal { "reversal" } else { "correction" };
        Id::derive(name, &[self.id.as_str()])
    }

    /// Sent now? Batch members are not.
    pub fn is_due(&self, now: Timestamp) -> bool {
        match self.state {
            ExportState::Ready => true,
            ExportState::Waiting { due } => due <= now,
            ExportState::Attempting { until } => until <= now,
            _ => false,
        }
    }

    /// The export while a request is on its way that must not be sent twice; `unsure`: one before it may have arrived.
    pub fn attempting(&self, until: Timestamp, unsure: bool) -> Result<Self, Refused> {
        self.expect_open("be attempted")?;
        Ok(Self { state: ExportState::Attempting { until }, unsure: self.unsure || unsure, ..self.clone() })
    }

    /// The export after an attempt. `unsure`: it ended without an answer.
    pub fn attempted(&self, verdict: &Verdict, last: LastAttempt, unsure: bool) -> Result<Self, Refused> {
        self.expect_open("be attempted")?;
        let state = match verdict {
            Verdict::Delivered => ExportState::Delivered { on: last.at },
            Verdict::Retry { due, .. } => ExportState::Waiting { due: *due },
            Verdict::Failed { why } => ExportState::Failed { why: why.clone() },
            Verdict::Skipped { why } => ExportState::Skipped { why: why.clone() },
            Verdict::Unconfirmed { why } => ExportState::Unconfirmed { why: why.clone() },
        };
        let unsure = self.unsure || unsure;
        Ok(Self { state, attempts: self.attempts + 1, last: Some(last), unsure, ..self.clone() })
    }

    /// The export, put off without an attempt: its merchant is paused, cannot be reached, or has had enough for now.
    pub fn put_off(&self, due: Timestamp) -> Result<Self, Refused> {
        self.expect_open("be put off")?;
        Ok(Self { state: ExportState::Waiting { due }, ..self.clone() })
    }

    /// The export, to be told (again) because a person says so: the same id and key, a new generation (state.md).
    pub fn redriven(&self, state: ExportState) -> Result<Self, Refused> {
        match self.state {
            ExportState::Failed { .. }
            | ExportState::Unconfirmed { .. }
            | ExportState::Skipped { .. }
            | ExportState::Held => Ok(Self { state, generation: self.generation + 1, attempts: 0, ..self.clone() }),
            _ => Err(Refused { what: "export", from: self.state.name().into(), to: "be redriven" }),
        }
    }

    fn expect_open(&self, to: &'static str) -> Result<(), Refused> {
        match self.state {
            ExportState::Ready
            | ExportState::Waiting { .. }
            | ExportState::Attempting { .. }
            | ExportState::Batched { .. } => Ok(()),
            _ => Err(Refused { what: "export", from: self.state.name().into(), to }),
        }
    }

    /// The export after its match was undone. Refused while a batch that holds it is under way, and once it is undone.
    pub fn reversed(&self, undone: Redress) -> Result<Self, Refused> {
        let told = match self.state {
            ExportState::Batched { .. } | ExportState::Attempting { .. } | ExportState::Reversed { .. } => {
                return Err(Refused { what: "export", from: self.state.name().into(), to: "be undone" });
            }
            ExportState::Delivered { on } => Some(on),
            _ => None,
        };
        Ok(Self { state: ExportState::Reversed { undone, told, reversal: None }, ..self.clone() })
    }

    /// An attempt was under way while the match was undone, and the merchant has it now. `None`: nothing to note.
    pub fn told_after_all(&self, on: Timestamp, last: LastAttempt) -> Option<Self> {
        match &self.state {
            ExportState::Reversed { undone, told: None, reversal } => {
                let (undone, reversal) = (undone.clone(), reversal.clone());
                let state = ExportState::Reversed { undone, told: Some(on), reversal };
                Some(Self { state, attempts: self.attempts + 1, last: Some(last), ..self.clone() })
            }
            _ => None,
        }
    }

    /// The export with a receiver's answer: a fact beside its state, whatever that is.
    pub fn answered(&self, answer: &ReceiverAnswer) -> Answered {
        match &self.answer {
            Some(there) if there.src == answer.src => Answered::Same,
            Some(there) if there.result == answer.result => Answered::Known { differs: false },
            Some(there) if there.stands_before(answer) => Answered::Known { differs: true },
            _ => Answered::New(Box::new(Self { answer: Some(answer.clone()), ..self.clone() })),
        }
    }

    /// Its receiver says that it did not reward: a person has to look.
    pub fn is_refused(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| !answer.rewarded)
    }

    /// A new export about this one, told like any other: `amount` more or less.
    #[must_use]
    pub fn adjustment(&self, match_type: MatchType, amount: MinorUnits, now: Timestamp, state: ExportState) -> Self {
        Self {
            id: self.adjustment_id(match_type),
            created: now,
            match_type,
            facts: ExportFacts { amount, ..self.facts.clone() },
            generation: 0,
            attempts: 0,
            last: None,
            corrected: None,
            forced: None,
            unsure: false,
            adjusts: Some(self.key()),
            answer: None,
            state,
            ..self.clone()
        }
    }

    /// The export as member of a batch; being that already is fine.
    pub fn batched(&self, batch: &Id) -> Result<Self, Refused> {
        match &self.state {
            ExportState::Collecting => {
                Ok(Self { state: ExportState::Batched { batch: batch.clone() }, ..self.clone() })
            }
            other => Err(Refused { what: "export", from: other.name().into(), to: "join a batch" }),
        }
    }
}

/// The key of an export (state.md: X).
pub fn export_key(merchant: &Slug, identity: &IdentityRef, created: Timestamp, id: &Id) -> ExportKey {
    ExportKey {
        pk: format!("X#{merchant}#{}", identity.member.0),
        sk: format!("{}#{id}", crate::time::sortable(created)),
    }
}

/// Where a batch stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "st", rename_all = "lowercase")]
pub enum BatchState {
    /// Its members are being assigned; the manifest is a draft.
    Draft,
    /// The manifest is final: the same members and uid for every attempt (D9).
    Waiting {
        /// Not before.
        due: Timestamp,
    },
    /// The merchant has it; its members are being marked.
    Delivered {
        /// Since when.
        #[serde(rename = "done")]
        on: Timestamp,
    },
    /// Given up; its members are being marked.
    Failed {
        /// Why.
        why: String,
    },
    /// Nothing left to do.
    Closed,
}

/// A batch of exports that a merchant gets in one request (spec match §9.3, D9).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Batch {
    /// Derived from merchant, run and number; as a UUID it is the `message_uid`.
    pub id: Id,
    /// Whom to tell.
    #[serde(rename = "m")]
    pub merchant: Slug,
    /// The minute of the run that made it.
    pub run: Timestamp,
    /// Which batch of that run, from 0.
    #[serde(rename = "no")]
    pub number: u32,
    /// The object that lists its members.
    pub manifest: String,
    /// Which of the merchant's files it is, from 1, where their names say so.
    #[serde(rename = "seq", skip_serializing_if = "Option::is_none", default)]
    pub sequence: Option<u64>,
    /// Attempts that have had a verdict.
    #[serde(rename = "n")]
    pub attempts: u32,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last: Option<LastAttempt>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: BatchState,
}

impl Batch {
    /// A draft.
    pub fn draft(merchant: Slug, run: Timestamp, number: u32, manifest: String) -> Self {
        let id = Id::derive("batch", &[merchant.as_str(), &crate::time::sortable(run), &number.to_string()]);
        Self { id, merchant, run, number, manifest, sequence: None, attempts: 0, last: None, state: BatchState::Draft }
    }

    /// The manifest is final.
    pub fn sealed(&self, manifest: String, sequence: Option<u64>) -> Result<Self, Refused> {
        match self.state {
            BatchState::Draft => {
                Ok(Self { manifest, sequence, state: BatchState::Waiting { due: self.run }, ..self.clone() })
            }
            ref other => Err(Refused { what: "batch", from: format!("{other:?}"), to: "be sealed" }),
        }
    }

    /// The batch after an attempt.
    pub fn attempted(&self, verdict: &Verdict, last: LastAttempt) -> Result<Self, Refused> {
        let BatchState::Waiting { .. } = self.state else {
            return Err(Refused { what: "batch", from: format!("{:?}", self.state), to: "be attempted" });
        };
        let state = match verdict {
            Verdict::Delivered => BatchState::Delivered { on: last.at },
            Verdict::Retry { due, .. } => BatchState::Waiting { due: *due },
            Verdict::Failed { why } | Verdict::Skipped { why } | Verdict::Unconfirmed { why } => {
                BatchState::Failed { why: why.clone() }
            }
        };
        Ok(Self { state, attempts: self.attempts + 1, last: Some(last), ..self.clone() })
    }

    /// Every member is marked.
    pub fn closed(&self) -> Result<Self, Refused> {
        match self.state {
            BatchState::Delivered { .. } | BatchState::Failed { .. } | BatchState::Draft => {
                Ok(Self { state: BatchState::Closed, ..self.clone() })
            }
            ref other => Err(Refused { what: "batch", from: format!("{other:?}"), to: "be closed" }),
        }
    }
}
