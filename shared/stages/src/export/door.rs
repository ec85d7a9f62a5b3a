//! Whether a merchant may be told now: paused by a person, given a rest by the breaker, or at its own limit. One row a
//! merchant, shared by all functions; a healthy merchant costs one cheap read per process and ten seconds.

use crate::{Harmonia, StageError, redress::Words};
use harmonia_definitions::Export as Target;
use harmonia_domain::{
    control::{Control, Door},
    feed::Slug,
};
use harmonia_ports::Read;
use harmonia_state::{Stored, control_key};
use jiff::{SignedDuration, Timestamp};

/// How often a lost race for the row is looked at again. What is lost after that is a count of failures: the next
/// attempts bring it again.
const TRIES_MAX: u32 = 10;

/// May a merchant be told?
pub(super) enum Permit {
    /// About so many exports.
    Go(usize),
    /// Not now.
    NotBefore(Timestamp),
}

/// Whether a merchant could be reached, whatever it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nothing was sent.
    NotTried,
    /// It answered, and not with a 5xx.
    Reached,
    /// Not reached, no answer, or a 5xx: the merchant as a whole is at fault.
    Failed,
}

impl Harmonia {
    /// How a merchant is told at present, as it is stored.
    pub async fn control(&self, merchant: &Slug) -> Result<Option<Control>, StageError> {
        let found: Option<Stored<Control>> = self.store().get(&control_key(merchant), Read::Consistent).await?;
        Ok(found.map(|stored| stored.row))
    }

    async fn read_control(&self, merchant: &Slug, read: Read) -> Result<Stored<Control>, StageError> {
        let found: Option<Stored<Control>> = self.store().get(&control_key(merchant), read).await?;
        // version 0: there is none yet
        let found = found.unwrap_or_else(|| Stored { row: Control::of(merchant.clone()), version: 0 });
        self.telling.keep_control(&found, self.now());
        Ok(found)
    }

    async fn write_control(&self, seen: &Stored<Control>, next: Control, by: &str) -> Result<bool, StageError> {
        let stamp = self.stamp(by);
        let written = match seen.version {
            0 => self.store().insert(&next, &stamp).await?.is_none(),
            _ => self.store().replace(seen, &next, &stamp).await?,
        };
        if written {
            self.telling.keep_control(&Stored { row: next, version: seen.version + 1 }, self.now());
        }
        Ok(written)
    }

    /// Changes the row whatever others do to it meanwhile. `false`: there was nothing to change.
    async fn change_control(
        &self,
        merchant: &Slug,
        by: &str,
        change: impl Fn(&Control) -> Control,
    ) -> Result<bool, StageError> {
        for _ in 0..TRIES_MAX {
            let seen = self.read_control(merchant, Read::Consistent).await?;
            let next = change(&seen.row);
            if next == seen.row {
                return Ok(false);
            }
            if self.write_control(&seen, next, by).await? {
                return Ok(true);
            }
        }
        Err(StageError::Unsettled { what: "how a merchant is told", tries: TRIES_MAX })
    }

    /// May up to `wanted` exports be told now?
    pub(super) async fn permit(&self, target: &Target, merchant: &Slug, wanted: usize) -> Result<Permit, StageError> {
        let mut read = Read::Eventual;
        for _ in 0..TRIES_MAX {
            let now = self.now();
            let asking = self.telling.asking.lock().await;
            let kept = self.telling.control(merchant, now).filter(|kept| {
                kept.row.door(now) == Door::Open && kept.row.failures == 0 && target.per_minute.is_none()
            });
            let seen = match kept {
                Some(kept) => kept,
                None => self.read_control(merchant, read).await?,
            };
            drop(asking);
            read = Read::Consistent;
            let minute = Timestamp::from_second(now.as_second().div_euclid(60) * 60).unwrap_or(now);
            match (seen.row.door(now), target.per_minute) {
                (Door::Paused, _) => return Ok(Permit::NotBefore(now)),
                (Door::Shut(until), _) => return Ok(Permit::NotBefore(until)),
                (Door::Trial, _) => {
                    if self.write_control(&seen, seen.row.on_trial(now), "export").await? {
                        return Ok(Permit::Go(1));
                    }
                }
                (Door::Open, None) => return Ok(Permit::Go(wanted)),
                (Door::Open, Some(most)) => {
                    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
                    let (granted, next) = seen.row.granted(wanted, most, minute);
                    if granted == 0 {
                        let next_minute = minute.saturating_add(SignedDuration::from_secs(60)).unwrap_or(now);
                        return Ok(Permit::NotBefore(next_minute));
                    }
                    if self.write_control(&seen, next, "export").await? {
                        return Ok(Permit::Go(usize::try_from(granted).unwrap_or(1)));
                    }
                }
            }
        }
        Err(StageError::Unsettled { what: "how a merchant is told", tries: TRIES_MAX })
    }

    /// Notes how attempts went. Nothing is written while all is well.
    pub(super) async fn heard(&self, merchant: &Slug, reached: &[Reach]) -> Result<(), StageError> {
        let answered = reached.contains(&Reach::Reached);
        let failed = reached.iter().filter(|reach| **reach == Reach::Failed).count();
        let now = self.now();
        let well = self.telling.control(merchant, now).is_some_and(|kept| kept.row.failures == 0);
        if failed == 0 && (well || !answered) {
            return Ok(());
        }
        // one that got an answer says more than those that did not, whichever came last
        let failures = if answered { 0 } else { u32::try_from(failed).unwrap_or(u32::MAX) };
        self.change_control(merchant, "export", |control| control.after(failures, answered, now)).await?;
        Ok(())
    }

    /// Matching goes on, exports of this merchant wait. `false`: they do already.
    pub async fn pause(&self, merchant: &Slug, words: &Words) -> Result<bool, StageError> {
        self.definition(merchant)?;
        let paused = self.redress(words);
        let pause = |control: &Control| match control.paused {
            Some(_) => control.clone(),
            None => Control { paused: Some(paused.clone()), ..control.clone() },
        };
        self.change_control(merchant, &format!("pause {}", paused.by), pause).await
    }

    /// Exports of this merchant go out again: what waited is due at once. `false`: it was not paused.
    pub async fn resume(&self, merchant: &Slug, by: &str) -> Result<bool, StageError> {
        self.definition(merchant)?;
        let resume = |control: &Control| Control { paused: None, ..control.clone() };
        self.change_control(merchant, &format!("resume {by}"), resume).await
    }

    /// When what is due at `due` can be told; `None` while a person holds it back.
    pub(super) async fn not_before(&self, merchant: &Slug, due: Timestamp) -> Result<Option<Timestamp>, StageError> {
        let seen = self.read_control(merchant, Read::Eventual).await?;
        Ok(match seen.row.door(self.now()) {
            Door::Paused => None,
            Door::Shut(until) => Some(due.max(until)),
            Door::Open | Door::Trial => Some(due),
        })
    }

    /// May nobody be told of this merchant's exports, whatever is due?
    pub(super) async fn holds_back(&self, merchant: &Slug) -> Result<bool, StageError> {
        let seen = self.read_control(merchant, Read::Eventual).await?;
        Ok(matches!(seen.row.door(self.now()), Door::Paused | Door::Shut(_)))
    }
}
