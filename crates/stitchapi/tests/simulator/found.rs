//! What seeds have found, each with a fleet that shows it in few.

use std::time::Duration;

use stitchapi::Throttle;
use stitchapi_core::StoreLimits;
use stitchapi_core::pace::{LimitId, LimitSpec, default_guard, limits};
use stitchapi_testing::{Allowance, Fault, FleetReport, Promise, SimFleet};

use crate::alone::Alone;
use crate::load::{Calls, Costs, Load, work};

const SECOND: Duration = Duration::from_secs(1);
const MILLI: Duration = Duration::from_millis(1);

fn rate(permits: u32, burst: u32, period: Duration) -> LimitSpec {
    LimitSpec { id: LimitId::calls(period), permits, burst: Some(burst) }
}

/// Four workers for four seconds, at so many calls a second.
fn run(seed: u64, throttle: &Throttle, load: Load, faults: &[(Duration, Fault)]) -> FleetReport {
    let fleet = SimFleet::new(seed).store_limits(StoreLimits::unlimited().with_volatile());
    let fleet = faults.iter().fold(fleet, |fleet, (at, fault)| fleet.fault(*at, *fault));
    let throttle = throttle.clone().fleet_size(4);
    fleet.run(4 * SECOND, |worker| {
        work(&worker, throttle.clone(), None, load, &Alone::default());
        async {}
    })
}

fn steady(tasks: usize) -> Load {
    Load { tasks, calls: Calls::Steady, costs: Costs::One }
}

fn promise(declared: &[LimitSpec]) -> Promise {
    let shortest = declared.iter().map(|rate| rate.id.period()).min().unwrap();
    Promise::of(&limits(declared).unwrap()).guard(default_guard(shortest))
}

#[test]
fn a_store_whose_clock_jumps_ahead_refuses_no_patient_call() {
    for seed in 0..5 {
        // A call that is refused panics.
        let report = run(seed, &Throttle::rate("20/s"), steady(5), &[(SECOND, Fault::StoreClockAhead(SECOND))]);
        assert!(report.starts.len() >= 60, "{report}");
    }
}

#[test]
fn a_fleet_that_is_alone_and_then_together_exceeds_no_cap() {
    for seed in 0..5 {
        let throttle = Throttle::rate("50/s").burst(5).and_rate(stitchapi::Rate::new(100, 3 * SECOND)).burst(50);
        let report = run(seed, &throttle, steady(20), &[(700 * MILLI, Fault::Down(1_500 * MILLI))]);
        let promise = promise(&[rate(50, 5, SECOND), rate(100, 50, 3 * SECOND)]);
        let promise = promise.allowing(Allowance::LocalPacing { workers: 4 });
        promise.validate(&report).unwrap_or_else(|found| panic!("{found}"));
    }
}

#[test]
fn no_slot_of_a_lost_cell_is_used_beside_those_of_the_next_one() {
    for seed in 0..40 {
        let load = Load { tasks: 1, calls: Calls::Paused(49 * MILLI), costs: Costs::Calls(2) };
        let flushes = [1_100 * MILLI, 1_700 * MILLI, 2_300 * MILLI].map(|at| (at, Fault::Flush));
        let report = run(seed, &Throttle::rate("20/s"), load, &flushes);
        promise(&[rate(20, 1, SECOND)]).validate(&report).unwrap_or_else(|found| panic!("{found}"));
    }
}

#[test]
fn a_stricter_limit_gives_no_burst_again() {
    let (old, new) = (Throttle::rate("50/s").burst(50), Throttle::rate("25/s").burst(50));
    let fleet = SimFleet::new(1);
    let report = fleet.run(4 * SECOND, |worker| {
        let change = Some((500 * MILLI + 100 * MILLI * worker.number() as u32, new.clone()));
        work(&worker, old.clone(), change, steady(1), &Alone::default());
        async {}
    });
    promise(&[rate(50, 50, SECOND)]).validate(&report).unwrap_or_else(|found| panic!("{found}"));
}
