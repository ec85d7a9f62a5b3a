//! What an explanation says, as data; [`super::text`] puts it into words. No card data beyond the first six and last
//! four digits (invariant 7).

use super::{file::FileExplained, line::LineExplained};
use harmonia_definitions::Definition;
use harmonia_domain::{
    Source,
    answer::ReceiverAnswer,
    export::{Export, ExportState, LastAttempt, LaterAmount, MatchType, Redress},
    feed::{Feed, Kind, Scheme, Slug, Transport},
    file::{File, FileState},
    identifier::IdentifierType,
    ids::Id,
    money::{Currency, MinorUnits},
    outcome::{ParkReason, Totals},
    purchase::{Current, MatchedIdentifier, PaymentFacts},
    sale::Sale,
};
use harmonia_matching::{Card, Near, evidence_in_words};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use std::collections::BTreeMap;

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Explanation {
    Payment(Box<PaymentExplained>),
    Sale(Box<SaleExplained>),
    File(Box<FileExplained>),
    Line(Box<LineExplained>),
}

/// A purchase as its payment scheme saw it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PaymentExplained {
    /// Whose id.
    pub scheme: Scheme,
    /// The provider's id.
    pub id: String,
    /// Which of the purchases with this id: `P`, `P2`, or `R` for a refund without one.
    pub slot: &'static str,
    /// Why it is what it is: the first thing to read.
    pub because: Because,
    /// Its lines.
    pub lines: Vec<PaymentLine>,
    /// Refunds under the same id.
    pub refunds: Vec<PaymentLine>,
    /// Lines of the same kind and id that came later and say something else: they change nothing.
    pub differing: Vec<PaymentLine>,
    /// The merchant, if it is known.
    pub merchant: Option<MatchedIdentifier>,
    /// Version of the merchant's definition that is in force now.
    pub definition: Option<String>,
    /// Whose card.
    pub card: Option<CardTold>,
    /// Its match, or its lines that were told one by one.
    pub exports: Vec<ExportTold>,
    /// The nearest sales, nearest first; only if it is open.
    pub nearest: Vec<NearSale>,
    /// The merchant's files of its day; only if it is open.
    pub day: Option<DayTold>,
    /// What else has to be known.
    pub notes: Vec<Note>,
}

/// A sale of a merchant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SaleExplained {
    /// Why it is what it is: the first thing to read.
    pub because: Because,
    /// Its facts.
    pub sale: SaleTold,
    /// When it came.
    pub arrived: Timestamp,
    /// From where.
    pub source: Source,
    /// The file it came in.
    pub file: Option<FileTold>,
    /// Version of the merchant's definition that is in force now.
    pub definition: Option<String>,
    /// Its match.
    pub exports: Vec<ExportTold>,
    /// The nearest open payments, nearest first; only if it is open.
    pub nearest: Vec<NearPayment>,
    /// What else has to be known.
    pub notes: Vec<Note>,
}

