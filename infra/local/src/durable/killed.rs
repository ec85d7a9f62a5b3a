//! `kill -9` in the middle of writing: a child process writes to the tables, the queues and the objects and tells of
//! each answer; it is killed; whatever it told of has to be there.

use super::{
    Durability,
    objects::FolderObjects,
    queues::DurableQueues,
    tables::{EmbeddedDynamo, dump},
};
use crate::mailbox::{Mailbox, Sight};
use harmonia_ports::{Bucket, Expect, Item, Key, Objects, Stamp, Table, Tables, Write, memory::SetClock};
use jiff::Timestamp;
use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

const FOLDER: &str = "HARMONIA_TEST_KILLED_FOLDER";
const TOLD: &str = "answered ";

struct Parts {
    dynamo: EmbeddedDynamo,
    queues: DurableQueues,
    objects: FolderObjects,
}

async fn open(folder: &Path) -> Parts {
    let clock = Arc::new(SetClock::new(Timestamp::UNIX_EPOCH));
    Parts {
        dynamo: EmbeddedDynamo::open(&folder.join("tables.sqlite"), Durability::Kill).await.unwrap(),
        queues: DurableQueues::open(&folder.join("queues.sqlite"), clock, Durability::Kill).unwrap(),
        objects: FolderObjects::open(folder).unwrap(),
    }
}

/// Writes until it is killed; a test that runs away would end after some seconds.
async fn write(parts: &Parts) {
    let stamp = Stamp { by: "test".into(), on: Timestamp::UNIX_EPOCH };
    for n in 0..20_000 {
        let name = format!("{n:05}");
        let item = |pk: &str| Item {
            key: Key::new(pk, &name),
            version: 1,
            stamp: stamp.clone(),
            work: None,
            ttl: None,
            body: serde_json::Map::new(),
        };
        let put = |pk| Write::Put { table: Table::Ledger, item: item(pk), expect: Expect::Absent };
        parts.dynamo.tables().transact(vec![put("a"), put("b")]).await.unwrap();
        parts.queues.post("match", name.clone(), Timestamp::UNIX_EPOCH).await.unwrap();
        parts.objects.put_new(Bucket::Archive, &name, name.clone().into_bytes()).await.unwrap();
        println!("{TOLD}{name}");
    }
}

#[tokio::test]
async fn what_was_answered_survives_kill_9() {
    if let Ok(folder) = env::var(FOLDER) {
        return write(&open(Path::new(&folder)).await).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "durable::killed::what_was_answered_survives_kill_9", "--nocapture"])
        .env(FOLDER, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = BTreeSet::new();
    for line in lines.map_while(Result::ok) {
        // the first one stands behind the test's own name
        let Some((_, name)) = line.split_once(TOLD) else { continue };
        told.insert(name.to_owned());
        if told.len() == 100 {
            // SIGKILL; what it told before it died is still in the pipe
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(told.len() >= 100, "{}", told.len());

    let parts = open(dir.path()).await;
    let items = dump(&parts.dynamo.tables(), Table::Ledger).await.unwrap();
    let of = |pk: &str| items.iter().filter(|i| i.key.pk == pk).map(|i| i.key.sk.clone()).collect::<BTreeSet<_>>();
    assert_eq!(of("a"), of("b"), "all of a transaction or nothing");
    assert!(told.is_subset(&of("a")), "{} answered, {} found", told.len(), of("a").len());
    let messages = parts.queues.receive("match", usize::MAX, Sight::All, 9).await.unwrap();
    let bodies: BTreeSet<String> = messages.into_iter().map(|m| m.body).collect();
    assert!(told.is_subset(&bodies), "{} answered, {} found", told.len(), bodies.len());
    for name in &told {
        assert_eq!(parts.objects.get(Bucket::Archive, name, None).await.unwrap(), name.as_bytes());
    }
}
