//! A cloud with one merchant's exports in its tables, and the hostile server in front of the merchant.

use super::{
    bucket::FailingBucket,
    server::{Came, Server},
    situation::{Plan, Situation},
};
use harmonia_definitions::{Definition, Definitions, Protocol};
use harmonia_domain::{
    Source,
    card::{CardKeys, MemberHash, TokenHash},
    export::{BookKey, Export, ExportFacts, ExportState, MatchType},
    feed::{Kind, Scheme},
    identity::Identity,
    ids::Id,
    money::{Currency, MinorUnits},
    purchase::{PurchaseKey, Slot},
    sale::{Sale, SaleState},
};
use harmonia_gen::{Plan as DayPlan, User, generate};
use harmonia_local::{
    cloud::Cloud,
    memory_mailbox::MemoryMailbox,
    partners::{Bill, Faults, PartnerReport, PlayedPartners, add_described, outside_at},
    run::until_quiet,
    state::Rows,
};
use harmonia_ports::{
    Bucket, Clock, Ports, Stamp, Table,
    memory::{MemoryTables, SetClock},
};
use harmonia_runtime::{App, web::HttpWeb};
use harmonia_stages::{Harmonia, Settings};
use harmonia_state::{Store, StoredIdentity};
use secrecy::SecretString;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

/// When all of it was bought: the day before it is told.
const AT: &str = "2024-06-03T11:42:00Z";
/// A merchant that says nothing is given up after this.
const DEADLINE_S: u16 = 2;

/// Exports of one batch, so that there are many batches.
const BATCH: u16 = 10;

/// A shipped definition, or docs/onboarding's.
pub(super) fn definition(merchant: &str) -> Definition {
    let linde = include_str!("../../../docs/onboarding/kaffeehaus-linde.toml");
    let linde = Definition::from_toml(linde, "kaffeehaus-linde.toml").unwrap();
    let definitions = Definitions::shipped().unwrap().with(linde);
    definitions.get(&merchant.parse().unwrap()).unwrap().clone()
}

pub(super) struct World {
    definition: Definition,
    cloud: Cloud,
    clock: Arc<SetClock>,
    tables: Arc<MemoryTables>,
    objects: Arc<FailingBucket>,
    played: Arc<PlayedPartners>,
    server: Server,
    users: Vec<User>,
}

fn clone_of(plan: &Plan) -> Plan {
    match plan {
        Plan::Dice { seed } => Plan::Dice { seed: *seed },
        Plan::First(situation) => Plan::First(*situation),
    }
}

impl World {
    pub(super) async fn new(mut definition: Definition, plan: Plan) -> Self {
        let clock = Arc::new(SetClock::new("2024-06-04T09:20:05Z".parse().unwrap()));
        let day = generate(&DayPlan { seed: 3, payments: 400, sales: 100, ..DayPlan::default() });
        let played = Arc::new(PlayedPartners::new(&[], Faults::none(), clock.clone()));
        let target = definition.export.as_mut().unwrap();
        target.deadline_s = DEADLINE_S;
        if let Some(batch) = &mut target.batch {
            batch.size = BATCH;
        }
        let has_second = matches!(target.protocol, Protocol::TheWorks(_));
        let objects = Arc::new(FailingBucket::new(clone_of(&plan)));
        let server = Server::start(played.clone(), clock.clone(), plan, has_second).await;
        let mut outside = outside_at(&format!("http://{}", server.addr));
        if let Protocol::Http(_) = target.protocol {
            add_described(&mut outside, &definition.merchant);
        }
        let definitions = Definitions::shipped().unwrap().with(definition.clone());
        let mailbox = Arc::new(MemoryMailbox::new(clock.clone()));
        let tables = Arc::new(MemoryTables::default());
        let ports = Ports {
            tables: tables.clone(),
            objects: objects.clone(),
            queues: mailbox.clone(),
            web: Arc::new(HttpWeb::new().unwrap()),
            machines: Arc::new(harmonia_ports::NoMachines),
            secrets: outside.secrets(&day.aes_key),
            clock: clock.clone(),
        };
        let settings = Arc::new(Settings { directory: outside.directory() });
        let keys = CardKeys::from_secret(&SecretString::from("invented cards only"));
        let harmonia = Harmonia::new(ports, Arc::new(outside.addressed(definitions).unwrap()), keys, settings);
        let app = App { harmonia, visibility: mailbox.clone() };
        // a described merchant's members are Costa's, a file's those of whoever was paid
        let of = match definition.merchant.as_str() {
            "kaffeehaus-linde" => "costa",
            "stonegate-unmatched" => "stonegate",
            merchant => merchant,
        };
        let users = day.users.into_iter().filter(|user| user.scheme == of).collect();
        let cloud = Cloud { app, mailbox, clock: clock.clone(), audit: None };
        Self { definition, cloud, clock, tables, objects, played, server, users }
    }

