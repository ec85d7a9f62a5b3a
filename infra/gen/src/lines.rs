//! Payments and sales as the generator keeps them, before any format.

use crate::dice::Dice;
use crate::members::Card;
use crate::merchants::{Merchant, Till};
use crate::world::{Scheme, Site};

/// What import says about a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Duplicate,
    Skipped,
    Rejected,
    Parked,
}

/// What is wrong with a bad line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The amount reads so.
    Amount(&'static str),
    /// The date does not exist, or is written in another way than agreed.
    Date(&'static str),
    /// The line ends early, the message lacks its amount.
    Short,
}

impl Flaw {
    /// Dates are a day and a time of day, in the order in which every format writes them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Amount("1,234.50"),
        Self::Amount("1e2"),
        Self::Amount("10.999"),
        Self::Amount(""),
        Self::Date("2026-02-31 12:34:56"),
        Self::Date("2026-03-17 25:61:00"),
        Self::Short,
    ];
}

/// Which lines of a payment are fed, in their order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Legs {
    Auth,
    Settled,
    AuthThenSettled,
    SettledThenAuth,
    Refund,
}

/// What one line of a payment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leg {
    Auth,
    Settled,
    Refund,
}

impl Leg {
    /// As the truth names it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Settled => "settled",
            Self::Refund => "refund",
        }
    }
}

impl Legs {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        match dice.below(100) {
            0..36 => Self::Auth,
            36..58 => Self::Settled,
            58..86 => Self::AuthThenSettled,
            _ => Self::SettledThenAuth,
        }
    }

    pub(crate) fn both(dice: &mut Dice) -> Self {
        if dice.percent(60) { Self::AuthThenSettled } else { Self::SettledThenAuth }
    }
}

/// One purchase as the payment scheme tells it.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) site: Site,
    pub(crate) card: Card,
    /// The provider's id, without the date that Mastercard's gets.
    pub(crate) id: String,
    pub(crate) when: i64,
    pub(crate) auth_pence: i64,
    pub(crate) settled_pence: i64,
    /// The code in the authorisation, "" if the scheme does not send one.
    pub(crate) auth_code: String,
    /// The code in the settlement.
    pub(crate) settled_code: String,
    /// Amex's own code, which no policy compares.
    pub(crate) approval: String,
    /// When the authorisation is delivered, if it is.
    pub(crate) auth_at: Option<i64>,
    /// When the settlement is delivered, if it is. Mastercard's comes with a file.
    pub(crate) settled_at: Option<i64>,
    /// When the refund is delivered; then there is no other line.
    pub(crate) refund_at: Option<i64>,
    /// Which of Mastercard's files of settlements or refunds it is in.
    pub(crate) slot: usize,
    pub(crate) flaw: Option<Flaw>,
}

impl Payment {
    /// Its lines and when they are delivered.
    pub(crate) fn legs(&self) -> impl Iterator<Item = (Leg, i64)> {
        let legs = [(Leg::Auth, self.auth_at), (Leg::Settled, self.settled_at), (Leg::Refund, self.refund_at)];
        legs.into_iter().filter_map(|(leg, at)| Some((leg, at?)))
    }

    /// A bad line is rejected even if nobody knows its MID.
    pub(crate) fn outcome(&self, leg: Leg) -> Outcome {
        match (self.flaw, self.site.known) {
            (Some(_), _) => Outcome::Rejected,
            (None, true) if !self.counts(leg) => Outcome::Skipped,
            (None, true) => Outcome::Accepted,
            (None, false) => Outcome::Parked,
        }
    }

    /// Does its merchant take lines of this kind?
    pub(crate) fn counts(&self, leg: Leg) -> bool {
        (self.site.scheme, leg) != (Scheme::Amex, Leg::Auth) || !self.site.merchant.skips_amex_auths()
    }

    /// The amount that counts in the end.
    pub(crate) fn final_pence(&self) -> i64 {
        if self.settled_at.is_some() { self.settled_pence } else { self.auth_pence }
    }
}

/// One purchase as the till tells it.
#[derive(Clone, Debug)]
pub(crate) struct Sale {
    pub(crate) merchant: &'static Merchant,
    pub(crate) till: &'static Till,
    pub(crate) store: String,
    pub(crate) mid: String,
    /// Is the shop onboarded?
    pub(crate) known: bool,
    /// The merchant's name of the card type.
    pub(crate) label: &'static str,
    /// The till's own number.
    pub(crate) id: String,
    pub(crate) when: i64,
    pub(crate) pence: i64,
    pub(crate) currency: &'static str,
    pub(crate) auth_code: String,
    /// "" if the till does not know them.
    pub(crate) first_six: String,
    pub(crate) last_four: String,
    /// Which of the merchant's files it is in.
    pub(crate) slot: usize,
    /// When it is delivered, if its till sends messages.
    pub(crate) sent: i64,
    /// Must not be repeated in another file: what is true depends on the company it arrives in.
    pub(crate) alone: bool,
    /// The merchant's filters drop it.
    pub(crate) skipped: bool,
    pub(crate) flaw: Option<Flaw>,
}

impl Sale {
    /// The filters come before everything else, but a filter of amounts reads them.
    pub(crate) fn outcome(&self) -> Outcome {
        let unread = matches!(self.flaw, Some(Flaw::Amount(_))) && self.till.amount_first;
        let parked = self.merchant.at_locations() && !self.known;
        match (self.skipped && !unread, self.flaw) {
            (true, _) => Outcome::Skipped,
            (false, Some(_)) => Outcome::Rejected,
            (false, None) if parked => Outcome::Parked,
            (false, None) => Outcome::Accepted,
        }
    }

    /// Makes the merchant's filters drop it, by its card type or because the card was declined.
    pub(crate) fn filter_out(&mut self, dice: &mut Dice) {
        self.skipped = true;
        if dice.percent(50)
            && let Some(code) = dice.one_of(self.till.declined)
        {
            code.clone_into(&mut self.auth_code);
            return;
        }
        let [_, _, _, strange] = self.till.labels;
        self.label = dice.one_of(strange).unwrap_or_default();
        self.hide_first_six();
    }

    /// Makes the merchant's filters drop it because it is too small, if they look at that.
    pub(crate) fn fall_short(&mut self, dice: &mut Dice) {
        if self.till.minimum > 0 {
            self.skipped = true;
            self.pence = dice.between(self.till.minimum / 2, self.till.minimum - 1);
        }
    }

    /// Makes the merchant's filters drop it because it has no receipt number, if its till marks that.
    pub(crate) fn lose_receipt(&mut self) {
        if self.till.nul_receipts {
            self.skipped = true;
            "\0".clone_into(&mut self.id);
        }
    }

    /// Another scheme's card.
    pub(crate) fn relabel(&mut self, dice: &mut Dice, scheme: Scheme) {
        self.label = label(dice, self.till, scheme);
        self.hide_first_six();
    }

    /// Where the first six digits would tell the payment scheme, the name of the card has to.
    fn hide_first_six(&mut self) {
        if self.till.first_six_may_lack {
            self.first_six.clear();
        }
    }
}

/// What the till calls a card of this scheme.
pub(crate) fn label(dice: &mut Dice, till: &Till, scheme: Scheme) -> &'static str {
    let [visa, mastercard, amex, _] = till.labels;
    let labels = match scheme {
        Scheme::Visa => visa,
        Scheme::Mastercard => mastercard,
        Scheme::Amex => amex,
    };
    dice.one_of(labels).unwrap_or_default()
}
