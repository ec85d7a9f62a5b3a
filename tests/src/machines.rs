//! What state machines do, by their events: asked twice, a step says the same; an execution that has died is followed
//! by another; a run goes on with the batches that it listed. The machines' own definitions are carried out by
//! `template::rights` and, as deployed, by `tests/deployed`.

use crate::{
    large,
    sample::{AT, cloud, iceland, iceland_header, link, onboard, visa},
};
use async_trait::async_trait;
use harmonia_domain::{
    export::ExportState,
    file::{FileState, ROUNDS_MAX},
};
use harmonia_local::memory_cloud::MemoryCloud;
use harmonia_metrics::Metric;
use harmonia_ports::{Bucket, Clock, Execution, MachineError, Machines, Objects};
use harmonia_state::file_key;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

/// Executions that have been started, each name once.
#[derive(Default)]
pub(crate) struct Started {
    names: Mutex<BTreeSet<String>>,
    pub(crate) waiting: Mutex<Vec<Execution>>,
}

impl Started {
    /// The only one that waits to be carried out.
    fn one(&self) -> Execution {
        let mut waiting = self.waiting.lock().unwrap();
        assert_eq!(waiting.len(), 1, "{waiting:?}");
        waiting.remove(0)
    }
}

#[async_trait]
impl Machines for Started {
    async fn ensure(&self, execution: &Execution) -> Result<(), MachineError> {
        if self.names.lock().unwrap().insert(execution.name()) {
            self.waiting.lock().unwrap().push(execution.clone());
        }
        Ok(())
    }

    fn run(&self) -> bool {
        true
    }
}

async fn with_machines() -> (MemoryCloud, Arc<Started>) {
    let (mut cloud, started) = (cloud(1, 0).await, Arc::<Started>::default());
    cloud.cloud.app.harmonia.ports.machines = started.clone();
    (cloud, started)
}

async fn fire(cloud: &MemoryCloud, event: &Value) -> Value {
    cloud.cloud.fire(event.clone()).await.unwrap()
}

/// What a sweep tells of files that are stuck.
async fn stuck_by_sweep(cloud: &MemoryCloud) -> Vec<u64> {
    let tally = cloud.cloud.app.harmonia.tally();
    tally.take();
    fire(cloud, &json!({ "v": 1, "k": "sweep" })).await;
    tally.take().into_iter().filter(|noted| noted.metric == Metric::FilesStuck).flat_map(|noted| noted.values).collect()
}

/// Serves the queues; time stands still, and no clock fires.
async fn serve(cloud: &MemoryCloud) {
    while cloud.cloud.round().await.unwrap() > 0 {}
}

async fn numbers(cloud: &MemoryCloud, round: &Value) -> Vec<u64> {
    assert_eq!(round["next"], "ranges");
    let listed = cloud.objects.get(Bucket::Work, round["object"].as_str().unwrap(), None).await.unwrap();
    let listed: Vec<Value> = serde_json::from_slice(&listed).unwrap();
    listed.iter().map(|item| item["number"].as_u64().unwrap()).collect()
}

async fn range(cloud: &MemoryCloud, round: &Value, number: u64) {
    let event = json!({ "v": 1, "k": "range", "t": "x", "file": round["file"], "number": number });
    assert_eq!(fire(cloud, &event).await, json!({ "number": number }));
}

/// A file of two ranges, and the first event of its execution.
async fn large_file(cloud: &MemoryCloud, started: &Started) -> Value {
    cloud.deliver(&"iceland-bonus-card".parse().unwrap(), "large.csv", large::text().as_bytes()).await.unwrap();
    serve(cloud).await;
    started.one().event()
}

