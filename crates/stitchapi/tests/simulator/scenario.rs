//! A fleet, its limits, its load and its troubles, drawn from a seed.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use stitchapi::{Rate, Throttle};
use stitchapi_core::pace::{Limit, LimitId, LimitSpec, default_guard, limits};
use stitchapi_core::{StoreLimits, StoreTime};
use stitchapi_testing::{Allowance, Fault, FaultKind, FleetReport, Promise, SimFleet, Window};

use crate::alone::Alone;
use crate::draw::Draw;
use crate::load::{Calls, Costs, Load, work};

const SECOND: Duration = Duration::from_secs(1);
/// How long a process that holds bookings may not have heard from the store.
const TOUCH: Duration = Duration::from_millis(110);
const MICRO: Duration = Duration::from_micros(1);

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    Nothing,
    FarStore,
    Loss,
    WorkersStopped,
    WorkersKilled,
    Flush,
    Restart,
    RestartEmpty,
    ClockBack,
    ClockAhead,
    Partial,
    Down,
    Hangs,
    Rollout,
    Mixed,
}

pub(crate) const TROUBLES: [Trouble; 15] = [
    Trouble::Nothing,
    Trouble::FarStore,
    Trouble::Loss,
    Trouble::WorkersStopped,
    Trouble::WorkersKilled,
    Trouble::Flush,
    Trouble::Restart,
    Trouble::RestartEmpty,
    Trouble::ClockBack,
    Trouble::ClockAhead,
    Trouble::Partial,
    Trouble::Down,
    Trouble::Hangs,
    Trouble::Rollout,
    Trouble::Mixed,
];

#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) trouble: Trouble,
    workers: u32,
    /// Whether requests to the store are lost.
    loses: bool,
    fleet: SimFleet,
    limits: Vec<Limit>,
    throttle: Throttle,
    change: Option<Change>,
    promise: Promise,
    load: Load,
    lasts: Duration,
    about: String,
}

/// Another limit, brought by one worker after the other.
#[derive(Debug)]
struct Change {
    throttle: Throttle,
    /// When each worker brings it.
    at: Vec<Duration>,
    /// What holds from when on, if it is stricter than before.
    then: Option<(Duration, Promise)>,
}

/// What a run showed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) report: FleetReport,
    /// How many workers were without the store for long.
    alone: u32,
}

/// What a run showed that broke nothing.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) fullest: Option<Window>,
    /// What part of the budget was used.
    pub(crate) used: f64,
}

impl Scenario {
    pub(crate) fn draw(seed: u64) -> Self {
        let draw = Draw::new(seed);
        let trouble = TROUBLES[(seed % TROUBLES.len() as u64) as usize];
        let workers = draw.one_of(&[2, 3, 4, 4, 5]);
        let way = match trouble {
            Trouble::FarStore => draw.millis(1, 5)..draw.millis(5, 20),
            _ => Duration::from_micros(200)..draw.one_of(&[201, 500, 1_000]) * MICRO,
        };
        let (mut declared, costs) = declare(&draw);
        let shortest = declared.iter().map(|rate| rate.id.period()).min().unwrap();
        // A worker must know the store's clock to half the guard: the longest round trip it may have learned it by.
        let guard = default_guard(shortest).max(4 * way.end);
        let throttle = |declared: &[LimitSpec]| throttle(declared).guard(guard).fleet_size(workers);
        let throttle_before = throttle(&declared);
        let load = Load {
            tasks: if trouble == Trouble::Rollout { draw.one_of(&[1, 5]) } else { draw.one_of(&[1, 5, 20]) },
            calls: draw.one_of(&[
                Calls::Steady,
                Calls::Paused(draw.millis(10, 1_000)),
                Calls::Crowds(draw.millis(100, 1_500)),
                Calls::Leaving(draw.millis(5, 500)),
                Calls::Impatient(draw.millis(1, 200)),
            ]),
            costs,
        };
        let volatile = matches!(trouble, Trouble::Flush | Trouble::RestartEmpty | Trouble::Mixed) || draw.below(2) == 0;
        let fleet = SimFleet::new(seed)
            .workers(workers as usize)
            .latency(way.clone())
            .wall_clock_step(draw.one_of(&[Duration::ZERO, Duration::from_millis(150), 3_600 * SECOND]))
            .store_clock(StoreTime(draw.below(1 << 40)), draw.one_of(&[0, 20, -20, 200, -200]))
            .timer_lag(Duration::ZERO..draw.one_of(&[0, 100, 2_000]) * MICRO);
        let limits_of_store = StoreLimits::unlimited();
        let fleet = fleet.store_limits(if volatile { limits_of_store.with_volatile() } else { limits_of_store });
        let (fleet, loses, mut lasts) = go_wrong(fleet, trouble, &draw);
        let of =
            |declared: &[LimitSpec]| (limits(declared).unwrap(), Promise::of(&limits(declared).unwrap()).guard(guard));
        let (mut limits, mut promise) = of(&declared);
        let mut change = None;
        // While the version changes there are more processes than was told, which matters in an outage, and newcomers that
        // remember nothing, which matters when state is lost.
        let allowances = allowances(&fleet, workers);
        let may_change = allowances.is_empty() && !loses && !loses_state(&fleet.faults());
        if trouble == Trouble::Rollout || trouble == Trouble::Mixed && may_change {
            let at: Vec<Duration> = (0..workers).map(|_| draw.millis(500, 2_000)).collect();
            let is_stricter = draw.below(2) == 0;
            let permits = &mut declared[0].permits;
            *permits = if is_stricter { *permits / 2 } else { *permits * 2 };
            let (new, promise_of_new) = of(&declared);
            let mut then = None;
            if trouble == Trouble::Mixed {
                // A cell that is lost knows the stricter one no more.
                promise = if is_stricter { promise } else { promise_of_new };
            } else if is_stricter {
                // The first one brings it with the first call after those that it has made. What is booked by then
                // starts as it was booked.
                let pause = match load.calls {
                    Calls::Paused(pause) | Calls::Crowds(pause) => pause,
                    _ => Duration::ZERO,
                };
                let from = *at.iter().min().unwrap() + pause + 2 * booked_ahead(&limits, &load, workers);
                then = Some((from, promise_of_new));
                lasts += from;
                limits = new;
            }
            change = Some(Change { throttle: throttle(&declared), at, then });
        }
        let promise = allowances.into_iter().fold(promise, Promise::allowing);
        let throttle = throttle_before;
        let about = format!("{workers} workers, ways of {way:?}, guard {guard:?}, volatile {volatile}, {declared:?}");
        Self { seed, trouble, workers, loses, fleet, limits, throttle, change, promise, load, lasts, about }
    }

