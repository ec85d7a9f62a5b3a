//! Halves that look like a purchase and must not be matched.

use crate::clock::MINUTE;
use crate::ledger::Ledger;
use crate::lines::{self, Legs, Payment};
use crate::members::Card;
use crate::purchases::{share, two_codes, without_code};
use crate::world::{Corner, Merchant, Scheme, Site};
use crate::{Plan, Why};

/// Writes the day's near misses, of each kind the same number.
pub(crate) fn write(ledger: &mut Ledger, plan: &Plan) {
    let kinds: [fn(&mut Ledger); 10] = [
        till_clock,
        auth_code,
        amount,
        other_mid,
        other_scheme,
        other_currency,
        twins,
        unknown_card,
        unknown_mid,
        filtered_sale,
    ];
    for kind in kinds {
        (0..share(plan.payments, 5)).for_each(|_| kind(ledger));
    }
}

/// A member's payment of any form.
fn payment(ledger: &mut Ledger, corner: &Corner, site: &Site, pence: i64) -> Payment {
    let card = ledger.dice.pick(&corner.cards);
    let (code, legs) = (ledger.code(), Legs::draw(&mut ledger.dice));
    ledger.payment(site, card, pence, &code, legs)
}

fn till_clock(ledger: &mut Ledger) {
    let (site, _, payment) = without_code(ledger);
    let mut sale = ledger.sale_of(&payment);
    let off = site.merchant.tolerance() + ledger.dice.between(15, 10 * MINUTE);
    sale.when = payment.when + if ledger.dice.percent(50) { off } else { -off };
    sale.slot = ledger.slot(sale.merchant, sale.when, 0);
    ledger.near_miss(Why::TillClock, payment, vec![sale]);
}

/// Only Visa: a Mastercard authorisation has no code yet, and would be matched by time.
fn auth_code(ledger: &mut Ledger) {
    let corner = ledger.corner_of(Scheme::Visa);
    let (site, card) = (ledger.site(corner), ledger.member(corner));
    let ((code, other), legs) = (two_codes(ledger), Legs::draw(&mut ledger.dice));
    let pence = ledger.amount(site);
    let payment = ledger.payment(site, card, pence, &code, legs);
    let mut sale = ledger.sale_of(&payment);
    sale.auth_code = other;
    ledger.near_miss(Why::AuthCode, payment, vec![sale]);
}

fn amount(ledger: &mut Ledger) {
    let corner = ledger.corner();
    let site = ledger.site(corner);
    let (pence, next) = loop {
        let pence = ledger.amount(site);
        let next = if ledger.dice.percent(50) { pence + 1 } else { pence - 1 };
        if ledger.take(&site.mid, next) {
            break (pence, next);
        }
    };
    let payment = payment(ledger, corner, site, pence);
    let mut sale = ledger.sale_of(&payment);
    sale.pence = next;
    ledger.near_miss(Why::Amount, payment, vec![sale]);
}

fn other_mid(ledger: &mut Ledger) {
    let corner = ledger.corner();
    let site = ledger.site(corner);
    let (pence, other) = loop {
        let (pence, other) = (ledger.amount(site), ledger.site(corner));
        if other.mid != site.mid && ledger.take(&other.mid, pence) {
            break (pence, other);
        }
    };
    let payment = payment(ledger, corner, site, pence);
    let mut sale = ledger.sale_of(&payment);
    (sale.mid, sale.store) = (other.mid.clone(), other.store.clone());
    ledger.near_miss(Why::OtherMid, payment, vec![sale]);
}

fn other_scheme(ledger: &mut Ledger) {
    let corner = ledger.corner();
    let site = ledger.site(corner);
    let pence = ledger.amount(site);
    let payment = payment(ledger, corner, site, pence);
    let mut sale = ledger.sale_of(&payment);
    let wrong = match site.scheme {
        Scheme::Visa => Scheme::Mastercard,
        Scheme::Mastercard => Scheme::Amex,
        Scheme::Amex => Scheme::Visa,
    };
    sale.label = lines::label(&mut ledger.dice, site.merchant, wrong);
    ledger.near_miss(Why::OtherScheme, payment, vec![sale]);
}

/// Only Iceland's rows name a currency.
fn other_currency(ledger: &mut Ledger) {
    let corner = ledger.world.corner(Merchant::Iceland, Scheme::Visa);
    let site = ledger.site(corner);
    let pence = ledger.amount(site);
    let payment = payment(ledger, corner, site, pence);
    let mut sale = ledger.sale_of(&payment);
    sale.currency = "EUR";
    ledger.near_miss(Why::OtherCurrency, payment, vec![sale]);
}

/// The same second, code and card, in one file: a Mastercard settlement without seconds must not prefer one of them.
fn twins(ledger: &mut Ledger) {
    let corner = ledger.corner();
    let site = ledger.site(corner);
    let pence = ledger.amount(site);
    let payment = payment(ledger, corner, site, pence);
    let mut sale = ledger.sale_of(&payment);
    sale.alone = true;
    let mut twin = sale.clone();
    twin.id = ledger.sale_id(site.merchant, &site.store);
    ledger.near_miss(Why::Twins, payment, vec![sale, twin]);
}

/// Half of these cards are known at the other merchant.
fn unknown_card(ledger: &mut Ledger) {
    let corner = ledger.corner();
    let site = ledger.site(corner);
    let card = stranger(ledger, corner);
    let (pence, code, legs) = (ledger.amount(site), ledger.code(), Legs::draw(&mut ledger.dice));
    let payment = ledger.payment(site, &card, pence, &code, legs);
    let sale = ledger.sale_of(&payment);
    ledger.near_miss(Why::UnknownCard, payment, vec![sale]);
}

/// A card this merchant's scheme does not know.
pub(crate) fn stranger(ledger: &mut Ledger, corner: &Corner) -> Card {
    if ledger.dice.percent(50) {
        ledger.dice.pick(&corner.outsiders).clone()
    } else {
        Card::draw(&mut ledger.dice, corner.scheme)
    }
}

fn unknown_mid(ledger: &mut Ledger) {
    let corner = ledger.corner();
    let site = ledger.dice.pick(&corner.ghosts);
    let pence = ledger.amount(site);
    let payment = payment(ledger, corner, site, pence);
    let sale = ledger.sale_of(&payment);
    ledger.near_miss(Why::UnknownMid, payment, vec![sale]);
}

fn filtered_sale(ledger: &mut Ledger) {
    let corner = ledger.corner();
    let site = ledger.site(corner);
    let pence = ledger.amount(site);
    let payment = payment(ledger, corner, site, pence);
    let mut sale = ledger.sale_of(&payment);
    sale.filter_out(&mut ledger.dice);
    ledger.near_miss(Why::FilteredSale, payment, vec![sale]);
}
