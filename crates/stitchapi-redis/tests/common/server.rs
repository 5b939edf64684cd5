//! A real Redis server of a test's own.

use std::env;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use stitchapi_core::Tick;
use tempfile::TempDir;

/// Names the server's binary; another one in `PATH` is used otherwise.
const BINARY: &str = "STITCHAPI_REDIS_SERVER";
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a private port of loopback. It is killed when this is dropped.
pub(crate) struct Server {
    binary: PathBuf,
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    child: Child,
}

impl Server {
    /// Starts one that keeps nothing on disk, with these options besides. `None`, and a line that says so, where there
    /// is no server to start; but in CI, or if the variable names none, that is a failure.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        let Some(binary) = binary() else {
            println!("skipped: no redis-server (set {BINARY} or put it in PATH)");
            return None;
        };
        let options = options.iter().map(|&option| option.to_owned()).collect::<Vec<_>>();
        // Another process may take the port between the two: then the server ends at once, and the next port is tried.
        for _ in 0..10 {
            let folder = tempfile::tempdir().unwrap();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut child = spawn(&binary, &folder, port, &options);
            if wait_until_it_answers(&mut child, port) {
                return Some(Self { binary, folder, port, options, child });
            }
        }
        panic!("{} does not start", binary.display());
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills the server, as by `SIGKILL`.
    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on the same port, with what it has on disk.
    pub(crate) fn restart(&mut self) {
        self.stop();
        for _ in 0..50 {
            self.child = spawn(&self.binary, &self.folder, self.port, &self.options);
            if wait_until_it_answers(&mut self.child, self.port) {
                return;
            }
            pause(Duration::from_millis(100));
        }
        panic!("the server does not start again on port {}", self.port);
    }

    /// Stops it from running, and lets it run again.
    #[cfg(unix)]
    pub(crate) fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    #[cfg(unix)]
    pub(crate) fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn binary() -> Option<PathBuf> {
    if let Some(binary) = env::var_os(BINARY) {
        let binary = PathBuf::from(binary);
        assert!(binary.is_file(), "{BINARY} names no file: {}", binary.display());
        return Some(binary);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join("redis-server")).find(|binary| binary.is_file());
    assert!(found.is_some() || env::var_os("CI").is_none(), "CI has no redis-server: set {BINARY}");
    found
}

fn spawn(binary: &PathBuf, folder: &TempDir, port: u16, options: &[String]) -> Child {
    Command::new(binary)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(folder.path())
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{} cannot be run: {error}", binary.display()))
}

/// `false` if the server has ended instead.
fn wait_until_it_answers(child: &mut Child, port: u16) -> bool {
    let end = Tick::of_boot_clock() + PATIENCE;
    while Tick::of_boot_clock() < end {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if answers(port) {
            return true;
        }
        pause(Duration::from_millis(5));
    }
    panic!("the server on port {port} does not answer");
}

/// Whether it says anything at all: a server that wants a password says that.
fn answers(port: u16) -> bool {
    use std::io::Read as _;
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut line = [0; 64];
    stream.write_all(b"PING\r\n").is_ok()
        && stream.read(&mut line).is_ok_and(|read| read > 0 && !line.starts_with(b"-LOADING"))
}

#[expect(clippy::disallowed_methods, reason = "waits for another process")]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