    /// Adds exports as a claim makes them, with what they point to. No two say the same.
    pub(super) async fn add(&self, count: usize) {
        let (store, stamp) = (Store::new(self.tables.as_ref()), Stamp { by: "test".into(), on: self.clock.now() });
        let mut bills = Vec::new();
        for number in 0..count {
            let identity = self.identity(number);
            let export = self.export(number, &identity);
            let member = Some(identity.loyalty_id.clone());
            bills.push(Bill { minor: export.facts.amount.0, at: export.facts.at, member });
            store.put(&sale_of(&export), &stamp).await.unwrap();
            store.put(&StoredIdentity(identity), &stamp).await.unwrap();
            store.put(&export, &stamp).await.unwrap();
        }
        self.played.print(&bills);
    }

    fn identity(&self, number: usize) -> Identity {
        let user = &self.users[number % self.users.len()].identity;
        let text = |member: &str| user[member].as_str().unwrap().to_owned();
        let number_of = |member: &str| user[member].as_i64().unwrap();
        let merchant = match &self.definition.unmatched {
            Some(unmatched) => unmatched.of.clone(),
            None => self.definition.merchant.clone(),
        };
        Identity {
            merchant,
            token: TokenHash(format!("token-{number}")),
            loyalty_id: text("loyalty_id"),
            scheme_account_id: number_of("scheme_account_id"),
            user_id: number_of("user_id"),
            credentials: text("credentials"),
            first_six: "450012".to_owned(),
            last_four: "8841".to_owned(),
            payment_card_account_id: Some(1),
            expiry_month: Some(1),
            expiry_year: Some(2030),
        }
    }

    fn export(&self, number: usize, identity: &Identity) -> Export {
        let (merchant, at) = (self.definition.merchant.clone(), AT.parse().unwrap());
        let target = self.definition.export.as_ref().unwrap();
        let created = self.clock.now();
        let due = harmonia_exports::first_due(target, at, created).unwrap_or(created);
        let state = if target.batch.is_some() { ExportState::Collecting } else { ExportState::Waiting { due } };
        let match_type = if self.definition.unmatched.is_some() { MatchType::Unmatched } else { MatchType::Loyalty };
        let amount = MinorUnits(1_000 + 100 * i64::try_from(number).unwrap());
        let (mid, currency) = ("mid-1".to_owned(), Currency::GBP);
        Export {
            id: Id::derive("export", &[merchant.as_str(), &number.to_string()]),
            merchant,
            created,
            order: format!("{number:010}"),
            match_type,
            purchase: PurchaseKey { scheme: Scheme::Visa, id: format!("P{number}"), slot: Slot::P },
            kind: Kind::Settled,
            sale: (match_type == MatchType::Loyalty).then(|| format!("S{number}")),
            identity: identity.pointer(MemberHash(format!("member-{number}"))),
            evidence: Vec::new(),
            book_key: BookKey { scheme: Scheme::Visa, mid: mid.clone(), currency, minor: amount },
            definition: "1".to_owned(),
            facts: ExportFacts {
                transaction_id: format!("S{number}"),
                at,
                amount,
                currency,
                mid,
                location_id: Some(format!("L{number}")),
                merchant_internal_id: Some("brand".to_owned()),
                settlement_key: format!("key-{number}"),
                auth_code: "444444".to_owned(),
                approval_code: String::new(),
            },
            generation: 0,
            attempts: 0,
            last: None,
            corrected: None,
            paid: self.definition.unmatched.as_ref().map(|unmatched| unmatched.of.clone()),
            forced: None,
            unsure: false,
            adjusts: None,
            answer: None,
            state,
        }
    }

