//! Facts of one purchase as a definition asks for them: as JSON for requests and lines, as text for columns. Nothing
//! here knows the time or the attempt, so a fact is the same in every attempt (invariant 3, D13).

use crate::{
    build::{Fault, Telling},
    credentials::Credentials,
};
use harmonia_definitions::{BodyField, Fact, FactTime, NumberText, Template, TemplatePart, TimeFormat, TimePart};
use harmonia_domain::money::MinorUnits;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use secrecy::{ExposeSecret, SecretString};
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap},
};
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, fmt::Write};

/// A JSON value that borrows what it can. What is secret is wiped; numbers are never floats of ours.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(i64),
    /// A number by its digits.
    Decimal(#[serde(serialize_with = "digits")] String),
    Text(Cow<'a, str>),
    Secret(#[serde(serialize_with = "exposed")] SecretString),
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

fn exposed<S: Serializer>(text: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.expose_secret())
}

fn digits<S: Serializer>(digits: &str, serializer: S) -> Result<S::Ok, S::Error> {
    RawValue::from_string(digits.to_owned()).map_err(S::Error::custom)?.serialize(serializer)
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
    /// Opens the member's credentials, which happens only where a fact asks for them.
    pub(crate) aes_key: &'a SecretString,
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
                        return Err(Fault::NoFact { fact: name.clone() });
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
            Fact::Credential { name } => self.credential(name)?,
            Fact::Amount { text } => amount(facts.amount, *text),
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

    fn credential(&self, name: &str) -> Result<Json<'a>, Fault> {
        let credentials = Credentials::open(self.aes_key, &self.telling.identity.credentials)?;
        let text = credentials.text(name).ok_or_else(|| Fault::NoCredential { member: name.to_owned().into() })?;
        Ok(Json::Secret(text.into()))
    }
}

fn amount(amount: MinorUnits, text: NumberText) -> Json<'static> {
    match text {
        NumberText::Minor => Json::Number(amount.0),
        NumberText::MajorText => Json::text(major(amount)),
        NumberText::MajorNumber => {
            let text = major(amount);
            Json::Decimal(text.trim_end_matches('0').trim_end_matches('.').to_owned())
        }
    }
}

/// Two decimals: feeds have no other.
fn major(amount: MinorUnits) -> String {
    let (sign, minor) = (if amount.0 < 0 { "-" } else { "" }, amount.0.unsigned_abs());
    format!("{sign}{}.{:02}", minor / 100, minor % 100)
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
    format.parts().iter().fold(String::new(), |mut text, part| {
        let written = match part {
            TimePart::Year => write!(text, "{:04}", at.year()),
            TimePart::Month => write!(text, "{:02}", at.month()),
            TimePart::Day => write!(text, "{:02}", at.day()),
            TimePart::Hour => write!(text, "{:02}", at.hour()),
            TimePart::Minute => write!(text, "{:02}", at.minute()),
            TimePart::Second => write!(text, "{:02}", at.second()),
            TimePart::Literal(c) => text.write_char(*c),
        };
        // a String takes everything
        written.map_or_else(|_| String::new(), |()| text)
    })
}