/// Design §4: the first round has all ranges, three more what is missing, then the file is stuck. A person tries again,
/// in another execution; the first one has nothing to say any more.
#[tokio::test]
async fn a_file_is_imported_in_rounds() {
    let (cloud, started) = with_machines().await;
    let mut event = large_file(&cloud, &started).await;
    let first = event.clone();
    for round in 0..=ROUNDS_MAX {
        let answer = fire(&cloud, &event).await;
        assert_eq!(numbers(&cloud, &answer).await, if round == 0 { vec![0, 1] } else { vec![1] });
        assert_eq!(fire(&cloud, &event).await, answer, "asked again, it says the same");
        assert_eq!(answer["pause_s"] == 0, round == 0, "what keeps ranges from finishing may pass");
        if round == 0 {
            range(&cloud, &answer, 0).await;
        }
        event = answer;
    }
    for _ in 0..2 {
        assert_eq!(fire(&cloud, &event).await["next"], "stuck");
    }
    for _ in 0..2 {
        assert_eq!(stuck_by_sweep(&cloud).await, [1], "as long as it stands");
    }
    assert!(started.waiting.lock().unwrap().is_empty(), "a stuck file waits for a person");
    let harmonia = &cloud.cloud.app.harmonia;
    let file = harmonia.open_files().await.unwrap().remove(0).row;
    assert_eq!(file.state, FileState::Stuck);
    harmonia.retry_file(&file_key(&file.feed, file.arrived, &file.id)).await.unwrap();
    let again = started.one();
    assert_eq!(again.name(), format!("import-{}-g2", file.id));
    assert_eq!(fire(&cloud, &first).await["next"], "done");
    let answer = fire(&cloud, &again.event()).await;
    assert_eq!(numbers(&cloud, &answer).await, [1]);
    range(&cloud, &answer, 1).await;
    assert_eq!(fire(&cloud, &answer).await["next"], "done");
    assert_eq!(stuck_by_sweep(&cloud).await, [0]);
    serve(&cloud).await;
    large::check(&cloud.rows().unwrap());
}

/// The announcement of a file comes twice; an execution that has begun no round for hours is followed by another, which
/// does not begin anew; after as many rounds the file is stuck.
#[tokio::test]
async fn an_execution_that_has_died_is_followed_by_another() {
    let (cloud, started) = with_machines().await;
    let event = large_file(&cloud, &started).await;
    let sweep = json!({ "v": 1, "k": "sweep", "book": false });
    fire(&cloud, &sweep).await;
    assert!(started.waiting.lock().unwrap().is_empty());
    for round in 1..=ROUNDS_MAX {
        cloud.clock.set(cloud.clock.now() + SignedDuration::from_hours(7));
        fire(&cloud, &sweep).await;
        let Execution::Round(rounds) = started.one() else { panic!() };
        assert_eq!((rounds.generation, rounds.round), (round + 1, round));
    }
    assert_eq!(fire(&cloud, &event).await["next"], "done", "the one that was given up");
    cloud.clock.set(cloud.clock.now() + SignedDuration::from_hours(7));
    fire(&cloud, &sweep).await;
    assert!(started.waiting.lock().unwrap().is_empty());
    let open = cloud.cloud.app.harmonia.open_files().await.unwrap();
    assert_eq!(open.iter().map(|file| &file.row.state).collect::<Vec<_>>(), [&FileState::Stuck]);
}

/// Two payments of a member at Iceland, matched: they wait for a batch.
async fn collected(cloud: &mut MemoryCloud) {
    onboard(cloud).await;
    link(cloud).await;
    let rows = [iceland("S1", "111111", "25.00"), iceland("S2", "222222", "26.00")];
    let file = format!("{}\n{}\n", iceland_header(), rows.join("\n"));
    cloud.deliver(&"iceland-bonus-card".parse().unwrap(), "a.csv", file.as_bytes()).await.unwrap();
    for (id, amount, code) in [("V1", "25.00", "111111"), ("V2", "26.00", "222222")] {
        cloud.deliver(&"visa-auth".parse().unwrap(), "m", &visa(id, false, AT, amount, code)).await.unwrap();
    }
    serve(cloud).await;
    let waiting = cloud.rows().unwrap().exports;
    assert_eq!(waiting.iter().filter(|x| x.state == ExportState::Collecting).count(), 2);
}

/// D9, and one execution a minute: a run that has nothing to tell costs none; a step that is repeated goes on with the
/// list that was made first, and tells nothing twice.
#[tokio::test]
async fn a_batch_run_goes_on_with_its_list() {
    let (mut cloud, started) = with_machines().await;
    let tick = json!({ "v": 1, "k": "tick" });
    fire(&cloud, &tick).await;
    assert!(started.waiting.lock().unwrap().is_empty(), "nothing to tell");
    collected(&mut cloud).await;
    fire(&cloud, &tick).await;
    fire(&cloud, &tick).await;
    let event = started.one().event();
    let answer = fire(&cloud, &event).await;
    assert_eq!((&answer["more"], &answer["at"], &answer["failed"]), (&json!(false), &json!(1), &json!(0)));
    let told = cloud.rows().unwrap().exports;
    assert!(told.iter().all(|x| matches!(x.state, ExportState::Delivered { .. })), "{told:?}");
    assert_eq!(fire(&cloud, &event).await, answer);
    assert_eq!(cloud.rows().unwrap().exports, told);
    assert_eq!(fire(&cloud, &answer).await["at"], 1, "there is no second batch");
    let runs = cloud.objects.keys(Bucket::Archive).into_iter().filter(|key| key.contains("/run-")).count();
    assert_eq!(runs, 1);
}
