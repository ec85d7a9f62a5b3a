//! The generator's bookkeeping: every line it wrote, and what is true about them.

use std::collections::{BTreeMap, HashSet};

use crate::clock::{self, Clock, HOUR, MINUTE, Slot};
use crate::dice::Dice;
use crate::lines::{self, Leg, Legs, Payment, Sale};
use crate::members::Card;
use crate::merchants::{self, Merchant, Route, Rules, Till};
use crate::tills;
use crate::truth::{Alone, NearMiss, Pair, Truth, Why};
use crate::world::{Corner, Scheme, Site, World};

/// The lines of the day and their truth, while they are being written.
pub(crate) struct Ledger<'a> {
    pub(crate) dice: Dice,
    pub(crate) world: &'a World,
    clock: &'a Clock,
    settlements: Vec<Slot>,
    refunds: Vec<Slot>,
    files: BTreeMap<&'static str, Vec<Slot>>,
    /// Shop and amount of every purchase, whatever the payment scheme: a sale at a location may fit any of its MIDs.
    taken: HashSet<(&'static str, String, i64)>,
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
            refunds: clock.refund_slots(),
            files: merchants::with_till()
                .map(|(merchant, _)| (merchant.slug, clock.merchant_slots(merchant)))
                .collect(),
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

    /// A merchant with a till, by how much it sells.
    fn seller(&mut self) -> &'static Merchant {
        let all: u64 = merchants::with_till().map(|(merchant, _)| merchant.share).sum();
        let mut left = self.dice.below(all);
        let sells = |merchant: &&'static Merchant| {
            let here = left < merchant.share;
            left = left.saturating_sub(merchant.share);
            here
        };
        let [first, ..] = &merchants::ALL;
        merchants::with_till().map(|(merchant, _)| merchant).find(sells).unwrap_or(first)
    }

    fn scheme(&mut self) -> Scheme {
        match self.dice.below(100) {
            0..50 => Scheme::Visa,
            50..80 => Scheme::Mastercard,
            _ => Scheme::Amex,
        }
    }

    /// Where payments are matched.
    pub(crate) fn corner(&mut self) -> &'a Corner {
        self.corner_where(|_, _| true)
    }

    pub(crate) fn corner_of(&mut self, scheme: Scheme) -> &'a Corner {
        self.corner_where(|_, other| other == scheme)
    }

    /// Where payments are matched, and something else is so as well.
    pub(crate) fn corner_where(&mut self, wanted: impl Fn(&Merchant, Scheme) -> bool) -> &'a Corner {
        loop {
            let (merchant, scheme) = (self.seller(), self.scheme());
            if merchant.matches(scheme) && wanted(merchant, scheme) {
                return self.world.corner(merchant, scheme);
            }
        }
    }

    /// Where a merchant sells, whatever follows from it.
    pub(crate) fn counter(&mut self) -> &'a Corner {
        let (merchant, scheme) = (self.seller(), self.scheme());
        self.world.corner(merchant, scheme)
    }

    /// Of any merchant, most often of one whose payments are matched.
    pub(crate) fn corner_of_any(&mut self, scheme: Scheme) -> &'a Corner {
        if self.dice.percent(70) {
            return self.corner_of(scheme);
        }
        let number = usize::try_from(self.dice.below(u64::try_from(merchants::ALL.len()).unwrap_or(0))).unwrap_or(0);
        let [first, ..] = &merchants::ALL;
        self.world.corner(merchants::ALL.get(number).unwrap_or(first), scheme)
    }

    pub(crate) fn any_corner(&mut self) -> &'a Corner {
        let scheme = self.scheme();
        self.corner_of_any(scheme)
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

    /// An amount this shop has not seen today. The range grows if the shop is busy.
    pub(crate) fn amount(&mut self, site: &Site) -> i64 {
        let (low, mut high) = site.merchant.pence;
        loop {
            let pence = self.dice.between(low, high);
            if self.take(site, pence) {
                return pence;
            }
            high += 50;
        }
    }

    /// Reserves a shop's amount. False if it was taken.
    pub(crate) fn take(&mut self, site: &Site, pence: i64) -> bool {
        self.taken.insert((site.merchant.slug, site.store.clone(), pence))
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

    pub(crate) fn sale_id(&mut self, till: &Till, store: &str) -> String {
        let [before, after] = till.id;
        self.fresh(|dice| format!("{before}{store}{after}{}", dice.upper(10)))
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
            refund_at: None,
            slot: 0,
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
            let slots = if legs == Legs::Refund { &self.refunds } else { &self.settlements };
            payment.slot = clock::slot_of(slots, payment.when, prompt);
            settled = slots.get(payment.slot).map_or(settled, |slot| slot.at);
        }
        let after = settled + self.dice.between(MINUTE, 30 * MINUTE);
        (payment.auth_at, payment.settled_at, payment.refund_at) = match legs {
            Legs::Auth => (Some(prompt), None, None),
            Legs::Settled => (None, Some(settled), None),
            Legs::AuthThenSettled => (Some(prompt), Some(settled), None),
            Legs::SettledThenAuth => (Some(after), Some(settled), None),
            Legs::Refund => (None, None, Some(settled)),
        };
    }

    /// The till's half of a payment, not yet entered, with its clock off by no more than what is certain. `None` if the
    /// merchant has no till feed.
    pub(crate) fn sale_of(&mut self, payment: &Payment) -> Option<Sale> {
        let (site, card) = (&payment.site, &payment.card);
        let till = site.merchant.till.as_ref()?;
        let drift = site.merchant.rules().map_or(MINUTE, Rules::drift_s);
        // Most tills are nearly right.
        let spread = if self.dice.percent(75) { drift / 5 } else { drift };
        let when = payment.when + self.dice.between(-spread, spread);
        let label = lines::label(&mut self.dice, till, site.scheme);
        // an Amex settlement shows the card's digits, and policies compare them
        let hidden = till.first_six_may_lack && site.scheme != Scheme::Amex && self.dice.percent(50);
        let mut sale = Sale {
            merchant: site.merchant,
            till,
            store: site.store.clone(),
            mid: site.mid.clone(),
            known: site.known,
            label,
            id: self.sale_id(till, &site.store),
            when,
            pence: payment.final_pence(),
            currency: "GBP",
            auth_code: payment.approval.clone(),
            first_six: if hidden { String::new() } else { card.first_six.clone() },
            last_four: card.last_four.clone(),
            slot: 0,
            sent: 0,
            alone: false,
            skipped: false,
            flaw: None,
        };
        self.deliver(&mut sale, 0);
        Some(sale)
    }

    /// When the sale is delivered: with the merchant's first file that takes it and comes after `not_before`, or by
    /// itself after that.
    pub(crate) fn deliver(&mut self, sale: &mut Sale, not_before: i64) {
        let slots = self.files.get(sale.merchant.slug).map_or(&[][..], Vec::as_slice);
        sale.slot = clock::slot_of(slots, sale.when, not_before);
        sale.sent = sale.when.max(not_before) + self.dice.between(5, 20 * MINUTE);
    }

    /// A delivery before the sale's, if there is one that is not overtaken by it.
    pub(crate) fn earlier(&self, sale: &Sale) -> Option<usize> {
        let slots = self.files.get(sale.merchant.slug)?;
        let slot = sale.slot.checked_sub(1)?;
        (slots.get(slot)?.at < slots.get(sale.slot)?.at).then_some(slot)
    }

    pub(crate) fn pay(&mut self, payment: Payment) {
        self.payment_lines += payment.legs().count();
        self.payments.push(payment);
    }

    pub(crate) fn sell(&mut self, sale: Sale) {
        self.sales.push(sale);
    }

    pub(crate) fn sales(&mut self, sales: impl IntoIterator<Item = Sale>) {
        self.sales.extend(sales);
    }

    /// Enters both halves of a purchase that is certain to match.
    pub(crate) fn pair(&mut self, payment: Payment, sale: Sale) {
        self.truth.pairs.push(Pair {
            merchant: payment.site.merchant.slug.to_owned(),
            scheme: payment.site.scheme.slug().to_owned(),
            payment_ids: vec![self.public_id(&payment)],
            sale_id: tills::public_id(sale.till, &sale, self.clock),
            loyalty_id: payment.card.loyalty_id.clone(),
        });
        self.pay(payment);
        self.sell(sale);
    }

    /// Enters a payment, and what is told of it without any sale: by its merchant's route, if the card is known there.
    pub(crate) fn tell(&mut self, payment: Payment) {
        let legs: Vec<_> = payment.legs().map(|(leg, _)| leg).filter(|leg| payment.counts(*leg)).collect();
        let told: Vec<Option<Leg>> = match payment.site.merchant.route {
            _ if payment.card.loyalty_id.is_empty() || payment.flaw.is_some() || !payment.site.known => Vec::new(),
            Route::Loyalty(_) => Vec::new(),
            Route::Streamed => legs.into_iter().map(Some).collect(),
            Route::Spotted { refunds } if payment.refund_at.is_some() => {
                if refunds {
                    vec![Some(Leg::Refund)]
                } else {
                    Vec::new()
                }
            }
            Route::Spotted { .. } => {
                if legs.is_empty() {
                    Vec::new()
                } else {
                    vec![None]
                }
            }
        };
        let sign = if payment.refund_at.is_some() { -1 } else { 1 };
        let alone = told.into_iter().map(|leg| Alone {
            merchant: payment.site.merchant.slug.to_owned(),
            scheme: payment.site.scheme.slug().to_owned(),
            payment_id: self.public_id(&payment),
            line: leg.map(|leg| leg.as_str().to_owned()),
            minor: sign * payment.final_pence(),
            loyalty_id: payment.card.loyalty_id.clone(),
        });
        let alone: Vec<_> = alone.collect();
        self.truth.alone.extend(alone);
        self.pay(payment);
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
            merchant: payment.site.merchant.slug.to_owned(),
            scheme: payment.site.scheme.slug().to_owned(),
            payment_ids: vec![self.public_id(payment)],
            sale_ids: sales.iter().map(|sale| tills::public_id(sale.till, sale, self.clock)).collect(),
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
