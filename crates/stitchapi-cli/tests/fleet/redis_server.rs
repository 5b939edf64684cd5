//! A real Redis server of a test's own.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use stitchapi::Tick;
use tempfile::TempDir;

/// Names the server's program; one in `PATH` is used otherwise.
const PROGRAM: &str = "STITCHAPI_REDIS_SERVER";
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a private port of loopback, which keeps all it is told on disk, as it is. It is killed when this is dropped.
pub(crate) struct RedisServer {
    child: Child,
    folder: TempDir,
    port: u16,
    url: String,
}

impl RedisServer {
    /// `None`, and a line that says so, where there is no server to start; but in CI that is a failure.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program() else {
            assert!(env::var_os("CI").is_none(), "CI has no redis-server: set {PROGRAM}");
            println!("skipped: no redis-server (set {PROGRAM} or put it in PATH)");
            return None;
        };
        // Another process may take the port between the two: then the server ends at once, and the next port is tried.
        for _ in 0..10 {
            let folder = tempfile::tempdir().unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let child = Command::new(&program)
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
                .args(["--save", "", "--appendonly", "yes", "--rdbcompression", "no"])
                .arg("--dir")
                .arg(folder.path())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let mut server = Self { child, folder, port, url: format!("redis://127.0.0.1:{port}") };
            if server.answers() {
                return Some(server);
            }
        }
        panic!("{} does not start", program.display());
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where it keeps what it is told.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes down all that it holds, beside the log of all that it was told.
    pub(crate) fn save(&self) {
        assert_eq!(self.ask("SAVE").unwrap(), "+OK\r\n");
        assert!(fs::metadata(self.folder().join("dump.rdb")).unwrap().len() > 0);
    }

    /// `false` if it has ended instead.
    fn answers(&mut self) -> bool {
        let end = Tick::of_boot_clock() + PATIENCE;
        while Tick::of_boot_clock() < end {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if self.ask("PING").is_ok_and(|answer| answer == "+PONG\r\n") {
                return true;
            }
            pause(Duration::from_millis(5));
        }
        panic!("the server on port {} does not answer", self.port);
    }

    fn ask(&self, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = [0; 64];
        let read = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> Option<PathBuf> {
    if let Some(program) = env::var_os(PROGRAM) {
        return Some(program.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join("redis-server")).find(|program| program.is_file())
}

#[expect(clippy::disallowed_methods, reason = "waits for another process")]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
