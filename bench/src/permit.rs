//! A permit in process, with no store: what one takes, and how late those who wait are woken.

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

use crate::in_process::{BURST, PERMITS};
use crate::turns::{Table, nanos};
use measure::figures::{Goal, against, median, quantile, shown, table};
use measure::transport::Instantly;

/// So few at a time that a turn is seldom interrupted.
const TIMES: u32 = 1_000;
const TURNS: usize = 201;
const WAITERS: u64 = 50;
const SLOTS: u64 = 1_000;
/// At 200/s: the guard, and with it the spacing.
const GUARD: Duration = Duration::from_millis(5);
const SPACING: Duration = Duration::from_micros(5_025);

/// What an uncontended permit takes, beside `governor` on the same clock and on its own. Within a tokio runtime.
pub fn uncontended() {
    let seam = seam(Throttle::rate(Rate::per_second(PERMITS)).burst(BURST));
    let quota = Quota::per_second(NonZeroU32::MIN.saturating_add(PERMITS - 1));
    let same = RateLimiter::direct_with_clock(quota, BootClock);
    let own = RateLimiter::direct(quota);

    let permit =
        || nanos(TIMES, || drop(black_box(seam.permit(1).now_or_never()).expect("at once").expect("a permit")));
    let mut table = Table::new("In process, no store, nobody waiting", TURNS);
    let check = || nanos(TIMES, || black_box(same.check()).expect("a permit"));
    // Both wait if they must; a check only says yes or no.
    let until_ready = || nanos(TIMES, || black_box(same.until_ready().now_or_never()).expect("at once"));
    table.compare("a permit (goal < 100 ns)", permit, "`governor` `until_ready`, same clock (goal <= 2)", until_ready);
    table.compare("a permit", permit, "`governor` `check`, the same clock", check);
    let check = || nanos(TIMES, || black_box(own.check()).expect("a permit"));
    table.compare("a permit", permit, "`governor` `check`, its own clock (the processor's counter)", check);
    let boot = || nanos(TIMES, || _ = black_box(Tick::of_boot_clock()));
    table.compare("the boot clock alone", boot, "`Instant::now`", || nanos(TIMES, || _ = black_box(Instant::now())));
    table.print();
}

/// The boot clock, which ours reads, for `governor`.
#[derive(Debug, Clone)]
struct BootClock;

impl Clock for BootClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(Tick::of_boot_clock().0 * 1_000)
    }
}

impl ReasonablyRealtime for BootClock {}

/// How late 50 who wait at 200/s are woken, and as many who sleep as long by tokio's own timer.
pub async fn woken() {
    let seam = Arc::new(seam(Throttle::rate(Rate::per_second(200))));
    let tasks: Vec<_> = (0..WAITERS)
        .map(|_| {
            let seam = seam.clone();
            tokio::spawn(async move {
                let mut starts = Vec::new();
                for _ in 0..SLOTS / WAITERS {
                    let permit = seam.permit(1).await.expect("a permit");
                    starts.push((permit.at().expect("a throttle"), Tick::of_boot_clock()));
                }
                starts
            })
        })
        .collect();
    let (ours, missed) = lateness(gathered(tasks).await);

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
    let tokios = gathered(tasks).await;

    let row = |what: &str, late: &[f64], goal: String| {
        let p99 = quantile(late.iter().copied(), 0.99);
        vec![what.to_owned(), shown(median(late.iter().copied())), shown(p99), goal]
    };
    let goal = format!("p99 {}", against(quantile(ours.iter().copied(), 0.99), Goal::AtMost(1_000.0)));
    let rows = [
        row(&format!("a permit at 200/s, 50 waiting; {missed} of {SLOTS} slots missed"), &ours, goal),
        row("tokio's own sleep to the same slots", &tokios, String::new()),
    ];
    table("How late who waits is woken, no store", &["", "p50, us", "p99, us", "goal"], &rows);
}

/// How late each was woken, in microseconds, and how many slots were missed by more than the guard: each slot is one
/// spacing after the one before, or, after one that was missed, when the next caller started.
fn lateness(mut starts: Vec<(Tick, Tick)>) -> (Vec<f64>, usize) {
    starts.sort_unstable();
    let (mut late, mut missed) = (Vec::new(), 0);
    let mut slot = starts.first().map_or(Tick(0), |(at, _)| *at);
    for (at, woken) in starts {
        if at >= slot + GUARD {
            missed += 1;
            slot = at;
        } else {
            late.push(woken.since(slot).as_secs_f64() * 1e6);
        }
        slot = slot + SPACING;
    }
    (late, missed)
}

async fn gathered<T>(tasks: Vec<tokio::task::JoinHandle<Vec<T>>>) -> Vec<T> {
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("a task that ends"));
    }
    all
}

fn seam(throttle: Throttle) -> Seam {
    let seam = Seam::builder("https://api.example.com").throttle(throttle).transport(Instantly);
    seam.build().expect("a seam")
}
