//! Purchases and sales become lines, lines become messages and files, in some order, some of them again.

use super::{
    Cast, Input, LineTruth, Shop, Step, Truth,
    cast::{Card, Knows, Onboarded},
};
use crate::{
    dice::Dice,
    formats::{self, PaymentText, SaleText},
};
use harmonia_domain::feed::{Kind, Scheme};
use harmonia_local::partners::Bill;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Purchases and sales of one story, at most.
const EACH_MAX: usize = 8;
/// What people do in a story, at most.
const REDRESS_MAX: usize = 4;
/// How far purchases and sales are from the story's moment: around every border of the policies.
const OFFSETS_S: [i64; 14] = [0, 0, 0, 20, 59, 60, 61, 120, 179, 180, 181, -60, -180, 3_600];
/// Pauses between deliveries: mostly none; then borders of caches, retries and of the matching window.
const PAUSES_S: [i64; 16] = [0, 0, 0, 0, 0, 0, 0, 1, 2, 65, 700, 4_000, 86_400, 3 * 86_400, 13 * 86_400, 15 * 86_400];
/// A story is over before the book forgets (63 days).
const STORY_S_MAX: i64 = 40 * 86_400;

/// A purchase and the amounts of its lines.
pub(super) struct Purchase {
    pub(super) shop: Shop,
    pub(super) card: Card,
    pub(super) id: String,
    pub(super) at: Timestamp,
    pub(super) code: &'static str,
    pub(super) auth: Option<i64>,
    pub(super) settled: Option<i64>,
    pub(super) refund: Option<i64>,
}

/// A sale as its till has it.
pub(super) struct Sold {
    pub(super) shop: Shop,
    pub(super) id: String,
    pub(super) pence: i64,
    pub(super) code: &'static str,
    pub(super) digits: Option<(String, String)>,
    pub(super) at: Timestamp,
}

/// A line that goes into a file, or a message of its own.
#[derive(Clone)]
pub(super) struct Line {
    feed: String,
    text: String,
    file: bool,
}

pub(super) fn shifted(at: Timestamp, by_s: i64) -> Timestamp {
    at + SignedDuration::from_secs(by_s)
}

impl Truth {
    /// What is true before anything is fed.
    pub(super) fn of(cast: &Cast) -> Self {
        let mut truth = Self { tokens: cast.cards.iter().map(|card| card.token.clone()).collect(), ..Self::default() };
        for shop in cast.shops.iter().filter(|shop| shop.onboarded != Onboarded::Never) {
            truth.locations.insert((shop.merchant, format!("{} {}", shop.scheme, shop.location)));
        }
        truth
    }
}

/// Everything that comes from outside, and what is true about it.
pub(super) fn draw(dice: &mut Dice, moment: Timestamp) -> (Cast, Vec<Step>, Truth) {
    let drawn = Cast::draw(dice);
    let cast = &drawn;
    let mut truth = Truth::of(cast);
    let mut purchases: Vec<Purchase> =
        (0..=dice.below(EACH_MAX)).map(|number| purchase(dice, cast, moment, number)).collect();
    if dice.one_in(3) {
        share_an_id(dice, cast, &mut purchases);
    }
    let payments: Vec<Line> = purchases.iter().flat_map(|p| lines(dice, p, &mut truth)).collect();
    let wanted = dice.below(EACH_MAX + 1);
    let sales: Vec<Line> =
        (0..wanted).filter_map(|number| sale(dice, cast, &purchases, moment, number, &mut truth)).collect();
    let mut inputs = deliveries(dice, payments, sales, &mut truth);
    inputs.extend(linked_later(cast));
    match dice.below(4) {
        // as it was made: payments, then sales, then links
        0 => {}
        1 => inputs.reverse(),
        _ => dice.shuffle(&mut inputs),
    }
    if dice.one_in(5) {
        // there has to be something that a person may change
        for _ in 0..=dice.below(REDRESS_MAX) {
            let place = inputs.len() / 2 + dice.below(inputs.len() / 2 + 1);
            inputs.insert(place.min(inputs.len()), Input::Redress);
        }
    }
    let calm = dice.one_in(2);
    let mut total = 0;
    let mut steps = Vec::new();
    for input in inputs {
        let after_s = if calm { 0 } else { *dice.pick(&PAUSES_S) };
        let after_s = if total + after_s > STORY_S_MAX { 0 } else { after_s };
        total += after_s;
        let rested = matches!(input, Input::Redress) && dice.one_in(2);
        steps.push(Step { after_s, rested, input });
    }
    (drawn, steps, truth)
}