/// The one reason that counts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Because {
    /// A match holds.
    Matched {
        /// How.
        by: MatchType,
        /// The other half: `sale <id>` or `payment <scheme> <id>`. None for a purchase by itself.
        with: Option<String>,
        /// When the card was linked, if that was after the payment had come.
        linked_later: Option<Timestamp>,
    },
    /// Its merchant is told of its lines one by one.
    Streamed,
    /// Nothing follows: its merchant asks for nothing.
    Stored,
    /// Nobody has onboarded its identifiers.
    UnknownMid {
        /// Whose.
        scheme: Scheme,
        /// The texts that it carries.
        texts: Vec<(IdentifierType, String)>,
        /// Since when it waits.
        since: Timestamp,
    },
    /// Two merchants claim its identifiers (D5).
    DisputedMid {
        /// Whose.
        scheme: Scheme,
        /// The texts that it carries.
        texts: Vec<(IdentifierType, String)>,
        /// Who claims them now.
        merchants: Vec<Slug>,
        /// Since when it waits.
        since: Timestamp,
    },
    /// The user directory does not know the card, or not its digits (D7).
    CardNotKnown {
        /// It knows the member, but not the card's digits.
        member_known: bool,
        /// Since when it waits.
        since: Timestamp,
        /// When the card was last linked or unlinked.
        linked_at: Option<Timestamp>,
    },
    /// The user directory did not answer (D21).
    DirectoryUnavailable {
        /// Since when it waits.
        since: Timestamp,
        /// When it is asked again.
        due: Option<Timestamp>,
    },
    /// The sale's location has no till of its payment scheme.
    UnknownLocation {
        /// The merchant's name of the place.
        location: String,
        /// Since when it waits.
        since: Timestamp,
    },
    /// The merchant has no definition.
    NoDefinition {
        /// Which.
        merchant: Slug,
    },
    /// The merchant's definition does not match this payment scheme.
    NoPolicy {
        /// Which.
        merchant: Slug,
        /// The scheme.
        scheme: Scheme,
    },
    /// Several sales fit, and nothing tells them apart.
    Tied {
        /// How many.
        left: usize,
        /// Fallbacks were barred because the payment shows its own digits.
        barred: bool,
    },
    /// The first of the nearest lines: by what it differs.
    Nearest {
        /// In words.
        says: String,
    },
    /// The definition leaves out sales as small as this.
    BelowMinimum {
        /// Whose.
        merchant: Slug,
        /// The filter's name.
        filter: String,
        /// Sales below this are left out.
        below: MinorUnits,
        /// The payment's currency.
        currency: Currency,
    },
    /// The file that should hold the other half, or holds this sale, is not closed.
    FileNotClosed {
        /// Which.
        file: FileTold,
    },
    /// A file of those days could not be read at all.
    FileRefused {
        /// Which.
        file: FileTold,
    },
    /// No file of the merchant has sales of the payment's day.
    NoFile {
        /// Whose.
        merchant: Slug,
        /// The payment's UTC day.
        day: Date,
        /// The latest sale that came, of those files that were looked at.
        latest: Option<Timestamp>,
        /// How its sales come.
        transport: Transport,
    },
    /// The sale's till is nobody's.
    MidNotOnboarded {
        /// Its texts.
        mids: Vec<String>,
        /// The payment scheme.
        scheme: Scheme,
    },
    /// A payment would fit, but nobody can act on that one.
    PaymentParked {
        /// Which, by payment scheme and id.
        payment: String,
        /// Why.
        why: ParkReason,
    },
    /// It is about to be matched, or has not been examined yet.
    UnderWay,
    /// Nothing on the other side comes near.
    NothingNear,
}

/// A line of a payment scheme.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PaymentLine {
    /// What it says.
    pub kind: Kind,
    /// When it happened.
    pub at: Timestamp,
    /// How much.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// The primary MID.
    pub mid: String,
    /// Empty if there is none.
    pub auth_code: String,
    /// The digits that it shows.
    pub card: Card,
    /// From where it came.
    pub source: Source,
    /// When it came.
    pub arrived: Timestamp,
    /// Why nobody can act on it.
    pub parked: Option<ParkReason>,
    /// When the user directory is asked again.
    pub due: Option<Timestamp>,
    /// It counts for what the purchase is now: an auth that became known after its settlement does not, nor does a
    /// settlement whose card is not known (D5).
    pub counts: bool,
}

/// What is known of a card.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CardTold {
    /// A member's.
    pub known: bool,
    /// Its digits as the user directory knows them.
    pub digits: Card,
    /// When it was last linked or unlinked, if we were told.
    pub linked_at: Option<Timestamp>,
}

