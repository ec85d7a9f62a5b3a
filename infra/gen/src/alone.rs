//! Purchases and refunds that need no sale: their merchants are told of them by themselves, or nothing follows.

use crate::Plan;
use crate::ledger::Ledger;
use crate::lines::Legs;
use crate::merchants::{self, Merchant};
use crate::near::stranger;
use crate::purchases::share;
use crate::world::Scheme;

/// Every so many purchases, and refunds, one is by a card that the merchant does not know.
const STRANGER_EVERY: usize = 6;
/// Every so many refunds one has the id of a purchase.
const SAME_ID_EVERY: usize = 2;

/// Writes the same number for every merchant without sales, and refunds of the others.
pub(crate) fn write(ledger: &mut Ledger, plan: &Plan) {
    for (number, merchant) in merchants::without_sales().enumerate() {
        for n in 0..share(plan.payments, 6) {
            // all schemes come up on a small day too, over all merchants
            let scheme = [Scheme::Visa, Scheme::Mastercard, Scheme::Amex].into_iter().cycle().nth(n + number);
            purchase(ledger, merchant, scheme.unwrap_or(Scheme::Visa), n);
        }
    }
    let all = merchants::ALL.iter().filter(|merchant| merchant.tells_refunds()).chain(merchants::loyalty().take(2));
    for (number, merchant) in all.enumerate() {
        for n in 0..share(plan.payments, 4) {
            let scheme = if (n + number).is_multiple_of(2) { Scheme::Visa } else { Scheme::Mastercard };
            refund(ledger, merchant, scheme, n);
        }
    }
}

/// A purchase, and some of its lines.
fn purchase(ledger: &mut Ledger, merchant: &Merchant, scheme: Scheme, n: usize) {
    let corner = ledger.world.corner(merchant, scheme);
    let known = n % STRANGER_EVERY != STRANGER_EVERY - 1;
    let card = if known { ledger.member(corner).clone() } else { stranger(ledger, corner) };
    let (site, code) = (ledger.site(corner), ledger.code());
    let (pence, legs) = (ledger.amount(site), Legs::draw(&mut ledger.dice));
    let payment = ledger.payment(site, &card, pence, &code, legs);
    ledger.tell(payment);
}

/// A refund by itself, or with the purchase that it takes back and whose id it has.
fn refund(ledger: &mut Ledger, merchant: &Merchant, scheme: Scheme, n: usize) {
    let corner = ledger.world.corner(merchant, scheme);
    let known = n % STRANGER_EVERY != STRANGER_EVERY - 1;
    let card = if known { ledger.member(corner).clone() } else { stranger(ledger, corner) };
    let (site, code) = (ledger.site(corner), ledger.code());
    let pence = ledger.amount(site);
    let mut refund = ledger.payment(site, &card, pence, &code, Legs::Refund);
    if n.is_multiple_of(SAME_ID_EVERY) {
        let purchase = ledger.payment(site, &card, pence, &code, Legs::Auth);
        refund.id.clone_from(&purchase.id);
        ledger.tell(purchase);
    }
    ledger.tell(refund);
}
