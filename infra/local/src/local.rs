//! A local cloud on disk: tables, objects and queues under one state folder, the real handlers over them.

use crate::{
    around::{Around, around},
    audit::{self, Audit, Checked},
    cloud::{Cloud, CloudError},
    durable::{
        Durability,
        events::FileEvents,
        objects::{FolderError, FolderObjects},
        queues::DurableQueues,
        tables::{EmbeddedDynamo, EmbeddedError, connect, dump},
    },
    effects::Effects,
    registry::FolderTables,
    state::Rows,
    world::{Outside, World},
};
use harmonia_definitions::Definitions;
use harmonia_domain::{
    card::CardKeys,
    feed::{Feed, NameError, Transport},
};
use harmonia_ports::{Bucket, Clock, Item, NoMachines, ObjectError, Ports, QueueError, StoreError, Table};
use harmonia_runtime::{
    App,
    definitions::{self, FoundError},
    web::{HttpWeb, WebError},
};
use harmonia_stages::{Harmonia, Settings, StageError};
use harmonia_state::StoredError;
use jiff::civil::Date;
use secrecy::SecretString;
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Longest line of a message drop (SQS: 1 MiB a message).
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// A running cloud serves its streams in every round, several times a second when it has nothing else to do.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Looks at a running cloud's log before what is missing there is missing.
const LOOKS_MAX: usize = 10;

/// A local cloud that cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant wraps one error that says it all")]
pub enum LocalError {
    #[error("{path}: {source}")]
    Disk { path: String, source: io::Error },
    #[error(transparent)]
    Tables(#[from] EmbeddedError),
    #[error(transparent)]
    Objects(#[from] FolderError),
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error(transparent)]
    Stream(#[from] crate::streams::StreamError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Stored(#[from] StoredError),
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error(transparent)]
    Definition(#[from] FoundError),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Web(#[from] WebError),
    #[error(transparent)]
    World(#[from] crate::world::WorldError),
    #[error("feed {feed} comes as messages: give JSON, one message, or one a line")]
    NotMessages { feed: String },
    #[error("a message of {bytes} bytes; at most {MESSAGE_BYTES_MAX}")]
    LongMessage { bytes: usize },
    #[error("no state in {0}: nothing has run there yet")]
    NoState(String),
}

/// The parts of a state folder.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder at a path; made when something is opened in it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn make(&self) -> Result<(), LocalError> {
        let shown = self.0.display().to_string();
        std::fs::create_dir_all(&self.0).map_err(|source| LocalError::Disk { path: shown, source })
    }

    pub(crate) fn tables(&self) -> PathBuf {
        self.0.join("tables.sqlite")
    }

    fn queues(&self) -> PathBuf {
        self.0.join("queues.sqlite")
    }

    fn objects(&self) -> PathBuf {
        self.0.join("objects")
    }

    /// What others would hear on the event bus.
    fn events(&self) -> PathBuf {
        self.0.join("events.jsonl")
    }

    /// Definitions of this folder: one TOML file each, beside those shipped or in the place of one.
    pub fn own_definitions(&self) -> PathBuf {
        self.0.join("definitions")
    }

    /// The shipped definitions with those of this folder.
    pub fn definitions(&self) -> Result<Definitions, LocalError> {
        Ok(definitions::in_folder(&self.own_definitions())?)
    }

    /// Where a running `up` says how to reach its tables.
    pub(crate) fn endpoint(&self) -> PathBuf {
        self.0.join("endpoint")
    }

    /// The card key of this folder, made on first use.
    pub(crate) fn card_keys(&self) -> Result<CardKeys, LocalError> {
        let path = self.0.join("card.key");
        let disk = |source| LocalError::Disk { path: path.display().to_string(), source };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let mut bytes = [0_u8; 32];
                getrandom::fill(&mut bytes).map_err(|e| disk(io::Error::other(e.to_string())))?;
                let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
                std::fs::write(&path, &text).map_err(disk)?;
                text
            }
            Err(e) => return Err(disk(e)),
        };
        Ok(CardKeys::from_secret(&SecretString::from(text)))
    }

    /// Empties the folder.
    pub fn reset(&self) -> Result<(), LocalError> {
        match std::fs::remove_dir_all(&self.0) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(LocalError::Disk { path: self.0.display().to_string(), source })
            }
            _ => Ok(()),
        }
    }
}

/// Drops files and messages as partners do; needs no running cloud.
pub struct Door {
    pub(crate) objects: Arc<FolderObjects>,
    pub(crate) queues: Arc<DurableQueues>,
    clock: Arc<dyn Clock>,
    definitions: Definitions,
}

