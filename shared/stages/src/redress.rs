//! Redress: what a person may do to matches (spec match §6, design §4). A forced match is a claim like any other, under
//! the same conditions, but by a person's word instead of a policy's. An unmatch returns both halves to the book, bars
//! the pair, and raises the purchase's generation, so that a re-made match is a new export with a new id.
//!
//! Both may be repeated: whoever died between the transaction and what follows from it repeats the command, which finds
//! its own trace and forwards again.

use crate::{
    Harmonia, StageError,
    message::{self, Body, LineName},
};
use harmonia_domain::{
    Refused,
    export::{Export, ExportState, LastAttempt, MatchType, REDRESS_CHARS_MAX, Redress, Verdict},
    feed::Slug,
    outcome::ParkReason,
    purchase::{ExportKey, Purchase, PurchaseKey, PurchaseState},
    sale::{Sale, SaleState},
};
use harmonia_ports::{Expect, Queue, Read, WriteError};
use harmonia_state::{BookedSale, Stored, export_row_key, purchase_key, put_write, sale_key};

mod force;

pub use force::Forced;

/// How often a lost race is looked at again before the person is asked to try once more.
const TRIES_MAX: u32 = 10;

/// Why redress is not possible.
#[derive(Debug, thiserror::Error)]
pub enum RedressError {
    /// There is no such payment.
    #[error("there is no payment {} of {}", p.id, p.scheme)]
    NoPayment {
        /// Its name.
        p: PurchaseKey,
    },
    /// There is no such sale.
    #[error("{merchant} has no sale {id}")]
    NoSale {
        /// Whose.
        merchant: Slug,
        /// Its id.
        id: String,
    },
    /// The payment is not open.
    #[error("payment {} of {} is not open: {state}", p.id, p.scheme)]
    PaymentNotOpen {
        /// Its name.
        p: PurchaseKey,
        /// What it is.
        state: &'static str,
    },
    /// The sale is not open.
    #[error("sale {id} of {merchant} is not open: {state}")]
    SaleNotOpen {
        /// Whose.
        merchant: Slug,
        /// Its id.
        id: String,
        /// What it is.
        state: &'static str,
    },
    /// The payment's merchant is another one, or nobody's.
    #[error("payment {} of {} belongs to {payment}, the sale to {sale}", p.id, p.scheme)]
    OtherMerchant {
        /// The payment.
        p: PurchaseKey,
        /// The payment's merchant.
        payment: Slug,
        /// The sale's.
        sale: Slug,
    },
    /// The payment's MID belongs to no merchant yet.
    #[error("payment {} of {} has MID {mid}, which is not onboarded: onboard it first", p.id, p.scheme)]
    NobodysMid {
        /// The payment.
        p: PurchaseKey,
        /// The MID.
        mid: String,
    },
    /// The merchant takes payments without sales, or none at all: nothing can be forced.
    #[error("{merchant} does not match payments with sales")]
    NotMatched {
        /// The merchant.
        merchant: Slug,
    },
    /// The user directory does not say whose card it was.
    #[error("payment {} of {}: {}", p.id, p.scheme, match why {
        ParkReason::DirectoryUnavailable => "the user directory does not answer: try again later",
        ParkReason::NoCardInformation => "the user directory lacks the card's digits",
        _ => "the user directory does not know the card: link it first",
    })]
    NoIdentity {
        /// The payment.
        p: PurchaseKey,
        /// Why.
        why: ParkReason,
    },
    /// There is no match of a payment and a sale to be undone.
    #[error("payment {} of {} is in no match with a sale: {state}", p.id, p.scheme)]
    NotMatchedWithSale {
        /// The payment.
        p: PurchaseKey,
        /// What it is.
        state: &'static str,
    },
    /// Who or why is missing or too long.
    #[error("{field}: between 1 and {REDRESS_CHARS_MAX} characters, not {chars}")]
    Words {
        /// `by` or `why`.
        field: &'static str,
        /// How many there are.
        chars: usize,
    },
    /// A state machine said no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Something below failed.
    #[error(transparent)]
    Stage(#[from] StageError),
}

impl From<harmonia_state::StoredError> for RedressError {
    fn from(e: harmonia_state::StoredError) -> Self {
        Self::Stage(e.into())
    }
}

/// Who does it, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    by: String,
    why: String,
}

