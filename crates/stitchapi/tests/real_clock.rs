//! The throttle on the real clock: timer resolution, threads and several runtimes, which a virtual clock cannot show.

#![cfg(feature = "tokio")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use stitchapi::runtime::TokioRuntime;
use stitchapi::trace::{EventKind, sink_fn};
use stitchapi::{ErrorKind, MemoryStore, Seam, Stitch, Throttle, decode};
use stitchapi_testing::MockTransport;

/// Returns a stitch that counts missed slots in `late`.
fn stitch(throttle: Throttle, late: &Arc<AtomicU32>) -> Stitch<(), ()> {
    let late = late.clone();
    let count = sink_fn(move |event| {
        if let EventKind::SlotMissed { .. } = event.kind {
            late.fetch_add(1, Ordering::Relaxed);
        }
    });
    let api = MockTransport::new(|_| http::Response::new(Bytes::new()));
    let seam = Seam::builder("https://api.example.com").transport(api).throttle(throttle).sink(count).build().unwrap();
    seam.get("/a").build_with(decode::empty).unwrap()
}

/// The maximum lateness of a short period is one millisecond, less than the resolution of Tokio's timer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_period_loses_few_slots_to_late_timers() {
    let late = Arc::new(AtomicU32::new(0));
    let stitch = stitch(Throttle::rate("10/100ms"), &late);
    let calls = join_all((0..100).map(|_| async { stitch.call(()).await })).await;
    assert!(calls.iter().all(Result::is_ok));
    let late = late.load(Ordering::Relaxed);
    assert!(late < 50, "{late} of 100 slots were missed");
}

#[tokio::test]
async fn max_wait_of_zero_gets_a_free_slot() {
    let stitch = stitch(Throttle::rate("1/m").burst(2), &Arc::default());
    for _ in 0..2 {
        stitch.call(()).max_wait(Duration::ZERO).await.unwrap();
    }
    let error = stitch.call(()).max_wait(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
}

/// Runs once on a store with leases, and once without a store.
#[expect(clippy::disallowed_methods, reason = "the test needs tasks on several threads")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_concurrency_limit_is_never_exceeded_on_several_threads() {
    for shared in [false, true] {
        let (in_flight, max) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let store = MemoryStore::new();
        let seams: Vec<Seam> = (0..if shared { 4 } else { 1 })
            .map(|_| {
                let builder = Seam::builder("https://api.example.com").throttle(Throttle::concurrency(5));
                let builder = builder.transport(MockTransport::routes());
                if shared { builder.store(store.clone()).build() } else { builder.build() }.unwrap()
            })
            .collect();
        let call = |number: usize| {
            let (seam, in_flight, max) = (seams[number % seams.len()].clone(), in_flight.clone(), max.clone());
            tokio::spawn(async move {
                let permit = seam.permit(1).await.unwrap();
                max.fetch_max(in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                in_flight.fetch_sub(1, Ordering::SeqCst);
                drop(permit);
            })
        };
        for result in join_all((0..2_000).map(call)).await {
            result.unwrap();
        }
        assert!(max.load(Ordering::SeqCst) <= 5, "{shared}: {max:?}");
    }
}

#[test]
fn a_seam_works_after_the_runtime_it_was_built_in_has_ended() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stitch = runtime().block_on(async {
        assert!(TokioRuntime::current().is_some());
        stitch(Throttle::rate("50/s"), &Arc::default())
    });
    for _ in 0..3 {
        runtime().block_on(stitch.call(()).send()).unwrap();
    }
}

#[test]
fn a_concurrency_permit_taken_in_one_runtime_is_released_in_the_next_one() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seam = runtime().block_on(async {
        let builder = Seam::builder("https://api.example.com").store(MemoryStore::new());
        builder.transport(MockTransport::routes()).throttle(Throttle::concurrency(1)).build().unwrap()
    });
    for _ in 0..3 {
        let permit = runtime().block_on(seam.permit(1)).unwrap();
        assert!(permit.waited() < Duration::from_secs(1), "{permit:?}");
    }
}
