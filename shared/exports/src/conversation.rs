//! A conversation with a merchant: the next request, or what it came to.

use crate::{
    answer::{Answer, Finding},
    build::{BuildError, Target, Telling},
    iceland_bonus_card, wasabi_club,
};
use harmonia_definitions::Protocol;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use std::fmt;

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
pub struct Request {
    /// What it is for.
    pub purpose: Purpose,
    /// HTTP method.
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(&'static str, SecretString)>,
    /// The exact bytes.
    pub body: SecretSlice<u8>,
}

impl Request {
    /// A POST of these bytes; they are wiped with the request.
    pub(crate) fn post(purpose: Purpose, url: String, content_type: &'static str, body: Vec<u8>) -> Self {
        let headers = vec![("Content-Type", SecretString::from(content_type))];
        Self { purpose, method: "POST", url, headers, body: SecretSlice::from(body) }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| *name).collect();
        // a query may carry a key
        let url = self.url.split('?').next().unwrap_or_default();
        write!(f, "{:?} {} {url} {names:?} {} bytes", self.purpose, self.method, self.body.expose_secret().len())
    }
}

/// What to do next.
#[derive(Debug)]
pub enum Step {
    /// Send this, and come back with the answer.
    Send(Request),
    /// It is over.
    Done(Finding),
}

/// One merchant protocol: what to send next, given what came back for the last request.
pub(crate) trait Talks: Send {
    fn next(&mut self, answer: Option<Answer>) -> Step;
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
}

/// Begins an attempt. The requests depend on the arguments only: every attempt has the same bytes (invariant 3).
/// Protocols that tell one by one take exactly one telling and no `batch_uid`.
pub fn begin(
    target: &Target<'_>,
    tellings: &[Telling<'_>],
    batch_uid: Option<&str>,
) -> Result<Conversation, BuildError> {
    let protocol: Box<dyn Talks> = match target.definition.protocol {
        Protocol::WasabiClub => Box::new(wasabi_club::Talk::begin(target, tellings)?),
        Protocol::IcelandBonusCard => Box::new(iceland_bonus_card::Talk::begin(target, tellings, batch_uid)?),
    };
    Ok(Conversation { protocol, finding: None })
}
