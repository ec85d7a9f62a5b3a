//! What a conversation is built from, and why it cannot be (D8: such a failure is classified like any other).

use crate::{
    answer::Finding,
    credentials::{Credentials, CredentialsError},
};
use harmonia_domain::{export::Export, feed::Slug, identity::Identity};
use jiff::{Timestamp, tz::TimeZone};
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// One purchase to tell about.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    /// The match.
    pub export: &'a Export,
    /// Whose card it was: the answer that the export points to.
    pub identity: &'a Identity,
    /// What the feed keeps of the sale beyond the common fields; empty without a sale.
    pub extra: &'a Map<String, Value>,
}

impl Telling<'_> {
    /// The member's credentials, opened.
    pub(crate) fn credentials(&self, target: &Target<'_>) -> Result<Credentials, Fault> {
        Ok(Credentials::open(target.aes_key, &self.identity.credentials)?)
    }

    /// When it happened, as clocks in London showed it, without an offset: `2022-10-26T17:14:08`.
    pub(crate) fn london_time(&self) -> Result<String, Fault> {
        let london = TimeZone::get("Europe/London").map_err(|_| Fault::Encoding { what: "the time" })?;
        Ok(self.export.facts.at.to_zoned(london).strftime("%Y-%m-%dT%H:%M:%S").to_string())
    }
}

/// Whom to tell, and with which keys.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The merchant.
    pub merchant: &'a Slug,
    /// Its export target; the address is this environment's.
    pub definition: &'a harmonia_definitions::Export,
    /// The text of the environment's AES key for members' credentials (spec match §12.2).
    pub aes_key: &'a SecretString,
    /// The merchant's own secret, e.g. Iceland's `{service, url, prefix, payload}`; `null` if it has none.
    pub secrets: &'a Value,
}

impl std::fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({} at {})", self.merchant, self.definition.base_url)
    }
}

/// A batch: the same for all its attempts.
#[derive(Debug, Clone, Copy)]
pub struct BatchRun<'a> {
    /// Its id as a UUID.
    pub uid: &'a str,
    /// The minute of the run that made it.
    pub run: Timestamp,
    /// Which batch of that run, from 0.
    pub number: u32,
    /// Which of the merchant's batches, from 1; only where file names carry it.
    pub sequence: Option<u64>,
}

/// One attempt to tell. Everything that its requests depend on.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Whom.
    pub target: Target<'a>,
    /// Of what. Protocols that tell one by one take exactly one.
    pub tellings: &'a [Telling<'a>],
    /// The batch, if it is one.
    pub batch: Option<BatchRun<'a>>,
    /// How many attempts came before; a first attempt that had to wait counts (the original's rc, spec match §8.4).
    pub before: u32,
    /// An earlier attempt may have told the merchant: what its history shows since the purchase may be that.
    pub unsure: bool,
    /// Now. Only for what an attempt may learn from it (signatures, the promotion of the day): never part of what
    /// identifies the purchase.
    pub now: Timestamp,
    /// A token that an earlier conversation got ([`crate::Token`]) and that should still be good.
    pub token: Option<&'a SecretString>,
}

impl<'a> Attempt<'a> {
    /// The one purchase that is told.
    pub(crate) fn one(&self) -> Result<&'a Telling<'a>, BuildError> {
        match self.tellings {
            [telling] => Ok(telling),
            more => Err(Fault::Number { told: more.len() }.into()),
        }
    }

    /// A member of the merchant's secret that is a text.
    pub(crate) fn secret(&self, member: &str) -> Result<&'a str, Fault> {
        self.target
            .secrets
            .get(member)
            .and_then(Value::as_str)
            .ok_or_else(|| Fault::NoSecret { member: member.to_owned().into() })
    }

    /// One that goes into a header: blanks and line ends at its end are the editor's, not the merchant's (Q-E9).
    pub(crate) fn header_secret(&self, member: &str) -> Result<&'a str, Fault> {
        let text = self.secret(member)?.trim_end();
        if is_visible(text) { Ok(text) } else { Err(Fault::NoSecret { member: member.to_owned().into() }) }
    }
}

/// Can a text stand in a header? Secrets and tokens from elsewhere may not.
pub(crate) fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
}

/// Why no request could be built. Carries no values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The member's credentials do not open.
    #[error("credentials: {0}")]
    Credentials(#[from] CredentialsError),
    /// The member's credentials lack what the protocol tells.
    #[error("the credentials have no text {member:?}")]
    NoCredential {
        /// Its name.
        member: Cow<'static, str>,
    },
    /// The sale lacks what the protocol tells.
    #[error("the sale has no usable {member:?}")]
    NoExtra {
        /// Its name.
        member: Cow<'static, str>,
    },
    /// The match lacks what the protocol tells.
    #[error("the match has no {fact}")]
    NoFact {
        /// What.
        fact: Cow<'static, str>,
    },
    /// The merchant's secret lacks a member, or it has the wrong type.
    #[error("the merchant's secret has no usable {member:?}")]
    NoSecret {
        /// Its name.
        member: Cow<'static, str>,
    },
    /// The merchant's secret asks for a way to authenticate that is not built.
    #[error("authentication by {service} is not supported")]
    Unsupported {
        /// Its name in spec match §12.4.
        service: &'static str,
    },
    /// A correction or a reversal, for a protocol that tells no amounts: it would tell the purchase once more.
    #[error("this protocol tells no amounts, so it cannot tell that one changed")]
    NoAmounts,
    /// The protocol tells another number of purchases in one request.
    #[error("{told} purchases do not fit into one request")]
    Number {
        /// How many were given.
        told: usize,
    },
    /// A batch without its id.
    #[error("the batch has no uid")]
    NoBatchUid,
    /// A file whose name carries a number, without it.
    #[error("the batch has no sequence number")]
    NoSequence,
    /// A number that the protocol cannot encode.
    #[error("{what} cannot be encoded")]
    Encoding {
        /// What.
        what: &'static str,
    },
}

/// Why no request could be built, and about which purchase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot be told: {fault}")]
pub struct BuildError {
    /// The place of the telling at fault; `None`: the fault lies with the merchant's configuration or the caller. A
    /// batch can be built without it, so that one member's broken credentials hold nobody else back.
    pub telling: Option<usize>,
    /// What is wrong.
    pub fault: Fault,
}

impl BuildError {
    /// What it leads to: refused. A person mends the secret or the credentials and redrives.
    pub fn finding(&self) -> Finding {
        Finding::refused(self.to_string())
    }

    pub(crate) fn of(telling: usize) -> impl Fn(Fault) -> Self {
        move |fault| Self { telling: Some(telling), fault }
    }
}

impl From<Fault> for BuildError {
    fn from(fault: Fault) -> Self {
        Self { telling: None, fault }
    }
}
