//! Conformance cases (cases/README.md): the same stages and handlers as everywhere else, over in-memory twins, with
//! the case's clock and the case's world.

mod case;
mod compare;
mod report;
mod web;

pub use case::{Action, Case, Step, Surroundings};
pub use compare::{Difference, compare};

use crate::{
    cloud::{Cloud, CloudError},
    memory_cloud::deliver,
    memory_mailbox::MemoryMailbox,
    state::Rows,
    world::{WorldError, onboarded, read},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use harmonia_definitions::{Definition, Definitions, FirstAttempt, Promotion, Protocol};
use harmonia_domain::{
    card::CardKeys,
    feed::{Feed, NameError, Slug},
};
use harmonia_ports::{
    Bucket, ExportSecrets, FixedSecrets, NoMachines, Objects, Ports, Table,
    memory::{MemoryObjects, MemoryTables, SetClock},
};
use harmonia_runtime::{App, definitions::FoundError};
use harmonia_stages::{Directory, Harmonia, Settings, StageError};
use harmonia_state::StoredError;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// The original's rate of a promotion that says none (spec match §9.10).
const PROMOTION_POINTS: u32 = 5;
/// What the original calls the bucket of exports (spec match §9.8).
const CONTAINER: &str = "harmonia-exports";
/// Keys of a case's cards: nothing of a case leaves the process but what it shows itself.
const CASE_CARD_KEY: &str = "conformance cases have invented cards only";

/// A case that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A file cannot be used.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Step data that is not base64.
    #[error("step {step}: data is not base64")]
    Base64 {
        /// Which step, from 1.
        step: usize,
    },
    /// A shipped definition is broken, or a case configures an address that is none.
    #[error(transparent)]
    Definition(#[from] FoundError),
    /// The cloud stopped.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// A stage stopped.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A stored row cannot be read.
    #[error(transparent)]
    Stored(#[from] StoredError),
}

/// Reads a case and the `world.json` beside it.
pub fn load(path: &Path) -> Result<(Case, Surroundings), ReplayError> {
    Ok((read(path)?, read(&path.with_file_name("world.json"))?))
}

/// A case under way.
struct Stage {
    cloud: Cloud,
    tables: Arc<MemoryTables>,
    objects: Arc<MemoryObjects>,
    clock: Arc<SetClock>,
    web: Arc<web::CaseWeb>,
    keys: CardKeys,
}

/// Runs a case; returns what came of it in the shapes of its expectation, with its name.
pub async fn run(case: &Case, surroundings: &Surroundings) -> Result<Value, ReplayError> {
    let stage = Stage::set(case, surroundings)?;
    let identifiers = case.world.identifiers.iter().map(onboarded).collect::<Result<Vec<_>, _>>()?;
    stage.cloud.app.harmonia.onboard(&identifiers).await?;
    for (number, step) in (1..).zip(&case.steps) {
        stage.clock.set(step.at);
        stage.take(number, &step.action).await?;
        stage.cloud.until_quiet_in_order().await?;
    }
    let items = Table::ALL.into_iter().flat_map(|table| stage.tables.dump(table));
    let rows = Rows::from_items(items)?;
    let uploads = uploads(&stage.objects).await?;
    Ok(report::Report { rows: &rows, keys: &stage.keys }.build(&case.name, &stage.web.requests(), &uploads))
}

/// Files for merchants.
async fn uploads(objects: &MemoryObjects) -> Result<Vec<Value>, ReplayError> {
    let mut uploads = Vec::new();
    for name in objects.keys(Bucket::Exports) {
        let bytes = objects.get(Bucket::Exports, &name, None).await.map_err(StageError::from)?;
        let content = String::from_utf8_lossy(&bytes).into_owned();
        uploads.push(json!({ "container": CONTAINER, "name": name, "content": content }));
    }
    Ok(uploads)
}

impl Stage {
    fn set(case: &Case, surroundings: &Surroundings) -> Result<Self, ReplayError> {
        let clock = Arc::new(SetClock::new(jiff::Timestamp::UNIX_EPOCH));
        let tables = Arc::new(MemoryTables::default());
        let objects = Arc::new(MemoryObjects::default());
        let mailbox = Arc::new(MemoryMailbox::new(clock.clone()));
        let rules = case.world.responses.iter().chain(&surroundings.answers).cloned().collect();
        let web = Arc::new(web::CaseWeb::new(case.world.users.clone(), rules, clock.clone()));
        let keys = CardKeys::from_secret(&SecretString::from(CASE_CARD_KEY));
        let settings = Settings { directory: Directory::at(web::DIRECTORY.to_owned(), SecretString::from("case")) };
        let definitions = Arc::new(configured(&case.world.settings)?);
        let secrets = ExportSecrets {
            aes_key: SecretString::from(case.world.aes_key.clone()),
            merchants: secrets(surroundings, &definitions),
        };
        let ports = Ports {
            tables: tables.clone(),
            objects: objects.clone(),
            queues: mailbox.clone(),
            web: web.clone(),
            machines: Arc::new(NoMachines),
            secrets: Arc::new(FixedSecrets::new(secrets)),
            clock: clock.clone(),
        };
        let harmonia = Harmonia::new(ports, definitions, keys.clone(), Arc::new(settings));
        let app = App { harmonia, visibility: mailbox.clone() };
        Ok(Self { cloud: Cloud { app, mailbox, clock: clock.clone(), audit: None }, tables, objects, clock, web, keys })
    }

    async fn take(&self, number: usize, action: &Action) -> Result<(), ReplayError> {
        match action {
            Action::Import { feed, data, source } => {
                let bytes = STANDARD.decode(data).map_err(|_| ReplayError::Base64 { step: number })?;
                self.import(&feed.parse()?, &bytes, source.as_deref()).await
            }
            Action::RetryExports => Ok(self.fire(json!({ "v": 1, "k": "retries" })).await?),
            Action::BatchExport { agent } => Ok(self.fire(json!({ "v": 1, "k": "batch", "merchant": agent })).await?),
            Action::Unmatched { agent } => {
                Ok(self.fire(json!({ "v": 1, "k": "unmatched", "merchant": agent })).await?)
            }
        }
    }

    async fn fire(&self, input: Value) -> Result<(), CloudError> {
        Ok(self.cloud.fire(input).await.map(drop)?)
    }

    async fn import(&self, feed: &Feed, bytes: &[u8], source: Option<&str>) -> Result<(), ReplayError> {
        let name = source.unwrap_or("unnamed");
        deliver(&self.cloud, &self.objects, feed, name, bytes).await.map_err(CloudError::from)?;
        Ok(())
    }
}

/// The merchants' secrets; `bpl-*` is every merchant whose name begins so.
fn secrets(surroundings: &Surroundings, definitions: &Definitions) -> BTreeMap<Slug, Value> {
    let of = |merchant: &Slug| {
        let fits = |name: &str| match name.strip_suffix('*') {
            Some(start) => merchant.as_str().starts_with(start),
            None => merchant.as_str() == name,
        };
        surroundings.secrets.iter().find(|(name, _)| fits(name)).map(|(_, secret)| secret.clone())
    };
    definitions.iter().filter_map(|d| Some((d.merchant.clone(), of(&d.merchant)?))).collect()
}

/// The shipped definitions with what the case configures (spec match §9, §13.1).
fn configured(settings: &BTreeMap<String, String>) -> Result<Definitions, FoundError> {
    let mut definitions = Definitions::shipped()?;
    let (mut base_urls, mut second_urls) = (BTreeMap::new(), BTreeMap::new());
    let told: Vec<Definition> = definitions.iter().filter(|d| d.export.is_some()).cloned().collect();
    for definition in told {
        let merchant = definition.merchant.clone();
        let url = |name: &str| settings.get(&format!("exports.agents.{merchant}.{name}")).cloned();
        base_urls.extend(url("base_url").map(|url| (merchant.clone(), url)));
        let second = url("auth_url").or_else(|| url("failover_url"));
        second_urls.extend(second.map(|url| (merchant.clone(), url)));
        definitions = definitions.with(with_numbers(definition, settings));
    }
    Ok(definitions.addressed(&base_urls, &second_urls)?)
}

fn with_numbers(mut definition: Definition, settings: &BTreeMap<String, String>) -> Definition {
    let merchant = definition.merchant.to_string();
    let Some(export) = &mut definition.export else { return definition };
    let text = |name: &str| settings.get(&format!("exports.agents.{merchant}.{name}"));
    let number = |name: &str| text(name).and_then(|text| text.parse::<u32>().ok());
    let size = settings.get(&format!("agents.exports.{merchant}.batch_size")).and_then(|s| s.parse().ok());
    if let (Some(plan), Some(size)) = (&mut export.batch, size) {
        plan.size = size;
    }
    if let Some(delay) = number("delay_seconds") {
        export.first = Some(FirstAttempt::AfterPurchaseS(delay));
    }
    let rate = number("default_point_conversion_rate");
    match &mut export.protocol {
        Protocol::TgiFridays(fridays) => fridays.points_per_major = rate.unwrap_or(fridays.points_per_major),
        Protocol::TheWorks(works) => {
            works.points_per_major = rate.unwrap_or(works.points_per_major);
            let day = |name: &str| text(name).and_then(|text| text.get(..10)?.parse().ok());
            if let (Some(from), Some(to)) = (day("promotion_start"), day("promotion_end")) {
                let points_per_major = number("promo_point_conversion_rate").unwrap_or(PROMOTION_POINTS);
                let zone = "Europe/London".to_owned();
                works.promotion = Some(Promotion { points_per_major, from, to, zone });
            }
        }
        _ => {}
    }
    definition
}
