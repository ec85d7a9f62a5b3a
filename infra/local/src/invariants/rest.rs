//! Invariant 4, at rest nothing is left: every open payment stands in the book where sales will find it, none has a
//! sale that it could take, and what its merchant is to be told of without a sale is told.

use super::{
    Index, Violation, book_key,
    brute::{Becomes, Payment, becomes, matching_sale},
    export_name, purchase_name, sale_name,
};
use crate::state::Rows;
use harmonia_domain::{
    export::{BookKey, Export},
    feed::{Kind, Slug},
    purchase::{Current, Purchase, PurchaseKey, PurchaseState},
    sale::{Sale, SaleState},
};
use harmonia_state::{BookedPayment, file_key};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};

pub(super) fn check(rows: &Rows, index: &Index<'_>) -> Vec<Violation> {
    let sales = open_sales(rows);
    let mut entries: HashMap<&PurchaseKey, Vec<&BookedPayment>> = HashMap::new();
    for entry in &rows.open_payments {
        entries.entry(&entry.p).or_default().push(entry);
    }
    let none = Vec::new();
    let mut found = Vec::new();
    for purchase in &rows.purchases {
        let own = entries.get(&purchase.key).unwrap_or(&none);
        found.extend(untold(purchase));
        found.extend(match (&purchase.state, purchase.current()) {
            (PurchaseState::Live, Some(now)) => match becomes_of(purchase, now.identity_of) {
                Becomes::Matched => left_over(purchase, &now, own, &sales),
                Becomes::Spotted | Becomes::Streamed | Becomes::Nothing => in_the_book(purchase, own),
            },
            // parked: nobody's payment yet; an entry from before it was parked leads nowhere
            (PurchaseState::Live, None) => None,
            (PurchaseState::Claimed { x }, _) => {
                // under a key that it had left before it was claimed an entry is a pointer that leads nowhere
                let key = index.exports.get(x).map(|export| &export.book_key);
                let here: Vec<_> = own.iter().copied().filter(|e| key.is_none_or(|key| e.bk == *key)).collect();
                in_the_book(purchase, &here)
            }
            (PurchaseState::Streamed | PurchaseState::Stored, _) => in_the_book(purchase, own),
        });
    }
    found.extend(too_early(rows, index));
    let lost = rows.open_payments.iter().filter(|entry| !index.purchases.contains_key(&entry.p));
    found.extend(lost.map(|entry| format!("{} is in the book, but does not exist", purchase_name(&entry.p))));
    found.into_iter().map(|what| Violation { invariant: 4, what }).collect()
}

fn in_the_book(purchase: &Purchase, entries: &[&BookedPayment]) -> Option<String> {
    (!entries.is_empty()).then(|| format!("{} is not open, but in the book", purchase_name(&purchase.key)))
}

/// A file's sales appear together: a match with one of them is not older than the closing of its file.
fn too_early(rows: &Rows, index: &Index<'_>) -> Vec<String> {
    let closed = rows.files.iter().filter_map(|f| Some((file_key(&f.feed, f.arrived, &f.id).group(), f.done?)));
    let closed: HashMap<String, Timestamp> = closed.collect();
    let early = |export: &&Export| {
        let sale = export.sale.as_deref().and_then(|id| index.sales.get(&(&export.merchant, id)));
        let group = sale.and_then(|sale| sale.group.as_ref());
        group.is_some_and(|group| closed.get(group).is_none_or(|done| export.created < *done))
    };
    let name = |export: &Export| format!("{} is older than its sale's file, or that is open", export_name(export));
    rows.exports.iter().filter(early).map(name).collect()
}

fn becomes_of(purchase: &Purchase, kind: Kind) -> Becomes {
    let identifier = purchase.line(kind).and_then(|line| line.identifier.as_ref());
    identifier.map_or(Becomes::Nothing, |i| becomes(i.merchant.as_str(), purchase.key.scheme, kind))
}

