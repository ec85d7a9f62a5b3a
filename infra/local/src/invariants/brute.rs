//! Spec match §5.1 to §5.8 once more, as they stand there: for one payment the sets and their sizes are worked out, and
//! the row of the table that fits says what happens. What needs no sale is spec import §8. Slow and literal, in whole
//! nanoseconds; shares no code with `harmonia-matching` and knows nothing of merchant definitions.

#![allow(
    clippy::redundant_closure_for_method_calls,
    reason = "a method of a type with a lifetime is not general enough"
)]

use harmonia_domain::{
    feed::{Kind, Scheme},
    purchase::Current,
    sale::Sale,
};
use jiff::Timestamp;

const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;
/// Design §4: the matching window.
const WINDOW_DAYS: i128 = 14;

/// A payment as the tables see it.
#[derive(Debug, Clone, Copy)]
pub struct Payment<'a> {
    /// Whose payment.
    pub scheme: Scheme,
    /// Its current facts.
    pub now: &'a Current,
    /// The first six digits of the member's card, by the user directory.
    pub first_six: &'a str,
    /// The last four digits of the member's card, by the user directory.
    pub last_four: &'a str,
}

/// Which of the open sales belongs to the payment, if any. The caller shows only sales that are live and whose file is
/// closed; everything else is tested here.
pub fn matching_sale<'s>(payment: &Payment<'_>, open: &[&'s Sale]) -> Option<&'s Sale> {
    let c: Set<'s> = open.iter().copied().filter(|sale| payment.may_meet(sale)).collect();
    match payment.now.identifier.merchant.as_str() {
        "iceland-bonus-card" => iceland(payment, &c),
        "costa" => wasabi(payment, 60, &c),
        "wasabi-club" => wasabi(payment, 180, &c),
        "itsu" => itsu(payment, &c),
        "tgi-fridays" => tgi_fridays(payment, &c),
        "stonegate" => stonegate(payment, &c),
        _ => None,
    }
}

/// What becomes of a payment line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Becomes {
    /// Part of a match with a sale.
    Matched,
    /// Part of a match by itself (spec match §5.1).
    Spotted,
    /// It is told by itself (spec match §7).
    Streamed,
    /// Nothing.
    Nothing,
}

/// The table of spec import §8. Amex auths of the lower rows are not imported: one that got in nevertheless, because
/// its MID was not known yet, leads to nothing.
#[allow(clippy::match_same_arms, reason = "one arm for each row of the table")]
pub fn becomes(merchant: &str, scheme: Scheme, kind: Kind) -> Becomes {
    let suppressed = (scheme, kind) == (Scheme::Amex, Kind::Auth);
    match (merchant, kind) {
        ("iceland-bonus-card" | "wasabi-club" | "costa" | "itsu" | "stonegate" | "tgi-fridays", kind) => match kind {
            Kind::Auth | Kind::Settled => Becomes::Matched,
            Kind::Refund | Kind::Merchant => Becomes::Nothing,
        },
        ("slim-chickens" | "bpl-viator" | "bpl-trenette" | "bpl-cortado" | "the-works" | "squaremeal", _)
            if suppressed =>
        {
            Becomes::Nothing
        }
        ("slim-chickens" | "bpl-viator" | "bpl-trenette" | "bpl-cortado" | "the-works", Kind::Auth | Kind::Settled) => {
            Becomes::Spotted
        }
        ("bpl-viator" | "bpl-trenette" | "bpl-cortado" | "the-works", Kind::Refund)
        | ("squaremeal", Kind::Auth | Kind::Settled | Kind::Refund) => Becomes::Streamed,
        _ => Becomes::Nothing,
    }
}

type Set<'s> = Vec<&'s Sale>;

/// How the tables count.
#[derive(Clone, Copy)]
enum N {
    Zero,
    One,
    /// "≥2"
    More,
}

