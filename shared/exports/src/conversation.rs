//! A conversation with a merchant: the next request, or what it came to.

use crate::{
    answer::{Answer, Finding},
    bpl,
    build::{Attempt, BuildError, Fault},
    costa, iceland_bonus_card, itsu, python_json, slim_chickens, squaremeal, stonegate, tgi_fridays, the_works,
    wasabi_club,
};
use harmonia_definitions::Protocol;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::Serialize;
use std::{borrow::Cow, fmt};

/// What a request is for. Only `Tell` tells the merchant about a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Tells.
    Tell,
    /// Gets a token; may be repeated at will.
    Authenticate,
    /// Reads; may be repeated at will.
    LookUp,
}

/// One HTTP request. Redirects are not to be followed, nothing below is to repeat it (D8).
#[derive(Clone)]
pub struct Request {
    /// What it is for.
    pub purpose: Purpose,
    /// HTTP method.
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(Cow<'static, str>, SecretString)>,
    /// The exact bytes.
    pub body: SecretSlice<u8>,
}

impl Request {
    /// A POST of these bytes; they are wiped with the request.
    pub(crate) fn post(purpose: Purpose, url: String, content_type: &'static str, body: Vec<u8>) -> Self {
        let headers = vec![(Cow::from("Content-Type"), SecretString::from(content_type))];
        Self { purpose, method: "POST", url, headers, body: SecretSlice::from(body) }
    }

    /// A POST of JSON as the merchants know it.
    pub(crate) fn post_json(purpose: Purpose, url: String, body: &impl Serialize) -> Result<Self, Fault> {
        let body = python_json::to_bytes(body).map_err(|_| Fault::Encoding { what: "the body" })?;
        Ok(Self::post(purpose, url, "application/json", body))
    }

    /// A GET, which carries nothing.
    pub(crate) fn get(purpose: Purpose, url: String) -> Self {
        Self { purpose, method: "GET", url, headers: Vec::new(), body: SecretSlice::from(Vec::new()) }
    }

    /// With one header more.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<SecretString>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A POST of a form that gets a token.
    pub(crate) fn log_in(url: String, form: Vec<u8>) -> Self {
        Self::post(Purpose::Authenticate, url, "application/x-www-form-urlencoded", form)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_ref()).collect();
        // a query may carry a key
        let url = self.url.split('?').next().unwrap_or_default();
        write!(f, "{:?} {} {url} {names:?} {} bytes", self.purpose, self.method, self.body.expose_secret().len())
    }
}

/// A file to be written under a name that is this batch's alone.
pub struct File {
    /// The object's name.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// A token that opens the merchant's door for a while.
#[derive(Debug, Clone)]
pub struct Token {
    /// As the merchant gave it out.
    pub value: SecretString,
    /// For so many seconds.
    pub good_for_s: u32,
}

/// What to do next.
#[derive(Debug)]
pub enum Step {
    /// Send this, and come back with the answer.
    Send(Request),
    /// Write this, and come back with [`Answer::Stored`] (also if it was there already) or why not.
    Put(File),
    /// It is over.
    Done(Finding),
}

/// One merchant protocol: what to send next, given what came back for the last request.
pub(crate) trait Talks: Send {
    fn next(&mut self, answer: Option<Answer>) -> Step;

    /// The token that this conversation got.
    fn token(&mut self) -> Option<Token> {
        None
    }
}

/// One attempt to tell a merchant.
pub struct Conversation {
    protocol: Box<dyn Talks>,
    finding: Option<Finding>,
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conversation({:?})", self.finding)
    }
}

impl Conversation {
    /// The first step for `None`, then the step that follows from the answer to the last request. Once done, it stays
    /// done.
    pub fn next(&mut self, answer: Option<Answer>) -> Step {
        if let Some(finding) = &self.finding {
            return Step::Done(finding.clone());
        }
        let step = self.protocol.next(answer);
        if let Step::Done(finding) = &step {
            self.finding = Some(finding.clone());
        }
        step
    }

    /// The token that this conversation got, once: the next ones may have it.
    pub fn token(&mut self) -> Option<Token> {
        self.protocol.token()
    }
}

/// Begins an attempt. What identifies the purchases in its requests depends on the purchases only: every attempt has
/// the same (invariant 3, D13).
pub fn begin(attempt: &Attempt<'_>) -> Result<Conversation, BuildError> {
    let adjusts = attempt.tellings.iter().position(|telling| telling.export.match_type.adjusts());
    if let Some(telling) = adjusts.filter(|_| !tells_amounts(&attempt.target.definition.protocol)) {
        return Err(BuildError::of(telling)(Fault::NoAmounts));
    }
    let protocol: Box<dyn Talks> = match &attempt.target.definition.protocol {
        Protocol::Bpl => Box::new(bpl::begin(attempt)?),
        Protocol::Costa => Box::new(costa::begin(attempt)?),
        Protocol::IcelandBonusCard => Box::new(iceland_bonus_card::begin(attempt)?),
        Protocol::Itsu => Box::new(itsu::begin(attempt)?),
        Protocol::SlimChickens(slim) => Box::new(slim_chickens::Talk::begin(attempt, slim)?),
        Protocol::Squaremeal => Box::new(squaremeal::begin(attempt)?),
        Protocol::Stonegate => Box::new(stonegate::begin(attempt)?),
        Protocol::TgiFridays(fridays) => Box::new(tgi_fridays::Talk::begin(attempt, fridays)?),
        Protocol::TheWorks(works) => Box::new(the_works::Talk::begin(attempt, works)?),
        Protocol::WasabiClub => Box::new(wasabi_club::begin(attempt)?),
        Protocol::Http(_) | Protocol::File(_) => return Err(Fault::Unsupported { service: "this protocol" }.into()),
    };
    Ok(Conversation { protocol, finding: None })
}

/// Does a protocol tell the export's own amount? TGI Fridays' is the sale's, without the tip.
fn tells_amounts(protocol: &Protocol) -> bool {
    match protocol {
        Protocol::Bpl
        | Protocol::Itsu
        | Protocol::Squaremeal
        | Protocol::TheWorks(_)
        | Protocol::Http(_)
        | Protocol::File(_) => true,
        Protocol::Costa
        | Protocol::IcelandBonusCard
        | Protocol::SlimChickens(_)
        | Protocol::Stonegate
        | Protocol::TgiFridays(_)
        | Protocol::WasabiClub => false,
    }
}