fn purchase(dice: &mut Dice, cast: &Cast, moment: Timestamp, number: usize) -> Purchase {
    let shop = cast.shop(dice).clone();
    let card = cast.card(dice, shop.scheme).clone();
    let pence = *dice.pick(&cast.pence);
    let moved = if dice.one_in(2) { 1475 } else { pence + 25 };
    let (auth, settled, refund) = match dice.below(12) {
        0..3 => (Some(pence), None, None),
        3..5 => (None, Some(pence), None),
        5..7 => (Some(pence), Some(pence), None),
        // away from a popular amount, or towards one
        7..9 => (Some(pence), Some(moved), None),
        9..11 => (Some(moved), Some(pence), None),
        _ => (Some(pence), Some(pence), Some(pence)),
    };
    let code = *dice.pick(&cast.codes);
    // equal ids at two payment schemes are different purchases
    let id = format!("PAY{number:06}");
    let at = shifted(moment, *dice.pick(&OFFSETS_S));
    Purchase { shop, card, id, at, code, auth, settled, refund }
}

/// Two purchases of one day have one id of Mastercard's: the auth of the one, the settlement of the other, which was
/// paid with another card.
fn share_an_id(dice: &mut Dice, cast: &Cast, purchases: &mut [Purchase]) {
    let of_mastercard = purchases.iter_mut().filter(|p| p.shop.scheme == Scheme::Mastercard);
    let Ok([one, other]) = <[_; 2]>::try_from(of_mastercard.take(2).collect::<Vec<_>>()) else { return };
    let cards: Vec<&Card> = cast.cards.iter().filter(|card| card.scheme == Scheme::Mastercard).collect();
    let first = dice.below(cards.len());
    (one.card, other.card) = (cards[first].clone(), cards[(first + 1) % cards.len()].clone());
    other.id.clone_from(&one.id);
    other.at = one.at;
    let pence = one.auth.or(one.settled);
    (one.auth, one.settled, one.refund) = (pence, None, None);
    (other.auth, other.settled, other.refund) = (None, pence, None);
}

pub(super) fn feed_of(scheme: Scheme, kind: Kind) -> Option<&'static str> {
    Some(match (scheme, kind) {
        (Scheme::Visa, Kind::Auth) => "visa-auth",
        (Scheme::Visa, Kind::Settled) => "visa-settlement",
        (Scheme::Visa, Kind::Refund) => "visa-refund",
        (Scheme::Mastercard, Kind::Auth) => "mastercard-auth",
        (Scheme::Mastercard, Kind::Settled) => "mastercard-settled",
        (Scheme::Mastercard, Kind::Refund) => "mastercard-refund",
        (Scheme::Amex, Kind::Auth) => "amex-auth",
        (Scheme::Amex, Kind::Settled) => "amex-settlement",
        _ => return None,
    })
}

/// The lines of a purchase; now and then one of them a second time with another amount.
fn lines(dice: &mut Dice, p: &Purchase, truth: &mut Truth) -> Vec<Line> {
    let legs = [(Kind::Auth, p.auth), (Kind::Settled, p.settled), (Kind::Refund, p.refund)];
    let mut all = Vec::new();
    for (kind, pence) in legs {
        let (Some(pence), Some(feed)) = (pence, feed_of(p.shop.scheme, kind)) else { continue };
        all.push(line(p, kind, feed, pence, truth));
        if dice.one_in(12) {
            all.push(line(p, kind, feed, pence + 100, truth));
        }
    }
    all
}