fn n(set: &[&Sale]) -> N {
    match set.len() {
        0 => N::Zero,
        1 => N::One,
        _ => N::More,
    }
}

/// Rows for visa and mastercard, rows for amex.
#[derive(Clone, Copy)]
enum Provider {
    VisaMc,
    Amex,
}

fn nanos(at: Timestamp) -> i128 {
    at.as_nanosecond()
}

fn day(at: Timestamp) -> i128 {
    nanos(at).div_euclid(DAY)
}

/// Neither NULL nor the empty text.
fn truthy(text: Option<&String>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

impl Payment<'_> {
    /// C: D23, and design §4: UTC day of the later arrival − 14 days ≤ earlier arrival.
    fn may_meet(&self, sale: &Sale) -> bool {
        let now = self.now;
        let later = now.arrived.max(sale.arrived);
        let earlier = now.arrived.min(sale.arrived);
        sale.merchant == now.identifier.merchant
            && sale.scheme == self.scheme
            && sale.mids.contains(&now.mid)
            && sale.amount == now.amount
            && sale.currency == now.currency
            && (day(later) - WINDOW_DAYS) * DAY <= nanos(earlier)
    }

    /// A: the auth code as it stands, on the payment's UTC day (D15).
    fn a<'s>(&self, set: &[&'s Sale]) -> Set<'s> {
        let fits = |sale: &&Sale| sale.auth_code == self.now.auth_code && day(sale.at) == day(self.now.at);
        set.iter().copied().filter(fits).collect()
    }

    /// T and t, which are the same as every feed has times: so many seconds either way, both ends included.
    fn t<'s>(&self, seconds: i128, set: &[&'s Sale]) -> Set<'s> {
        let (from, to) = (nanos(self.now.at) - seconds * SECOND, nanos(self.now.at) + seconds * SECOND);
        set.iter().copied().filter(|sale| from <= nanos(sale.at) && nanos(sale.at) <= to).collect()
    }

    /// D6: the payment's own digits; a NULL equals a NULL.
    fn d6<'s>(&self, set: &[&'s Sale]) -> Set<'s> {
        let fits = |sale: &&Sale| sale.first_six == self.now.first_six && sale.last_four == self.now.last_four;
        set.iter().copied().filter(fits).collect()
    }

    /// K6: the digits of the member's card.
    fn k6<'s>(&self, set: &[&'s Sale]) -> Set<'s> {
        let fits = |sale: &&Sale| {
            sale.first_six.as_deref() == Some(self.first_six) && sale.last_four.as_deref() == Some(self.last_four)
        };
        set.iter().copied().filter(fits).collect()
    }

    /// D4: the payment's own last four digits.
    fn d4<'s>(&self, set: &[&'s Sale]) -> Set<'s> {
        set.iter().copied().filter(|sale| sale.last_four == self.now.last_four).collect()
    }

    /// K4: the last four digits of the member's card.
    fn k4<'s>(&self, set: &[&'s Sale]) -> Set<'s> {
        set.iter().copied().filter(|sale| sale.last_four.as_deref() == Some(self.last_four)).collect()
    }

    fn provider(&self) -> Provider {
        match self.scheme {
            Scheme::Visa | Scheme::Mastercard => Provider::VisaMc,
            Scheme::Amex => Provider::Amex,
        }
    }

    /// The first columns: provider, has auth, first six truthy, last four truthy.
    fn columns(&self) -> (Provider, bool, bool, bool) {
        let now = self.now;
        let has_auth = !now.auth_code.is_empty();
        (self.provider(), has_auth, truthy(now.first_six.as_ref()), truthy(now.last_four.as_ref()))
    }
}

/// M with the one row of a set.
fn m<'s>(set: &[&'s Sale]) -> Option<&'s Sale> {
    set.first().copied()
}

