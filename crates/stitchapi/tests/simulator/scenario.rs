//! A scenario, drawn from a seed: the fleet, its limits, its load and its disturbance.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use stitchapi::{Rate, Throttle};
use stitchapi_core::pace::{Limit, LimitId, LimitSpec, default_max_lateness, limits};
use stitchapi_core::{StoreLimits, StoreTime};
use stitchapi_testing::{Allowance, Fault, FaultKind, FleetReport, Promise, SimFleet, Window};

use crate::disturbance::{DISTURBANCES, Disturbance};
use crate::load::{CallPattern, Costs, Load, spawn_tasks};
use crate::outage_tracker::OutageTracker;
use crate::random_choice::RandomChoice;

const SECOND: Duration = Duration::from_secs(1);
/// Longest time between two contacts with the store of a process that has bookings.
const TOUCH_INTERVAL: Duration = Duration::from_millis(110);
const MICRO: Duration = Duration::from_micros(1);

/// Scenario of one seed.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) disturbance: Disturbance,
    workers: u32,
    /// `true` if requests to the store or replies are lost.
    has_loss: bool,
    fleet: SimFleet,
    limits: Vec<Limit>,
    throttle: Throttle,
    change: Option<Change>,
    promise: Promise,
    load: Load,
    /// Duration of the run, in virtual time.
    duration: Duration,
    /// Settings in words, for the output.
    description: String,
}

/// Change of the first limit, made by one worker after the other.
#[derive(Debug)]
struct Change {
    throttle: Throttle,
    /// Time of the change in each worker.
    at: Vec<Duration>,
    /// Promise of a stricter limit, and the time from which it holds.
    stricter: Option<(Duration, Promise)>,
}

/// Result of a run.
#[derive(Debug)]
pub(crate) struct RunResult {
    pub(crate) report: FleetReport,
    /// Number of workers that may have paced alone.
    paced_alone: u32,
}

/// Figures of a run that kept its promise.
#[derive(Debug)]
pub(crate) struct RunSummary {
    /// Window closest to its bound.
    pub(crate) fullest: Option<Window>,
    /// Share of the budget that was used.
    pub(crate) used: f64,
}

