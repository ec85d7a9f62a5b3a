//! What happens in a seed's world: few tills, few amounts, few instants, so that everything meets everything. Some
//! pairs are made to belong together; who matches whom is nobody's business here.

mod cast;
mod chains;
mod deliveries;
mod parked;
mod told;

pub(crate) use cast::{AES_KEY, Card, Cast, Knows, Onboarded, Shop};
pub(crate) use told::Tale;

use crate::{dice::Dice, outside::Odd, rails::Railway};
use harmonia_domain::{
    feed::{Kind, Scheme},
    identifier::Identifier,
};
use harmonia_feeds::RangeLimits;
use harmonia_local::partners::Bill;
use harmonia_stages::import::FileLimits;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Something that comes from outside.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// A partner drops a file.
    File { feed: String, name: String, text: String },
    /// A partner sends a message.
    Message { feed: String, body: String },
    /// Tills are onboarded.
    Onboard(Vec<Identifier>),
    /// Another merchant's claims on tills are withdrawn.
    Offboard(Vec<Identifier>),
    /// A person matches two by word, or undoes a match, whichever there are then.
    Redress,
    /// A person undoes the first match that there is.
    Unmatch,
    /// The directory learns whose card it is, and says so.
    Link { merchant: &'static str, card: Card },
    /// Somebody does something about telling a merchant.
    Telling { merchant: &'static str, person: Person },
    /// It is a full hour: unmatched payments are collected.
    Hour,
}

/// What a person does about telling a merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Person {
    /// Its exports wait.
    Pauses,
    /// They go out again.
    Resumes,
    /// What has failed is sent again, so many a minute.
    Redrives { per_minute: Option<u32> },
}

/// An input, and how long after the one before.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) after_s: i64,
    /// It comes once everything before it is done.
    pub(crate) rested: bool,
    pub(crate) input: Input,
}

/// How bad the weather is.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    /// Table calls that fail.
    pub(crate) failing: u64,
    /// Eventually consistent reads that lag.
    pub(crate) lagging: u64,
    /// Tricks of the queues: how many, and how often.
    pub(crate) tricks: u32,
    pub(crate) tricky: u64,
    /// Calls of the object store that fail.
    pub(crate) objects: u64,
    /// Records of a range at most, and whether plans are stored.
    pub(crate) range: u64,
    pub(crate) plans: bool,
    /// Requests and answers that are lost.
    pub(crate) deaf: u64,
    /// First attempts that partners fail.
    pub(crate) partners: u16,
    /// Crashes.
    pub(crate) crashes: u32,
    /// They strike handlers of this queue, right after changes, and whoever takes up what those left behind; else
    /// anybody at any time.
    pub(crate) aim: Option<&'static str>,
    /// Nobody dies before everything was fed.
    pub(crate) late: bool,
    /// Ticks out of turn.
    pub(crate) ticks: u32,
    /// What is due is told while the weather is still bad.
    pub(crate) clock: bool,
    /// How trains go.
    pub(crate) railway: Railway,
    /// Processes at once.
    pub(crate) processes: usize,
    /// Invocations at once.
    pub(crate) at_once: usize,
}

/// What is true of what is fed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth {
    /// Payment lines that have to be stored, and what they end as.
    pub(crate) lines: BTreeMap<(Scheme, Kind, String), LineTruth>,
    /// Sales that have to be stored, by merchant: what makes them one.
    pub(crate) sales: BTreeMap<&'static str, BTreeSet<String>>,
    /// Records by object name.
    pub(crate) records: BTreeMap<String, BTreeSet<u64>>,
    /// Locations with tills, in the end.
    pub(crate) locations: BTreeSet<(&'static str, String)>,
    /// Tokens of all cards.
    pub(crate) tokens: Vec<String>,
    /// What TGI Fridays' tills printed.
    pub(crate) bills: Vec<Bill>,
}

/// What is true of a payment line in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineTruth {
    /// Its MID is onboarded.
    pub(crate) mid: bool,
    /// What the directory knows of its card.
    pub(crate) card: Knows,
    /// It may be left out: an amex auth of a merchant that does not want any.
    pub(crate) may_lack: bool,
}

/// A seed's story.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) start: Timestamp,
    pub(crate) cast: Cast,
    pub(crate) steps: Vec<Step>,
    pub(crate) weather: Weather,
    pub(crate) truth: Truth,
    /// The user directory is a service; else it is the table.
    pub(crate) service: bool,
    pub(crate) telling: Telling,
}

/// What happens to the telling of a tale.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Telling {
    /// Everything comes in order, and nothing goes wrong by chance.
    pub(crate) fair: bool,
    /// What happens to so many of the first requests that tell.
    pub(crate) odd: Option<(usize, Odd)>,
    /// At which moment of telling somebody dies.
    pub(crate) dies_at: Option<u64>,
}

/// Instants at which purchases happen: an ordinary noon, midnights, both DST changes, the end of a year.
const MOMENTS: [&str; 8] = [
    "2024-06-03T11:42:00Z",
    "2024-06-03T11:42:00Z",
    "2024-06-03T23:59:30Z",
    "2024-06-03T22:59:50Z",
    "2024-03-31T00:59:30Z",
    "2024-10-27T00:59:30Z",
    "2024-10-27T01:00:10Z",
    "2024-12-31T23:59:59Z",
];

/// What a story is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plot {
    /// Anything.
    Anything,
    /// Claims that follow from each other, and deaths between them.
    Chains,
    /// Lines that wait for their till, and deaths while they are stored: an amex auth that its merchant does not want
    /// may be stored as long as nobody knows whose it is.
    Parked,
    /// Exports, and deaths while they are told.
    Told,
}

