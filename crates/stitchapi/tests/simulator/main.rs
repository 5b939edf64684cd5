//! The throttle, judged by simulated fleets: whatever goes wrong, its promise holds in every window.
//!
//! `STITCHAPI_SEEDS` says how many seeds are tried, `STITCHAPI_SEED` tries one. A seed that fails can be run again alone.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod alone;
mod draw;
mod found;
mod load;
mod quality;
mod scenario;
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use scenario::{Scenario, Seen};
use table::Table;

const THREADS: usize = 2;
/// The one seed that is wanted, with its events.
const SEED: &str = "STITCHAPI_SEED";

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|number| number.parse().unwrap())
}

/// A run, and what was wrong with it: a panic is, too.
fn try_out(scenario: &Scenario) -> Result<Seen, String> {
    let run = AssertUnwindSafe(|| scenario.judge(&scenario.run()));
    catch_unwind(run).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map_or("a panic", |said| said);
        Err(format!("{said}: STITCHAPI_SEED={} runs it alone", scenario.seed))
    })
}

#[test]
fn whatever_goes_wrong_no_window_holds_more_than_it_may() {
    if let Some(seed) = number(SEED) {
        let scenario = Scenario::draw(seed);
        println!("{scenario}");
        let ran = scenario.run();
        println!("{}", ran.report);
        scenario.judge(&ran).unwrap();
        return;
    }
    let (seeds, next) =
        (number("STITCHAPI_SEEDS").unwrap_or(if cfg!(debug_assertions) { 30 } else { 1_000 }), AtomicU64::new(0));
    let table = Mutex::new(Table::default());
    let broken = Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let scenario = Scenario::draw(seed);
                    match try_out(&scenario) {
                        Ok(seen) => table.lock().unwrap().add(&scenario, &seen),
                        Err(found) => {
                            table.lock().unwrap().add_broken(&scenario);
                            broken.lock().unwrap().push((seed, format!("{scenario}\n{found}")));
                        }
                    }
                }
            });
        }
    });
    println!("{}", table.into_inner().unwrap());
    let mut broken = broken.into_inner().unwrap();
    broken.sort_unstable();
    let shown = number("STITCHAPI_SHOWN").unwrap_or(3) as usize;
    let first: Vec<&str> = broken.iter().take(shown).map(|(_, found)| &**found).collect();
    assert!(broken.is_empty(), "{} of {seeds} seeds are counterexamples:\n{}", broken.len(), first.join("\n"));
}
