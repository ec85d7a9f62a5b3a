use super::*;
use crate::durable::contract::{self, start};
use harmonia_ports::memory::SetClock;
use std::{collections::BTreeSet, thread};

fn open(path: &Path) -> DurableQueues {
    DurableQueues::open(path, Arc::new(SetClock::new(start())), Durability::PowerCut).unwrap()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

async fn receive(queues: &DurableQueues, max: usize) -> Vec<Received> {
    queues.receive("match", max, Sight::At(start(), 30), 3).await.unwrap()
}

#[tokio::test]
async fn the_file_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let next = std::cell::Cell::new(0);
    contract::all(|clock| {
        next.set(next.get() + 1);
        Arc::new(
            DurableQueues::open(&dir.path().join(format!("{}.sqlite", next.get())), clock, Durability::Kill).unwrap(),
        )
    })
    .await;
}

/// Two handles are two connections, as two processes have.
#[test]
fn two_handles_share_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queues.sqlite");
    let senders = (0..2).map(|s| {
        let path = path.clone();
        thread::spawn(move || {
            let queues = open(&path);
            block_on(async {
                for n in 0..100 {
                    queues.post("match", format!("{s}.{n}"), start()).await.unwrap();
                }
            });
        })
    });
    let senders: Vec<_> = senders.collect();
    let readers = (0..2).map(|_| {
        let path = path.clone();
        thread::spawn(move || {
            let queues = open(&path);
            let mut got = Vec::new();
            // stops as soon as the senders have had their time; the rest is received below
            block_on(async {
                for _ in 0..200 {
                    got.extend(receive(&queues, 1).await);
                }
            });
            got
        })
    });
    let readers: Vec<_> = readers.collect();
    for sender in senders {
        sender.join().unwrap();
    }
    let mut got: Vec<Received> = readers.into_iter().flat_map(|r| r.join().unwrap()).collect();
    let queues = open(&path);
    got.extend(block_on(receive(&queues, 200)));
    let bodies: BTreeSet<&str> = got.iter().map(|m| m.body.as_str()).collect();
    let ids: BTreeSet<&str> = got.iter().map(|m| m.id.as_str()).collect();
    assert_eq!((got.len(), bodies.len(), ids.len()), (200, 200, 200), "each message once, hidden from the other");
}

/// A handle that is gone without a word leaves everything as it was: bodies, counts, what is hidden.
#[tokio::test]
async fn reopening_finds_everything() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queues.sqlite");
    let first = open(&path);
    let id = first.post("match", "£ \u{1f600} \0".into(), start()).await.unwrap();
    first.post("match", "second".into(), start()).await.unwrap();
    let received = receive(&first, 1).await.remove(0);
    drop(first);

    let second = open(&path);
    assert_eq!(receive(&second, 9).await.len(), 1, "the first is still hidden");
    second.hide("arn:x:match", &received.receipt, 0).await.unwrap();
    let again = receive(&second, 9).await.remove(0);
    assert_eq!((again.id, again.body, again.receives), (id, "£ \u{1f600} \0".to_owned(), 2));
    second.delete("match", &again.receipt).await.unwrap();
    drop(second);

    let third = open(&path);
    let new = third.post("match", "third".into(), start()).await.unwrap();
    assert_eq!(new, "match-3", "numbers are not used again");
    assert_eq!(third.count("match").await.unwrap(), 2);
}

#[test]
fn a_file_of_another_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queues.sqlite");
    drop(open(&path));
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let refused = DurableQueues::open(&path, Arc::new(SetClock::new(start())), Durability::PowerCut);
    assert!(refused.is_err_and(|e| e.why.contains("version 7")));
    assert!(
        DurableQueues::open(dir.path(), Arc::new(SetClock::new(start())), Durability::PowerCut).is_err(),
        "a folder is no file"
    );
}
