//! Describes a fleet and starts it. Input: a program, a store and rates. Output: a [`RunningFleet`].

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::promise::Promise;
use crate::record::Record;
use crate::running_fleet::RunningFleet;

/// Number of workers in a fleet.
pub const WORKERS: usize = 4;

/// A fleet that has not started yet.
#[derive(Debug)]
pub struct Fleet {
    program: PathBuf,
    rates: Vec<String>,
    seconds: f64,
    largest_cost: u32,
    survives_outage: bool,
    arguments: Vec<String>,
    worker_arguments: [Vec<String>; WORKERS],
    wall_clocks: Option<(PathBuf, [String; WORKERS])>,
}

impl Fleet {
    /// Describes [`WORKERS`] processes of this program with 50 tasks each, on the store at this URL: `redis://...` or
    /// `sqlite:PATH`.
    #[must_use]
    pub fn new(program: &str, store: &str, rates: &[&str]) -> Self {
        Self {
            program: program.into(),
            rates: owned(rates),
            seconds: 10.0,
            largest_cost: 1,
            survives_outage: false,
            arguments: owned(&["--store", store]),
            worker_arguments: Default::default(),
            wall_clocks: None,
        }
    }

    /// Sets the duration of the run. The default is ten seconds.
    #[must_use]
    pub fn seconds(mut self, seconds: f64) -> Self {
        self.seconds = seconds;
        self
    }

    /// Adds arguments to every worker.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(owned(arguments));
        self
    }

    /// Adds arguments to one worker.
    #[must_use]
    pub fn worker_arguments(mut self, worker: usize, arguments: &[&str]) -> Self {
        self.worker_arguments[worker].extend(owned(arguments));
        self
    }

    /// Sets the costs of the calls, which alternate.
    #[must_use]
    pub fn costs(mut self, costs: &[u32]) -> Self {
        let texts: Vec<String> = costs.iter().map(ToString::to_string).collect();
        self.largest_cost = costs.iter().copied().max().unwrap_or(1);
        self.arguments(&["--costs", &texts.join(",")])
    }

    /// Declares that the store fails during the run, and that each worker then paces [alone](Promise::alone).
    #[must_use]
    pub fn survives_outage(mut self) -> Self {
        self.survives_outage = true;
        self.arguments(&["--fleet-size", &WORKERS.to_string()])
    }

    /// Sets the wall clock of each worker off by an offset in the syntax of libfaketime: `+1h`, `-0.150`.
    #[must_use]
    pub fn wall_clocks(mut self, libfaketime: &Path, offsets: [&str; WORKERS]) -> Self {
        self.wall_clocks = Some((libfaketime.to_owned(), offsets.map(str::to_owned)));
        self
    }

    /// Starts the workers.
    #[must_use]
    pub fn start(self) -> RunningFleet {
        let rates: Vec<&str> = self.rates.iter().map(String::as_str).collect();
        let promise = Promise::of(&rates, self.largest_cost);
        let promise = if self.survives_outage { promise.alone(WORKERS as u32) } else { promise };
        RunningFleet::start(promise, self.seconds, |begins| {
            (0..WORKERS).map(|worker| self.command(worker, begins)).collect()
        })
    }

    /// Starts the workers and waits for their end.
    #[must_use]
    pub fn run(self) -> Record {
        self.start().finish()
    }

    /// Returns the command of a worker whose run begins at this reading of the boot clock in microseconds.
    fn command(&self, worker: usize, begins: u64) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--begin", &begins.to_string(), "--seconds", &self.seconds.to_string()]);
        command.args(self.rates.iter().flat_map(|rate| ["--rate", rate]));
        command.args(&self.arguments).args(&self.worker_arguments[worker]);
        if let Some((library, offsets)) = &self.wall_clocks {
            command.env("LD_PRELOAD", library).env("FAKETIME", &offsets[worker]).env("DONT_FAKE_MONOTONIC", "1");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
