//! Running a local cloud: until it is quiet on a clock that jumps, or for ever on the machine's clock.

use crate::{
    cloud::{Cloud, CloudError},
    local::{Local, LocalError},
};
use harmonia_ports::{Class, Clock, memory::SetClock};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::time::Duration;

/// A jumping clock that jumps so often is not getting anywhere: ten years of daily retries.
const JUMPS_MAX: usize = 4_000;
/// As the schedule `sweep` in template.yaml.
const SWEEP_EVERY_MIN: i64 = 5;
/// How often the queues of a running cloud are looked at when they were empty.
const IDLE: Duration = Duration::from_millis(200);

/// Serves all queues until nothing is left to do. Whenever everything waits, the clock jumps to what comes next: a
/// hidden message, or something that a tick takes up. `moved` hears how many records a round served.
pub async fn until_quiet(cloud: &Cloud, clock: &SetClock, moved: &(dyn Fn(usize) + Sync)) -> Result<(), LocalError> {
    for _ in 0..JUMPS_MAX {
        loop {
            let served = cloud.round().await?;
            if served == 0 {
                break;
            }
            moved(served);
        }
        let hidden = cloud.next_visible().await?;
        let due = match cloud.app.harmonia.next_due().await {
            Ok(due) => due,
            // it failed as any call may: look again
            Err(e) if e.class() == Class::Retry => continue,
            Err(e) => return Err(e.into()),
        };
        let Some(next) = [hidden, due].into_iter().flatten().min() else { return Ok(()) };
        clock.set(next.max(clock.now()));
        if due.is_some_and(|due| due <= clock.now()) {
            clock.set(whole_minute(clock.now()));
            if let Err(error) = cloud.tick().await {
                tracing::warn!(%error, "tick failed; the next one takes up what is left");
            }
        }
    }
    Err(CloudError::Stuck.into())
}

/// Ticks come on full minutes.
fn whole_minute(at: Timestamp) -> Timestamp {
    let past = at.as_second().rem_euclid(60);
    let up = if past == 0 && at.subsec_nanosecond() == 0 { 0 } else { 60 - past };
    Timestamp::from_second(at.as_second()).and_then(|t| t.checked_add(SignedDuration::from_secs(up))).unwrap_or(at)
}

/// Serves all queues on the machine's clock, with a tick every minute, until `stop` is ready. Files that appear under
/// the watched folder are dropped by `watch`, which is called about once a second.
pub async fn for_ever(
    local: &Local,
    mut watch: impl AsyncFnMut() -> Result<(), LocalError>,
    stop: impl Future<Output = ()>,
) -> Result<(), LocalError> {
    let mut stop = std::pin::pin!(stop);
    let mut ticked = minute(local.cloud.clock.now());
    let mut watched = std::time::Instant::now();
    loop {
        if local.cloud.round().await? == 0 {
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = tokio::time::sleep(IDLE) => {}
            }
        }
        let now = minute(local.cloud.clock.now());
        if now != ticked {
            ticked = now;
            if let Err(error) = local.cloud.fire(json!({ "v": 1, "k": "tick" })).await {
                tracing::error!(%error, "tick failed; the next one comes in a minute");
            }
            if now % SWEEP_EVERY_MIN == 0
                && let Err(error) = local.cloud.fire(json!({ "v": 1, "k": "sweep" })).await
            {
                tracing::error!(%error, "sweep failed; the next one comes in five minutes");
            }
        }
        if watched.elapsed() >= Duration::from_secs(1) {
            watched = std::time::Instant::now();
            watch().await?;
        }
    }
}

fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}
