//! Purchases of one merchant, each with the sale that belongs to it, so that there is one export for each; and what
//! happens while the merchant is told of them. Tales are small and fair: nothing goes wrong in them but what they are
//! about, and whoever dies at one moment of them, whichever. In seeds the same happens in any weather.

use super::{
    Cast, Input, Knows, Onboarded, Person, Step, Story, Telling, Truth, Weather,
    cast::Shop,
    deliveries::{Line, Purchase, Sold, as_inputs, feed_of, line, sale_id, sale_line, shifted},
};
use crate::{dice::Dice, outside::Odd, rails::Railway};
use harmonia_domain::feed::{Kind, Scheme};
use jiff::Timestamp;

/// Whom a story is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Teller {
    pub(crate) merchant: &'static str,
    /// Exports of a tale: more than one batch of those that have batches.
    exports: usize,
    /// When: a morning's matches at Stonegate wait.
    moment: &'static str,
    /// Its payments find no sale and are told to another receiver.
    pub(crate) unmatched: bool,
    /// Its files have numbers.
    pub(crate) numbered: bool,
}

const NOON: &str = "2024-06-03T11:42:00Z";

const fn teller(merchant: &'static str, exports: usize) -> Teller {
    Teller { merchant, exports, moment: NOON, unmatched: false, numbered: false }
}

/// Every protocol.
const TELLERS: [Teller; 13] = [
    teller("bpl-viator", 2),
    teller("costa", 2),
    teller("iceland-bonus-card", 3),
    teller("itsu", 2),
    teller("slim-chickens", 2),
    teller("squaremeal", 2),
    teller("stonegate", 2),
    Teller { moment: "2024-06-03T08:42:00Z", ..teller("stonegate", 2) },
    teller("tgi-fridays", 2),
    teller("the-works", 2),
    teller("wasabi-club", 2),
    Teller { unmatched: true, ..teller("stonegate", 3) },
    Teller { unmatched: true, numbered: true, ..teller("stonegate", 3) },
];

/// What a tale is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// Nothing.
    Well,
    /// What happens to the first two requests that tell.
    Odd(Odd),
    /// They are refused, and a person has them sent again, so many a minute.
    Redriven(Option<u32>),
    /// All answers are lost until it is given up; then a person has it sent again.
    GivenUp,
    /// So many cannot be told that the merchant is given a rest, and one more comes.
    Down,
    /// A person pauses the merchant while it is told, and whoever died is not back yet.
    Paused,
    /// A match is undone that waits to be told; whoever died is back after the merchant is told again.
    Undone,
    /// The train is so late that the tick tells of the same exports at the same time. In one order of many.
    Both(u64),
}

const ABOUT: [About; 17] = [
    About::Well,
    About::Odd(Odd::AnswerLost),
    About::Odd(Odd::NotSent),
    About::Odd(Odd::Unavailable),
    About::Odd(Odd::NotYet),
    About::Redriven(None),
    About::Redriven(Some(1)),
    About::GivenUp,
    About::Down,
    About::Paused,
    About::Undone,
    About::Both(1),
    About::Both(2),
    About::Both(3),
    About::Both(4),
    About::Both(5),
    About::Both(6),
];

/// No trains; trains that leave; trains that all fail for good; trains that are late.
const RAILWAYS: [Railway; 4] = [
    Railway { leave: false, doomed: 0, late: 0, refusing: 0 },
    Railway { leave: true, doomed: 0, late: 0, refusing: 0 },
    Railway { leave: true, doomed: 1000, late: 0, refusing: 0 },
    Railway { leave: true, doomed: 0, late: 1000, refusing: 0 },
];

/// Exports that end a merchant's patience, and one more.
const DOWN: usize = 6;

/// A tale: a small story that is played once for each moment at which somebody may die.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tale {
    pub(crate) teller: Teller,
    about: About,
    pub(crate) railway: Railway,
}

impl Teller {
    fn alone(&self) -> bool {
        ["bpl-viator", "slim-chickens", "squaremeal", "the-works"].contains(&self.merchant)
    }

    fn batches(&self) -> bool {
        self.merchant == "iceland-bonus-card" || self.unmatched
    }

    /// Its exports are born waiting.
    fn waits(&self) -> bool {
        self.moment != NOON || ["tgi-fridays", "the-works"].contains(&self.merchant)
    }
}

