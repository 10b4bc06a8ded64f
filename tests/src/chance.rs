//! Random choices from a seed.

use std::env::{self, VarError};

/// The seed of a test with random inputs, so that a run can be repeated: `SCIPP_SEED`, or 1 if that is not set.
///
/// # Panics
///
/// If it is not a number.
pub fn seed() -> u64 {
    match env::var("SCIPP_SEED") {
        Ok(seed) => seed.parse().expect("SCIPP_SEED is a number"),
        Err(VarError::NotPresent) => 1,
        Err(error) => panic!("SCIPP_SEED: {error}"),
    }
}

/// SplitMix64.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.number() % end).unwrap_or(0)
    }

    /// True once in `n` times.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of them.
    pub(crate) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}
