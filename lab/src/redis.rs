//! Runs a Redis server for one test.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::server::{Server, free_port};

/// Variable with the path of the Redis server.
pub const PROGRAM: &str = "STITCHAPI_REDIS_SERVER";

/// A Redis server on a port of loopback, without persistence.
#[derive(Debug)]
pub struct Redis {
    /// The process, which a test may kill or freeze.
    pub server: Server,
    port: u16,
    /// Working folder of the server.
    _folder: TempDir,
}

impl Redis {
    /// Starts the server.
    ///
    /// # Panics
    ///
    /// If the server does not start.
    #[must_use]
    pub fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, path) = (free_port(), folder.path().to_str().unwrap());
        let address = ["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir", path];
        let arguments = [&address[..], &["--save", "", "--appendonly", "no"]].concat();
        Self { server: Server::start(program, &arguments, port), port, _folder: folder }
    }

    /// Returns the URL of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Deletes all keys.
    pub fn flush_all(&self) {
        assert_eq!(self.send("FLUSHALL").unwrap(), "+OK\r\n");
    }

    /// Returns the number of scripts run since the start of the server.
    #[must_use]
    pub fn scripts_run(&self) -> u64 {
        let stats = self.send("INFO commandstats").unwrap();
        let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
    }

    /// Sends one command and reads the reply up to the end of the connection.
    fn send(&self, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply.strip_suffix("+OK\r\n").unwrap_or(&reply).to_owned())
    }
}
