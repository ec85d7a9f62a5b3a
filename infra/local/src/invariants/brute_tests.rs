//! One case for each row of the tables of spec match §5.3 to §5.8 and of spec import §8, and the borders of the window.

use super::{
    brute::{Becomes, Payment, becomes, matching_sale},
    fixtures::{facts, noon, purchase_of, sale_of},
};
use harmonia_domain::{
    feed::{Kind, Scheme},
    money::{Currency, MinorUnits},
    purchase::PaymentFacts,
    sale::Sale,
};
use jiff::{SignedDuration, Timestamp};

use Scheme::{Amex, Mastercard, Visa};

const ICELAND: &str = "iceland-bonus-card";
const WASABI: &str = "wasabi-club";
const ITSU: &str = "itsu";
const TGI_FRIDAYS: &str = "tgi-fridays";
const STONEGATE: &str = "stonegate";
/// The member's card, as the directory knows it.
const MEMBER: (&str, &str) = ("424242", "1111");
/// What the payment shows of its card where it shows anything.
const SHOWN: (&str, &str) = ("374245", "2222");

/// A sale so many seconds after the payment.
#[derive(Clone, Copy)]
struct S {
    seconds: i64,
    code: &'static str,
    card: (&'static str, &'static str),
}

/// Another card's sale, at once, with the payment's code.
const PLAIN: S = S { seconds: 0, code: "123456", card: ("555555", "0000") };
const FAR: S = S { seconds: 3_600, ..PLAIN };
const OTHER_CODE: S = S { code: "999999", ..PLAIN };
const OF_MEMBER: S = S { card: MEMBER, ..PLAIN };
const OF_SHOWN: S = S { card: SHOWN, ..PLAIN };
/// The last four digits are the member's, the others are not.
const HALF_MEMBER: S = S { card: ("999999", MEMBER.1), ..PLAIN };
/// The last four digits are the payment's, the others are not.
const HALF_SHOWN: S = S { card: ("999999", SHOWN.1), ..PLAIN };

/// The columns of a table: auth code or none, first six and last four shown or not.
#[derive(Clone, Copy)]
struct P {
    scheme: Scheme,
    auth: bool,
    six: bool,
    four: bool,
}

fn at(seconds: i64) -> Timestamp {
    noon() + SignedDuration::from_secs(seconds)
}

fn payment(p: P, slug: &str) -> PaymentFacts {
    let mut facts = facts(slug);
    if !p.auth {
        facts.auth_code.clear();
    }
    facts.first_six = p.six.then(|| SHOWN.0.to_owned());
    facts.last_four = p.four.then(|| SHOWN.1.to_owned());
    facts
}

fn sale(slug: &str, scheme: Scheme, number: usize, s: S) -> Sale {
    let mut sale = sale_of(slug, scheme, &number.to_string());
    (sale.at, sale.auth_code) = (at(s.seconds), s.code.into());
    (sale.first_six, sale.last_four) = (Some(s.card.0.into()), Some(s.card.1.into()));
    sale
}

fn chosen(scheme: Scheme, facts: PaymentFacts, sales: &[Sale]) -> Option<String> {
    let now = purchase_of(scheme, "p", facts).current().unwrap();
    let payment = Payment { scheme, now: &now, first_six: MEMBER.0, last_four: MEMBER.1 };
    let open: Vec<&Sale> = sales.iter().collect();
    matching_sale(&payment, &open).map(|sale| sale.id.clone())
}

/// Which of the sales is chosen, by its place; the order of the sales must not matter.
fn expect(slug: &str, p: P, sales: &[S], wants: Option<usize>) {
    let mut sales: Vec<Sale> = sales.iter().enumerate().map(|(n, s)| sale(slug, p.scheme, n, *s)).collect();
    let wants = wants.map(|n| n.to_string());
    assert_eq!(chosen(p.scheme, payment(p, slug), &sales), wants);
    sales.reverse();
    assert_eq!(chosen(p.scheme, payment(p, slug), &sales), wants, "reversed");
}

fn visa(auth: bool, six: bool) -> P {
    P { scheme: Visa, auth, six, four: false }
}

