//! The generator's bookkeeping: every line it wrote, and what is true about them.

use std::collections::HashSet;

use crate::clock::{self, Clock, HOUR, MINUTE, Slot};
use crate::dice::Dice;
use crate::lines::{self, Legs, Payment, Sale};
use crate::members::Card;
use crate::truth::{NearMiss, Pair, Truth, Why};
use crate::world::{Corner, Merchant, Scheme, Site, World};

/// The lines of the day and their truth, while they are being written.
pub(crate) struct Ledger<'a> {
    pub(crate) dice: Dice,
    pub(crate) world: &'a World,
    clock: &'a Clock,
    settlements: Vec<Slot>,
    iceland: Vec<Slot>,
    wasabi: Vec<Slot>,
    /// Till and amount of every purchase: the book's key. Scheme and merchant follow from the till.
    taken: HashSet<(String, i64)>,
    ids: HashSet<String>,
    payments: Vec<Payment>,
    payment_lines: usize,
    sales: Vec<Sale>,
    truth: Truth,
}

impl<'a> Ledger<'a> {
    pub(crate) fn new(dice: Dice, world: &'a World, clock: &'a Clock) -> Self {
        Self {
            dice,
            world,
            clock,
            settlements: clock.settlement_slots(),
            iceland: clock.merchant_slots(Merchant::Iceland),
            wasabi: clock.merchant_slots(Merchant::Wasabi),
            taken: HashSet::new(),
            ids: HashSet::new(),
            payments: Vec::new(),
            payment_lines: 0,
            sales: Vec::new(),
            truth: Truth::default(),
        }
    }

    pub(crate) fn close(self) -> (Vec<Payment>, Vec<Sale>, Truth, Dice) {
        (self.payments, self.sales, self.truth, self.dice)
    }

    pub(crate) fn merchant(&mut self) -> Merchant {
        if self.dice.percent(58) { Merchant::Iceland } else { Merchant::Wasabi }
    }

