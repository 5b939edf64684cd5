//! Choices, made from a seed.

use std::time::Duration;

use stitchapi::Runtime as _;
use stitchapi_testing::SimRuntime;

/// What a scenario is drawn with: nothing runs on it.
pub(crate) struct Draw(SimRuntime);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SimRuntime::new(seed ^ 0x5eed_0f5c_e0a2_10a5))
    }

    pub(crate) fn one_of<T: Clone>(&self, choices: &[T]) -> T {
        choices[(self.0.random() % choices.len() as u64) as usize].clone()
    }

    pub(crate) fn below(&self, end: u64) -> u64 {
        self.0.random() % end
    }

    pub(crate) fn millis(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}