impl Door {
    /// The door of a state folder.
    pub fn open(folder: &Folder, clock: Arc<dyn Clock>, durability: Durability) -> Result<Self, LocalError> {
        folder.make()?;
        let objects = Arc::new(FolderObjects::open(folder.objects())?);
        let queues = Arc::new(DurableQueues::open(&folder.queues(), Arc::clone(&clock), durability)?);
        Ok(Self { objects, queues, clock, definitions: folder.definitions()? })
    }

    /// Drops the bytes of a file or of messages; returns how many things were delivered.
    pub async fn drop_bytes(&self, feed: &Feed, name: &str, bytes: &[u8]) -> Result<usize, LocalError> {
        match self.definitions.transport(feed) {
            Transport::Message => self.messages(feed, bytes).await,
            Transport::File => self.file(feed, name, bytes).await.map(|()| 1),
        }
    }

    /// Does the feed come by message?
    pub fn is_by_message(&self, feed: &Feed) -> bool {
        self.definitions.transport(feed) == Transport::Message
    }

    async fn file(&self, feed: &Feed, name: &str, bytes: &[u8]) -> Result<(), LocalError> {
        let key = format!("imports/{feed}/{name}");
        let version = self.objects.upload(Bucket::Imports, &key, bytes)?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let at = self.clock.now();
        let body = crate::aws_events::object_created(&key, &version, size, at).to_string();
        crate::mailbox::Mailbox::post(self.queues.as_ref(), "import-files", body, at).await?;
        Ok(())
    }

    /// One JSON document is one message; otherwise each line is.
    async fn messages(&self, feed: &Feed, bytes: &[u8]) -> Result<usize, LocalError> {
        let text = std::str::from_utf8(bytes).map_err(|_| LocalError::NotMessages { feed: feed.to_string() })?;
        let whole = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let lines: Vec<&str> = if whole { vec![text] } else { text.lines().filter(|l| !l.trim().is_empty()).collect() };
        for line in &lines {
            if line.len() > MESSAGE_BYTES_MAX {
                return Err(LocalError::LongMessage { bytes: line.len() });
            }
            let queue = crate::cloud::feed_queue(feed);
            let body = (*line).to_owned();
            crate::mailbox::Mailbox::post(self.queues.as_ref(), &queue, body, self.clock.now()).await?;
        }
        Ok(lines.len())
    }
}

/// A local cloud.
pub struct Local {
    /// The handlers and queues.
    pub cloud: Cloud,
    /// Where partners drop.
    pub door: Door,
    /// Effects so far.
    pub effects: Arc<Effects>,
    dynamo: EmbeddedDynamo,
    folder: Folder,
}

impl Local {
    /// Opens the state folder and onboards the world's identifiers.
    pub async fn open(
        folder: &Folder,
        world: &World,
        outside: &Outside,
        clock: Arc<dyn Clock>,
        durability: Durability,
        kill_before: Option<u64>,
    ) -> Result<Self, LocalError> {
        let door = Door::open(folder, Arc::clone(&clock), durability)?;
        let dynamo = EmbeddedDynamo::open(&folder.tables(), durability).await?;
        let ports = Ports {
            tables: Arc::new(dynamo.tables()),
            objects: door.objects.clone(),
            queues: door.queues.clone(),
            web: Arc::new(HttpWeb::new()?),
            machines: Arc::new(NoMachines),
            secrets: outside.secrets(&world.aes_key),
            clock: Arc::clone(&clock),
        };
        let settings = Settings { directory: outside.directory() };
        let definitions = Arc::new(outside.addressed(folder.definitions()?)?);
        let onboarding =
            Harmonia::new(ports.clone(), definitions.clone(), folder.card_keys()?, Arc::new(settings.clone()));
        onboarding.onboard(&world.onboarded()?).await?;
        let effects = Arc::new(Effects::new(kill_before));
        let counting: Arc<dyn Around> = effects.clone();
        let ports = around(ports, &counting);
        let streams = Arc::new(dynamo.streams(&folder.tables())?);
        // a client of its own, as the function's on AWS: what the stages consume is counted without it
        let audited = Ports { tables: Arc::new(connect(dynamo.address())), ..ports.clone() };
        let audit = Some(Audit::new(&audited, &definitions, Arc::new(FileEvents::new(folder.events())), streams));
        let harmonia = Harmonia::new(ports, definitions, folder.card_keys()?, Arc::new(settings));
        let app = App { harmonia, visibility: door.queues.clone() };
        let cloud = Cloud { app, mailbox: door.queues.clone(), clock, audit };
        let local = Self { cloud, door, effects, dynamo, folder: folder.clone() };
        local.write_endpoint()?;
        Ok(local)
    }

