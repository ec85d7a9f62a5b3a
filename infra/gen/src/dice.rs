//! All chance comes from one seeded generator.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
const MIXED: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// The day's source of chance. Ranges are drawn here, not by `rand`, so that a new version of it changes no bytes.
#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `n`, 0 if `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        let wide = u128::from(self.0.next_u64()) * u128::from(n);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low).map_or(1, |span| span + 1);
        low + i64::try_from(self.below(span)).unwrap_or(0)
    }

    /// True in `n` of 100 throws.
    pub(crate) fn percent(&mut self, n: u64) -> bool {
        self.below(100) < n
    }

    /// One of the texts, if there are any.
    pub(crate) fn one_of(&mut self, texts: &[&'static str]) -> Option<&'static str> {
        let n = self.below(u64::try_from(texts.len()).unwrap_or(0));
        texts.get(usize::try_from(n).unwrap_or(0)).copied()
    }

    /// One of a list that is never empty by its shape.
    pub(crate) fn pick<'a, T>(&mut self, pool: &'a Pool<T>) -> &'a T {
        let n = self.below(u64::try_from(pool.rest.len()).unwrap_or(0) + 1);
        pool.at(usize::try_from(n).unwrap_or(0))
    }

    pub(crate) fn digits(&mut self, len: usize) -> String {
        self.text(DIGITS, len)
    }

    /// An upper-case id that starts with a letter, so that it is never a number.
    pub(crate) fn upper(&mut self, len: usize) -> String {
        self.text(LETTERS, 1) + &self.text(MIXED, len.saturating_sub(1))
    }

    /// A lower-case id. Every seventh place is a letter: no run of digits is long enough to look like a card number.
    pub(crate) fn lower(&mut self, len: usize) -> String {
        let places = (0..len).map(|place| if place % 7 == 0 { LETTERS } else { MIXED });
        places.map(|alphabet| self.text(alphabet, 1)).collect::<String>().to_lowercase()
    }

    /// Sixteen bytes, such as an initialisation vector.
    pub(crate) fn block(&mut self) -> [u8; 16] {
        let mut block = [0; 16];
        self.0.fill_bytes(&mut block);
        block
    }

    fn text(&mut self, alphabet: &[u8], len: usize) -> String {
        let letters = u64::try_from(alphabet.len()).unwrap_or(0);
        let mut draw = || usize::try_from(self.below(letters)).ok().and_then(|n| alphabet.get(n)).copied();
        (0..len).map(|_| char::from(draw().unwrap_or(b'0'))).collect()
    }
}

/// A list with at least one entry, so that drawing from it cannot fail.
#[derive(Clone, Debug)]
pub(crate) struct Pool<T> {
    first: T,
    rest: Vec<T>,
}

impl<T> Pool<T> {
    pub(crate) fn new(first: T, rest: Vec<T>) -> Self {
        Self { first, rest }
    }

    /// The entry at `n`, the first one if there are not so many.
    pub(crate) fn at(&self, n: usize) -> &T {
        n.checked_sub(1).and_then(|n| self.rest.get(n)).unwrap_or(&self.first)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}
