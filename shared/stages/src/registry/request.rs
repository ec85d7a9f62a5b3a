//! What the management API and the commands take, as JSON (spec import §10.1-10.3): read whole, every fault named by
//! its place and field, before anything is written.

use harmonia_domain::{
    feed::{Scheme, Slug},
    identifier::{Identifier, IdentifierType},
};
use serde_json::{Map, Value};
use std::fmt;

/// Longest identifier, location id and merchant's internal id (spec import §2.4: varchar(50)).
pub(super) const TEXT_CHARS_MAX: usize = 50;
/// Most identifiers or locations of one request: one Lambda payload of 6 MB holds about as many.
const ITEMS_MAX: usize = 10_000;

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Problem {
    #[error("is missing")]
    Missing,
    #[error("is no field of this request")]
    Unknown,
    #[error("is not a text")]
    NotText,
    #[error("is not a list")]
    NotList,
    #[error("is not an object")]
    NotObject,
    #[error("is empty")]
    Empty,
    #[error("is longer than {max} characters")]
    TooLong { max: usize },
    #[error("has more than {max} entries")]
    TooMany { max: usize },
    #[error("is not a slug: lower-case letters and digits in groups joined by single hyphens")]
    NotSlug,
    #[error("is not PRIMARY, SECONDARY or PSIMI")]
    NotType,
    #[error("is not one of our payment schemes: visa, mastercard, amex")]
    NotScheme,
    #[error("is needed with locations: a location is one merchant's")]
    NeededWithLocations,
    #[error("is not JSON: {0}")]
    NotJson(String),
}

/// A fault of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}{} {problem}", field.as_ref().map(|f| format!(".{f}")).unwrap_or_default())]
pub struct FieldError {
    /// The place, e.g. `identifiers[3]`.
    pub at: String,
    /// The field there, if it is one field's fault.
    pub field: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

/// A request that is not taken; nothing of it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub Vec<FieldError>);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&told.join("\n"))
    }
}

impl std::error::Error for Invalid {}

/// What names an identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Triple {
    /// The payment scheme.
    pub scheme: Scheme,
    /// Its type.
    pub kind: IdentifierType,
    /// Its text.
    pub text: String,
}

impl Triple {
    /// The name of an identifier.
    pub fn of(identifier: &Identifier) -> Self {
        Self { scheme: identifier.scheme, kind: identifier.kind, text: identifier.text.clone() }
    }
}

impl fmt::Display for Triple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.scheme, self.kind, self.text)
    }
}

/// New values for an identifier; none leaves a value as it is (spec import §10.2: values cannot be cleared).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch {
    /// The merchant's name of the place.
    pub location_id: Option<String>,
    /// The merchant's own id.
    pub merchant_internal_id: Option<String>,
}

/// What is to be offboarded (spec import §10.3). Other than there, a location is one merchant's: equal names of other
/// merchants' places stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offboard {
    /// By name.
    pub identifiers: Vec<Triple>,
    /// All of these places of one merchant.
    pub locations: Vec<(Slug, String)>,
}

/// Fields of one object, and what was wrong with them.
struct Object<'v, 'f> {
    at: String,
    fields: &'v Map<String, Value>,
    faults: &'f mut Vec<FieldError>,
}

impl<'v, 'f> Object<'v, 'f> {
    fn new(at: String, value: &'v Value, known: &[&str], faults: &'f mut Vec<FieldError>) -> Option<Self> {
        let Value::Object(fields) = value else {
            faults.push(FieldError { at, field: None, problem: Problem::NotObject });
            return None;
        };
        for field in fields.keys().filter(|f| !known.contains(&f.as_str())) {
            let field = Some(field.chars().take(TEXT_CHARS_MAX).collect());
            faults.push(FieldError { at: at.clone(), field, problem: Problem::Unknown });
        }
        Some(Self { at, fields, faults })
    }

