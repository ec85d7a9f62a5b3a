//! What has to be true at rest. The invariants of design §4 are asked of the rows by `harmonia_local::invariants`,
//! which shares no code with the engine; here the rows are held against what was fed.

mod told;

use crate::{
    machine::Machine,
    story::{Knows, Truth},
};
use harmonia_domain::{
    export::{Export, ExportState},
    feed::{Kind, Scheme, Slug},
    outcome::ParkReason,
    purchase::{Purchase, PurchaseState},
    sale::{Sale, SaleState},
};
use harmonia_local::{
    invariants::{
        brute::{Payment, matching_sale},
        check, check_card_data, check_told,
    },
    state::Rows,
};
use harmonia_ports::Item;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is wrong with a tale of so many exports.
pub(crate) fn wrong_in_tale(machine: &Machine, truth: &Truth, exports: usize) -> Vec<String> {
    let mut found = wrong(machine, truth);
    match machine.rows() {
        Ok(rows) => found.extend(told::strictly(machine, &rows, exports)),
        Err(why) => found.push(why),
    }
    found
}

/// Everything that is wrong.
pub(crate) fn wrong(machine: &Machine, truth: &Truth) -> Vec<String> {
    let rows = match machine.rows() {
        Ok(rows) => rows,
        Err(why) => return vec![why],
    };
    let mut wrong: Vec<String> = check(&rows).iter().map(ToString::to_string).collect();
    wrong.extend(lost_lines(&rows, truth));
    wrong.extend(lost_sales(&rows, truth));
    wrong.extend(miscounted(&rows, truth));
    if machine.each_message_alone() {
        wrong.extend(amex_auths_without_outcome(&rows));
    }
    // a person's word counts more
    if rows.exports.iter().all(|x| x.forced.is_none() && x.in_force()) {
        wrong.extend(lonely_pairs(&rows));
    }
    wrong.extend(untold(machine, &rows));
    let dead = machine.post().dead();
    wrong.extend(dead.iter().map(|(queue, body)| format!("dead letter of {queue}: {body}")));
    wrong.extend(card_data(machine, truth));
    wrong
}

/// Every payment line that was fed is stored, and waits for nothing that is there.
fn lost_lines(rows: &Rows, truth: &Truth) -> Vec<String> {
    let mut wrong = Vec::new();
    for ((scheme, kind, id), line) in &truth.lines {
        let of_id = rows.purchases.iter().filter(|p| p.key.scheme == *scheme && p.key.id == *id);
        let stored: Vec<&Purchase> = of_id.filter(|p| p.line(*kind).is_some()).collect();
        let name = format!("{scheme} {kind} {id}");
        match stored.as_slice() {
            [] if line.may_lack => {}
            [] => wrong.push(format!("{name} was fed and is not stored")),
            [purchase] => {
                let Some(facts) = purchase.line(*kind) else { continue };
                let waits = match facts.parked {
                    Some(ParkReason::UnknownMid | ParkReason::DisputedMid) => line.mid,
                    Some(ParkReason::CardNotKnown) => {
                        matches!(line.card, Knows::Member | Knows::Later | Knows::NoDigits)
                    }
                    Some(ParkReason::NoCardInformation) => line.card != Knows::NoDigits,
                    Some(ParkReason::DirectoryUnavailable) => true,
                    _ => false,
                };
                // what belongs to a claimed purchase is asked for no more
                if waits && purchase.is_live() && !line.may_lack {
                    wrong.push(format!("{name} is parked for {:?}, which is known", facts.parked));
                }
            }
            _ => wrong.push(format!("{name} is stored {} times", stored.len())),
        }
    }
    let fed = |p: &Purchase, kind: Kind| truth.lines.contains_key(&(p.key.scheme, kind, p.key.id.clone()));
    let strange = rows.purchases.iter().flat_map(|p| p.kinds().map(move |kind| (p, kind)));
    let strange = strange.filter(|(p, kind)| !fed(p, *kind));
    wrong.extend(strange.map(|(p, kind)| format!("{kind} {} is stored and was not fed", p.key.id)));
    wrong
}

