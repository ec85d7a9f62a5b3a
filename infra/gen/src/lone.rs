//! Lines without another half: other people's sales, other payments, and bad lines.

use crate::Plan;
use crate::dice::{Dice, Pool};
use crate::ledger::Ledger;
use crate::lines::{Flaw, Legs, Payment, Sale};
use crate::members::Card;
use crate::merchants::{self, Merchant};
use crate::near::stranger;
use crate::purchases::share;
use crate::world::{Corner, Scheme, Site};

/// Writes a fixed share of special lines, then ordinary ones until the plan is reached.
pub(crate) fn write(ledger: &mut Ledger, plan: &Plan) {
    for _ in 0..share(plan.payments, 15) {
        payment_of_stranger(ledger);
        payment_unknown_mid(ledger);
    }
    for _ in 0..share(plan.payments, 1) {
        bad_payments(ledger);
    }
    for round in 0..share(plan.sales, 2) {
        bad_sales(ledger, round);
    }
    let tills: Vec<_> = merchants::with_till().map(|(merchant, _)| merchant).collect();
    for (_, merchant) in (0..share(plan.sales, 8)).zip(tills.iter().cycle()) {
        filtered_sales(ledger, merchant);
    }
    for (_, merchant) in (0..share(plan.sales, 8)).zip(tills.iter().cycle()) {
        sale_unknown_place(ledger, merchant);
    }
    while ledger.payment_lines() < plan.payments {
        payment_of_member(ledger);
    }
    while ledger.sale_rows() < plan.sales {
        let corner = ledger.counter();
        let sale = unregistered(ledger, corner, &corner.sites);
        ledger.sales(sale);
    }
}

/// The till never tells about this one.
fn payment_of_member(ledger: &mut Ledger) {
    let corner = ledger.corner();
    let (site, card) = (ledger.site(corner), ledger.member(corner));
    let (pence, code, legs) = (ledger.amount(site), ledger.code(), Legs::draw(&mut ledger.dice));
    let payment = ledger.payment(site, card, pence, &code, legs);
    ledger.pay(payment);
}

fn payment_of_stranger(ledger: &mut Ledger) {
    let corner = ledger.any_corner();
    let (site, card) = (ledger.site(corner), stranger(ledger, corner));
    let (pence, code, legs) = (ledger.amount(site), ledger.code(), Legs::draw(&mut ledger.dice));
    let payment = ledger.payment(site, &card, pence, &code, legs);
    ledger.pay(payment);
}

/// Purchases, and refunds of the schemes that tell them.
fn payment_unknown_mid(ledger: &mut Ledger) {
    let corner = ledger.any_corner();
    let (site, card) = (ledger.dice.pick(&corner.ghosts), ledger.member(corner));
    let refund = site.scheme != Scheme::Amex && ledger.dice.percent(30);
    let legs = if refund { Legs::Refund } else { Legs::draw(&mut ledger.dice) };
    let (pence, code) = (ledger.amount(site), ledger.code());
    let payment = ledger.payment(site, card, pence, &code, legs);
    ledger.pay(payment);
}

/// One of every flaw in each feed of the payment schemes, some of them for shops nobody knows.
fn bad_payments(ledger: &mut Ledger) {
    let all = Scheme::ALL.into_iter().flat_map(|scheme| scheme.feeds().iter().map(move |legs| (scheme, *legs)));
    for ((scheme, legs), flaw) in all.flat_map(|feed| Flaw::ALL.map(|flaw| (feed, flaw))) {
        let corner = ledger.corner_of_any(scheme);
        let unknown = ledger.dice.percent(10);
        let sites = if unknown { &corner.ghosts } else { &corner.sites };
        let (site, card) = (ledger.dice.pick(sites), ledger.member(corner));
        let (pence, code) = (ledger.amount(site), ledger.code());
        let payment = ledger.payment(site, card, pence, &code, legs);
        ledger.pay(Payment { flaw: Some(flaw), ..payment });
    }
}

/// A sale by a card that no feed tells about.
fn unregistered(ledger: &mut Ledger, corner: &Corner, sites: &Pool<Site>) -> Option<Sale> {
    let site = ledger.dice.pick(sites);
    let card = Card::draw(&mut ledger.dice, corner.scheme);
    let (pence, code) = (ledger.amount(site), ledger.code());
    let payment = ledger.payment(site, &card, pence, &code, Legs::Auth);
    let mut sale = ledger.sale_of(&payment)?;
    // a card that the till does not take
    sale.skipped = sale.till.refuses(sale.label);
    Some(sale)
}

/// A sale of this merchant by such a card.
fn unregistered_at(ledger: &mut Ledger, merchant: &Merchant) -> Option<Sale> {
    let corner = ledger.world.corner(merchant, if ledger.dice.percent(60) { Scheme::Visa } else { Scheme::Mastercard });
    unregistered(ledger, corner, &corner.sites)
}

fn sale_unknown_place(ledger: &mut Ledger, merchant: &Merchant) {
    let corner = ledger.world.corner(merchant, if ledger.dice.percent(60) { Scheme::Visa } else { Scheme::Mastercard });
    let sale = unregistered(ledger, corner, &corner.ghosts);
    ledger.sales(sale);
}

/// Two flaws of each till, others in each round.
fn bad_sales(ledger: &mut Ledger, round: usize) {
    for (number, (merchant, _)) in merchants::with_till().enumerate() {
        for flaw in Flaw::ALL.into_iter().cycle().skip(2 * round + number).take(2) {
            let sale = unregistered_at(ledger, merchant);
            ledger.sales(sale.map(|sale| Sale { flaw: Some(flaw), ..sale }));
        }
    }
}

/// A filtered line; one that is bad as well, which the filters see first; one that is too small; and a sale without a
/// receipt.
fn filtered_sales(ledger: &mut Ledger, merchant: &Merchant) {
    let kinds: [fn(&mut Sale, &mut Dice); 4] = [
        |sale, dice| sale.filter_out(dice),
        |sale, dice| {
            sale.filter_out(dice);
            sale.flaw = Some(Flaw::Amount(""));
        },
        |sale, dice| sale.fall_short(dice),
        |sale, _| sale.lose_receipt(),
    ];
    for kind in kinds {
        let mut sale = unregistered_at(ledger, merchant);
        if let Some(sale) = &mut sale {
            kind(sale, &mut ledger.dice);
        }
        ledger.sales(sale);
    }
}
