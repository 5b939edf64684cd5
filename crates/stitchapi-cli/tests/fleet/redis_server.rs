//! A real Redis server, started for one test.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use stitchapi::Tick;
use tempfile::TempDir;

/// Environment variable with the path of the server's program. If it is not set, `redis-server` in `PATH` is used.
const PROGRAM: &str = "STITCHAPI_REDIS_SERVER";
/// Time that the server has to respond.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// Redis server on a free port of the loopback interface, killed on drop. It logs every command to disk, uncompressed.
pub(crate) struct RedisServer {
    child: Child,
    folder: TempDir,
    port: u16,
    url: String,
}

impl RedisServer {
    /// Starts a server. Returns `None` and prints a line if `redis-server` is not installed.
    ///
    /// # Panics
    ///
    /// `redis-server` is not installed and `CI` is set, or the server does not start.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program() else {
            assert!(env::var_os("CI").is_none(), "redis-server is not installed in CI: set {PROGRAM}");
            println!("skipped: no redis-server (set {PROGRAM} or put it in PATH)");
            return None;
        };
        // Another process may take the port before the server does. The server then ends at once, and another port is tried.
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
            if server.is_ready() {
                return Some(server);
            }
        }
        panic!("{} does not start", program.display());
    }

    /// Returns the URL of the server.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the folder of the server's files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes all keys to `dump.rdb`, in addition to the log of commands.
    pub(crate) fn save(&self) {
        assert_eq!(self.send("SAVE").unwrap(), "+OK\r\n");
        assert!(fs::metadata(self.folder().join("dump.rdb")).unwrap().len() > 0);
    }

    /// Waits until the server responds to `PING`. Returns `false` if it has ended.
    fn is_ready(&mut self) -> bool {
        let end = Tick::of_boot_clock() + RESPONSE_TIMEOUT;
        while Tick::of_boot_clock() < end {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if self.send("PING").is_ok_and(|reply| reply == "+PONG\r\n") {
                return true;
            }
            sleep(Duration::from_millis(5));
        }
        panic!("the server on port {} does not respond", self.port);
    }

    /// Sends an inline command and returns its reply.
    fn send(&self, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(RESPONSE_TIMEOUT))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut reply = [0; 64];
        let read = stream.read(&mut reply)?;
        Ok(String::from_utf8_lossy(&reply[..read]).into_owned())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the path of `redis-server`.
fn program() -> Option<PathBuf> {
    if let Some(program) = env::var_os(PROGRAM) {
        return Some(program.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|folder| folder.join("redis-server")).find(|program| program.is_file())
}

#[expect(clippy::disallowed_methods, reason = "waits for another process")]
fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}
