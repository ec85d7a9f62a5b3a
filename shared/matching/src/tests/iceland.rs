//! Spec match §5.3, row by row.

use super::{ANOTHER, CARD, Expect, Row, paid, row, run, sale, shipped};
use harmonia_domain::feed::Scheme::{Amex, Mastercard, Visa};

const FALSY: [Option<&str>; 2] = [None, Some("")];
const SIX: Option<&str> = Some("422222");
const FOUR: Option<&str> = Some("5678");
/// The digits of the payment itself (a device's, not the member's card).
const DPAN: (&str, &str) = ("422222", "5678");

/// visa/mc, has auth.
#[test]
fn with_auth_code() {
    let matching = shipped("iceland-bonus-card");
    for six in [None, Some(""), SIX] {
        let pay = || paid("777", six, FOUR);
        let rows = vec![
            row(
                "any six: A 1",
                pay(),
                vec![sale(3600, "777", ANOTHER), sale(0, "888", CARD), sale(0, "", CARD)],
                Expect::Match(0),
            ),
            row(
                "any six: A 0",
                pay(),
                vec![sale(0, "888", CARD), sale(86_400, "777", CARD), sale(0, "777 ", CARD)],
                Expect::None,
            ),
        ];
        run(&matching, &[Visa, Mastercard], rows);
    }
    for six in FALSY {
        let pay = || paid("777", six, None);
        let far = || vec![sale(61, "777", CARD), sale(-3600, "777", CARD)];
        let rows = vec![
            row("A >=2, t60 1", pay(), vec![sale(61, "777", CARD), sale(60, "777", ANOTHER)], Expect::Match(1)),
            row("A >=2, t60 0", pay(), far(), Expect::None),
            row("t60 >=2, K6 1", pay(), vec![sale(0, "777", ANOTHER), sale(9, "777", CARD)], Expect::Match(1)),
            row("t60 >=2, K6 0", pay(), vec![sale(0, "777", ANOTHER), sale(9, "777", ANOTHER)], Expect::None),
            row("t60 >=2, K6 >=2", pay(), vec![sale(0, "777", CARD), sale(9, "777", CARD)], Expect::Tied(2)),
        ];
        run(&matching, &[Visa, Mastercard], rows);
    }
    let barred = vec![sale(61, "777", CARD), sale(60, "777", CARD)];
    let rows = vec![row("six truthy, A >=2: no fallback", paid("777", SIX, None), barred, Expect::Tied(2))];
    run(&matching, &[Visa, Mastercard], rows);
}

/// visa/mc, no auth code.
#[test]
fn without_auth_code() {
    let matching = shipped("iceland-bonus-card");
    for six in [None, Some(""), SIX] {
        run(&matching, &[Visa, Mastercard], one_or_none_in_time(six));
    }
    for six in FALSY {
        run(&matching, &[Visa, Mastercard], several_in_time(six));
    }
    let two = vec![sale(0, "", CARD), sale(9, "", ANOTHER)];
    let rows = vec![row("no auth, six truthy, T60 >=2", paid("", SIX, None), two, Expect::Tied(2))];
    run(&matching, &[Visa, Mastercard], rows);
}

fn one_or_none_in_time(six: Option<&str>) -> Vec<Row> {
    vec![
        row("T60 1", paid("", six, None), vec![sale(61, "777", CARD), sale(60, "777", ANOTHER)], Expect::Match(1)),
        row("T60 0", paid("", six, None), vec![sale(61, "", CARD), sale(-61, "", CARD)], Expect::None),
    ]
}

fn several_in_time(six: Option<&str>) -> Vec<Row> {
    let pay = || paid("", six, FOUR);
    vec![
        row("T60 >=2, K6 1", pay(), vec![sale(0, "", ANOTHER), sale(9, "", CARD)], Expect::Match(1)),
        row("T60 >=2, K6 0", pay(), vec![sale(0, "", ANOTHER), sale(9, "", ANOTHER)], Expect::None),
        row(
            "T60 >=2, K6 >=2",
            pay(),
            vec![sale(0, "", CARD), sale(9, "", CARD), sale(1, "", ANOTHER)],
            Expect::Tied(2),
        ),
    ]
}

/// amex, first six and last four truthy: D6 and T60, no fallback.
#[test]
fn amex_with_digits() {
    let pay = || paid("777", SIX, FOUR);
    let rows = vec![
        row(
            "D6+T60 1",
            pay(),
            vec![sale(0, "", DPAN), sale(0, "", ("422222", "0000")), sale(61, "", DPAN)],
            Expect::Match(0),
        ),
        row("D6+T60 0", pay(), vec![sale(0, "777", CARD), sale(-61, "777", DPAN)], Expect::None),
        row("D6+T60 >=2", pay(), vec![sale(0, "", DPAN), sale(60, "777", DPAN)], Expect::Tied(2)),
    ];
    run(&shipped("iceland-bonus-card"), &[Amex], rows);
}

/// amex, first six truthy, last four falsy: T60 without the digits, fallback barred.
#[test]
fn amex_with_first_six_only() {
    for four in FALSY {
        let pay = || paid("", SIX, four);
        let rows = vec![
            row("T60 1", pay(), vec![sale(60, "", CARD), sale(61, "", DPAN)], Expect::Match(0)),
            row("T60 0", pay(), vec![sale(61, "", DPAN)], Expect::None),
            row("T60 >=2, barred", pay(), vec![sale(0, "", CARD), sale(9, "", ANOTHER)], Expect::Tied(2)),
        ];
        run(&shipped("iceland-bonus-card"), &[Amex], rows);
    }
}

/// amex, first six falsy.
#[test]
fn amex_without_first_six() {
    let matching = shipped("iceland-bonus-card");
    for six in FALSY {
        run(&matching, &[Amex], one_or_none_in_time(six));
        run(&matching, &[Amex], several_in_time(six));
    }
}
