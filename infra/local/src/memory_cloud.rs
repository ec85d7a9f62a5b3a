//! A whole cloud in memory, for simulation: the real handlers over the in-memory twins, partners played without a
//! network, failures and interleaving by seed. Nothing in it waits or depends on the machine.

use crate::{
    around::{Around, Interleave, around},
    audit::{Audit, Checked, check},
    cloud::Cloud,
    local::LocalError,
    memory_mailbox::MemoryMailbox,
    partners::{Faults as PartnerFaults, PlayedPartners},
    run::until_quiet,
    state::Rows,
    streams::MemoryStreams,
    world::{Outside, World},
};
use harmonia_domain::{
    card::CardKeys,
    feed::{Feed, Transport},
};
use harmonia_gen::Day;
use harmonia_ports::{
    Bucket, Item, NoMachines, Ports, QueueError, Table,
    memory::{Faults, MemoryEvents, MemoryObjects, MemoryTables, SetClock},
};
use harmonia_runtime::App;
use harmonia_stages::{Harmonia, Settings};
use secrecy::SecretString;
use std::{collections::BTreeSet, sync::Arc};

/// The cloud and what its partners saw.
pub struct MemoryCloud {
    /// Handlers and queues.
    pub cloud: Cloud,
    /// Its clock.
    pub clock: Arc<SetClock>,
    /// Its tables.
    pub tables: Arc<MemoryTables>,
    /// Its partners.
    pub partners: Arc<PlayedPartners>,
    /// Its objects.
    pub objects: Arc<MemoryObjects>,
    /// What others heard.
    pub events: Arc<MemoryEvents>,
}

impl MemoryCloud {
    /// The cloud of a generated day. `per_mille` of a thousand table calls fail, and the handlers of
    /// one round interleave at every port call, both by seed.
    pub async fn new(day: &Day, faults: &PartnerFaults, seed: u64, per_mille: u64) -> Result<Self, LocalError> {
        let clock = Arc::new(SetClock::new(day.drops.first().map(|d| d.at).unwrap_or_default()));
        let tables = Arc::new(MemoryTables::with_faults(Faults::new(seed, per_mille)));
        let objects = Arc::new(MemoryObjects::default());
        let mailbox = Arc::new(MemoryMailbox::new(clock.clone()));
        let partners = Arc::new(PlayedPartners::new(&day.users, faults.clone(), clock.clone()));
        let world = World::of(day);
        let outside: Outside = PlayedPartners::outside();
        let ports = Ports {
            tables: tables.clone(),
            objects: objects.clone(),
            queues: mailbox.clone(),
            web: partners.clone(),
            machines: Arc::new(NoMachines),
            secrets: outside.secrets(&world.aes_key),
            clock: clock.clone(),
        };
        let settings = Settings { directory: outside.directory() };
        let keys = CardKeys::from_secret(&SecretString::from("simulated cards are invented cards"));
        let definitions = Arc::new(outside.definitions()?);
        let interleave: Arc<dyn Around> = Arc::new(Interleave::new(seed));
        let ports = around(ports, &interleave);
        let events = Arc::new(MemoryEvents::default());
        let streams = Arc::new(MemoryStreams::new(tables.clone(), clock.clone()));
        let audit = Some(Audit::new(&ports, &definitions, events.clone(), streams));
        let harmonia = Harmonia::new(ports, definitions, keys, Arc::new(settings));
        harmonia.onboard(&world.onboarded()?).await?;
        let app = App { harmonia, visibility: mailbox.clone() };
        let cloud = Cloud { app, mailbox, clock: clock.clone(), audit };
        Ok(Self { cloud, clock, tables, partners, objects, events })
    }

    /// A partner delivers.
    pub async fn deliver(&self, feed: &Feed, name: &str, bytes: &[u8]) -> Result<(), LocalError> {
        Ok(deliver(&self.cloud, &self.objects, feed, name, bytes).await?)
    }

    /// Serves and jumps over every wait until nothing is left to do.
    pub async fn until_quiet(&self) -> Result<(), LocalError> {
        until_quiet(&self.cloud, &self.clock, &|_| ()).await
    }

    /// The audit log against itself and against the rows.
    pub async fn audited(&self) -> Result<Checked, LocalError> {
        let of = |table| self.tables.dump(table).into_iter().map(move |item| (table, item));
        let items: Vec<(Table, Item)> = Table::ALL.into_iter().flat_map(of).collect();
        Ok(check(self.objects.as_ref(), self.clock.as_ref(), None, &items, &BTreeSet::new()).await?)
    }

    /// Every row.
    pub fn rows(&self) -> Result<Rows, LocalError> {
        let items = Table::ALL.into_iter().flat_map(|table| self.tables.dump(table));
        Ok(Rows::from_items(items)?)
    }
}

/// Delivers a file or a message, whichever the feed is, to a cloud whose objects are in memory.
pub(crate) async fn deliver(
    cloud: &Cloud,
    objects: &MemoryObjects,
    feed: &Feed,
    name: &str,
    bytes: &[u8],
) -> Result<(), QueueError> {
    if cloud.app.harmonia.definitions.transport(feed) == Transport::Message {
        return cloud.post_line(feed, String::from_utf8_lossy(bytes).into_owned()).await;
    }
    let key = format!("imports/{feed}/{name}");
    let version = objects.upload(Bucket::Imports, &key, bytes.to_vec());
    cloud.announce(&key, &version, u64::try_from(bytes.len()).unwrap_or(u64::MAX)).await
}
