//! A fleet at work: starts the workers, disturbs them, and collects what they print into a [`Record`].

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::{MILLISECOND, now, sleep_until};
use crate::machine::Timer;
use crate::message::Message;
use crate::promise::Promise;
use crate::record::{Call, Clocks, Event, Record};
use crate::windows::Start;

/// Time from the start of the first worker to the begin of the run.
const START_UP: u64 = 1_200 * MILLISECOND;

/// A fleet at work.
#[derive(Debug)]
pub struct RunningFleet {
    workers: Workers,
    /// Number of workers that have neither printed [`Message::Done`] nor been killed.
    awaited: usize,
    lines: Receiver<(usize, Line)>,
    record: Record,
    timer: Timer,
    _only_fleet: MutexGuard<'static, ()>,
}

/// Processes that are killed with their test.
#[derive(Debug)]
struct Workers(Vec<Child>);

/// A line of a worker with the clocks of the test at its arrival.
#[derive(Debug)]
struct Line {
    message: Message,
    boot: u64,
    wall: u64,
}

impl RunningFleet {
    /// Starts the workers. `commands` receives the begin of the run. Only one fleet runs at a time, because two would share
    /// the processors.
    pub(crate) fn start(promise: Promise, seconds: f64, commands: impl FnOnce(u64) -> Vec<Command>) -> Self {
        static ONLY_FLEET: Mutex<()> = Mutex::new(());
        let only_fleet = ONLY_FLEET.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = now() + START_UP;
        let (sender, lines) = channel();
        let start = |(worker, mut command): (usize, Command)| {
            let mut child = command.spawn().unwrap();
            read_lines(worker, child.stdout.take().unwrap(), sender.clone());
            child
        };
        let workers = Workers(commands(begins).into_iter().enumerate().map(start).collect());
        let record = Record::new(workers.0.len(), promise, begins, seconds);
        let timer = Timer::start(record.begins, record.ends);
        Self { awaited: workers.0.len(), workers, lines, record, timer, _only_fleet: only_fleet }
    }

    /// Waits until this number of seconds after the begin. Returns the reading of the boot clock in microseconds.
    pub fn wait_until(&self, seconds: f64) -> u64 {
        sleep_until(self.record.tick(seconds));
        now()
    }

    /// Stops a worker without ending it.
    pub fn freeze(&self, worker: usize) {
        kill_process(self.pid(worker), Signal::STOP).unwrap();
    }

    /// Lets a frozen worker continue.
    pub fn thaw(&self, worker: usize) {
        kill_process(self.pid(worker), Signal::CONT).unwrap();
    }

    /// Kills a worker.
    pub fn kill(&mut self, worker: usize) {
        self.awaited -= 1;
        kill_process(self.pid(worker), Signal::KILL).unwrap();
    }

    /// Waits for the end of the workers and returns their record.
    ///
    /// # Panics
    ///
    /// If a worker ended early, or lost the event of a start.
    #[must_use]
    pub fn finish(self) -> Record {
        let Self { mut workers, mut awaited, lines, mut record, timer, .. } = self;
        while let Ok((worker, line)) = lines.recv() {
            match line.message {
                Message::Clocks { boot, wall } => {
                    record.clocks.push(Clocks { worker, boot: (boot.0, line.boot), wall: (wall, line.wall) });
                }
                Message::Start { at, units } => record.starts.push(Start { at: at.0, worker, units }),
                Message::Call { asked, over, outcome } => {
                    record.calls.push(Call { worker, asked: asked.0, over: over.0, outcome });
                }
                Message::Event { at, text } => record.events.push(Event { worker, at: at.0, text }),
                Message::Done => awaited -= 1,
            }
        }
        for worker in &mut workers.0 {
            worker.wait().unwrap();
        }
        assert_eq!(awaited, 0, "a worker ended before its time");
        record.machine = timer.end();
        record.sort();
        assert_eq!(record.events_of("EventsLost").count(), 0, "a worker lost events, so its starts are incomplete");
        record
    }

    fn pid(&self, worker: usize) -> Pid {
        Pid::from_child(&self.workers.0[worker])
    }
}

/// Kills the workers if the test ends before them.
impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.0 {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

/// Starts a thread that reads the lines of one worker and sends them on.
#[expect(clippy::disallowed_methods, reason = "a test has no runtime, and the lines must be read as they are printed")]
fn read_lines(worker: usize, stdout: ChildStdout, sender: Sender<(usize, Line)>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let boot = now();
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let wall = u64::try_from(since.as_micros()).unwrap();
            // The last line of a killed worker may be incomplete.
            match line.parse() {
                // A test that has failed has dropped the receiver.
                Ok(message) => drop(sender.send((worker, Line { message, boot, wall }))),
                Err(error) => println!("    {error}"),
            }
        }
    });
}