const PLOTS: [Plot; 24] = [
    Plot::Told,
    Plot::Told,
    Plot::Told,
    Plot::Told,
    Plot::Anything,
    Plot::Anything,
    Plot::Anything,
    Plot::Anything,
    Plot::Anything,
    Plot::Anything,
    Plot::Anything,
    Plot::Anything,
    Plot::Anything,
    Plot::Anything,
    Plot::Anything,
    Plot::Anything,
    Plot::Anything,
    Plot::Anything,
    Plot::Chains,
    Plot::Chains,
    Plot::Chains,
    Plot::Parked,
    Plot::Parked,
    Plot::Parked,
];

impl Story {
    /// The story of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1));
        let mut weather = Weather::draw(&mut dice);
        let mut moment: Timestamp = dice.pick(&MOMENTS).parse().expect("an instant");
        let (cast, steps, truth) = match dice.pick(&PLOTS) {
            Plot::Anything => deliveries::draw(&mut dice, moment),
            Plot::Chains => {
                weather.mild(&mut dice, "match");
                weather.late = true;
                chains::draw(&mut dice, moment)
            }
            Plot::Parked => {
                weather.mild(&mut dice, "feed-amex-auth");
                weather.failing = *dice.pick(&[0, 10, 250, 400]);
                weather.at_once = 6;
                parked::draw(&mut dice, moment)
            }
            Plot::Told => {
                let drawn = told::draw(&mut dice, &mut weather);
                moment = drawn.0;
                (drawn.1, drawn.2, drawn.3)
            }
        };
        let start = moment + jiff::SignedDuration::from_secs(dice.between(60, 40_000));
        Self { start, cast, steps, weather, truth, service: dice.per_mille(600), telling: Telling::default() }
    }
}

/// What crashes are after: mostly claims.
const AIMS: [Option<&str>; 10] = [
    None,
    None,
    Some("match"),
    Some("match"),
    Some("match"),
    Some("import-files"),
    Some("ranges"),
    Some("identify"),
    Some("command"),
    Some("export"),
];

/// How often trains fail, leave late, and are refused, in a thousand.
const TROUBLE: [u64; 5] = [0, 0, 0, 100, 400];

impl Weather {
    /// Every kind of trouble is absent in some seeds, so that the others stand out.
    fn draw(dice: &mut Dice) -> Self {
        let mut some = |of: &[u64]| *dice.pick(of);
        let (failing, lagging) = (some(&[0, 10, 100, 250]), some(&[0, 300, 800]));
        let (tricks, tricky_per_mille) = (some(&[0, 3, 8]), some(&[50, 200]));
        let (deaf, partners) = (some(&[0, 0, 50, 300]), some(&[0, 0, 300]));
        let (crashes, early) = (some(&[0, 1, 3, 6, 12]), some(&[0, 1, 3]));
        let (processes, at_once) = (some(&[1, 2, 3]), some(&[2, 4, 6]));
        let (objects, range) = (some(&[0, 0, 50, 200]), some(&[1, 1, 2, 3, 20_000]));
        let plans = dice.one_in(2);
        let railway = Railway {
            leave: dice.one_in(2),
            doomed: *dice.pick(&TROUBLE),
            late: *dice.pick(&TROUBLE),
            refusing: *dice.pick(&TROUBLE),
        };
        let aim = *dice.pick(&AIMS);
        let narrow = |n: u64| usize::try_from(n).unwrap_or(1);
        Self {
            failing,
            lagging,
            tricks: u32::try_from(tricks).unwrap_or(0),
            tricky: tricky_per_mille,
            objects,
            range,
            plans,
            deaf,
            partners: u16::try_from(partners).unwrap_or(0),
            crashes: u32::try_from(crashes).unwrap_or(0),
            aim,
            late: false,
            ticks: u32::try_from(early).unwrap_or(0),
            clock: dice.one_in(2),
            railway,
            processes: narrow(processes),
            at_once: narrow(at_once),
        }
    }

    /// None.
    fn fair() -> Self {
        Self {
            failing: 0,
            lagging: 0,
            tricks: 0,
            tricky: 0,
            objects: 0,
            range: 20_000,
            plans: false,
            deaf: 0,
            partners: 0,
            crashes: 0,
            aim: None,
            late: false,
            ticks: 0,
            clock: true,
            railway: Railway::default(),
            processes: 1,
            at_once: 1,
        }
    }

    /// Deaths of those who tell, while time passes.
    fn telling(&mut self, dice: &mut Dice) {
        self.aim = *dice.pick(&[Some("export"), Some("export"), Some("tick"), Some("train"), None]);
        self.crashes = *dice.pick(&[0, 1, 2, 4, 8]);
        self.failing = *dice.pick(&[0, 0, 10, 100]);
        self.deaf = *dice.pick(&[0, 0, 50, 300]);
        self.ticks = *dice.pick(&[0, 3, 12]);
        self.clock = true;
    }

    /// How files are cut up.
    pub(crate) fn file_limits(&self) -> FileLimits {
        let whole = FileLimits::FUNCTION;
        let range = RangeLimits { lines: self.range, ..whole.range };
        FileLimits { at_once_bytes: if self.plans { 0 } else { whole.at_once_bytes }, range }
    }

    /// Nothing but deaths of a queue's handlers, and no message out of turn that would help out.
    fn mild(&mut self, dice: &mut Dice, aim: &'static str) {
        (self.failing, self.tricks, self.deaf, self.partners) = (*dice.pick(&[0, 0, 10]), 0, 0, 0);
        self.objects = 0;
        (self.aim, self.crashes) = (Some(aim), *dice.pick(&[1, 2, 4]));
    }
}
