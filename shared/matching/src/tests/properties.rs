//! Whatever comes in: the engine agrees with the second reading of the tables, and order does not matter.

use super::{CARD, at, by_the_book, payment};
use crate::{Candidate, Decision, Reason, contends, decide, payment_codes, sale_code, sale_times};
use harmonia_definitions::Matching;
use harmonia_domain::{feed::Scheme, purchase::Current};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::sync::LazyLock;

const MERCHANTS: [&str; 6] = ["iceland-bonus-card", "costa", "wasabi-club", "itsu", "tgi-fridays", "stonegate"];
static ALL: LazyLock<[(&str, Matching); 6]> = LazyLock::new(|| MERCHANTS.map(|one| (one, super::shipped(one))));
static WASABI: LazyLock<Matching> = LazyLock::new(|| super::shipped("wasabi-club"));

fn by_the_book(merchant: &str, scheme: Scheme, payment: &Current, sales: &[Candidate]) -> Option<usize> {
    match merchant {
        "iceland-bonus-card" => by_the_book::iceland(scheme, payment, CARD, sales),
        "costa" => by_the_book::costa_or_wasabi(60, scheme, payment, CARD, sales),
        "wasabi-club" => by_the_book::costa_or_wasabi(180, scheme, payment, CARD, sales),
        other => by_the_book::with_last_four(other, scheme, payment, CARD, sales),
    }
}

fn later(start: Timestamp, micros: i64) -> Timestamp {
    start.checked_add(SignedDuration::from_micros(micros)).unwrap()
}

/// Around the borders of both tolerances and of the day.
fn distance() -> impl Strategy<Value = i64> {
    let seconds = prop::sample::select(vec![0, 1, 30, 60, 61, 179, 180, 181, 3_600, 43_199, 43_200, 86_400]);
    (seconds, prop::sample::select(vec![-1, 0, 1]), any::<bool>())
        .prop_map(|(s, micros, back): (i64, i64, bool)| (s * 1_000_000 + micros) * if back { -1 } else { 1 })
}

fn arrival() -> impl Strategy<Value = Timestamp> {
    let days = prop::sample::select(vec![0, 0, 0, 0, 1, 13, 14, 15, -14, -15]);
    (days, 0i64..86_400).prop_map(|(d, s)| later(at("2024-06-03T00:00:00Z"), (d * 86_400 + s) * 1_000_000))
}

fn text(choices: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    prop::sample::select(choices.to_vec()).prop_map(str::to_owned)
}

