//! A Redis server of a test's own.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::server::{Server, free_port};

/// Names its program.
pub const PROGRAM: &str = "STITCHAPI_REDIS_SERVER";

/// A Redis on a port of loopback that keeps nothing on disk.
#[derive(Debug)]
pub struct Redis {
    /// What can be done to it.
    pub server: Server,
    port: u16,
    /// Where it would write.
    _folder: TempDir,
}

impl Redis {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// If it does not start.
    #[must_use]
    pub fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, path) = (free_port(), folder.path().to_str().unwrap());
        let on = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir", path];
        let arguments = [&on[..], &["--save", "", "--appendonly", "no"]].concat();
        Self { server: Server::start(program, &arguments, port), port, _folder: folder }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
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
