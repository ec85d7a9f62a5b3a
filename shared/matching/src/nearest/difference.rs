//! One field by which a payment and a sale differ, with both values; and what it weighs when lines are ranked.

use super::{AnySale, Paid, Standing};
use crate::{Reason, Whose};
use harmonia_domain::{
    feed::Scheme,
    money::{Currency, MinorUnits},
};
use jiff::{SignedDuration, civil::Date};

/// What a line without the same auth code pays: of a million lines one has it by chance.
pub(super) const NO_CODE_POINTS: u32 = 25;
/// The most that a distance in time adds.
const TIME_POINTS_MAX: u32 = 60;
/// The most that a distance in money adds.
const AMOUNT_POINTS_MAX: u32 = 40;

/// A field that is equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Field {
    Mid,
    /// The figure; its currency may differ.
    Amount,
    AuthCode,
    /// The last four digits.
    Card,
}

/// Digits of a card as they are stored.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Card {
    /// None: not known, or not written by the till.
    pub first_six: Option<String>,
    /// None: not known, or not written by the till.
    pub last_four: Option<String>,
}

/// By what they differ.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "field", rename_all = "kebab-case")]
pub enum Difference {
    /// Several sales pass every test.
    Tied {
        /// How many, this one included.
        left: usize,
        /// Fallbacks were barred because the payment shows its own digits.
        barred: bool,
    },
    /// The payment's scheme is not the sale's.
    Scheme {
        /// The payment's.
        payment: Scheme,
        /// The sale's.
        sale: Scheme,
    },
    /// Another till.
    Mid {
        /// The payment's.
        payment: String,
        /// Those of the sale's till.
        sale: Vec<String>,
    },
    /// Another currency.
    Currency {
        /// The payment's.
        payment: Currency,
        /// The sale's.
        sale: Currency,
    },
    /// Another amount.
    Amount {
        /// The payment's.
        payment: MinorUnits,
        /// The sale's.
        sale: MinorUnits,
        /// The payment's currency.
        currency: Currency,
        /// The auth's, if it is the sale's: the settlement changed it.
        authorised: Option<MinorUnits>,
    },
    /// The two arrived too far apart (design §4).
    OutOfWindow {
        /// The definition's window.
        days: u16,
        /// How far they arrived apart: sale after payment; negative if before.
        apart: SignedDuration,
    },
    /// The payment's auth code is not the sale's.
    AuthCode {
        /// The payment's.
        payment: String,
        /// The sale's; empty if it has none.
        sale: String,
    },
    /// Another UTC day (D15).
    Day {
        /// The payment's.
        payment: Date,
        /// The sale's.
        sale: Date,
    },
    /// Not within the tolerance.
    Time {
        /// Sale after payment; negative if before.
        off_by: SignedDuration,
        /// The tolerance.
        limit_s: u32,
    },
    /// Another card.
    Digits {
        /// Whose digits the sale's were compared with: the payment's own or those of the member's card.
        of_member: bool,
        /// The first six differ.
        first_six: bool,
        /// The last four differ.
        last_four: bool,
        /// Those.
        payment: Card,
        /// The sale's.
        sale: Card,
    },
    /// Another payment has the sale.
    Claimed {
        /// Which, by payment scheme and id.
        by: String,
    },
    /// A person has undone their match.
    Barred,
    /// The sale's file is not closed yet.
    FileNotClosed,
}

