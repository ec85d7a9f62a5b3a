//! The Works over `GiveX`'s JSON-RPC (spec match §9.10; decisions D8, D10, D13): the card's history is asked whether
//! the purchase was rewarded already, then points are given or taken. Each call goes to a second address if the first
//! one fails. The code of a call is derived from the export's id; the history is what makes a repeat safe.

use crate::{
    answer::{Answer, Finding, any_success, success, unreadable},
    build::{Attempt, BuildError, Fault, Telling},
    conversation::{Purpose, Request, Step, Talks},
    decimal::{self, Decimal},
};
use harmonia_definitions::{Promotion, TheWorks};
use harmonia_domain::{ids::Id, money::MinorUnits, time::utc_day};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::Value;

/// From here on the second address is asked: errors, not redirects.
const FAILS_FROM: u16 = 400;
/// Letters of a date, e.g. 2024-06-03; a time may follow.
const DATE_CHARS: usize = 10;

/// The conversation: the history, then the points.
pub(crate) struct Talk {
    history: Option<Call>,
    award: Call,
    purchase: Purchase,
}

/// The same call to both addresses.
struct Call {
    first: Option<Request>,
    failover: Option<Request>,
}

/// The purchase as the history would show it.
struct Purchase {
    points: i64,
    day: Date,
    is_refund: bool,
    /// An earlier attempt may have been counted, under the day of that attempt.
    unsure: bool,
}

#[derive(serde::Serialize)]
struct Body<'a> {
    jsonrpc: &'static str,
    method: &'static str,
    id: u8,
    params: Vec<&'a str>,
}

impl Talk {
    pub(crate) fn begin(attempt: &Attempt<'_>, works: &TheWorks) -> Result<Self, BuildError> {
        let Telling { export, identity, .. } = attempt.one()?;
        let (amount, card) = (export.facts.amount, identity.loyalty_id.as_str());
        let asks = Id::derive("history", &[export.id.as_str()]).as_uuid();
        let history = call(attempt, works, Purpose::LookUp, "dc_995", [&asks, card], &["", "", "Points"])?;
        // nothing counts as a refund, too
        let method = if amount.0 > 0 { "dc_911" } else { "dc_945" };
        let pounds = decimal::pounds(MinorUnits(amount.0.saturating_abs()));
        let award = call(attempt, works, Purpose::Tell, method, [&export.id.as_uuid(), card], &[&pounds])?;
        let points = (amount.0 / 100).saturating_mul(i64::from(rate(works, attempt.now)));
        let (day, is_refund) = (utc_day(export.facts.at), amount.0 < 0);
        let purchase = Purchase { points, day, is_refund, unsure: attempt.unsure };
        Ok(Self { history: Some(history), award, purchase })
    }
}

impl Talks for Talk {
    fn next(&mut self, mut answer: Option<Answer>) -> Step {
        if let Some(history) = &mut self.history {
            if let Some(request) = history.next(answer.as_ref()) {
                return Step::Send(request);
            }
            self.history = None;
            match self.purchase.is_in(answer.take()) {
                Err(failure) => return Step::Done(failure.at("history")),
                Ok(true) => return Step::Done(Finding::AlreadyThere { why: "the history has these points".into() }),
                Ok(false) => {}
            }
        }
        // a JSON-RPC failure in a 200 is success, as in the original
        self.award.next(answer.as_ref()).map_or_else(|| Step::Done(any_success(answer)), Step::Send)
    }
}

impl Call {
    /// The first address; the second one if the first one answers with an error; then nothing.
    fn next(&mut self, answer: Option<&Answer>) -> Option<Request> {
        let failed = matches!(answer, Some(Answer::Response { status, .. }) if *status >= FAILS_FROM);
        self.first.take().or_else(|| self.failover.take_if(|_| failed))
    }
}

fn call(
    attempt: &Attempt<'_>,
    works: &TheWorks,
    purpose: Purpose,
    method: &'static str,
    [code, card]: [&str; 2],
    rest: &[&str],
) -> Result<Call, Fault> {
    let request = |url: &str, [user, password]: [&str; 2]| {
        let params = ["en", code, user, password, card].into_iter().chain(rest.iter().copied()).collect();
        Request::post_json(purpose, url.to_owned(), &Body { jsonrpc: "2.0", method, id: 1, params })
    };
    let main = [attempt.secret("user_id")?, attempt.secret("password")?];
    let second = match attempt.target.secrets.get("failover") {
        None | Some(Value::Null) => main,
        Some(failover) => {
            let text = |member| failover.get(member).and_then(Value::as_str);
            let [user, password] = [text("user_id"), text("password")];
            user.zip(password).map(<[&str; 2]>::from).ok_or(Fault::NoSecret { member: "failover".into() })?
        }
    };
    let first = Some(request(&attempt.target.definition.base_url, main)?);
    Ok(Call { first, failover: Some(request(&works.failover_url, second)?) })
}

/// Points for a pound today, not on the day of the purchase (Q-E14).
fn rate(works: &TheWorks, now: Timestamp) -> u32 {
    let runs = |promotion: &&Promotion| {
        let today = TimeZone::get(&promotion.zone).map(|zone| zone.to_datetime(now).date());
        today.is_ok_and(|today| (promotion.from..=promotion.to).contains(&today))
    };
    works.promotion.as_ref().filter(runs).map_or(works.points_per_major, |promotion| promotion.points_per_major)
}

impl Purchase {
    /// Was it rewarded already? An error of the history is not a reason to skip (D10).
    fn is_in(&self, answer: Option<Answer>) -> Result<bool, Finding> {
        let members = success(answer)?.object().ok_or_else(unreadable)?;
        let result = members.get("result").and_then(Value::as_array).ok_or_else(unreadable)?;
        let code = result.get(1).and_then(Decimal::of).ok_or_else(unreadable)?;
        if code.truncated() > 0 {
            return Err(Finding::transient("error code"));
        }
        match result.get(5) {
            Some(Value::Array(rows)) => rows.iter().try_fold(false, |found, row| Some(found || self.is(row)?)),
            Some(Value::String(none)) if none.is_empty() => Some(false),
            _ => None,
        }
        .ok_or_else(unreadable)
    }

    /// `None`: not to be read.
    fn is(&self, row: &Value) -> Option<bool> {
        if Decimal::of(row.get(3)?)?.truncated() != self.points {
            return Some(false);
        }
        let day = || row.get(0)?.as_str()?.get(..DATE_CHARS)?.parse::<Date>().ok();
        if self.is_refund {
            return Some(true);
        }
        let day = day()?;
        Some(day == self.day || (self.unsure && day > self.day))
    }
}