    fn write_endpoint(&self) -> Result<(), LocalError> {
        let path = self.folder.endpoint();
        let text = self.dynamo.address().to_string();
        std::fs::write(&path, text).map_err(|source| LocalError::Disk { path: path.display().to_string(), source })
    }

    /// Every item, with its table.
    pub async fn items(&self) -> Result<Vec<(Table, Item)>, LocalError> {
        Ok(all_items(&self.dynamo.tables()).await?)
    }

    /// Everything that the audit says, in the log and to others: for the check that no card data is in it.
    pub async fn audit_texts(&self) -> Result<Vec<String>, LocalError> {
        let entries = harmonia_audit::entries(self.door.objects.as_ref()).await?;
        let mut texts: Vec<String> =
            entries.iter().map(|entry| serde_json::to_string(entry).unwrap_or_default()).collect();
        let events = self.folder.events();
        match std::fs::read_to_string(&events) {
            Ok(text) => texts.push(text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(LocalError::Disk { path: events.display().to_string(), source }),
        }
        Ok(texts)
    }

    /// The audit log against itself and against items.
    pub async fn audited(&self, items: &[(Table, Item)]) -> Result<Checked, LocalError> {
        let pending = audit::pending(&self.dynamo.streams(&self.folder.tables())?).await?;
        Ok(audit::check(self.door.objects.as_ref(), self.cloud.clock.as_ref(), None, items, &pending).await?)
    }

    /// Every row.
    pub async fn rows(&self) -> Result<Rows, LocalError> {
        Ok(rows(self.items().await?)?)
    }

    /// Capacity units that the tables counted: tenths of read units, tenths of write units.
    pub fn consumed(&self) -> (u64, u64) {
        let total = self.dynamo.tables().capacity().total();
        (total.read_tenths, total.write_tenths)
    }

    /// Ends it in order.
    pub async fn close(self) -> Result<(), LocalError> {
        // whoever looks for a running cloud finds none
        let _ = std::fs::remove_file(self.folder.endpoint());
        Ok(self.dynamo.shutdown().await?)
    }
}

/// Every item, with its table.
pub async fn all_items(tables: &harmonia_aws::DynamoTables) -> Result<Vec<(Table, Item)>, StoreError> {
    let mut items = Vec::new();
    for table in Table::ALL {
        items.extend(dump(tables, table).await?.into_iter().map(|item| (table, item)));
    }
    Ok(items)
}

/// Items as rows.
pub fn rows(items: Vec<(Table, Item)>) -> Result<Rows, StoredError> {
    Rows::from_items(items.into_iter().map(|(_, item)| item))
}

/// Every row of a state folder, whether a cloud runs on it or not.
pub async fn rows_of(folder: &Folder) -> Result<Rows, LocalError> {
    let tables = existing(folder).await?;
    let rows = rows(all_items(&tables.tables()).await?)?;
    tables.close().await?;
    Ok(rows)
}

async fn existing(folder: &Folder) -> Result<FolderTables, LocalError> {
    if !folder.tables().exists() {
        return Err(LocalError::NoState(folder.path().display().to_string()));
    }
    FolderTables::open(folder).await
}

/// Rows and audit log of a cloud.
pub struct Verified {
    /// Every row.
    pub rows: Rows,
    /// The log.
    pub audit: Checked,
    /// A cloud works on the rows while they are looked at: they change.
    pub running: bool,
    /// Changes that wait in the streams for a cloud to audit them; not known while one runs.
    pub waiting: usize,
    /// Nothing waits in the queues either.
    pub at_rest: bool,
}

/// Looks over a state folder. `from`: a day whose seal is trusted; without `with_rows` at the log only.
pub async fn verified(
    folder: &Folder,
    clock: Arc<dyn Clock>,
    from: Option<Date>,
    with_rows: bool,
) -> Result<Verified, LocalError> {
    let tables = existing(folder).await?;
    let door = Door::open(folder, Arc::clone(&clock), Durability::PowerCut)?;
    let at_rest = crate::mailbox::Mailbox::next_visible(door.queues.as_ref()).await?.is_none();
    let items = if with_rows { all_items(&tables.tables()).await? } else { Vec::new() };
    let streams = tables.streams(&folder.tables())?;
    let running = streams.is_none();
    let pending = match &streams {
        Some(streams) => audit::pending(streams).await?,
        None => BTreeSet::new(),
    };
    let looks = if running { LOOKS_MAX } else { 1 };
    let look = async || audit::check(door.objects.as_ref(), clock.as_ref(), from, &items, &pending).await;
    let audit = audit::settled((looks, LOOK_AGAIN), look).await?;
    drop(streams);
    tables.close().await?;
    Ok(Verified { rows: rows(items)?, audit, running, waiting: pending.len(), at_rest: at_rest && !running })
}
