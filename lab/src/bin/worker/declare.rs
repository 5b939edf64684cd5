//! The seam of a worker, and a stitch for each cost.

use std::sync::Arc;

use stitchapi::trace::{Event, EventKind, TraceSink, sink_fn};
use stitchapi::{BoxError, Cost, Retry, Seam, Stitch, StitchStore, Throttle, decode};
use stitchapi_lab::said::Said;
use stitchapi_redis::RedisStore;
use stitchapi_sqlite::SqliteStore;

use crate::arguments::Arguments;
use crate::say;
use crate::transport::AtOnce;

/// All that a worker may call.
pub(crate) type Stitches = Vec<Stitch<(), ()>>;

pub(crate) async fn stitches(arguments: &Arguments) -> Result<Stitches, BoxError> {
    let mut rates = arguments.rates();
    let first = rates.next().ok_or("no rate")?;
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
    let seam = Seam::builder(target.unwrap_or("http://api.example")).name("lab").retry(Retry::none()).sink(sink());
    let seam = seam.store(store(&arguments.store).await?).throttle(throttle);
    let seam = if target.is_some() { seam } else { seam.transport(AtOnce) }.build()?;
    let stitch = |cost: &u32| {
        let cost = *cost;
        // Events name the stitch and not the cost.
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
        if let Some(said) = said_of(event) {
            say(&said);
        }
    })
}

fn said_of(event: &Event) -> Option<Said> {
    match &event.kind {
        EventKind::Request { .. } => Some(Said::Start { at: event.at, units: event.stitch.parse().unwrap_or(1) }),
        EventKind::CallBegan
        | EventKind::Waited { .. }
        | EventKind::Response { .. }
        | EventKind::CallEnded { .. }
        | EventKind::CallDropped { .. } => None,
        other => Some(Said::Event { at: event.at, what: format!("{other:?}") }),
    }
}
