//! Facts of one purchase as a definition asks for them: as JSON for requests and lines, as text for columns. Nothing
//! here knows the time or the attempt, so a fact is the same in every attempt (invariant 3, D13).

use crate::{
    build::{Fault, Target, Telling},
    decimal, python_json,
};
use harmonia_definitions::{BodyField, Fact, FactTime, NumberText, Template, TemplatePart, TimeFormat, TimePart};
use harmonia_domain::money::MinorUnits;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, value::RawValue};
use std::borrow::Cow;

/// A JSON value that borrows what it can. What is secret is wiped; numbers are never floats of ours.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(i64),
    /// A number by its digits.
    Decimal(Box<RawValue>),
    Text(Cow<'a, str>),
    Secret(#[serde(serialize_with = "python_json::exposed")] SecretString),
    /// As the feed had it.
    Kept(&'a Value),
    List(Vec<Json<'a>>),
    /// Members in this order.
    Object(#[serde(serialize_with = "members")] Vec<(&'a str, Json<'a>)>),
}

impl<'a> Json<'a> {
    fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// The text of a column: nothing for null, texts without quotes, everything else as JSON writes it.
    pub(crate) fn plain(&self) -> Result<Cow<'_, str>, Fault> {
        match self {
            Self::Null | Self::Kept(Value::Null) => Ok(Cow::Borrowed("")),
            Self::Text(text) => Ok(Cow::Borrowed(text)),
            Self::Secret(text) => Ok(Cow::Borrowed(text.expose_secret())),
            Self::Kept(Value::String(text)) => Ok(Cow::Borrowed(text)),
            other => serde_json::to_string(other).map(Cow::Owned).map_err(|_| Fault::Encoding { what: "a fact" }),
        }
    }
}

fn members<S: Serializer>(members: &[(&str, Json<'_>)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(members.len()))?;
    members.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
    map.end()
}

/// What facts are read from.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) telling: Telling<'a>,
    /// Has the key to the member's credentials, which are opened only where a fact asks for them.
    pub(crate) target: &'a Target<'a>,
}

impl<'a> Facts<'a> {
    /// A body with its facts.
    pub(crate) fn body(&self, field: &'a BodyField) -> Result<Json<'a>, Fault> {
        Ok(match field {
            BodyField::Fact(fact) => self.fact(fact)?,
            BodyField::Text(text) => Json::text(text),
            BodyField::Number(number) => Json::Number(*number),
            BodyField::Bool(holds) => Json::Bool(*holds),
            BodyField::List(items) => Json::List(items.iter().map(|item| self.body(item)).collect::<Result<_, _>>()?),
            BodyField::Object(members) => {
                let filled = members.iter().map(|(name, value)| Ok((name.as_str(), self.body(value)?)));
                Json::Object(filled.collect::<Result<_, Fault>>()?)
            }
        })
    }

    /// A template with its facts, each as `write` has it. A fact that is not there leaves no gap: it cannot be told.
    pub(crate) fn fill(&self, template: &'a Template, write: fn(&str) -> Cow<'_, str>) -> Result<String, Fault> {
        let mut filled = String::new();
        for part in template.parts() {
            match part {
                TemplatePart::Text(text) => filled.push_str(text),
                TemplatePart::Fact { name, fact } => {
                    let value = self.fact(fact)?;
                    let text = value.plain()?;
                    if text.is_empty() {
                        return Err(Fault::NoFact { fact: name.clone().into() });
                    }
                    filled.push_str(&write(&text));
                }
            }
        }
        Ok(filled)
    }

    /// One fact.
    pub(crate) fn fact(&self, fact: &Fact) -> Result<Json<'a>, Fault> {
        let Telling { export, identity, extra } = self.telling;
        let facts = &export.facts;
        let known = |text: &'a Option<String>| text.as_deref().map_or(Json::Null, Json::text);
        Ok(match fact {
            Fact::Id {} => Json::text(export.id.as_uuid()),
            Fact::TransactionId {} => Json::text(&facts.transaction_id),
            Fact::LoyaltyId {} => Json::text(&identity.loyalty_id),
            Fact::Credential { name } => Json::Secret(self.telling.credentials(self.target)?.told(name)?.into()),
            Fact::Amount { text } => amount(facts.amount, *text)?,
            Fact::Currency {} => Json::text(facts.currency.as_str()),
            Fact::Time { format, zone } => time(facts.at, format, zone),
            Fact::Mid {} => Json::text(&facts.mid),
            Fact::LocationId {} => known(&facts.location_id),
            Fact::MerchantInternalId {} => known(&facts.merchant_internal_id),
            Fact::PaymentScheme {} => Json::text(export.purchase.scheme.as_str()),
            Fact::AuthCode {} if facts.auth_code.is_empty() => Json::Null,
            Fact::AuthCode {} => Json::text(&facts.auth_code),
            Fact::LastFour {} => Json::text(&identity.last_four),
            Fact::Extra { name } => extra.get(name).map_or(Json::Null, Json::Kept),
        })
    }
}

fn amount(amount: MinorUnits, text: NumberText) -> Result<Json<'static>, Fault> {
    Ok(match text {
        NumberText::Minor => Json::Number(amount.0),
        NumberText::MajorText => Json::text(decimal::in_full(amount)),
        NumberText::MajorNumber => {
            let number = python_json::number(decimal::pounds(amount));
            Json::Decimal(number.map_err(|_| Fault::Encoding { what: "the amount" })?)
        }
    })
}

fn time(at: Timestamp, format: &FactTime, zone: &TimeZone) -> Json<'static> {
    match format {
        FactTime::Rfc3339 => Json::text(at.display_with_offset(zone.to_offset(at)).to_string()),
        FactTime::UnixSeconds => Json::Number(at.as_second()),
        FactTime::Format(format) => Json::text(wall(zone.to_datetime(at), format)),
    }
}

/// A wall-clock time by a format; the way back of what feeds read.
fn wall(at: DateTime, format: &TimeFormat) -> String {
    let part = |part: &TimePart| match part {
        TimePart::Year => format!("{:04}", at.year()),
        TimePart::Month => format!("{:02}", at.month()),
        TimePart::Day => format!("{:02}", at.day()),
        TimePart::Hour => format!("{:02}", at.hour()),
        TimePart::Minute => format!("{:02}", at.minute()),
        TimePart::Second => format!("{:02}", at.second()),
        TimePart::Literal(c) => c.to_string(),
    };
    format.parts().iter().map(part).collect()
}