impl Tale {
    /// All of them.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for teller in TELLERS {
            for about in ABOUT {
                for railway in RAILWAYS {
                    let tale = Self { teller, about, railway };
                    all.extend(tale.is_one().then_some(tale));
                }
            }
        }
        all
    }

    /// What this merchant can meet with, and where trains make a difference.
    fn is_one(&self) -> bool {
        let Self { teller, about, .. } = self;
        let meets = match about {
            About::Odd(Odd::NotYet) => ["stonegate", "wasabi-club"].contains(&teller.merchant) && !teller.unmatched,
            // a bucket does not refuse
            About::Redriven(rate) => !teller.unmatched && (rate.is_none() || !teller.batches()),
            About::Well | About::Paused | About::Odd(_) => true,
            About::GivenUp => ["bpl-viator", "itsu"].contains(&teller.merchant),
            About::Down => ["costa", "wasabi-club", "the-works"].contains(&teller.merchant),
            About::Undone => !teller.alone() && !teller.unmatched,
            About::Both(_) => ["costa", "tgi-fridays", "the-works", "wasabi-club"].contains(&teller.merchant),
        };
        meets && self.differs()
    }

    /// Trains change what happens: where nothing waits, or what waits is a batch, there are none.
    fn differs(&self) -> bool {
        let Railway { leave, doomed, late, .. } = self.railway;
        let waits = !self.teller.batches();
        match self.about {
            About::Both(_) => late > 0,
            _ if late > 0 => false,
            _ if !leave => true,
            About::Well => waits && self.teller.waits(),
            About::Odd(Odd::AnswerLost) | About::Paused | About::Down => waits,
            About::Odd(Odd::NotSent) | About::Redriven(_) | About::GivenUp | About::Undone => waits && doomed == 0,
            About::Odd(_) => false,
        }
    }

    pub(crate) fn name(&self) -> String {
        let Self { teller, about, railway } = self;
        let trains = match railway {
            Railway { leave: false, .. } => "no trains",
            Railway { doomed: 1.., .. } => "trains that fail",
            Railway { late: 1.., .. } => "late trains",
            _ => "trains",
        };
        let files = match (teller.unmatched, teller.numbered) {
            (true, true) => " (unmatched, numbered files)",
            (true, false) => " (unmatched)",
            _ if teller.moment != NOON => " (morning)",
            _ => "",
        };
        format!("{}{files}, {about:?}, {trains}", teller.merchant)
    }

    pub(crate) fn exports(&self) -> usize {
        match self.about {
            About::GivenUp => 1,
            About::Down => DOWN + 1,
            _ => self.teller.exports,
        }
    }

    /// Who comes first where that is not said.
    pub(crate) fn seed(&self) -> u64 {
        if let About::Both(seed) = self.about { seed } else { 1 }
    }

    /// As a story.
    pub(crate) fn story(&self, dies_at: Option<u64>) -> Story {
        let mut dice = Dice::new(1);
        let moment: Timestamp = self.teller.moment.parse().expect("an instant");
        let cast = cast(&mut dice, self.teller.merchant);
        let mut truth = Truth::of(&cast);
        let purchases = Purchases { teller: self.teller, cast: &cast, moment };
        let mut steps = Vec::new();
        let exports = self.exports();
        let lines = |numbers: std::ops::Range<usize>, truth: &mut Truth| {
            let (name, lines) = (numbers.start, numbers.flat_map(|n| purchases.lines(n, truth)).collect());
            let inputs = as_inputs(&mut Dice::new(0), name, lines, truth);
            inputs.into_iter().map(|input| step(0, input)).collect::<Vec<_>>()
        };
        let person = |after_s, person| step(after_s, Input::Telling { merchant: self.told(), person });
        let (mut times, mut odd) = (2, None);
        match self.about {
            About::Well => steps.extend(lines(0..exports, &mut truth)),
            About::Both(_) => {
                odd = Some(Odd::NotSent);
                steps.extend(lines(0..exports, &mut truth));
            }
            About::Odd(what) => {
                odd = Some(what);
                steps.extend(lines(0..exports, &mut truth));
            }
            About::Redriven(per_minute) => {
                odd = Some(Odd::Refused);
                steps.extend(lines(0..exports, &mut truth));
                // later than anybody's first attempt, and the merchant has nothing against it any more
                for after_s in [200_000, 4_000] {
                    steps.push(person(after_s, Person::Redrives { per_minute }));
                }
            }
            About::GivenUp => {
                (times, odd) = (8, Some(Odd::AnswerLost));
                steps.extend(lines(0..exports, &mut truth));
                for after_s in [900_000, 900_000] {
                    steps.push(person(after_s, Person::Redrives { per_minute: None }));
                }
            }
            About::Down => {
                (times, odd) = (DOWN, Some(Odd::NotSent));
                steps.extend(lines(0..DOWN, &mut truth));
                let mut last = lines(DOWN..exports, &mut truth);
                if let Some(first) = last.first_mut() {
                    first.after_s = 10;
                }
                steps.extend(last);
            }
            About::Paused => {
                steps.extend(lines(0..exports, &mut truth));
                // whoever dies meanwhile is back after 360 s
                steps.extend([person(30, Person::Pauses), person(2_000, Person::Resumes)]);
            }
            About::Undone => {
                steps.push(person(0, Person::Pauses));
                steps.extend(lines(0..exports, &mut truth));
                steps.extend([step(100, Input::Unmatch), person(100, Person::Resumes)]);
            }
        }
        if self.teller.unmatched {
            // the days after which a payment is late
            steps.extend([step(3 * 86_400, Input::Hour), step(7_200, Input::Hour)]);
        }
        let telling = Telling { fair: true, odd: odd.map(|odd| (times, odd)), dies_at };
        let at_once = if matches!(self.about, About::Both(_)) { 3 } else { 1 };
        let weather = Weather { railway: self.railway, at_once, ..Weather::fair() };
        let start = shifted(moment, 60);
        Story { start, cast, steps, weather, truth, service: true, telling }
    }

    /// Who is told.
    fn told(&self) -> &'static str {
        if self.teller.unmatched { "stonegate-unmatched" } else { self.teller.merchant }
    }
}

