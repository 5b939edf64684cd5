//! Random numbers from a seed: SplitMix64.

use stitchapi_core::Runtime as _;
use stitchapi_testing::StdRuntime;

/// Environment variable with the seed, to repeat a run.
const SEED: &str = "STITCHAPI_SEED";

/// Random number generator of a test.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Creates a generator, and prints its seed.
    pub(crate) fn new() -> Self {
        let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| StdRuntime::new().random());
        println!("{SEED}={seed}");
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.below(list.len() as u64)).unwrap()].clone()
    }

    /// Returns a number of random magnitude: small numbers are as frequent as large ones.
    pub(crate) fn any_size(&mut self, at_most: u64) -> u64 {
        (self.next() >> self.below(64)).min(at_most)
    }

    pub(crate) fn any_u32(&mut self) -> u32 {
        u32::try_from(self.any_size(u32::MAX.into())).unwrap()
    }
}
