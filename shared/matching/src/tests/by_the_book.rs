//! A second, slow reading of the tables of spec match §5.3 to §5.8, written apart from the engine: whole microseconds
//! and sets of places instead of its types. Shares no code with it.

use crate::Candidate;
use harmonia_domain::{feed::Scheme, purchase::Current};

const DAY: i64 = 86_400_000_000;

fn truthy(text: Option<&String>) -> bool {
    text.is_some_and(|t| *t != *"")
}

/// C: same everything (the caller's promise), and imported within fourteen days.
fn base(payment: &Current, sales: &[Candidate]) -> Vec<usize> {
    let day = |micros: i64| micros.div_euclid(DAY);
    let one = payment.arrived.as_microsecond();
    let keep = |s: &Candidate| {
        let other = s.arrived.as_microsecond();
        if other >= one { day(other) - 14 <= day(one) } else { day(one) - 14 <= day(other) }
    };
    (0..sales.len()).filter(|i| keep(&sales[*i])).collect()
}

fn a(set: &[usize], payment: &Current, sales: &[Candidate]) -> Vec<usize> {
    let start = payment.at.as_microsecond().div_euclid(DAY) * DAY;
    let end = start + DAY - 1;
    let same_day = |i: usize| (start..=end).contains(&sales[i].at.as_microsecond());
    set.iter().copied().filter(|i| sales[*i].auth_code == payment.auth_code && same_day(*i)).collect()
}

fn t(set: &[usize], payment: &Current, sales: &[Candidate], tolerance_s: i64) -> Vec<usize> {
    let lower = payment.at.as_microsecond() - tolerance_s * 1_000_000;
    let upper = payment.at.as_microsecond() + tolerance_s * 1_000_000;
    let between = |i: usize| lower <= sales[i].at.as_microsecond() && sales[i].at.as_microsecond() <= upper;
    set.iter().copied().filter(|i| between(*i)).collect()
}

fn d6(set: &[usize], payment: &Current, sales: &[Candidate]) -> Vec<usize> {
    let same = |s: &Candidate| (&s.first_six, &s.last_four) == (&payment.first_six, &payment.last_four);
    set.iter().copied().filter(|i| same(&sales[*i])).collect()
}

fn k6(set: &[usize], card: (&str, &str), sales: &[Candidate]) -> Vec<usize> {
    let same = |s: &Candidate| s.first_six == Some(card.0.to_owned()) && s.last_four == Some(card.1.to_owned());
    set.iter().copied().filter(|i| same(&sales[*i])).collect()
}

fn only(set: &[usize]) -> Option<usize> {
    if let [one] = set { Some(*one) } else { None }
}

/// §5.3
pub(super) fn iceland(scheme: Scheme, payment: &Current, card: (&str, &str), sales: &[Candidate]) -> Option<usize> {
    let c = base(payment, sales);
    let (six, four) = (truthy(payment.first_six.as_ref()), truthy(payment.last_four.as_ref()));
    let q = match scheme {
        Scheme::Amex if six && four => t(&d6(&c, payment, sales), payment, sales, 60),
        Scheme::Visa | Scheme::Mastercard if payment.auth_code != *"" => a(&c, payment, sales),
        _ => t(&c, payment, sales, 60),
    };
    if q.len() < 2 || six {
        return only(&q);
    }
    let in_time = t(&q, payment, sales, 60);
    if in_time.len() < 2 {
        return only(&in_time);
    }
    only(&k6(&in_time, card, sales))
}

/// §5.4 with 60 s, §5.5 with 180 s.
pub(super) fn costa_or_wasabi(
    tolerance_s: i64,
    scheme: Scheme,
    payment: &Current,
    card: (&str, &str),
    sales: &[Candidate],
) -> Option<usize> {
    let c = base(payment, sales);
    if scheme == Scheme::Amex {
        let in_time = t(&c, payment, sales, tolerance_s);
        return match (truthy(payment.first_six.as_ref()), in_time.len()) {
            (true, _) => only(&d6(&in_time, payment, sales)),
            (false, 0 | 1) => only(&in_time),
            (false, _) => only(&k6(&in_time, card, sales)),
        };
    }
    let coded = payment.auth_code != *"";
    let q = if coded { a(&c, payment, sales) } else { t(&c, payment, sales, tolerance_s) };
    if q.len() < 2 {
        return only(&q);
    }
    let in_time = t(&q, payment, sales, tolerance_s);
    if in_time.len() < 2 { only(&in_time) } else { only(&k6(&in_time, card, sales)) }
}

fn k4(set: &[usize], card: (&str, &str), sales: &[Candidate]) -> Vec<usize> {
    set.iter().copied().filter(|i| sales[*i].last_four == Some(card.1.to_owned())).collect()
}

/// One of them, or the one that K4 leaves.
fn one_or_k4(set: &[usize], card: (&str, &str), sales: &[Candidate]) -> Option<usize> {
    if set.len() < 2 { only(set) } else { only(&k4(set, card, sales)) }
}

/// §5.6, §5.7, §5.8.
pub(super) fn with_last_four(
    merchant: &str,
    scheme: Scheme,
    payment: &Current,
    card: (&str, &str),
    sales: &[Candidate],
) -> Option<usize> {
    let c = base(payment, sales);
    let coded = payment.auth_code != *"";
    let in_time = t(&c, payment, sales, 180);
    match (scheme, merchant) {
        (Scheme::Visa, _) => one_or_k4(&if coded { a(&c, payment, sales) } else { c }, card, sales),
        (Scheme::Mastercard, _) if coded => {
            let q = a(&c, payment, sales);
            if q.len() < 2 { only(&q) } else { one_or_k4(&t(&q, payment, sales, 180), card, sales) }
        }
        (Scheme::Amex, "tgi-fridays") if truthy(payment.first_six.as_ref()) => only(&d6(&in_time, payment, sales)),
        (Scheme::Amex, "stonegate") if truthy(payment.last_four.as_ref()) => {
            let same = |i: &usize| sales[*i].last_four == payment.last_four;
            only(&in_time.into_iter().filter(same).collect::<Vec<_>>())
        }
        (Scheme::Mastercard, _) | (Scheme::Amex, "tgi-fridays" | "stonegate") => one_or_k4(&in_time, card, sales),
        (Scheme::Amex, _) => None,
    }
}
