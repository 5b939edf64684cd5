//! Regression tests: defects that random seeds have found, each with a fleet that shows it in a few seeds.

use std::time::Duration;

use stitchapi::Throttle;
use stitchapi_core::StoreLimits;
use stitchapi_core::pace::{LimitId, LimitSpec, default_max_lateness, limits};
use stitchapi_testing::{Allowance, Fault, FleetReport, Promise, SimFleet};

use crate::load::{CallPattern, Costs, Load, spawn_tasks};
use crate::outage_tracker::OutageTracker;

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

fn rate(permits: u32, burst: u32, period: Duration) -> LimitSpec {
    LimitSpec { id: LimitId::calls(period), permits, burst: Some(burst) }
}

/// Runs four workers with this throttle for four seconds.
fn run(seed: u64, throttle: &Throttle, load: Load, faults: &[(Duration, Fault)]) -> FleetReport {
    let fleet = SimFleet::new(seed).store_limits(StoreLimits::unlimited().with_volatile());
    let fleet = faults.iter().fold(fleet, |fleet, (at, fault)| fleet.fault(*at, *fault));
    let throttle = throttle.clone().fleet_size(4);
    fleet.run(4 * SECOND, |worker| {
        spawn_tasks(&worker, throttle.clone(), None, load, &OutageTracker::default());
        async {}
    })
}

/// Returns a load of calls without pauses.
fn steady(tasks: usize) -> Load {
    Load { tasks, pattern: CallPattern::Steady, costs: Costs::One }
}

/// Returns the promise of these limits, with the default maximum lateness.
fn promise(declared: &[LimitSpec]) -> Promise {
    let shortest = declared.iter().map(|rate| rate.id.period()).min().unwrap();
    Promise::of(&limits(declared).unwrap()).max_lateness(default_max_lateness(shortest))
}

#[test]
fn a_store_clock_that_jumps_ahead_rejects_no_call_without_max_wait() {
    for seed in 0..5 {
        // A rejected call panics.
        let report = run(seed, &Throttle::rate("20/s"), steady(5), &[(SECOND, Fault::StoreClockAhead(SECOND))]);
        assert!(report.starts.len() >= 60, "{report}");
    }
}

#[test]
fn a_fleet_that_paces_alone_and_rejoins_exceeds_no_cap() {
    for seed in 0..5 {
        let throttle = Throttle::rate("50/s").burst(5).and_rate(stitchapi::Rate::new(100, 3 * SECOND)).burst(50);
        let report = run(seed, &throttle, steady(20), &[(700 * MILLI, Fault::Down(1_500 * MILLI))]);
        let promise = promise(&[rate(50, 5, SECOND), rate(100, 50, 3 * SECOND)]);
        let promise = promise.allowing(Allowance::LocalPacing { workers: 4 });
        promise.validate(&report).unwrap_or_else(|found| panic!("{found}"));
    }
}

#[test]
fn slots_of_a_lost_cell_are_not_used_in_addition_to_those_of_the_new_cell() {
    for seed in 0..40 {
        let load = Load { tasks: 1, pattern: CallPattern::Paused(49 * MILLI), costs: Costs::Calls(2) };
        let flushes = [1_100 * MILLI, 1_700 * MILLI, 2_300 * MILLI].map(|at| (at, Fault::Flush));
        let report = run(seed, &Throttle::rate("20/s"), load, &flushes);
        promise(&[rate(20, 1, SECOND)]).validate(&report).unwrap_or_else(|found| panic!("{found}"));
    }
}

#[test]
fn a_change_to_a_stricter_limit_gives_no_second_burst() {
    let (old, new) = (Throttle::rate("50/s").burst(50), Throttle::rate("25/s").burst(50));
    let fleet = SimFleet::new(1);
    let report = fleet.run(4 * SECOND, |worker| {
        let change = Some((500 * MILLI + 100 * MILLI * worker.number() as u32, new.clone()));
        spawn_tasks(&worker, old.clone(), change, steady(1), &OutageTracker::default());
        async {}
    });
    promise(&[rate(50, 50, SECOND)]).validate(&report).unwrap_or_else(|found| panic!("{found}"));
}
