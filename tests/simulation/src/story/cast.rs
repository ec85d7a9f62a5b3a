//! Merchants, tills and cards of a story.

use crate::dice::Dice;
use harmonia_domain::{
    feed::Scheme,
    identifier::{Identifier, IdentifierType},
};
use serde_json::{Value, json};

/// What the user directory knows of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Knows {
    /// Whose it is.
    Member,
    /// Nothing until somebody links it.
    Later,
    /// Nothing.
    Nothing,
    /// Whose it is, but not its digits.
    NoDigits,
}

/// A payment card.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    pub(crate) scheme: Scheme,
    pub(crate) number: usize,
    pub(crate) token: String,
    pub(crate) first_six: String,
    pub(crate) last_four: String,
    pub(crate) knows: Knows,
}

/// A till, as one payment scheme knows it.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) merchant: &'static str,
    pub(crate) scheme: Scheme,
    pub(crate) mid: String,
    /// Visa's other name of it.
    pub(crate) store: Option<String>,
    pub(crate) location: String,
    pub(crate) onboarded: Onboarded,
    /// Another merchant claims it as well, for a while.
    pub(crate) disputed: bool,
}

/// When a till is onboarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Onboarded {
    First,
    Later,
    Never,
}

/// Everybody.
#[derive(Debug, Clone)]
pub(crate) struct Cast {
    pub(crate) shops: Vec<Shop>,
    pub(crate) cards: Vec<Card>,
    pub(crate) codes: Vec<&'static str>,
    pub(crate) pence: Vec<i64>,
    /// The shop where most things happen.
    pub(crate) main: usize,
}

/// Merchants, those that match more often.
const MERCHANTS: [&str; 14] = [
    "wasabi-club",
    "wasabi-club",
    "wasabi-club",
    "iceland-bonus-card",
    "iceland-bonus-card",
    "costa",
    "costa",
    "stonegate",
    "stonegate",
    "itsu",
    "tgi-fridays",
    "bpl-viator",
    "squaremeal",
    "the-works",
];
/// A merchant that is in no story, but claims other merchants' tills.
const RIVAL: &str = "slim-chickens";
/// What the members' credentials are encrypted with, and one member's.
pub(crate) const AES_KEY: &str = "oracle-aes-key";
const CREDENTIALS: &str = concat!(
    "CjDbnS98K13/nfErg9Yyl9r1lSiNe+SxCP4YDAkLSkPagFxmj7cJhorcU3D6xz09r23on+qIoCJ7IKy7UJXW+LunfAZWCYyNjPf2N729rU1C",
    "raQI8IJJUFy24Z2BI5uJ+GFxiEqeajPN+gpqq8Jey7vXtfgHpnz0rfkwvpSDTObR5OPDUMORvAmxK8TbTaSM"
);

impl Shop {
    fn new(merchant: &'static str, scheme: Scheme, number: usize, location: usize) -> Self {
        let mid = format!("{}-{}{number}", &merchant[..3], &scheme.as_str()[..1]);
        let location = format!("loc-{location}");
        Self { merchant, scheme, mid, store: None, location, onboarded: Onboarded::First, disputed: false }
    }

    /// Payments count by themselves.
    pub(crate) fn alone(&self) -> bool {
        matches!(self.merchant, "bpl-viator" | "slim-chickens" | "squaremeal" | "the-works")
    }

    /// Visa's auths are written in London's time.
    pub(crate) fn london(&self) -> bool {
        matches!(self.merchant, "itsu" | "stonegate" | "tgi-fridays")
    }

    /// Its identifiers: of a till with two names only the second one is onboarded, so that its payments are found by
    /// that, and stand in the book under the first.
    fn identifier(&self) -> Identifier {
        let primary = (IdentifierType::Primary, self.mid.clone());
        let (kind, text) = self.store.clone().map_or(primary, |store| (IdentifierType::Secondary, store));
        Identifier {
            scheme: self.scheme,
            kind,
            text,
            merchant: self.merchant.parse().expect("a merchant's name"),
            location_id: Some(self.location.clone()),
            merchant_internal_id: Some("brand".to_owned()),
            location: None,
            postcode: None,
        }
    }
}

impl Card {
    fn draw(dice: &mut Dice, scheme: Scheme, number: usize) -> Self {
        let knows = match (number, dice.below(8)) {
            (0, _) | (_, 0..4) => Knows::Member,
            (_, 4..6) => Knows::Later,
            (_, 6) => Knows::Nothing,
            _ => Knows::NoDigits,
        };
        let issuer = match scheme {
            Scheme::Visa => "4242",
            Scheme::Mastercard => "5454",
            Scheme::Amex => "3742",
        };
        // two of the cards look alike as far as anybody may see
        let face = number.min(1);
        Self {
            scheme,
            number,
            token: format!("token-{scheme}-number-{number}"),
            first_six: format!("{issuer}{}1", face + 1),
            last_four: format!("{}001", face + 1),
            knows,
        }
    }

