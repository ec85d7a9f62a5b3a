//! Spec match §5.2 and §5.9, row by row: policies that are ready and registered for nobody.

use super::{ANOTHER, CARD, Expect, at, matching_of, paid, row, run, sale};
use crate::{Candidate, Decision, Evidence, OpenReason, decide, sale_times};
use harmonia_definitions::{Definition, Matching};
use harmonia_domain::feed::Scheme::{self, Amex, Mastercard, Visa};
use jiff::Timestamp;

const GENERIC: &str = include_str!("../../../definitions/policies/generic-loyalty.toml");
const SLIM: &str = include_str!("../../../definitions/policies/slim-chickens-loyalty.toml");
/// Another card with the member's last four.
const HALF: (&str, &str) = ("511111", "1234");
const DAYS: i64 = 86_400;

fn open(matching: &Matching, scheme: Scheme, sales: &[Candidate]) -> OpenReason {
    match decide(matching, scheme, &paid("1", None, None), CARD.0, CARD.1, sales).decision {
        Decision::Open { why } => why,
        matched @ Decision::Match { .. } => panic!("{matched:?}"),
    }
}

/// §5.2: 1 → M, 0 or ≥2 → –.
#[test]
fn generic_loyalty() {
    let generic = matching_of(GENERIC);
    for code in ["", "777"] {
        let rows = vec![
            row("1", paid(code, None, None), vec![sale(-300 * DAYS, "888", ANOTHER)], Expect::Match(0)),
            row("2", paid(code, None, None), vec![sale(0, code, CARD), sale(9 * DAYS, "", ANOTHER)], Expect::Tied(2)),
        ];
        run(&generic, &[Visa, Mastercard, Amex], rows);
    }
    assert_eq!(open(&generic, Visa, &[]), OpenReason::NoCandidate);
    let late = Candidate { arrived: at("2024-05-19T23:59:59Z"), ..sale(0, "1", CARD) };
    assert_eq!(open(&generic, Visa, &[late]), OpenReason::NoCandidate, "outside the window");
    let everything = Some((Timestamp::MIN, Timestamp::MAX));
    assert_eq!(sale_times(&generic, Amex, &paid("1", None, None)), everything);
    let alone = decide(&generic, Visa, &paid("1", None, None), CARD.0, CARD.1, &[sale(0, "1", CARD)]);
    assert_eq!(
        alone.decision,
        Decision::Match { candidate: 0, evidence: vec![Evidence::OnlyCandidate] },
        "it says what it rests on"
    );
}

/// §5.9, visa: Itsu's table.
#[test]
fn slim_chickens_visa() {
    let (code, none) = (|| paid("777", None, None), || paid("", None, None));
    let rows = vec![
        row("A 1", code(), vec![sale(43_199, "777", ANOTHER), sale(0, "888", CARD)], Expect::Match(0)),
        row("A 0", code(), vec![sale(0, "888", CARD), sale(-43_201, "777", CARD)], Expect::None),
        row("A >=2, K4 1", code(), vec![sale(0, "777", ANOTHER), sale(3600, "777", HALF)], Expect::Match(1)),
        row("A >=2, K4 0", code(), vec![sale(0, "777", ANOTHER), sale(9, "777", ANOTHER)], Expect::None),
        row("A >=2, K4 >=2", code(), vec![sale(0, "777", CARD), sale(9, "777", HALF)], Expect::Tied(2)),
        row("C 1", none(), vec![sale(-300 * DAYS, "888", ANOTHER)], Expect::Match(0)),
        row("C >=2, K4 1", none(), vec![sale(0, "", ANOTHER), sale(9 * DAYS, "1", HALF)], Expect::Match(1)),
        row("C >=2, K4 0", none(), vec![sale(0, "", ANOTHER), sale(1, "", ANOTHER)], Expect::None),
        row("C >=2, K4 >=2", none(), vec![sale(0, "", CARD), sale(9 * DAYS, "", HALF)], Expect::Tied(2)),
    ];
    run(&matching_of(SLIM), &[Visa], rows);
}

/// §5.9, mastercard: Itsu's table with T120; amex is unsupported.
#[test]
fn slim_chickens_mastercard_and_amex() {
    let (code, none) = (|| paid("777", None, None), || paid("", None, None));
    let rows = vec![
        row("A 1", code(), vec![sale(43_199, "777", ANOTHER), sale(0, "888", CARD)], Expect::Match(0)),
        row("A 0", code(), vec![sale(0, "888", CARD)], Expect::None),
        row("A >=2, t 1", code(), vec![sale(121, "777", CARD), sale(120, "777", ANOTHER)], Expect::Match(1)),
        row("A >=2, t 0", code(), vec![sale(121, "777", CARD), sale(-121, "777", CARD)], Expect::None),
        row("t >=2, K4 1", code(), vec![sale(0, "777", ANOTHER), sale(9, "777", HALF)], Expect::Match(1)),
        row("t >=2, K4 0", code(), vec![sale(0, "777", ANOTHER), sale(9, "777", ANOTHER)], Expect::None),
        row("t >=2, K4 >=2", code(), vec![sale(0, "777", CARD), sale(9, "777", HALF)], Expect::Tied(2)),
        row("T 1", none(), vec![sale(121, "", CARD), sale(-120, "1", ANOTHER)], Expect::Match(1)),
        row("T 0", none(), vec![sale(121, "", CARD), sale(-121, "", CARD)], Expect::None),
        row("T >=2, K4 1", none(), vec![sale(0, "", ANOTHER), sale(9, "", HALF)], Expect::Match(1)),
        row("T >=2, K4 >=2", none(), vec![sale(0, "", CARD), sale(9, "", HALF)], Expect::Tied(2)),
    ];
    run(&matching_of(SLIM), &[Mastercard], rows);
    assert_eq!(open(&matching_of(SLIM), Amex, &[sale(0, "1", CARD)]), OpenReason::NoPolicy);
}

/// They are parts of definitions as they stand.
#[test]
fn they_fit_into_a_definition() {
    let itsu = include_str!("../../../definitions/merchants/itsu.toml");
    let (head, _) = itsu.split_once("[match]").unwrap();
    for policy in [GENERIC, SLIM] {
        let definition = Definition::from_toml(&format!("{head}\n{policy}"), "policy.toml").unwrap();
        assert_eq!(definition.matching, Some(matching_of(policy)));
    }
}
