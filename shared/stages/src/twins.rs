//! The stages over the in-memory twins of the ports, for tests.

use crate::{Directory, Harmonia, Settings};
use async_trait::async_trait;
use harmonia_definitions::Definitions;
use harmonia_domain::card::CardKeys;
use harmonia_ports::{
    Call, FixedSecrets, NoMachines, OutMessage, Ports, Queue, QueueError, Queues, Web, WebAnswer,
    memory::{MemoryObjects, MemoryTables, SetClock},
};
use secrecy::SecretString;
use std::sync::{Arc, LazyLock, Mutex};

/// What was sent.
#[derive(Default)]
pub(crate) struct Sent(pub(crate) Mutex<Vec<(Queue, OutMessage)>>);

#[async_trait]
impl Queues for Sent {
    async fn send(&self, queue: Queue, messages: Vec<OutMessage>) -> Result<(), QueueError> {
        self.0.lock().unwrap().extend(messages.into_iter().map(|m| (queue, m)));
        Ok(())
    }
}

struct Nobody;

#[async_trait]
impl Web for Nobody {
    async fn send(&self, _: Call) -> WebAnswer {
        panic!("nobody is asked here")
    }
}

/// The stages and what they stand on.
pub(crate) struct Twins {
    pub(crate) harmonia: Harmonia,
    pub(crate) tables: Arc<MemoryTables>,
    pub(crate) objects: Arc<MemoryObjects>,
    pub(crate) sent: Arc<Sent>,
    pub(crate) clock: Arc<SetClock>,
}

static SHIPPED: LazyLock<Arc<Definitions>> = LazyLock::new(|| Arc::new(Definitions::shipped().unwrap()));

/// With the shipped definitions, nothing stored yet, on an afternoon in June.
pub(crate) fn twins() -> Twins {
    twins_over(SHIPPED.clone())
}

/// The same with other definitions.
pub(crate) fn twins_with(definitions: Definitions) -> Twins {
    twins_over(Arc::new(definitions))
}

fn twins_over(definitions: Arc<Definitions>) -> Twins {
    let (tables, objects, sent) =
        (Arc::<MemoryTables>::default(), Arc::<MemoryObjects>::default(), Arc::<Sent>::default());
    let clock = Arc::new(SetClock::new("2026-06-18T13:30:00Z".parse().unwrap()));
    let ports = Ports {
        tables: tables.clone(),
        objects: objects.clone(),
        queues: sent.clone(),
        web: Arc::new(Nobody),
        machines: Arc::new(NoMachines),
        secrets: Arc::new(FixedSecrets::none()),
        clock: clock.clone(),
    };
    let settings = Settings { directory: Directory::Table };
    let keys = CardKeys::from_secret(&SecretString::from("test"));
    let harmonia = Harmonia::new(ports, definitions, keys, Arc::new(settings));
    Twins { harmonia, tables, objects, sent, clock }
}