    pub(crate) fn run(&self) -> Ran {
        let alone = Alone::default();
        let report = self.fleet.run(self.lasts, |worker| {
            let change = self.change.as_ref().map(|change| (change.at[worker.number()], change.throttle.clone()));
            work(&worker, self.throttle.clone(), change, self.load, &alone);
            async {}
        });
        Ran { report, alone: alone.workers() }
    }

    pub(crate) fn judge(&self, Ran { report, alone }: &Ran) -> Result<Seen, String> {
        let mut promise = self.promise.clone();
        // One whose answers are lost one after the other is cut off, and so is one that was stopped while it was without
        // its store, where others never missed it.
        let some_are_alone = (1..self.workers).contains(alone);
        if self.loses && *alone > 0 || self.trouble == Trouble::Mixed && some_are_alone {
            promise = promise.allowing(Allowance::LocalPacing { workers: self.workers });
            promise = promise.allowing(Allowance::Share { workers: *alone, of: self.workers });
        }
        let mut fullest = promise.validate(report).map_err(|found| found.to_string())?;
        if let Some((from, promise)) = self.change.as_ref().and_then(|change| change.then.as_ref()) {
            let mut since = report.clone();
            since.starts.retain(|start| start.at >= *from);
            fullest = promise.validate(&since).map_err(|found| format!("after the change: {found}"))?;
        }
        let pace = self.limits.iter().min_by_key(|limit| limit.id.period()).unwrap();
        let used = report.utilisation(pace.permits, pace.id.period(), Duration::ZERO..self.lasts);
        if !report.starts.iter().any(|start| start.at + SECOND > self.lasts) && self.somebody_calls_at_the_end(report) {
            return Err(format!("nobody starts any more\n{report}"));
        }
        Ok(Seen { fullest, used })
    }

    /// Whether a second without a start shows that something is stuck. What was booked may have been lost with its holders, or
    /// with the store: those starts never come. And where answers are lost all may be waiting to pace alone.
    fn somebody_calls_at_the_end(&self, report: &FleetReport) -> bool {
        let loses = |fault: &Fault| matches!(fault, Fault::Kill { .. } | Fault::StoreClockBack(_));
        let loses = loses_state(&report.faults) || report.faults.iter().any(|(_, fault)| loses(fault));
        self.load.calls == Calls::Steady && self.limits.len() == 1 && !loses && !self.loses
    }
}

/// How far ahead a fleet can have booked: a call for every task.
fn booked_ahead(limits: &[Limit], load: &Load, workers: u32) -> Duration {
    let longest = limits.iter().map(|limit| {
        let units = load.costs.most(limit.id.unit()) * load.tasks as u32 * workers;
        (limit.id.period() + SECOND / 100) * units / limit.permits
    });
    longest.max().unwrap() + SECOND / 10
}

/// The rates and what calls cost of them.
fn declare(draw: &Draw) -> (Vec<LimitSpec>, Costs) {
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
            // Two limits of one period: both pace.
            (vec![first, tokens], Costs::Tokens(100))
        }
        2 => (vec![first], Costs::Calls(draw.one_of(&[2, 7]))),
        _ => (vec![first], Costs::One),
    }
}

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

