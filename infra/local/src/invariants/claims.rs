//! Invariants 2 (one claim) and 3 (one export per match): purchases, sales and exports name each other, once.

use super::{Index, Violation, export_name, purchase_name, sale_name};
use crate::state::Rows;
use harmonia_domain::{
    export::{Export, MatchType},
    ids::Id,
    purchase::{Purchase, PurchaseState},
    sale::SaleState,
};
use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

/// Invariant 2.
pub(super) fn one_claim(rows: &Rows, index: &Index<'_>) -> Vec<Violation> {
    let mut found = claimed_purchases(rows, index);
    found.extend(claimed_sales(rows, index));
    for export in &rows.exports {
        found.extend(if export.in_force() { unclaimed(export, index) } else { undone(export, index) });
    }
    let in_force = || rows.exports.iter().filter(|x| x.in_force());
    let of_purchases = in_force().filter(|x| x.match_type != MatchType::Streamed);
    for (purchase, exports) in by(of_purchases.map(|x| (&x.purchase, x))) {
        found.push(format!("{} is in {exports} exports", purchase_name(purchase)));
    }
    let with_sale = in_force().filter_map(|x| Some(((&x.merchant, x.sale.as_deref()?), x)));
    for ((merchant, id), exports) in by(with_sale) {
        found.push(format!("{} is in {exports} exports", sale_name(merchant, id)));
    }
    found.into_iter().map(|what| Violation { invariant: 2, what }).collect()
}

/// The names that more than one export has, with their numbers, in the order of their first export.
fn by<'a, K: Eq + Hash + Copy>(exports: impl Iterator<Item = (K, &'a Export)>) -> Vec<(K, usize)> {
    let mut order = Vec::new();
    let mut counts: HashMap<K, usize> = HashMap::new();
    for (name, _) in exports {
        let count = counts.entry(name).or_default();
        *count += 1;
        if *count == 2 {
            order.push(name);
        }
    }
    order.into_iter().filter_map(|name| counts.get(&name).map(|count| (name, *count))).collect()
}

fn claimed_purchases(rows: &Rows, index: &Index<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for purchase in &rows.purchases {
        let PurchaseState::Claimed { x } = &purchase.state else { continue };
        let name = purchase_name(&purchase.key);
        match index.exports.get(x) {
            None => found.push(format!("{name} is claimed by an export that does not exist")),
            Some(export) if export.purchase != purchase.key => {
                found.push(format!("{name} is claimed by {}, which names another purchase", export_name(export)));
            }
            Some(_) => {}
        }
    }
    found
}

fn claimed_sales(rows: &Rows, index: &Index<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for sale in &rows.sales {
        let SaleState::Claimed { x } = &sale.state else { continue };
        let name = sale_name(&sale.merchant, &sale.id);
        match index.exports.get(x) {
            None => found.push(format!("{name} is claimed by an export that does not exist")),
            Some(export) if (&export.merchant, export.sale.as_ref()) != (&sale.merchant, Some(&sale.id)) => {
                found.push(format!("{name} is claimed by {}, which names another sale", export_name(export)));
            }
            Some(_) => {}
        }
    }
    found
}

/// An export whose halves do not say that they are its halves.
fn unclaimed(export: &Export, index: &Index<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let (name, key) = (export_name(export), export.key());
    let holds = index.purchases.get(&export.purchase).is_some_and(|p| match (export.match_type, &p.state) {
        (MatchType::Streamed, _) => p.line(export.kind).is_some_and(|line| line.told.as_ref() == Some(&key)),
        (_, PurchaseState::Claimed { x }) => *x == key,
        _ => false,
    });
    if !holds {
        found.push(format!("{name} does not hold {}", purchase_name(&export.purchase)));
    }
    if export.match_type.has_sale() != export.sale.is_some() {
        found.push(format!("{name} is {:?}, its sale is {:?}", export.match_type, export.sale));
    }
    let Some(sale) = export.sale.as_deref() else { return found };
    let state = index.sales.get(&(&export.merchant, sale)).map(|s| &s.state);
    if !matches!(state, Some(SaleState::Claimed { x }) if *x == key) {
        found.push(format!("{name} does not hold {}", sale_name(&export.merchant, sale)));
    }
    found
}

/// An export that was undone, but whose payment does not say so; one about another export, which does not exist.
fn undone(export: &Export, index: &Index<'_>) -> Vec<String> {
    let (name, key) = (export_name(export), export.key());
    if export.match_type.adjusts() {
        let exists = export.adjusts.as_ref().is_some_and(|of| index.exports.contains_key(of));
        return if exists { Vec::new() } else { vec![format!("{name} is about an export that does not exist")] };
    }
    let barred = index.purchases.get(&export.purchase).is_some_and(|p| p.bars.iter().any(|bar| bar.x == key));
    let what = || format!("{name} was undone, {} does not say so", purchase_name(&export.purchase));
    if barred { Vec::new() } else { vec![what()] }
}

