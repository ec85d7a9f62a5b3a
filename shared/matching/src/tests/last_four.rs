//! Spec match §5.6-5.8, row by row: Itsu, TGI Fridays and Stonegate, who tell cards apart by the last four digits (K4)
//! and have no time test for a Visa payment without auth code (D15).

use super::{ANOTHER, CARD, Expect, at, paid, row, run, sale, shipped};
use crate::{Candidate, Decision, OpenReason, Reason, Whose, decide, sale_times};
use harmonia_domain::feed::Scheme::{Amex, Mastercard, Visa};
use jiff::Timestamp;

const ALL: [&str; 3] = ["itsu", "tgi-fridays", "stonegate"];
const SIX: Option<&str> = Some("422222");
const FOUR: Option<&str> = Some("5678");
/// The digits of the payment itself (a device's, not the member's card).
const DPAN: (&str, &str) = ("422222", "5678");
/// Another card with the member's last four: K4 does not look at the first six.
const HALF: (&str, &str) = ("511111", "1234");
const DAYS: i64 = 86_400;

/// §5.6 visa, has auth: yes. No time test; the fallback is never barred.
#[test]
fn visa_with_auth_code() {
    for (merchant, six) in ALL.into_iter().flat_map(|merchant| [(merchant, None), (merchant, SIX)]) {
        let pay = || paid("777", six, FOUR);
        let rows = vec![
            row(
                "A 1",
                pay(),
                vec![sale(43_199, "777", ANOTHER), sale(0, "888", CARD), sale(0, "", CARD)],
                Expect::Match(0),
            ),
            row("A 0", pay(), vec![sale(0, "888", CARD), sale(-43_201, "777", CARD)], Expect::None),
            row("A >=2, K4 1", pay(), vec![sale(0, "777", ANOTHER), sale(3600, "777", HALF)], Expect::Match(1)),
            row("A >=2, K4 0", pay(), vec![sale(0, "777", ANOTHER), sale(9, "777", DPAN)], Expect::None),
            row("A >=2, K4 >=2", pay(), vec![sale(0, "777", CARD), sale(3600, "777", HALF)], Expect::Tied(2)),
        ];
        run(&shipped(merchant), &[Visa], rows);
    }
}

/// §5.6 visa, has auth: no. C itself: whatever the sale's time and code.
#[test]
fn visa_without_auth_code() {
    for merchant in ALL {
        let pay = || paid("", None, None);
        let rows = vec![
            row("C 1", pay(), vec![sale(-300 * DAYS, "888", ANOTHER)], Expect::Match(0)),
            row("C >=2, K4 1", pay(), vec![sale(0, "", ANOTHER), sale(9 * DAYS, "1", HALF)], Expect::Match(1)),
            row("C >=2, K4 0", pay(), vec![sale(0, "", ANOTHER), sale(1, "", DPAN)], Expect::None),
            row("C >=2, K4 >=2", pay(), vec![sale(0, "", CARD), sale(9 * DAYS, "", HALF)], Expect::Tied(2)),
        ];
        run(&shipped(merchant), &[Visa], rows);
        let verdict = decide(&shipped(merchant), Visa, &pay(), CARD.0, CARD.1, &[]);
        assert_eq!(verdict.decision, Decision::Open { why: OpenReason::NoCandidate }, "C 0");
        let late = Candidate { arrived: at("2024-05-19T23:59:59Z"), ..sale(0, "", CARD) };
        let verdict = decide(&shipped(merchant), Visa, &pay(), CARD.0, CARD.1, &[late]);
        assert_eq!(verdict.decision, Decision::Open { why: OpenReason::NoCandidate }, "outside the window");
        assert_eq!(sale_times(&shipped(merchant), Visa, &pay()), Some((Timestamp::MIN, Timestamp::MAX)));
    }
}

/// §5.6 mastercard, has auth: yes. As the table of §5.5 with K4.
#[test]
fn mastercard_with_auth_code() {
    for (merchant, six) in ALL.into_iter().flat_map(|merchant| [(merchant, None), (merchant, SIX)]) {
        let pay = || paid("777", six, FOUR);
        let rows = vec![
            row("A 1", pay(), vec![sale(43_199, "777", ANOTHER), sale(0, "888", CARD)], Expect::Match(0)),
            row("A 0", pay(), vec![sale(0, "888", CARD), sale(-43_201, "777", CARD)], Expect::None),
            row("A >=2, t 1", pay(), vec![sale(181, "777", CARD), sale(180, "777", ANOTHER)], Expect::Match(1)),
            row("A >=2, t 0", pay(), vec![sale(181, "777", CARD), sale(-181, "777", CARD)], Expect::None),
            row("t >=2, K4 1", pay(), vec![sale(0, "777", ANOTHER), sale(9, "777", HALF)], Expect::Match(1)),
            row("t >=2, K4 0", pay(), vec![sale(0, "777", ANOTHER), sale(9, "777", DPAN)], Expect::None),
            row("t >=2, K4 >=2", pay(), vec![sale(0, "777", CARD), sale(9, "777", HALF)], Expect::Tied(2)),
        ];
        run(&shipped(merchant), &[Mastercard], rows);
    }
}

