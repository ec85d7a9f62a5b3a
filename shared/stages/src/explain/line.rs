//! A line of a file: what became of it, by the file's own reports and the stored lines. The raw line is read again,
//! because only rejects are kept by their numbers (state.md: rejects are never items).

use super::facts::{Explanation, FileTold, Note};
use crate::{
    Harmonia, StageError,
    import::{AMEX_AUTH_NOT_USED, Looked},
};
use harmonia_domain::{
    Source,
    export::Export,
    feed::{Feed, Kind, Scheme},
    file::{File, FileState},
    identifier::Attribution,
    ids::Id,
    line::PaymentLine,
    outcome::Reject,
    purchase::{Purchase, PurchaseKey, Slot},
    sale::Sale,
};
use harmonia_feeds::Record;
use harmonia_ports::Read;
use harmonia_state::{Stored, purchase_key, sale_key};
use jiff::Timestamp;
use serde::Serialize;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineExplained {
    /// Its file.
    pub file: FileTold,
    /// Its number.
    pub line: u64,
    /// What became of it.
    pub became: Became,
    /// What that is now.
    pub now: Option<Box<Explanation>>,
    /// What else has to be known.
    pub notes: Vec<Note>,
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "became", rename_all = "kebab-case")]
pub enum Became {
    /// This very line is stored.
    Stored {
        /// As what: payment scheme or merchant, and id.
        name: String,
    },
    /// Another line with its id was stored before.
    Duplicate {
        /// Of what.
        name: String,
        /// From where that one came.
        of: Source,
        /// When that one came.
        arrived: Timestamp,
    },
    /// An earlier line of the file has its id.
    Repeated {
        /// It says something else.
        differs: bool,
    },
    /// Left out by a filter.
    Skipped {
        /// Which.
        filter: String,
    },
    /// Not usable.
    Rejected {
        /// Field, reason, class of the value.
        reject: Reject,
    },
    /// Good, but not stored (yet): its file is not closed, or was refused.
    NotStored {
        /// As what it would be: payment scheme or merchant, and id.
        name: String,
    },
    /// Its file has the same bytes as an earlier one.
    OfRepeatedFile {
        /// That file's id: ask for its line.
        of: Id,
    },
    /// It could not be read again; a note says why.
    Unread,
    /// No record begins there: a header, a trailer, a blank line, or a later line of a record.
    NoRecord,
    /// The file could not be read at all.
    Refused {
        /// Why.
        why: String,
    },
}

impl LineExplained {
    fn new(file: &File, line: u64, became: Became) -> Self {
        Self { file: file.into(), line, became, now: None, notes: Vec::new() }
    }
}

impl Harmonia {
    /// What became of a line, by its number from 1; of an archived batch of messages, of that message.
    pub(super) async fn explain_line(&self, file: &File, line: u64) -> Result<LineExplained, StageError> {
        if let FileState::Unreadable { why, .. } = &file.state {
            return Ok(LineExplained::new(file, line, Became::Refused { why: why.clone() }));
        }
        if let FileState::Repeated { of } = &file.state {
            let of = of.clone();
            return Ok(LineExplained::new(file, line, Became::OfRepeatedFile { of }));
        }
        let counts = self.counts(file, |_| false).await?;
        if let Some(row) = counts.report.rejects.into_iter().find(|row| row.line == line) {
            return Ok(LineExplained::new(file, line, Became::Rejected { reject: row.reject }));
        }
        let (source, looked) = self.look_at(file, line).await?;
        let mut told = match looked {
            Looked::Nothing => LineExplained::new(file, line, Became::NoRecord),
            Looked::TooLarge => {
                let unread = LineExplained::new(file, line, Became::Unread);
                LineExplained { notes: vec![Note::TooLargeToReadAgain], ..unread }
            }
            Looked::Gone => {
                let unread = LineExplained::new(file, line, Became::Unread);
                LineExplained { notes: vec![Note::BytesGone], ..unread }
            }
            Looked::Record(record) => self.became(file, line, &source, *record).await?,
        };
        let version = self.definition_version(&file.feed);
        if let Some(then) = file.definition.clone().filter(|then| Some(then) != version.as_ref()) {
            told.notes.push(Note::ReadByOtherDefinition { then, now: version });
        }
        Ok(told)
    }