impl Scenario {
    /// Draws the scenario of a seed.
    pub(crate) fn draw(seed: u64) -> Self {
        let draw = RandomChoice::new(seed);
        let disturbance = DISTURBANCES[(seed % DISTURBANCES.len() as u64) as usize];
        let workers = draw.one_of(&[2, 3, 4, 4, 5]);
        let latency = match disturbance {
            Disturbance::FarStore => draw.millis(1, 5)..draw.millis(5, 20),
            _ => Duration::from_micros(200)..draw.one_of(&[201, 500, 1_000]) * MICRO,
        };
        let (mut declared, costs) = declare(&draw);
        let shortest = declared.iter().map(|rate| rate.id.period()).min().unwrap();
        // A worker must know the store's clock to half the maximum lateness, and the longest round trip bounds its
        // error.
        let max_lateness = default_max_lateness(shortest).max(4 * latency.end);
        let throttle = |declared: &[LimitSpec]| throttle(declared).max_lateness(max_lateness).fleet_size(workers);
        let throttle_before = throttle(&declared);
        let load = Load {
            tasks: if disturbance == Disturbance::Rollout { draw.one_of(&[1, 5]) } else { draw.one_of(&[1, 5, 20]) },
            pattern: draw.one_of(&[
                CallPattern::Steady,
                CallPattern::Paused(draw.millis(10, 1_000)),
                CallPattern::Crowds(draw.millis(100, 1_500)),
                CallPattern::Dropped(draw.millis(5, 500)),
                CallPattern::MaxWait(draw.millis(1, 200)),
            ]),
            costs,
        };
        let volatile = matches!(disturbance, Disturbance::Flush | Disturbance::RestartEmpty | Disturbance::Mixed)
            || draw.below(2) == 0;
        let fleet = SimFleet::new(seed)
            .workers(workers as usize)
            .latency(latency.clone())
            .wall_clock_step(draw.one_of(&[Duration::ZERO, Duration::from_millis(150), 3_600 * SECOND]))
            .store_clock(StoreTime(draw.below(1 << 40)), draw.one_of(&[0, 20, -20, 200, -200]))
            .timer_lag(Duration::ZERO..draw.one_of(&[0, 100, 2_000]) * MICRO);
        let limits_of_store = StoreLimits::unlimited();
        let fleet = fleet.store_limits(if volatile { limits_of_store.with_volatile() } else { limits_of_store });
        let (fleet, has_loss, mut duration) = add_faults(fleet, disturbance, &draw);
        let limits_and_promise = |declared: &[LimitSpec]| {
            (limits(declared).unwrap(), Promise::of(&limits(declared).unwrap()).max_lateness(max_lateness))
        };
        let (mut limits, mut promise) = limits_and_promise(&declared);
        let mut change = None;
        // During the change there are more processes than the declared fleet size, which matters in an outage, and new
        // processes without snapshots, which matters when state is lost.
        let allowances = allowances(&fleet, workers);
        let may_change = allowances.is_empty() && !has_loss && !loses_state(&fleet.faults());
        if disturbance == Disturbance::Rollout || disturbance == Disturbance::Mixed && may_change {
            let at: Vec<Duration> = (0..workers).map(|_| draw.millis(500, 2_000)).collect();
            let is_stricter = draw.below(2) == 0;
            let permits = &mut declared[0].permits;
            *permits = if is_stricter { *permits / 2 } else { *permits * 2 };
            let (new, promise_of_new) = limits_and_promise(&declared);
            let mut stricter = None;
            if disturbance == Disturbance::Mixed {
                // A lost cell no longer contains the stricter limit.
                promise = if is_stricter { promise } else { promise_of_new };
            } else if is_stricter {
                // The first worker applies the change with its next call. Calls that are booked by then start at their
                // slots.
                let pause = match load.pattern {
                    CallPattern::Paused(pause) | CallPattern::Crowds(pause) => pause,
                    _ => Duration::ZERO,
                };
                let from = *at.iter().min().unwrap() + pause + 2 * booked_ahead(&limits, &load, workers);
                stricter = Some((from, promise_of_new));
                duration += from;
                limits = new;
            }
            change = Some(Change { throttle: throttle(&declared), at, stricter });
        }
        let promise = allowances.into_iter().fold(promise, Promise::allowing);
        let throttle = throttle_before;
        let description = format!(
            "{workers} workers, latencies of {latency:?}, lateness {max_lateness:?}, volatile {volatile}, {declared:?}"
        );
        Self {
            seed,
            disturbance,
            workers,
            has_loss,
            fleet,
            limits,
            throttle,
            change,
            promise,
            load,
            duration,
            description,
        }
    }

    /// Runs the fleet in virtual time.
    pub(crate) fn run(&self) -> RunResult {
        let outages = OutageTracker::default();
        let report = self.fleet.run(self.duration, |worker| {
            let change = self.change.as_ref().map(|change| (change.at[worker.number()], change.throttle.clone()));
            spawn_tasks(&worker, self.throttle.clone(), change, self.load, &outages);
            async {}
        });
        RunResult { report, paced_alone: outages.paced_alone() }
    }

