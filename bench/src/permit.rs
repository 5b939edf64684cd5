//! A permit in process, without a store: the time of an uncontended permit, and the lateness of a waiter's wake-up.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use governor::clock::{Clock, ReasonablyRealtime};
use governor::nanos::Nanos;
use governor::{Quota, RateLimiter};
use stitchapi::{Rate, Seam, Throttle};
use stitchapi_core::Tick;

use crate::comparison::{ComparisonTable, nanos_per_run};
use crate::in_process::{BURST, PERMITS};
use measure::figures::{Goal, format_figure, format_goal, median, quantile, table};
use measure::transport::InstantTransport;

/// Permits per turn: few, so that the system seldom interrupts a turn.
const TIMES: u32 = 1_000;
/// Turns per comparison.
const TURNS: usize = 201;
/// Tasks that wait for permits.
const WAITERS: u64 = 50;
/// Slots that are measured, over all tasks.
const SLOTS: u64 = 1_000;
/// Guard of the rate 200/s.
const MAX_LATENESS: Duration = Duration::from_millis(5);
/// Time between two slots of the rate 200/s, maximum lateness included.
const SPACING: Duration = Duration::from_micros(5_025);

/// Measures an uncontended permit in nanoseconds, beside `governor` on the same clock and on its own clock.
///
/// Must run within a Tokio runtime.
pub fn uncontended() {
    let seam = seam(Throttle::rate(Rate::per_second(PERMITS)).burst(BURST));
    let quota = Quota::per_second(NonZeroU32::MIN.saturating_add(PERMITS - 1));
    let same_clock = RateLimiter::direct_with_clock(quota, BootClock);
    let own_clock = RateLimiter::direct(quota);

    let permit = || {
        nanos_per_run(TIMES, || {
            drop(black_box(seam.permit(1).now_or_never()).expect("no wait is needed").expect("the permit is given"))
        })
    };
    let mut table = ComparisonTable::new("In process, no store, no waiter", TURNS);
    let check = || nanos_per_run(TIMES, || black_box(same_clock.check()).expect("the permit is given"));
    // `until_ready` waits like a permit does; `check` only accepts or rejects.
    let until_ready =
        || nanos_per_run(TIMES, || black_box(same_clock.until_ready().now_or_never()).expect("no wait is needed"));
    table.compare("a permit (goal < 100 ns)", permit, "`governor` `until_ready`, same clock (goal <= 2)", until_ready);
    table.compare("a permit", permit, "`governor` `check`, the same clock", check);
    let check = || nanos_per_run(TIMES, || black_box(own_clock.check()).expect("the permit is given"));
    table.compare("a permit", permit, "`governor` `check`, its own clock (the processor's counter)", check);
    let boot = || nanos_per_run(TIMES, || _ = black_box(Tick::of_boot_clock()));
    table.compare("the boot clock alone", boot, "`Instant::now`", || {
        nanos_per_run(TIMES, || _ = black_box(Instant::now()))
    });
    table.print();
}

/// Boot clock for `governor`, which StitchAPI reads, too.
#[derive(Debug, Clone)]
struct BootClock;

impl Clock for BootClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(Tick::of_boot_clock().0 * 1_000)
    }
}

impl ReasonablyRealtime for BootClock {}

/// Measures, in microseconds, how late 50 waiters at 200/s are woken, beside 50 tasks that sleep by Tokio's own timer.
pub async fn wake_up() {
    let seam = Arc::new(seam(Throttle::rate(Rate::per_second(200))));
    let tasks: Vec<_> = (0..WAITERS)
        .map(|_| {
            let seam = seam.clone();
            tokio::spawn(async move {
                let mut starts = Vec::new();
                for _ in 0..SLOTS / WAITERS {
                    let permit = seam.permit(1).await.expect("the permit is given");
                    starts.push((permit.at().expect("the seam has a throttle"), Tick::of_boot_clock()));
                }
                starts
            })
        })
        .collect();
    let (permits, missed) = lateness(join_all(tasks).await);

    let begun = tokio::time::Instant::now();
    let tasks: Vec<_> = (0..WAITERS)
        .map(|waiter| {
            tokio::spawn(async move {
                let mut late = Vec::new();
                for turn in 0..SLOTS / WAITERS {
                    let slot = begun + SPACING * u32::try_from(turn * WAITERS + waiter + 1).unwrap_or(u32::MAX);
                    tokio::time::sleep_until(slot).await;
                    late.push(slot.elapsed().as_secs_f64() * 1e6);
                }
                late
            })
        })
        .collect();
    let sleeps = join_all(tasks).await;

    let row = |name: &str, late: &[f64], goal: String| {
        let p99 = quantile(late.iter().copied(), 0.99);
        vec![name.to_owned(), format_figure(median(late.iter().copied())), format_figure(p99), goal]
    };
    let goal = format!("p99 {}", format_goal(quantile(permits.iter().copied(), 0.99), Goal::AtMost(1_000.0)));
    let rows = [
        row(&format!("a permit at 200/s, 50 waiters; {missed} of {SLOTS} slots missed"), &permits, goal),
        row("Tokio's own sleep until the same slots", &sleeps, String::new()),
    ];
    table("Wake-up after the slot, no store", &["", "p50, us", "p99, us", "goal"], &rows);
}

/// Returns the lateness of each wake-up in microseconds, and the number of slots that were missed by more than the
/// maximum lateness.
///
/// Each slot is one spacing after the previous one. After a missed slot, the next slot is the start of the next caller.
fn lateness(mut starts: Vec<(Tick, Tick)>) -> (Vec<f64>, usize) {
    starts.sort_unstable();
    let (mut late, mut missed) = (Vec::new(), 0);
    let mut slot = starts.first().map_or(Tick(0), |(at, _)| *at);
    for (at, woken) in starts {
        if at >= slot + MAX_LATENESS {
            missed += 1;
            slot = at;
        } else {
            late.push(woken.since(slot).as_secs_f64() * 1e6);
        }
        slot = slot + SPACING;
    }
    (late, missed)
}

/// Waits for all tasks and returns their results in one list.
async fn join_all<T>(tasks: Vec<tokio::task::JoinHandle<Vec<T>>>) -> Vec<T> {
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("the task does not panic"));
    }
    all
}

/// Builds a seam in process.
fn seam(throttle: Throttle) -> Seam {
    let seam = Seam::builder("https://api.example.com").throttle(throttle).transport(InstantTransport);
    seam.build().expect("the seam is valid")
}
