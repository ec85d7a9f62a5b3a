//! Each pair's halves are in the bytes, belong to a member, and fit nothing else.

use std::collections::{HashMap, HashSet};

use super::readers::{PaymentLine, SaleRow, payment_lines, sale_rows};
use crate::{Day, Pair, Plan, Why, generate};

struct Read {
    payments: HashMap<(String, String), Vec<PaymentLine>>,
    sales: HashMap<(String, String), SaleRow>,
    tills: HashMap<(String, i64), Vec<SaleRow>>,
}

fn read(day: &Day) -> Read {
    let mut read = Read { payments: HashMap::new(), sales: HashMap::new(), tills: HashMap::new() };
    for line in payment_lines(day).into_iter().filter_map(|(_, line)| line) {
        read.payments.entry((line.scheme.clone(), line.id.clone())).or_default().push(line);
    }
    for row in sale_rows(day).into_iter().filter_map(|(_, row)| row) {
        let old = read.sales.insert((row.merchant.clone(), row.id.clone()), row.clone());
        if old.is_none() {
            read.tills.entry((row.mid.clone(), row.pence)).or_default().push(row);
        }
    }
    read
}

/// The tables of §5.3 and §5.5 for one line of a payment on its own: does this sale pass all but the card's digits?
fn fits(line: &PaymentLine, sale: &SaleRow) -> bool {
    let tolerance = if sale.merchant == "wasabi-club" { 180 } else { 60 };
    let near = (line.when - sale.when).abs() <= tolerance;
    let at_till = (&line.scheme, &line.identifiers[0].1, line.pence) == (&sale.scheme, &sale.mid, sale.pence);
    let decides = if line.code.is_empty() { near } else { line.code == sale.code };
    at_till && sale.currency == "GBP" && decides
}

fn lines<'a>(read: &'a Read, pair: &Pair) -> &'a [PaymentLine] {
    &read.payments[&(pair.scheme.clone(), pair.payment_ids[0].clone())]
}

#[test]
fn pairs_have_two_halves_that_fit_each_other_only() {
    for seed in 1..=3 {
        let day = generate(&Plan { seed, ..Plan::default() });
        let read = read(&day);
        let alike: HashSet<_> = day.truth.near_misses.iter().filter(|miss| miss.why == Why::OtherCard).collect_ids();
        for pair in &day.truth.pairs {
            let sale = &read.sales[&(pair.merchant.clone(), pair.sale_id.clone())];
            let lines = lines(&read, pair);
            // An authorisation over another amount waits for its settlement.
            assert!(lines.iter().any(|line| fits(line, sale)), "{pair:?} {lines:?} {sale:?}");
            for line in lines {
                let empty = Vec::new();
                let at_till = read.tills.get(&(line.identifiers[0].1.clone(), line.pence)).unwrap_or(&empty);
                let others = at_till.iter().filter(|other| other.id != pair.sale_id && fits(line, other));
                for other in others {
                    assert!(alike.contains(&other.id) && other.digits != sale.digits, "{pair:?} {other:?}");
                }
            }
        }
    }
}

trait Ids {
    fn collect_ids(self) -> HashSet<String>;
}

impl<'a, I: Iterator<Item = &'a crate::NearMiss>> Ids for I {
    fn collect_ids(self) -> HashSet<String> {
        self.flat_map(|miss| miss.sale_ids.clone()).collect()
    }
}

#[test]
fn pairs_belong_to_members_and_onboarded_tills() {
    let day = generate(&Plan::default());
    let read = read(&day);
    for pair in &day.truth.pairs {
        let sale = &read.sales[&(pair.merchant.clone(), pair.sale_id.clone())];
        for line in lines(&read, pair) {
            let user = day.users.iter().find(|user| user.token == line.token && user.scheme == pair.merchant).unwrap();
            assert_eq!(user.identity["loyalty_id"], pair.loyalty_id.as_str());
            let card = &user.identity["card_information"];
            let digits = [&card["first_six"], &card["last_four"]].map(|part| part.as_str().unwrap()).concat();
            assert_eq!(digits, sale.digits);
            let known = day.identifiers.iter().find(|row| {
                row.provider == pair.scheme
                    && line.identifiers.iter().any(|(kind, text)| row.kind == *kind && row.identifier == *text)
            });
            assert_eq!(known.unwrap().scheme, pair.merchant);
        }
    }
}