    fn fault<T>(&mut self, field: &str, problem: Problem) -> Option<T> {
        self.faults.push(FieldError { at: self.at.clone(), field: Some(field.to_owned()), problem });
        None
    }

    /// A text of 1 to 50 characters.
    fn text(&mut self, field: &str) -> Option<&'v str> {
        match self.fields.get(field) {
            None => self.fault(field, Problem::Missing),
            Some(Value::String(text)) => match text_problem(text) {
                None => Some(text),
                Some(problem) => self.fault(field, problem),
            },
            Some(_) => self.fault(field, Problem::NotText),
        }
    }

    /// The same, absent or null.
    fn optional(&mut self, field: &str) -> Option<&'v str> {
        match self.fields.get(field) {
            None | Some(Value::Null) => None,
            Some(_) => self.text(field),
        }
    }

    fn parsed<T: std::str::FromStr>(&mut self, field: &str, problem: Problem) -> Option<T> {
        let text = self.text(field)?;
        text.parse().ok().or_else(|| self.fault(field, problem))
    }

    /// The words are compared exactly (spec import §10.1).
    fn kind(&mut self) -> Option<IdentifierType> {
        let text = self.text("identifier_type")?;
        let kind = IdentifierType::ALL.into_iter().find(|kind| kind.as_str() == text);
        kind.or_else(|| self.fault("identifier_type", Problem::NotType))
    }

    fn list(&mut self, field: &str) -> &'v [Value] {
        match self.fields.get(field) {
            None => self.fault(field, Problem::Missing).unwrap_or_default(),
            Some(Value::Array(items)) if items.len() > ITEMS_MAX => {
                self.fault(field, Problem::TooMany { max: ITEMS_MAX }).unwrap_or_default()
            }
            Some(Value::Array(items)) => items,
            Some(_) => self.fault(field, Problem::NotList).unwrap_or_default(),
        }
    }
}

/// What is wrong with a needed text.
fn text_problem(text: &str) -> Option<Problem> {
    if text.is_empty() {
        Some(Problem::Empty)
    } else if text.chars().count() > TEXT_CHARS_MAX {
        Some(Problem::TooLong { max: TEXT_CHARS_MAX })
    } else {
        None
    }
}

fn read(text: &str) -> Result<Value, Invalid> {
    serde_json::from_str(text).map_err(|e| {
        let problem = Problem::NotJson(format!("{:?} at line {} column {}", e.classify(), e.line(), e.column()));
        Invalid(vec![FieldError { at: "request".to_owned(), field: None, problem }])
    })
}

fn done<T>(read: T, faults: Vec<FieldError>) -> Result<T, Invalid> {
    if faults.is_empty() { Ok(read) } else { Err(Invalid(faults)) }
}

fn identifier(at: String, value: &Value, faults: &mut Vec<FieldError>) -> Option<Identifier> {
    let known =
        ["identifier", "identifier_type", "loyalty_plan", "payment_scheme", "location_id", "merchant_internal_id"];
    let mut object = Object::new(at, value, &known, faults)?;
    let (text, kind) = (object.text("identifier"), object.kind());
    let merchant = object.parsed("loyalty_plan", Problem::NotSlug);
    let scheme = object.parsed("payment_scheme", Problem::NotScheme);
    let location_id = object.optional("location_id").map(str::to_owned);
    let merchant_internal_id = object.optional("merchant_internal_id").map(str::to_owned);
    Some(Identifier {
        scheme: scheme?,
        kind: kind?,
        text: text?.to_owned(),
        merchant: merchant?,
        location_id,
        merchant_internal_id,
        location: None,
        postcode: None,
    })
}