/// One line of a purchase.
pub(super) fn line(p: &Purchase, kind: Kind, feed: &str, pence: i64, truth: &mut Truth) -> Line {
    let digits = (p.card.number == 0 || p.code.is_empty()).then_some((&*p.card.first_six, &*p.card.last_four));
    let text = PaymentText {
        id: &p.id,
        token: &p.card.token,
        digits,
        mid: &p.shop.mid,
        store: p.shop.store.as_deref(),
        pence,
        code: p.code,
        at: p.at,
        london: p.shop.london() && p.shop.onboarded != Onboarded::Never,
    };
    let day = formats::london(p.at, "%Y%m%d");
    let id = if p.shop.scheme == Scheme::Mastercard { format!("{}_{day}", p.id) } else { p.id.clone() };
    let line = LineTruth {
        mid: p.shop.onboarded != Onboarded::Never,
        card: p.card.knows,
        may_lack: (p.shop.scheme, kind) == (Scheme::Amex, Kind::Auth) && p.shop.alone(),
    };
    truth.lines.insert((p.shop.scheme, kind, id), line);
    let (text, file) = match feed {
        "visa-auth" => (formats::visa_auth(&text), false),
        "visa-settlement" => (formats::visa_settlement(&text), false),
        "visa-refund" => (formats::visa_refund(&text), false),
        "mastercard-auth" => (formats::mastercard_auth(&text), false),
        "amex-auth" => (formats::amex_auth(&text), false),
        "amex-settlement" => (formats::amex_settlement(&text), false),
        _ => (formats::tgx2_detail(&text), true),
    };
    Line { feed: feed.to_owned(), text, file }
}

/// A sale: mostly of one of the purchases, as far as a till gets things right.
fn sale(
    dice: &mut Dice,
    cast: &Cast,
    purchases: &[Purchase],
    moment: Timestamp,
    number: usize,
    truth: &mut Truth,
) -> Option<Line> {
    let of = dice.pick(purchases);
    let own = !dice.one_in(4);
    let shop = if own { of.shop.clone() } else { cast.shop(dice).clone() };
    if shop.alone() {
        return None;
    }
    let pence = if own { of.settled.filter(|_| dice.one_in(2)).or(of.auth) } else { None };
    let pence = pence.unwrap_or_else(|| *dice.pick(&cast.pence));
    let at = if own {
        shifted(of.at, *dice.pick(&[0, 0, 20, 60, -60, 61, 180, 86_400]))
    } else {
        shifted(moment, *dice.pick(&OFFSETS_S))
    };
    let code = if own && !dice.one_in(4) { of.code } else { *dice.pick(&cast.codes) };
    let card = if own { of.card.clone() } else { cast.card(dice, shop.scheme).clone() };
    let digits = (!dice.one_in(3)).then(|| (card.first_six.clone(), card.last_four.clone()));
    // a till that repeats an id tells of the first sale again
    let number = if number > 0 && dice.one_in(12) { number - 1 } else { number };
    let id = sale_id(&shop, number);
    let sold = Sold { shop, id, pence, code, digits, at };
    if dice.one_in(30) {
        // a bad line, which is rejected and keeps nothing else from being imported
        let mut line = till_line(&sold);
        line.text = line.text.replace(&format!("{}.{:02}", pence / 100, pence % 100), "1e2");
        if line.text.contains("1e2") {
            return Some(line);
        }
    }
    Some(sale_line(&sold, truth))
}

/// A till's name of a sale.
pub(super) fn sale_id(shop: &Shop, number: usize) -> String {
    format!("SALE-{}-{number}", &shop.merchant[..3])
}

/// A sale in its till's words, which has to be stored.
pub(super) fn sale_line(sold: &Sold, truth: &mut Truth) -> Line {
    let Sold { shop, id, pence, code, at, .. } = sold;
    // as the till writes it: in the repeated hour of autumn two instants are one text
    let stamp = formats::london(*at, "%c");
    let identity = match shop.merchant {
        "tgi-fridays" => format!("{stamp} {} {pence} {id}", shop.mid),
        "stonegate" => format!("{stamp} {code} {pence} {id}"),
        _ => id.clone(),
    };
    truth.sales.entry(shop.merchant).or_default().insert(identity);
    if shop.merchant == "tgi-fridays" {
        truth.bills.push(Bill { minor: pence - formats::TIP_PENCE, at: *at, member: None });
    }
    till_line(sold)
}