/// Lines whose card is known and which need no sale, but nobody was told of them.
fn untold(purchase: &Purchase) -> Vec<String> {
    let waits = |kind: &Kind| {
        let Some(line) = purchase.line(*kind).filter(|line| line.parked.is_none()) else { return false };
        match becomes_of(purchase, *kind) {
            Becomes::Spotted => purchase.is_live(),
            Becomes::Streamed => line.told.is_none(),
            Becomes::Matched | Becomes::Nothing => false,
        }
    };
    let name = purchase_name(&purchase.key);
    purchase.kinds().filter(waits).map(|kind| format!("{name}: nobody was told of its {kind}")).collect()
}

/// Live sales of closed files, under each of their book keys.
type OpenSales<'a> = HashMap<(&'a Slug, BookKey), Vec<&'a Sale>>;

fn open_sales(rows: &Rows) -> OpenSales<'_> {
    let closed = rows.files.iter().filter(|f| f.visible());
    let closed: HashSet<String> = closed.map(|f| file_key(&f.feed, f.arrived, &f.id).group()).collect();
    let visible = |sale: &&Sale| sale.group.as_ref().is_none_or(|group| closed.contains(group));
    let mut open = OpenSales::new();
    for sale in rows.sales.iter().filter(|s| s.state == SaleState::Live).filter(visible) {
        for mid in &sale.mids {
            let key = BookKey { scheme: sale.scheme, mid: mid.clone(), currency: sale.currency, minor: sale.amount };
            open.entry((&sale.merchant, key)).or_default().push(sale);
        }
    }
    open
}