impl Words {
    /// Both are needed: they are stored with the match.
    pub fn new(by: &str, why: &str) -> Result<Self, RedressError> {
        let checked = |field, text: &str| {
            let text = text.trim();
            let chars = text.chars().count();
            let fits = (1..=REDRESS_CHARS_MAX).contains(&chars);
            if fits { Ok(text.to_owned()) } else { Err(RedressError::Words { field, chars }) }
        };
        Ok(Self { by: checked("by", by)?, why: checked("why", why)? })
    }
}

/// What an unmatch did.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undone {
    /// The match is undone.
    Now(Unmatched),
    /// It was undone before; what follows has been forwarded again.
    Before(Unmatched),
}

/// A match that is undone.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Unmatched {
    /// The export of the match that was undone.
    pub export: ExportKey,
    /// The sale that is open again.
    pub sale: String,
    /// Whether the merchant has been told of the match, and what follows.
    pub told: Told,
}

/// What the merchant knows of a match that was undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// Nothing, and will not be told.
    No,
    /// It was told, and is asked to take it back.
    ReversalAsked,
    /// It was told, and has no way to take it back: a person has to speak to it.
    NoReversal,
}

/// What a purchase is, for error messages.
fn state_of(purchase: &Purchase) -> &'static str {
    match purchase.state {
        PurchaseState::Live if purchase.current().is_none() => "parked",
        PurchaseState::Live => "open",
        PurchaseState::Claimed { .. } => "matched",
        PurchaseState::Streamed => "told line by line",
        PurchaseState::Stored => "stored only",
    }
}

impl Harmonia {
    fn redress(&self, words: &Words) -> Redress {
        Redress { by: words.by.clone(), on: self.now(), why: words.why.clone() }
    }

    async fn payment(&self, p: &PurchaseKey) -> Result<Stored<Purchase>, RedressError> {
        let found = self.store().get(&purchase_key(p), Read::Consistent).await?;
        found.ok_or_else(|| RedressError::NoPayment { p: p.clone() })
    }

    async fn sale(&self, merchant: &Slug, id: &str) -> Result<Stored<Sale>, RedressError> {
        let found = self.store().get(&sale_key(merchant, id), Read::Consistent).await?;
        found.ok_or_else(|| RedressError::NoSale { merchant: merchant.clone(), id: id.to_owned() })
    }

    async fn export_of(&self, x: &ExportKey) -> Result<Stored<Export>, RedressError> {
        let found = self.store().get(&export_row_key(x), Read::Consistent).await?;
        found.ok_or_else(|| StageError::Missing { what: "export", name: x.sk.clone() }.into())
    }

    /// Undoes the match that a payment is in: payment and sale are open again, not for each other; the merchant is not
    /// told any more, or asked to take it back.
    pub async fn unmatch(&self, p: &PurchaseKey, words: &Words) -> Result<Undone, RedressError> {
        for _ in 0..TRIES_MAX {
            let purchase = self.payment(p).await?;
            let PurchaseState::Claimed { x } = &purchase.row.state else {
                return self.unmatched_before(&purchase.row).await;
            };
            let export = self.export_of(x).await?;
            let Some(sale_id) = export.row.sale.clone() else {
                return Err(RedressError::NotMatchedWithSale { p: p.clone(), state: "matched by itself" });
            };
            let sale = self.sale(&export.row.merchant, &sale_id).await?;
            let released = purchase.row.released(&sale_id)?;
            let undone = export.row.reversed(self.redress(words))?;
            let (undone, reversal) = self.with_reversal(undone)?;
            let free = sale.row.released(x)?;
            let stamp = self.stamp(format!("unmatch {}", words.by));
            let writes = [
                put_write(&released, Expect::Version(purchase.version), &stamp),
                put_write(&undone, Expect::Version(export.version), &stamp),
                put_write(&free, Expect::Version(sale.version), &stamp),
            ];
            let asks = reversal.iter().map(|export| put_write(export, Expect::Absent, &stamp));
            match self.store().transact(writes.into_iter().chain(asks).collect()).await {
                Ok(()) => {}
                Err(WriteError::Condition(_)) => continue,
                Err(WriteError::Store(e)) => return Err(StageError::from(e).into()),
            }
            self.follow_unmatch(&released, &free, reversal.as_ref()).await?;
            return Ok(Undone::Now(Unmatched { export: x.clone(), sale: sale_id, told: told(&undone) }));
        }
        Err(StageError::Unsettled { what: "an unmatch", tries: TRIES_MAX }.into())
    }