    async fn became(
        &self,
        file: &File,
        line: u64,
        source: &Source,
        record: Record,
    ) -> Result<LineExplained, StageError> {
        let plainly = |became| Ok(LineExplained::new(file, line, became));
        match (record, &file.feed) {
            (Record::Skipped(filter), _) => plainly(Became::Skipped { filter: filter.0 }),
            (Record::Rejected(reject), _) => plainly(Became::Rejected { reject }),
            (Record::Repeated { differs, .. }, _) => plainly(Became::Repeated { differs }),
            (Record::Payment(payment), _) => self.payment_line(file, line, source, &payment).await,
            (Record::Sale(sale), Feed::Merchant(merchant)) => {
                let name = format!("sale {} of {merchant}", sale.id);
                let found: Option<Stored<Sale>> =
                    self.store().get(&sale_key(merchant, &sale.id), Read::Consistent).await?;
                let there = found.map(|stored| (stored.row.src, stored.row.arrived));
                let now = self.explain_sale(merchant, &sale.id).await?.map(Box::new);
                Ok(LineExplained { now, ..LineExplained::new(file, line, stored_as(name, source, there)) })
            }
            (Record::Result(result), Feed::Merchant(receiver)) => {
                let name = format!("the answer to export {} of {receiver}", result.uid);
                let found = self.told_under(receiver, &result.uid).await?.map(|stored| stored.row);
                let there = found.as_ref().and_then(|x| x.answer.clone()).map(|answer| (answer.src, answer.arrived));
                let now = match found {
                    Some(export) => self.explained_payment(&export).await?.map(Box::new),
                    None => None,
                };
                Ok(LineExplained { now, ..LineExplained::new(file, line, stored_as(name, source, there)) })
            }
            // a payment scheme's feed has neither
            (Record::Sale(_) | Record::Result(_), Feed::Payment(_)) => plainly(Became::NoRecord),
        }
    }

    async fn payment_line(
        &self,
        file: &File,
        line: u64,
        source: &Source,
        payment: &PaymentLine,
    ) -> Result<LineExplained, StageError> {
        let name = format!("{} {} {}", payment.scheme, payment.kind.as_str().to_ascii_lowercase(), payment.id);
        let mut there: Option<(Source, Timestamp, Slot)> = None;
        for slot in [Slot::P, Slot::P2, Slot::R] {
            let key = PurchaseKey { scheme: payment.scheme, id: payment.id.clone(), slot };
            let found: Option<Stored<Purchase>> = self.store().get(&purchase_key(&key), Read::Consistent).await?;
            if let Some(facts) = found.as_ref().and_then(|stored| stored.row.line(payment.kind)) {
                there = Some((facts.src.clone(), facts.arrived, slot));
            }
        }
        if there.is_none() && self.amex_auth_not_used(payment).await? {
            return Ok(LineExplained::new(file, line, Became::Skipped { filter: AMEX_AUTH_NOT_USED.to_owned() }));
        }
        let slot = there.as_ref().map(|(_, _, slot)| slot.as_str());
        let became = stored_as(name, source, there.map(|(src, arrived, _)| (src, arrived)));
        let all = self.explain_payments(payment.scheme, &payment.id).await?;
        // a refund is told with its purchase, if there is one
        let of_slot = |e: &&Explanation| matches!(e, Explanation::Payment(p) if Some(p.slot) == slot);
        let now = all.iter().find(of_slot).or(all.first()).cloned().map(Box::new);
        Ok(LineExplained { now, ..LineExplained::new(file, line, became) })
    }

    /// The payment that an export is about.
    pub(super) async fn explained_payment(&self, export: &Export) -> Result<Option<Explanation>, StageError> {
        let PurchaseKey { scheme, id, slot } = &export.purchase;
        let all = self.explain_payments(*scheme, id).await?;
        let of_slot = |e: &&Explanation| matches!(e, Explanation::Payment(p) if p.slot == slot.as_str());
        Ok(all.iter().find(of_slot).or(all.first()).cloned())
    }

    /// Left out for its merchant, who is known by the identifiers as they are now.
    async fn amex_auth_not_used(&self, payment: &PaymentLine) -> Result<bool, StageError> {
        if (payment.scheme, payment.kind) != (Scheme::Amex, Kind::Auth) {
            return Ok(false);
        }
        Ok(match self.attribution(payment.scheme, &payment.mids).await? {
            Attribution::Known(identifier) => self.route(&identifier.merchant).refuses_amex_auths(),
            Attribution::Unknown | Attribution::Disputed(_) => false,
        })
    }
}

/// The line that is stored under an id is told apart by its source.
fn stored_as(name: String, source: &Source, there: Option<(Source, Timestamp)>) -> Became {
    match there {
        None => Became::NotStored { name },
        Some((of, _)) if (&of.from, of.line) == (&source.from, source.line) => Became::Stored { name },
        Some((of, arrived)) => Became::Duplicate { name, of, arrived },
    }
}