/// §5.3
#[allow(clippy::match_same_arms, reason = "one arm for each row of the table")]
#[rustfmt::skip]
fn iceland<'s>(payment: &Payment<'_>, c: &[&'s Sale]) -> Option<&'s Sale> {
    let (provider, has_auth, six, four) = payment.columns();
    let q = match (provider, has_auth, six, four) {
        (Provider::VisaMc, true, _, _) => payment.a(c),
        (Provider::VisaMc, false, _, _) => payment.t(60, c),
        (Provider::Amex, _, true, true) => payment.t(60, &payment.d6(c)),
        (Provider::Amex, _, _, _) => payment.t(60, c),
    };
    let t = payment.t(60, &q);
    let k = payment.k6(&t);
    match (provider, has_auth, six, four, n(&q), n(&t), n(&k)) {
        (Provider::VisaMc, true, _, _, N::One, _, _) => m(&q),
        (Provider::VisaMc, true, _, _, N::Zero, _, _) => None,
        (Provider::VisaMc, true, false, _, N::More, N::One, _) => m(&t),
        (Provider::VisaMc, true, false, _, N::More, N::Zero, _) => None,
        (Provider::VisaMc, true, false, _, N::More, N::More, N::One) => m(&k),
        (Provider::VisaMc, true, false, _, N::More, N::More, N::Zero | N::More) => None,
        (Provider::VisaMc, true, true, _, N::More, _, _) => None,
        (Provider::VisaMc, false, _, _, N::One, _, _) => m(&q),
        (Provider::VisaMc, false, _, _, N::Zero, _, _) => None,
        (Provider::VisaMc, false, false, _, N::More, _, N::One) => m(&k),
        (Provider::VisaMc, false, false, _, N::More, _, N::Zero | N::More) => None,
        (Provider::VisaMc, false, true, _, N::More, _, _) => None,
        (Provider::Amex, _, true, true, N::One, _, _) => m(&q),
        (Provider::Amex, _, true, true, N::Zero | N::More, _, _) => None,
        (Provider::Amex, _, true, false, N::One, _, _) => m(&q),
        (Provider::Amex, _, true, false, N::Zero | N::More, _, _) => None,
        (Provider::Amex, _, false, _, N::One, _, _) => m(&q),
        (Provider::Amex, _, false, _, N::Zero, _, _) => None,
        (Provider::Amex, _, false, _, N::More, _, N::One) => m(&k),
        (Provider::Amex, _, false, _, N::More, _, N::Zero | N::More) => None,
    }
}

/// §5.4 and §5.5: two tables, which differ in the tolerance.
fn wasabi<'s>(payment: &Payment<'_>, seconds: i128, c: &[&'s Sale]) -> Option<&'s Sale> {
    match payment.provider() {
        Provider::VisaMc => wasabi_visa_mc(payment, seconds, Payment::k6, c),
        Provider::Amex => wasabi_amex(payment, seconds, c),
    }
}

/// A card fallback, K6 or K4.
type K<'p, 's> = fn(&Payment<'p>, &[&'s Sale]) -> Set<'s>;

#[allow(clippy::match_same_arms, reason = "one arm for each row of the table")]
#[rustfmt::skip]
fn wasabi_visa_mc<'p, 's>(payment: &Payment<'p>, seconds: i128, card: K<'p, 's>, c: &[&'s Sale]) -> Option<&'s Sale> {
    let (_, has_auth, _, _) = payment.columns();
    let q = if has_auth { payment.a(c) } else { payment.t(seconds, c) };
    let t = payment.t(seconds, &q);
    let k = card(payment, &t);
    match (has_auth, n(&q), n(&t), n(&k)) {
        (true, N::One, _, _) => m(&q),
        (true, N::Zero, _, _) => None,
        (true, N::More, N::One, _) => m(&t),
        (true, N::More, N::Zero, _) => None,
        (true, N::More, N::More, N::One) => m(&k),
        (true, N::More, N::More, N::Zero | N::More) => None,
        (false, N::One, _, _) => m(&q),
        (false, N::Zero, _, _) => None,
        (false, N::More, _, N::One) => m(&k),
        (false, N::More, _, N::Zero | N::More) => None,
    }
}