/// What is wrong with an open payment whose card is known. Entries under a key that it has left are allowed: whoever
/// follows one reads the purchase and drops it (state.md, "settlement of a known auth").
fn left_over(purchase: &Purchase, now: &Current, entries: &[&BookedPayment], sales: &OpenSales<'_>) -> Option<String> {
    let (name, key) = (purchase_name(&purchase.key), book_key(purchase, now));
    let merchant = &now.identifier.merchant;
    let mut here = entries.iter().filter(|e| e.merchant == *merchant && e.bk == key && e.at == now.at);
    // beside the counting line's entry the other line's may still lie about; it is dropped when it is followed
    let own = here.clone().find(|e| e.kind == now.identity_of).or_else(|| here.next());
    let Some(own) = own else { return Some(format!("{name} is open, but not in the book under its key")) };
    if own.kind != now.identity_of || own.changed != now.changed {
        return Some(format!("{name} is in the book as it was before its last change"));
    }
    let who = &own.who;
    let payment = Payment {
        scheme: purchase.key.scheme,
        now,
        first_six: who.first_six.as_str(),
        last_four: who.last_four.as_str(),
    };
    let open: Vec<&Sale> =
        sales.get(&(merchant, key))?.iter().copied().filter(|s| !purchase.is_barred_from(&s.id)).collect();
    let sale = matching_sale(&payment, &open)?;
    Some(format!("{name} is open and could take {}", sale_name(&sale.merchant, &sale.id)))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{World, assert_broken, assert_fine, pair};
    use harmonia_domain::{
        feed::Scheme,
        file::FileState,
        money::MinorUnits,
        outcome::ParkReason,
        purchase::{ExportKey, PurchaseState},
    };
    use jiff::SignedDuration;

    fn both_open() -> World {
        let mut world = World::default();
        world.purchase("p1", |_| ());
        world.sale("s1", |_| ());
        world
    }

    #[test]
    fn a_payment_with_its_sale_beside_it_is_found() {
        assert_fine(&pair().rows(), 4);
        assert_broken(&both_open().rows(), 4, "purchase visa p1 P is open and could take sale wasabi-club s1");
    }

    #[test]
    fn a_tie_may_stay_open() {
        let mut world = both_open();
        world.sale("s2", |_| ());
        assert_fine(&world.rows(), 4);
        // the identity of the entry tells them apart
        world.sales[1].first_six = Some("424242".into());
        world.sales[1].last_four = Some("1111".into());
        assert_broken(&world.rows(), 4, "could take sale wasabi-club s2");
    }

    #[test]
    fn sales_that_nobody_may_see_are_not_left_over() {
        let mut rows = both_open().rows();
        let sales_file = rows.files.iter_mut().find(|f| f.feed.as_str() == "wasabi-club").unwrap();
        sales_file.state = FileState::Importing;
        assert_fine(&rows, 4);
        let mut rows = both_open().rows();
        rows.sales[0].amount = MinorUnits(1);
        assert_fine(&rows, 4);
        // a sale that came as a message is visible at once
        let mut rows = both_open().rows();
        rows.files.clear();
        rows.sales[0].group = None;
        assert_broken(&rows, 4, "could take");
    }

    #[test]
    fn an_open_payment_stands_in_the_book() {
        let mut world = World::default();
        world.purchase("p1", |_| ());
        let rows = world.rows();
        assert_fine(&rows, 4);
        let mut broken = rows.clone();
        broken.open_payments.clear();
        assert_broken(&broken, 4, "not in the book under its key");
        let mut broken = rows.clone();
        broken.open_payments[0].bk.minor = MinorUnits(1);
        assert_broken(&broken, 4, "not in the book under its key");
        let mut broken = rows.clone();
        broken.open_payments[0].changed.1 += 1;
        assert_broken(&broken, 4, "before its last change");
        let mut broken = rows;
        broken.purchases.clear();
        assert_broken(&broken, 4, "does not exist");
    }

    #[test]
    fn a_parked_payment_needs_no_entry() {
        let mut world = World::default();
        world.purchase("p1", |facts| facts.parked = Some(ParkReason::CardNotKnown));
        let mut rows = world.rows();
        rows.open_payments.clear();
        assert_fine(&rows, 4);
    }

    /// Spec import §8: a spotted purchase, and a streamed line, must not wait; an amex auth of theirs leads to nothing.
    #[test]
    fn what_needs_no_sale_is_told() {
        let of = |merchant: &str, scheme| {
            let mut world = World::default();
            world.purchase("p1", |facts| facts.identifier.as_mut().unwrap().merchant = merchant.parse().unwrap());
            let mut rows = world.rows();
            rows.open_payments.clear();
            rows.purchases[0].key.scheme = scheme;
            rows
        };
        for merchant in ["bpl-viator", "squaremeal"] {
            assert_broken(&of(merchant, Scheme::Visa), 4, "nobody was told of its AUTH");
            assert_fine(&of(merchant, Scheme::Amex), 4);
            let mut parked = of(merchant, Scheme::Visa);
            parked.purchases[0].auth.as_mut().unwrap().parked = Some(ParkReason::CardNotKnown);
            assert_fine(&parked, 4);
        }
        // one line of two was told
        let mut rows = of("squaremeal", Scheme::Visa);
        rows.purchases[0].state = PurchaseState::Streamed;
        assert_broken(&rows, 4, "nobody was told of its AUTH");
        rows.purchases[0].auth.as_mut().unwrap().told = Some(ExportKey { pk: "X".into(), sk: "0".into() });
        assert_fine(&rows, 4);
    }

    /// state.md, "settlement of a known auth": whoever follows such an entry reads the purchase and drops it.
    #[test]
    fn an_entry_under_a_key_that_was_left_before_the_claim_leads_nowhere() {
        let mut rows = pair().rows();
        let mut open = World::default();
        open.purchase("p1", |_| ());
        rows.open_payments = open.rows().open_payments;
        rows.open_payments[0].bk.minor = MinorUnits(1);
        assert_fine(&rows, 4);
    }

    /// Design §4: a file's sales appear together.
    #[test]
    fn a_match_with_a_sale_of_an_open_file_is_found() {
        let mut rows = pair().rows();
        let sales_file = rows.files.iter_mut().find(|f| f.feed.as_str() == "wasabi-club").unwrap();
        sales_file.done = Some(rows.exports[0].created);
        let mut early = rows.clone();
        assert_fine(&rows, 4);
        early.exports[0].created -= SignedDuration::from_micros(1);
        assert_broken(&early, 4, "older than its sale's file");
        let sales_file = rows.files.iter_mut().find(|f| f.feed.as_str() == "wasabi-club").unwrap();
        sales_file.done = None;
        assert_broken(&rows, 4, "or that is open");
    }

    #[test]
    fn a_claimed_payment_left_the_book() {
        let mut rows = pair().rows();
        let mut open = World::default();
        open.purchase("p1", |_| ());
        rows.open_payments = open.rows().open_payments;
        assert_broken(&rows, 4, "not open, but in the book");
        rows.purchases[0].state = PurchaseState::Stored;
        assert_broken(&rows, 4, "not open, but in the book");
    }
}