/// Reads `{"identifiers": […]}` (spec import §10.1). An empty list is a request for nothing.
pub fn read_onboard(text: &str) -> Result<Vec<Identifier>, Invalid> {
    let (value, mut faults, mut read_items) = (read(text)?, Vec::new(), Vec::new());
    let items = Object::new("request".to_owned(), &value, &["identifiers"], &mut faults);
    for (index, item) in items.map(|mut o| o.list("identifiers")).unwrap_or_default().iter().enumerate() {
        read_items.extend(identifier(format!("identifiers[{index}]"), item, &mut faults));
    }
    done(read_items, faults)
}

/// Reads new values of one identifier (spec import §10.2).
pub fn read_patch(text: &str) -> Result<Patch, Invalid> {
    let (value, mut faults) = (read(text)?, Vec::new());
    let known = ["location_id", "merchant_internal_id"];
    let patch = Object::new("request".to_owned(), &value, &known, &mut faults).map(|mut object| Patch {
        location_id: object.optional("location_id").map(str::to_owned),
        merchant_internal_id: object.optional("merchant_internal_id").map(str::to_owned),
    });
    done(patch.unwrap_or_default(), faults)
}

/// The name of an identifier from three texts, as a path has them: the type in any case (spec import §10.2).
pub fn read_triple(scheme: &str, kind: &str, text: &str) -> Result<Triple, Invalid> {
    let fault =
        |field: &str, problem| FieldError { at: "identifier".to_owned(), field: Some(field.to_owned()), problem };
    let read_scheme = scheme.parse().map_err(|_| fault("payment_scheme", Problem::NotScheme));
    let read_kind = kind.parse().map_err(|_| fault("identifier_type", Problem::NotType));
    let read_text = text_problem(text).map_or(Ok(text), |problem| Err(fault("identifier", problem)));
    match (read_scheme, read_kind, read_text) {
        (Ok(scheme), Ok(kind), Ok(text)) => Ok(Triple { scheme, kind, text: text.to_owned() }),
        (a, b, c) => Err(Invalid([a.err(), b.err(), c.err()].into_iter().flatten().collect())),
    }
}

fn triple(at: String, value: &Value, faults: &mut Vec<FieldError>) -> Option<Triple> {
    let known = ["identifier", "identifier_type", "payment_scheme"];
    let mut object = Object::new(at, value, &known, faults)?;
    let (text, kind) = (object.text("identifier"), object.kind());
    let scheme = object.parsed("payment_scheme", Problem::NotScheme);
    Some(Triple { scheme: scheme?, kind: kind?, text: text?.to_owned() })
}

/// Reads `{"identifiers": […], "locations": […], "loyalty_plan": …}`; both lists are needed, the merchant only with
/// locations (spec import §10.3).
pub fn read_offboard(text: &str) -> Result<Offboard, Invalid> {
    let (value, mut faults, mut offboard) = (read(text)?, Vec::new(), Offboard::default());
    let known = ["identifiers", "locations", "loyalty_plan"];
    let Some(mut object) = Object::new("request".to_owned(), &value, &known, &mut faults) else {
        return done(offboard, faults);
    };
    let (identifiers, locations) = (object.list("identifiers"), object.list("locations"));
    let merchant: Option<Slug> = match object.fields.get("loyalty_plan") {
        Some(_) => object.parsed("loyalty_plan", Problem::NotSlug),
        None if locations.is_empty() => None,
        None => object.fault("loyalty_plan", Problem::NeededWithLocations),
    };
    for (index, item) in identifiers.iter().enumerate() {
        offboard.identifiers.extend(triple(format!("identifiers[{index}]"), item, &mut faults));
    }
    for (index, item) in locations.iter().enumerate() {
        let problem = item.as_str().map_or(Some(Problem::NotText), text_problem);
        match (problem, item.as_str(), &merchant) {
            (Some(problem), _, _) => {
                faults.push(FieldError { at: format!("locations[{index}]"), field: None, problem });
            }
            (None, Some(location), Some(merchant)) => {
                offboard.locations.push((merchant.clone(), location.to_owned()));
            }
            _ => {}
        }
    }
    done(offboard, faults)
}

#[cfg(test)]
mod tests;
