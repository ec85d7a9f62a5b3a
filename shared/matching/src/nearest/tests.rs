//! Invariant 6: what is told of an open payment is what the engine does, with both values of each failing field.

use super::{
    AnySale, Difference, Money, Near, Nearest, Paid, Span, Standing, evidence_in_words, nearest_payments, nearest_sales,
};
use crate::{
    Candidate, Decision, OpenReason, decide,
    tests::{ANOTHER, CARD, paid, payment, sale, shipped},
};
use harmonia_domain::{
    feed::Scheme,
    money::{Currency, MinorUnits},
    purchase::Current,
};
use jiff::SignedDuration;
use proptest::prelude::*;

fn any(facts: Candidate) -> AnySale {
    AnySale {
        scheme: Scheme::Visa,
        mids: vec!["m".into()],
        currency: Currency::GBP,
        amount: MinorUnits(1234),
        facts,
        standing: Standing::Open,
    }
}

fn of(now: &Current) -> Paid<'_> {
    Paid { scheme: Scheme::Visa, now, authorised: None, first_six: CARD.0, last_four: CARD.1, bars: &[] }
}

fn asked(now: &Current, sales: &[AnySale]) -> Nearest {
    nearest_sales(&shipped("wasabi-club"), &of(now), sales)
}

fn told(now: &Current, sales: &[AnySale]) -> Vec<String> {
    asked(now, sales).near.iter().map(ToString::to_string).collect()
}

/// The sentences of the issue.
#[test]
fn each_field_is_told_with_by_how_much() {
    let without = payment();
    let with = paid("123456", None, None);
    let other = |change: fn(&mut AnySale)| {
        let mut sale = any(sale(60, "123456", CARD));
        change(&mut sale);
        sale
    };
    for (now, sale, words) in [
        (&without, any(sale(250, "", CARD)), "same MID, amount and last four, 4 min 10 s apart, limit 3 min"),
        (&with, any(sale(5, "654321", ANOTHER)), "same MID and amount, auth code 123456 against 654321, 5 s apart"),
        (&with, any(sale(5, "", ANOTHER)), "same MID and amount, auth code 123456 against none, 5 s apart"),
        (
            &with,
            any(sale(13 * 3_600, "123456", CARD)),
            "same MID, amount, auth code and last four, UTC day 2024-06-03 against 2024-06-04, 13 h apart",
        ),
        (
            &with,
            other(|s| s.amount = MinorUnits(1134)),
            "same MID, auth code and last four, 12.34 GBP against 11.34, 1.00 more than the sale, 1 min apart",
        ),
        (
            &with,
            other(|s| s.currency = Currency::parse("EUR").unwrap()),
            "same MID, amount, auth code and last four, GBP against EUR, 1 min apart",
        ),
        (
            &with,
            other(|s| s.mids = vec!["a".into(), "b".into()]),
            "same amount, auth code and last four, MID m against a or b, 1 min apart",
        ),
        (
            &with,
            other(|s| s.scheme = Scheme::Amex),
            "same MID, amount, auth code and last four, payment scheme visa against amex, 1 min apart",
        ),
        (
            &with,
            other(|s| s.standing = Standing::Claimed { by: "visa 7".into() }),
            "same MID, amount, auth code and last four, matched with payment visa 7, 1 min apart",
        ),
        (
            &with,
            other(|s| s.standing = Standing::Hidden),
            "same MID, amount, auth code and last four, its file is not closed yet, 1 min apart",
        ),
        (
            &with,
            other(|s| s.facts.arrived += SignedDuration::from_hours(24 * 20)),
            "same MID, amount, auth code and last four, arrived 20 d apart, limit 14 days, 1 min apart",
        ),
    ] {
        assert_eq!(told(now, &[sale]), [words]);
    }
}

/// D12 and the tip: the auth was equal, the settlement is not.
#[test]
fn a_settlement_that_changed_the_amount_is_told() {
    let now = Current { amount: MinorUnits(1434), ..paid("123456", None, None) };
    let asked = Paid { authorised: Some(MinorUnits(1234)), ..of(&now) };
    let near = nearest_sales(&shipped("wasabi-club"), &asked, &[any(sale(0, "123456", CARD))]).near;
    let [Near { differences, .. }] = &near[..] else { panic!("{near:?}") };
    assert!(matches!(differences[..], [Difference::Amount { authorised: Some(MinorUnits(1234)), .. }]), "{near:?}");
    assert!(near[0].to_string().contains("2.00 more than the sale (the settlement changed it: the auth was equal)"));
}

/// Spec match §4.8: ties and fallbacks are the engine's to say.
#[test]
fn a_tie_and_a_failed_fallback_are_told() {
    let now = paid("123456", None, None);
    let asked = asked(&now, &[any(sale(1, "123456", CARD)), any(sale(2, "123456", CARD))]);
    assert_eq!(asked.decision, Decision::Open { why: OpenReason::Ambiguous { left: 2 } });
    let [one, two] = &asked.near[..] else { panic!("{asked:?}") };
    assert_eq!((one.index, two.index), (0, 1));
    assert!(one.to_string().contains("two sales fit equally"), "{one}");
    let words =
        told(&now, &[any(sale(1, "123456", ANOTHER)), any(sale(200, "123456", CARD)), any(sale(2, "123456", ANOTHER))]);
    assert_eq!(words[0], "same MID, amount, auth code and last four, 3 min 20 s apart, limit 3 min");
    assert!(words[1].contains("first six 400000 against 511111, last four 1234 against 9876 (of the member's card)"));
}

