//! Fleets of workers: how they are started, mistreated, and heard to the end.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustix::process::{Pid, Signal, kill_process};

use crate::judge::Start;
use crate::lab::sleep_until;
use crate::promise::Promise;
use crate::record::{Call, Clocks, Event, Record, now};
use crate::said::Said;

/// How many workers a fleet has.
pub const WORKERS: usize = 4;
/// So long after the first worker is started all begin, in microseconds.
const COMING_UP: u64 = 1_200_000;

/// A fleet to be started.
#[derive(Debug)]
pub struct Fleet {
    program: PathBuf,
    rates: Vec<String>,
    seconds: f64,
    largest_cost: u32,
    arguments: Vec<String>,
    own_arguments: Vec<Vec<String>>,
    wall_clocks: Option<(PathBuf, Vec<String>)>,
}

/// A fleet at work.
#[derive(Debug)]
pub struct Running {
    workers: Vec<Child>,
    /// How many have not yet said that they are done, and were not killed.
    awaited: usize,
    heard: Receiver<(usize, Heard)>,
    record: Record,
    _alone: MutexGuard<'static, ()>,
}

/// A line of a worker, and what our clocks read then.
#[derive(Debug)]
struct Heard {
    said: Said,
    boot: u64,
    wall: u64,
}

impl Fleet {
    /// A fleet of [`WORKERS`] processes of this program, with 50 tasks each, on a store: `redis://...` or `sqlite:PATH`.
    #[must_use]
    pub fn new(program: &str, store: &str, rates: &[&str]) -> Self {
        Self {
            program: program.into(),
            rates: rates.iter().map(|&rate| rate.to_owned()).collect(),
            seconds: 10.0,
            largest_cost: 1,
            arguments: vec!["--store".to_owned(), store.to_owned()],
            own_arguments: vec![Vec::new(); WORKERS],
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
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Arguments of one worker.
    #[must_use]
    pub fn with_of(mut self, worker: usize, arguments: &[&str]) -> Self {
        self.own_arguments[worker].extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// What calls cost, in turn.
    #[must_use]
    pub fn costs(mut self, costs: &[u32]) -> Self {
        let texts: Vec<String> = costs.iter().map(ToString::to_string).collect();
        self.largest_cost = costs.iter().copied().max().unwrap_or(1);
        self.with(&["--costs", &texts.join(",")])
    }

    /// Wall clocks that are off by these, worker by worker, as libfaketime is told them: `+1h`, `-0.150`.
    #[must_use]
    pub fn wall_clocks(mut self, libfaketime: &Path, offsets: &[&str]) -> Self {
        self.wall_clocks = Some((libfaketime.to_owned(), offsets.iter().map(|&offset| offset.to_owned()).collect()));
        self
    }

    /// Starts it. Fleets wait for each other: two at once would share the processors.
    #[must_use]
    pub fn start(self) -> Running {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = now() + COMING_UP;
        let (telling, heard) = channel();
        let workers = (0..WORKERS).map(|worker| {
            let mut child = self.command(worker, begins).spawn().unwrap();
            listen(worker, child.stdout.take().unwrap(), telling.clone());
            child
        });
        let workers = workers.collect();
        let rates: Vec<&str> = self.rates.iter().map(String::as_str).collect();
        let record = Record {
            workers: WORKERS,
            promise: Promise::of(&rates, self.largest_cost),
            begins,
            ends: begins + (self.seconds * 1_000_000.0) as u64,
            starts: Vec::new(),
            calls: Vec::new(),
            events: Vec::new(),
            clocks: Vec::new(),
        };
        Running { workers, awaited: WORKERS, heard, record, _alone: alone }
    }

    /// Starts it and hears it to its end.
    #[must_use]
    pub fn run(self) -> Record {
        self.start().end()
    }

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

impl Running {
    /// Waits until so many seconds after the begin; when that really was, in microseconds of the boot clock.
    pub fn wait_until(&self, seconds: f64) -> u64 {
        sleep_until(self.record.tick(seconds));
        now()
    }

    /// Freezes a worker.
    pub fn freeze(&self, worker: usize) {
        kill_process(self.pid(worker), Signal::STOP).unwrap();
    }

    /// Lets a worker go on.
    pub fn thaw(&self, worker: usize) {
        kill_process(self.pid(worker), Signal::CONT).unwrap();
    }

    /// Kills a worker.
    pub fn kill(&mut self, worker: usize) {
        self.awaited -= 1;
        kill_process(self.pid(worker), Signal::KILL).unwrap();
    }

    /// Hears the workers to their end.
    ///
    /// # Panics
    ///
    /// If a worker ended before its time, or could not tell of every start.
    #[must_use]
    pub fn end(mut self) -> Record {
        while let Ok((worker, heard)) = self.heard.recv() {
            self.take_in(worker, heard);
        }
        for worker in &mut self.workers {
            worker.wait().unwrap();
        }
        assert_eq!(self.awaited, 0, "every worker comes to its end");
        let mut record = std::mem::replace(&mut self.record, empty());
        record.sort();
        assert_eq!(record.events_of("Lost").count(), 0, "a worker could not tell of every start");
        record
    }

    fn pid(&self, worker: usize) -> Pid {
        Pid::from_child(&self.workers[worker])
    }

    fn take_in(&mut self, worker: usize, heard: Heard) {
        let record = &mut self.record;
        match heard.said {
            Said::Clocks { boot, wall } => {
                record.clocks.push(Clocks { worker, boot: (boot.0, heard.boot), wall: (wall, heard.wall) });
            }
            Said::Start { at, units } => record.starts.push(Start { at: at.0, worker, units }),
            Said::Call { asked, over, outcome } => {
                record.calls.push(Call { worker, asked: asked.0, over: over.0, outcome });
            }
            Said::Event { at, what } => record.events.push(Event { worker, at: at.0, what }),
            Said::Done => self.awaited -= 1,
        }
    }
}

/// Should the test end before its fleet.
impl Drop for Running {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

fn empty() -> Record {
    let promise = Promise::of(&["1/s"], 1);
    let (starts, calls, events, clocks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Record { workers: 0, promise, begins: 0, ends: 0, starts, calls, events, clocks }
}

/// A thread that hears one worker to its end.
#[expect(clippy::disallowed_methods, reason = "a test has no runtime, and what workers say must not wait")]
fn listen(worker: usize, said: ChildStdout, telling: Sender<(usize, Heard)>) {
    std::thread::spawn(move || {
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            let boot = now();
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let wall = u64::try_from(since.as_micros()).unwrap();
            // The last line of one who was killed may be cut.
            match line.parse() {
                // A test that has failed does not listen any more.
                Ok(said) => drop(telling.send((worker, Heard { said, boot, wall }))),
                Err(error) => println!("    {error}"),
            }
        }
    });
}
