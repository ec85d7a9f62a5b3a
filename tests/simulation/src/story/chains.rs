//! Claims that follow from each other. Sales stand in a row, and between two neighbours a payment that may be of
//! either; one payment more, at the end, takes the first sale, which frees the next payment, and so on. Several rows
//! share one book key, far enough apart to know nothing of each other.

use super::{
    Cast, Input, Onboarded, Step, Truth,
    cast::{Knows, Shop},
    deliveries::{Line, Purchase, Sold, as_inputs, feed_of, line, sale_id, sale_line, shifted},
};
use crate::dice::Dice;
use harmonia_domain::feed::{Kind, Scheme};
use jiff::Timestamp;

/// Rows of a story, at most, and sales of each.
const ROWS_MAX: usize = 3;
const SALES_MAX: i64 = 4;
/// Merchants and payment schemes that look at times, and how far a payment is from the sale beside it: within the
/// policy's tolerance, which is 60 s or 180 s, and thrice that is not. Whole minutes, as some payments are written.
const TILLS: [(&str, &[Scheme], i64); 6] = [
    ("wasabi-club", &Scheme::ALL, 120),
    ("iceland-bonus-card", &Scheme::ALL, 60),
    ("costa", &Scheme::ALL, 60),
    ("stonegate", &[Scheme::Mastercard, Scheme::Amex], 120),
    ("tgi-fridays", &[Scheme::Mastercard, Scheme::Amex], 120),
    ("itsu", &[Scheme::Mastercard], 120),
];
/// Auth codes of a row's sales, if each has its own.
const CODES: [&str; 4] = ["390211", "390212", "390213", "390214"];
/// From row to row.
const ROW_S: i64 = 3_600;

/// What sales and payments say of auth codes.
#[derive(Debug, Clone, Copy)]
enum Codes {
    /// All the same.
    One(&'static str),
    /// Each sale has its own. Payments at the ends of rows name it; those between two sales name none.
    Own,
}

impl Codes {
    /// A sale's, by its place in the row.
    fn sale(self, n: i64) -> &'static str {
        match self {
            Self::One(code) => code,
            Self::Own => usize::try_from(n).ok().and_then(|n| CODES.get(n)).copied().unwrap_or_default(),
        }
    }

    /// That of a payment between two sales.
    fn tied(self) -> &'static str {
        match self {
            Self::One(code) => code,
            Self::Own => "",
        }
    }
}

/// What comes when.
#[derive(Default)]
struct Parts {
    sales: Vec<Line>,
    /// Payments between two sales.
    tied: Vec<Line>,
    /// Payments at the ends of rows.
    ends: Vec<Line>,
}

/// The cast and what happens to it.
pub(super) fn draw(dice: &mut Dice, moment: Timestamp) -> (Cast, Vec<Step>, Truth) {
    let (merchant, schemes, apart_s) = *dice.pick(&TILLS);
    let mut cast = Cast::of(dice, vec![merchant]);
    for shop in &mut cast.shops {
        (shop.onboarded, shop.disputed) = (Onboarded::First, false);
    }
    for card in &mut cast.cards {
        card.knows = Knows::Member;
    }
    let scheme = *dice.pick(schemes);
    let shops: Vec<Shop> = cast.shops.iter().filter(|shop| shop.scheme == scheme).cloned().collect();
    let shop = dice.pick(&shops).clone();
    // a location's sales are those of all its tills
    let located = matches!(merchant, "stonegate" | "itsu");
    let tills: Vec<Shop> =
        shops.into_iter().filter(|s| s.mid == shop.mid || (located && s.location == shop.location)).collect();
    let minute = shifted(moment, -moment.as_second().rem_euclid(60));
    let mut truth = Truth::of(&cast);
    let mut parts = Parts::default();
    let codes = *dice.pick(&[Codes::One("390211"), Codes::One(""), Codes::One(""), Codes::Own]);
    for row in 0..=dice.below(ROWS_MAX) {
        let at = shifted(minute, ROW_S * i64::try_from(row).unwrap_or(0));
        fill_row(dice, &cast, (&shop, &tills, codes, at, apart_s), &mut parts, &mut truth);
    }
    let Parts { sales, tied, ends } = parts;
    let groups = match dice.below(6) {
        // everything is tied, until the ends come
        0..3 => vec![sales, tied, ends],
        // everybody waits, until the sales come
        3 | 4 => vec![[tied, ends].concat(), sales],
        _ => vec![[tied, ends, sales].concat()],
    };
    let mut steps = Vec::new();
    for (name, mut lines) in groups.into_iter().enumerate() {
        dice.shuffle(&mut lines);
        let inputs: Vec<Input> = as_inputs(dice, name, lines, &mut truth);
        steps.extend(inputs.into_iter().enumerate().map(|(n, input)| Step { after_s: 0, rested: n == 0, input }));
    }
    (cast, steps, truth)
}

/// Sales, a payment between any two of them, and one more at one end or at both.
fn fill_row(
    dice: &mut Dice,
    cast: &Cast,
    (shop, tills, codes, from, apart_s): (&Shop, &[Shop], Codes, Timestamp, i64),
    parts: &mut Parts,
    truth: &mut Truth,
) {
    let sales = dice.between(2, SALES_MAX);
    let place = |n: i64| shifted(from, n * apart_s);
    for n in 0..sales {
        let id = sale_id(shop, parts.sales.len());
        let code = codes.sale(n);
        let sold = Sold { shop: shop.clone(), id, pence: 1250, code, digits: None, at: place(2 * n) };
        parts.sales.push(sale_line(&sold, truth));
    }
    let settled = shop.scheme != Scheme::Amex && dice.one_in(2);
    let kind = if settled { Kind::Settled } else { Kind::Auth };
    let scheme = shop.scheme;
    let moves = dice.one_in(3);
    let mut payment = |dice: &mut Dice, at: Timestamp, code: &'static str, moves: bool| {
        let card = cast.card(dice, shop.scheme).clone();
        let id = format!("PAY{:06}", truth.lines.len());
        let shop = dice.pick(tills).clone();
        let purchase = Purchase { shop, card, id, at, code, auth: None, settled: None, refund: None };
        let mut lines = vec![(kind, 1250)];
        // the settlement takes it away from the key under which it may have been matched
        lines.extend((moves && kind == Kind::Auth).then_some((Kind::Settled, 1475)));
        let feeds = lines.into_iter().filter_map(|(kind, pence)| Some((kind, feed_of(scheme, kind)?, pence)));
        feeds.map(|(kind, feed, pence)| line(&purchase, kind, feed, pence, truth)).collect::<Vec<Line>>()
    };
    for n in 1..sales {
        parts.tied.extend(payment(dice, place(2 * n - 1), codes.tied(), false));
    }
    let (left, right) = *dice.pick(&[(true, false), (true, false), (false, true), (true, true)]);
    let ends = [(left, -1, 0), (right, 2 * sales - 1, sales - 1)].into_iter().filter(|(there, ..)| *there);
    parts.ends.extend(ends.flat_map(|(_, n, beside)| payment(dice, place(n), codes.sale(beside), moves)));
}