    /// Checks the promise in every window, and that the fleet still makes calls at the end.
    pub(crate) fn validate(&self, RunResult { report, paced_alone }: &RunResult) -> Result<RunSummary, String> {
        let mut promise = self.promise.clone();
        // A worker may pace alone while others reach the store: if several of its replies in a row are lost, or if it was
        // stopped during an outage that the others did not notice.
        let some_paced_alone = (1..self.workers).contains(paced_alone);
        if self.has_loss && *paced_alone > 0 || self.disturbance == Disturbance::Mixed && some_paced_alone {
            promise = promise.allowing(Allowance::LocalPacing { workers: self.workers });
            promise = promise.allowing(Allowance::Share { workers: *paced_alone, of: self.workers });
        }
        let mut fullest = promise.validate(report).map_err(|violation| violation.to_string())?;
        if let Some((from, promise)) = self.change.as_ref().and_then(|change| change.stricter.as_ref()) {
            let mut since = report.clone();
            since.starts.retain(|start| start.at >= *from);
            fullest = promise.validate(&since).map_err(|violation| format!("after the change: {violation}"))?;
        }
        let pace = self.limits.iter().min_by_key(|limit| limit.id.period()).unwrap();
        let used = report.utilisation(pace.permits, pace.id.period(), Duration::ZERO..self.duration);
        if !report.starts.iter().any(|start| start.at + SECOND > self.duration) && self.must_start_at_the_end(report) {
            return Err(format!("no call started in the last second\n{report}"));
        }
        Ok(RunSummary { fullest, used })
    }

    /// Returns `true` if a last second without a start shows a defect.
    ///
    /// It does not if bookings were lost with a killed worker or with the store's state, because their slots stay unused,
    /// nor if replies are lost, because then all workers may be waiting for local pacing.
    fn must_start_at_the_end(&self, report: &FleetReport) -> bool {
        let loses_bookings = |fault: &Fault| matches!(fault, Fault::Kill { .. } | Fault::StoreClockBack(_));
        let bookings_are_lost =
            loses_state(&report.faults) || report.faults.iter().any(|(_, fault)| loses_bookings(fault));
        self.load.pattern == CallPattern::Steady && self.limits.len() == 1 && !bookings_are_lost && !self.has_loss
    }
}

/// Returns the longest time that a fleet can have booked ahead: one call for every task.
fn booked_ahead(limits: &[Limit], load: &Load, workers: u32) -> Duration {
    let longest = limits.iter().map(|limit| {
        let units = load.costs.max(limit.id.unit()) * load.tasks as u32 * workers;
        (limit.id.period() + SECOND / 100) * units / limit.permits
    });
    longest.max().unwrap() + SECOND / 10
}

/// Draws the declared limits and the costs of calls.
fn declare(draw: &RandomChoice) -> (Vec<LimitSpec>, Costs) {
    let period = draw.one_of(&[SECOND, SECOND, SECOND, SECOND / 4]);
    let permits = draw.one_of(&[20, 50, 200, 200, 500]);
    let burst = draw.one_of(&[1, 5, 50]);
    let first = LimitSpec { id: LimitId::calls(period), permits, burst: Some(burst) };
    let second = draw.below(4);
    match second {
        0 => {
            let id = LimitId::calls(period * 3);
            let cap = LimitSpec { id, permits: permits * 2, burst: draw.one_of(&[None, Some(permits / 5)]) };
            (vec![first, cap], Costs::One)
        }
        1 => {
            let id = LimitId::new("tokens", period);
            let tokens = LimitSpec { id, permits: permits * 50, burst: draw.one_of(&[None, Some(500)]) };
            // Both limits have the same period, so both pace.
            (vec![first, tokens], Costs::Tokens(100))
        }
        2 => (vec![first], Costs::Calls(draw.one_of(&[2, 7]))),
        _ => (vec![first], Costs::One),
    }
}

/// Returns the throttle with these limits.
fn throttle(declared: &[LimitSpec]) -> Throttle {
    let rate = |declared: &LimitSpec| {
        let rate = Rate::new(declared.permits, declared.id.period());
        if declared.id.unit() == "tokens" { rate.of("tokens") } else { rate }
    };
    let burst = |throttle: Throttle, declared: &LimitSpec| match declared.burst {
        Some(burst) => throttle.burst(burst),
        None => throttle,
    };
    let (first, others) = declared.split_first().unwrap();
    let throttle = burst(Throttle::rate(rate(first)), first);
    others.iter().fold(throttle, |throttle, declared| burst(throttle.and_rate(rate(declared)), declared))
}

