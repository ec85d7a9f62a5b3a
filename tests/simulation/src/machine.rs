//! A seed's world: the real handlers over the in-memory twins, one of them polled at a time. Every port call yields
//! before its effect, so the seed decides who goes on between any two effects, and dropping a handler there is a crash
//! before one effect and after another.

mod gate;
mod redress;
mod run;
mod telling;

use crate::{
    dice::Dice,
    outside::Outside,
    outside::Script,
    post::Post,
    rails::{Call, Rails},
    shelf::Shelf,
    story::{Input, Person, Story, Tale, Weather},
};
use futures::{executor::block_on, future::LocalBoxFuture};
use gate::Gate;
use harmonia_definitions::{Definitions, Protocol};
use harmonia_domain::{card::CardKeys, feed::Feed};
use harmonia_local::{
    around::{Around, around},
    aws_events,
    mailbox::Received,
    partners::{Faults as PartnerFaults, PlayedPartners},
    state::Rows,
};
use harmonia_ports::{
    Bucket, Clock, Item, Machine as StateMachine, Ports, Secrets, Table,
    memory::{Faults, MemoryObjects, MemoryTables, SetClock},
};
use harmonia_runtime::App;
use harmonia_stages::{
    Directory, Harmonia, Settings,
    registry::{Change, Offboard, Triple, UserRow},
};
use harmonia_state::FileKey;
use jiff::Timestamp;
use redress::Redress;
use secrecy::SecretString;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// Calls of somebody who is above the weather.
const INSIST_MAX: u32 = 10_000;

/// What all seeds share: read once.
#[derive(Clone)]
pub struct Shared {
    definitions: Arc<Definitions>,
    settings: Settings,
    secrets: Arc<dyn Secrets>,
}

impl Shared {
    /// The shipped definitions, with the played partners' addresses.
    pub fn new() -> Result<Self, harmonia_runtime::definitions::FoundError> {
        let outside = PlayedPartners::outside();
        let definitions = outside.definitions()?;
        let settings = Settings { directory: outside.directory() };
        Ok(Self { definitions: Arc::new(definitions), settings, secrets: outside.secrets(crate::story::AES_KEY) })
    }

    /// Only what a tale is about: two exports fill a batch.
    pub(crate) fn of(&self, tale: &Tale) -> Self {
        let receiver = if tale.teller.unmatched { "stonegate-unmatched" } else { tale.teller.merchant };
        let mut definitions = Definitions::default();
        for definition in self.definitions.iter() {
            let name = definition.merchant.as_str();
            let mut definition = definition.clone();
            if let Some(target) = &mut definition.export {
                target.batch.iter_mut().for_each(|plan| plan.size = 2);
                match &mut target.protocol {
                    Protocol::File(file) if tale.teller.numbered => {
                        "{merchant}/{sequence}.csv".clone_into(&mut file.name);
                    }
                    _ => {}
                }
            }
            if name == tale.teller.merchant || name == receiver {
                definitions = definitions.with(definition);
            }
        }
        Self { definitions: Arc::new(definitions), ..self.clone() }
    }
}

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Season {
    /// Bad weather in which nobody dies yet.
    Bad,
    /// Bad weather in which handlers die.
    Danger,
    /// Nothing fails any more.
    Calm,
}

