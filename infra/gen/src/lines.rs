//! Payments and sales as the generator keeps them, before any format.

use crate::dice::Dice;
use crate::members::Card;
use crate::world::{Merchant, Scheme, Site};

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
    pub(crate) settled_slot: usize,
    pub(crate) flaw: Option<Flaw>,
}

impl Payment {
    pub(crate) fn lines(&self) -> usize {
        usize::from(self.auth_at.is_some()) + usize::from(self.settled_at.is_some())
    }

    /// A bad line is rejected even if nobody knows its MID.
    pub(crate) fn outcome(&self) -> Outcome {
        match (self.flaw, self.site.known) {
            (Some(_), _) => Outcome::Rejected,
            (None, true) => Outcome::Accepted,
            (None, false) => Outcome::Parked,
        }
    }

    /// The amount that counts in the end.
    pub(crate) fn final_pence(&self) -> i64 {
        if self.settled_at.is_some() { self.settled_pence } else { self.auth_pence }
    }
}

/// One purchase as the till tells it.
#[derive(Clone, Debug)]
pub(crate) struct Sale {
    pub(crate) merchant: Merchant,
    pub(crate) store: String,
    pub(crate) mid: String,
    /// The merchant's name of the card type.
    pub(crate) label: &'static str,
    pub(crate) id: String,
    pub(crate) when: i64,
    pub(crate) pence: i64,
    pub(crate) currency: &'static str,
    pub(crate) auth_code: String,
    pub(crate) first_six: String,
    pub(crate) last_four: String,
    /// Which of the merchant's files it is in.
    pub(crate) slot: usize,
    /// Must not be repeated in another file: what is true depends on the company it arrives in.
    pub(crate) alone: bool,
    /// The merchant's filters drop it.
    pub(crate) skipped: bool,
    pub(crate) flaw: Option<Flaw>,
}

impl Sale {
    /// The filters come before everything else.
    pub(crate) fn outcome(&self) -> Outcome {
        match (self.skipped, self.flaw) {
            (true, _) => Outcome::Skipped,
            (false, Some(_)) => Outcome::Rejected,
            (false, None) => Outcome::Accepted,
        }
    }

    /// Makes the merchant's filters drop it, by its card type or because the card was declined.
    pub(crate) fn filter_out(&mut self, dice: &mut Dice) {
        self.skipped = true;
        match self.merchant {
            Merchant::Iceland if dice.percent(50) => self.label = dice.one_of("Diners", &["visa", "", "Amex "]),
            Merchant::Iceland => dice.one_of("decline", &["DECLINE", "Decline"]).clone_into(&mut self.auth_code),
            // The first of these is a known one in full, but the source cuts names at 30 characters.
            Merchant::Wasabi => self.label = dice.one_of("Visa (Enhanced Management Info)", &["Gift", "visa"]),
        }
    }

    /// Makes the merchant's filters drop it because it has no receipt number; only Wasabi marks that.
    pub(crate) fn lose_receipt(&mut self) {
        if self.merchant == Merchant::Wasabi {
            self.skipped = true;
            "\0".clone_into(&mut self.id);
        }
    }
}

/// What the merchant's till calls a card of this scheme.
pub(crate) fn label(dice: &mut Dice, merchant: Merchant, scheme: Scheme) -> &'static str {
    match (merchant, scheme) {
        (Merchant::Iceland, Scheme::Visa) => dice.one_of("Visa", &["Visa Debit", "Electron", "Visa CPC"]),
        (Merchant::Iceland, Scheme::Mastercard) => dice.one_of(
            "MasterCard/MasterCard One",
            &["Maestro", "EDC/Maestro (INT) / Laser", "MasterCard Debit", "Mastercard One"],
        ),
        (Merchant::Iceland, Scheme::Amex) => "Amex",
        (Merchant::Wasabi, Scheme::Visa) => {
            dice.one_of("Visa Debit", &["Visa", "Visa (Purchasing Card)", "Visa (Enhanced Management Info"])
        }
        (Merchant::Wasabi, Scheme::Mastercard) => {
            dice.one_of("Mastercard", &["Debit Mastercard", "Maestro", "Compliments Card"])
        }
        (Merchant::Wasabi, Scheme::Amex) => "American Express",
    }
}
