//! Ports with something around every call: what the kill test counts and where the simulation lets other work run.

use async_trait::async_trait;
use harmonia_ports::{
    Bucket, Call, Execution, ExportSecrets, Item, Key, MachineError, Machines, ObjectError, ObjectInfo, Objects,
    OutMessage, Page, Ports, Put, Query, Queue, QueueError, Queues, Read, Secrets, SecretsError, StoreError, Table,
    Tables, Web, WebAnswer, WorkPage, Write, WriteError,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// What kind of call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It changes nothing.
    Read,
    /// It changes something here.
    Write,
    /// It changes several things here at once.
    Transact,
    /// It leaves this machine.
    Web,
}

/// What happens around every call.
#[async_trait]
pub trait Around: Send + Sync {
    /// Before the call.
    async fn before(&self, kind: Kind);
    /// When its answer is there.
    async fn after(&self, _kind: Kind) {}
}

struct Wrapped<T: ?Sized> {
    inner: Arc<T>,
    around: Arc<dyn Around>,
}

/// The same ports with something around every call.
pub fn around(ports: Ports, around: &Arc<dyn Around>) -> Ports {
    let around = || Arc::clone(around);
    Ports {
        tables: Arc::new(Wrapped { inner: ports.tables, around: around() }),
        objects: Arc::new(Wrapped { inner: ports.objects, around: around() }),
        queues: Arc::new(Wrapped { inner: ports.queues, around: around() }),
        web: Arc::new(Wrapped { inner: ports.web, around: around() }),
        machines: Arc::new(Wrapped { inner: ports.machines, around: around() }),
        secrets: Arc::new(Wrapped { inner: ports.secrets, around: around() }),
        clock: ports.clock,
    }
}

/// Lets other work run before each call, by seed: handlers of one round interleave at every await.
pub struct Interleave(AtomicU64);

impl Interleave {
    /// Interleaving of a seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

#[async_trait]
impl Around for Interleave {
    async fn before(&self, _kind: Kind) {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        for _ in 0..(mixed >> 60) % 4 {
            tokio::task::yield_now().await;
        }
    }
}

impl<T: ?Sized> Wrapped<T> {
    async fn call<A>(&self, kind: Kind, call: impl Future<Output = A>) -> A {
        self.around.before(kind).await;
        let answer = call.await;
        self.around.after(kind).await;
        answer
    }
}

#[async_trait]
impl Tables for Wrapped<dyn Tables> {
    async fn get(&self, table: Table, key: &Key, read: Read) -> Result<Option<Item>, StoreError> {
        self.call(Kind::Read, self.inner.get(table, key, read)).await
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        self.call(Kind::Read, self.inner.query(query)).await
    }

    async fn work(&self, table: Table, wk: &str, to: &str, limit: usize) -> Result<WorkPage, StoreError> {
        self.call(Kind::Read, self.inner.work(table, wk, to, limit)).await
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        self.call(Kind::Write, self.inner.write(write)).await
    }

    async fn transact(&self, writes: Vec<Write>) -> Result<(), WriteError> {
        self.call(Kind::Transact, self.inner.transact(writes)).await
    }

    async fn put_all(&self, table: Table, items: Vec<Item>) -> Result<(), StoreError> {
        self.call(Kind::Write, self.inner.put_all(table, items)).await
    }

    async fn delete(&self, table: Table, key: &Key) -> Result<(), StoreError> {
        self.call(Kind::Write, self.inner.delete(table, key)).await
    }
}

#[async_trait]
impl Objects for Wrapped<dyn Objects> {
    async fn head(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<ObjectInfo, ObjectError> {
        self.call(Kind::Read, self.inner.head(bucket, key, version)).await
    }

    async fn get(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<Vec<u8>, ObjectError> {
        self.call(Kind::Read, self.inner.get(bucket, key, version)).await
    }

    async fn get_part(
        &self,
        bucket: Bucket,
        key: &str,
        version: &str,
        from: u64,
        to: u64,
    ) -> Result<Vec<u8>, ObjectError> {
        self.call(Kind::Read, self.inner.get_part(bucket, key, version, from, to)).await
    }

    async fn copy_new(&self, from: (Bucket, &str, &str), to: (Bucket, &str)) -> Result<Put, ObjectError> {
        self.call(Kind::Write, self.inner.copy_new(from, to)).await
    }

    async fn put_new(&self, bucket: Bucket, key: &str, bytes: Vec<u8>) -> Result<Put, ObjectError> {
        self.call(Kind::Write, self.inner.put_new(bucket, key, bytes)).await
    }
}

#[async_trait]
impl Queues for Wrapped<dyn Queues> {
    async fn send(&self, queue: Queue, messages: Vec<OutMessage>) -> Result<(), QueueError> {
        self.call(Kind::Write, self.inner.send(queue, messages)).await
    }
}

#[async_trait]
impl Web for Wrapped<dyn Web> {
    async fn send(&self, call: Call) -> WebAnswer {
        self.call(Kind::Web, self.inner.send(call)).await
    }
}

#[async_trait]
impl Machines for Wrapped<dyn Machines> {
    async fn ensure(&self, execution: &Execution) -> Result<(), MachineError> {
        self.call(Kind::Write, self.inner.ensure(execution)).await
    }

    fn run(&self) -> bool {
        self.inner.run()
    }
}

#[async_trait]
impl Secrets for Wrapped<dyn Secrets> {
    async fn current(&self, fresh: bool) -> Result<Arc<ExportSecrets>, SecretsError> {
        self.call(Kind::Read, self.inner.current(fresh)).await
    }
}
