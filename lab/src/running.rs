//! Fleets at work: how they are started, mistreated, and heard to the end.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::{MILLISECOND, now, sleep_until};
use crate::judge::Start;
use crate::machine::Timer;
use crate::promise::Promise;
use crate::record::{Call, Clocks, Event, Record};
use crate::said::Said;

/// So long after the first worker is started all begin.
const COMING_UP: u64 = 1_200 * MILLISECOND;

/// A fleet at work.
#[derive(Debug)]
pub struct Running {
    workers: Workers,
    /// How many have not yet said that they are done, and were not killed.
    awaited: usize,
    heard: Receiver<(usize, Heard)>,
    record: Record,
    timer: Timer,
    _alone: MutexGuard<'static, ()>,
}

/// Processes that end with their test.
#[derive(Debug)]
struct Workers(Vec<Child>);

/// A line of a worker, and what our clocks read then.
#[derive(Debug)]
struct Heard {
    said: Said,
    boot: u64,
    wall: u64,
}

impl Running {
    /// Starts the workers that `commands` makes for when all begin. Fleets wait for each other: two at once would share the
    /// processors.
    pub(crate) fn start(promise: Promise, seconds: f64, commands: impl FnOnce(u64) -> Vec<Command>) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = now() + COMING_UP;
        let (telling, heard) = channel();
        let start = |(worker, mut command): (usize, Command)| {
            let mut child = command.spawn().unwrap();
            listen(worker, child.stdout.take().unwrap(), telling.clone());
            child
        };
        let workers = Workers(commands(begins).into_iter().enumerate().map(start).collect());
        let record = Record::new(workers.0.len(), promise, begins, seconds);
        let timer = Timer::start(record.begins, record.ends);
        Self { awaited: workers.0.len(), workers, heard, record, timer, _alone: alone }
    }

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
    pub fn end(self) -> Record {
        let Self { mut workers, mut awaited, heard, mut record, timer, .. } = self;
        while let Ok((worker, heard)) = heard.recv() {
            match heard.said {
                Said::Clocks { boot, wall } => {
                    record.clocks.push(Clocks { worker, boot: (boot.0, heard.boot), wall: (wall, heard.wall) });
                }
                Said::Start { at, units } => record.starts.push(Start { at: at.0, worker, units }),
                Said::Call { asked, over, outcome } => {
                    record.calls.push(Call { worker, asked: asked.0, over: over.0, outcome });
                }
                Said::Event { at, what } => record.events.push(Event { worker, at: at.0, what }),
                Said::Done => awaited -= 1,
            }
        }
        for worker in &mut workers.0 {
            worker.wait().unwrap();
        }
        assert_eq!(awaited, 0, "every worker comes to its end");
        record.machine = timer.end();
        record.sort();
        assert_eq!(record.events_of("Lost").count(), 0, "a worker could not tell of every start");
        record
    }

    fn pid(&self, worker: usize) -> Pid {
        Pid::from_child(&self.workers.0[worker])
    }
}

/// Should the test end before its fleet.
impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.0 {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
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
