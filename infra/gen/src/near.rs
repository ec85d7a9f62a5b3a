//! Halves that look like a purchase and must not be matched.

use crate::clock::MINUTE;
use crate::ledger::Ledger;
use crate::lines::{Legs, Payment, Sale};
use crate::members::Card;
use crate::merchants::{self, Merchant};
use crate::purchases::{share, two_codes, without_code};
use crate::world::{Corner, Scheme, Site};
use crate::{Plan, Why};

/// Why a payment and sales must not be matched. Every merchant that these are drawn from has a till.
type Miss = (Why, Payment, Vec<Sale>);

/// Writes the day's near misses, of each kind the same number.
pub(crate) fn write(ledger: &mut Ledger, plan: &Plan) {
    let kinds: [fn(&mut Ledger) -> Option<Miss>; 11] = [
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
        no_policy,
    ];
    for kind in kinds {
        for _ in 0..share(plan.payments, 5) {
            if let Some((why, payment, sales)) = kind(ledger) {
                ledger.near_miss(why, payment, sales);
            }
        }
    }
}

/// A member's payment of any form.
fn payment(ledger: &mut Ledger, corner: &Corner, site: &Site, pence: i64) -> Payment {
    let card = ledger.dice.pick(&corner.cards);
    let (code, legs) = (ledger.code(), Legs::draw(&mut ledger.dice));
    ledger.payment(site, card, pence, &code, legs)
}

fn till_clock(ledger: &mut Ledger) -> Option<Miss> {
    let (site, _, payment) = without_code(ledger, Merchant::bounds_time);
    let mut sale = ledger.sale_of(&payment)?;
    let off = site.merchant.rules()?.within_s + ledger.dice.between(15, 10 * MINUTE);
    sale.when = payment.when + if ledger.dice.percent(50) { off } else { -off };
    ledger.deliver(&mut sale, 0);
    Some((Why::TillClock, payment, vec![sale]))
}

/// Only Visa: a Mastercard authorisation has no code yet, and would be matched by time.
fn auth_code(ledger: &mut Ledger) -> Option<Miss> {
    let corner = ledger.corner_of(Scheme::Visa);
    let (site, card) = (ledger.site(corner), ledger.member(corner));
    let ((code, other), legs) = (two_codes(ledger), Legs::draw(&mut ledger.dice));
    let pence = ledger.amount(site);
    let payment = ledger.payment(site, card, pence, &code, legs);
    let mut sale = ledger.sale_of(&payment)?;
    sale.auth_code = other;
    Some((Why::AuthCode, payment, vec![sale]))
}

fn amount(ledger: &mut Ledger) -> Option<Miss> {
    let corner = ledger.corner();
    let site = ledger.site(corner);
    let (pence, next) = loop {
        let pence = ledger.amount(site);
        let next = if ledger.dice.percent(50) { pence + 1 } else { pence - 1 };
        if ledger.take(site, next) {
            break (pence, next);
        }
    };
    let payment = payment(ledger, corner, site, pence);
    let mut sale = ledger.sale_of(&payment)?;
    sale.pence = next;
    Some((Why::Amount, payment, vec![sale]))
}

fn other_mid(ledger: &mut Ledger) -> Option<Miss> {
    let corner = ledger.corner();
    let site = ledger.site(corner);
    let (pence, other) = loop {
        let (pence, other) = (ledger.amount(site), ledger.site(corner));
        if other.mid != site.mid && ledger.take(other, pence) {
            break (pence, other);
        }
    };
    let payment = payment(ledger, corner, site, pence);
    let mut sale = ledger.sale_of(&payment)?;
    (sale.mid, sale.store) = (other.mid.clone(), other.store.clone());
    Some((Why::OtherMid, payment, vec![sale]))
}

fn other_scheme(ledger: &mut Ledger) -> Option<Miss> {
    let corner = ledger.corner();
    let site = ledger.site(corner);
    let pence = ledger.amount(site);
    let payment = payment(ledger, corner, site, pence);
    let mut sale = ledger.sale_of(&payment)?;
    let wrong = match site.scheme {
        Scheme::Visa => Scheme::Mastercard,
        Scheme::Mastercard => Scheme::Amex,
        Scheme::Amex => Scheme::Visa,
    };
    sale.relabel(&mut ledger.dice, wrong);
    Some((Why::OtherScheme, payment, vec![sale]))
}

/// Not every till names a currency.
fn other_currency(ledger: &mut Ledger) -> Option<Miss> {
    let corner = ledger.corner_where(|merchant, _| merchant.names_currency());
    let site = ledger.site(corner);
    let pence = ledger.amount(site);
    let payment = payment(ledger, corner, site, pence);
    let mut sale = ledger.sale_of(&payment)?;
    sale.currency = "EUR";
    Some((Why::OtherCurrency, payment, vec![sale]))
}

/// The same second, code and card, in one file: a Mastercard settlement without seconds must not prefer one of them.
fn twins(ledger: &mut Ledger) -> Option<Miss> {
    let corner = ledger.corner_where(|merchant, _| merchant.has_files());
    let site = ledger.site(corner);
    let pence = ledger.amount(site);
    let payment = payment(ledger, corner, site, pence);
    let mut sale = ledger.sale_of(&payment)?;
    sale.alone = true;
    let mut twin = sale.clone();
    twin.id = ledger.sale_id(sale.till, &site.store);
    Some((Why::Twins, payment, vec![sale, twin]))
}

/// Half of these cards are known at other merchants.
fn unknown_card(ledger: &mut Ledger) -> Option<Miss> {
    let corner = ledger.corner();
    let site = ledger.site(corner);
    let card = stranger(ledger, corner);
    let (pence, code, legs) = (ledger.amount(site), ledger.code(), Legs::draw(&mut ledger.dice));
    let payment = ledger.payment(site, &card, pence, &code, legs);
    let sale = ledger.sale_of(&payment)?;
    Some((Why::UnknownCard, payment, vec![sale]))
}

/// A card this merchant's scheme does not know.
pub(crate) fn stranger(ledger: &mut Ledger, corner: &Corner) -> Card {
    if ledger.dice.percent(50) {
        ledger.dice.pick(&corner.outsiders).clone()
    } else {
        Card::draw(&mut ledger.dice, corner.scheme)
    }
}

fn unknown_mid(ledger: &mut Ledger) -> Option<Miss> {
    let corner = ledger.corner();
    let site = ledger.dice.pick(&corner.ghosts);
    let pence = ledger.amount(site);
    let payment = payment(ledger, corner, site, pence);
    let sale = ledger.sale_of(&payment)?;
    Some((Why::UnknownMid, payment, vec![sale]))
}

fn filtered_sale(ledger: &mut Ledger) -> Option<Miss> {
    let corner = ledger.corner();
    let site = ledger.site(corner);
    let pence = ledger.amount(site);
    let payment = payment(ledger, corner, site, pence);
    let mut sale = ledger.sale_of(&payment)?;
    sale.filter_out(&mut ledger.dice);
    Some((Why::FilteredSale, payment, vec![sale]))
}

/// Everything fits, but the merchant's policy knows no cards of this scheme.
fn no_policy(ledger: &mut Ledger) -> Option<Miss> {
    let merchant = merchants::loyalty().find(|merchant| !merchant.matches(Scheme::Amex))?;
    let corner = ledger.world.corner(merchant, Scheme::Amex);
    let site = ledger.site(corner);
    let pence = ledger.amount(site);
    let payment = payment(ledger, corner, site, pence);
    let sale = ledger.sale_of(&payment)?;
    Some((Why::NoPolicy, payment, vec![sale]))
}