/// What an operator does.
#[derive(Debug, Clone)]
enum Command {
    /// To the registry.
    Registry(Input),
    /// To a match.
    Redress(Redress),
    /// To how a merchant is told.
    Telling(&'static str, Person),
    /// To a file that is stuck: it is tried again.
    Retry(FileKey),
}

/// What a task is about.
#[derive(Debug, Clone)]
enum What {
    /// An invocation with messages of a queue.
    Batch { queue: String, records: Vec<Received> },
    /// What an operator does; done again until it is done.
    Command(Command),
    /// A tick.
    Tick,
    /// A call of an execution.
    Step(Call),
}

impl What {
    /// Is it the export stage's?
    fn tells(&self) -> bool {
        match self {
            Self::Batch { queue, .. } => queue == "export",
            Self::Command(command) => matches!(command, Command::Telling(..)),
            Self::Tick => true,
            Self::Step(call) => matches!(call.machine, StateMachine::Deliver | StateMachine::BatchExport),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Batch { queue, records } => {
                let ids: Vec<&str> = records.iter().map(|r| r.id.as_str()).collect();
                format!("{queue} [{}]", ids.join(" "))
            }
            Self::Command(Command::Redress(redress)) => format!("{redress:?}"),
            Self::Command(Command::Retry(file)) => format!("somebody tries {} again", file.group()),
            Self::Command(Command::Telling(merchant, person)) => format!("somebody {person:?} {merchant}"),
            Self::Command(Command::Registry(Input::Onboard(_))) => "onboard".to_owned(),
            Self::Command(Command::Registry(Input::Offboard(_))) => "offboard".to_owned(),
            Self::Command(Command::Registry(Input::Link { merchant, card })) => {
                format!("link card {} at {merchant}", card.number)
            }
            Self::Command(_) => "deliver".to_owned(),
            Self::Tick => "tick".to_owned(),
            Self::Step(call) => format!("{} {}", call.execution, call.event),
        }
    }
}

struct Task {
    number: u64,
    process: usize,
    what: What,
    future: LocalBoxFuture<'static, Result<Value, String>>,
    started: Timestamp,
    /// Until this turn the others go on without it.
    asleep_until: u64,
}

/// The world.
pub(crate) struct Machine {
    dice: Dice,
    weather: Weather,
    clock: Arc<SetClock>,
    tables: Arc<MemoryTables>,
    objects: Arc<MemoryObjects>,
    shelf: Arc<Shelf>,
    rails: Arc<Rails>,
    post: Arc<Post>,
    outside: Arc<Outside>,
    gate: Arc<Gate>,
    shared: Shared,
    keys: CardKeys,
    /// Processes with their caches.
    processes: Vec<App>,
    /// Outside the weather.
    observer: Harmonia,
    tasks: Vec<Task>,
    started: u64,
    /// Turns so far.
    turn: u64,
    /// Messages whose handler died: the next one's life is in danger too.
    cursed: BTreeSet<String>,
    /// Commands to be started (again).
    commands: Vec<Command>,
    service: bool,
    /// Nothing happens but what the story says, one thing after the other.
    fair: bool,
    /// Invocations and commands that died.
    deaths: u64,
    /// Full hours at which unmatched payments were collected: one more follows in calm weather.
    hours: u32,
    /// Who may be told of something.
    merchants: Vec<&'static str>,
    season: Season,
    trace: bool,
}

/// All first attempts fail so often.
fn partner_faults(per_mille: u16) -> PartnerFaults {
    PartnerFaults {
        directory_503: per_mille,
        merchant_500: per_mille,
        not_yet: per_mille / 2,
        batch_500: per_mille,
        slow: 0,
        pause: Duration::ZERO,
    }
}

impl Machine {
    pub(crate) fn new(seed: u64, story: &Story, shared: &Shared, trace: bool) -> Self {
        let mut dice = Dice::new(seed);
        let weather = story.weather.clone();
        let clock = Arc::new(SetClock::new(story.start));
        let faults = Faults::new(dice.next(), weather.failing).lagging(weather.lagging);
        let tables = Arc::new(MemoryTables::with_faults(faults));
        let objects = Arc::new(MemoryObjects::with_faults(Faults::new(dice.next(), weather.objects)));
        let post = Arc::new(Post::new(dice.next(), clock.clone(), weather.tricks, weather.tricky));
        let partners = Arc::new(PlayedPartners::new(&[], partner_faults(weather.partners), clock.clone()));
        let (times, odd) = story.telling.odd.map_or((0, None), |(times, odd)| (times, Some(odd)));
        let script = Arc::new(Script::first(times, odd));
        let shelf = Arc::new(Shelf::new(objects.clone(), script.clone()));
        let outside = Arc::new(Outside::new(partners, dice.next(), weather.deaf, script));
        let rails = Arc::new(Rails::new(dice.next(), weather.railway));
        let fair = story.telling.fair;
        let seed = dice.next();
        let gate = if fair { Gate::strict(seed, story.telling.dies_at) } else { Gate::new(seed) };
        let gate = Arc::new(gate);
        let mut shared = shared.clone();
        if !story.service {
            shared.settings.directory = Directory::Table;
        }
        let keys = CardKeys::from_secret(&SecretString::from("simulated cards are invented cards"));
        let ports = Ports {
            tables: tables.clone(),
            objects: objects.clone(),
            queues: post.clone(),
            web: outside.clone(),
            machines: rails.clone(),
            secrets: shared.secrets.clone(),
            clock: clock.clone(),
        };
        let settings = Arc::new(shared.settings.clone());
        let observer = Harmonia::new(ports, Arc::clone(&shared.definitions), keys.clone(), settings);
        let mut machine = Self {
            dice,
            weather,
            clock,
            tables,
            objects,
            shelf,
            rails,
            post,
            outside,
            gate,
            shared,
            keys,
            processes: Vec::new(),
            observer,
            tasks: Vec::new(),
            started: 0,
            turn: 0,
            cursed: BTreeSet::new(),
            commands: Vec::new(),
            service: story.service,
            fair,
            deaths: 0,
            hours: 0,
            merchants: [story.cast.merchants(), vec!["stonegate-unmatched"]].concat(),
            season: Season::Danger,
            trace,
        };
        machine.processes = (0..machine.weather.processes).map(|_| machine.process()).collect();
        machine
    }

