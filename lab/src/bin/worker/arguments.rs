//! The command line of a worker.

use std::time::Duration;

use clap::Parser;
use stitchapi::{OutagePolicy, Rate, Tick};
use stitchapi_lab::promise;

/// Makes calls of one API through one throttle.
#[derive(Debug, Clone, Parser)]
pub(crate) struct Arguments {
    /// Store: `redis://...` or `sqlite:PATH`.
    #[arg(long)]
    pub(crate) store: String,
    /// Rate, `200/s`, or rate and burst, `200/s,5`; may be repeated.
    #[arg(long, required = true)]
    rate: Vec<String>,
    /// Number of tasks, each of which makes one call after the other.
    #[arg(long, default_value_t = 50)]
    pub(crate) tasks: usize,
    /// Calls per second, begun without waiting for earlier calls, instead of tasks.
    #[arg(long)]
    pub(crate) offer: Option<u32>,
    /// Begin of the run on the boot clock in microseconds.
    #[arg(long)]
    begin: u64,
    /// Duration of the run in seconds.
    #[arg(long)]
    seconds: f64,
    /// Costs of the calls, which alternate.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    pub(crate) costs: Vec<u32>,
    /// Share of the calls that are dropped while they wait.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) drop: f64,
    /// Maximum time until a call is dropped, in milliseconds. The time is drawn at random.
    #[arg(long, default_value_t = 1_000)]
    drop_within: u64,
    /// Maximum wait of a call for its slot, in milliseconds.
    #[arg(long)]
    max_wait: Option<u64>,
    /// Base URL of the API. Without it the transport responds at once within the process.
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// Outage policy: `local`, `closed` or `open`.
    #[arg(long, default_value = "local", value_parser = outage_policy)]
    pub(crate) on_outage: OutagePolicy,
    /// Maximum hold that a response may impose, in milliseconds.
    #[arg(long, default_value_t = 60_000)]
    max_hold: u64,
    /// Declared number of processes.
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

    /// Returns the maximum time until a call is dropped.
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
        _ => return Err("expected `local`, `closed` or `open`".to_owned()),
    })
}
