//! The merchants' sales as their tills write them: rows of a CSV file, or messages. One writer for each format; what
//! stands where is the merchant's data.

use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::lines::{Flaw, Sale};
use crate::merchants::{By, Cell, Place, Till};
use crate::visa::pounds;

/// A file of rows, one of which is followed by an empty line.
pub(crate) fn file(till: &Till, rows: impl Iterator<Item = String>) -> String {
    let By::File { end, .. } = till.by else { return String::new() };
    let header: Vec<_> = till.columns.iter().map(|(name, _)| *name).collect();
    let mut text = format!("{}{end}", header.join(","));
    for (n, row) in rows.enumerate() {
        text.push_str(&row);
        text.push_str(end);
        if n == 4 {
            text.push_str(end);
        }
    }
    text
}

/// The sale in its merchant's format.
pub(crate) fn line(till: &Till, sale: &Sale, clock: &Clock) -> String {
    match till.by {
        By::File { cut, .. } => {
            let kept = if sale.flaw == Some(Flaw::Short) { cut } else { till.columns.len() };
            let cells = till.columns.iter().take(kept).map(|(_, cell)| csv(text(till, sale, *cell, clock)));
            cells.collect::<Vec<_>>().join(",")
        }
        By::Message => {
            let short = sale.flaw == Some(Flaw::Short);
            let kept = till.columns.iter().filter(|(name, _)| !(short && *name == "amount"));
            let pairs = kept.map(|(name, cell)| format!("{}:{}", quoted(name), json(till, sale, *cell, clock)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
        }
    }
}

/// What Harmonia calls the sale: the till's own number, or a hash of what it wrote.
pub(crate) fn public_id(till: &Till, sale: &Sale, clock: &Clock) -> String {
    if till.hash.is_empty() {
        return sale.id.clone();
    }
    let parts = till.hash.iter().map(|cell| match cell {
        Cell::Amount => Amount::of(sale).text,
        Cell::TypedLondon => text(till, sale, *cell, clock).replace('Z', "+00:00"),
        _ => text(till, sale, *cell, clock),
    });
    hex::encode(Sha256::digest(parts.collect::<Vec<_>>().join(".")))
}

/// Only bad amounts hold a comma.
fn csv(text: String) -> String {
    if text.contains(',') { format!("\"{text}\"") } else { text }
}

fn quoted(text: &str) -> String {
    // a text always serialises
    serde_json::to_string(text).unwrap_or_default()
}

fn typed(kind: &str, text: &str) -> String {
    format!(r#"{{"__type__":"{kind}","__value__":{}}}"#, quoted(text))
}

fn json(till: &Till, sale: &Sale, cell: Cell, clock: &Clock) -> String {
    match (cell, sale.flaw) {
        (Cell::Always(json), _) => json.to_owned(),
        (Cell::Amount | Cell::Pence, Some(Flaw::Amount(wrong))) => quoted(wrong),
        (Cell::Amount, _) => Amount::of(sale).json,
        (Cell::Pence, _) => sale.pence.to_string(),
        (Cell::FirstSix, _) if sale.first_six.is_empty() => "null".to_owned(),
        (Cell::TypedLondon | Cell::TypedUtc, _) => typed("datetime", &text(till, sale, cell, clock)),
        (Cell::Account, _) => format!(r#"{{"AccountID":{}}}"#, quoted(&text(till, sale, cell, clock))),
        _ => quoted(&text(till, sale, cell, clock)),
    }
}

/// An amount of a message: a number as short as it can be, a typed decimal, or a text.
struct Amount {
    text: String,
    json: String,
}

impl Amount {
    fn of(sale: &Sale) -> Self {
        let text = pounds(sale.pence);
        match variant(sale) % 3 {
            0 => {
                let short = text.trim_end_matches('0').trim_end_matches('.').to_owned();
                Self { json: short.clone(), text: short }
            }
            1 => Self { json: typed("decimal", &text), text },
            _ => Self { json: quoted(&text), text },
        }
    }
}

/// A number that stays with the sale, to vary how it is written.
fn variant(sale: &Sale) -> u32 {
    sale.id.bytes().map(u32::from).sum()
}

fn tip(sale: &Sale) -> i64 {
    sale.pence / 11
}

fn text(till: &Till, sale: &Sale, cell: Cell, clock: &Clock) -> String {
    match cell {
        Cell::Always(text) => text.to_owned(),
        Cell::Id => sale.id.clone(),
        Cell::Place => match till.place {
            Place::Mid => sale.mid.clone(),
            Place::Location => sale.store.clone(),
        },
        Cell::Store => sale.store.clone(),
        Cell::Counter => format!("{:07}", sale.when % 10_000_000),
        Cell::FirstSix => sale.first_six.clone(),
        Cell::LastFour => sale.last_four.clone(),
        Cell::Masked => format!("{}******{}", sale.first_six, sale.last_four),
        Cell::Label => sale.label.to_owned(),
        Cell::LabelNumber => match sale.label.get(..4) {
            Some("Amex") => "1",
            Some("Mast") => "3",
            _ => "2",
        }
        .to_owned(),
        Cell::Amount => amount(sale, sale.pence),
        Cell::Bill => amount(sale, sale.pence - tip(sale)),
        Cell::Tip => pounds(tip(sale)),
        Cell::Pence => sale.pence.to_string(),
        Cell::Currency => sale.currency.to_owned(),
        Cell::Code => sale.auth_code.clone(),
        Cell::Account => format!("ACC-{}", sale.store),
        Cell::London | Cell::LondonIso | Cell::UtcIso | Cell::TypedLondon | Cell::TypedUtc | Cell::Day | Cell::Time => {
            stamp(sale, cell, clock)
        }
    }
}

fn amount(sale: &Sale, pence: i64) -> String {
    match sale.flaw {
        Some(Flaw::Amount(wrong)) => wrong.to_owned(),
        _ => pounds(pence),
    }
}

fn stamp(sale: &Sale, cell: Cell, clock: &Clock) -> String {
    const ISO: &str = "%Y-%m-%dT%H:%M:%S";
    if let Some(Flaw::Date(wrong)) = sale.flaw {
        let (day, time) = wrong.split_once(' ').unwrap_or((wrong, ""));
        return match cell {
            Cell::Day => day.split('-').rev().collect::<Vec<_>>().join("/"),
            Cell::Time => time.to_owned(),
            _ => wrong.to_owned(),
        };
    }
    match (cell, variant(sale) % 4) {
        (Cell::London, _) => clock.london(sale.when, "%Y-%m-%d %H:%M:%S"),
        (Cell::Day, _) => clock.london(sale.when, "%d/%m/%Y"),
        (Cell::Time, _) => clock.london(sale.when, "%H:%M:%S"),
        // an offset beats the zone
        (Cell::TypedLondon | Cell::TypedUtc, 0) => clock.london(sale.when, &format!("{ISO}%:z")),
        (Cell::TypedLondon | Cell::TypedUtc, 1) => Clock::utc(sale.when, &format!("{ISO}Z")),
        (Cell::TypedLondon | Cell::LondonIso, _) => clock.london(sale.when, ISO),
        _ => Clock::utc(sale.when, ISO),
    }
}