#[allow(clippy::match_same_arms, reason = "one arm for each row of the table")]
#[rustfmt::skip]
fn wasabi_amex<'s>(payment: &Payment<'_>, seconds: i128, c: &[&'s Sale]) -> Option<&'s Sale> {
    let (_, _, six, _) = payment.columns();
    let in_time = payment.t(seconds, c);
    let q = if six { payment.d6(&in_time) } else { in_time };
    let k = payment.k6(&q);
    match (six, n(&q), n(&k)) {
        (true, N::One, _) => m(&q),
        (true, N::Zero | N::More, _) => None,
        (false, N::One, _) => m(&q),
        (false, N::Zero, _) => None,
        (false, N::More, N::One) => m(&k),
        (false, N::More, N::Zero | N::More) => None,
    }
}

/// §5.6: visa's own table, mastercard's as Wasabi's with K4, no amex.
fn itsu<'s>(payment: &Payment<'_>, c: &[&'s Sale]) -> Option<&'s Sale> {
    match payment.scheme {
        Scheme::Visa => itsu_visa(payment, c),
        Scheme::Mastercard => wasabi_visa_mc(payment, 180, Payment::k4, c),
        Scheme::Amex => None,
    }
}

#[allow(clippy::match_same_arms, reason = "one arm for each row of the table")]
#[rustfmt::skip]
fn itsu_visa<'s>(payment: &Payment<'_>, c: &[&'s Sale]) -> Option<&'s Sale> {
    let (_, has_auth, _, _) = payment.columns();
    let q = if has_auth { payment.a(c) } else { c.to_vec() };
    let k = payment.k4(&q);
    match (has_auth, n(&q), n(&k)) {
        (true, N::One, _) => m(&q),
        (true, N::Zero, _) => None,
        (true, N::More, N::One) => m(&k),
        (true, N::More, N::Zero | N::More) => None,
        (false, N::One, _) => m(&q),
        (false, N::Zero, _) => None,
        (false, N::More, N::One) => m(&k),
        (false, N::More, N::Zero | N::More) => None,
    }
}

/// §5.7
fn tgi_fridays<'s>(payment: &Payment<'_>, c: &[&'s Sale]) -> Option<&'s Sale> {
    let (_, _, six, _) = payment.columns();
    match payment.scheme {
        Scheme::Visa | Scheme::Mastercard => itsu(payment, c),
        Scheme::Amex if six => amex_by_card(&payment.d6(&payment.t(180, c))),
        Scheme::Amex => amex_by_member(payment, c),
    }
}

/// §5.8
fn stonegate<'s>(payment: &Payment<'_>, c: &[&'s Sale]) -> Option<&'s Sale> {
    let (_, _, _, four) = payment.columns();
    match payment.scheme {
        Scheme::Visa | Scheme::Mastercard => itsu(payment, c),
        Scheme::Amex if four => amex_by_card(&payment.d4(&payment.t(180, c))),
        Scheme::Amex => amex_by_member(payment, c),
    }
}

/// §5.7 and §5.8, the row with the payment's own digits: no fallback.
fn amex_by_card<'s>(q: &[&'s Sale]) -> Option<&'s Sale> {
    match n(q) {
        N::One => m(q),
        N::Zero | N::More => None,
    }
}

/// §5.7 and §5.8, the rows without.
fn amex_by_member<'s>(payment: &Payment<'_>, c: &[&'s Sale]) -> Option<&'s Sale> {
    let q = payment.t(180, c);
    let k = payment.k4(&q);
    match (n(&q), n(&k)) {
        (N::One, _) => m(&q),
        (N::More, N::One) => m(&k),
        (N::Zero, _) | (N::More, N::Zero | N::More) => None,
    }
}