/// §5.3, visa and mastercard with auth code.
#[test]
fn iceland_with_auth_code() {
    for p in [visa(true, false), P { scheme: Mastercard, four: true, ..visa(true, false) }] {
        expect(ICELAND, p, &[FAR, OTHER_CODE], Some(0)); // A: 1
        expect(ICELAND, p, &[OTHER_CODE], None); // A: 0
        expect(ICELAND, p, &[FAR, PLAIN], Some(1)); // falsy, A: ≥2, t: 1
        expect(ICELAND, p, &[FAR, FAR], None); // falsy, A: ≥2, t: 0
        expect(ICELAND, p, &[PLAIN, OF_MEMBER, FAR], Some(1)); // falsy, t: ≥2, K6: 1
        expect(ICELAND, p, &[PLAIN, PLAIN], None); // falsy, t: ≥2, K6: 0
        expect(ICELAND, p, &[OF_MEMBER, OF_MEMBER], None); // falsy, t: ≥2, K6: ≥2
    }
    let p = P { four: true, ..visa(true, true) };
    expect(ICELAND, p, &[FAR, OTHER_CODE], Some(0)); // truthy, A: 1
    expect(ICELAND, p, &[FAR, PLAIN], None); // truthy, A: ≥2: no fallback
}

/// §5.3, visa and mastercard without auth code.
#[test]
fn iceland_without_auth_code() {
    for p in [visa(false, false), P { scheme: Mastercard, ..visa(false, false) }] {
        expect(ICELAND, p, &[S { seconds: 60, ..PLAIN }, S { seconds: 61, ..PLAIN }], Some(0)); // T60: 1
        expect(ICELAND, p, &[S { seconds: -61, ..PLAIN }, FAR], None); // T60: 0
        expect(ICELAND, p, &[PLAIN, OF_MEMBER], Some(1)); // falsy, ≥2, K6: 1
        expect(ICELAND, p, &[PLAIN, PLAIN], None); // falsy, ≥2, K6: 0
        expect(ICELAND, p, &[OF_MEMBER, OF_MEMBER], None); // falsy, ≥2, K6: ≥2
    }
    expect(ICELAND, visa(false, true), &[S { seconds: -60, ..OTHER_CODE }], Some(0)); // truthy, T60: 1
    expect(ICELAND, visa(false, true), &[PLAIN, OF_MEMBER], None); // truthy, T60: ≥2
}

/// §5.3, amex.
#[test]
fn iceland_amex() {
    let both = P { scheme: Amex, auth: false, six: true, four: true };
    expect(ICELAND, both, &[PLAIN, OF_SHOWN, S { seconds: 61, ..OF_SHOWN }], Some(1)); // D6+T60: 1
    expect(ICELAND, both, &[PLAIN], None); // D6+T60: 0
    expect(ICELAND, both, &[OF_SHOWN, OF_SHOWN], None); // D6+T60: ≥2
    let only_six = P { four: false, ..both };
    expect(ICELAND, only_six, &[PLAIN, FAR], Some(0)); // T60, no digits asked: 1
    expect(ICELAND, only_six, &[FAR], None); // T60: 0
    expect(ICELAND, only_six, &[PLAIN, OF_MEMBER], None); // T60: ≥2, fallback barred
    for p in [P { six: false, ..both }, P { six: false, four: false, ..both }] {
        expect(ICELAND, p, &[PLAIN, FAR], Some(0)); // falsy, T60: 1
        expect(ICELAND, p, &[FAR], None); // falsy, T60: 0
        expect(ICELAND, p, &[PLAIN, OF_MEMBER], Some(1)); // falsy, ≥2, K6: 1
        expect(ICELAND, p, &[PLAIN, PLAIN], None); // falsy, ≥2, K6: 0
        expect(ICELAND, p, &[OF_MEMBER, OF_MEMBER], None); // falsy, ≥2, K6: ≥2
    }
}

