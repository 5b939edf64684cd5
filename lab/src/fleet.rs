//! Fleets to be started.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::promise::Promise;
use crate::record::Record;
use crate::running::Running;

/// How many workers a fleet has.
pub const WORKERS: usize = 4;

/// A fleet to be started.
#[derive(Debug)]
pub struct Fleet {
    program: PathBuf,
    rates: Vec<String>,
    seconds: f64,
    largest_cost: u32,
    goes_alone: bool,
    arguments: Vec<String>,
    own_arguments: [Vec<String>; WORKERS],
    wall_clocks: Option<(PathBuf, [String; WORKERS])>,
}

impl Fleet {
    /// A fleet of [`WORKERS`] processes of this program, with 50 tasks each, on the store at this URL: `redis://...` or
    /// `sqlite:PATH`.
    #[must_use]
    pub fn new(program: &str, store: &str, rates: &[&str]) -> Self {
        Self {
            program: program.into(),
            rates: owned(rates),
            seconds: 10.0,
            largest_cost: 1,
            goes_alone: false,
            arguments: owned(&["--store", store]),
            own_arguments: Default::default(),
            wall_clocks: None,
        }
    }

    /// How long it works. The default is ten seconds.
    #[must_use]
    pub fn seconds(mut self, seconds: f64) -> Self {
        self.seconds = seconds;
        self
    }

    /// Arguments of each worker.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(owned(arguments));
        self
    }

    /// Arguments of one worker.
    #[must_use]
    pub fn with_of(mut self, worker: usize, arguments: &[&str]) -> Self {
        self.own_arguments[worker].extend(owned(arguments));
        self
    }

    /// What calls cost, in turn.
    #[must_use]
    pub fn costs(mut self, costs: &[u32]) -> Self {
        let texts: Vec<String> = costs.iter().map(ToString::to_string).collect();
        self.largest_cost = costs.iter().copied().max().unwrap_or(1);
        self.with(&["--costs", &texts.join(",")])
    }

    /// Its store fails in mid-run: then each worker goes on [alone](Promise::alone).
    #[must_use]
    pub fn goes_alone(mut self) -> Self {
        self.goes_alone = true;
        self.with(&["--fleet-size", &WORKERS.to_string()])
    }

    /// Wall clocks that are off by these, worker by worker, as libfaketime is told them: `+1h`, `-0.150`.
    #[must_use]
    pub fn wall_clocks(mut self, libfaketime: &Path, offsets: [&str; WORKERS]) -> Self {
        self.wall_clocks = Some((libfaketime.to_owned(), offsets.map(str::to_owned)));
        self
    }

    /// Starts it.
    #[must_use]
    pub fn start(self) -> Running {
        let rates: Vec<&str> = self.rates.iter().map(String::as_str).collect();
        let promise = Promise::of(&rates, self.largest_cost);
        let promise = if self.goes_alone { promise.alone(WORKERS as u32) } else { promise };
        Running::start(promise, self.seconds, |begins| {
            (0..WORKERS).map(|worker| self.command(worker, begins)).collect()
        })
    }

    /// Starts it and hears it to its end.
    #[must_use]
    pub fn run(self) -> Record {
        self.start().end()
    }

    /// The command that starts a worker which begins then, in microseconds of the boot clock.
    fn command(&self, worker: usize, begins: u64) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--begin", &begins.to_string(), "--seconds", &self.seconds.to_string()]);
        command.args(self.rates.iter().flat_map(|rate| ["--rate", rate]));
        command.args(&self.arguments).args(&self.own_arguments[worker]);
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
