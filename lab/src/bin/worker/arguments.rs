//! What a worker is told on its command line.

use std::time::Duration;

use clap::Parser;
use stitchapi::{OutagePolicy, Rate, Tick};
use stitchapi_lab::promise;

/// Calls one stitch through one throttle.
#[derive(Debug, Clone, Parser)]
pub(crate) struct Arguments {
    /// `redis://...` or `sqlite:PATH`.
    #[arg(long)]
    pub(crate) store: String,
    /// A rate, `200/s`, or with its burst, `200/s,5`; may be repeated.
    #[arg(long, required = true)]
    rate: Vec<String>,
    /// How many callers call one after the other.
    #[arg(long, default_value_t = 50)]
    pub(crate) tasks: usize,
    /// Calls begun a second, whatever becomes of them, instead of tasks.
    #[arg(long)]
    pub(crate) offer: Option<u32>,
    /// When to begin, in microseconds of the boot clock.
    #[arg(long)]
    begin: u64,
    /// For how long.
    #[arg(long)]
    seconds: f64,
    /// What calls cost, in turn.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    pub(crate) costs: Vec<u32>,
    /// The share of callers that leave.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) drop: f64,
    /// They leave at random within this, in milliseconds.
    #[arg(long, default_value_t = 1_000)]
    drop_within: u64,
    /// The longest that a call waits for its slot, in milliseconds.
    #[arg(long)]
    max_wait: Option<u64>,
    /// The base URL that is called. Without one all is answered at once, within the process.
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// `local`, `closed` or `open`.
    #[arg(long, default_value = "local", value_parser = outage_policy)]
    pub(crate) on_outage: OutagePolicy,
    /// The longest that the API holds the fleet, in milliseconds.
    #[arg(long, default_value_t = 60_000)]
    max_hold: u64,
    /// How many processes there are said to be.
    #[arg(long)]
    pub(crate) fleet_size: Option<u32>,
}

impl Arguments {
    pub(crate) fn begins(&self) -> Tick {
        Tick(self.begin)
    }

    pub(crate) fn ends(&self) -> Tick {
        self.begins() + Duration::from_secs_f64(self.seconds)
    }

    pub(crate) fn rates(&self) -> impl Iterator<Item = (Rate, Option<u32>)> {
        self.rate.iter().map(|text| promise::rate(text))
    }

    pub(crate) fn max_wait(&self) -> Option<Duration> {
        self.max_wait.map(Duration::from_millis)
    }

    /// How long a caller that leaves has waited at most.
    pub(crate) fn drop_within(&self) -> Duration {
        Duration::from_millis(self.drop_within)
    }

    pub(crate) fn max_hold(&self) -> Duration {
        Duration::from_millis(self.max_hold)
    }
}

fn outage_policy(name: &str) -> Result<OutagePolicy, String> {
    Ok(match name {
        "local" => OutagePolicy::Local,
        "closed" => OutagePolicy::Closed,
        "open" => OutagePolicy::Open,
        _ => return Err("it is local, closed or open".to_owned()),
    })
}
