//! Several processes that share one limiter.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use measure::server::{Server, Work};

/// The variable that names the folder of the workers for Node, with what they need.
const NODE: &str = "STITCHAPI_NODE_PEERS";

/// Which worker there is for a limiter.
#[derive(Debug, Clone, Copy)]
pub enum Worker {
    /// `peers NAME`.
    Rust(&'static str),
    /// `node worker.mjs NAME`.
    Node(&'static str),
}

/// How many take permits, for how long, of what budget.
#[derive(Debug, Clone, Copy)]
pub struct Fleet {
    pub processes: usize,
    pub tasks: usize,
    pub budget: u32,
    pub seconds: f64,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// Permits of all processes.
    pub permits: f64,
    /// How long it took.
    pub seconds: f64,
    /// Microseconds of processor in the workers.
    pub processor: f64,
    /// What the server did.
    pub server: Work,
    /// When each permit was given, in nanoseconds, by process; empty for a large budget.
    pub stamps: Vec<Vec<u64>>,
}

impl Outcome {
    pub fn per_second(&self) -> f64 {
        self.permits / self.seconds
    }

    /// The share of the budget that was used after the first second.
    pub fn utilisation(&self, budget: u32) -> f64 {
        let all = || self.stamps.iter().flatten().copied();
        let (Some(first), Some(last)) = (all().min(), all().max()) else { return f64::NAN };
        let from = first + 1_000_000_000;
        let used = all().filter(|stamp| *stamp > from).count();
        used as f64 / (last.saturating_sub(from) as f64 / 1e9) / f64::from(budget)
    }

    /// The least permits of a process over the most.
    pub fn fairness(&self) -> f64 {
        let counts = || self.stamps.iter().map(Vec::len);
        counts().min().unwrap_or(0) as f64 / counts().max().unwrap_or(0).max(1) as f64
    }
}

/// Runs a fleet on a server that it reaches at `url`.
pub fn run(worker: Worker, server: &mut Server, url: &str, fleet: Fleet) -> Result<Outcome, Box<dyn Error>> {
    server.forget()?;
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
    let mut outcome = Outcome { permits: 0.0, seconds: 0.0, processor: 0.0, server: before, stamps: Vec::new() };
    for member in members {
        member.told(&mut outcome)?;
    }
    outcome.seconds /= fleet.processes as f64;
    outcome.server = server.since(before)?;
    Ok(outcome)
}

/// One process.
struct Member {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Member {
    fn start(worker: Worker, url: &str, fleet: Fleet) -> Result<Self, Box<dyn Error>> {
        let (mut command, name) = match worker {
            Worker::Rust(name) => (Command::new(sibling("peers")?), name),
            Worker::Node(name) => {
                let folder = std::env::var_os(NODE).ok_or("the workers for Node are not installed")?;
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
        let out = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self { child, out })
    }

    fn await_ready(&mut self) -> Result<(), Box<dyn Error>> {
        let mut line = String::new();
        self.out.read_line(&mut line)?;
        if line.trim() == "ready" { Ok(()) } else { Err(format!("instead of ready it said {line:?}").into()) }
    }

    fn go(&mut self, seconds: f64) -> Result<(), Box<dyn Error>> {
        let input = self.child.stdin.as_mut().ok_or("no input")?;
        Ok(writeln!(input, "{seconds}")?)
    }

    fn told(mut self, outcome: &mut Outcome) -> Result<(), Box<dyn Error>> {
        let mut text = String::new();
        self.out.read_to_string(&mut text)?;
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("a worker ended with {status}").into());
        }
        let field = |name: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(name));
            found.map(str::trim).ok_or_else(|| format!("a worker did not tell its {name}"))
        };
        outcome.permits += field("permits")?.parse::<f64>()?;
        outcome.seconds += field("seconds")?.parse::<f64>()?;
        outcome.processor += field("processor")?.parse::<f64>()?;
        outcome.stamps.push(field("at")?.split_whitespace().map(str::parse).collect::<Result<_, _>>()?);
        Ok(())
    }
}

/// Should something go wrong, nobody is left behind.
impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of this package, which is built beside this one.
pub fn sibling(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if path.is_file() { Ok(path) } else { Err(format!("{name} is not built: build the whole package").into()) }
}
