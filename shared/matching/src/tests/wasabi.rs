//! Spec match §5.4/5.5, row by row: Costa with 60 s, Wasabi with 180 s.

use super::{ANOTHER, CARD, Expect, paid, row, run, sale, shipped};
use crate::{Candidate, Decision, Reason, Whose, decide};
use harmonia_domain::feed::Scheme::{Amex, Mastercard, Visa};

/// Who has these tables, and the tolerance.
const MERCHANTS: [(&str, i64); 2] = [("costa", 60), ("wasabi-club", 180)];
const SIX: Option<&str> = Some("422222");
const DPAN: (&str, &str) = ("422222", "5678");

/// visa/mastercard, has auth: yes. The fallback is not barred by the payment's first six.
#[test]
fn with_auth_code() {
    for (merchant, t) in MERCHANTS {
        for six in [None, Some(""), SIX] {
            let pay = || paid("777", six, None);
            let rows = vec![
                row("A 1", pay(), vec![sale(t + 1, "777", ANOTHER), sale(0, "888", CARD)], Expect::Match(0)),
                row("A 0", pay(), vec![sale(0, "888", CARD), sale(-43_201, "777", CARD)], Expect::None),
                row("A >=2, t 1", pay(), vec![sale(t + 1, "777", CARD), sale(t, "777", ANOTHER)], Expect::Match(1)),
                row("A >=2, t 0", pay(), vec![sale(t + 1, "777", CARD), sale(-t - 1, "777", CARD)], Expect::None),
                row("t >=2, K6 1", pay(), vec![sale(0, "777", ANOTHER), sale(9, "777", CARD)], Expect::Match(1)),
                row("t >=2, K6 0", pay(), vec![sale(0, "777", ANOTHER), sale(9, "777", ANOTHER)], Expect::None),
                row("t >=2, K6 >=2", pay(), vec![sale(0, "777", CARD), sale(9, "777", CARD)], Expect::Tied(2)),
            ];
            run(&shipped(merchant), &[Visa, Mastercard], rows);
        }
    }
}

/// visa/mastercard, has auth: no.
#[test]
fn without_auth_code() {
    for (merchant, t) in MERCHANTS {
        for six in [None, Some(""), SIX] {
            let pay = || paid("", six, None);
            let half = ("400000", "9876");
            let rows = vec![
                row("T 1", pay(), vec![sale(t + 1, "", CARD), sale(-t, "1", ANOTHER)], Expect::Match(1)),
                row("T 0", pay(), vec![sale(t + 1, "", CARD)], Expect::None),
                row("T >=2, K6 1", pay(), vec![sale(0, "", half), sale(9, "", CARD)], Expect::Match(1)),
                row("T >=2, K6 0", pay(), vec![sale(0, "", half), sale(9, "", ANOTHER)], Expect::None),
                row("T >=2, K6 >=2", pay(), vec![sale(0, "", CARD), sale(9, "", CARD)], Expect::Tied(2)),
            ];
            run(&shipped(merchant), &[Visa, Mastercard], rows);
        }
    }
}

/// §5 notation: a string of spaces counts as an auth code.
#[test]
fn blanks_are_an_auth_code() {
    for (merchant, _) in MERCHANTS {
        let two = vec![sale(0, "", CARD), sale(3600, "  ", CARD)];
        let rows = vec![row("A 1", paid("  ", None, None), two, Expect::Match(1))];
        run(&shipped(merchant), &[Visa, Mastercard], rows);
    }
}

/// amex, first six truthy: D6(T(C)), fallback barred.
#[test]
fn amex_with_first_six() {
    for (merchant, t) in MERCHANTS {
        let pay = || paid("777", SIX, Some("5678"));
        let rows = vec![
            row("D6(T) 1", pay(), vec![sale(0, "", DPAN), sale(t + 1, "", DPAN), sale(0, "", CARD)], Expect::Match(0)),
            row("D6(T) 0", pay(), vec![sale(0, "777", ("422222", "5679"))], Expect::None),
            row("D6(T) >=2", pay(), vec![sale(0, "", DPAN), sale(t, "", DPAN)], Expect::Tied(2)),
        ];
        run(&shipped(merchant), &[Amex], rows);
    }
}

/// §5.5: a missing last four of the payment means that the sale has none either; `""` is not missing.
#[test]
fn amex_with_first_six_only() {
    for (merchant, _) in MERCHANTS {
        let without = || Candidate { last_four: None, ..sale(0, "", DPAN) };
        let empty = || Candidate { last_four: Some(String::new()), ..sale(1, "", DPAN) };
        let sales = || vec![sale(9, "", DPAN), without(), empty()];
        let rows = vec![
            row("last four missing", paid("", SIX, None), sales(), Expect::Match(1)),
            row("last four empty", paid("", SIX, Some("")), sales(), Expect::Match(2)),
        ];
        run(&shipped(merchant), &[Amex], rows);
    }
}

/// amex, first six falsy.
#[test]
fn amex_without_first_six() {
    for (merchant, t) in MERCHANTS {
        for six in [None, Some("")] {
            let pay = || paid("", six, Some("5678"));
            let rows = vec![
                row("T 1", pay(), vec![sale(t, "", ANOTHER), sale(t + 1, "", CARD)], Expect::Match(0)),
                row("T 0", pay(), vec![sale(t + 1, "", CARD)], Expect::None),
                row("T >=2, K6 1", pay(), vec![sale(0, "", ANOTHER), sale(9, "", CARD)], Expect::Match(1)),
                row("T >=2, K6 0", pay(), vec![sale(0, "", DPAN), sale(9, "", ANOTHER)], Expect::None),
                row("T >=2, K6 >=2", pay(), vec![sale(0, "", CARD), sale(9, "", CARD)], Expect::Tied(2)),
            ];
            run(&shipped(merchant), &[Amex], rows);
        }
    }
}

/// Invariant 6: every candidate has its reason, and the match its evidence.
#[test]
fn every_candidate_has_its_reason() {
    let sales = [
        sale(19, "777", CARD),
        sale(0, "888", CARD),
        sale(-43_201, "777", CARD),
        sale(181, "777", CARD),
        sale(20, "777", ANOTHER),
        Candidate { arrived: "2024-05-19T23:59:59Z".parse().unwrap(), ..sale(0, "777", CARD) },
    ];
    let verdict = decide(&shipped("wasabi-club"), Visa, &paid("777", None, None), CARD.0, CARD.1, &sales);
    let Decision::Match { candidate: 0, evidence } = verdict.decision else { panic!("{:?}", verdict.decision) };
    let codes: Vec<String> = evidence.iter().map(ToString::to_string).collect();
    assert_eq!(codes, ["auth-code", "same-utc-day", "time:+19s", "identity-digits"]);
    let words: Vec<_> = verdict.reasons.iter().map(ToString::to_string).collect();
    let expected = [
        "chosen",
        "another auth code",
        "on 2024-06-02 UTC, the payment on 2024-06-03",
        "+181s from the payment, limit 180s",
        "first six and last four differ from the member's card",
        "arrived more than 14 days apart",
    ];
    assert_eq!(words, expected);
    assert_eq!(verdict.reasons[4], Reason::Digits { whose: Whose::Identity, first_six: true, last_four: true });
}