    /// A process with empty caches.
    fn process(&self) -> App {
        let ports = Ports {
            tables: self.tables.clone(),
            objects: self.shelf.clone(),
            queues: self.post.clone(),
            web: self.outside.clone(),
            machines: self.rails.clone(),
            secrets: self.shared.secrets.clone(),
            clock: self.clock.clone(),
        };
        let gate: Arc<dyn Around> = self.gate.clone();
        let ports = around(ports, &gate);
        let settings = Arc::new(self.shared.settings.clone());
        let mut harmonia = Harmonia::new(ports, Arc::clone(&self.shared.definitions), self.keys.clone(), settings);
        harmonia.file_limits = self.weather.file_limits();
        App { harmonia, visibility: self.post.clone() }
    }

    /// Every item.
    pub(crate) fn items(&self) -> Vec<Item> {
        Table::ALL.into_iter().flat_map(|table| self.tables.dump(table)).collect()
    }

    /// Every row.
    pub(crate) fn rows(&self) -> Result<Rows, String> {
        Rows::from_items(self.items()).map_err(|e| e.to_string())
    }

    pub(crate) fn post(&self) -> &Post {
        &self.post
    }

    pub(crate) fn outside(&self) -> &Outside {
        &self.outside
    }

    pub(crate) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// How many died.
    pub(crate) fn deaths(&self) -> u64 {
        self.deaths
    }

    /// Answers of the tables were lost.
    pub(crate) fn tables_fail(&self) -> bool {
        self.weather.failing > 0
    }

    /// Moments of telling at which somebody could have died.
    pub(crate) fn moments(&self) -> u64 {
        self.gate.moments()
    }

    /// No message was ever with two handlers at a time.
    pub(crate) fn each_message_alone(&self) -> bool {
        self.weather.tricks == 0
    }

    /// What comes from outside arrives.
    fn arrive(&mut self, input: &Input) {
        match input {
            Input::File { feed, name, text } => {
                self.note(|| format!("file {name} of {feed} arrives:\n{text}"));
                let key = format!("imports/{feed}/{name}");
                let version = self.objects.upload(Bucket::Imports, &key, text.clone().into_bytes());
                let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
                let notice = aws_events::object_created(&key, &version, bytes, self.clock.now());
                self.post.post("import-files", notice.to_string());
            }
            Input::Message { feed, body } => {
                self.note(|| format!("message of {feed} arrives: {body}"));
                let feed: Feed = feed.parse().expect("a feed's name");
                self.post.post(&harmonia_local::cloud::feed_queue(&feed), body.clone());
            }
            Input::Onboard(_) | Input::Offboard(_) | Input::Link { .. } => {
                self.commands.push(Command::Registry(input.clone()));
            }
            Input::Telling { merchant, person } => self.commands.push(Command::Telling(merchant, *person)),
            Input::Hour => self.full_hour(),
            Input::Unmatch => {
                let chosen = self.first_match();
                self.commands.extend(chosen.map(Command::Redress));
            }
            Input::Redress => {
                let chosen = self.redress();
                self.note(|| format!("a person: {chosen:?}"));
                self.commands.extend(chosen.map(Command::Redress));
            }
        }
    }

    /// Who is known at the beginning.
    fn settle_in(&mut self, story: &Story) {
        use crate::story::{Knows, Onboarded};
        let first = [story.cast.identifiers(Onboarded::First), story.cast.disputes()].concat();
        insist(|| block_on(self.observer.onboard(&first)));
        self.outside.partners.print(&story.truth.bills);
        for card in story.cast.cards.iter().filter(|card| matches!(card.knows, Knows::Member | Knows::NoDigits)) {
            for merchant in story.cast.merchants() {
                if self.service {
                    self.outside.partners.learn(&user(merchant, card));
                } else {
                    let users = [user_row(merchant, card)];
                    insist(|| block_on(self.observer.import_users(&users, true)));
                }
            }
        }
    }