#[test]
fn no_sale_and_no_payment_has_two_pairs() {
    let day = generate(&Plan::default());
    let sales: HashSet<_> = day.truth.pairs.iter().map(|pair| (&pair.merchant, &pair.sale_id)).collect();
    let payments: HashSet<_> = day.truth.pairs.iter().map(|pair| (&pair.scheme, &pair.payment_ids)).collect();
    assert_eq!((sales.len(), payments.len()), (day.truth.pairs.len(), day.truth.pairs.len()));
}

/// Beside the pairs only what a near miss names may fit: twins, cards nobody knows, tills nobody onboarded.
#[test]
fn nothing_fits_that_the_truth_does_not_name() {
    let day = generate(&Plan::default());
    let read = read(&day);
    let mut named: HashSet<(&str, &str)> = HashSet::new();
    named.extend(day.truth.pairs.iter().map(|pair| (pair.payment_ids[0].as_str(), pair.sale_id.as_str())));
    for miss in &day.truth.near_misses {
        let may_fit = matches!(miss.why, Why::Twins | Why::UnknownCard | Why::UnknownMid | Why::OtherCard);
        let ids = miss.sale_ids.iter().filter(|_| may_fit);
        named.extend(ids.map(|sale| (miss.payment_ids[0].as_str(), sale.as_str())));
    }
    for line in read.payments.values().flatten() {
        for sale in read.tills.get(&(line.identifiers[0].1.clone(), line.pence)).into_iter().flatten() {
            assert!(!fits(line, sale) || named.contains(&(line.id.as_str(), sale.id.as_str())), "{line:?} {sale:?}");
        }
    }
}

/// Twins, and the two sales between which a card decides, are in one file and nowhere else but in its copy.
#[test]
fn sales_that_need_company_have_it() {
    let day = generate(&Plan::default());
    for miss in day.truth.near_misses.iter().filter(|miss| matches!(miss.why, Why::Twins | Why::OtherCard)) {
        let with = |id: &str| {
            let copies = day.truth.files.iter().filter(|file| file.same_bytes_as.is_none()).map(|file| &file.name);
            let holds = |name: &&String| {
                let drop = day.drops.iter().find(|drop| drop.name == **name).unwrap();
                std::str::from_utf8(&drop.bytes).unwrap().contains(id)
            };
            copies.filter(|name| drop_of(&day, name).feed == miss.merchant && holds(name)).collect::<Vec<_>>()
        };
        let pair = day.truth.pairs.iter().filter(|pair| pair.payment_ids == miss.payment_ids);
        let mut files: Vec<_> = miss.sale_ids.iter().map(|id| with(id)).collect();
        files.extend(pair.map(|pair| with(&pair.sale_id)));
        assert!(files.len() == 2 && files[0].len() == 1 && files[0] == files[1], "{miss:?} {files:?}");
    }
}

fn drop_of<'a>(day: &'a Day, name: &str) -> &'a crate::Drop {
    day.drops.iter().find(|drop| drop.name == name).unwrap()
}

/// A settlement over another amount comes before the file with its sale.
#[test]
fn a_changed_amount_is_settled_before_its_sale_comes() {
    let day = generate(&Plan::default());
    let read = read(&day);
    let at = |pattern: &str, feed: &str| {
        let holds = |drop: &&crate::Drop| {
            drop.feed.ends_with(feed) && std::str::from_utf8(&drop.bytes).unwrap().contains(pattern)
        };
        day.drops.iter().find(holds).unwrap().at
    };
    let mut changed = 0;
    for pair in &day.truth.pairs {
        let lines = lines(&read, pair);
        if lines.iter().any(|line| line.pence != lines[0].pence) {
            let id = pair.payment_ids[0].split('_').next().unwrap();
            let feed = if pair.scheme == "mastercard" { "-settled" } else { "-settlement" };
            assert!(at(id, feed) < at(&pair.sale_id, &pair.merchant), "{pair:?}");
            changed += 1;
        }
    }
    assert!(changed > 5, "{changed}");
}
