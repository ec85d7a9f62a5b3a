//! A deployed stack: what partners do to it, and a look at everything that is in it. Only for a stack whose tables may
//! be read as a whole; no function may.

use crate::Failure;
use harmonia_aws::{DynamoTables, deployed::Clients};
use harmonia_domain::{
    export::ExportState,
    feed::{Feed, Transport},
    file::FileState,
};
use harmonia_gen::Day;
use harmonia_local::{
    audit::{Checked, check, settled},
    durable::tables::dump,
    local::{Verified, all_items, rows},
    state::Rows,
};
use harmonia_ports::{Item, ObjectError, Objects, Table};
use harmonia_runtime::{App, SystemClock, deployed};
use jiff::civil::Date;
use std::{
    collections::{BTreeSet, HashSet},
    time::{Duration, Instant},
};

/// How often a stack is looked at while it works.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// So many looks in a row have to find nothing: between two queues a message is in neither.
const QUIET_LOOKS: usize = 3;
/// Looks at the audit log before what is missing there is missing: the streams are read every few seconds.
const AUDIT_LOOKS_MAX: usize = 40;

/// A deployed stack.
pub(crate) struct Stack {
    pub(crate) app: App,
    clients: Clients,
    tables: DynamoTables,
    /// What the names of its queues begin with.
    prefix: String,
}

impl Stack {
    /// The stack that the functions' variables, which are this process's, describe.
    pub(crate) async fn open(environment: &str) -> Result<Self, Failure> {
        let config = Box::pin(deployed::by_hand()).await;
        let (clients, tables) = (Clients::new(&config), deployed::tables(&config)?);
        let prefix = format!("harmonia-{environment}-");
        Ok(Self { app: Box::pin(deployed::app()).await?, clients, tables, prefix })
    }

    /// Delivers the day at once, as far as partners may: a file with the bytes of an earlier one, and a message that
    /// is sent again, come when the first has been worked on. Returns how many things were delivered.
    pub(crate) async fn deliver(&self, day: &Day, within: Duration) -> Result<usize, Failure> {
        let mut seen = HashSet::new();
        let (first, again): (Vec<_>, Vec<_>) =
            day.drops.iter().partition(|drop| seen.insert((drop.feed.as_str(), drop.bytes.as_slice())));
        for drop in &first {
            self.one(&drop.feed.parse()?, &drop.name, &drop.bytes).await?;
        }
        self.until_imported(within).await?;
        for drop in &again {
            self.one(&drop.feed.parse()?, &drop.name, &drop.bytes).await?;
        }
        Ok(first.len() + again.len())
    }

    async fn one(&self, feed: &Feed, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        match self.app.harmonia.definitions.transport(feed) {
            Transport::File => {
                let bucket = std::env::var("HARMONIA_BUCKET_IMPORTS")?;
                let put = self.clients.s3.put_object().bucket(bucket).key(format!("imports/{feed}/{name}"));
                put.body(bytes.to_vec().into()).send().await.map_err(|e| format!("{feed}/{name}: {e:?}"))?;
            }
            Transport::Message => {
                let body = std::str::from_utf8(bytes)?;
                let queue = self.queue(&format!("feed-{feed}")).await?;
                let sent = self.clients.sqs.send_message().queue_url(queue).message_body(body).send().await;
                sent.map_err(|e| format!("{feed}: {e:?}"))?;
            }
        }
        Ok(())
    }

    async fn queue(&self, name: &str) -> Result<String, Failure> {
        let name = format!("{}{name}", self.prefix);
        let found = self.clients.sqs.get_queue_url().queue_name(&name).send().await;
        let found = found.map_err(|e| format!("queue {name}: {e:?}"))?;
        found.queue_url.ok_or_else(|| format!("queue {name} has no URL").into())
    }

    /// Messages in all queues, dead letters included: names and numbers of those that are not empty.
    async fn waiting(&self) -> Result<Vec<String>, Failure> {
        let listed = self.clients.sqs.list_queues().queue_name_prefix(&self.prefix).send().await;
        let urls = listed.map_err(|e| format!("queues: {e:?}"))?.queue_urls.unwrap_or_default();
        if urls.is_empty() {
            return Err(format!("no queue begins with {}", self.prefix).into());
        }
        let mut waiting = Vec::new();
        for url in urls {
            let asked = self.clients.sqs.get_queue_attributes().queue_url(&url).attribute_names("All".into());
            let answer = asked.send().await.map_err(|e| format!("{url}: {e:?}"))?;
            let attributes = answer.attributes.unwrap_or_default();
            let numbers = attributes.iter().filter(|(name, _)| name.as_str().starts_with("ApproximateNumberOf"));
            let count: u64 = numbers.filter_map(|(_, number)| number.parse::<u64>().ok()).sum();
            if count > 0 {
                waiting.push(format!("{count} in {}", url.rsplit('/').next().unwrap_or(&url)));
            }
        }
        Ok(waiting)
    }

