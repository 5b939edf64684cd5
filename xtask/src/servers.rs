//! Finds the servers and libraries that the tests need. The tests start and stop the servers, on ports of their own.
//!
//! Each function returns a path that `lanes.rs` passes to the tests in an environment variable.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::debian::{self, Packaged};
use crate::run::{Runner, pause};
use crate::tools;
use crate::verdict::Stop;
use crate::workspace::Workspace;

/// Variable with the path of the Redis server.
pub(crate) const REDIS: &str = "STITCHAPI_REDIS_SERVER";
/// Variable with the path of nginx.
pub(crate) const NGINX: &str = "STITCHAPI_NGINX";
/// Variable with the path of libfaketime, the library that gives a process another wall clock.
pub(crate) const FAKETIME: &str = "STITCHAPI_FAKETIME";

const REDIS_PACKAGED: Packaged =
    Packaged { name: "redis-server", folder: "redis", package: "redis-server", path: "usr/bin/redis-server" };
const NGINX_PACKAGED: Packaged = Packaged { name: "nginx", folder: "nginx", package: "nginx", path: "usr/sbin/nginx" };
const FAKETIME_PACKAGED: Packaged =
    Packaged { name: "libfaketime", folder: "faketime", package: "libfaketime", path: "libfaketime.so.1" };

/// Maximum time until a server replies.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause between two attempts.
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(20);

/// Returns the path of a Redis server that replied to `PING`: the one in [`REDIS`], the one in `PATH`, or Debian's, unpacked
/// into `target/servers`.
///
/// # Errors
///
/// [`Stop::Failed`] if a server was found and does not reply, [`Stop::Skipped`] if none was found or unpacked.
pub(crate) fn redis(runner: &mut Runner) -> Result<PathBuf, Stop> {
    let (program, source) = if let Some(program) = tools::in_variable(REDIS) {
        (program, REDIS)
    } else if let Some(program) = tools::in_path("redis-server") {
        (program, "PATH")
    } else {
        let servers = Workspace::load(runner)?.target.join("servers");
        (debian::program(runner, &servers, &REDIS_PACKAGED)?, "target/servers")
    };
    let path = program.display();
    let server_error = |reason: &str| Stop::Failed(format!("the Redis server from {source}, {path}: {reason}"));
    let line = tools::version_line(runner, &program).ok_or_else(|| server_error("does not run"))?;
    check_ping(runner, &program).map_err(|error| server_error(&error.to_string()))?;
    println!("Redis server {} from {source} replies: {path}", version(&line).unwrap_or("of an unknown version"));
    Ok(program)
}

/// Returns the path of nginx: the one in [`NGINX`], the one in `PATH`, or Debian's, unpacked into `target/servers`. The
/// unpacked one lacks its system folders, so it needs `-p`, `-e` and a configuration file.
///
/// # Errors
///
/// [`Stop::Failed`] if nginx was found and does not run, [`Stop::Skipped`] if none was found or unpacked.
pub(crate) fn nginx(runner: &mut Runner) -> Result<PathBuf, Stop> {
    let program = match tools::in_variable(NGINX).or_else(|| tools::in_path("nginx")) {
        Some(program) => program,
        None => debian::program(runner, &Workspace::load(runner)?.target.join("servers"), &NGINX_PACKAGED)?,
    };
    let path = program.display();
    let line = tools::version_line(runner, &program);
    println!("{}: {path}", line.ok_or_else(|| Stop::Failed(format!("nginx, {path}: does not run")))?);
    Ok(program)
}

/// Returns the path of libfaketime: the one in [`FAKETIME`], or Debian's, unpacked into `target/servers`.
///
/// # Errors
///
/// [`Stop::Skipped`] if there is none and it cannot be unpacked.
pub(crate) fn faketime(runner: &mut Runner) -> Result<PathBuf, Stop> {
    let library = match tools::in_variable(FAKETIME) {
        Some(library) => library,
        None => debian::library(runner, &Workspace::load(runner)?.target.join("servers"), &FAKETIME_PACKAGED)?,
    };
    println!("libfaketime: {}", library.display());
    Ok(library)
}

/// Returns the version in `Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=...`.
fn version(line: &str) -> Option<&str> {
    line.split_whitespace().find_map(|word| word.strip_prefix("v="))
}

/// Starts the server on a free port, sends `PING`, and kills it.
fn check_ping(runner: &Runner, program: &Path) -> io::Result<()> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let mut command = runner.command(program);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    let mut server = command.stdout(Stdio::null()).spawn()?;
    let replied = wait_for_pong(&mut server, port);
    // Fails only if the server has ended.
    let killed = server.kill();
    server.wait()?;
    replied.and(killed)
}

/// Sends `PING` until the server replies, ends, or [`REPLY_TIMEOUT`] has passed.
fn wait_for_pong(server: &mut Child, port: u16) -> io::Result<()> {
    let attempts = REPLY_TIMEOUT.as_millis() / ATTEMPT_INTERVAL.as_millis();
    for _ in 0..attempts {
        pause(ATTEMPT_INTERVAL);
        if let Some(status) = server.try_wait()? {
            return Err(io::Error::other(format!("ended at once with {status}")));
        }
        if ping(port).is_ok_and(|is_pong| is_pong) {
            return Ok(());
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "did not reply to PING"))
}

fn ping(port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
    stream.write_all(b"PING\r\n")?;
    let mut reply = [0; 7];
    stream.read_exact(&mut reply)?;
    Ok(&reply == b"+PONG\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_line_of_the_server() {
        let line = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=de5dbdfbab1ac3ee";
        assert_eq!(version(line), Some("7.0.15"));
        assert_eq!(version("Valkey server v=8.1.1 sha=00000000:0"), Some("8.1.1"));
        assert_eq!(version("a server"), None);
    }

    #[test]
    fn only_pong_is_a_reply_to_ping() {
        for (reply, is_pong) in [("+PONG\r\n", true), ("-NOAUTH Authentication required.\r\n", false)] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let (mut stream, _) = listener.accept().unwrap();
                    stream.write_all(reply.as_bytes()).unwrap();
                    stream.read_exact(&mut [0; 6]).unwrap();
                });
                assert_eq!(ping(port).unwrap(), is_pong);
            });
        }
    }
}