    /// Forwards once more what follows from the last unmatch of an open payment: whoever did it may have died after the
    /// transaction.
    async fn unmatched_before(&self, purchase: &Purchase) -> Result<Undone, RedressError> {
        let Some(bar) = purchase.bars.last().filter(|_| purchase.is_live()) else {
            return Err(RedressError::NotMatchedWithSale { p: purchase.key.clone(), state: state_of(purchase) });
        };
        let export = self.export_of(&bar.x).await?.row;
        let sale = self.sale(&export.merchant, &bar.sale).await?.row;
        let reversal = match &export.state {
            ExportState::Reversed { reversal: Some(x), .. } => Some(self.export_of(x).await?.row),
            _ => None,
        };
        self.follow_unmatch(purchase, &sale, reversal.as_ref()).await?;
        Ok(Undone::Before(Unmatched { export: bar.x.clone(), sale: bar.sale.clone(), told: told(&export) }))
    }

    /// Both are examined again: the payment from its identification on, as a settlement that came after the match was
    /// never identified; the sale by its keys.
    async fn follow_unmatch(
        &self,
        purchase: &Purchase,
        sale: &Sale,
        reversal: Option<&Export>,
    ) -> Result<(), StageError> {
        let trace = format!("unmatch {}", purchase.key.id);
        if let Some(reversal) = reversal {
            self.send_on(&trace, reversal).await?;
        }
        let queues = self.ports.queues.as_ref();
        let lines: Vec<LineName> = purchase.kinds().map(|kind| LineName { p: purchase.key.clone(), kind }).collect();
        let body = |items| Body::Lines { tries: 0, items };
        message::send(queues, Queue::Identify, &trace, (None, 0), &lines, body).await?;
        if sale.state != SaleState::Live {
            return Ok(());
        }
        let entries = BookedSale::of(sale);
        self.store().put_all(&entries, &self.stamp("unmatch")).await?;
        let keys = entries.into_iter().map(|entry| entry.bk);
        message::send_keys(queues, &trace, (&sale.merchant, 0), None, keys).await
    }

    /// Asks the merchant to take it back, if it has been told and has a way.
    fn with_reversal(&self, undone: Export) -> Result<(Export, Option<Export>), StageError> {
        let ExportState::Reversed { undone: redress, told: Some(told), reversal: None } = &undone.state else {
            return Ok((undone, None));
        };
        if !self.target_of(&undone.merchant)?.is_some_and(|target| target.reversals) {
            return Ok((undone, None));
        }
        let amount = undone.facts.amount.negated();
        let state = self.first_state(&undone.merchant, undone.facts.at)?;
        let asks = undone.adjustment(MatchType::Reversal, amount, self.now(), state);
        let state = ExportState::Reversed { undone: redress.clone(), told: Some(*told), reversal: Some(asks.key()) };
        Ok((Export { state, ..undone }, Some(asks)))
    }

    /// An attempt was under way while its match was undone. If the merchant has it now, that is noted, and it is asked
    /// to take it back.
    pub(crate) async fn record_undone(
        &self,
        found: Stored<Export>,
        verdict: &Verdict,
        last: &LastAttempt,
    ) -> Result<(), StageError> {
        if *verdict != Verdict::Delivered {
            return Ok(());
        }
        let Some(told) = found.row.told_after_all(last.at, last.clone()) else { return Ok(()) };
        let (told, reversal) = self.with_reversal(told)?;
        let stamp = self.stamp("export");
        let notes = put_write(&told, Expect::Version(found.version), &stamp);
        let asks = reversal.iter().map(|export| put_write(export, Expect::Absent, &stamp));
        match self.store().transact(std::iter::once(notes).chain(asks).collect()).await {
            // a condition: noted by somebody with the same answer, or the answer to this write was lost
            Ok(()) | Err(WriteError::Condition(_)) => {}
            Err(WriteError::Store(e)) => return Err(e.into()),
        }
        match &reversal {
            Some(reversal) => self.send_on("unmatch", reversal).await,
            None => Ok(()),
        }
    }
}

fn told(undone: &Export) -> Told {
    match &undone.state {
        ExportState::Reversed { told: None, .. } => Told::No,
        ExportState::Reversed { reversal: Some(_), .. } => Told::ReversalAsked,
        _ => Told::NoReversal,
    }
}