/// A match and what its merchant was told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExportTold {
    /// Also the idempotency key.
    pub id: Id,
    /// Who is told.
    pub merchant: Slug,
    /// When the match was made.
    pub created: Timestamp,
    /// How.
    pub match_type: MatchType,
    /// The payment, as it is asked for.
    pub payment: String,
    /// The sale.
    pub sale: Option<String>,
    /// Why they belong together.
    pub evidence: Vec<String>,
    /// The same in words.
    pub evidence_in_words: Vec<String>,
    /// Both halves by field, as they are now; none for a match without sale.
    pub pair: Option<Near>,
    /// The same in words.
    pub says: Option<String>,
    /// The MID, currency and amount they shared when the match was made.
    pub mid: String,
    /// In what.
    pub currency: Currency,
    /// How much.
    pub amount: MinorUnits,
    /// Version of the merchant's definition that decided.
    pub definition: String,
    /// Where the export stands.
    pub state: ExportState,
    /// Attempts so far.
    pub attempts: u32,
    /// What the last one brought.
    pub last: Option<LastAttempt>,
    /// The amount that a later settlement named (D12).
    pub corrected: Option<LaterAmount>,
    /// Who made a forced match, and why.
    pub forced: Option<Redress>,
    /// What the receiver says came of it.
    pub answer: Option<ReceiverAnswer>,
    /// What is told, where that is not what was compared.
    pub told_amount: MinorUnits,
    /// In what.
    pub told_currency: Currency,
}

/// The facts of a sale.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SaleTold {
    /// Whose.
    pub merchant: Slug,
    /// The merchant's id.
    pub id: String,
    /// The card's payment scheme.
    pub scheme: Scheme,
    /// The till's identifiers.
    pub mids: Vec<String>,
    /// The merchant's name of the place, if the till says no identifier.
    pub location: Option<String>,
    /// How much.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// When it happened.
    pub at: Timestamp,
    /// Empty if there is none.
    pub auth_code: String,
    /// As the till wrote it.
    pub card: Card,
}

/// A sale that comes near.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NearSale {
    /// Which.
    pub sale: SaleTold,
    /// How near.
    pub near: Near,
    /// In words.
    pub says: String,
}

/// A payment that comes near.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NearPayment {
    /// Whose id.
    pub scheme: Scheme,
    /// The provider's id.
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// How much.
    pub amount: MinorUnits,
    /// In what.
    pub currency: Currency,
    /// Why nobody can act on it.
    pub parked: Option<ParkReason>,
    /// How near.
    pub near: Near,
    /// In words.
    pub says: String,
}

/// A file in few words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileTold {
    /// Its id.
    pub id: Id,
    /// Its feed.
    pub feed: Feed,
    /// The object's key.
    pub object: String,
    /// When it came.
    pub arrived: Timestamp,
    /// Where it stands.
    pub state: FileState,
    /// Earliest and latest instant of its lines.
    pub dates: Option<(Timestamp, Timestamp)>,
    /// Outcomes.
    pub totals: Totals,
}

/// The merchant's files around a payment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DayTold {
    /// The payment's UTC day.
    pub day: Date,
    /// How many files, or batches of messages, have lines of that day.
    pub covering: usize,
    /// Files of those days that are not closed.
    pub open: Vec<FileTold>,
    /// Files of those days that could not be read at all.
    pub refused: Vec<FileTold>,
    /// The latest sale in those files that were looked at.
    pub latest: Option<Timestamp>,
    /// Lines of the covering files that were left out, by filter.
    pub skipped: BTreeMap<String, u64>,
    /// Lines of the covering files that were rejected.
    pub rejected: u64,
}

