//! Quality without faults: the budget is used fully, evenly and fairly.

use std::time::Duration;

use stitchapi::Throttle;
use stitchapi_testing::{FleetReport, SimFleet};

use crate::load::{CallPattern, Costs, Load, spawn_tasks};
use crate::outage_tracker::OutageTracker;

const SECOND: Duration = Duration::from_secs(1);
/// Number of seeds: one without optimisation, because a simulated minute then takes long.
const SEEDS: u64 = if cfg!(debug_assertions) { 1 } else { 3 };
/// Duration of a run, in virtual time.
const DURATION: Duration = Duration::from_secs(if cfg!(debug_assertions) { 8 } else { 30 });

/// Runs four workers with a budget of 200 calls per second.
fn run(seed: u64, tasks: usize, pattern: CallPattern) -> FleetReport {
    let load = Load { tasks, pattern, costs: Costs::One };
    SimFleet::new(seed).run(DURATION, |worker| {
        spawn_tasks(&worker, Throttle::rate("200/s"), None, load, &OutageTracker::default());
        async {}
    })
}

/// Returns the share of the budget that was used after the first second, without the part that the maximum lateness
/// takes.
fn used(report: &FleetReport) -> f64 {
    report.utilisation(200, SECOND, SECOND..DURATION)
}

#[test]
fn a_saturated_fleet_uses_its_budget_evenly_and_fairly() {
    for seed in 0..SEEDS {
        let report = run(seed, 50, CallPattern::Steady);
        let (used, cv, fairness) = (used(&report), report.gap_cv(SECOND..DURATION), report.fairness());
        println!("seed {seed}: used {used:.4}, gap CV {cv:.4}, fairness {fairness:.4}");
        assert!(used >= 0.99 && cv <= 0.05 && fairness >= 0.95, "{used} {cv} {fairness}");
        assert_eq!(report.most_in(SECOND), 200);
    }
}

#[test]
fn dropped_callers_cost_no_part_of_the_budget() {
    for seed in 0..SEEDS {
        let report = run(seed, 50, CallPattern::Dropped(SECOND));
        println!("seed {seed}: used {:.4}", used(&report));
        assert!(used(&report) >= 0.97, "{}", used(&report));
    }
}

#[test]
fn callers_with_max_wait_use_the_budget_at_four_times_the_load() {
    for seed in 0..SEEDS {
        let report = run(seed, 50, CallPattern::MaxWait(SECOND / 5));
        println!("seed {seed}: used {:.4}", used(&report));
        assert!(used(&report) >= 0.97, "{}", used(&report));
    }
}