/// The id that follows from what the export is about: the purchase as it was when the match was made, a line of it, or
/// another export.
fn id_that_follows(export: &Export, index: &Index<'_>) -> Option<Id> {
    if export.match_type.adjusts() {
        return index.exports.get(export.adjusts.as_ref()?).map(|of| of.adjustment_id(export.match_type));
    }
    let purchase = index.purchases.get(&export.purchase)?;
    if export.match_type == MatchType::Streamed {
        return Some(purchase.line_export_id(export.kind));
    }
    let key = export.key();
    let rounds = purchase.bars.iter().zip(0..);
    let generation = rounds.filter(|(bar, _)| bar.x == key).map(|(_, round)| round).next();
    let then = Purchase { generation: generation.unwrap_or(purchase.generation), ..Purchase::clone(purchase) };
    Some(then.export_id())
}

/// Invariant 3: an export's id, which is its idempotency key, is the one that follows from its purchase.
pub(super) fn one_export(rows: &Rows, index: &Index<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut ids = HashSet::new();
    for export in &rows.exports {
        if !ids.insert(&export.id) {
            found.push(format!("{} is there twice", export_name(export)));
        }
        if id_that_follows(export, index).is_some_and(|id| id != export.id) {
            let purchase = purchase_name(&export.purchase);
            found.push(format!("{} has not the id that follows from {purchase}", export_name(export)));
        }
    }
    found.into_iter().map(|what| Violation { invariant: 3, what }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{World, assert_broken, assert_fine, pair};
    use harmonia_domain::{
        card::MemberHash,
        ids::Id,
        purchase::{ExportKey, PurchaseState},
        sale::SaleState,
    };

    fn nowhere() -> ExportKey {
        ExportKey { pk: "X#none".into(), sk: "0".into() }
    }

    /// Invariant 2.
    #[test]
    fn a_claim_names_an_export_that_exists() {
        let rows = pair().rows();
        assert_fine(&rows, 2);
        let mut broken = rows.clone();
        broken.purchases[0].state = PurchaseState::Claimed { x: nowhere() };
        assert_broken(&broken, 2, "purchase visa p1 P is claimed by an export that does not exist");
        assert_broken(&broken, 2, "does not hold purchase visa p1 P");
        let mut broken = rows.clone();
        broken.sales[0].state = SaleState::Claimed { x: nowhere() };
        assert_broken(&broken, 2, "sale wasabi-club s1 is claimed by an export that does not exist");
        let mut broken = rows;
        broken.exports.clear();
        assert_broken(&broken, 2, "purchase visa p1 P is claimed");
        assert_broken(&broken, 2, "sale wasabi-club s1 is claimed");
    }

    /// Invariant 2.
    #[test]
    fn an_export_holds_both_of_its_halves() {
        let rows = pair().rows();
        let mut broken = rows.clone();
        broken.purchases[0].state = PurchaseState::Live;
        assert_broken(&broken, 2, "does not hold purchase visa p1 P");
        let mut broken = rows.clone();
        broken.sales[0].state = SaleState::Live;
        assert_broken(&broken, 2, "does not hold sale wasabi-club s1");
        let mut broken = rows;
        broken.sales.clear();
        assert_broken(&broken, 2, "does not hold sale wasabi-club s1");
    }

    /// Invariant 2: two purchases that think they have one sale, and a purchase that is told twice.
    #[test]
    fn nothing_is_in_two_exports() {
        let mut world = World::default();
        world.purchase("p1", |_| ());
        world.purchase("p2", |_| ());
        world.sale("s1", |_| ());
        world.claim("p1", "s1");
        assert_fine(&world.rows(), 2);
        world.claim_whatever("p2", "s1");
        assert_broken(&world.rows(), 2, "sale wasabi-club s1 is in 2 exports");

        let mut rows = pair().rows();
        let mut twice = rows.exports[0].clone();
        twice.sale = Some("s2".into());
        rows.exports.push(twice);
        assert_broken(&rows, 2, "purchase visa p1 P is in 2 exports");
        assert_broken(&rows, 2, "does not hold sale wasabi-club s2");
    }

    /// Invariant 2: both halves claimed by an export that names others.
    #[test]
    fn a_claim_is_named_back() {
        let mut world = World::default();
        for (purchase, sale) in [("p1", "s1"), ("p2", "s2")] {
            world.purchase(purchase, |_| ());
            world.sale(sale, |_| ());
            world.claim(purchase, sale);
        }
        let mut rows = world.rows();
        assert_fine(&rows, 2);
        let other = rows.exports[1].key();
        rows.purchases[0].state = PurchaseState::Claimed { x: other.clone() };
        rows.sales[0].state = SaleState::Claimed { x: other };
        assert_broken(&rows, 2, "which names another purchase");
        assert_broken(&rows, 2, "which names another sale");
    }

    /// Invariant 3: under another member's partition the store would not notice.
    #[test]
    fn an_export_is_there_once() {
        let mut rows = pair().rows();
        assert_fine(&rows, 3);
        let mut twin = rows.exports[0].clone();
        twin.identity.member = MemberHash("another".into());
        rows.exports.push(twin);
        assert_broken(&rows, 3, "is there twice");
    }

    /// Invariant 3.
    #[test]
    fn an_export_id_follows_from_its_purchase() {
        let mut rows = pair().rows();
        rows.exports[0].id = Id::derive("export", &["made up"]);
        assert_broken(&rows, 3, "has not the id");
        let mut rows = pair().rows();
        rows.purchases[0].generation += 1;
        assert_broken(&rows, 3, "has not the id");
    }
}
