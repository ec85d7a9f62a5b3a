//! The registry of a state folder, whether a cloud runs on it or not: what the commands `identifiers`, `users` and
//! `cards` work on. What they set free waits in the queues until a cloud runs.

use crate::{
    durable::{
        Durability,
        streams::FileStreams,
        tables::{EmbeddedDynamo, EmbeddedError, connect},
    },
    local::{Door, Folder, LocalError},
};
use harmonia_aws::DynamoTables;
use harmonia_ports::{Clock, FixedSecrets, NoMachines, Ports};
use harmonia_runtime::web::HttpWeb;
use harmonia_stages::{Directory, Harmonia, Settings};
use std::{net::TcpStream, path::Path, sync::Arc, time::Duration};

/// A running cloud on this machine answers in less.
const ANSWERS_IN: Duration = Duration::from_millis(300);

/// The tables of a state folder: the running cloud's, or opened for the while.
pub(crate) enum FolderTables {
    /// Somebody runs a cloud on them.
    Running(DynamoTables),
    /// Nobody does.
    Opened(EmbeddedDynamo),
}

impl FolderTables {
    /// Finds or opens them.
    pub(crate) async fn open(folder: &Folder) -> Result<Self, LocalError> {
        let running = std::fs::read_to_string(folder.endpoint()).ok().and_then(|text| text.parse().ok());
        if let Some(address) = running
            && TcpStream::connect_timeout(&address, ANSWERS_IN).is_ok()
        {
            return Ok(Self::Running(connect(address)));
        }
        Ok(Self::Opened(EmbeddedDynamo::open(&folder.tables(), Durability::PowerCut).await?))
    }

    /// The tables.
    pub(crate) fn tables(&self) -> DynamoTables {
        match self {
            Self::Running(tables) => tables.clone(),
            Self::Opened(dynamo) => dynamo.tables(),
        }
    }

    /// What changed and is not audited yet; a running cloud reads it itself.
    pub(crate) fn streams(&self, path: &Path) -> Result<Option<FileStreams>, EmbeddedError> {
        match self {
            Self::Running(_) => Ok(None),
            Self::Opened(dynamo) => dynamo.streams(path).map(Some),
        }
    }

    /// Ends it in order.
    pub(crate) async fn close(self) -> Result<(), LocalError> {
        match self {
            Self::Running(_) => Ok(()),
            Self::Opened(dynamo) => Ok(dynamo.shutdown().await?),
        }
    }
}

/// The registry of a state folder.
pub struct FolderRegistry {
    /// The stages; none of them is run here.
    pub harmonia: Harmonia,
    tables: FolderTables,
}

impl FolderRegistry {
    /// Opens it; makes the folder if there is none.
    pub async fn open(folder: &Folder, clock: Arc<dyn Clock>) -> Result<Self, LocalError> {
        let door = Door::open(folder, Arc::clone(&clock), Durability::PowerCut)?;
        let tables = FolderTables::open(folder).await?;
        let ports = Ports {
            tables: Arc::new(tables.tables()),
            objects: door.objects.clone(),
            queues: door.queues.clone(),
            web: Arc::new(HttpWeb::new()?),
            machines: Arc::new(NoMachines),
            secrets: Arc::new(FixedSecrets::none()),
            clock,
        };
        // nobody is asked and nobody is told here
        let settings = Settings { directory: Directory::Table };
        let definitions = Arc::new(folder.definitions()?);
        let harmonia = Harmonia::new(ports, definitions, folder.card_keys()?, Arc::new(settings));
        Ok(Self { harmonia, tables })
    }

    /// As [`FolderRegistry::open`], for a folder in which something has run.
    pub async fn open_existing(folder: &Folder, clock: Arc<dyn Clock>) -> Result<Self, LocalError> {
        if !folder.tables().exists() {
            return Err(LocalError::NoState(folder.path().display().to_string()));
        }
        Self::open(folder, clock).await
    }

    /// Ends it in order.
    pub async fn close(self) -> Result<(), LocalError> {
        drop(self.harmonia);
        self.tables.close().await
    }
}
