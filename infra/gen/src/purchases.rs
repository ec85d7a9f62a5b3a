//! Purchases whose halves are certain to find each other.

use crate::Plan;
use crate::clock::{HOUR, MINUTE};
use crate::ledger::Ledger;
use crate::lines::{Flaw, Legs, Payment, Sale};
use crate::members::Card;
use crate::merchants::Merchant;
use crate::world::{Scheme, Site};

/// `per_mille` of `n`, but at least one.
pub(crate) fn share(n: usize, per_mille: usize) -> usize {
    (n * per_mille / 1_000).max(1)
}

/// Writes the day's pairs: the special ones first, ordinary ones until there are enough.
pub(crate) fn write(ledger: &mut Ledger, plan: &Plan) {
    // Most sales are paid by cards nobody registered.
    let pairs = (plan.payments * 58 / 100).min(plan.sales * 2 / 5);
    (0..share(pairs, 20)).for_each(|_| settled_with_a_tip(ledger));
    let kinds = [same_amount_other_code, same_amount_hours_apart, card_decides, clock_off_but_code, corrected_row];
    for kind in kinds {
        (0..share(pairs, 10)).for_each(|_| kind(ledger));
    }
    while ledger.pairs() < pairs {
        ordinary(ledger);
    }
}

/// A purchase that leaves nothing open but its form.
fn plain(ledger: &mut Ledger) -> Payment {
    let corner = ledger.corner();
    let (site, card) = (ledger.site(corner), ledger.member(corner));
    let (pence, code, legs) = (ledger.amount(site), ledger.code(), Legs::draw(&mut ledger.dice));
    let mut payment = ledger.payment(site, card, pence, &code, legs);
    if site.scheme == Scheme::Visa && ledger.dice.percent(18) {
        // Visa does not always know the code, or only when it settles. Then time decides.
        payment.auth_code.clear();
        if ledger.dice.percent(60) {
            payment.settled_code.clear();
        }
    }
    payment
}

/// Enters a payment and its sale.
fn with_sale(ledger: &mut Ledger, payment: Payment) {
    if let Some(sale) = ledger.sale_of(&payment) {
        ledger.pair(payment, sale);
    }
}

fn ordinary(ledger: &mut Ledger) {
    let payment = plain(ledger);
    with_sale(ledger, payment);
}

/// The settlement says another amount, and that is what the till took. It comes before the sale: a sale of the settled
/// amount must not have to wait for it.
fn settled_with_a_tip(ledger: &mut Ledger) {
    let corner = ledger.corner();
    let (site, card) = (ledger.site(corner), ledger.member(corner));
    let (authorised, settled) = (ledger.amount(site), ledger.amount(site));
    let (code, legs) = (ledger.code(), Legs::both(&mut ledger.dice));
    let mut payment = ledger.payment(site, card, settled, &code, legs);
    payment.auth_pence = authorised;
    if site.scheme != Scheme::Mastercard {
        payment.settled_at = payment.settled_at.map(|at| at.min(payment.when + 25 * MINUTE));
    }
    let Some(mut sale) = ledger.sale_of(&payment) else { return };
    ledger.deliver(&mut sale, payment.settled_at.unwrap_or(0));
    ledger.pair(payment, sale);
}

/// Two members pay the same amount at one till; each line of both halves has a code.
fn same_amount_other_code(ledger: &mut Ledger) {
    let corner = ledger.corner_of(Scheme::Visa);
    let site = ledger.site(corner);
    let pence = ledger.amount(site);
    let (code, other) = two_codes(ledger);
    for code in [code, other] {
        let (card, legs) = (ledger.member(corner), Legs::draw(&mut ledger.dice));
        let payment = ledger.payment(site, card, pence, &code, legs);
        with_sale(ledger, payment);
    }
}

