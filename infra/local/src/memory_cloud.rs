//! A whole cloud in memory, for simulation: the real handlers over the in-memory twins, partners played without a
//! network, failures and interleaving by seed. Nothing in it waits or depends on the machine.

use crate::{
    around::{Around, Interleave, around},
    cloud::{Cloud, CloudError},
    local::LocalError,
    memory_mailbox::MemoryMailbox,
    partners::{Faults as PartnerFaults, PlayedPartners},
    state::Rows,
    world::{Outside, World},
};
use harmonia_domain::{
    card::CardKeys,
    feed::{Feed, Transport},
};
use harmonia_gen::Day;
use harmonia_ports::{
    Bucket, Ports, Table,
    memory::{Faults, MemoryObjects, MemoryTables, SetClock},
};
use harmonia_runtime::App;
use harmonia_stages::{Harmonia, Settings};
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};

/// Rounds between the end of the feeds and the end of every retry; more means that something goes round and round.
const ROUNDS_MAX: usize = 20_000;

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
    objects: Arc<MemoryObjects>,
}

impl MemoryCloud {
    /// The cloud of a generated day. `per_mille` of a thousand table calls fail, and the handlers of
    /// one round interleave at every port call, both by seed.
    pub async fn new(day: &Day, faults: &PartnerFaults, seed: u64, per_mille: u64) -> Result<Self, LocalError> {
        let clock = Arc::new(SetClock::new(day.drops.first().map(|d| d.at).unwrap_or_default()));
        let tables = Arc::new(MemoryTables::with_faults(Faults::new(seed, per_mille)));
        let objects = Arc::new(MemoryObjects::default());
        let mailbox = Arc::new(MemoryMailbox::new(clock.clone()));
        let partners = Arc::new(PlayedPartners::new(&day.users, faults.clone()));
        let world = World::of(day);
        let ports = Ports {
            tables: tables.clone(),
            objects: objects.clone(),
            queues: mailbox.clone(),
            web: partners.clone(),
            clock: clock.clone(),
        };
        let outside: Outside = partners.outside();
        let settings = Settings {
            directory_url: outside.directory_url.clone(),
            directory_key: SecretString::from(outside.directory_key.clone()),
            aes_key: SecretString::from(world.aes_key.clone()),
            merchants: BTreeMap::clone(&outside.secrets),
        };
        let keys = CardKeys::from_secret(&SecretString::from("simulated cards are invented cards"));
        let definitions = Arc::new(outside.definitions()?);
        let interleave: Arc<dyn Around> = Arc::new(Interleave::new(seed));
        let ports = around(ports, &interleave);
        let harmonia = Harmonia::new(ports, definitions, keys, Arc::new(settings));
        harmonia.onboard(&world.onboarded()?).await?;
        let app = App { harmonia, visibility: mailbox.clone() };
        let cloud = Cloud { app, mailbox, clock: clock.clone() };
        Ok(Self { cloud, clock, tables, partners, objects })
    }

    /// A partner delivers.
    pub async fn deliver(&self, feed: &Feed, name: &str, bytes: &[u8]) -> Result<(), LocalError> {
        if let Feed::Payment(payment) = feed
            && payment.transport() == Transport::Message
        {
            let body = String::from_utf8_lossy(bytes).into_owned();
            return Ok(self.cloud.post_line(*payment, body).await?);
        }
        let key = format!("imports/{feed}/{name}");
        let version = self.objects.upload(Bucket::Imports, &key, bytes.to_vec());
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(self.cloud.announce(&key, &version, size).await?)
    }

    /// Serves and jumps over every wait until nothing is left to do.
    pub async fn until_quiet(&self) -> Result<(), LocalError> {
        for _ in 0..ROUNDS_MAX {
            if self.cloud.round().await? > 0 {
                continue;
            }
            let hidden = self.cloud.next_visible().await?;
            // with injected failures this may fail like any other call: then look again
            let Ok(due) = self.cloud.app.harmonia.next_due().await else { continue };
            let Some(next) = [hidden, due].into_iter().flatten().min() else { return Ok(()) };
            if next > self.cloud.clock.now() {
                self.clock.set(next);
            }
            if due.is_some_and(|due| due <= self.cloud.clock.now()) {
                let past = self.cloud.clock.now().as_second().rem_euclid(60);
                self.clock.advance(SignedDuration::from_secs(if past == 0 { 0 } else { 60 - past }));
                // a failed tick is repeated by the next one
                let _ = self.cloud.fire(json!({ "v": 1, "k": "tick" })).await;
            }
        }
        Err(CloudError::Stuck.into())
    }

    /// Every row.
    pub fn rows(&self) -> Result<Rows, LocalError> {
        let items = Table::ALL.into_iter().flat_map(|table| self.tables.dump(table));
        Ok(Rows::from_items(items)?)
    }
}