fn digits(choices: &[&'static str]) -> impl Strategy<Value = Option<String>> + use<> {
    prop::option::weighted(0.8, text(choices))
}

prop_compose! {
    fn a_payment()(
        from_noon in prop::sample::select(vec![0i64, -43_200, 43_199, 43_140, -43_140]),
        arrived in arrival(),
        auth_code in text(&["", "7", "8", " "]),
        first_six in digits(&["", "400000", "511111"]),
        last_four in digits(&["", "1234", "9876"]),
    ) -> Current {
        let at = later(payment().at, from_noon * 1_000_000);
        Current { at, arrived, auth_code, first_six, last_four, ..payment() }
    }
}

prop_compose! {
    fn a_sale(paid_at: Timestamp)(
        distance in distance(),
        arrived in arrival(),
        auth_code in text(&["", "7", "7", "8", " "]),
        first_six in digits(&["", "400000", "400000", "511111"]),
        last_four in digits(&["", "1234", "1234", "9876"]),
    ) -> Candidate {
        Candidate { id: String::new(), at: later(paid_at, distance), arrived, auth_code, first_six, last_four }
    }
}

fn a_case() -> impl Strategy<Value = (Scheme, Current, Vec<Candidate>)> {
    (prop::sample::select(Scheme::ALL.to_vec()), a_payment()).prop_flat_map(|(scheme, payment)| {
        let sales = prop::collection::vec(a_sale(payment.at), 0..7).prop_map(numbered);
        (Just(scheme), Just(payment), sales)
    })
}

fn numbered(sales: Vec<Candidate>) -> Vec<Candidate> {
    sales.into_iter().enumerate().map(|(i, sale)| Candidate { id: i.to_string(), ..sale }).collect()
}

fn chosen(decision: &Decision) -> Option<usize> {
    match decision {
        Decision::Match { candidate, .. } => Some(*candidate),
        Decision::Open { .. } => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Spec match §5.3-5.8: nothing else is matched, nothing else is left open.
    #[test]
    fn the_engine_reads_the_tables_like_everybody((scheme, payment, sales) in a_case()) {
        for (merchant, matching) in &*ALL {
            let verdict = decide(matching, scheme, &payment, CARD.0, CARD.1, &sales);
            let expected = by_the_book(merchant, scheme, &payment, &sales);
            prop_assert_eq!(chosen(&verdict.decision), expected, "{}", merchant);
        }
    }

    /// Invariant 6: one reason each; exactly the chosen one is called so; it lies in the range of the book query.
    #[test]
    fn every_verdict_is_complete((scheme, payment, sales) in a_case()) {
        let verdict = decide(&WASABI, scheme, &payment, CARD.0, CARD.1, &sales);
        prop_assert_eq!(verdict.reasons.len(), sales.len());
        let called: Vec<_> = (0..sales.len()).filter(|i| verdict.reasons[*i] == Reason::Chosen).collect();
        prop_assert_eq!(called, chosen(&verdict.decision).into_iter().collect::<Vec<_>>());
        if let Some(i) = chosen(&verdict.decision) {
            let (from, to) = sale_times(&WASABI, scheme, &payment).unwrap();
            prop_assert!(from <= sales[i].at && sales[i].at <= to);
        }
    }

    /// Design §4, invariant 4: the order of the book changes nothing.
    #[test]
    fn order_does_not_matter(
        ((scheme, payment, sales), shuffled) in a_case().prop_flat_map(|case| {
            let shuffled = Just(case.2.clone()).prop_shuffle();
            (Just(case), shuffled)
        })
    ) {
        for (_, matching) in &*ALL {
            let one = decide(matching, scheme, &payment, CARD.0, CARD.1, &sales);
            let other = decide(matching, scheme, &payment, CARD.0, CARD.1, &shuffled);
            let id = |list: &[Candidate], d: &Decision| chosen(d).map(|i| list[i].id.clone());
            prop_assert_eq!(id(&sales, &one.decision), id(&shuffled, &other.decision));
        }
    }

    /// A sale outside the range of the book query, or that its filter leaves out, cannot matter.
    #[test]
    fn the_query_is_wide_enough((scheme, payment, sales) in a_case()) {
        for (_, matching) in &*ALL {
            let Some((from, to)) = sale_times(matching, scheme, &payment) else { continue };
            let code = sale_code(matching, scheme, &payment);
            let asked = |s: &&Candidate| from <= s.at && s.at <= to && code.is_none_or(|code| s.auth_code == code);
            let near: Vec<_> = sales.iter().filter(asked).cloned().collect();
            let all = decide(matching, scheme, &payment, CARD.0, CARD.1, &sales);
            let some = decide(matching, scheme, &payment, CARD.0, CARD.1, &near);
            let id = |list: &[Candidate], d: &Decision| chosen(d).map(|i| list[i].id.clone());
            prop_assert_eq!(id(&sales, &all.decision), id(&near, &some.decision));
        }
    }

    /// Nobody whom a taken sale could matter to is left out of the query of open payments.
    #[test]
    fn every_contender_has_one_of_the_codes((scheme, payment, sales) in a_case()) {
        for (merchant, matching) in &*ALL {
            for sale in sales.iter().filter(|sale| contends(matching, scheme, &payment, sale)) {
                let codes = payment_codes(matching, scheme, sale);
                prop_assert!(codes.is_none_or(|c| c.contains(&payment.auth_code.as_str())), "{}", merchant);
            }
        }
    }

    /// A sale that could not take part changes nothing by being taken: whoever it was can be left alone.
    #[test]
    fn a_sale_that_does_not_contend_changes_nothing((scheme, payment, sales) in a_case()) {
        for (merchant, matching) in &*ALL {
            let tell = |sales: &[Candidate]| {
                let chosen = chosen(&decide(matching, scheme, &payment, CARD.0, CARD.1, sales).decision);
                chosen.map(|place| sales[place].id.clone())
            };
            for taken in sales.iter().filter(|sale| !contends(matching, scheme, &payment, sale)) {
                let rest: Vec<Candidate> = sales.iter().filter(|sale| sale.id != taken.id).cloned().collect();
                prop_assert_eq!(tell(&sales), tell(&rest), "{}", merchant);
            }
        }
    }
}
