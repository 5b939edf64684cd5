//! A real Redis server for one test.

use std::env;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use stitchapi_core::Tick;
use tempfile::TempDir;

/// Maximum time until a started server replies.
const MAX_START: Duration = Duration::from_secs(20);
/// Number of ports that are tried: another process may take a port between the choice and the start.
const MAX_PORTS: usize = 10;

/// A Redis or Valkey server on a private port of the loopback interface. It is killed when this is dropped.
///
/// The program is the one that the environment variable [`PROGRAM`](Self::PROGRAM) names, else `redis-server` in `PATH`.
/// The server stores nothing on disk unless the options say otherwise, and its folder is removed at the end.
///
/// ```no_run
/// use stitchapi_testing::RedisServer;
///
/// // #[test]
/// fn the_server_answers() {
///     let Some(server) = RedisServer::start(&[]) else { return };
///     assert_eq!(server.command("PING").unwrap(), "+PONG\r\n");
///     println!("connect to {}", server.url());
/// }
/// ```
#[derive(Debug)]
pub struct RedisServer {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    child: Child,
}

impl RedisServer {
    /// Name of the environment variable with the path of the server's program: `STITCHAPI_REDIS_SERVER`.
    pub const PROGRAM: &'static str = "STITCHAPI_REDIS_SERVER";

    /// Starts a server with these options, such as `&["--appendonly", "yes"]`.
    ///
    /// Returns `None` and prints a line if there is no program to start: the test is skipped.
    ///
    /// # Panics
    ///
    /// * If [`PROGRAM`](Self::PROGRAM) names no file, or there is no program while the variable `CI` is set.
    /// * If the server does not start.
    #[must_use]
    pub fn start(options: &[&str]) -> Option<Self> {
        let Some(program) = find_program() else {
            println!("skipped: no redis-server in PATH, and {} is not set", Self::PROGRAM);
            return None;
        };
        let options: Vec<_> = options.iter().map(|&option| option.to_owned()).collect();
        for _ in 0..MAX_PORTS {
            let folder = tempfile::tempdir().expect("the system has a folder for temporary files");
            let port = free_port();
            let mut child = spawn(&program, &folder, port, &options);
            if wait_for_reply(&mut child, port) {
                return Some(Self { program, folder, port, options, child });
            }
        }
        panic!("{} ends at once on {MAX_PORTS} ports: run it by hand to see why", program.display());
    }

    /// Returns the port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the address for clients: `redis://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Returns the folder in which the server stores its files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the process id, for signals and measurements.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends one command line without a client, and returns the raw reply in the Redis protocol.
    ///
    /// # Errors
    ///
    /// If the connection fails, or the server does not reply within 20 s.
    pub fn command(&self, line: &str) -> io::Result<String> {
        send_command(self.port, line)
    }

    /// Kills the server as `SIGKILL` does.
    pub fn stop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Kills the server and starts it again on the same port, with the files in its folder.
    ///
    /// # Panics
    ///
    /// If it does not start again.
    pub fn restart(&mut self) {
        self.stop();
        for _ in 0..50 {
            self.child = spawn(&self.program, &self.folder, self.port, &self.options);
            if wait_for_reply(&mut self.child, self.port) {
                return;
            }
            pause(Duration::from_millis(100));
        }
        panic!("{} does not start again on port {}", self.program.display(), self.port);
    }

    /// Suspends the server (`SIGSTOP`): connections stay open and nothing is answered.
    ///
    /// # Panics
    ///
    /// If the server has ended.
    #[cfg(unix)]
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets a suspended server continue (`SIGCONT`).
    ///
    /// # Panics
    ///
    /// If the server has ended.
    #[cfg(unix)]
    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    #[cfg(unix)]
    fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).expect("the server is running");
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns the program that the environment variable names, or the one in `PATH`.
fn find_program() -> Option<PathBuf> {
    let variable = RedisServer::PROGRAM;
    if let Some(program) = env::var_os(variable) {
        let program = PathBuf::from(program);
        assert!(program.is_file(), "{variable} names no file: {}", program.display());
        return Some(program);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join("redis-server")).find(|program| program.is_file());
    assert!(
        found.is_some() || env::var_os("CI").is_none(),
        "no redis-server in PATH, which CI requires: set {variable}"
    );
    found
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback interface has free ports");
    listener.local_addr().expect("a bound listener has an address").port()
}

fn spawn(program: &Path, folder: &TempDir, port: u16, options: &[String]) -> Child {
    Command::new(program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(folder.path())
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()))
}

/// Waits until the server replies. Returns `false` if it has ended instead.
fn wait_for_reply(child: &mut Child, port: u16) -> bool {
    let end = Tick::of_boot_clock() + MAX_START;
    while Tick::of_boot_clock() < end {
        if child.try_wait().expect("the server is a child of this process").is_some() {
            return false;
        }
        // A server that requires a password replies with an error, which is a reply.
        if send_command(port, "PING").is_ok_and(|reply| !reply.is_empty() && !reply.starts_with("-LOADING")) {
            return true;
        }
        pause(Duration::from_millis(5));
    }
    panic!("the server on port {port} did not reply within {MAX_START:?}");
}

/// Sends one inline command and returns everything up to the end of its reply.
fn send_command(port: u16, line: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(MAX_START))?;
    stream.write_all(format!("{line}\r\n").as_bytes())?;
    let mut reply = Vec::new();
    while !is_complete(&reply) {
        let mut bytes = [0; 4_096];
        match stream.read(&mut bytes)? {
            0 => break,
            read => reply.extend_from_slice(&bytes[..read]),
        }
    }
    Ok(String::from_utf8_lossy(&reply).into_owned())
}

/// Returns `true` if the bytes are a whole reply: a line, or a bulk string of the length that its first line states.
fn is_complete(reply: &[u8]) -> bool {
    let Some(end) = reply.windows(2).position(|pair| pair == b"\r\n") else { return false };
    match reply[0] {
        b'$' => {
            let length = std::str::from_utf8(&reply[1..end]).ok().and_then(|length| length.parse::<usize>().ok());
            length.is_none_or(|length| reply.len() >= end + 2 + length + 2)
        }
        _ => true,
    }
}

#[expect(clippy::disallowed_methods, reason = "waits for another process")]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulk_string_is_complete_with_its_last_byte() {
        let reply = b"$12\r\nab\r\ncd\r\nefgh\r\n";
        assert!((1..reply.len()).all(|end| !is_complete(&reply[..end])), "a part is taken for the whole");
        assert!(is_complete(reply));
    }

    #[test]
    fn a_line_and_a_missing_value_are_complete_replies() {
        for reply in [&b"+PONG\r\n"[..], b"-ERR unknown command\r\n", b":7\r\n", b"$-1\r\n"] {
            assert!(is_complete(reply));
        }
        assert!(!is_complete(b"+PON") && !is_complete(b""));
    }
}