/// One that fits has nothing against it.
#[test]
fn one_that_fits_has_no_difference() {
    let asked = asked(&paid("123456", None, None), &[any(sale(1, "123456", CARD)), any(sale(1, "999999", CARD))]);
    assert!(matches!(asked.decision, Decision::Match { candidate: 0, .. }));
    assert_eq!((asked.near[0].index, asked.near[0].differences.len()), (0, 0));
}

/// Fewest and smallest differences first; an equal auth code counts strongly.
#[test]
fn the_nearest_comes_first() {
    let now = paid("123456", None, None);
    let tip = AnySale { amount: MinorUnits(1134), ..any(sale(300, "123456", CARD)) };
    let typed_wrong = any(sale(60, "123465", CARD));
    let another = any(sale(60, "999000", ANOTHER));
    let later = any(sale(3 * 3_600, "999000", ANOTHER));
    let order: Vec<usize> =
        asked(&now, &[later, another, typed_wrong, tip]).near.iter().map(|near| near.index).collect();
    assert_eq!(order, [3, 2, 1, 0]);
}

/// What has nothing in common but the till is not near.
#[test]
fn another_purchase_is_not_near() {
    let now = paid("123456", None, None);
    let cheaper = AnySale { amount: MinorUnits(999), ..any(sale(60, "888888", ANOTHER)) };
    let elsewhere = AnySale { mids: vec!["n".into()], ..any(sale(40 * 3_600, "888888", ANOTHER)) };
    assert!(told(&now, &[cheaper, elsewhere]).is_empty());
}

/// The sale's side says the same as the payment's.
#[test]
fn both_sides_say_the_same() {
    let (now, far) = (payment(), Current { amount: MinorUnits(1), ..payment() });
    let sold = any(sale(250, "", CARD));
    let near = nearest_payments(&shipped("wasabi-club"), &sold, &[of(&far), of(&now)]);
    assert_eq!(near.iter().map(|n| n.index).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(near[0].to_string(), told(&now, &[sold])[0]);
}

#[test]
fn distances_read_as_people_say_them() {
    let span = |seconds| Span(SignedDuration::from_secs(seconds)).to_string();
    assert_eq!(
        [0, 59, 60, 180, 250, -250, 3_600, 3_660, 86_400, 90_000].map(span),
        ["0 s", "59 s", "1 min", "3 min", "4 min 10 s", "4 min 10 s", "1 h", "1 h 1 min", "1 d", "1 d 1 h"]
    );
    assert_eq!(Span(SignedDuration::new(180, 1_000)).to_string(), "3 min 0.000001 s");
    assert_eq!([-5, 1234].map(|minor| Money(MinorUnits(minor), Currency::GBP).to_string()), ["-0.05 GBP", "12.34 GBP"]);
}

#[test]
fn evidence_reads_as_words() {
    for (code, words) in [
        ("auth-code", "equal auth code"),
        ("time:+19s", "the sale 19 s after the payment"),
        ("time:-0.000001s", "the sale 0.000001 s before the payment"),
        ("time:+0s", "at the same time"),
        ("streamed:auth", "its merchant is told of each auth line"),
        ("time:", "time:"),
        ("time:s", "time:s"),
        ("something-new", "something-new"),
    ] {
        assert_eq!(evidence_in_words(code), words);
    }
}

prop_compose! {
    fn a_sale()(
        offset_s in -200_000_i64..200_000, code in "[12]{0,2}", card in prop::sample::select(vec![CARD, ANOTHER]),
        minor in 1233_i64..1236, mid in "[mn]", days in 0_i64..20,
    ) -> AnySale {
        let mut facts = sale(offset_s, &code, card);
        facts.arrived += SignedDuration::from_hours(24 * days);
        AnySale { amount: MinorUnits(minor), mids: vec![mid], ..any(facts) }
    }
}

proptest! {
    /// A line has no difference exactly if the engine would take it.
    #[test]
    fn only_the_chosen_one_has_no_difference(
        code in "[12]{0,2}", merchant in prop::sample::select(vec!["wasabi-club", "stonegate", "iceland-bonus-card"]),
        sales in prop::collection::vec(a_sale(), 0..6),
    ) {
        let (now, matching) = (paid(&code, None, None), shipped(merchant));
        let asked = nearest_sales(&matching, &of(&now), &sales);
        let key = |s: &&AnySale| s.amount == now.amount && s.mids == [now.mid.clone()];
        let candidates: Vec<Candidate> = sales.iter().filter(key).map(|s| s.facts.clone()).collect();
        let verdict = decide(&matching, Scheme::Visa, &now, CARD.0, CARD.1, &candidates);
        prop_assert_eq!(&verdict.decision, &asked.decision);
        let fitting: Vec<&Near> = asked.near.iter().filter(|near| near.differences.is_empty()).collect();
        match verdict.decision {
            Decision::Match { candidate, .. } => {
                prop_assert_eq!(fitting.len(), 1);
                prop_assert_eq!(&sales[fitting[0].index].facts, &candidates[candidate]);
            }
            Decision::Open { .. } => prop_assert!(fitting.is_empty(), "{:?}", fitting),
        }
    }
}
