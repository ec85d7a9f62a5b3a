//! TGI Fridays over Punchh's API (spec match §9.9; decisions D8, D10): the member's history is asked whether the
//! purchase was rewarded at the till, then points are given. The gift has no id of its own; the history is what makes
//! a repeat safe.

use crate::{
    address,
    answer::{Answer, Finding, Heard, any_success, is_truthy, success, unreadable},
    build::{Attempt, BuildError, Fault, Target, Telling},
    conversation::{Purpose, Request, Step, Talks},
    decimal::Decimal,
    form, python_json,
};
use harmonia_definitions::TgiFridays;
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};
use secrecy::SecretString;
use serde_json::Value;

const MESSAGE: &str = "Thank you for your recent visit to TGI Fridays, your stripes have been added to your account.";
/// How far till and card may be apart for the same purchase, inclusive (spec match §9.9).
const APART: SignedDuration = SignedDuration::from_hours(2);

#[derive(serde::Serialize)]
struct Body<'a> {
    #[serde(serialize_with = "python_json::exposed")]
    user_id: SecretString,
    message: &'static str,
    gift_count: i64,
    location_id: Option<&'a str>,
}

/// The conversation: the history, then the points.
pub(crate) struct Talk {
    history: Option<Request>,
    tell: Option<Request>,
    bill: Bill,
}

/// The purchase as the till knows it.
struct Bill {
    minor: i64,
    at: Timestamp,
}

impl Talk {
    pub(crate) fn begin(attempt: &Attempt<'_>, fridays: &TgiFridays) -> Result<Self, BuildError> {
        let telling = attempt.one()?;
        let (body, bill) = body(&attempt.target, telling, fridays).map_err(BuildError::of(0))?;
        let base = attempt.target.definition.base_url.as_str();
        let bearer = format!("Bearer {}", attempt.header_secret("admin_key")?);
        let member = form::of(&[("user_id", &telling.identity.loyalty_id)]);
        let query = String::from_utf8(member).map_err(|_| Fault::Encoding { what: "the loyalty id" })?;
        let timeline = address::joined(base, "api2/dashboard/users/extensive_timeline");
        let history = Request::get(Purpose::LookUp, format!("{timeline}?{query}"));
        let support = address::joined(base, "api2/dashboard/users/support");
        let tell = Request::post_json(Purpose::Tell, support, &body)?;
        Ok(Self {
            history: Some(history.with("Authorization", bearer.clone())),
            tell: Some(tell.with("Authorization", bearer)),
            bill,
        })
    }
}

impl Talks for Talk {
    fn next(&mut self, answer: Option<Answer>) -> Step {
        if let Some(history) = self.history.take() {
            return Step::Send(history);
        }
        let Some(tell) = self.tell.take() else {
            return Step::Done(any_success(answer));
        };
        match success(answer).and_then(|heard| self.bill.is_in(&heard).ok_or_else(unreadable)) {
            Err(failure) => Step::Done(failure.at("history")),
            Ok(true) => Step::Done(Finding::AlreadyThere { why: "the history has this bill".into() }),
            Ok(false) => Step::Send(tell),
        }
    }
}

fn body<'a>(target: &Target<'_>, telling: &Telling<'a>, fridays: &TgiFridays) -> Result<(Body<'a>, Bill), Fault> {
    let facts = &telling.export.facts;
    let amount = telling.extra.get("amount").and_then(Decimal::of);
    let amount = amount.ok_or(Fault::NoExtra { member: "amount".into() })?;
    let points = amount.rounded().checked_mul(i64::from(fridays.points_per_major));
    let body = Body {
        user_id: telling.credentials(target)?.told("merchant_identifier")?.into(),
        message: MESSAGE,
        gift_count: points.ok_or(Fault::Encoding { what: "the points" })?,
        location_id: facts.location_id.as_deref(),
    };
    Ok((body, Bill { minor: amount.hundredths(), at: facts.at }))
}

impl Bill {
    /// Was it rewarded already? `None`: the history cannot be read as far as that (D10).
    fn is_in(&self, history: &Heard) -> Option<bool> {
        let members = history.object()?;
        for visit in members.get("checkins")?.as_array()? {
            let known = |member: &str| visit.get(member).filter(|value| is_truthy(value));
            if let (Some(amount), Some(date)) = (known("receipt_amount"), known("receipt_date"))
                && Decimal::of(amount)?.hundredths() == self.minor
                && self.at.duration_since(instant(date)?).abs() <= APART
            {
                return Some(true);
            }
        }
        Some(false)
    }
}

/// UTC unless it says otherwise.
fn instant(date: &Value) -> Option<Timestamp> {
    let text = date.as_str()?.trim();
    text.parse().or_else(|_| Offset::UTC.to_timestamp(text.parse::<DateTime>()?)).ok()
}
