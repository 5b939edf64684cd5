//! Nothing goes wrong: then the budget is used, evenly and fairly.

use std::time::Duration;

use stitchapi::Throttle;
use stitchapi_testing::{FleetReport, SimFleet};

use crate::alone::Alone;
use crate::load::{Calls, Costs, Load, work};

const SECOND: Duration = Duration::from_secs(1);
/// Unoptimised, a simulated minute takes a while.
const SEEDS: u64 = if cfg!(debug_assertions) { 1 } else { 3 };
const LASTS: Duration = Duration::from_secs(if cfg!(debug_assertions) { 8 } else { 30 });

/// Four workers at 200 calls a second.
fn run(seed: u64, tasks: usize, calls: Calls) -> FleetReport {
    let load = Load { tasks, calls, costs: Costs::One };
    SimFleet::new(seed).run(LASTS, |worker| {
        work(&worker, Throttle::rate("200/s"), None, load, &Alone::default());
        async {}
    })
}

/// Beside the guard's share of the budget, which nobody can use.
fn used(report: &FleetReport) -> f64 {
    report.utilisation(200, SECOND, SECOND..LASTS)
}

#[test]
fn a_saturated_fleet_uses_its_budget_evenly_and_fairly() {
    for seed in 0..SEEDS {
        let report = run(seed, 50, Calls::Steady);
        let (used, cv, fairness) = (used(&report), report.gap_cv(SECOND..LASTS), report.fairness());
        println!("seed {seed}: used {used:.4}, gap CV {cv:.4}, fairness {fairness:.4}");
        assert!(used >= 0.99 && cv <= 0.05 && fairness >= 0.95, "{used} {cv} {fairness}");
        assert_eq!(report.most_in(SECOND), 200);
    }
}

#[test]
fn callers_that_leave_cost_nothing_of_the_budget() {
    for seed in 0..SEEDS {
        let report = run(seed, 50, Calls::Leaving(SECOND));
        println!("seed {seed}: used {:.4}", used(&report));
        assert!(used(&report) >= 0.97, "{}", used(&report));
    }
}

#[test]
fn at_four_times_the_load_the_impatient_still_use_the_budget() {
    for seed in 0..SEEDS {
        let report = run(seed, 50, Calls::Impatient(SECOND / 5));
        println!("seed {seed}: used {:.4}", used(&report));
        assert!(used(&report) >= 0.97, "{}", used(&report));
    }
}
