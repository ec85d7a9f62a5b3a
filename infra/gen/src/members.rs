//! Members, their cards, and what the user directory says about them.

use serde::Serialize;
use serde_json::{Value, json};

use crate::User;
use crate::dice::{Dice, Pool};
use crate::merchants::{self, Merchant};
use crate::vault;
use crate::world::Scheme;

const FIRST_NAMES: [&str; 8] = ["amara", "bryn", "callum", "dilys", "eira", "femi", "greta", "hamish"];
const LAST_NAMES: [&str; 7] = ["ashdown", "birkett", "cromarty", "dunmore", "eastleigh", "fairburn", "garvie"];

/// A payment card as the feeds show it.
#[derive(Clone, Debug)]
pub(crate) struct Card {
    pub(crate) token: String,
    pub(crate) first_six: String,
    pub(crate) last_four: String,
    /// The member's number at the merchant this was asked for, "" for a card it does not know.
    pub(crate) loyalty_id: String,
    /// Month and year.
    expiry: (i64, i64),
}

impl Card {
    /// A card with an invented issuer number of the scheme's range.
    pub(crate) fn draw(dice: &mut Dice, scheme: Scheme) -> Self {
        let first_six = match scheme {
            Scheme::Visa => format!("4{}", dice.digits(5)),
            Scheme::Mastercard => format!("5{}{}", dice.between(1, 5), dice.digits(4)),
            Scheme::Amex => format!("37{}", dice.digits(4)),
        };
        // Mastercard's files leave 30 characters for a token.
        let token = format!("tok-{}-{}", scheme.slug(), dice.lower(14));
        Self {
            token,
            first_six,
            last_four: dice.digits(4),
            loyalty_id: String::new(),
            expiry: (dice.between(1, 12), dice.between(2027, 2031)),
        }
    }
}

struct Holding {
    person: usize,
    scheme: Scheme,
    card: Card,
}

/// Everyone is a member of every fourth merchant.
const MEMBER_OF_EVERY: usize = 4;

fn is_member(person: usize, merchant: usize) -> bool {
    (person + merchant).is_multiple_of(MEMBER_OF_EVERY)
}

/// Everyone the directory knows.
pub(crate) struct People {
    holdings: Vec<Holding>,
    pub(crate) users: Vec<User>,
}

impl People {
    /// The first ten people hold a card of each scheme, so every group below has someone in it.
    pub(crate) fn register(dice: &mut Dice, aes_key: &str, people: usize) -> Self {
        let mut all = Self { holdings: Vec::new(), users: Vec::new() };
        for person in 0..people {
            let merchants = merchants::ALL.iter().enumerate().filter(|(number, _)| is_member(person, *number));
            let faces: Vec<_> =
                merchants.map(|(number, merchant)| Face::new(dice, aes_key, (number, merchant), person)).collect();
            for scheme in Scheme::ALL {
                if person < 10 || dice.percent(55) {
                    let card = Card::draw(dice, scheme);
                    let number = all.holdings.len() + 7_001;
                    all.users.extend(faces.iter().map(|face| face.with(&card, number)));
                    all.holdings.push(Holding { person, scheme, card });
                }
            }
        }
        all
    }

    /// The scheme's cards that the merchant knows, with their numbers there.
    pub(crate) fn members(&self, merchant: &Merchant, scheme: Scheme) -> Pool<Card> {
        pool(self.of(merchant, scheme, true).map(|holding| {
            let loyalty_id = loyalty_id(merchant, holding.person);
            Card { loyalty_id, ..holding.card.clone() }
        }))
    }

    /// The scheme's cards that only other merchants know.
    pub(crate) fn outsiders(&self, merchant: &Merchant, scheme: Scheme) -> Pool<Card> {
        pool(self.of(merchant, scheme, false).map(|holding| holding.card.clone()))
    }

    fn of(&self, merchant: &Merchant, scheme: Scheme, members: bool) -> impl Iterator<Item = &Holding> {
        let number = merchants::ALL.iter().position(|other| other == merchant).unwrap_or(0);
        let wanted = move |holding: &&Holding| is_member(holding.person, number) == members;
        self.holdings.iter().filter(move |holding| holding.scheme == scheme).filter(wanted)
    }
}

/// The first ten people see to it that no group is empty.
fn pool(mut cards: impl Iterator<Item = Card>) -> Pool<Card> {
    let nobody = Card {
        token: "tok-nobody".to_owned(),
        first_six: String::new(),
        last_four: String::new(),
        loyalty_id: String::new(),
        expiry: (1, 2027),
    };
    Pool::new(cards.next().unwrap_or(nobody), cards.collect())
}

fn loyalty_id(merchant: &Merchant, person: usize) -> String {
    let (prefix, first) = merchant.members;
    format!("{prefix}{}", first + person)
}

/// What is inside the credentials. A type, not a JSON value: the order of a value's keys depends on how the workspace
/// is built, and the order of these shows in the bytes.
#[derive(Serialize)]
struct Credentials<'a> {
    card_number: &'a str,
    merchant_identifier: String,
    email: String,
    password: String,
}

/// A person as one merchant's loyalty scheme sees them.
struct Face {
    number: usize,
    merchant: &'static Merchant,
    person: usize,
    loyalty_id: String,
    credentials: String,
}

impl Face {
    fn new(dice: &mut Dice, aes_key: &str, (number, merchant): (usize, &'static Merchant), person: usize) -> Self {
        let loyalty_id = loyalty_id(merchant, person);
        let name = |names: &[&'static str], n: usize| names.get(n % names.len()).copied().unwrap_or("kim");
        let (first, last) = (name(&FIRST_NAMES, person), name(&LAST_NAMES, person / FIRST_NAMES.len()));
        let plain = Credentials {
            card_number: &loyalty_id,
            merchant_identifier: format!("{}", 88_100_001 + person),
            email: format!("{first}.{last}.{person}@members.example"),
            password: dice.lower(12),
        };
        let plain = serde_json::to_string(&plain).unwrap_or_default();
        let credentials = vault::seal(aes_key, dice.block(), &plain);
        Self { number, merchant, person, loyalty_id, credentials }
    }

    fn with(&self, card: &Card, card_number: usize) -> User {
        let identity: Value = json!({
            "loyalty_id": self.loyalty_id,
            "scheme_account_id": (self.number + 1) * 100_000 + self.person,
            "payment_card_account_id": card_number,
            "user_id": 3_001 + self.person,
            "credentials": self.credentials,
            "card_information": {
                "first_six": card.first_six,
                "last_four": card.last_four,
                "expiry_month": card.expiry.0,
                "expiry_year": card.expiry.1,
            },
        });
        User { token: card.token.clone(), scheme: self.merchant.slug.to_owned(), identity }
    }
}
