//! Why payments are still open, counted: asked of the engine again, from stored facts (invariant 6).

use crate::state::Rows;
use harmonia_definitions::Definitions;
use harmonia_domain::{
    export::BookKey,
    sale::{Sale, SaleState},
};
use harmonia_matching::{Candidate, Decision, OpenReason, Reason, decide};
use harmonia_state::BookedPayment;
use std::collections::{BTreeMap, HashMap};

/// Open payments by the main reason why they are open.
pub fn open_payments(rows: &Rows, definitions: &Definitions) -> BTreeMap<String, usize> {
    let mut sales: HashMap<(&str, BookKey), Vec<&Sale>> = HashMap::new();
    for sale in rows.sales.iter().filter(|s| s.state == SaleState::Live) {
        for mid in &sale.mids {
            let key = BookKey { scheme: sale.scheme, mid: mid.clone(), currency: sale.currency, minor: sale.amount };
            sales.entry((sale.merchant.as_str(), key)).or_default().push(sale);
        }
    }
    let mut counted = BTreeMap::new();
    for entry in &rows.open_payments {
        let here = sales.get(&(entry.merchant.as_str(), entry.bk.clone()));
        if let Some(why) = why_open(rows, definitions, entry, here.map_or(&[], Vec::as_slice)) {
            *counted.entry(why).or_default() += 1;
        }
    }
    counted
}

fn why_open(rows: &Rows, definitions: &Definitions, entry: &BookedPayment, sales: &[&Sale]) -> Option<String> {
    let now = rows.purchases.iter().find(|p| p.key == entry.p)?.current()?;
    let candidates: Vec<Candidate> = sales.iter().map(|sale| Candidate::from(*sale)).collect();
    let matching = definitions.get(&entry.merchant)?.matching.as_ref()?;
    let verdict = decide(matching, entry.p.scheme, &now, &entry.who.first_six, &entry.who.last_four, &candidates);
    match verdict.decision {
        Decision::Match { .. } => None,
        Decision::Open { why: OpenReason::NoneLeft } => verdict.reasons.first().map(|r| nearest(*r).to_owned()),
        Decision::Open { why: OpenReason::Ambiguous { .. } } => Some("several sales fit equally".to_owned()),
        Decision::Open { why } => Some(why.to_string()),
    }
}

/// The nearest sale's failing field, without its figures.
fn nearest(reason: Reason) -> &'static str {
    match reason {
        Reason::AuthCode { other: true } => "same MID and amount, another auth code",
        Reason::AuthCode { other: false } => "same MID and amount, no auth code",
        Reason::OtherDay { .. } => "same auth code, another day",
        Reason::Time { .. } => "same MID and amount, too far apart in time",
        Reason::Digits { .. } => "same MID and amount, another card",
        Reason::OutOfWindow { .. } => "same MID and amount, arrived too far apart",
        Reason::Chosen | Reason::NoPolicy | Reason::StillTied { .. } => "several sales fit equally",
    }
}