    pub(crate) fn corner(&mut self) -> &'a Corner {
        let scheme = match self.dice.below(100) {
            0..50 => Scheme::Visa,
            50..80 => Scheme::Mastercard,
            _ => Scheme::Amex,
        };
        self.corner_of(scheme)
    }

    pub(crate) fn corner_of(&mut self, scheme: Scheme) -> &'a Corner {
        let merchant = self.merchant();
        self.world.corner(merchant, scheme)
    }

    pub(crate) fn site(&mut self, corner: &'a Corner) -> &'a Site {
        self.dice.pick(&corner.sites)
    }

    pub(crate) fn member(&mut self, corner: &'a Corner) -> &'a Card {
        self.dice.pick(&corner.cards)
    }

    /// An instant of the shops' hours, far from midnight in every zone the feeds use.
    pub(crate) fn moment(&mut self) -> i64 {
        let second = self.dice.between(9 * HOUR, 21 * HOUR);
        self.second(second)
    }

    /// The instant so many seconds after London's midnight.
    pub(crate) fn second(&self, second: i64) -> i64 {
        self.clock.at(second)
    }

    /// An amount this till has not seen today. The range grows if the till is busy.
    pub(crate) fn amount(&mut self, site: &Site) -> i64 {
        let (low, mut high) = match site.merchant {
            Merchant::Iceland => (149, 9_800),
            Merchant::Wasabi => (395, 4_250),
        };
        loop {
            let pence = self.dice.between(low, high);
            if self.take(&site.mid, pence) {
                return pence;
            }
            high += 50;
        }
    }

    /// Reserves a till's amount. False if it was taken.
    pub(crate) fn take(&mut self, mid: &str, pence: i64) -> bool {
        self.taken.insert((mid.to_owned(), pence))
    }

    pub(crate) fn code(&mut self) -> String {
        self.dice.digits(6)
    }

    fn fresh(&mut self, draw: impl Fn(&mut Dice) -> String) -> String {
        loop {
            let id = draw(&mut self.dice);
            if self.ids.insert(id.clone()) {
                return id;
            }
        }
    }

    fn provider_id(&mut self, scheme: Scheme) -> String {
        match scheme {
            Scheme::Visa => self.fresh(|dice| dice.lower(15)),
            Scheme::Mastercard => self.fresh(|dice| dice.upper(9)),
            Scheme::Amex => self.fresh(|dice| format!("{}=", dice.upper(11))),
        }
    }

    pub(crate) fn sale_id(&mut self, merchant: Merchant, store: &str) -> String {
        match merchant {
            Merchant::Iceland => self.fresh(|dice| format!("000{store}_{}", dice.upper(10))),
            Merchant::Wasabi => self.fresh(|dice| format!("0000{store}R{}", dice.digits(9))),
        }
    }

    /// A purchase as its scheme would tell it, not yet entered. `code` is what the till prints.
    pub(crate) fn payment(&mut self, site: &Site, card: &Card, pence: i64, code: &str, legs: Legs) -> Payment {
        let when = self.moment();
        let (auth_code, settled_code) = match site.scheme {
            Scheme::Visa => (code, code),
            Scheme::Mastercard => ("", code),
            Scheme::Amex => ("", ""),
        };
        let mut payment = Payment {
            site: site.clone(),
            card: card.clone(),
            id: self.provider_id(site.scheme),
            when,
            auth_pence: pence,
            settled_pence: pence,
            auth_code: auth_code.to_owned(),
            settled_code: settled_code.to_owned(),
            approval: code.to_owned(),
            auth_at: None,
            settled_at: None,
            settled_slot: 0,
            flaw: None,
        };
        self.schedule(&mut payment, legs);
        payment
    }

    /// When the payment's lines are delivered.
    pub(crate) fn schedule(&mut self, payment: &mut Payment, legs: Legs) {
        let prompt = payment.when + self.dice.between(3, 2 * MINUTE);
        let (soon, late) = match legs {
            Legs::SettledThenAuth => (4 * MINUTE, 40 * MINUTE),
            _ => (15 * MINUTE, 9 * HOUR),
        };
        let mut settled = payment.when + self.dice.between(soon, late);
        if payment.site.scheme == Scheme::Mastercard {
            payment.settled_slot = clock::slot_of(&self.settlements, payment.when, prompt);
            settled = self.settlements.get(payment.settled_slot).map_or(settled, |slot| slot.at);
        }
        let after = settled + self.dice.between(MINUTE, 30 * MINUTE);
        (payment.auth_at, payment.settled_at) = match legs {
            Legs::Auth => (Some(prompt), None),
            Legs::Settled => (None, Some(settled)),
            Legs::AuthThenSettled => (Some(prompt), Some(settled)),
            Legs::SettledThenAuth => (Some(after), Some(settled)),
        };
    }

    /// The till's half of a payment, not yet entered, with its clock off by no more than what is certain.
    pub(crate) fn sale_of(&mut self, payment: &Payment) -> Sale {
        let (site, card) = (&payment.site, &payment.card);
        let drift = site.merchant.drift();
        // Most tills are nearly right.
        let spread = if self.dice.percent(75) { drift / 5 } else { drift };
        let when = payment.when + self.dice.between(-spread, spread);
        let label = lines::label(&mut self.dice, site.merchant, site.scheme);
        Sale {
            merchant: site.merchant,
            store: site.store.clone(),
            mid: site.mid.clone(),
            label,
            id: self.sale_id(site.merchant, &site.store),
            when,
            pence: payment.final_pence(),
            currency: "GBP",
            auth_code: payment.approval.clone(),
            first_six: card.first_six.clone(),
            last_four: card.last_four.clone(),
            slot: self.slot(site.merchant, when, 0),
            alone: false,
            skipped: false,
            flaw: None,
        }
    }

    /// The merchant's first file that takes a sale of `when` and is delivered after `not_before`.
    pub(crate) fn slot(&self, merchant: Merchant, when: i64, not_before: i64) -> usize {
        let slots = match merchant {
            Merchant::Iceland => &self.iceland,
            Merchant::Wasabi => &self.wasabi,
        };
        clock::slot_of(slots, when, not_before)
    }

    pub(crate) fn pay(&mut self, payment: Payment) {
        self.payment_lines += payment.lines();
        self.payments.push(payment);
    }

    pub(crate) fn sell(&mut self, sale: Sale) {
        self.sales.push(sale);
    }

    /// Enters both halves of a purchase that is certain to match.
    pub(crate) fn pair(&mut self, payment: Payment, sale: Sale) {
        self.truth.pairs.push(Pair {
            merchant: payment.site.merchant.slug().to_owned(),
            scheme: payment.site.scheme.slug().to_owned(),
            payment_ids: vec![self.public_id(&payment)],
            sale_id: sale.id.clone(),
            loyalty_id: payment.card.loyalty_id.clone(),
        });
        self.pay(payment);
        self.sell(sale);
    }

    /// Enters a payment and sales that must not be matched with it.
    pub(crate) fn near_miss(&mut self, why: Why, payment: Payment, sales: Vec<Sale>) {
        self.refuse(why, &payment, &sales);
        self.pay(payment);
        self.sales.extend(sales);
    }

    /// Notes that none of the sales may be matched with the payment.
    pub(crate) fn refuse(&mut self, why: Why, payment: &Payment, sales: &[Sale]) {
        self.truth.near_misses.push(NearMiss {
            merchant: payment.site.merchant.slug().to_owned(),
            scheme: payment.site.scheme.slug().to_owned(),
            payment_ids: vec![self.public_id(payment)],
            sale_ids: sales.iter().map(|sale| sale.id.clone()).collect(),
            why,
        });
    }

    /// The id as Harmonia calls the payment.
    fn public_id(&self, payment: &Payment) -> String {
        match payment.site.scheme {
            Scheme::Mastercard => format!("{}_{}", payment.id, self.clock.london(payment.when, "%Y%m%d")),
            Scheme::Visa | Scheme::Amex => payment.id.clone(),
        }
    }

    pub(crate) fn pairs(&self) -> usize {
        self.truth.pairs.len()
    }

    pub(crate) fn payment_lines(&self) -> usize {
        self.payment_lines
    }

    pub(crate) fn sale_rows(&self) -> usize {
        self.sales.len()
    }
}
