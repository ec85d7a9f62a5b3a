//! A receiver's result (spec match §10.2): tied to its export by the uid that was told, and kept with it. The index
//! entry of a uid is written before the uid is told, so a uid that is not there is nobody's and never will be: its line
//! is rejected, not parked.

use super::lines::{Finished, Origin};
use crate::{Harmonia, StageError};
use harmonia_definitions::ResultFeed;
use harmonia_domain::{
    Source,
    answer::{ReceiverAnswer, ResultLine},
    export::{Answered, Export},
    feed::{Feed, Slug},
    outcome::{Outcome, Reject, RejectReason, ValueClass},
};
use harmonia_ports::{Read, Stamp};
use harmonia_state::{Stored, StoredIdentity, ToldUid, export_row_key};

/// How often an export that changes meanwhile is looked at again: its batch marks it, a person redrives it.
const TRIES_MAX: u32 = 5;

/// A line ready to be kept.
pub(super) struct PreparedResult {
    pub(super) line: ResultLine,
    receiver: Slug,
    answer: ReceiverAnswer,
}

impl Harmonia {
    /// What its definition makes of a line.
    pub(super) fn prepare_result(
        &self,
        line: ResultLine,
        src: Source,
        origin: &Origin<'_>,
    ) -> Result<PreparedResult, Reject> {
        let internal = || Reject { field: "feed".into(), reason: RejectReason::Internal, class: ValueClass::Text };
        let Feed::Merchant(receiver) = origin.feed else { return Err(internal()) };
        let results = self.results_of(receiver).ok_or_else(internal)?;
        let rewarded = results.rewarded.iter().any(|word| word.eq_ignore_ascii_case(&line.result));
        let answer = ReceiverAnswer { result: line.result.clone(), rewarded, arrived: origin.arrived, src };
        Ok(PreparedResult { line, receiver: receiver.clone(), answer })
    }

    fn results_of(&self, receiver: &Slug) -> Option<&ResultFeed> {
        self.definitions.get(receiver)?.results.as_ref()
    }

    /// The export that a receiver's results mean by a uid.
    pub(crate) async fn told_under(&self, receiver: &Slug, uid: &str) -> Result<Option<Stored<Export>>, StageError> {
        let entry: Option<Stored<ToldUid>> = self.store().find(&ToldUid::key_of(receiver, uid)).await?;
        let Some(entry) = entry else { return Ok(None) };
        Ok(self.store().get(&export_row_key(&entry.row.x), Read::Consistent).await?)
    }

    pub(super) async fn finish_result(&self, result: &PreparedResult, stamp: &Stamp) -> Result<Finished, StageError> {
        let PreparedResult { line, receiver, answer } = result;
        for _ in 0..TRIES_MAX {
            let Some(stored) = self.told_under(receiver, &line.uid).await? else {
                return Ok(Finished::only(Outcome::Rejected(self.reject(result, Differs::Uid))));
            };
            if let Some(differs) = self.differs(line, &stored.row).await? {
                return Ok(Finished::only(Outcome::Rejected(self.reject(result, differs))));
            }
            let accepted = || Finished { result: Some(answer.result.clone()), ..Finished::only(Outcome::Accepted) };
            let next = match stored.row.answered(answer) {
                Answered::Same => return Ok(accepted()),
                Answered::Known { differs } => return Ok(Finished::only(Outcome::Duplicate { differs })),
                Answered::New(next) => next,
            };
            if self.store().replace(&stored, &next, stamp).await? {
                return Ok(accepted());
            }
        }
        Err(StageError::Unsettled { what: "the answer to an export", tries: TRIES_MAX })
    }

    /// What of a line is not what was told under its uid.
    async fn differs(&self, line: &ResultLine, export: &Export) -> Result<Option<Differs>, StageError> {
        let facts = &export.facts;
        let location = facts.location_id.as_deref().unwrap_or_default();
        let is = |said: &Option<String>, told: &str| said.as_ref().is_none_or(|said| said == told.trim());
        if !is(&line.transaction_id, &facts.transaction_id) {
            return Ok(Some(Differs::TransactionId));
        }
        if !is(&line.location, location) {
            return Ok(Some(Differs::Location));
        }
        if line.amount.is_some_and(|amount| amount != facts.amount) {
            return Ok(Some(Differs::Amount));
        }
        if line.at.is_some_and(|at| at.as_second() != facts.at.as_second()) {
            return Ok(Some(Differs::Time));
        }
        if line.member.is_none() {
            return Ok(None);
        }
        let who = &export.identity;
        let key = StoredIdentity::key_of(export.member_of(), &who.token, &who.id);
        // nobody can say of a member who was forgotten whether it is the right one: the rest of the row agrees
        let identity: Option<Stored<StoredIdentity>> = self.store().find(&key).await?;
        let member = identity.is_none_or(|stored| is(&line.member, &stored.row.0.loyalty_id));
        Ok((!member).then_some(Differs::Member))
    }

    /// With the receiver's own name of the column; never the value.
    fn reject(&self, result: &PreparedResult, differs: Differs) -> Reject {
        let fields = self.results_of(&result.receiver).map(|results| &results.fields);
        let line = &result.line;
        let first = |columns: Option<&Vec<String>>| columns.and_then(|columns| columns.first().cloned());
        let (column, value) = match differs {
            Differs::Uid => (fields.map(|f| f.uid.clone()), Some(&line.uid)),
            Differs::TransactionId => (fields.and_then(|f| f.transaction_id.clone()), line.transaction_id.as_ref()),
            Differs::Member => (fields.and_then(|f| f.member.clone()), line.member.as_ref()),
            Differs::Location => (fields.and_then(|f| f.location.clone()), line.location.as_ref()),
            Differs::Amount => (first(fields.and_then(|f| f.amount.as_ref().map(|a| &a.columns))), None),
            Differs::Time => (first(fields.and_then(|f| f.time.as_ref().map(|t| &t.columns))), None),
        };
        let reason = if differs == Differs::Uid { RejectReason::UnknownUid } else { RejectReason::NotAsTold };
        let class = match differs {
            Differs::Amount => ValueClass::Number,
            _ => value.map_or(ValueClass::Text, |value| ValueClass::of(value)),
        };
        Reject { field: column.unwrap_or_default(), reason, class }
    }
}

/// What is not as it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Differs {
    /// Nothing was told under it.
    Uid,
    TransactionId,
    Member,
    Location,
    Amount,
    Time,
}
