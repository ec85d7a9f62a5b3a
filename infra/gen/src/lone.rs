//! Lines without another half: other people's sales, other payments, and bad lines.

use crate::Plan;
use crate::ledger::Ledger;
use crate::lines::{Flaw, Legs, Payment, Sale};
use crate::members::Card;
use crate::near::stranger;
use crate::purchases::share;
use crate::world::Scheme;

/// Writes a fixed share of special lines, then ordinary ones until the plan is reached.
pub(crate) fn write(ledger: &mut Ledger, plan: &Plan) {
    for _ in 0..share(plan.payments, 15) {
        payment_of_stranger(ledger);
        payment_unknown_mid(ledger);
    }
    for _ in 0..share(plan.payments, 1) {
        bad_payments(ledger);
    }
    for _ in 0..share(plan.sales, 2) {
        bad_sales(ledger);
    }
    for _ in 0..share(plan.sales, 8) {
        filtered_sales(ledger);
        sale_unknown_mid(ledger);
    }
    while ledger.payment_lines() < plan.payments {
        payment_of_member(ledger);
    }
    while ledger.sale_rows() < plan.sales {
        let sale = unregistered(ledger);
        ledger.sell(sale);
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
    let corner = ledger.corner();
    let (site, card) = (ledger.site(corner), stranger(ledger, corner));
    let (pence, code, legs) = (ledger.amount(site), ledger.code(), Legs::draw(&mut ledger.dice));
    let payment = ledger.payment(site, &card, pence, &code, legs);
    ledger.pay(payment);
}

fn payment_unknown_mid(ledger: &mut Ledger) {
    let corner = ledger.corner();
    let (site, card) = (ledger.dice.pick(&corner.ghosts), ledger.member(corner));
    let (pence, code, legs) = (ledger.amount(site), ledger.code(), Legs::draw(&mut ledger.dice));
    let payment = ledger.payment(site, card, pence, &code, legs);
    ledger.pay(payment);
}

/// One of every flaw in each feed of the payment schemes, some of them for shops nobody knows.
fn bad_payments(ledger: &mut Ledger) {
    for scheme in Scheme::ALL {
        for legs in [Legs::Auth, Legs::Settled] {
            for flaw in Flaw::ALL {
                let corner = ledger.corner_of(scheme);
                let unknown = ledger.dice.percent(10);
                let sites = if unknown { &corner.ghosts } else { &corner.sites };
                let (site, card) = (ledger.dice.pick(sites), ledger.member(corner));
                let (pence, code) = (ledger.amount(site), ledger.code());
                let payment = ledger.payment(site, card, pence, &code, legs);
                ledger.pay(Payment { flaw: Some(flaw), ..payment });
            }
        }
    }
}

/// A sale by a card that no feed tells about.
fn unregistered(ledger: &mut Ledger) -> Sale {
    let corner = ledger.corner();
    let site = ledger.site(corner);
    let card = Card::draw(&mut ledger.dice, corner.scheme);
    let (pence, code) = (ledger.amount(site), ledger.code());
    let payment = ledger.payment(site, &card, pence, &code, Legs::Auth);
    ledger.sale_of(&payment)
}

fn sale_unknown_mid(ledger: &mut Ledger) {
    let corner = ledger.corner();
    let site = ledger.dice.pick(&corner.ghosts);
    let card = Card::draw(&mut ledger.dice, corner.scheme);
    let (pence, code) = (ledger.amount(site), ledger.code());
    let payment = ledger.payment(site, &card, pence, &code, Legs::Auth);
    let sale = ledger.sale_of(&payment);
    ledger.sell(sale);
}

/// One of every flaw.
fn bad_sales(ledger: &mut Ledger) {
    for flaw in Flaw::ALL {
        let sale = unregistered(ledger);
        ledger.sell(Sale { flaw: Some(flaw), ..sale });
    }
}

/// A filtered row; one that is bad as well, which the filters see first; and a sale without a receipt.
fn filtered_sales(ledger: &mut Ledger) {
    let mut sale = unregistered(ledger);
    sale.filter_out(&mut ledger.dice);
    ledger.sell(sale);
    let mut bad = unregistered(ledger);
    bad.filter_out(&mut ledger.dice);
    ledger.sell(Sale { flaw: Some(Flaw::Amount("")), ..bad });
    let mut nameless = unregistered(ledger);
    nameless.lose_receipt();
    ledger.sell(nameless);
}
