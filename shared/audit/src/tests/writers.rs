//! Invariant 8 under every interleaving: no entry is lost, whoever crashes where.

use super::{checked, entry, evening};
use crate::{Entry, Log, SEGMENT_ENTRIES_MAX};
use async_trait::async_trait;
use futures::{executor::block_on, future::LocalBoxFuture, task::noop_waker_ref};
use harmonia_ports::{
    Bucket, Clock, ObjectError, ObjectInfo, Objects, Put,
    memory::{MemoryObjects, SetClock},
};
use jiff::SignedDuration;
use proptest::prelude::*;
use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

/// Waits for its turn before and after every call; the answers of some puts get lost.
struct Turns {
    inner: Arc<MemoryObjects>,
    lost: Mutex<Vec<bool>>,
}

/// Ready when it is polled again.
async fn turn() {
    let mut waited = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

#[async_trait]
impl Objects for Turns {
    async fn head(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<ObjectInfo, ObjectError> {
        turn().await;
        self.inner.head(bucket, key, version).await
    }

    async fn get(&self, bucket: Bucket, key: &str, version: Option<&str>) -> Result<Vec<u8>, ObjectError> {
        turn().await;
        self.inner.get(bucket, key, version).await
    }

    async fn get_part(&self, _: Bucket, _: &str, _: &str, _: u64, _: u64) -> Result<Vec<u8>, ObjectError> {
        panic!("the log reads whole objects")
    }

    async fn copy_new(&self, _: (Bucket, &str, &str), _: (Bucket, &str)) -> Result<Put, ObjectError> {
        panic!("the log copies nothing")
    }

    async fn put_new(&self, bucket: Bucket, key: &str, bytes: Vec<u8>) -> Result<Put, ObjectError> {
        turn().await;
        let put = self.inner.put_new(bucket, key, bytes).await;
        turn().await;
        if self.lost.lock().unwrap().pop() == Some(true) {
            return Err(ObjectError::Unavailable { key: key.to_owned(), why: "the answer was lost".into() });
        }
        put
    }
}

struct Writer {
    objects: Arc<Turns>,
    clock: Arc<SetClock>,
    batches: Vec<Vec<Entry>>,
    done: Arc<Mutex<usize>>,
}

impl Writer {
    /// As a process that gets the same batches again from where it has acknowledged.
    fn start(&self) -> LocalBoxFuture<'static, ()> {
        let log = Log::new(self.objects.clone(), self.clock.clone());
        let (clock, batches, done) = (self.clock.clone(), self.batches.clone(), self.done.clone());
        Box::pin(async move {
            let first = *done.lock().unwrap();
            for batch in batches.iter().skip(first) {
                while log.append(batch).await.is_err() {}
                *done.lock().unwrap() += 1;
                clock.set(clock.now() + SignedDuration::from_mins(25));
            }
        })
    }
}

/// Runs two writers, whose clocks differ, in the order that `schedule` says: (who, does it crash now).
fn run(schedule: &[(bool, bool)], lost: &[bool], skew_mins: i64) -> Arc<MemoryObjects> {
    let inner = Arc::new(MemoryObjects::default());
    let writer = |first: usize, mins: i64| Writer {
        objects: Arc::new(Turns { inner: inner.clone(), lost: Mutex::new(lost.to_vec()) }),
        clock: Arc::new(SetClock::new(evening() + SignedDuration::from_mins(mins))),
        batches: (0..3).map(|b| (0..2).map(|n| entry(first + 2 * b + n)).collect()).collect(),
        done: Arc::default(),
    };
    let writers = [writer(0, 0), writer(6, skew_mins)];
    let mut running = writers.each_ref().map(|w| Some(w.start()));
    let mut cx = Context::from_waker(noop_waker_ref());
    for &(second, crash) in
        schedule.iter().chain(std::iter::repeat_n(&(false, false), 300)).chain(&[(true, false); 300])
    {
        let which = usize::from(second);
        if crash && running[which].is_some() {
            running[which] = Some(writers[which].start());
        }
        let ended = running[which].as_mut().is_some_and(|future| future.as_mut().poll(&mut cx).is_ready());
        if ended {
            running[which] = None;
        }
    }
    assert!(running.iter().all(Option::is_none), "both come to an end");
    inner
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_interleaving_and_no_crash_loses_an_entry(
        schedule in prop::collection::vec((any::<bool>(), prop::bool::weighted(0.05)), 0..120),
        lost in prop::collection::vec(prop::bool::weighted(0.3), 0..8),
        skew in -60_i64..60,
    ) {
        let (report, entries) = checked(&run(&schedule, &lost, skew));
        prop_assert_eq!(report.broken, None);
        let ids: BTreeSet<String> = entries.iter().map(|e| e.id.to_string()).collect();
        let all: BTreeSet<String> = (0..12).map(|n| entry(n).id.to_string()).collect();
        prop_assert_eq!(&ids, &all);
        prop_assert_eq!(usize::try_from(report.repeats).unwrap(), entries.len() - all.len());
    }
}

/// Nothing is repeated where nothing goes wrong, and each day that is over has its seal.
#[test]
fn two_writers_in_peace() {
    let objects = run(&[(false, false), (true, false)].repeat(100), &[], 0);
    let (report, entries) = checked(&objects);
    assert_eq!((report.broken, report.repeats, report.seals, entries.len()), (None, 0, 1, 12));
    assert!(objects.keys(Bucket::Audit).contains(&"audit/seals/2026-11-22.json".to_owned()));
}

/// What does not fit into a segment goes into the next one.
#[test]
fn long_batches_are_cut() {
    let objects = Arc::new(MemoryObjects::default());
    let log = Log::new(objects.clone(), Arc::new(SetClock::new(evening())));
    let many: Vec<Entry> = (0..=2 * SEGMENT_ENTRIES_MAX).map(entry).collect();
    assert_eq!(block_on(log.append(&many)), Ok(3));
    assert_eq!(block_on(log.append(&[])), Ok(0));
    assert_eq!(checked(&objects).1, many);
}

/// A process that knows an old end finds the new one, and one that knows none as well.
#[test]
fn the_end_is_found_from_anywhere() {
    let objects = Arc::new(MemoryObjects::default());
    let clock = Arc::new(SetClock::new(evening()));
    let early = Log::new(objects.clone(), clock.clone());
    block_on(early.append(&[entry(0)])).unwrap();
    for n in 1..40 {
        block_on(Log::new(objects.clone(), clock.clone()).append(&[entry(n)])).unwrap();
    }
    block_on(early.append(&[entry(40)])).unwrap();
    let (report, entries) = checked(&objects);
    assert_eq!((report.broken, report.segments, entries), (None, 41, (0..=40).map(entry).collect()));
}

/// Appending to what somebody has changed is refused: it would cover the traces.
#[test]
fn a_damaged_end_is_not_built_upon() {
    let objects = Arc::new(MemoryObjects::default());
    objects.upload(Bucket::Audit, &crate::segment_key(1), b"{}\n".to_vec());
    let log = Log::new(objects.clone(), Arc::new(SetClock::new(evening())));
    let appending = pin!(log.append(&[]));
    assert_eq!(block_on(appending), Ok(0), "nothing to append, nothing to see");
    assert!(block_on(log.append(&[entry(0)])).is_err_and(|e| e.class() == harmonia_ports::Class::Bug));
}
