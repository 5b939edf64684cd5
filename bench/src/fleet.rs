//! Runs a fleet of worker processes that share one limiter.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use measure::server::{Server, ServerLoad};

/// Environment variable with the folder of the Node workers and their installed packages.
const NODE: &str = "STITCHAPI_NODE_PEERS";

/// Worker program of a limiter.
#[derive(Debug, Clone, Copy)]
pub enum Worker {
    /// The program `peers`, with this name as its first argument.
    Rust(&'static str),
    /// The script `worker.mjs`, run by Node, with this name as its first argument.
    Node(&'static str),
}

/// Size, budget and duration of a fleet.
#[derive(Debug, Clone, Copy)]
pub struct Fleet {
    pub processes: usize,
    /// Concurrent tasks in each process.
    pub tasks: usize,
    /// Permits per second, for the whole fleet.
    pub budget: u32,
    pub seconds: f64,
}

/// Result of a fleet.
#[derive(Debug)]
pub struct FleetResult {
    /// Permits of all processes.
    pub permits: f64,
    /// Duration of the run: the mean over the processes.
    pub seconds: f64,
    /// Processor time of all workers, in microseconds.
    pub processor: f64,
    /// Load of the server.
    pub server: ServerLoad,
    /// Time of each permit in nanoseconds, by process. Empty for a large budget.
    pub stamps: Vec<Vec<u64>>,
}

impl FleetResult {
    /// Returns the permits per second.
    pub fn per_second(&self) -> f64 {
        self.permits / self.seconds
    }

    /// Returns the share of the budget that was used after the first second.
    pub fn utilisation(&self, budget: u32) -> f64 {
        let all = || self.stamps.iter().flatten().copied();
        let (Some(first), Some(last)) = (all().min(), all().max()) else { return f64::NAN };
        let from = first + 1_000_000_000;
        let used = all().filter(|stamp| *stamp > from).count();
        used as f64 / (last.saturating_sub(from) as f64 / 1e9) / f64::from(budget)
    }

    /// Returns the fewest permits of a process divided by the most permits of a process.
    pub fn fairness(&self) -> f64 {
        let counts = || self.stamps.iter().map(Vec::len);
        counts().min().unwrap_or(0) as f64 / counts().max().unwrap_or(0).max(1) as f64
    }
}

/// Runs a fleet on a server, which the workers reach at `url`.
pub fn run(worker: Worker, server: &mut Server, url: &str, fleet: Fleet) -> Result<FleetResult, Box<dyn Error>> {
    server.flush()?;
    let mut members = Vec::new();
    for _ in 0..fleet.processes {
        members.push(Member::start(worker, url, fleet)?);
    }
    for member in &mut members {
        member.await_ready()?;
    }
    let before = server.reset()?;
    for member in &mut members {
        member.go(fleet.seconds)?;
    }
    let mut result = FleetResult { permits: 0.0, seconds: 0.0, processor: 0.0, server: before, stamps: Vec::new() };
    for member in members {
        member.add_result(&mut result)?;
    }
    result.seconds /= fleet.processes as f64;
    result.server = server.since(before)?;
    Ok(result)
}

/// One worker process, killed on drop.
struct Member {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Member {
    /// Starts the worker.
    fn start(worker: Worker, url: &str, fleet: Fleet) -> Result<Self, Box<dyn Error>> {
        let (mut command, name) = match worker {
            Worker::Rust(name) => (Command::new(program("peers")?), name),
            Worker::Node(name) => {
                let folder = std::env::var_os(NODE)
                    .ok_or("the Node workers are not installed: STITCHAPI_NODE_PEERS is not set")?;
                let mut command = Command::new("node");
                command.arg(PathBuf::from(folder).join("worker.mjs"));
                (command, name)
            }
        };
        let mut child = command
            .args([name, url, "fleet", &fleet.budget.to_string(), &fleet.tasks.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = BufReader::new(child.stdout.take().ok_or("the worker has no standard output")?);
        Ok(Self { child, stdout })
    }

    /// Waits for the line `ready`.
    fn await_ready(&mut self) -> Result<(), Box<dyn Error>> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        if line.trim() == "ready" {
            Ok(())
        } else {
            Err(format!("expected the line ready from a worker, got {line:?}").into())
        }
    }

    /// Sends the number of seconds, which starts the run.
    fn go(&mut self, seconds: f64) -> Result<(), Box<dyn Error>> {
        let input = self.child.stdin.as_mut().ok_or("the worker has no standard input")?;
        Ok(writeln!(input, "{seconds}")?)
    }

    /// Reads the worker's result and adds it to that of the fleet.
    fn add_result(mut self, result: &mut FleetResult) -> Result<(), Box<dyn Error>> {
        let mut text = String::new();
        self.stdout.read_to_string(&mut text)?;
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("a worker ended with {status}").into());
        }
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value.map(str::trim).ok_or_else(|| format!("a worker printed no line {name}"))
        };
        result.permits += field("permits")?.parse::<f64>()?;
        result.seconds += field("seconds")?.parse::<f64>()?;
        result.processor += field("processor")?.parse::<f64>()?;
        result.stamps.push(field("at")?.split_whitespace().map(str::parse).collect::<Result<_, _>>()?);
        Ok(())
    }
}

/// Ends the worker if the run fails.
impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the path of another program of this package, which cargo builds beside this one.
pub fn program(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if path.is_file() {
        Ok(path)
    } else {
        Err(format!("the program {name} is not built: build the whole package").into())
    }
}
