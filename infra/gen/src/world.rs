//! The merchants' shops, and what is onboarded.

use crate::dice::{Dice, Pool};
use crate::lines::Legs;
use crate::members::{self, Card};
use crate::merchants::{self, Merchant};
use crate::{Identifier, Plan, User};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Visa,
    Mastercard,
    Amex,
}

impl Scheme {
    pub(crate) const ALL: [Self; 3] = [Self::Visa, Self::Mastercard, Self::Amex];

    /// The lines that it has feeds for, each by itself.
    pub(crate) fn feeds(self) -> &'static [Legs] {
        match self {
            Self::Visa | Self::Mastercard => &[Legs::Auth, Legs::Settled, Legs::Refund],
            Self::Amex => &[Legs::Auth, Legs::Settled],
        }
    }

    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Visa => "visa",
            Self::Mastercard => "mastercard",
            Self::Amex => "amex",
        }
    }
}

/// How a payment scheme names one shop.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) merchant: &'static Merchant,
    pub(crate) scheme: Scheme,
    /// The card acceptor's id, the only name both halves of a purchase carry.
    pub(crate) mid: String,
    /// Visa's store, Mastercard's location.
    pub(crate) store_id: String,
    /// Visa's merchant, Mastercard's aggregate merchant.
    pub(crate) aggregate: String,
    /// Is one of the three onboarded?
    pub(crate) known: bool,
    /// The merchant's number of the shop, the same at every payment scheme.
    pub(crate) store: String,
}

/// One merchant at one payment scheme.
#[derive(Debug)]
pub(crate) struct Corner {
    pub(crate) merchant: &'static Merchant,
    pub(crate) scheme: Scheme,
    pub(crate) sites: Pool<Site>,
    /// Shops that nobody onboarded.
    pub(crate) ghosts: Pool<Site>,
    /// Cards the directory knows here.
    pub(crate) cards: Pool<Card>,
    /// Cards the directory knows only at other merchants.
    pub(crate) outsiders: Pool<Card>,
}

#[derive(Debug)]
pub(crate) struct World {
    corners: Pool<Corner>,
    pub(crate) identifiers: Vec<Identifier>,
    pub(crate) users: Vec<User>,
}

impl World {
    pub(crate) fn build(dice: &mut Dice, aes_key: &str, plan: &Plan) -> Self {
        let people = members::People::register(dice, aes_key, (plan.payments / 8).max(40));
        let mut identifiers = Vec::new();
        let mut corner = |number: usize, merchant: &'static Merchant, scheme| {
            let shops = shops(plan, merchant);
            let mut site = |n: usize| site(dice, (number, merchant), scheme, n);
            let sites = Pool::new(site(0), (1..shops).map(&mut site).collect());
            let ghosts = Pool::new(ghost(site(shops)), vec![ghost(site(shops + 1)), ghost(site(shops + 2))]);
            onboard(&mut identifiers, &sites);
            let (cards, outsiders) = (people.members(merchant, scheme), people.outsiders(merchant, scheme));
            Corner { merchant, scheme, sites, ghosts, cards, outsiders }
        };
        let [merchant, ..] = &merchants::ALL;
        let first = corner(0, merchant, Scheme::Visa);
        let all = merchants::ALL.iter().enumerate();
        let others = all.flat_map(|(number, merchant)| Scheme::ALL.map(|scheme| (number, merchant, scheme)));
        let rest = others.skip(1).map(|(number, merchant, scheme)| corner(number, merchant, scheme)).collect();
        Self { corners: Pool::new(first, rest), identifiers, users: people.users }
    }

    pub(crate) fn corner(&self, merchant: &Merchant, scheme: Scheme) -> &Corner {
        let wanted = |corner: &&Corner| *corner.merchant == *merchant && corner.scheme == scheme;
        self.corners.iter().find(wanted).unwrap_or(self.corners.at(0))
    }
}

/// So many shops that amounts seldom have to be drawn twice, whatever the size of the day.
fn shops(plan: &Plan, merchant: &Merchant) -> usize {
    let share = usize::try_from(merchant.share).unwrap_or(0);
    (plan.sales * share / 8_000).max(4)
}

/// The `n`th shop. Its number and its merchant's are part of its MIDs, so no two shops share one.
fn site(dice: &mut Dice, (number, merchant): (usize, &'static Merchant), scheme: Scheme, n: usize) -> Site {
    let brand = number + 11;
    let mid = match scheme {
        Scheme::Visa => format!("{brand}{n:05}{}", dice.digits(2)),
        Scheme::Mastercard => format!("52{brand}{n:05}{}", dice.digits(3)),
        Scheme::Amex => format!("80{brand}{n:05}{}", dice.digits(2)),
    };
    let [_, visa, aggregate] = merchant.names;
    // a letter at the end keeps the digits of neighbouring columns apart
    let (store_id, aggregate) = match scheme {
        Scheme::Visa => (dice.upper(12), visa.to_owned()),
        _ => (format!("LOC{}K", dice.digits(8)), aggregate.to_owned()),
    };
    let store = format!("{}{:03}", merchant.store, n + 101);
    Site { merchant, scheme, mid, store_id, aggregate, known: true, store }
}

/// A shop of which no name is onboarded.
fn ghost(site: Site) -> Site {
    let aggregate = if site.scheme == Scheme::Visa { "0" } else { "" }.to_owned();
    Site { aggregate, known: false, ..site }
}

/// Most shops by their primary MID. Of Visa's every eighth is only known by its store, every eighth only by its
/// aggregate merchant; but where sales are told by their location, the location has to lead to every MID.
fn onboard(identifiers: &mut Vec<Identifier>, sites: &Pool<Site>) {
    for (n, site) in sites.iter().enumerate() {
        let by_other_names = site.scheme == Scheme::Visa && !site.merchant.at_locations();
        let (kind, text, place) = match n % 8 {
            1 if by_other_names => ("SECONDARY", &site.store_id, Some(site.store.clone())),
            // One row for all of the merchant's shops of this kind.
            2 if by_other_names && n == 2 => ("PSIMI", &site.aggregate, None),
            2 if by_other_names => continue,
            _ => ("PRIMARY", &site.mid, Some(site.store.clone())),
        };
        identifiers.push(Identifier {
            scheme: site.merchant.slug.to_owned(),
            provider: site.scheme.slug().to_owned(),
            identifier: text.clone(),
            kind: kind.to_owned(),
            merchant_internal_id: place.as_ref().map(|store| format!("brand-{store}")),
            location_id: place,
        });
    }
}