/// What else has to be known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "note", rename_all = "kebab-case")]
pub enum Note {
    /// Not all lines of its tills were compared.
    NotAllCompared {
        /// Of each part of the book so many.
        each_max: usize,
    },
    /// Not all tills of the merchant were looked at.
    NotAllTills {
        /// So many.
        tills_max: usize,
    },
    /// Not all files of those days were looked at.
    NotAllFiles {
        /// So many.
        files_max: usize,
    },
    /// Of the files with sales of that day not all reports were read.
    NotAllReports {
        /// So many.
        files_max: usize,
    },
    /// Counts are of so many ranges only.
    NotAllRanges {
        /// So many.
        ranges_max: usize,
    },
    /// Sales of this payment scheme and merchant are never compared, or not any more: it has no entry in the book.
    NotInBook,
    /// Its identifiers are onboarded by now: whoever onboards re-opens the lines that wait for them.
    OnboardedByNow,
    /// The match was made by another version of the definition than the one that is in force.
    OtherDefinition {
        /// The one that decided.
        then: String,
        /// The one in force.
        now: String,
    },
    /// Sales are read by the definition that is in force, not by the one the file was read by.
    ReadByOtherDefinition {
        /// The one the file was read by.
        then: String,
        /// The one in force.
        now: Option<String>,
    },
    /// The raw bytes are too large to be read again for one line, and their plan is not kept any more.
    TooLargeToReadAgain,
    /// The raw bytes are gone.
    BytesGone,
    /// Payments of cards that nobody has linked wait for that, not for sales: they are not compared.
    LinkedCardsOnly,
}

impl PaymentLine {
    pub(super) fn of(kind: Kind, facts: &PaymentFacts, counts: bool) -> Self {
        Self {
            kind,
            at: facts.at,
            amount: facts.amount,
            currency: facts.currency,
            mid: facts.mid.clone(),
            auth_code: facts.auth_code.clone(),
            card: Card { first_six: facts.first_six.clone(), last_four: facts.last_four.clone() },
            source: facts.src.clone(),
            arrived: facts.arrived,
            parked: facts.parked,
            due: facts.due,
            counts,
        }
    }
}

impl From<&Sale> for SaleTold {
    fn from(sale: &Sale) -> Self {
        Self {
            merchant: sale.merchant.clone(),
            id: sale.id.clone(),
            scheme: sale.scheme,
            mids: sale.mids.clone(),
            location: sale.location.clone(),
            amount: sale.amount,
            currency: sale.currency,
            at: sale.at,
            auth_code: sale.auth_code.clone(),
            card: Card { first_six: sale.first_six.clone(), last_four: sale.last_four.clone() },
        }
    }
}

impl From<&Export> for ExportTold {
    fn from(export: &Export) -> Self {
        Self {
            id: export.id.clone(),
            merchant: export.merchant.clone(),
            created: export.created,
            match_type: export.match_type,
            payment: format!("{} {}", export.purchase.scheme, export.purchase.id),
            sale: export.sale.clone(),
            evidence: export.evidence.clone(),
            evidence_in_words: export.evidence.iter().map(|code| evidence_in_words(code)).collect(),
            pair: None,
            says: None,
            mid: export.book_key.mid.clone(),
            currency: export.book_key.currency,
            amount: export.book_key.minor,
            definition: export.definition.clone(),
            state: export.state.clone(),
            attempts: export.attempts,
            last: export.last.clone(),
            corrected: export.corrected.clone(),
            forced: export.forced.clone(),
            answer: export.answer.clone(),
            told_amount: export.facts.amount,
            told_currency: export.facts.currency,
        }
    }
}

impl From<&File> for FileTold {
    fn from(file: &File) -> Self {
        Self {
            id: file.id.clone(),
            feed: file.feed.clone(),
            object: file.object.clone(),
            arrived: file.arrived,
            state: file.state.clone(),
            dates: file.dates,
            totals: file.totals,
        }
    }
}

impl NearPayment {
    pub(super) fn of(scheme: Scheme, id: &str, now: &Current, parked: Option<ParkReason>, near: Near) -> Self {
        let (at, amount, currency, says) = (now.at, now.amount, now.currency, near.to_string());
        Self { scheme, id: id.to_owned(), at, amount, currency, parked, near, says }
    }
}

/// Note that a match was decided by another version than the one in force.
pub(super) fn other_definition(exports: &[ExportTold], now: Option<&Definition>) -> Option<Note> {
    let then = &exports.first()?.definition;
    let now = &now?.version;
    (then != now).then(|| Note::OtherDefinition { then: then.clone(), now: now.clone() })
}
