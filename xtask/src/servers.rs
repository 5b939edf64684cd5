//! Servers that the tests need. The tests start and stop them, on ports of their own; here is where the program comes
//! from.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::debian::{self, Packaged};
use crate::lane::Stop;
use crate::run::{Runner, pause};
use crate::tools;
use crate::workspace::Workspace;

/// The variable that tells the tests, and may tell us, which program is the Redis server.
pub(crate) const REDIS: &str = "STITCHAPI_REDIS_SERVER";

const REDIS_PACKAGED: Packaged =
    Packaged { name: "redis-server", folder: "redis", package: "redis-server", path: "usr/bin/redis-server" };

/// The same of nginx, and of the library that gives a process another wall clock.
pub(crate) const NGINX: &str = "STITCHAPI_NGINX";
pub(crate) const FAKETIME: &str = "STITCHAPI_FAKETIME";

const NGINX_PACKAGED: Packaged = Packaged { name: "nginx", folder: "nginx", package: "nginx", path: "usr/sbin/nginx" };
const FAKETIME_PACKAGED: Packaged =
    Packaged { name: "libfaketime", folder: "faketime", package: "libfaketime", path: "libfaketime.so.1" };

/// How long a server may take to answer, in all and per attempt.
const PATIENCE: Duration = Duration::from_secs(10);
const ATTEMPT: Duration = Duration::from_millis(20);

/// The path of a program that is a Redis server, which has answered: the one in [`REDIS`], the one in `PATH`, or
/// Debian's, unpacked into `target/servers`.
///
/// # Errors
///
/// [`Stop::Failed`] if a server is there and does not answer, [`Stop::Skipped`] if none can be had.
pub(crate) fn redis(runner: &mut Runner) -> Result<PathBuf, Stop> {
    let (program, whose) = if let Some(program) = tools::in_variable(REDIS) {
        (program, REDIS)
    } else if let Some(program) = tools::in_path("redis-server") {
        (program, "PATH")
    } else {
        let servers = Workspace::load(runner)?.target.join("servers");
        (debian::program(runner, &servers, &REDIS_PACKAGED)?, "target/servers")
    };
    let path = program.display();
    let failed = |reason: &str| Stop::Failed(format!("the Redis server of {whose}, {path}: {reason}"));
    let line = tools::version_line(runner, &program).ok_or_else(|| failed("does not run"))?;
    answers_ping(runner, &program).map_err(|error| failed(&error.to_string()))?;
    println!("Redis server {}, of {whose}, answers: {path}", version(&line).unwrap_or("of an unknown version"));
    Ok(program)
}

/// The path of a program that is nginx: the one in [`NGINX`], the one in `PATH`, or Debian's, unpacked into
/// `target/servers`. Unpacked, its folders are not there, so it runs with `-p`, `-e` and a configuration of one's own.
///
/// # Errors
///
/// [`Stop::Failed`] if it does not run, [`Stop::Skipped`] if none can be had.
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

/// The path of libfaketime: the one in [`FAKETIME`], or Debian's, unpacked into `target/servers`.
///
/// # Errors
///
/// [`Stop::Skipped`] if it cannot be had.
pub(crate) fn faketime(runner: &mut Runner) -> Result<PathBuf, Stop> {
    let library = match tools::in_variable(FAKETIME) {
        Some(library) => library,
        None => debian::library(runner, &Workspace::load(runner)?.target.join("servers"), &FAKETIME_PACKAGED)?,
    };
    println!("libfaketime: {}", library.display());
    Ok(library)
}

/// The version in `Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=...`.
fn version(line: &str) -> Option<&str> {
    line.split_whitespace().find_map(|word| word.strip_prefix("v="))
}

/// Starts the server on a free port, asks it whether it is there, and ends it.
fn answers_ping(runner: &Runner, program: &Path) -> io::Result<()> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let mut command = runner.command(program);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    let mut server = command.stdout(Stdio::null()).spawn()?;
    let answered = answer(&mut server, port);
    // It may have ended by itself.
    let killed = server.kill();
    server.wait()?;
    answered.and(killed)
}

/// Asks until there is an answer, the server ends, or [`PATIENCE`] does.
fn answer(server: &mut Child, port: u16) -> io::Result<()> {
    let attempts = PATIENCE.as_millis() / ATTEMPT.as_millis();
    for _ in 0..attempts {
        pause(ATTEMPT);
        if let Some(status) = server.try_wait()? {
            return Err(io::Error::other(format!("it ended at once with {status}")));
        }
        if ping(port).is_ok_and(|is_pong| is_pong) {
            return Ok(());
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "it did not answer PING"))
}

fn ping(port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer)?;
    Ok(&answer == b"+PONG\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_the_servers_line() {
        let line = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=de5dbdfbab1ac3ee";
        assert_eq!(version(line), Some("7.0.15"));
        assert_eq!(version("Valkey server v=8.1.1 sha=00000000:0"), Some("8.1.1"));
        assert_eq!(version("a server"), None);
    }

    #[test]
    fn a_pong_is_told_from_another_answer() {
        for (answer, is_pong) in [("+PONG\r\n", true), ("-NOAUTH Authentication required.\r\n", false)] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let (mut stream, _) = listener.accept().unwrap();
                    stream.write_all(answer.as_bytes()).unwrap();
                    stream.read_exact(&mut [0; 6]).unwrap();
                });
                assert_eq!(ping(port).unwrap(), is_pong);
            });
        }
    }
}
