//! Failures by plan. What fails follows from what the request is about (a receipt, a batch, a card), so the same run
//! fails in the same way, whatever the order of its requests; and only the first attempt fails, so every run ends.

use harmonia_domain::ids::sha256_hex;
use std::time::Duration;

/// How many of a thousand things go wrong at their first attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// Look-ups that the user directory answers 503.
    pub directory_503: u16,
    /// Purchases that Wasabi answers 500.
    pub wasabi_500: u16,
    /// Purchases whose receipt has not reached Wasabi yet.
    pub wasabi_not_yet: u16,
    /// Batches that Iceland answers 500.
    pub iceland_500: u16,
    /// Requests of any kind that are answered late: done at once, told after [`Faults::pause`].
    pub slow: u16,
    /// How late.
    pub pause: Duration,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Well,
    Error,
    NotYet,
}

impl Faults {
    /// Everything works.
    pub fn none() -> Self {
        Self { directory_503: 0, wasabi_500: 0, wasabi_not_yet: 0, iceland_500: 0, slow: 0, pause: Duration::ZERO }
    }

    /// An ordinary bad day.
    pub fn demo() -> Self {
        Self {
            directory_503: 20,
            wasabi_500: 30,
            wasabi_not_yet: 50,
            iceland_500: 250,
            slow: 20,
            pause: Duration::from_millis(200),
        }
    }

    pub(super) fn directory(&self, card: &str, attempt: u32) -> Fate {
        first(attempt, "directory", card, self.directory_503, 0)
    }

    pub(super) fn wasabi(&self, receipt: &str, attempt: u32) -> Fate {
        first(attempt, "wasabi", receipt, self.wasabi_500, self.wasabi_not_yet)
    }

    pub(super) fn iceland(&self, message_uid: &str, attempt: u32) -> Fate {
        first(attempt, "iceland", message_uid, self.iceland_500, 0)
    }

    /// How long the answer takes.
    pub(super) fn slow(&self, about: &str, attempt: u32) -> Option<Duration> {
        (attempt == 1 && roll("slow", about) < self.slow).then_some(self.pause)
    }
}

fn first(attempt: u32, kind: &str, about: &str, errors: u16, not_yet: u16) -> Fate {
    let rolled = roll(kind, about);
    match attempt {
        1 if rolled < errors => Fate::Error,
        1 if rolled < errors.saturating_add(not_yet) => Fate::NotYet,
        _ => Fate::Well,
    }
}

/// 0 to 999; follows from the texts.
fn roll(kind: &str, about: &str) -> u16 {
    let hash = sha256_hex(format!("{kind}\n{about}").as_bytes());
    let number = hash.get(..8).and_then(|head| u32::from_str_radix(head, 16).ok()).unwrap_or_default();
    u16::try_from(number % 1000).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_only_first_attempts_fail() {
        let faults = Faults::demo();
        let fates: Vec<Fate> = (0..10_000).map(|n| faults.wasabi(&format!("r{n}"), 1)).collect();
        let share = |fate| fates.iter().filter(|f| **f == fate).count();
        assert!((240..360).contains(&share(Fate::Error)), "{}", share(Fate::Error));
        assert!((420..580).contains(&share(Fate::NotYet)), "{}", share(Fate::NotYet));
        assert!((0..10_000).all(|n| faults.wasabi(&format!("r{n}"), 2) == Fate::Well));
        assert!((0..1_000).all(|n| Faults::none().wasabi(&format!("r{n}"), 1) == Fate::Well));
        assert_eq!(faults.wasabi("r17", 1), faults.wasabi("r17", 1));
        let all = Faults { iceland_500: 1000, slow: 1000, ..Faults::demo() };
        assert_eq!((all.iceland("u", 1), all.iceland("u", 2)), (Fate::Error, Fate::Well));
        assert_eq!((all.slow("u", 1), all.slow("u", 2)), (Some(all.pause), None));
    }
}
