//! Random choices from a seed, for drawing scenarios.

use std::time::Duration;

use stitchapi::Runtime as _;
use stitchapi_testing::SimRuntime;

/// Source of random choices. It uses the random numbers of a simulated runtime on which nothing runs.
pub(crate) struct RandomChoice(SimRuntime);

impl RandomChoice {
    /// Creates a source whose numbers differ from those of a fleet with the same seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(SimRuntime::new(seed ^ 0x5eed_0f5c_e0a2_10a5))
    }

    /// Returns one of the choices, all equally likely.
    pub(crate) fn one_of<T: Clone>(&self, choices: &[T]) -> T {
        choices[(self.0.random() % choices.len() as u64) as usize].clone()
    }

    /// Returns a number in `0..end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.0.random() % end
    }

    /// Returns a duration in `from..to`, in whole milliseconds.
    pub(crate) fn millis(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}
