//! The throttle on the machine's clock: what a virtual one cannot show.

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

/// The guard of a short period is one millisecond, less than the grain of tokio's own timer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_period_is_used_and_not_slept_through() {
    let late = Arc::new(AtomicU32::new(0));
    let stitch = stitch(Throttle::rate("10/100ms"), &late);
    let calls = join_all((0..100).map(|_| async { stitch.call(()).await })).await;
    assert!(calls.iter().all(Result::is_ok));
    let late = late.load(Ordering::Relaxed);
    assert!(late < 50, "{late} of 100 slots were slept through");
}

#[tokio::test]
async fn no_patience_at_all_is_enough_for_a_slot_that_is_free() {
    let stitch = stitch(Throttle::rate("1/m").burst(2), &Arc::default());
    for _ in 0..2 {
        stitch.call(()).max_wait(Duration::ZERO).await.unwrap();
    }
    let error = stitch.call(()).max_wait(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
}

/// Several threads, with the store's leases and without.
#[expect(clippy::disallowed_methods, reason = "this is about tasks on several threads")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn never_more_calls_are_under_way_than_it_says_on_several_threads() {
    for shared in [false, true] {
        let (under_way, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let store = MemoryStore::new();
        let seams: Vec<Seam> = (0..if shared { 4 } else { 1 })
            .map(|_| {
                let builder = Seam::builder("https://api.example.com").throttle(Throttle::concurrency(5));
                let builder = builder.transport(MockTransport::routes());
                if shared { builder.store(store.clone()).build() } else { builder.build() }.unwrap()
            })
            .collect();
        let call = |number: usize| {
            let (seam, under_way, most) = (seams[number % seams.len()].clone(), under_way.clone(), most.clone());
            tokio::spawn(async move {
                let permit = seam.permit(1).await.unwrap();
                most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                under_way.fetch_sub(1, Ordering::SeqCst);
                drop(permit);
            })
        };
        for ended in join_all((0..2_000).map(call)).await {
            ended.unwrap();
        }
        assert!(most.load(Ordering::SeqCst) <= 5, "{shared}: {most:?}");
    }
}

#[test]
fn a_seam_outlives_the_runtime_it_was_built_in() {
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
fn a_place_outlives_the_runtime_it_was_taken_in_and_is_given_back_in_the_next_one() {
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
