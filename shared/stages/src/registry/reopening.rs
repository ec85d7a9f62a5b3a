//! Re-opening from page to page. A call does as much as it has room for; where there are state machines, what is left
//! goes on in an execution of `reopen`, which calls with a position until nothing is left. What the lines wait for
//! stands in an object of the work bucket: the execution carries its name and the position.

use super::reopen::{Change, Freed, Reopened};
use crate::{Harmonia, StageError};
use harmonia_domain::ids::{Id, sha256_hex};
use harmonia_ports::{Bucket, Execution, Query, Reopening, Table};
use harmonia_state::{ParkedLine, WaitsFor};

/// Parked lines read, re-opened and forwarded in one go: one message (state.md: 100 items).
pub(super) const PAGE: usize = 100;
/// Re-opened lines reach the next stage at this pace, by delays on their messages: a fifth of what the user directory
/// is asked by one identify function (8 look-ups under way at about 30 ms).
const LINES_PER_S_MAX: usize = 50;
/// Longest delay of a message (SQS).
const DELAY_S_MAX: u16 = 900;
/// So many lines are re-opened by one call, so that the last of them keep the pace too; then call again.
const REOPENED_MAX: usize = 45_000;
/// So many lines are looked at by one call where a state machine can go on: a line takes some 20 ms, a function has
/// 300 s, and whoever waits for the first call is a person.
const LOOKED_AT_MAX: usize = 1_000;
/// Calls of one execution: its history stays below what it may have, and another execution follows.
pub const REOPEN_ROUNDS_MAX: u32 = 1_000;
/// Before a list is gone through once more, for sales whose file was not closed: a file takes minutes.
const OPEN_FILES_PAUSE_S: u32 = 900;
/// After three hours a file that is still open is a person's matter, and so are its sales.
const PASSES_MAX: u32 = 12;

/// A call of the state machine, and what it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReopenStep {
    /// Where the execution stands.
    pub execution: Reopening,
    /// There is more: call again.
    pub more: bool,
    /// In so many seconds: what has been sent keeps the pace.
    pub pause_s: u32,
    /// What this call did.
    pub done: Reopened,
}

/// Where a passage through a list stands.
#[derive(Default)]
struct Position {
    at: usize,
    after: Option<String>,
}

/// How much one call does.
#[derive(Clone, Copy)]
struct Room {
    freed: usize,
    looked_at: usize,
}

/// Without a state machine the caller begins at the start again, and what waits on would be looked at again.
const BY_CALLER: Room = Room { freed: REOPENED_MAX, looked_at: usize::MAX };
const BY_MACHINE: Room = Room { freed: usize::MAX, looked_at: LOOKED_AT_MAX };

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Harmonia {
    /// Re-opens the parked lines that a change has set free. To be called after the change is written.
    pub async fn reopen(&self, change: &Change) -> Result<Reopened, StageError> {
        let list: Vec<WaitsFor> = change.waited_for().into_iter().collect();
        let by_machine = self.ports.machines.run();
        let (mut position, room) = (Position::default(), if by_machine { BY_MACHINE } else { BY_CALLER });
        let done = self.reopen_pages(&list, &mut position, room).await?;
        if !by_machine || !(done.more || done.in_open_files > 0) {
            return Ok(done);
        }
        let json = serde_json::to_vec(&list).map_err(|e| StageError::Message { why: e.to_string() })?;
        let id = Id::derive("reopen", &[&sha256_hex(&json), &self.now().to_string()]);
        let object = format!("reopen/{id}.json");
        self.ports.objects.put_new(Bucket::Work, &object, json).await?;
        let (at, in_open_files) = (count(position.at), count(done.in_open_files));
        let after = position.after;
        let rest = Reopening { id, list: object, part: 1, round: 0, at, after, in_open_files, passes: 0 };
        self.ports.machines.ensure(&Execution::Reopen(rest)).await?;
        Ok(Reopened { more: false, goes_on: true, ..done })
    }

    /// The next pages of a list.
    pub async fn reopen_step(&self, reopening: &Reopening) -> Result<ReopenStep, StageError> {
        let json = self.ports.objects.get(Bucket::Work, &reopening.list, None).await?;
        let list: Vec<WaitsFor> = serde_json::from_slice(&json)
            .map_err(|e| StageError::Message { why: format!("{}: {:?}", reopening.list, e.classify()) })?;
        let at = usize::try_from(reopening.at).unwrap_or(usize::MAX);
        let mut position = Position { at, after: reopening.after.clone() };
        let done = self.reopen_pages(&list, &mut position, BY_MACHINE).await?;
        let mut next = Reopening {
            round: reopening.round.saturating_add(1),
            at: count(position.at),
            after: position.after,
            in_open_files: reopening.in_open_files.saturating_add(count(done.in_open_files)),
            ..reopening.clone()
        };
        let (mut more, mut pause_s) = (done.more, count((done.payments + done.sales) / LINES_PER_S_MAX));
        if !more && next.in_open_files > 0 && next.passes < PASSES_MAX {
            next = Reopening { at: 0, after: None, in_open_files: 0, passes: next.passes + 1, ..next };
            (more, pause_s) = (true, OPEN_FILES_PAUSE_S);
        }
        if more && next.round >= REOPEN_ROUNDS_MAX {
            let following = Reopening { part: next.part.saturating_add(1), round: 0, ..next.clone() };
            self.ports.machines.ensure(&Execution::Reopen(following)).await?;
            more = false;
        }
        Ok(ReopenStep { execution: next, more, pause_s, done })
    }

    async fn reopen_pages(
        &self,
        list: &[WaitsFor],
        position: &mut Position,
        room: Room,
    ) -> Result<Reopened, StageError> {
        let stamp = self.stamp("reopen");
        let (mut done, mut looked_at) = (Reopened::default(), 0);
        while let Some(waited_for) = list.get(position.at) {
            let freed = done.payments + done.sales;
            if freed >= room.freed || looked_at >= room.looked_at {
                return Ok(Reopened { more: true, ..done });
            }
            let after = position.after.take();
            let query = Query { limit: PAGE, after, ..Query::prefix(Table::Book, waited_for.pk(), "") };
            let (page, next) = self.store().page::<ParkedLine>(&query).await?;
            let mut outgoing = Freed::default();
            // a list of things that nobody waits for takes its time too
            looked_at += page.len().max(1);
            for entry in page {
                self.reopen_one(entry.row, &mut outgoing, &mut done, &stamp).await?;
            }
            let delay = u16::try_from(freed / LINES_PER_S_MAX).unwrap_or(DELAY_S_MAX).min(DELAY_S_MAX);
            self.forward_freed(outgoing, delay).await?;
            position.after = next;
            if position.after.is_none() {
                position.at += 1;
            }
        }
        Ok(done)
    }
}
