//! What a command works on: a state folder, or the stack that this process's environment describes as it describes it
//! to the stack's functions.

use crate::Failure;
use harmonia_local::{local::Folder, registry::FolderRegistry};
use harmonia_runtime::SystemClock;
use harmonia_stages::Harmonia;
use std::sync::Arc;

/// Where to work.
pub(crate) enum Place {
    /// A local cloud.
    Folder(Folder),
    /// A deployed stack.
    #[cfg(feature = "aws")]
    Stack,
}

impl Place {
    /// For commands that know a local cloud only.
    #[cfg_attr(not(feature = "aws"), allow(clippy::unnecessary_wraps, reason = "a stack is no folder"))]
    pub(crate) fn folder(&self) -> Result<&Folder, Failure> {
        match self {
            Self::Folder(folder) => Ok(folder),
            #[cfg(feature = "aws")]
            Self::Stack => Err("this works on a state folder only: leave out --deployed".into()),
        }
    }
}

/// The stages over that place; none of them is run here.
pub(crate) struct Registry {
    pub(crate) harmonia: Harmonia,
    folder: Option<FolderRegistry>,
}

impl Registry {
    /// Opens it; makes the folder if there is none.
    pub(crate) async fn open(place: &Place) -> Result<Self, Failure> {
        match place {
            Place::Folder(folder) => Ok(Self::of(FolderRegistry::open(folder, Arc::new(SystemClock)).await?)),
            #[cfg(feature = "aws")]
            Place::Stack => Self::of_stack().await,
        }
    }

    /// As [`Registry::open`], for a folder in which something has run.
    pub(crate) async fn open_existing(place: &Place) -> Result<Self, Failure> {
        match place {
            Place::Folder(folder) => Ok(Self::of(FolderRegistry::open_existing(folder, Arc::new(SystemClock)).await?)),
            #[cfg(feature = "aws")]
            Place::Stack => Self::of_stack().await,
        }
    }

    fn of(folder: FolderRegistry) -> Self {
        Self { harmonia: folder.harmonia.clone(), folder: Some(folder) }
    }

    #[cfg(feature = "aws")]
    async fn of_stack() -> Result<Self, Failure> {
        let app = Box::pin(harmonia_runtime::deployed::app()).await?;
        Ok(Self { harmonia: app.harmonia, folder: None })
    }

    /// Ends it in order.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        drop(self.harmonia);
        match self.folder {
            Some(folder) => Ok(folder.close().await?),
            None => Ok(()),
        }
    }
}
