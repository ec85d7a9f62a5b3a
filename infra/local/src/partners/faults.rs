//! Failures by plan. What fails follows from what the request is about (a purchase, a batch, a card), so the same run
//! fails in the same way, whatever the order of its requests; and only the first attempt fails, so every run ends.

use harmonia_domain::ids::sha256_hex;
use std::time::Duration;

/// How many of a thousand things go wrong at their first attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// Look-ups that the user directory answers 503.
    pub directory_503: u16,
    /// Requests of any kind that a merchant answers 500.
    pub merchant_500: u16,
    /// Purchases that have not reached Wasabi or Stonegate yet.
    pub not_yet: u16,
    /// Batches that Iceland answers 500.
    pub batch_500: u16,
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
        Self { directory_503: 0, merchant_500: 0, not_yet: 0, batch_500: 0, slow: 0, pause: Duration::ZERO }
    }

    /// An ordinary bad day.
    pub fn demo() -> Self {
        Self {
            directory_503: 20,
            merchant_500: 30,
            not_yet: 50,
            batch_500: 250,
            slow: 20,
            pause: Duration::from_millis(200),
        }
    }

    /// What becomes of an attempt if so many of a thousand first ones fail, or are too early.
    pub(super) fn fate(whom: &str, about: &str, attempt: u32, (errors, early): (u16, u16)) -> Fate {
        let rolled = roll(whom, about);
        match attempt {
            1 if rolled < errors => Fate::Error,
            1 if rolled < errors.saturating_add(early) => Fate::NotYet,
            _ => Fate::Well,
        }
    }

    /// How long the answer takes.
    pub(super) fn slow(&self, about: &str, attempt: u32) -> Option<Duration> {
        (attempt == 1 && roll("slow", about) < self.slow).then_some(self.pause)
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
        let fate =
            |about: &str, attempt| Faults::fate("wasabi-club", about, attempt, (faults.merchant_500, faults.not_yet));
        let fates: Vec<Fate> = (0..10_000).map(|n| fate(&format!("r{n}"), 1)).collect();
        let share = |fate| fates.iter().filter(|f| **f == fate).count();
        assert!((240..360).contains(&share(Fate::Error)), "{}", share(Fate::Error));
        assert!((420..580).contains(&share(Fate::NotYet)), "{}", share(Fate::NotYet));
        assert!((0..10_000).all(|n| fate(&format!("r{n}"), 2) == Fate::Well));
        assert!((0..1_000).all(|n| Faults::fate("wasabi-club", &format!("r{n}"), 1, (0, 0)) == Fate::Well));
        assert_eq!(fate("r17", 1), fate("r17", 1));
        assert_eq!(
            (Faults::fate("x", "u", 1, (1000, 0)), Faults::fate("x", "u", 2, (1000, 0))),
            (Fate::Error, Fate::Well)
        );
        let all = Faults { slow: 1000, ..Faults::demo() };
        assert_eq!((all.slow("u", 1), all.slow("u", 2)), (Some(all.pause), None));
    }
}