/// The same where one line or both have none: hours lie between them.
fn same_amount_hours_apart(ledger: &mut Ledger) {
    let corner = ledger.corner_where(|_, scheme| scheme != Scheme::Visa);
    let site = ledger.site(corner);
    let pence = ledger.amount(site);
    let (code, other) = two_codes(ledger);
    let morning = ledger.dice.between(9 * HOUR, 13 * HOUR);
    let evening = morning + ledger.dice.between(2 * HOUR, 7 * HOUR);
    for (code, second) in [(code, morning), (other, evening)] {
        let (card, legs) = (ledger.member(corner), Legs::draw(&mut ledger.dice));
        let mut payment = ledger.payment(site, card, pence, &code, legs);
        payment.when = ledger.second(second);
        ledger.schedule(&mut payment, legs);
        with_sale(ledger, payment);
    }
}

/// A stranger pays the same at the same till and time, and there is no code: the card's digits decide, as both sales
/// come with one file.
fn card_decides(ledger: &mut Ledger) {
    let (site, card, payment) = without_code(ledger, |merchant, _| merchant.has_files());
    let stranger = Card::draw(&mut ledger.dice, site.scheme);
    let Some(mut sale) = ledger.sale_of(&payment) else { return };
    let Some(mut other) = ledger.sale_of(&Payment { card: stranger, ..payment.clone() }) else { return };
    if other.last_four == card.last_four {
        other.first_six.clone_from(&sale.first_six);
        if card.last_four == "0000" { "0001" } else { "0000" }.clone_into(&mut other.last_four);
    }
    (sale.alone, other.alone, other.slot) = (true, true, sale.slot);
    ledger.refuse(crate::Why::OtherCard, &payment, std::slice::from_ref(&other));
    ledger.pair(payment, sale);
    ledger.sell(other);
}

/// A member's payment of which no line has a code that the policies compare.
pub(crate) fn without_code<'a>(
    ledger: &mut Ledger<'a>,
    wanted: impl Fn(&Merchant, Scheme) -> bool,
) -> (&'a Site, &'a Card, Payment) {
    let corner = ledger.corner_where(wanted);
    let (site, card) = (ledger.site(corner), ledger.member(corner));
    let (pence, code) = (ledger.amount(site), ledger.code());
    let legs = match site.scheme {
        // A Mastercard settlement has one.
        Scheme::Mastercard => Legs::Auth,
        Scheme::Visa | Scheme::Amex => Legs::draw(&mut ledger.dice),
    };
    let mut payment = ledger.payment(site, card, pence, &code, legs);
    if site.scheme == Scheme::Visa {
        payment.auth_code.clear();
        payment.settled_code.clear();
    }
    (site, card, payment)
}

/// The till's clock is far off, but both halves have the code.
fn clock_off_but_code(ledger: &mut Ledger) {
    let corner = ledger.corner_of(Scheme::Visa);
    let (site, card) = (ledger.site(corner), ledger.member(corner));
    let (pence, code, legs) = (ledger.amount(site), ledger.code(), Legs::draw(&mut ledger.dice));
    let payment = ledger.payment(site, card, pence, &code, legs);
    let Some(mut sale) = ledger.sale_of(&payment) else { return };
    let off = ledger.dice.between(5 * MINUTE, 20 * MINUTE);
    sale.when += if ledger.dice.percent(50) { off } else { -off };
    ledger.deliver(&mut sale, 0);
    ledger.pair(payment, sale);
}

/// The till first sends a bad line, then a good one with the same number.
fn corrected_row(ledger: &mut Ledger) {
    let payment = plain(ledger);
    let Some(sale) = ledger.sale_of(&payment) else { return };
    let mut bad = Sale { flaw: Some(Flaw::Amount("10.999")), sent: sale.sent - MINUTE, ..sale.clone() };
    // a file that another overtakes comes too late: there both rows stay in one
    bad.slot = ledger.earlier(&sale).unwrap_or(sale.slot);
    ledger.sell(bad);
    ledger.pair(payment, sale);
}

/// Two different codes.
pub(crate) fn two_codes(ledger: &mut Ledger) -> (String, String) {
    let code = ledger.code();
    loop {
        let other = ledger.code();
        if other != code {
            return (code, other);
        }
    }
}