/// §5.5, visa and mastercard: first six digits bar nothing.
#[test]
fn wasabi_visa_and_mastercard() {
    for p in [visa(true, false), visa(true, true), P { scheme: Mastercard, ..visa(true, true) }] {
        expect(WASABI, p, &[FAR, OTHER_CODE], Some(0)); // A: 1
        expect(WASABI, p, &[OTHER_CODE], None); // A: 0
        expect(WASABI, p, &[FAR, S { seconds: 180, ..PLAIN }], Some(1)); // A: ≥2, t: 1
        expect(WASABI, p, &[FAR, S { seconds: 181, ..PLAIN }], None); // A: ≥2, t: 0
        expect(WASABI, p, &[PLAIN, OF_MEMBER, FAR], Some(1)); // t: ≥2, K6: 1
        expect(WASABI, p, &[PLAIN, PLAIN], None); // t: ≥2, K6: 0
        expect(WASABI, p, &[OF_MEMBER, OF_MEMBER], None); // t: ≥2, K6: ≥2
    }
    for p in [visa(false, false), visa(false, true), P { scheme: Mastercard, ..visa(false, true) }] {
        expect(WASABI, p, &[S { seconds: -180, ..OTHER_CODE }, FAR], Some(0)); // T: 1
        expect(WASABI, p, &[FAR], None); // T: 0
        expect(WASABI, p, &[PLAIN, OF_MEMBER], Some(1)); // T: ≥2, K6: 1
        expect(WASABI, p, &[PLAIN, PLAIN], None); // T: ≥2, K6: 0
        expect(WASABI, p, &[OF_MEMBER, OF_MEMBER], None); // T: ≥2, K6: ≥2
    }
}

/// §5.5, amex.
#[test]
fn wasabi_amex() {
    let shown = P { scheme: Amex, auth: true, six: true, four: true };
    expect(WASABI, shown, &[PLAIN, OF_SHOWN, S { seconds: 181, ..OF_SHOWN }], Some(1)); // D6(T): 1
    expect(WASABI, shown, &[PLAIN, FAR], None); // D6(T): 0
    expect(WASABI, shown, &[OF_SHOWN, OF_SHOWN], None); // D6(T): ≥2
    let p = P { six: false, ..shown };
    expect(WASABI, p, &[S { seconds: 180, ..OTHER_CODE }, FAR], Some(0)); // T: 1
    expect(WASABI, p, &[FAR], None); // T: 0
    expect(WASABI, p, &[PLAIN, OF_MEMBER], Some(1)); // T: ≥2, K6: 1
    expect(WASABI, p, &[PLAIN, PLAIN], None); // T: ≥2, K6: 0
    expect(WASABI, p, &[OF_MEMBER, OF_MEMBER], None); // T: ≥2, K6: ≥2
}

/// §5.4: Wasabi's tables within a minute.
#[test]
fn costa_is_wasabi_within_a_minute() {
    for p in [visa(false, false), P { scheme: Amex, ..visa(false, false) }] {
        expect("costa", p, &[S { seconds: 60, ..OTHER_CODE }, S { seconds: 61, ..PLAIN }], Some(0));
        expect("costa", p, &[S { seconds: -61, ..PLAIN }], None);
        expect("costa", p, &[PLAIN, OF_MEMBER], Some(1));
        expect("costa", p, &[PLAIN, HALF_MEMBER], None);
    }
    expect("costa", visa(true, true), &[FAR, OTHER_CODE], Some(0));
    expect("costa", P { scheme: Amex, ..visa(true, true) }, &[PLAIN], None);
}

/// §5.6 to §5.8, visa: without auth code no time counts (D15).
#[test]
fn visa_without_a_bound_of_time() {
    for slug in [ITSU, TGI_FRIDAYS, STONEGATE] {
        let with = visa(true, true);
        expect(slug, with, &[FAR, OTHER_CODE], Some(0)); // A: 1
        expect(slug, with, &[OTHER_CODE], None); // A: 0
        expect(slug, with, &[PLAIN, HALF_MEMBER], Some(1)); // A: ≥2, K4: 1
        expect(slug, with, &[PLAIN, FAR], None); // A: ≥2, K4: 0
        expect(slug, with, &[HALF_MEMBER, OF_MEMBER], None); // A: ≥2, K4: ≥2
        let without = visa(false, true);
        expect(slug, without, &[S { seconds: 500_000, ..OTHER_CODE }], Some(0)); // C: 1
        expect(slug, without, &[], None); // C: 0
        expect(slug, without, &[PLAIN, S { seconds: 500_000, ..HALF_MEMBER }], Some(1)); // C: ≥2, K4: 1
        expect(slug, without, &[PLAIN, PLAIN], None); // C: ≥2, K4: 0
        expect(slug, without, &[OF_MEMBER, OF_MEMBER], None); // C: ≥2, K4: ≥2
    }
}

