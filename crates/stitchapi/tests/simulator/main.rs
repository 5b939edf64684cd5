//! The throttle in simulated fleets: its promise holds in every window under random faults.
//!
//! `STITCHAPI_SEEDS` sets the number of seeds. `STITCHAPI_SEED` runs one seed and prints its events, to repeat a failure.
//! `STITCHAPI_SHOWN` sets the number of failures that are printed.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod disturbance;
mod load;
mod outage_tracker;
mod quality;
mod random_choice;
mod regressions;
mod scenario;
mod settings;
mod summary;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use scenario::{RunSummary, Scenario};
use settings::{SEED, SEEDS, SHOWN, number};
use summary::Summary;

/// Number of threads that run seeds.
const THREADS: usize = 2;

/// Runs a scenario and validates the result. A panic counts as a counterexample.
fn run_and_validate(scenario: &Scenario) -> Result<RunSummary, String> {
    let run = AssertUnwindSafe(|| scenario.validate(&scenario.run()));
    catch_unwind(run).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map_or("panic without a message", |message| message);
        Err(format!("{message}: STITCHAPI_SEED={} runs this seed alone", scenario.seed))
    })
}

#[test]
fn under_random_faults_no_window_holds_more_starts_than_promised() {
    if let Some(seed) = number(SEED) {
        let scenario = Scenario::draw(seed);
        println!("{scenario}");
        let result = scenario.run();
        println!("{}", result.report);
        scenario.validate(&result).unwrap();
        return;
    }
    let (seeds, next) = (number(SEEDS).unwrap_or(if cfg!(debug_assertions) { 30 } else { 1_000 }), AtomicU64::new(0));
    let summary = Mutex::new(Summary::default());
    let counterexamples = Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let scenario = Scenario::draw(seed);
                    match run_and_validate(&scenario) {
                        Ok(run) => summary.lock().unwrap().add(&scenario, &run),
                        Err(violation) => {
                            summary.lock().unwrap().add_counterexample(&scenario);
                            counterexamples.lock().unwrap().push((seed, format!("{scenario}\n{violation}")));
                        }
                    }
                }
            });
        }
    });
    println!("{}", summary.into_inner().unwrap());
    let mut counterexamples = counterexamples.into_inner().unwrap();
    counterexamples.sort_unstable();
    let shown = number(SHOWN).unwrap_or(3) as usize;
    let first: Vec<&str> = counterexamples.iter().take(shown).map(|(_, violation)| &**violation).collect();
    let count = counterexamples.len();
    assert!(count == 0, "{count} of {seeds} seeds are counterexamples:\n{}", first.join("\n"));
}
