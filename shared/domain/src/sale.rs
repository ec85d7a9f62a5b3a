//! A sale of a merchant: one half of a match (state.md item S).

use crate::{
    Refused, Source,
    export::BookKey,
    feed::{Scheme, Slug},
    identifier::Tills,
    line::{SaleLine, Till},
    money::{Currency, MinorUnits},
    outcome::ParkReason,
    purchase::ExportKey,
};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Where a sale stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "st", rename_all = "lowercase")]
pub enum SaleState {
    /// Open: waits in the book.
    Live,
    /// Nobody can act on it yet.
    Parked {
        /// Why.
        why: ParkReason,
    },
    /// In one live match.
    Claimed {
        /// The export of that match.
        x: ExportKey,
    },
}

/// A stored sale.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sale {
    /// Whose sale.
    #[serde(rename = "m")]
    pub merchant: Slug,
    /// The merchant's id of it.
    pub id: String,
    /// The card's payment scheme.
    #[serde(rename = "sch")]
    pub scheme: Scheme,
    /// The till's identifiers; empty while its location is unknown.
    pub mids: Vec<String>,
    /// The merchant's name of the place, if the till says no identifier.
    #[serde(rename = "loc", skip_serializing_if = "Option::is_none", default)]
    pub location: Option<String>,
    /// How much.
    #[serde(rename = "amt")]
    pub amount: MinorUnits,
    /// In what.
    #[serde(rename = "cur")]
    pub currency: Currency,
    /// When it happened.
    #[serde(rename = "when")]
    pub at: Timestamp,
    /// When it was imported: opens the matching window.
    #[serde(rename = "arr")]
    pub arrived: Timestamp,
    /// The key of the file whose closing makes it visible; none if it came alone.
    #[serde(rename = "grp", skip_serializing_if = "Option::is_none", default)]
    pub group: Option<String>,
    /// Empty if there is none.
    #[serde(rename = "code")]
    pub auth_code: String,
    /// As the till wrote it.
    #[serde(rename = "f6", skip_serializing_if = "Option::is_none", default)]
    pub first_six: Option<String>,
    /// As the till wrote it.
    #[serde(rename = "l4", skip_serializing_if = "Option::is_none", default)]
    pub last_four: Option<String>,
    /// What the export needs beyond the common fields.
    #[serde(rename = "ext", skip_serializing_if = "Option::is_none", default)]
    pub extra: Option<serde_json::Value>,
    /// Where it came from.
    pub src: Source,
    /// Where it stands.
    #[serde(flatten)]
    pub state: SaleState,
}

/// Every text once, in order (spec import §6: of every payment scheme and type).
fn texts(tills: &Tills) -> Vec<String> {
    let texts: BTreeSet<&String> = tills.iter().map(|(_, text)| text).collect();
    texts.into_iter().cloned().collect()
}

fn reaches(tills: &Tills, scheme: Scheme) -> bool {
    tills.iter().any(|(of, _)| *of == scheme)
}

impl Sale {
    /// A new sale from its line. `tills`: those of its location, if it names one. A location without a till of the
    /// sale's own payment scheme is as good as unknown: no payment could ever meet the sale.
    pub fn new(
        merchant: Slug,
        line: SaleLine,
        tills: &Tills,
        src: Source,
        arrived: Timestamp,
        group: Option<String>,
    ) -> Self {
        let (mids, location, known) = match line.till {
            Till::Mid(mid) => (vec![mid], None, true),
            Till::Location(location) => (texts(tills), Some(location), reaches(tills, line.scheme)),
        };
        let state = if known { SaleState::Live } else { SaleState::Parked { why: ParkReason::UnknownLocation } };
        Self {
            merchant,
            id: line.id,
            scheme: line.scheme,
            mids,
            location,
            amount: line.amount,
            currency: line.currency,
            at: line.at,
            arrived,
            group,
            auth_code: line.auth_code,
            first_six: line.first_six,
            last_four: line.last_four,
            extra: line.extra,
            src,
            state,
        }
    }

    /// Equal in everything a partner could have changed; arrival and source aside.
    pub fn same_content(&self, other: &Self) -> bool {
        let neutral = |s: &Self| Self {
            src: Source { from: String::new(), offset: 0, line: 0, backfill: false },
            arrived: Timestamp::UNIX_EPOCH,
            group: None,
            state: SaleState::Live,
            mids: if s.location.is_some() { Vec::new() } else { s.mids.clone() },
            ..s.clone()
        };
        neutral(self) == neutral(other)
    }

    /// The location that it waits for has these tills by now. `None`: it does not wait, or none of them is of its
    /// payment scheme.
    pub fn located(&self, tills: &Tills) -> Option<Self> {
        let free = self.waits_for_location() && reaches(tills, self.scheme);
        free.then(|| Self { mids: texts(tills), state: SaleState::Live, ..self.clone() })
    }

    /// The book key that it has under one of its MIDs.
    pub fn book_key(&self, mid: &str) -> BookKey {
        BookKey { scheme: self.scheme, mid: mid.to_owned(), currency: self.currency, minor: self.amount }
    }

    /// The match was undone: open again, as it arrived.
    pub fn released(&self, by: &ExportKey) -> Result<Self, Refused> {
        match &self.state {
            SaleState::Claimed { x } if x == by => Ok(Self { state: SaleState::Live, ..self.clone() }),
            other => Err(Refused { what: "sale", from: format!("{other:?}"), to: "be released" }),
        }
    }

    /// Parked until its location is known.
    pub fn waits_for_location(&self) -> bool {
        matches!(self.state, SaleState::Parked { .. })
    }

    /// The sale as part of a match.
    pub fn claimed(&self, by: ExportKey) -> Result<Self, Refused> {
        match &self.state {
            SaleState::Live => Ok(Self { state: SaleState::Claimed { x: by }, ..self.clone() }),
            other => Err(Refused { what: "sale", from: format!("{other:?}"), to: "be claimed" }),
        }
    }
}