/// §5.6 to §5.8, mastercard: Wasabi's table with K4.
#[test]
fn mastercard_by_the_last_four() {
    for slug in [ITSU, TGI_FRIDAYS, STONEGATE] {
        let p = P { scheme: Mastercard, ..visa(true, true) };
        expect(slug, p, &[FAR, OTHER_CODE], Some(0));
        expect(slug, p, &[FAR, S { seconds: 180, ..PLAIN }], Some(1));
        expect(slug, p, &[FAR, S { seconds: 181, ..PLAIN }], None);
        expect(slug, p, &[PLAIN, HALF_MEMBER, FAR], Some(1));
        expect(slug, p, &[PLAIN, PLAIN], None);
        let p = P { auth: false, ..p };
        expect(slug, p, &[S { seconds: -180, ..OTHER_CODE }, FAR], Some(0));
        expect(slug, p, &[S { seconds: 181, ..PLAIN }], None);
        expect(slug, p, &[PLAIN, HALF_MEMBER], Some(1));
    }
}

/// §5.6 to §5.8, amex: none, both digits, the last four.
#[test]
fn amex_by_its_own_digits() {
    let shown = P { scheme: Amex, auth: true, six: true, four: true };
    let hidden = P { six: false, four: false, ..shown };
    for p in [shown, hidden] {
        expect(ITSU, p, &[OF_SHOWN], None);
    }
    expect(TGI_FRIDAYS, shown, &[PLAIN, OF_SHOWN, HALF_SHOWN, S { seconds: 181, ..OF_SHOWN }], Some(1)); // D6: 1
    expect(TGI_FRIDAYS, shown, &[HALF_SHOWN, OF_MEMBER], None); // D6: 0
    expect(TGI_FRIDAYS, shown, &[OF_SHOWN, OF_SHOWN], None); // D6: ≥2
    expect(STONEGATE, shown, &[PLAIN, HALF_SHOWN, S { seconds: 181, ..OF_SHOWN }], Some(1)); // D4: 1
    expect(STONEGATE, shown, &[OF_MEMBER], None); // D4: 0
    expect(STONEGATE, shown, &[OF_SHOWN, HALF_SHOWN], None); // D4: ≥2
    // each looks at another of the payment's digits
    expect(TGI_FRIDAYS, P { six: false, ..shown }, &[PLAIN], Some(0));
    expect(STONEGATE, P { four: false, ..shown }, &[PLAIN], Some(0));
    for slug in [TGI_FRIDAYS, STONEGATE] {
        expect(slug, hidden, &[S { seconds: 180, ..PLAIN }, FAR], Some(0)); // T: 1
        expect(slug, hidden, &[FAR], None); // T: 0
        expect(slug, hidden, &[PLAIN, HALF_MEMBER], Some(1)); // T: ≥2, K4: 1
        expect(slug, hidden, &[PLAIN, PLAIN], None); // T: ≥2, K4: 0
        expect(slug, hidden, &[OF_MEMBER, HALF_MEMBER], None); // T: ≥2, K4: ≥2
    }
}

/// Spec import §8, row by row: auth, settled, refund; and §7.1 for the amex auths.
#[test]
fn what_becomes_of_payment_lines() {
    use Becomes::{Matched, Nothing, Spotted, Streamed};
    for (merchants, lines, amex_auth) in [
        (&[ICELAND, WASABI, "costa", ITSU, STONEGATE, TGI_FRIDAYS][..], [Matched, Matched, Nothing], Matched),
        (&["slim-chickens"], [Spotted, Spotted, Nothing], Nothing),
        (&["bpl-viator", "bpl-trenette", "bpl-cortado", "the-works"], [Spotted, Spotted, Streamed], Nothing),
        (&["squaremeal"], [Streamed, Streamed, Streamed], Nothing),
        (&["harvey-nichols"], [Nothing, Nothing, Nothing], Nothing),
    ] {
        for merchant in merchants {
            let kinds = [Kind::Auth, Kind::Settled, Kind::Refund];
            assert_eq!(kinds.map(|kind| becomes(merchant, Visa, kind)), lines, "{merchant}");
            assert_eq!(becomes(merchant, Amex, Kind::Auth), amex_auth, "{merchant}");
            assert_eq!(becomes(merchant, Amex, Kind::Settled), lines[1], "{merchant}");
        }
    }
}