    /// The directory's answer once it knows the card.
    pub(crate) fn identity(&self) -> Value {
        let mut identity = json!({
            "loyalty_id": self.loyalty_id(),
            "scheme_account_id": self.account(),
            "payment_card_account_id": self.account() + 100,
            "user_id": self.account() + 200,
            "credentials": CREDENTIALS,
        });
        if self.knows != Knows::NoDigits {
            identity["card_information"] = json!({
                "first_six": self.first_six, "last_four": self.last_four, "expiry_month": 2, "expiry_year": 2030,
            });
        }
        identity
    }

    pub(crate) fn credentials() -> String {
        CREDENTIALS.to_owned()
    }

    pub(crate) fn loyalty_id(&self) -> String {
        format!("loyal-{}-{}", self.scheme, self.number)
    }

    pub(crate) fn account(&self) -> i64 {
        let scheme = match self.scheme {
            Scheme::Visa => 0,
            Scheme::Mastercard => 10,
            Scheme::Amex => 20,
        };
        1 + scheme + i64::try_from(self.number).unwrap_or(0)
    }
}

impl Cast {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let mut merchants = vec![*dice.pick(&MERCHANTS)];
        for _ in 0..dice.below(3) {
            merchants.push(*dice.pick(&MERCHANTS));
        }
        merchants.sort_unstable();
        merchants.dedup();
        Self::of(dice, merchants)
    }

    /// These merchants with their tills, and cards.
    pub(super) fn of(dice: &mut Dice, merchants: Vec<&'static str>) -> Self {
        let mut shops = Vec::new();
        for merchant in merchants {
            // one location for both tills makes sales with several MIDs
            let second = if dice.one_in(2) { 1 } else { 2 };
            for scheme in Scheme::ALL {
                shops.push(Shop::new(merchant, scheme, 1, 1));
                shops.push(Shop::new(merchant, scheme, 2, second));
            }
        }
        let main = dice.below(shops.len());
        for shop in shops.iter_mut().filter(|shop| shop.scheme == Scheme::Visa) {
            shop.store = dice.one_in(6).then(|| format!("{}-store", shop.mid));
        }
        for shop in &mut shops {
            shop.onboarded = match dice.below(24) {
                0 | 1 => Onboarded::Later,
                2 => Onboarded::Never,
                _ => Onboarded::First,
            };
        }
        if dice.one_in(8) {
            shops[main].onboarded = Onboarded::Later;
        }
        shops[main].disputed = dice.one_in(12);
        let mut cards = Vec::new();
        for scheme in Scheme::ALL {
            cards.extend((0..3).map(|number| Card::draw(dice, scheme, number)));
        }
        let codes = if dice.one_in(3) { vec!["390211"] } else { vec!["390211", "471102", ""] };
        let pence = if dice.one_in(3) { vec![1250, 1475] } else { vec![1250] };
        Self { shops, cards, codes, pence, main }
    }

    /// Tills by when they are onboarded.
    pub(crate) fn identifiers(&self, when: Onboarded) -> Vec<Identifier> {
        self.shops.iter().filter(|shop| shop.onboarded == when).map(Shop::identifier).collect()
    }

    /// What another merchant claims without right, as a name of another type.
    pub(crate) fn disputes(&self) -> Vec<Identifier> {
        let claim = |shop: &Shop| Identifier {
            kind: IdentifierType::Psimi,
            merchant: RIVAL.parse().expect("a merchant's name"),
            location_id: None,
            merchant_internal_id: None,
            ..shop.identifier()
        };
        self.shops.iter().filter(|shop| shop.disputed).map(claim).collect()
    }

    pub(crate) fn merchants(&self) -> Vec<&'static str> {
        let mut merchants: Vec<&'static str> = self.shops.iter().map(|shop| shop.merchant).collect();
        merchants.dedup();
        merchants
    }

    /// Mostly the main one, sometimes its neighbour, seldom any.
    pub(crate) fn shop(&self, dice: &mut Dice) -> &Shop {
        let n = match dice.below(10) {
            0..8 => self.main,
            8 => self.main ^ 1,
            _ => dice.below(self.shops.len()),
        };
        &self.shops[n]
    }

    pub(crate) fn card(&self, dice: &mut Dice, scheme: Scheme) -> &Card {
        let cards: Vec<&Card> = self.cards.iter().filter(|card| card.scheme == scheme).collect();
        cards[dice.below(3).min(dice.below(4))]
    }
}
