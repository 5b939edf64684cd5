//! A Redis server that can be mistreated.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::lab::{comes_true, free_port, tool};

/// Names the server's program.
pub const PROGRAM: &str = "STITCHAPI_REDIS_SERVER";

/// A server on a port of loopback that keeps nothing on disk. It is killed when this is dropped.
#[derive(Debug)]
pub struct RedisServer {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    child: Child,
}

impl RedisServer {
    /// `None`, and a line that says so, where there is no server to start.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let program = tool(PROGRAM)?;
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = run(&program, &folder, port);
        let server = Self { program, folder, port, child };
        server.wait_for_it();
        Some(server)
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it: it forgets everything.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again after [`kill`](Self::kill), on the same port.
    pub fn start_again(&mut self) {
        self.child = run(&self.program, &self.folder, self.port);
        self.wait_for_it();
    }

    /// Freezes it: connections stay, nothing is answered.
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    /// Forgets everything.
    pub fn flush_all(&self) {
        assert_eq!(self.ask("FLUSHALL").unwrap(), "+OK\r\n");
    }

    /// How many scripts it has run since it started.
    #[must_use]
    pub fn scripts_run(&self) -> u64 {
        let stats = self.ask("INFO commandstats").unwrap();
        let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
    }

    fn wait_for_it(&self) {
        let answers = comes_true(|| self.ask("PING").is_ok_and(|answer| answer == "+PONG\r\n"));
        assert!(answers, "{} does not answer on port {}", self.program.display(), self.port);
    }

    /// One command; the answer ends with the connection.
    fn ask(&self, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.strip_suffix("+OK\r\n").unwrap_or(&answer).to_owned())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(program: &PathBuf, folder: &TempDir, port: u16) -> Child {
    let mut command = Command::new(program);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"]);
    command.arg(folder.path()).stdout(Stdio::null()).spawn().unwrap()
}