    async fn until_imported(&self, within: Duration) -> Result<(), Failure> {
        let began = Instant::now();
        let doors = [format!("{}feed-", self.prefix), format!("{}import-", self.prefix)];
        loop {
            let waiting = self.waiting().await?;
            let at_door = waiting.iter().any(|w| doors.iter().any(|door| w.contains(door)));
            if !at_door && open_files(&self.ledger().await?).is_empty() {
                return Ok(());
            }
            if began.elapsed() > within {
                return Err(format!("not imported after {} s: {}", within.as_secs(), waiting.join(", ")).into());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until every queue is empty, every file is closed, and every export has been told or given up.
    pub(crate) async fn until_rest(&self, within: Duration) -> Result<(), Failure> {
        let (began, mut quiet) = (Instant::now(), 0);
        loop {
            let mut left = self.waiting().await?;
            if left.is_empty() {
                let rows = self.ledger().await?;
                left = open_files(&rows);
                left.extend(open_exports(&rows));
            }
            quiet = if left.is_empty() { quiet + 1 } else { 0 };
            if quiet == QUIET_LOOKS {
                return Ok(());
            }
            if began.elapsed() > within {
                return Err(format!("not at rest after {} s: {}", within.as_secs(), left.join(", ")).into());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Files and exports.
    async fn ledger(&self) -> Result<Rows, Failure> {
        Ok(Rows::from_items(dump(&self.tables, Table::Ledger).await?)?)
    }

    /// Every item, with its table.
    pub(crate) async fn items(&self) -> Result<Vec<(Table, Item)>, Failure> {
        Ok(all_items(&self.tables).await?)
    }

    /// Everything that the audit log says.
    pub(crate) async fn audit_texts(&self) -> Result<Vec<String>, Failure> {
        let entries = harmonia_audit::entries(self.app.harmonia.ports.objects.as_ref()).await?;
        Ok(entries.iter().map(serde_json::to_string).collect::<Result<_, _>>()?)
    }

    /// The audit log against itself and against items, once the streams have been read.
    pub(crate) async fn audited(&self, items: &[(Table, Item)]) -> Result<Checked, Failure> {
        let objects = self.app.harmonia.ports.objects.as_ref();
        Ok(audited(objects, None, items).await?)
    }
}

async fn audited(objects: &dyn Objects, from: Option<Date>, items: &[(Table, Item)]) -> Result<Checked, ObjectError> {
    let look = async || check(objects, &SystemClock, from, items, &BTreeSet::new()).await;
    settled((AUDIT_LOOKS_MAX, LOOK_AGAIN), look).await
}

/// Every row of the stack that this process's environment describes.
pub(crate) async fn rows_of_stack() -> Result<Rows, Failure> {
    let config = Box::pin(deployed::by_hand()).await;
    Ok(rows(all_items(&deployed::tables(&config)?).await?)?)
}

/// Its audit log, and its rows unless only the log is asked for. A stack is never known to be at rest.
pub(crate) async fn verified_stack(from: Option<Date>, log_only: bool) -> Result<Verified, Failure> {
    let config = Box::pin(deployed::by_hand()).await;
    let items = if log_only { Vec::new() } else { all_items(&deployed::tables(&config)?).await? };
    let audit = audited(&deployed::objects(&config), from, &items).await?;
    Ok(Verified { rows: rows(items)?, audit, running: true, waiting: 0, at_rest: false })
}

fn open_files(rows: &Rows) -> Vec<String> {
    let open = rows.files.iter().filter(|file| match file.state {
        FileState::Importing | FileState::Stuck => true,
        FileState::Closed { forwarded } => !forwarded,
        FileState::Repeated { .. } | FileState::Unreadable { .. } => false,
    });
    open.map(|file| format!("file {}", file.object)).collect()
}

fn open_exports(rows: &Rows) -> Vec<String> {
    let open = rows.exports.iter().filter(|export| match export.state {
        ExportState::Ready
        | ExportState::Collecting
        | ExportState::Batched { .. }
        | ExportState::Waiting { .. }
        | ExportState::Attempting { .. } => true,
        ExportState::Held
        | ExportState::Delivered { .. }
        | ExportState::Failed { .. }
        | ExportState::Skipped { .. }
        | ExportState::Unconfirmed { .. }
        | ExportState::Reversed { .. } => false,
    });
    open.map(|export| format!("{} export of {}", export.state.name(), export.merchant)).collect()
}
