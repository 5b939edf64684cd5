//! Builds the seam of a worker and one stitch per cost.

use std::sync::Arc;

use stitchapi::trace::{Event, EventKind, TraceSink, sink_fn};
use stitchapi::{BoxError, Cost, Retry, Seam, Stitch, StitchStore, Throttle, decode};
use stitchapi_lab::message::Message;
use stitchapi_redis::RedisStore;
use stitchapi_sqlite::SqliteStore;

use crate::arguments::Arguments;
use crate::output;
use crate::transport::Immediate;

/// One stitch per cost, in the order of `--costs`.
pub(crate) type Stitches = Vec<Stitch<(), ()>>;

/// Builds the stitches that the arguments describe.
pub(crate) async fn build(arguments: &Arguments) -> Result<Stitches, BoxError> {
    let mut rates = arguments.rates();
    let first = rates.next().ok_or("no `--rate` was given")?;
    let with_burst = |throttle: Throttle, burst: Option<u32>| match burst {
        Some(burst) => throttle.burst(burst),
        None => throttle,
    };
    let throttle = with_burst(Throttle::rate(first.0), first.1);
    let mut throttle = rates.fold(throttle, |throttle, (rate, burst)| with_burst(throttle.and_rate(rate), burst));
    throttle = throttle.on_outage(arguments.on_outage).max_hold(arguments.max_hold());
    if let Some(processes) = arguments.fleet_size {
        throttle = throttle.fleet_size(processes);
    }
    if let Some(wait) = arguments.max_wait() {
        throttle = throttle.max_wait(wait);
    }
    let target = arguments.target.as_deref();
    // The workers of one run share a bucket. A second run on the same store has its own: what the first one had booked
    // when it ended would count against it.
    let name = format!("lab-{}", arguments.begins().0);
    let seam = Seam::builder(target.unwrap_or("http://api.example")).name(&name).retry(Retry::none()).sink(sink());
    let seam = seam.store(store(&arguments.store).await?).throttle(throttle);
    let seam = if target.is_some() { seam } else { seam.transport(Immediate) }.build()?;
    let stitch = |cost: &u32| {
        let cost = *cost;
        // Events carry the name of the stitch and not the cost, so the name is the cost.
        seam.get("").name(&cost.to_string()).cost(move |_| Cost::new(cost)).build_with(decode::empty)
    };
    Ok(arguments.costs.iter().map(stitch).collect::<Result<_, _>>()?)
}

async fn store(name: &str) -> Result<Arc<dyn StitchStore>, BoxError> {
    Ok(match name.strip_prefix("sqlite:") {
        Some(path) => Arc::new(SqliteStore::open(path)?),
        None => Arc::new(RedisStore::connect(name).await?),
    })
}

fn sink() -> impl TraceSink {
    sink_fn(|event| {
        if let Some(message) = message(event) {
            output::print(&message);
        }
    })
}

/// Returns the message for an event, or `None` if the test reads it from another message.
fn message(event: &Event) -> Option<Message> {
    match &event.kind {
        EventKind::Request { .. } => Some(Message::Start { at: event.at, units: event.stitch.parse().unwrap_or(1) }),
        EventKind::CallBegan
        | EventKind::Waited { .. }
        | EventKind::Response { .. }
        | EventKind::CallEnded { .. }
        | EventKind::CallDropped { .. } => None,
        other => Some(Message::Event { at: event.at, text: format!("{other:?}") }),
    }
}
