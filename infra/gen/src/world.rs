//! Merchants, their tills, and what is onboarded.

use crate::dice::{Dice, Pool};
use crate::members::{self, Card};
use crate::{Identifier, Plan, User};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merchant {
    Iceland,
    Wasabi,
}

impl Merchant {
    pub(crate) const ALL: [Self; 2] = [Self::Iceland, Self::Wasabi];

    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Iceland => "iceland-bonus-card",
            Self::Wasabi => "wasabi-club",
        }
    }

    /// How many seconds till and payment scheme may be apart, by the merchant's policy.
    pub(crate) fn tolerance(self) -> i64 {
        match self {
            Self::Iceland => 60,
            Self::Wasabi => 180,
        }
    }

    /// How far apart we let them be where the pair has to be certain.
    pub(crate) fn drift(self) -> i64 {
        match self {
            Self::Iceland => 45,
            Self::Wasabi => 150,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Visa,
    Mastercard,
    Amex,
}

impl Scheme {
    pub(crate) const ALL: [Self; 3] = [Self::Visa, Self::Mastercard, Self::Amex];

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
    pub(crate) merchant: Merchant,
    pub(crate) scheme: Scheme,
    /// The card acceptor's id, the only name both halves of a purchase carry.
    pub(crate) mid: String,
    /// Visa's store, Mastercard's location.
    pub(crate) store_id: String,
    /// Visa's merchant, Mastercard's aggregate merchant.
    pub(crate) aggregate: String,
    /// Is one of the three onboarded?
    pub(crate) known: bool,
    pub(crate) store: String,
}

/// One merchant at one payment scheme.
#[derive(Debug)]
pub(crate) struct Corner {
    pub(crate) merchant: Merchant,
    pub(crate) scheme: Scheme,
    pub(crate) sites: Pool<Site>,
    /// Shops that nobody onboarded.
    pub(crate) ghosts: Pool<Site>,
    /// Cards the directory knows here.
    pub(crate) cards: Pool<Card>,
    /// Cards the directory knows only at the other merchant.
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
        // So many shops that amounts seldom have to be drawn twice, whatever the size of the day.
        let shops = (plan.sales / 200).max(8);
        let people = members::People::register(dice, aes_key, (plan.payments / 8).max(40));
        let mut identifiers = Vec::new();
        let mut corner = |merchant, scheme| {
            let mut site = |n: usize| site(dice, merchant, scheme, n);
            let sites = Pool::new(site(0), (1..shops).map(&mut site).collect());
            let ghosts = Pool::new(ghost(site(shops)), vec![ghost(site(shops + 1)), ghost(site(shops + 2))]);
            onboard(&mut identifiers, &sites);
            let (cards, outsiders) = (people.members(merchant, scheme), people.outsiders(merchant, scheme));
            Corner { merchant, scheme, sites, ghosts, cards, outsiders }
        };
        let first = corner(Merchant::Iceland, Scheme::Visa);
        let others = Merchant::ALL.into_iter().flat_map(|merchant| Scheme::ALL.map(|scheme| (merchant, scheme)));
        let rest = others.skip(1).map(|(merchant, scheme)| corner(merchant, scheme)).collect();
        Self { corners: Pool::new(first, rest), identifiers, users: people.users }
    }

    pub(crate) fn corner(&self, merchant: Merchant, scheme: Scheme) -> &Corner {
        let wanted = |corner: &&Corner| corner.merchant == merchant && corner.scheme == scheme;
        self.corners.iter().find(wanted).unwrap_or(self.corners.at(0))
    }
}

/// The `n`th shop. Its number is part of its MIDs, so no two shops share one.
fn site(dice: &mut Dice, merchant: Merchant, scheme: Scheme, n: usize) -> Site {
    let brand = match merchant {
        Merchant::Iceland => 3,
        Merchant::Wasabi => 6,
    };
    let mid = match scheme {
        Scheme::Visa => format!("{brand}{n:05}{}", dice.digits(2)),
        Scheme::Mastercard => format!("52{brand}{n:05}{}", dice.digits(3)),
        Scheme::Amex => format!("80{brand}{n:05}{}", dice.digits(2)),
    };
    // A letter at the end keeps the digits of neighbouring columns apart.
    let (store_id, aggregate) = match (scheme, merchant) {
        (Scheme::Visa, Merchant::Iceland) => (dice.upper(12), "PSICELAND1".to_owned()),
        (Scheme::Visa, Merchant::Wasabi) => (dice.upper(12), "PSWASABI01".to_owned()),
        (_, Merchant::Iceland) => (format!("LOC{}K", dice.digits(8)), "AGGICE".to_owned()),
        (_, Merchant::Wasabi) => (format!("LOC{}K", dice.digits(8)), "AGGWAS".to_owned()),
    };
    let store = match merchant {
        Merchant::Iceland => format!("{:04}", n + 101),
        Merchant::Wasabi => format!("A{:03}", n + 11),
    };
    Site { merchant, scheme, mid, store_id, aggregate, known: true, store }
}

/// A shop of which no name is onboarded.
fn ghost(site: Site) -> Site {
    let aggregate = if site.scheme == Scheme::Visa { "0" } else { "" }.to_owned();
    Site { aggregate, known: false, ..site }
}

/// Most shops by their primary MID. Of Visa's every eighth is only known by its store, every eighth only by its
/// aggregate merchant.
fn onboard(identifiers: &mut Vec<Identifier>, sites: &Pool<Site>) {
    for (n, site) in sites.iter().enumerate() {
        let (kind, text, place) = match (site.scheme, n % 8) {
            (Scheme::Visa, 4) => ("SECONDARY", &site.store_id, Some(site.store.clone())),
            // One row for all of the merchant's shops of this kind.
            (Scheme::Visa, 5) if n == 5 => ("PSIMI", &site.aggregate, None),
            (Scheme::Visa, 5) => continue,
            _ => ("PRIMARY", &site.mid, Some(site.store.clone())),
        };
        identifiers.push(Identifier {
            scheme: site.merchant.slug().to_owned(),
            provider: site.scheme.slug().to_owned(),
            identifier: text.clone(),
            kind: kind.to_owned(),
            merchant_internal_id: place.as_ref().map(|store| format!("brand-{store}")),
            location_id: place,
        });
    }
}