    pub(super) async fn until_quiet(&self) {
        until_quiet(&self.cloud, &self.clock, &|_| ()).await.unwrap();
    }

    pub(super) fn rows(&self) -> Rows {
        Rows::from_items(Table::ALL.into_iter().flat_map(|table| self.tables.dump(table))).unwrap()
    }

    pub(super) fn report(&self) -> PartnerReport {
        self.played.report()
    }

    pub(super) fn came(&self) -> Vec<Came> {
        self.server.came()
    }

    /// Files that were to be stored.
    pub(super) fn files(&self) -> Vec<(String, Vec<u8>, Situation)> {
        self.objects.came()
    }

    pub(super) fn too_early(&self) -> Vec<String> {
        self.server.too_early()
    }

    fn ill(&self) -> BTreeMap<String, usize> {
        let mut ill = BTreeMap::<String, usize>::new();
        let requests = self.came().into_iter().map(|came| came.situation);
        let files = self.files().into_iter().map(|(_, _, situation)| situation);
        for situation in requests.chain(files).filter(|situation| *situation != Situation::Well) {
            *ill.entry(format!("{situation:?}")).or_default() += 1;
        }
        ill
    }

    pub(super) fn misbehaved_times(&self) -> usize {
        self.ill().values().sum()
    }

    /// What went wrong, and how often.
    pub(super) fn misbehaved(&self) -> String {
        format!("{:?}", self.ill())
    }

    /// Every row is in one file, and a file that was written again was the same.
    pub(super) fn assert_each_in_one_file(&self, rows: &Rows) {
        let names = self.objects.inner.keys(Bucket::Exports);
        let mut bytes: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (name, content, _) in self.files() {
            assert_eq!(*bytes.entry(name).or_insert_with(|| content.clone()), content);
        }
        assert_eq!(names.len(), bytes.len());
        let text: String = bytes.values().map(|content| String::from_utf8(content.clone()).unwrap()).collect();
        for export in &rows.exports {
            let row = format!("{},", export.facts.transaction_id);
            assert_eq!(text.lines().filter(|line| line.starts_with(&row)).count(), 1, "{row}");
        }
    }
}

/// The sale that an export is about, with whatever any protocol needs of it.
fn sale_of(export: &Export) -> Sale {
    let amount = format!("{}.{:02}", export.facts.amount.0 / 100, export.facts.amount.0 % 100);
    let id = export.facts.transaction_id.clone();
    Sale {
        merchant: export.merchant.clone(),
        id: id.clone(),
        scheme: Scheme::Visa,
        mids: vec![export.facts.mid.clone()],
        location: None,
        amount: export.facts.amount,
        currency: export.facts.currency,
        at: export.facts.at,
        arrived: export.created,
        group: None,
        auth_code: export.facts.auth_code.clone(),
        first_six: None,
        last_four: None,
        extra: Some(json!({
            "amount": amount, "account_id": format!("account-{id}"), "transaction_id": id,
            "metadata": { "id": id }, "filiale": "Linde 1",
        })),
        src: Source { from: "test".to_owned(), offset: 0, line: 1, backfill: false },
        state: SaleState::Live,
    }
}
