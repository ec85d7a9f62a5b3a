//! The engine against the specification's tables: [`iceland`], [`wasabi`] and [`last_four`] row by row, [`chain`] and
//! [`borders`] the rest of §4.8 and §18, [`properties`] against a second reading of the tables ([`by_the_book`]).

mod borders;
mod by_the_book;
mod chain;
mod iceland;
mod last_four;
mod properties;
mod unregistered;
mod wasabi;

use crate::{Candidate, Decision, OpenReason, Verdict, decide};
use harmonia_definitions::Matching;
use harmonia_domain::{
    feed::{Kind, Scheme},
    identifier::IdentifierType,
    money::{Currency, MinorUnits},
    purchase::{Current, MatchedIdentifier},
};
use jiff::{SignedDuration, Timestamp};

pub(super) const NOON: &str = "2024-06-03T12:00:00Z";
/// The member's card.
pub(super) const CARD: (&str, &str) = ("400000", "1234");
pub(super) const ANOTHER: (&str, &str) = ("511111", "9876");

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The `[match]` of a shipped definition.
pub(super) fn shipped(merchant: &str) -> Matching {
    let text = match merchant {
        "costa" => include_str!("../../../definitions/merchants/costa.toml"),
        "iceland-bonus-card" => include_str!("../../../definitions/merchants/iceland-bonus-card.toml"),
        "itsu" => include_str!("../../../definitions/merchants/itsu.toml"),
        "stonegate" => include_str!("../../../definitions/merchants/stonegate.toml"),
        "tgi-fridays" => include_str!("../../../definitions/merchants/tgi-fridays.toml"),
        "wasabi-club" => include_str!("../../../definitions/merchants/wasabi-club.toml"),
        other => panic!("{other} is not shipped"),
    };
    matching_of(text)
}

/// The `[match]` of a definition's text.
pub(super) fn matching_of(text: &str) -> Matching {
    text.parse::<toml::Table>().unwrap().remove("match").unwrap().try_into().unwrap()
}

/// A payment at noon without code and digits.
pub(super) fn payment() -> Current {
    Current {
        identity_of: Kind::Auth,
        at: at(NOON),
        amount: MinorUnits(1234),
        currency: Currency::GBP,
        auth_code: String::new(),
        approval_code: String::new(),
        first_six: None,
        last_four: None,
        mid: "m".into(),
        identifier: MatchedIdentifier {
            merchant: "shop".parse().unwrap(),
            kind: IdentifierType::Primary,
            text: "m".into(),
            location_id: None,
            merchant_internal_id: None,
        },
        arrived: at("2024-06-03T12:10:00Z"),
        changed: (at("2024-06-03T12:10:00Z"), 1),
    }
}

/// A payment with these; `None` and `""` are both "falsy".
pub(super) fn paid(code: &str, first_six: Option<&str>, last_four: Option<&str>) -> Current {
    Current {
        auth_code: code.into(),
        first_six: first_six.map(Into::into),
        last_four: last_four.map(Into::into),
        ..payment()
    }
}

/// A sale so many seconds after the payment.
pub(super) fn sale(offset_s: i64, code: &str, card: (&str, &str)) -> Candidate {
    Candidate {
        id: format!("{offset_s} {code} {}", card.1),
        at: at(NOON).checked_add(SignedDuration::from_secs(offset_s)).unwrap(),
        arrived: at("2024-06-03T12:20:00Z"),
        auth_code: code.into(),
        first_six: Some(card.0.into()),
        last_four: Some(card.1.into()),
    }
}

/// One row of a table.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) payment: Current,
    pub(super) sales: Vec<Candidate>,
    pub(super) expect: Expect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// M
    Match(usize),
    /// – because nothing is left
    None,
    /// – because so many are left
    Tied(usize),
}

pub(super) fn row(name: &'static str, payment: Current, sales: Vec<Candidate>, expect: Expect) -> Row {
    Row { name, payment, sales, expect }
}

pub(super) fn outcome(verdict: &Verdict) -> Expect {
    match verdict.decision {
        Decision::Match { candidate, .. } => Expect::Match(candidate),
        Decision::Open { why: OpenReason::Ambiguous { left } } => Expect::Tied(left),
        Decision::Open { why: OpenReason::NoneLeft } => Expect::None,
        Decision::Open { why } => panic!("{why}"),
    }
}

pub(super) fn run(matching: &Matching, schemes: &[Scheme], rows: Vec<Row>) {
    for row in rows {
        for &scheme in schemes {
            let verdict = decide(matching, scheme, &row.payment, CARD.0, CARD.1, &row.sales);
            assert_eq!(outcome(&verdict), row.expect, "{} {scheme}: {:?}", row.name, verdict.reasons);
            assert_eq!(verdict.reasons.len(), row.sales.len());
        }
    }
}
