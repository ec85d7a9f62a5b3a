//! Invariant 6, explained: every match says why it was made, and the stored facts of its two halves allow it.

use super::{
    Index, Violation, book_key,
    brute::{Becomes, Payment, becomes, matching_sale},
    export_name,
};
use crate::state::Rows;
use harmonia_domain::{
    export::{Export, MatchType},
    feed::Kind,
    feed::Scheme,
    purchase::Purchase,
};

pub(super) fn check(rows: &Rows, index: &Index<'_>) -> Vec<Violation> {
    let why = |export: &Export| unexplained(export, index).map(|why| format!("{}: {why}", export_name(export)));
    rows.exports.iter().filter_map(why).map(|what| Violation { invariant: 6, what }).collect()
}

/// Halves that do not exist are a matter of invariant 2.
fn unexplained(export: &Export, index: &Index<'_>) -> Option<String> {
    if export.evidence.is_empty() || export.definition.is_empty() {
        return Some("no evidence or no version of the definition".to_owned());
    }
    let purchase = index.purchases.get(&export.purchase)?;
    let wanted = match export.match_type {
        MatchType::Loyalty => Becomes::Matched,
        MatchType::Spotted => Becomes::Spotted,
        MatchType::Streamed => Becomes::Streamed,
        // a person's word, and what follows from it or from a match
        MatchType::Forced => return export.forced.is_none().then(|| "nobody says why it was forced".to_owned()),
        MatchType::Correction | MatchType::Reversal => return None,
        MatchType::Unmatched => return unexplained_unmatched(export, purchase),
    };
    if !export.in_force() {
        return None;
    }
    let is = becomes(export.merchant.as_str(), purchase.key.scheme, export.kind);
    if is != wanted {
        return Some(format!("it is {:?}, its payment's {} becomes {is:?}", export.match_type, export.kind));
    }
    let Some(sale) = export.sale.as_deref() else { return unexplained_alone(export, purchase) };
    let sale = index.sales.get(&(&export.merchant, sale))?;
    let Some(now) = purchase.current() else { return Some("its payment is nobody's".to_owned()) };
    if now.identifier.merchant != export.merchant || book_key(purchase, &now) != export.book_key {
        return Some("its payment is not what was claimed".to_owned());
    }
    if export.facts.transaction_id != sale.id || export.facts.at != sale.at {
        return Some("it tells of another sale".to_owned());
    }
    let payment = Payment {
        scheme: purchase.key.scheme,
        now: &now,
        first_six: &export.identity.first_six,
        last_four: &export.identity.last_four,
    };
    let allowed = matching_sale(&payment, &[sale]).is_some();
    (!allowed).then(|| "its payment and its sale do not fit each other".to_owned())
}

/// Spec match §10.1: a payment of a merchant that matches, days old, told to somebody else.
fn unexplained_unmatched(export: &Export, purchase: &Purchase) -> Option<String> {
    let now = purchase.current()?;
    let paid = now.identifier.merchant.as_str();
    let matches = becomes(paid, purchase.key.scheme, export.kind) == Becomes::Matched;
    let old = export.created.duration_since(now.at).as_hours() >= 48;
    let settled = purchase.key.scheme == Scheme::Visa || purchase.settled.is_some();
    let right = (paid, export.merchant.as_str()) == ("stonegate", "stonegate-unmatched") && export.sale.is_none();
    (!(matches && old && settled && right)).then(|| "it is not a late payment of its receiver's merchant".to_owned())
}

/// An export without sale.
fn unexplained_alone(export: &Export, purchase: &Purchase) -> Option<String> {
    let Some(line) = purchase.line(export.kind) else { return Some("its payment has no such line".to_owned()) };
    let merchant = line.identifier.as_ref().map(|i| &i.merchant);
    if export.facts.transaction_id != purchase.key.id || merchant != Some(&export.merchant) {
        return Some("it tells of another payment".to_owned());
    }
    // D3: only a refund takes anything away
    let refund = export.kind == Kind::Refund;
    let wrong = export.book_key.minor != line.amount || (refund && line.amount.0 > 0);
    wrong.then(|| "it tells of another amount".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{assert_broken, assert_fine, pair};
    use harmonia_domain::{
        export::MatchType,
        feed::{Scheme, Slug},
        money::MinorUnits,
        outcome::ParkReason,
    };
    use jiff::SignedDuration;

    #[test]
    fn a_match_says_why() {
        let mut rows = pair().rows();
        assert_fine(&rows, 6);
        rows.exports[0].evidence.clear();
        assert_broken(&rows, 6, "no evidence");
        let mut rows = pair().rows();
        rows.exports[0].definition.clear();
        assert_broken(&rows, 6, "version");
    }

    #[test]
    fn the_stored_facts_allow_it() {
        let mut rows = pair().rows();
        rows.sales[0].auth_code = "999999".into();
        assert_broken(&rows, 6, "do not fit");
        let mut rows = pair().rows();
        rows.sales[0].scheme = Scheme::Amex;
        assert_broken(&rows, 6, "do not fit");
        let mut rows = pair().rows();
        rows.sales[0].arrived += SignedDuration::from_hours(24 * 20);
        assert_broken(&rows, 6, "do not fit");
    }

    #[test]
    fn the_payment_is_the_one_that_was_claimed() {
        let mut rows = pair().rows();
        rows.purchases[0].auth.as_mut().unwrap().amount = MinorUnits(1);
        assert_broken(&rows, 6, "not what was claimed");
        let mut rows = pair().rows();
        rows.purchases[0].auth.as_mut().unwrap().parked = Some(ParkReason::CardNotKnown);
        assert_broken(&rows, 6, "nobody's");
    }

    /// Spec import §8: what is told without a sale has to be the merchant's way, and tell of the payment's line.
    #[test]
    fn what_has_no_sale_is_explained_too() {
        let mut rows = pair().rows();
        (rows.exports[0].sale, rows.exports[0].match_type) = (None, MatchType::Spotted);
        assert_broken(&rows, 6, "it is Spotted, its payment's AUTH becomes Matched");
        let viator: Slug = "bpl-viator".parse().unwrap();
        rows.exports[0].merchant = viator.clone();
        rows.exports[0].facts.transaction_id = rows.purchases[0].key.id.clone();
        assert_broken(&rows, 6, "another payment");
        rows.purchases[0].auth.as_mut().unwrap().identifier.as_mut().unwrap().merchant = viator;
        assert_fine(&rows, 6);
        rows.exports[0].book_key.minor = MinorUnits(1);
        assert_broken(&rows, 6, "another amount");
    }

    #[test]
    fn it_tells_of_its_own_sale() {
        let mut rows = pair().rows();
        rows.exports[0].facts.transaction_id = "s9".into();
        assert_broken(&rows, 6, "another sale");
    }
}