fn step(after_s: i64, input: Input) -> Step {
    Step { after_s, rested: false, input }
}

/// One merchant whose tills and members are all known.
fn cast(dice: &mut Dice, merchant: &'static str) -> Cast {
    let mut cast = Cast::of(dice, vec![merchant]);
    for shop in &mut cast.shops {
        (shop.onboarded, shop.disputed, shop.store) = (Onboarded::First, false, None);
    }
    for card in &mut cast.cards {
        card.knows = Knows::Member;
    }
    cast
}

/// Purchases that have nothing to do with each other.
struct Purchases<'a> {
    teller: Teller,
    cast: &'a Cast,
    moment: Timestamp,
}

impl Purchases<'_> {
    /// The lines of one, and of its sale.
    fn lines(&self, number: usize, truth: &mut Truth) -> Vec<Line> {
        let shop: &Shop = self.cast.shops.iter().find(|shop| shop.scheme == Scheme::Visa).expect("tills of all");
        let cards: Vec<_> = self.cast.cards.iter().filter(|card| card.scheme == Scheme::Visa).collect();
        let card = cards[number % cards.len()].clone();
        let n = i64::try_from(number).unwrap_or(0);
        // histories know amounts and days: no two of these look alike
        let (pence, at, code) = (1_250 + 225 * n, shifted(self.moment, n), "390211");
        let id = format!("PAY{number:06}");
        let shop = shop.clone();
        let purchase = Purchase { shop: shop.clone(), card, id, at, code, auth: None, settled: None, refund: None };
        let feed = feed_of(Scheme::Visa, Kind::Settled).expect("a feed");
        let mut lines = vec![line(&purchase, Kind::Settled, feed, pence, truth)];
        if !self.teller.alone() && !self.teller.unmatched {
            let id = sale_id(&shop, number);
            lines.push(sale_line(&Sold { shop, id, pence, code, digits: None, at }, truth));
        }
        lines
    }
}

/// A seed's story: more of the same, in its weather.
pub(super) fn draw(dice: &mut Dice, weather: &mut Weather) -> (Timestamp, Cast, Vec<Step>, Truth) {
    let teller = *dice.pick(&TELLERS);
    let moment: Timestamp = teller.moment.parse().expect("an instant");
    let cast = cast(dice, teller.merchant);
    let mut truth = Truth::of(&cast);
    let purchases = Purchases { teller, cast: &cast, moment };
    let mut steps = Vec::new();
    for number in 0..=dice.below(5) {
        let mut lines = purchases.lines(number, &mut truth);
        dice.shuffle(&mut lines);
        let after_s = *dice.pick(&[0, 0, 0, 5, 70, 700]);
        let inputs = as_inputs(dice, number, lines, &mut truth);
        steps.extend(inputs.into_iter().enumerate().map(|(n, input)| step(if n == 0 { after_s } else { 0 }, input)));
    }
    let merchant = if teller.unmatched { "stonegate-unmatched" } else { teller.merchant };
    let persons = [
        Person::Pauses,
        Person::Resumes,
        Person::Redrives { per_minute: None },
        Person::Redrives { per_minute: Some(1) },
    ];
    for _ in 0..dice.below(4) {
        let place = 1 + dice.below(steps.len());
        let input = Input::Telling { merchant, person: *dice.pick(&persons) };
        steps.insert(place, Step { after_s: *dice.pick(&[0, 5, 61, 400]), rested: dice.one_in(2), input });
    }
    if dice.one_in(4) && !teller.alone() && !teller.unmatched {
        steps.push(Step { after_s: *dice.pick(&[0, 61]), rested: dice.one_in(2), input: Input::Redress });
    }
    if teller.unmatched {
        steps.extend([step(3 * 86_400, Input::Hour), step(3_600, Input::Hour)]);
    }
    weather.telling(dice);
    (moment, cast, steps, truth)
}