/// §5.5: first six digits alone ask for digits, and then a missing last four equals a missing one. Not so §5.3.
#[test]
fn a_missing_last_four_equals_a_missing_one() {
    let p = P { scheme: Amex, auth: false, six: true, four: false };
    let mut one = sale(WASABI, Amex, 0, OF_SHOWN);
    assert_eq!(chosen(Amex, payment(p, WASABI), std::slice::from_ref(&one)), None);
    one.last_four = None;
    assert_eq!(chosen(Amex, payment(p, WASABI), std::slice::from_ref(&one)), Some("0".into()));
}

/// §5: blanks are a code, and no text is none; the empty text is falsy among digits too.
#[test]
fn truthy_is_not_empty() {
    let mut blank = payment(visa(true, false), WASABI);
    blank.auth_code = "  ".into();
    assert_eq!(chosen(Visa, blank, &[sale(WASABI, Visa, 0, PLAIN)]), None);
    let mut empty = payment(visa(true, false), ICELAND);
    empty.first_six = Some(String::new());
    let sales = [sale(ICELAND, Visa, 0, PLAIN), sale(ICELAND, Visa, 1, OF_MEMBER)];
    assert_eq!(chosen(Visa, empty, &sales), Some("1".into()));
}

/// D15: the day of an auth code is the UTC day.
#[test]
fn an_auth_code_holds_for_its_utc_day() {
    let p = visa(true, false);
    expect(WASABI, p, &[S { seconds: 43_199, ..PLAIN }], Some(0));
    expect(WASABI, p, &[S { seconds: 43_200, ..PLAIN }], None);
    expect(WASABI, p, &[S { seconds: -43_200, ..PLAIN }], Some(0));
    expect(WASABI, p, &[S { seconds: -43_201, ..PLAIN }], None);
}

/// Design §4: midnight of the later arrival's day, 14 days earlier, is not after the earlier arrival.
#[test]
fn the_window_is_that_of_the_arrivals() {
    let day = |text: &str| text.parse::<Timestamp>().unwrap();
    for (earlier, later, open) in [
        ("2026-03-03T00:00:00Z", "2026-03-17T23:59:59Z", true),
        ("2026-03-02T23:59:59.999999Z", "2026-03-17T00:00:00Z", false),
    ] {
        for (paid, sold) in [(earlier, later), (later, earlier)] {
            let mut facts = payment(visa(true, false), WASABI);
            facts.arrived = day(paid);
            let mut sale = sale(WASABI, Visa, 0, PLAIN);
            sale.arrived = day(sold);
            assert_eq!(chosen(Visa, facts, &[sale]).is_some(), open, "{paid} {sold}");
        }
    }
}

/// D23: merchant, payment scheme, MID, currency and amount are equal; a sale may have several MIDs.
#[test]
fn halves_share_their_book_key() {
    let fits = |change: fn(&mut Sale)| {
        let mut sale = sale(WASABI, Visa, 0, PLAIN);
        change(&mut sale);
        chosen(Visa, payment(visa(true, false), WASABI), &[sale]).is_some()
    };
    assert!(fits(|_| ()) && fits(|s| s.mids.insert(0, "another".into())));
    assert!(!fits(|s| s.mids = vec!["another".into()]));
    assert!(!fits(|s| s.merchant = ICELAND.parse().unwrap()));
    assert!(!fits(|s| s.scheme = Mastercard));
    assert!(!fits(|s| s.amount = MinorUnits(1_251)));
    assert!(!fits(|s| s.currency = Currency::parse("EUR").unwrap()));
}

/// A merchant without a table matches nothing.
#[test]
fn nobody_else_is_matched() {
    expect("squaremeal", visa(true, false), &[PLAIN], None);
}