fn till_line(sold: &Sold) -> Line {
    let shop = &sold.shop;
    let text = SaleText {
        merchant: shop.merchant,
        id: &sold.id,
        scheme: shop.scheme,
        mid: &shop.mid,
        location: &shop.location,
        pence: sold.pence,
        code: sold.code,
        digits: sold.digits.as_ref().map(|(six, four)| (six.as_str(), four.as_str())),
        at: sold.at,
    };
    let (feed, file) = (shop.merchant.to_owned(), formats::header(shop.merchant).is_some());
    Line { feed, text: formats::sale(&text), file }
}

/// Messages one by one, lines of files in one file a feed, which has this number.
pub(super) fn as_inputs(dice: &mut Dice, number: usize, lines: Vec<Line>, truth: &mut Truth) -> Vec<Input> {
    let mut inputs = Vec::new();
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Line { feed, text, file } in lines {
        if file {
            files.entry(feed).or_default().push(text);
        } else {
            inputs.push(Input::Message { feed, body: text });
        }
    }
    for (feed, lines) in files {
        inputs.extend(file(dice, &feed, number, &lines, truth));
    }
    inputs
}

/// Messages one by one, lines of files in one to three files a feed; some again.
fn deliveries(dice: &mut Dice, payments: Vec<Line>, sales: Vec<Line>, truth: &mut Truth) -> Vec<Input> {
    let mut inputs = Vec::new();
    let mut files: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for line in payments.into_iter().chain(sales) {
        if line.file {
            let most = 1 + dice.below(3);
            let drops = files.entry(line.feed.clone()).or_insert_with(|| vec![Vec::new(); most]);
            let place = dice.below(drops.len());
            drops[place].push(line.text.clone());
            // the same line again, in the same file or in another one
            if dice.one_in(10) {
                let place = dice.below(drops.len());
                drops[place].push(line.text);
            }
        } else {
            let message = Input::Message { feed: line.feed, body: line.text };
            inputs.extend(dice.one_in(10).then(|| message.clone()));
            inputs.push(message);
        }
    }
    for (feed, drops) in files {
        for (number, lines) in drops.into_iter().enumerate() {
            inputs.extend(file(dice, &feed, number, &lines, truth));
        }
    }
    inputs
}

fn file(dice: &mut Dice, feed: &str, number: usize, lines: &[String], truth: &mut Truth) -> Vec<Input> {
    let text = match formats::header(feed) {
        Some(header) => format!("{}\n", [&[header.to_owned()], lines].concat().join("\n")),
        None => formats::tgx2_file(lines, &format!("2024060{number}120000")),
    };
    let mut names = vec![format!("{feed}-{number}")];
    match dice.below(10) {
        // the same file again under another name, and under the same one
        0 => names.push(format!("{feed}-{number}-again")),
        1 => names.push(format!("{feed}-{number}")),
        _ => {}
    }
    let mut inputs = Vec::new();
    for name in names {
        let object = format!("imports/{feed}/{name}");
        truth.records.entry(object).or_default().insert(u64::try_from(lines.len()).unwrap_or(0));
        inputs.push(Input::File { feed: feed.to_owned(), name, text: text.clone() });
    }
    inputs
}

fn linked_later(cast: &Cast) -> Vec<Input> {
    let mut inputs = Vec::new();
    let late = cast.identifiers(Onboarded::Later);
    if !late.is_empty() {
        inputs.push(Input::Onboard(late));
    }
    let disputes = cast.disputes();
    if !disputes.is_empty() {
        inputs.push(Input::Offboard(disputes));
    }
    for card in cast.cards.iter().filter(|card| card.knows == Knows::Later) {
        for merchant in cast.merchants() {
            inputs.push(Input::Link { merchant, card: card.clone() });
        }
    }
    inputs
}
