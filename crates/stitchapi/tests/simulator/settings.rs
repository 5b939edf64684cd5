//! Environment variables of the simulator.

/// Number of the one seed to run, with its events printed.
pub(crate) const SEED: &str = "STITCHAPI_SEED";
/// Number of seeds to run.
pub(crate) const SEEDS: &str = "STITCHAPI_SEEDS";
/// Number of counterexamples to print.
pub(crate) const SHOWN: &str = "STITCHAPI_SHOWN";

/// Returns the number in an environment variable, or `None` if it is not set.
pub(crate) fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|number| number.parse().unwrap())
}
