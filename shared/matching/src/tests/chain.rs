//! Spec match §18, fallback-chain vectors, and policies that the shipped definitions do not use.

use super::{ANOTHER, CARD, Expect, outcome, paid, payment, row, run, sale, shipped};
use crate::{Candidate, Decision, Evidence, OpenReason, Reason, decide};
use harmonia_definitions::Matching;
use harmonia_domain::feed::Scheme::{Amex, Mastercard, Visa};

fn policy(fallback: &str) -> Matching {
    let text = format!("window_days = 14\n[visa]\nkey = \"auth-code-or-time\"\nwithin_s = 60\nfallback = {fallback}");
    toml::from_str(&text).unwrap()
}

const BOTH: &str = r#"["time", "identity-first6-last4"]"#;

/// §18: list size, functions, per-step sizes, result.
#[test]
fn fallback_chain_vectors() {
    let pay = || paid("7", None, None);
    let near = |card| sale(1, "7", card);
    let far = |card| sale(90, "7", card);
    let three = |sales: [Candidate; 3]| sales.to_vec();
    let with_both = vec![
        row("3, t->1: K not run", pay(), three([near(ANOTHER), far(CARD), far(CARD)]), Expect::Match(0)),
        row("3, t->2, K->1", pay(), three([near(ANOTHER), near(CARD), far(CARD)]), Expect::Match(1)),
        row("3, t->0: K not run", pay(), three([far(CARD), far(ANOTHER), far(ANOTHER)]), Expect::None),
        row("3, t->3, K->2", pay(), three([near(CARD), near(CARD), near(ANOTHER)]), Expect::Tied(2)),
        row("1: nothing run", pay(), vec![far(ANOTHER)], Expect::Match(0)),
    ];
    run(&policy(BOTH), &[Visa], with_both);
    let without = vec![
        row("2, []", pay(), vec![near(CARD), far(ANOTHER)], Expect::Tied(2)),
        row("1, []", pay(), vec![far(ANOTHER)], Expect::Match(0)),
    ];
    run(&policy("[]"), &[Visa], without);
    // an order of their own: digits first, then time
    let swapped = vec![row("2, K->0", pay(), vec![near(ANOTHER), far(ANOTHER)], Expect::None)];
    run(&policy(r#"["identity-first6-last4", "time"]"#), &[Visa], swapped);
}

/// §4.8: once a single one is left, no further test is run; it need not pass them and they are no evidence.
#[test]
fn a_fallback_that_did_not_run_is_no_evidence() {
    let verdict = decide(&policy(BOTH), Visa, &paid("7", None, None), CARD.0, CARD.1, &[sale(90, "7", ANOTHER)]);
    let evidence = vec![Evidence::AuthCode, Evidence::SameUtcDay];
    assert_eq!(verdict.decision, Decision::Match { candidate: 0, evidence });
}

/// §5: a payment scheme that is not listed is never matched.
#[test]
fn no_policy_no_match() {
    let verdict = decide(&policy(BOTH), Amex, &payment(), CARD.0, CARD.1, &[sale(0, "", CARD)]);
    assert_eq!(verdict.decision, Decision::Open { why: OpenReason::NoPolicy });
    assert_eq!(verdict.reasons, [Reason::NoPolicy]);
}

/// No sale, or none in the window, is another state than none that fits.
#[test]
fn no_candidate() {
    let matching = shipped("wasabi-club");
    let none = decide(&matching, Visa, &payment(), CARD.0, CARD.1, &[]);
    assert_eq!(none.decision, Decision::Open { why: OpenReason::NoCandidate });
    let late = [Candidate { arrived: "2024-06-18T00:00:00Z".parse().unwrap(), ..sale(0, "", CARD) }];
    let verdict = decide(&matching, Visa, &payment(), CARD.0, CARD.1, &late);
    assert_eq!(verdict.decision, Decision::Open { why: OpenReason::NoCandidate });
    assert_eq!(verdict.reasons, [Reason::OutOfWindow { days: 14 }]);
}

/// §5: Mastercard auths have no code; the settlement brings it, and another branch decides.
#[test]
fn the_settlement_brings_the_code() {
    let sales = [sale(0, "8", CARD), sale(30, "7", CARD)];
    let before = decide(&policy(BOTH), Visa, &payment(), CARD.0, CARD.1, &sales);
    assert_eq!(outcome(&before), Expect::Tied(2));
    let after = decide(&policy(BOTH), Visa, &paid("7", None, None), CARD.0, CARD.1, &sales);
    assert_eq!(outcome(&after), Expect::Match(1));
    assert!(policy(BOTH).policy(Mastercard).is_none());
}

/// A sale without digits does not have the member's digits, even if the directory has none either.
#[test]
fn missing_digits_are_not_the_members() {
    let bare = || Candidate { first_six: None, last_four: None, ..sale(0, "", CARD) };
    let two = [bare(), Candidate { id: "x".into(), ..bare() }];
    let verdict = decide(&policy(BOTH), Visa, &payment(), "", "", &two);
    assert_eq!(outcome(&verdict), Expect::None);
}

/// A policy may compare the first six alone (no shipped one does).
#[test]
fn first_six_alone() {
    let text = "window_days = 14\n[amex]\nkey = \"time\"\nwithin_s = 60\n\
                payment_digits = { compare = \"first6\", when = \"first6\" }";
    let matching: Matching = toml::from_str(text).unwrap();
    let pay = paid("", Some(CARD.0), Some("0000"));
    let sales = vec![sale(0, "", ANOTHER), sale(0, "", CARD)];
    run(&matching, &[Amex], vec![row("first six", pay, sales, Expect::Match(1))]);
}