/// What a book key holds (D23).
pub(super) fn of_book_key(paid: &Paid<'_>, sale: &AnySale) -> Vec<Difference> {
    let now = paid.now;
    let scheme = Difference::Scheme { payment: paid.scheme, sale: sale.scheme };
    let mid = || Difference::Mid { payment: now.mid.clone(), sale: sale.mids.clone() };
    let currency = Difference::Currency { payment: now.currency, sale: sale.currency };
    let authorised = paid.authorised.filter(|auth| *auth == sale.amount);
    let amount = Difference::Amount { payment: now.amount, sale: sale.amount, currency: now.currency, authorised };
    [
        (paid.scheme != sale.scheme).then_some(scheme),
        (!sale.mids.contains(&now.mid)).then(mid),
        (now.currency != sale.currency).then_some(currency),
        (now.amount != sale.amount).then_some(amount),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn of_standing(sale: &AnySale) -> Option<Difference> {
    match &sale.standing {
        Standing::Open => None,
        Standing::Hidden => Some(Difference::FileNotClosed),
        Standing::Claimed { by } => Some(Difference::Claimed { by: by.clone() }),
    }
}

/// The engine's reason with both values.
pub(super) fn of_reason(paid: &Paid<'_>, sale: &AnySale, reason: Reason) -> Option<Difference> {
    let now = paid.now;
    Some(match reason {
        Reason::Chosen | Reason::NoPolicy => return None,
        Reason::OutOfWindow { days } => {
            Difference::OutOfWindow { days, apart: now.arrived.duration_until(sale.facts.arrived) }
        }
        Reason::AuthCode { .. } => {
            Difference::AuthCode { payment: now.auth_code.clone(), sale: sale.facts.auth_code.clone() }
        }
        Reason::OtherDay { payment, sale } => Difference::Day { payment, sale },
        Reason::Time { off_by, limit_s } => Difference::Time { off_by, limit_s },
        Reason::Digits { whose, first_six, last_four } => {
            let known = |digits: &str| Some(digits.to_owned()).filter(|d| !d.is_empty());
            let payment = match whose {
                Whose::Payment => Card { first_six: now.first_six.clone(), last_four: now.last_four.clone() },
                Whose::Identity => Card { first_six: known(paid.first_six), last_four: known(paid.last_four) },
            };
            let of_sale = Card { first_six: sale.facts.first_six.clone(), last_four: sale.facts.last_four.clone() };
            Difference::Digits { of_member: whose == Whose::Identity, first_six, last_four, payment, sale: of_sale }
        }
        Reason::StillTied { left, barred } => Difference::Tied { left, barred },
    })
}

/// What they have in common.
pub(super) fn same(paid: &Paid<'_>, sale: &AnySale) -> Vec<Field> {
    let now = paid.now;
    let code = !now.auth_code.is_empty() && now.auth_code == sale.facts.auth_code;
    let own = now.last_four.as_deref().filter(|digits| !digits.is_empty());
    let card = own.or(Some(paid.last_four).filter(|digits| !digits.is_empty()));
    [
        (Field::Mid, sale.mids.contains(&now.mid)),
        (Field::Amount, now.amount == sale.amount),
        (Field::AuthCode, code),
        (Field::Card, card.is_some() && sale.facts.last_four.as_deref() == card),
    ]
    .into_iter()
    .filter_map(|(field, equal)| equal.then_some(field))
    .collect()
}

impl Difference {
    /// What it weighs, 0 is nothing. A field costs 10 to 25, more the rarer it differs by chance alone; a distance adds
    /// to it: a point a minute, a point a percent. So one small difference beats two, and a wrong code at the very
    /// minute beats the right till at another hour.
    pub fn points(&self, apart: SignedDuration) -> u32 {
        match self {
            Self::Tied { .. } => 0,
            Self::FileNotClosed => 5,
            Self::Time { off_by, .. } => minutes(*off_by).saturating_add(10),
            Self::Day { .. } => minutes(apart).saturating_add(15),
            Self::Amount { payment, sale, authorised, .. } => match authorised {
                Some(_) => 15,
                None => percent(*payment, *sale).saturating_add(15),
            },
            Self::AuthCode { payment, sale } => {
                let alike = if typed_wrong(payment, sale) { 12 } else { 20 };
                minutes(apart).saturating_add(alike)
            }
            Self::OutOfWindow { .. } | Self::Scheme { .. } | Self::Currency { .. } | Self::Digits { .. } => 20,
            Self::Mid { .. } => 25,
            Self::Claimed { .. } | Self::Barred => 30,
        }
    }

    /// The order in which differences of one line are told.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Scheme { .. } => 0,
            Self::Mid { .. } => 1,
            Self::Currency { .. } => 2,
            Self::Amount { .. } => 3,
            Self::AuthCode { .. } => 4,
            Self::Day { .. } => 5,
            Self::Time { .. } => 6,
            Self::Digits { .. } => 7,
            Self::OutOfWindow { .. } => 8,
            Self::Tied { .. } => 9,
            Self::Claimed { .. } => 10,
            Self::Barred => 11,
            Self::FileNotClosed => 12,
        }
    }
}

fn minutes(apart: SignedDuration) -> u32 {
    u32::try_from(apart.unsigned_abs().as_secs() / 60).unwrap_or(u32::MAX).min(TIME_POINTS_MAX)
}

fn percent(payment: MinorUnits, sale: MinorUnits) -> u32 {
    let (apart, whole) = (payment.0.abs_diff(sale.0), payment.0.unsigned_abs().max(1));
    u32::try_from(apart.saturating_mul(100) / whole).unwrap_or(u32::MAX).min(AMOUNT_POINTS_MAX)
}

/// One or two characters off, or the same ones in another order.
fn typed_wrong(payment: &str, sale: &str) -> bool {
    if sale.is_empty() || payment.chars().count() != sale.chars().count() {
        return false;
    }
    let off = payment.chars().zip(sale.chars()).filter(|(a, b)| a != b).count();
    let sorted = |text: &str| {
        let mut chars: Vec<char> = text.chars().collect();
        chars.sort_unstable();
        chars
    };
    off <= 2 || sorted(payment) == sorted(sale)
}