fn lost_sales(rows: &Rows, truth: &Truth) -> Vec<String> {
    let mut stored: BTreeMap<&str, usize> = BTreeMap::new();
    for sale in &rows.sales {
        *stored.entry(sale.merchant.as_str()).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for (merchant, fed) in &truth.sales {
        let stored = stored.remove(merchant).unwrap_or(0);
        if stored != fed.len() {
            wrong.push(format!("{} sales of {merchant} were fed, {stored} are stored", fed.len()));
        }
    }
    wrong.extend(stored.keys().map(|merchant| format!("sales of {merchant} are stored and were not fed")));
    for sale in rows.sales.iter().filter(|s| matches!(s.state, SaleState::Parked { .. })) {
        let place = sale.location.clone().unwrap_or_default();
        let reached = |(merchant, at): &(&str, String)| {
            *merchant == sale.merchant.as_str() && *at == format!("{} {place}", sale.scheme)
        };
        if truth.locations.iter().any(reached) {
            wrong.push(format!("sale {} {} is parked for {place}, which is known", sale.merchant, sale.id));
        }
    }
    wrong
}

/// Every record of every file has an outcome.
fn miscounted(rows: &Rows, truth: &Truth) -> Vec<String> {
    let mut wrong = Vec::new();
    for (object, records) in &truth.records {
        let files: Vec<_> = rows.files.iter().filter(|f| f.object == *object).collect();
        if files.is_empty() {
            wrong.push(format!("{object} was fed and is not in the file log"));
        }
        for file in files.iter().filter(|f| !records.contains(&f.totals.read)) {
            wrong.push(format!("{object} has {records:?} records, {:?}", file.totals));
        }
    }
    wrong
}

/// Invariant 1, of lines that it forgives as long as two handlers may work on one message: an amex auth that its
/// merchant does not want is skipped, unless it was stored while nobody knew whose it was.
fn amex_auths_without_outcome(rows: &Rows) -> Option<String> {
    let auths = rows.purchases.iter().filter(|p| p.key.scheme == Scheme::Amex && p.auth.is_some()).count();
    let batches = rows.files.iter().filter(|file| file.feed.as_str() == "amex-auth");
    let kept: u64 = batches.map(|file| file.totals.accepted + file.totals.parked).sum();
    let short = u64::try_from(auths).is_ok_and(|auths| auths > kept);
    short.then(|| format!("invariant 1: {auths} amex auths are stored, only {kept} have an outcome"))
}

/// Whether the two could ever have met: whichever of its lines the payment was judged by.
fn could_meet(purchase: &Purchase, sale: &Sale) -> bool {
    purchase.key.scheme == sale.scheme
        && purchase.kinds().filter_map(|kind| purchase.line(kind)).any(|line| {
            let ours = line.identifier.as_ref().is_none_or(|i| i.merchant == sale.merchant);
            ours && sale.mids.contains(&line.mid) && line.amount == sale.amount && line.currency == sale.currency
        })
}

/// Two that are each other's only candidate from arrival to end and fit are matched with each other.
fn lonely_pairs(rows: &Rows) -> Vec<String> {
    let mut wrong = Vec::new();
    for purchase in rows.purchases.iter().filter(|p| p.refund.is_none()) {
        let sales: Vec<&Sale> = rows.sales.iter().filter(|sale| could_meet(purchase, sale)).collect();
        let [sale] = sales.as_slice() else { continue };
        if rows.purchases.iter().filter(|other| could_meet(other, sale)).count() != 1 {
            continue;
        }
        let Some(now) = purchase.current() else { continue };
        let Some((first_six, last_four)) = digits(rows, purchase) else { continue };
        let payment = Payment { scheme: purchase.key.scheme, now: &now, first_six: &first_six, last_four: &last_four };
        let fits = matching_sale(&payment, &[sale]).is_some();
        let claimed = |x: &Export| x.purchase == purchase.key && x.sale.as_ref() == Some(&sale.id);
        if fits && !rows.exports.iter().any(claimed) && !matches!(purchase.state, PurchaseState::Stored) {
            wrong.push(format!("{:?} and sale {} have nobody else and are not matched", purchase.key, sale.id));
        }
    }
    wrong
}

/// The digits of the purchase's card, by the directory.
fn digits(rows: &Rows, purchase: &Purchase) -> Option<(String, String)> {
    let line = purchase.line(purchase.base)?;
    let merchant: &Slug = &line.identifier.as_ref()?.merchant;
    let identity = rows.identities.iter().find(|i| i.token == line.token && i.merchant == *merchant)?;
    Some((identity.first_six.clone(), identity.last_four.clone()))
}

/// Every match has been told, once, and never with two bodies under one key. What is known of a match that a person has
/// undone depends on when; its sale may be told of again, for another payment.
fn untold(machine: &Machine, rows: &Rows) -> Vec<String> {
    let mut wrong = told::wrong(machine, rows);
    let report = machine.outside().partners.report();
    let redone: BTreeSet<&String> =
        rows.exports.iter().filter(|x| !x.in_force()).map(|x| &x.facts.transaction_id).collect();
    // BPL knows a purchase by its id and its second, whatever the payment scheme (spec match §9.1): two that share both
    // are one to it
    let twins = |merchant: &str| {
        let of = rows.exports.iter().filter(|x| x.merchant.as_str() == merchant);
        let names: BTreeSet<_> = of.clone().map(|x| (&x.facts.transaction_id, x.facts.at.as_second())).collect();
        merchant.starts_with("bpl-") && names.len() < of.count()
    };
    let once = |words: &str| {
        let merchant = words.split(' ').find(|word| word.starts_with("bpl-")).unwrap_or_default();
        !twins(merchant) && !redone.iter().any(|name| words.split(' ').any(|word| word == name.as_str()))
    };
    let miscounted = check_told(rows, &report);
    wrong.extend(miscounted.iter().map(ToString::to_string).filter(|words| once(words)));
    // these two know a purchase by the sale's own name
    for merchant in ["iceland-bonus-card", "wasabi-club"] {
        let told: BTreeSet<&String> = report.told.get(merchant).into_iter().flat_map(|told| told.keys()).collect();
        let due = rows.exports.iter().filter(|x| x.merchant.as_str() == merchant && x.in_force());
        let due = due.filter(|x| matches!(x.state, ExportState::Delivered { .. }) || x.unsure);
        let due: BTreeSet<&String> = due.map(|x| &x.facts.transaction_id).collect();
        let names = told.symmetric_difference(&due).filter(|name| due.contains(**name) || !redone.contains(**name));
        wrong.extend(names.map(|name| format!("{name} was told and not matched, or matched and not told")));
    }
    wrong
}

/// Invariant 7 on everything that is stored.
fn card_data(machine: &Machine, truth: &Truth) -> Vec<String> {
    let text = |item: Item| format!("{} {} {:?}", item.key.pk, item.key.sk, item.body);
    let texts: Vec<String> = machine.items().into_iter().map(text).collect();
    check_card_data(texts.iter().map(String::as_str), &truth.tokens).iter().map(ToString::to_string).collect()
}
