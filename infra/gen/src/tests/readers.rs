//! The day read back by the product's own readers, which share no code with the writers.

use harmonia_definitions::{Definition, Definitions};
use harmonia_domain::{
    feed::{Feed, PaymentFeed, Transport},
    line::{LineTime, SaleLine, Till},
};
use harmonia_feeds::{FileFormat, Record, read_file, read_message, read_sale_message};
use secrecy::ExposeSecret;

use crate::{Day, Drop, DropKind, Identifier};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PaymentLine {
    pub(crate) scheme: String,
    /// `auth`, `settled` or `refund`.
    pub(crate) kind: String,
    pub(crate) id: String,
    /// By the identifiers of the day.
    pub(crate) merchant: Option<String>,
    pub(crate) mid: String,
    pub(crate) pence: i64,
    pub(crate) code: String,
    pub(crate) token: String,
    pub(crate) when: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SaleRow {
    pub(crate) merchant: String,
    pub(crate) scheme: String,
    pub(crate) id: String,
    /// Its MIDs, or those of its location.
    pub(crate) mids: Vec<String>,
    pub(crate) pence: i64,
    pub(crate) currency: String,
    pub(crate) code: String,
    pub(crate) first_six: String,
    pub(crate) last_four: String,
    pub(crate) when: i64,
}

/// What a reader says of one line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told<T> {
    Good(T),
    Skipped,
    Rejected,
}

impl<T> Told<T> {
    pub(crate) fn good(self) -> Option<T> {
        match self {
            Self::Good(line) => Some(line),
            Self::Skipped | Self::Rejected => None,
        }
    }
}

pub(crate) fn definitions() -> Definitions {
    Definitions::shipped().unwrap()
}

fn definition<'a>(definitions: &'a Definitions, merchant: &str) -> &'a Definition {
    definitions.get(&merchant.parse().unwrap()).unwrap()
}

/// The identifier of the day that a payment's texts lead to, the best first.
fn identifier<'a>(day: &'a Day, line: &harmonia_domain::line::PaymentLine) -> Option<&'a Identifier> {
    let fits = |kind: &str, text: &str| {
        let same =
            |row: &&Identifier| row.provider == line.scheme.as_str() && row.kind == kind && row.identifier == text;
        day.identifiers.iter().find(same)
    };
    line.mids.pairs().find_map(|(kind, text)| fits(&kind.as_str().to_ascii_uppercase(), text))
}

fn payment(day: &Day, definitions: &Definitions, line: &harmonia_domain::line::PaymentLine) -> PaymentLine {
    let merchant = identifier(day, line).map(|row| row.scheme.clone());
    let zone = merchant.as_ref().map_or("UTC", |slug| definition(definitions, slug).visa_auth_zone.as_str());
    let when = match line.time {
        LineTime::Instant(at) => at,
        LineTime::Wall(wall) => harmonia_feeds::wall_in_zone(wall, zone).unwrap(),
    };
    PaymentLine {
        scheme: line.scheme.to_string(),
        kind: line.kind.as_str().to_ascii_lowercase(),
        id: line.id.clone(),
        merchant,
        mid: line.mids.primary.clone(),
        pence: line.amount.0,
        code: line.auth_code.clone(),
        token: line.token.expose_secret().to_owned(),
        when: when.as_second(),
    }
}

fn sale(day: &Day, merchant: &str, line: SaleLine) -> SaleRow {
    let at = |location: &str| {
        let rows = day.identifiers.iter().filter(|row| row.scheme == merchant);
        let here = rows.filter(|row| row.location_id.as_deref() == Some(location));
        here.map(|row| row.identifier.clone()).collect()
    };
    SaleRow {
        merchant: merchant.to_owned(),
        scheme: line.scheme.to_string(),
        id: line.id,
        mids: match line.till {
            Till::Mid(mid) => vec![mid],
            Till::Location(location) => at(&location),
        },
        pence: line.amount.0,
        currency: line.currency.as_str().to_owned(),
        code: line.auth_code,
        first_six: line.first_six.unwrap_or_default(),
        last_four: line.last_four.unwrap_or_default(),
        when: line.at.as_second(),
    }
}

fn records(drop: &Drop, definitions: &Definitions) -> Vec<Record> {
    let feed: Feed = drop.feed.parse().unwrap();
    assert_eq!(definitions.transport(&feed) == Transport::Message, drop.kind == DropKind::Message, "{feed}");
    let till = |merchant: &str| definition(definitions, merchant);
    let file = |format| read_file(format, &drop.bytes).unwrap().map(|numbered| numbered.record).collect();
    match (&feed, drop.kind) {
        (Feed::Payment(feed), DropKind::Message) => vec![read_message(*feed, &drop.bytes)],
        (Feed::Payment(feed), DropKind::File) => file(FileFormat::Tgx2(*feed)),
        (Feed::Merchant(slug), DropKind::Message) => {
            vec![read_sale_message(till(slug.as_str()).feed.as_ref().unwrap(), &drop.bytes)]
        }
        (Feed::Merchant(slug), DropKind::File) => file(FileFormat::Merchant(till(slug.as_str()))),
    }
}

fn is_payment(drop: &Drop) -> bool {
    PaymentFeed::ALL.iter().any(|feed| feed.as_str() == drop.feed)
}

/// Every line of the payment schemes' feeds, with its delivery.
pub(crate) fn payment_lines(day: &Day) -> Vec<(&Drop, Told<PaymentLine>)> {
    let definitions = definitions();
    let told = |record| match record {
        Record::Payment(line) => Told::Good(payment(day, &definitions, &line)),
        Record::Rejected(_) => Told::Rejected,
        other => panic!("{other:?}"),
    };
    let drops = day.drops.iter().filter(|drop| is_payment(drop));
    let lines = drops.flat_map(|drop| records(drop, &definitions).into_iter().map(move |record| (drop, record)));
    lines.map(|(drop, record)| (drop, told(record))).collect()
}

/// Every line of the tills' feeds, with its delivery. The same id again in a file is still a line.
pub(crate) fn sale_rows(day: &Day) -> Vec<(&Drop, Told<SaleRow>)> {
    let definitions = definitions();
    let told = |feed: &str, record| match record {
        Record::Sale(line) => Told::Good(sale(day, feed, *line)),
        Record::Skipped(_) => Told::Skipped,
        Record::Rejected(_) => Told::Rejected,
        other => panic!("{other:?}"),
    };
    let drops = day.drops.iter().filter(|drop| !is_payment(drop));
    let lines = drops.flat_map(|drop| records(drop, &definitions).into_iter().map(move |record| (drop, record)));
    lines.map(|(drop, record)| (drop, told(&drop.feed, record))).collect()
}