/// The fleet with its troubles, whether some requests are lost, and how long it is watched.
fn go_wrong(fleet: SimFleet, trouble: Trouble, draw: &Draw) -> (SimFleet, bool, Duration) {
    let drawn = |kinds: &[FaultKind], most: u64, within: Range<Duration>, lasts: u64| {
        let faults = 1 + draw.below(most) as usize;
        (fleet.clone().random_faults(faults, kinds, within), false, Duration::from_millis(lasts))
    };
    let early = SECOND / 2..2 * SECOND;
    match trouble {
        Trouble::Nothing | Trouble::FarStore => (fleet, false, 3 * SECOND),
        Trouble::Rollout => (fleet, false, 4 * SECOND),
        Trouble::Loss => {
            let loss = || draw.one_of(&[0.0, 0.003, 0.01]);
            (fleet.loss(loss(), 0.003 + loss()), true, 4 * SECOND)
        }
        Trouble::WorkersStopped => drawn(&[FaultKind::Freeze], 4, early, 5_000),
        Trouble::WorkersKilled => drawn(&[FaultKind::Kill], 3, early, 4_000),
        Trouble::Flush => drawn(&[FaultKind::Flush], 4, early, 4_000),
        Trouble::Restart => drawn(&[FaultKind::Restart], 2, early, 4_000),
        Trouble::RestartEmpty => drawn(&[FaultKind::RestartEmpty], 2, early, 4_000),
        Trouble::ClockBack => drawn(&[FaultKind::StoreClockBack], 2, early, 5_000),
        Trouble::ClockAhead => drawn(&[FaultKind::StoreClockAhead], 2, early, 4_000),
        Trouble::Partial => drawn(&[FaultKind::Partial], 2, early, 5_000),
        Trouble::Down => drawn(&[FaultKind::Down], 1, early, 5_000),
        Trouble::Hangs => drawn(&[FaultKind::FreezeStore], 1, early, 5_000),
        Trouble::Mixed => {
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
            let (fleet, _, lasts) = drawn(&kinds, 4, early, 5_000);
            (fleet.loss(loss, loss), loss > 0.0, lasts)
        }
    }
}

fn loses_state(faults: &[(Duration, Fault)]) -> bool {
    faults.iter().any(|(_, fault)| matches!(fault, Fault::Flush | Fault::Restart { keeps_state: false, .. }))
}

/// What may be more than promised, after such faults.
fn allowances(fleet: &SimFleet, of: u32) -> Vec<Allowance> {
    let mut allowances = Vec::new();
    let (mut alone, mut cut_off) = (false, 0);
    for (_, fault) in fleet.faults() {
        match fault {
            // What passes while the clock is set ahead is given away, and what is used before everybody knows.
            Fault::StoreClockAhead(by) => allowances.push(Allowance::Longer(by + TOUCH)),
            Fault::Partial { workers, .. } => {
                cut_off += workers as u32;
                alone = true;
            }
            Fault::Down(_) | Fault::FreezeStore(_) => alone = true,
            _ => {}
        }
    }
    if alone {
        allowances.push(Allowance::LocalPacing { workers: of });
    }
    if cut_off > 0 {
        allowances.push(Allowance::Share { workers: cut_off.min(of), of });
    }
    allowances
}

impl Trouble {
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::FarStore => "the store is up to 20 ms away",
            Self::Loss => "requests and answers are lost",
            Self::WorkersStopped => "processes are stopped for up to 2 s",
            Self::WorkersKilled => "processes are killed",
            Self::Flush => "the store loses its state",
            Self::Restart => "the store restarts",
            Self::RestartEmpty => "the store restarts empty",
            Self::ClockBack => "the store's clock goes back, up to 1 s",
            Self::ClockAhead => "the store's clock jumps ahead, up to 1 s",
            Self::Partial => "some cannot reach the store, up to 2 s",
            Self::Down => "the store refuses, up to 2 s",
            Self::Hangs => "the store hangs, up to 2 s",
            Self::Rollout => "the limit is halved or doubled, process by process",
            Self::Mixed => "several of these",
        }
    }

    /// The bound that is checked.
    pub(crate) fn bound(self) -> &'static str {
        match self {
            Self::ClockAhead => "exact, as if the time it jumped had passed",
            Self::Loss => "exact; 1 + k/n if k of n lose several in a row",
            Self::Partial => "1 + k/n",
            Self::Down | Self::Hangs => "exact; one call of each of n processes at once",
            Self::Rollout => "exact, the stricter of the two",
            Self::Mixed => "the weakest of its faults; 1 + k/n if k of n went on alone",
            _ => "exact",
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, trouble, load, about, .. } = self;
        write!(f, "seed {seed}: {trouble:?}, {about}, {load:?}")
    }
}
