//! Each pair's halves are in the bytes, belong to a member, and fit nothing else.

use std::collections::{HashMap, HashSet};

use super::readers::{PaymentLine, SaleRow, payment_lines, sale_rows};
use crate::{Day, Drop, DropKind, Pair, Plan, Why, generate};

struct Read {
    payments: HashMap<(String, String), Vec<PaymentLine>>,
    sales: HashMap<(String, String), SaleRow>,
    /// By each of a sale's MIDs.
    tills: HashMap<(String, i64), Vec<SaleRow>>,
}

fn read(day: &Day) -> Read {
    let mut read = Read { payments: HashMap::new(), sales: HashMap::new(), tills: HashMap::new() };
    let payments = payment_lines(day).into_iter().filter_map(|(_, line)| line.good());
    for line in payments.filter(|line| line.kind != "refund") {
        read.payments.entry((line.scheme.clone(), line.id.clone())).or_default().push(line);
    }
    for row in sale_rows(day).into_iter().filter_map(|(_, row)| row.good()) {
        let old = read.sales.insert((row.merchant.clone(), row.id.clone()), row.clone());
        for mid in row.mids.iter().filter(|_| old.is_none()) {
            read.tills.entry((mid.clone(), row.pence)).or_default().push(row.clone());
        }
    }
    read
}

/// The tables of §5.3 to §5.8 for one line of a payment on its own: does this sale pass all but the card's digits?
fn fits(line: &PaymentLine, sale: &SaleRow) -> bool {
    let (tolerance, visa_any_time, amex) = match sale.merchant.as_str() {
        "iceland-bonus-card" | "costa" => (60, false, true),
        "wasabi-club" => (180, false, true),
        "itsu" => (180, true, false),
        "stonegate" | "tgi-fridays" => (180, true, true),
        // matched with no sale
        _ => return false,
    };
    let near = (line.when - sale.when).abs() <= tolerance || visa_any_time && line.scheme == "visa";
    let at_till = line.scheme == sale.scheme && sale.mids.contains(&line.mid) && line.pence == sale.pence;
    let decides = if line.code.is_empty() { near } else { line.code == sale.code };
    at_till && sale.currency == "GBP" && decides && (amex || line.scheme != "amex")
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
                let at_till = read.tills.get(&(line.mid.clone(), line.pence)).unwrap_or(&empty);
                let others = at_till.iter().filter(|other| other.id != pair.sale_id && fits(line, other));
                for other in others {
                    assert!(alike.contains(&other.id) && other.last_four != sale.last_four, "{pair:?} {other:?}");
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
            assert_eq!(card["last_four"], sale.last_four.as_str());
            assert!(sale.first_six.is_empty() || card["first_six"] == sale.first_six.as_str());
            assert_eq!(line.merchant.as_ref(), Some(&pair.merchant));
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
        for sale in read.tills.get(&(line.mid.clone(), line.pence)).into_iter().flatten() {
            assert!(!fits(line, sale) || named.contains(&(line.id.as_str(), sale.id.as_str())), "{line:?} {sale:?}");
        }
    }
}

/// The deliveries that a good sale is in, copies of whole files left out.
fn deliveries(day: &Day) -> HashMap<(String, String), Vec<&Drop>> {
    let copies = day.truth.files.iter().filter(|file| file.same_bytes_as.is_some());
    let copies: HashSet<_> = copies.map(|file| &file.name).collect();
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for (drop, row) in sale_rows(day).into_iter().filter(|(drop, _)| !copies.contains(&drop.name)) {
        if let Some(row) = row.good() {
            found.entry((row.merchant, row.id)).or_default().push(drop);
        }
    }
    found
}

/// Twins, and the two sales between which a card decides, are in one file and nowhere else but in its copy.
#[test]
fn sales_that_need_company_have_it() {
    let day = generate(&Plan::default());
    let deliveries = deliveries(&day);
    for miss in day.truth.near_misses.iter().filter(|miss| matches!(miss.why, Why::Twins | Why::OtherCard)) {
        let with = |id: &String| &deliveries[&(miss.merchant.clone(), id.clone())];
        let pair = day.truth.pairs.iter().filter(|pair| pair.payment_ids == miss.payment_ids);
        let mut drops: Vec<_> = miss.sale_ids.iter().map(with).collect();
        drops.extend(pair.map(|pair| with(&pair.sale_id)));
        assert!(drops.len() == 2 && drops[0].len() == 1 && drops[0] == drops[1], "{miss:?} {drops:?}");
        assert_eq!(drops[0][0].kind, DropKind::File);
    }
}

/// A settlement over another amount comes before the delivery with its sale.
#[test]
fn a_changed_amount_is_settled_before_its_sale_comes() {
    let day = generate(&Plan::default());
    let deliveries = deliveries(&day);
    let mut lines: HashMap<_, Vec<_>> = HashMap::new();
    for (drop, line) in payment_lines(&day) {
        if let Some(line) = line.good().filter(|line| line.kind != "refund") {
            lines.entry((line.scheme.clone(), line.id.clone())).or_default().push((drop, line));
        }
    }
    let mut changed = 0;
    for pair in &day.truth.pairs {
        let own = &lines[&(pair.scheme.clone(), pair.payment_ids[0].clone())];
        if own.iter().any(|(_, line)| line.pence != own[0].1.pence) {
            let settled = own.iter().find(|(_, line)| line.kind == "settled").unwrap().0;
            let sale = deliveries[&(pair.merchant.clone(), pair.sale_id.clone())][0];
            assert!(settled.at < sale.at, "{pair:?}");
            changed += 1;
        }
    }
    assert!(changed > 5, "{changed}");
}

/// Every line that is told by itself is in the bytes, of a card that its merchant knows; a spotted purchase has one
/// line at least.
#[test]
fn what_is_told_alone_is_there() {
    let day = generate(&Plan::default());
    let lines: Vec<_> = payment_lines(&day).into_iter().filter_map(|(_, line)| line.good()).collect();
    let mut names = HashSet::new();
    for alone in &day.truth.alone {
        assert!(names.insert((&alone.scheme, &alone.payment_id, &alone.line)), "{alone:?} twice");
        let fits = |line: &&PaymentLine| {
            let kind = alone.line.as_ref().map_or(line.kind != "refund", |kind| line.kind == *kind);
            (&line.scheme, &line.id) == (&alone.scheme, &alone.payment_id) && kind
        };
        let mut count = 0;
        for line in lines.iter().filter(fits) {
            assert_eq!((line.merchant.as_ref(), line.pence), (Some(&alone.merchant), alone.minor), "{alone:?}");
            let user = day.users.iter().find(|user| user.token == line.token && user.scheme == alone.merchant);
            assert_eq!(user.unwrap().identity["loyalty_id"], alone.loyalty_id.as_str());
            count += 1;
        }
        assert!(count > 0, "{alone:?}");
    }
}