    /// Says something in the trace.
    fn note(&self, words: impl FnOnce() -> String) {
        if self.trace {
            println!("{} {}", self.clock.now(), words());
        }
    }
}

/// Until it works: the weather is bad already.
fn insist<T, E: std::fmt::Debug>(call: impl Fn() -> Result<T, E>) -> T {
    let again = || call().ok();
    (0..INSIST_MAX).find_map(|_| again()).unwrap_or_else(|| call().expect("it works in the end"))
}

fn user(merchant: &str, card: &crate::story::Card) -> harmonia_gen::User {
    harmonia_gen::User { token: card.token.clone(), scheme: merchant.to_owned(), identity: card.identity() }
}

fn user_row(merchant: &str, card: &crate::story::Card) -> UserRow {
    let digits = (card.first_six.clone(), card.last_four.clone());
    UserRow {
        merchant: merchant.parse().expect("a merchant's name"),
        token: SecretString::from(card.token.clone()),
        loyalty_id: card.loyalty_id(),
        scheme_account_id: card.account(),
        user_id: card.account() + 200,
        credentials: crate::story::Card::credentials(),
        digits: (card.knows != crate::story::Knows::NoDigits).then_some(digits),
        expiry_month: Some(2),
        expiry_year: Some(2030),
        payment_card_account_id: Some(card.account() + 100),
    }
}

/// An operator's work. An error or a crash means: once more.
async fn command(app: App, outside: Arc<Outside>, service: bool, input: Input) -> Result<Value, String> {
    let harmonia = &app.harmonia;
    let change: Change = match &input {
        Input::Onboard(identifiers) => harmonia.onboard(identifiers).await.map_err(|e| e.to_string())?.change,
        Input::Offboard(identifiers) => {
            let identifiers = identifiers.iter().map(Triple::of).collect();
            let offboard = Offboard { identifiers, locations: Vec::new() };
            harmonia.offboard(&offboard).await.map_err(|e| e.to_string())?.change
        }
        Input::Link { merchant, card } if service => {
            outside.partners.learn(&user(merchant, card));
            let token = SecretString::from(card.token.clone());
            let merchant = merchant.parse().expect("a merchant's name");
            harmonia.linked(&merchant, &token).await.map_err(|e| e.to_string())?
        }
        Input::Link { merchant, card } => {
            harmonia.import_users(&[user_row(merchant, card)], true).await.map_err(|e| e.to_string())?.change
        }
        _ => return Ok(Value::Null),
    };
    let done = harmonia.reopen(&change).await.map_err(|e| e.to_string())?;
    if done.more || done.in_open_files > 0 { Err("there is more to re-open".to_owned()) } else { Ok(Value::Null) }
}

/// The handler of a queue.
async fn invoke(app: App, queue: String, event: Value) -> Result<Value, String> {
    let answer = match queue.as_str() {
        "identify" => harmonia_function_identify::handle(&app, event).await,
        "match" => harmonia_function_match::handle(&app, event).await,
        "export" => harmonia_function_export::handle(&app, event).await,
        _ => harmonia_function_import::handle(&app, event).await,
    };
    answer.map_err(|e| e.to_string())
}

/// What a step of a state machine asks for, by its function.
async fn call(app: App, machine: StateMachine, event: Value) -> Result<Value, String> {
    let answer = match machine {
        StateMachine::Deliver | StateMachine::BatchExport => harmonia_function_export::handle(&app, event).await,
        StateMachine::ImportFile | StateMachine::Reopen => harmonia_function_import::handle(&app, event).await,
    };
    answer.map_err(|e| e.to_string())
}

/// Both schedules.
async fn tick(app: App) -> Result<Value, String> {
    for k in ["tick", "sweep"] {
        // what is left open has to be seen at the end, not mended
        let event = serde_json::json!({ "v": 1, "k": k, "book": false });
        harmonia_function_tick::handle(&app, event).await.map_err(|e| e.to_string())?;
    }
    Ok(Value::Null)
}

/// Rows by key, with their versions, for the trace.
fn versions(tables: &MemoryTables) -> BTreeMap<(Table, String, String), (u64, String)> {
    let items = Table::ALL.into_iter().flat_map(|t| tables.dump(t).into_iter().map(move |item| (t, item)));
    items
        .map(|(table, item)| {
            let body = serde_json::to_string(&item.body).unwrap_or_default();
            ((table, item.key.pk, item.key.sk), (item.version, body))
        })
        .collect()
}