/// §5.6 mastercard, has auth: no.
#[test]
fn mastercard_without_auth_code() {
    for merchant in ALL {
        let pay = || paid("", None, None);
        let rows = vec![
            row("T 1", pay(), vec![sale(181, "", CARD), sale(-180, "1", ANOTHER)], Expect::Match(1)),
            row("T 0", pay(), vec![sale(181, "", CARD), sale(-181, "", CARD)], Expect::None),
            row("T >=2, K4 1", pay(), vec![sale(0, "", ANOTHER), sale(9, "", HALF)], Expect::Match(1)),
            row("T >=2, K4 0", pay(), vec![sale(0, "", ANOTHER), sale(9, "", DPAN)], Expect::None),
            row("T >=2, K4 >=2", pay(), vec![sale(0, "", CARD), sale(9, "", HALF)], Expect::Tied(2)),
        ];
        run(&shipped(merchant), &[Mastercard], rows);
    }
}

/// §5.6: Itsu never matches Amex.
#[test]
fn itsu_has_no_amex() {
    let verdict = decide(&shipped("itsu"), Amex, &paid("", None, None), CARD.0, CARD.1, &[sale(0, "", CARD)]);
    assert_eq!(verdict.decision, Decision::Open { why: OpenReason::NoPolicy });
    assert_eq!(sale_times(&shipped("itsu"), Amex, &paid("", None, None)), None);
}

/// §5.7 amex, first six truthy: D6(T), fallback barred.
#[test]
fn tgi_fridays_amex_with_first_six() {
    let pay = || paid("777", SIX, FOUR);
    let same_four = ("400000", "5678");
    let rows = vec![
        row("D6(T) 1", pay(), vec![sale(180, "", DPAN), sale(181, "", DPAN), sale(0, "", same_four)], Expect::Match(0)),
        row("D6(T) 0", pay(), vec![sale(0, "", same_four), sale(0, "", CARD)], Expect::None),
        row("D6(T) >=2", pay(), vec![sale(0, "", DPAN), sale(180, "", DPAN)], Expect::Tied(2)),
    ];
    run(&shipped("tgi-fridays"), &[Amex], rows);
    let without = Candidate { last_four: None, ..sale(0, "", DPAN) };
    let rows = vec![row("last four missing", paid("", SIX, None), vec![sale(9, "", DPAN), without], Expect::Match(1))];
    run(&shipped("tgi-fridays"), &[Amex], rows);
}

/// §5.7 amex, first six falsy.
#[test]
fn tgi_fridays_amex_without_first_six() {
    for six in [None, Some("")] {
        amex_without_digits("tgi-fridays", six, FOUR);
    }
}

/// §5.8 amex, last four truthy: D4(T), fallback barred. The first six do not matter.
#[test]
fn stonegate_amex_with_last_four() {
    for six in [None, Some(""), SIX] {
        let pay = || paid("777", six, FOUR);
        let same_four = ("400000", "5678");
        let rows = vec![
            row(
                "D4(T) 1",
                pay(),
                vec![sale(180, "", same_four), sale(181, "", DPAN), sale(0, "", CARD)],
                Expect::Match(0),
            ),
            row("D4(T) 0", pay(), vec![sale(0, "", CARD), sale(181, "", DPAN)], Expect::None),
            row("D4(T) >=2", pay(), vec![sale(0, "", DPAN), sale(180, "", same_four)], Expect::Tied(2)),
        ];
        run(&shipped("stonegate"), &[Amex], rows);
    }
}

/// §5.8 amex, last four falsy, whatever the first six.
#[test]
fn stonegate_amex_without_last_four() {
    for (six, four) in [(None, None), (SIX, None), (SIX, Some(""))] {
        amex_without_digits("stonegate", six, four);
    }
}

fn amex_without_digits(merchant: &str, six: Option<&str>, four: Option<&str>) {
    let pay = || paid("", six, four);
    let rows = vec![
        row("T 1", pay(), vec![sale(180, "", ANOTHER), sale(181, "", CARD)], Expect::Match(0)),
        row("T 0", pay(), vec![sale(181, "", CARD)], Expect::None),
        row("T >=2, K4 1", pay(), vec![sale(0, "", ANOTHER), sale(9, "", HALF)], Expect::Match(1)),
        row("T >=2, K4 0", pay(), vec![sale(0, "", DPAN), sale(9, "", ANOTHER)], Expect::None),
        row("T >=2, K4 >=2", pay(), vec![sale(0, "", CARD), sale(9, "", HALF)], Expect::Tied(2)),
    ];
    run(&shipped(merchant), &[Amex], rows);
}

/// Invariant 6: the evidence names the test that decided, even if there was none.
#[test]
fn evidence_and_reasons() {
    let matching = shipped("stonegate");
    let tell = |code, sales: &[Candidate]| decide(&matching, Visa, &paid(code, None, None), CARD.0, CARD.1, sales);
    let evidence = |decision| match decision {
        Decision::Match { evidence, .. } => evidence.iter().map(ToString::to_string).collect::<Vec<_>>(),
        other @ Decision::Open { .. } => panic!("{other:?}"),
    };
    assert_eq!(evidence(tell("", &[sale(0, "", ANOTHER)]).decision), ["only-candidate"]);
    let both = tell("", &[sale(0, "", ANOTHER), sale(0, "", HALF)]);
    assert_eq!(both.reasons[0], Reason::Digits { whose: Whose::Identity, first_six: false, last_four: true });
    assert_eq!(both.reasons[0].to_string(), "last four differ from the member's card");
    assert_eq!(evidence(both.decision), ["identity-last4"]);
    assert_eq!(evidence(tell("7", &[sale(9, "7", CARD)]).decision), ["auth-code", "same-utc-day"]);
}
