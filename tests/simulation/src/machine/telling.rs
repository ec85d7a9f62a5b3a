//! What people do about telling merchants, and what is looked at while nobody is at work.

use super::{Command, Machine, insist};
use crate::story::Person;
use futures::executor::block_on;
use harmonia_domain::{control::Control, export::ExportState, feed::Slug, file::FileState};
use harmonia_ports::{Execution, Machines, Train};
use harmonia_runtime::App;
use harmonia_stages::{
    export::{Listing, Redrive, RedriveError},
    redress::Words,
};
use harmonia_state::{FileKey, file_key};
use serde_json::Value;

/// Does it. An error or a crash means: once more.
pub(super) async fn done(app: App, merchant: &'static str, person: Person) -> Result<Value, String> {
    let harmonia = &app.harmonia;
    let merchant: Slug = merchant.parse().expect("a merchant's name");
    let said = |e: harmonia_stages::StageError| e.to_string();
    match person {
        Person::Pauses => {
            let words = Words::new("a person", "their maintenance").map_err(|e| e.to_string())?;
            harmonia.pause(&merchant, &words).await.map_err(said)?;
        }
        Person::Resumes => {
            harmonia.resume(&merchant, "a person").await.map_err(said)?;
        }
        Person::Redrives { per_minute } => {
            let listing = Listing { merchant, state: Redrive::Failed, why: None, since: None, until: None };
            match harmonia.redrive(&listing, per_minute, "a person").await {
                Ok(_) | Err(RedriveError::NoTarget { .. } | RedriveError::Refused { .. }) => {}
                Err(RedriveError::Stage(e)) => return Err(said(e)),
            }
        }
    }
    Ok(Value::Null)
}

/// Tries a stuck file again. An error or a crash means: once more.
pub(super) async fn tried_again(app: App, file: FileKey) -> Result<Value, String> {
    app.harmonia.retry_file(&file).await.map_err(|e| e.to_string())?;
    Ok(Value::Null)
}

impl Machine {
    /// Somebody sees to it that no file stays stuck.
    pub(super) fn stuck(&self) -> Option<Command> {
        let files = self.rows().ok()?.files;
        let stuck = files.iter().find(|file| file.state == FileState::Stuck);
        stuck.map(|file| Command::Retry(file_key(&file.feed, file.arrived, &file.id)))
    }

    /// Somebody sees to it that no merchant stays paused.
    pub(super) fn resumes(&self) -> Option<Command> {
        let paused = self.merchants.iter().find(|merchant| {
            let slug: Slug = merchant.parse().expect("a merchant's name");
            let control: Option<Control> = insist(|| block_on(self.observer.control(&slug)));
            control.is_some_and(|control| control.paused.is_some())
        });
        paused.map(|merchant| Command::Telling(merchant, Person::Resumes))
    }

    /// What waits for a minute has that minute's train, unless somebody died or was refused on the way to it; then it
    /// is the tick's. Asked while nobody is at work.
    pub(super) fn without_train(&self) -> Option<String> {
        if !self.rails.run() || self.deaths > 0 || self.rails.refused() > 0 {
            return None;
        }
        let (rows, now) = (self.rows().ok()?, harmonia_ports::Clock::now(self.clock.as_ref()));
        let lacking = rows.exports.iter().find_map(|export| {
            let ExportState::Waiting { due } = export.state else { return None };
            let train = Execution::Train(Train::new(export.merchant.clone(), due));
            (due > now && !self.rails.has(&train.name())).then_some((export, due))
        });
        lacking.map(|(export, due)| format!("export {} of {} waits for {due}: no train", export.id, export.merchant))
    }
}
