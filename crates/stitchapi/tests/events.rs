//! Event delivery: a sink can neither fail nor delay a call.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use bytes::Bytes;
use common::{recording_sink, seam};
use stitchapi::trace::{EventKind, sink_fn};
use stitchapi::{Result, Stitch, decode};
use stitchapi_testing::{MockTransport, SimRuntime};

#[test]
fn a_panicking_sink_affects_neither_the_call_nor_another_sink() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = MockTransport::new(|_| http::Response::new(Bytes::new()));
    let (sink, recorded) = recording_sink();
    let broken = sink_fn(|_| panic!("this sink panics on purpose"));
    let stitch: Stitch<(), ()> =
        seam(&sim, &api).sink(broken).sink(sink).build()?.get("/a").build_with(decode::empty)?;
    sim.block_on(stitch.call(()).send())?;
    sim.block_on(sim.sleep(std::time::Duration::from_secs(1)));
    assert_eq!(recorded.lock().unwrap().len(), 4);
    Ok(())
}

#[test]
fn a_dropped_call_emits_call_dropped() -> Result<()> {
    let sim = SimRuntime::new(1);
    let slow = MockTransport::new(|_| http::Response::new(Bytes::new()))
        .latency(std::time::Duration::from_secs(9), std::sync::Arc::new(sim.clone()));
    let (sink, recorded) = recording_sink();
    let stitch: Stitch<(), ()> = seam(&sim, &slow).sink(sink).build()?.get("/a").build_with(decode::empty)?;
    let second = sim.sleep(std::time::Duration::from_secs(1));
    sim.block_on(async {
        let call = std::pin::pin!(stitch.call(()).send());
        drop(futures_util::future::select(call, second).await);
    });
    sim.block_on(sim.sleep(std::time::Duration::from_secs(1)));
    assert_eq!(recorded.lock().unwrap().last().unwrap().kind, EventKind::CallDropped { attempts: 1 });
    Ok(())
}

#[test]
fn events_beyond_the_buffer_are_counted_and_dropped() -> Result<()> {
    let sim = SimRuntime::new(1);
    let api = MockTransport::new(|_| http::Response::new(Bytes::new()));
    let (sink, recorded) = recording_sink();
    let stitch: Stitch<(), ()> = seam(&sim, &api).sink(sink).build()?.get("/a").build_with(decode::empty)?;
    // No call yields to the task that delivers events, so the buffer overflows.
    let calls = 3_000;
    sim.block_on(async {
        for _ in 0..calls {
            stitch.call(()).await?;
        }
        Ok::<_, stitchapi::Error>(())
    })?;
    sim.block_on(sim.sleep(std::time::Duration::from_secs(1)));
    sim.block_on(stitch.call(()).send())?;
    sim.block_on(sim.sleep(std::time::Duration::from_secs(1)));
    let recorded = recorded.lock().unwrap();
    let lost: u64 = recorded
        .iter()
        .filter_map(|event| if let EventKind::EventsLost { events } = event.kind { Some(events) } else { None })
        .sum();
    assert!(lost > 0);
    let delivered = recorded.iter().filter(|event| !matches!(event.kind, EventKind::EventsLost { .. })).count() as u64;
    assert_eq!(delivered + lost, 4 * (calls + 1));
    Ok(())
}