/// Adds the faults of a disturbance to a fleet. Returns the fleet, whether messages are lost, and the duration of the run.
fn add_faults(fleet: SimFleet, disturbance: Disturbance, draw: &RandomChoice) -> (SimFleet, bool, Duration) {
    let drawn = |kinds: &[FaultKind], max_faults: u64, within: Range<Duration>, millis: u64| {
        let faults = 1 + draw.below(max_faults) as usize;
        (fleet.clone().random_faults(faults, kinds, within), false, Duration::from_millis(millis))
    };
    let early = SECOND / 2..2 * SECOND;
    match disturbance {
        Disturbance::None | Disturbance::FarStore => (fleet, false, 3 * SECOND),
        Disturbance::Rollout => (fleet, false, 4 * SECOND),
        Disturbance::Loss => {
            let loss = || draw.one_of(&[0.0, 0.003, 0.01]);
            (fleet.loss(loss(), 0.003 + loss()), true, 4 * SECOND)
        }
        Disturbance::WorkersStopped => drawn(&[FaultKind::Freeze], 4, early, 5_000),
        Disturbance::WorkersKilled => drawn(&[FaultKind::Kill], 3, early, 4_000),
        Disturbance::Flush => drawn(&[FaultKind::Flush], 4, early, 4_000),
        Disturbance::Restart => drawn(&[FaultKind::Restart], 2, early, 4_000),
        Disturbance::RestartEmpty => drawn(&[FaultKind::RestartEmpty], 2, early, 4_000),
        Disturbance::ClockBack => drawn(&[FaultKind::StoreClockBack], 2, early, 5_000),
        Disturbance::ClockAhead => drawn(&[FaultKind::StoreClockAhead], 2, early, 4_000),
        Disturbance::Partial => drawn(&[FaultKind::Partial], 2, early, 5_000),
        Disturbance::Down => drawn(&[FaultKind::Down], 1, early, 5_000),
        Disturbance::Hangs => drawn(&[FaultKind::FreezeStore], 1, early, 5_000),
        Disturbance::Mixed => {
            let kinds = [
                FaultKind::Flush,
                FaultKind::Restart,
                FaultKind::RestartEmpty,
                FaultKind::FreezeStore,
                FaultKind::Down,
                FaultKind::Partial,
                FaultKind::Freeze,
                FaultKind::Kill,
            ];
            let loss = draw.one_of(&[0.0, 0.0, 0.002]);
            let (fleet, _, duration) = drawn(&kinds, 4, early, 5_000);
            (fleet.loss(loss, loss), loss > 0.0, duration)
        }
    }
}

/// Returns `true` if a fault deletes the store's state.
fn loses_state(faults: &[(Duration, Fault)]) -> bool {
    faults.iter().any(|(_, fault)| matches!(fault, Fault::Flush | Fault::Restart { keeps_state: false, .. }))
}

/// Returns by how much the faults of a fleet of `of` workers allow more starts than promised.
fn allowances(fleet: &SimFleet, of: u32) -> Vec<Allowance> {
    let mut allowances = Vec::new();
    let (mut paces_alone, mut cut_off) = (false, 0);
    for (_, fault) in fleet.faults() {
        match fault {
            // The time by which the clock jumps counts as passed, and so does the time until every worker notices.
            Fault::StoreClockAhead(by) => allowances.push(Allowance::Longer(by + TOUCH_INTERVAL)),
            Fault::Partial { workers, .. } => {
                cut_off += workers as u32;
                paces_alone = true;
            }
            Fault::Down(_) | Fault::FreezeStore(_) => paces_alone = true,
            _ => {}
        }
    }
    if paces_alone {
        allowances.push(Allowance::LocalPacing { workers: of });
    }
    if cut_off > 0 {
        allowances.push(Allowance::Share { workers: cut_off.min(of), of });
    }
    allowances
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, disturbance, load, description, .. } = self;
        write!(f, "seed {seed}: {disturbance:?}, {description}, {load:?}")
    }
}
